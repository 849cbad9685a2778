/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See privilege.h. The order is libcap-ng's (capng_change_id): groups, bounding set, user, capabilities; each
 * needs what the next one takes away. The C library changes the identity of all threads at once; as it does the
 * kernel clears the capabilities of each, since none of its user ids is 0 any more. Where the identity stays, the other
 * threads are made to drop theirs (privilege_threads.h).
 */
#include "io/privilege.h"
#include "io/privilege_threads.h"
#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A number of an identity; -1, "leave it as it is" to the system calls, is none. */
static bool number(const char *text, unsigned *ret)
{
    char *end;
    errno = 0;
    unsigned long n = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || n >= UINT32_MAX)
        return false;
    *ret = (unsigned)n;
    return true;
}

int group_of(const char *text, gid_t *ret)
{
    const struct group *group = getgrnam(text);
    if (group) {
        *ret = group->gr_gid;
        return 0;
    }
    return number(text, ret) ? 0 : -ENOENT;
}

static int user_of(const char *text, struct identity *ret)
{
    unsigned n;
    const struct passwd *user = getpwnam(text);
    if (!user && number(text, &n))
        user = getpwuid(n);
    if (!user)
        return -ENOENT;
    ret->uid = user->pw_uid;
    ret->gid = user->pw_gid;
    snprintf(ret->name, sizeof(ret->name), "%s", user->pw_name);
    return 0;
}

int identity_of(const char *text, struct identity *ret, char *why, size_t why_size)
{
    struct identity who = {.change = true};
    char user[128];
    const char *colon = strchr(text, ':');
    snprintf(user, sizeof(user), "%.*s", (int)(colon ? (size_t)(colon - text) : strlen(text)), text);
    if (user_of(user, &who) < 0) {
        snprintf(why, why_size, "there is no user '%s'", user);
        return -ENOENT;
    }
    if (colon && group_of(colon + 1, &who.gid) < 0) {
        snprintf(why, why_size, "there is no group '%s' for the user", colon + 1);
        return -ENOENT;
    }
    *ret = who;
    return 0;
}

static int become(const struct identity *who)
{
    capng_flags_t flags = CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING | CAPNG_CLEAR_AMBIENT;
    errno = 0;
    if (capng_change_id((int)who->uid, (int)who->gid, flags) == 0)
        return 0;
    return errno ? -errno : -EPERM;
}

/* Without CAP_SETPCAP the bounding set stays, which matters to a process alone that can gain anything by an exec;
 * no_new_privs sees to that. */
static int stay(bool may_bound)
{
    capng_apply(CAPNG_SELECT_AMBIENT);
    if (may_bound)
        capng_apply(CAPNG_SELECT_BOUNDS);
    return capng_apply(CAPNG_SELECT_CAPS) == 0 ? 0 : errno ? -errno : -EPERM;
}

static bool has_just(uint64_t kept)
{
    if (capng_get_caps_process() != 0)
        return false;
    for (unsigned c = 0; c <= CAP_LAST_CAP; c++)
        for (unsigned type = CAPNG_EFFECTIVE; type <= CAPNG_PERMITTED; type <<= 1)
            if (!!capng_have_capability((capng_type_t)type, c) != !!(kept & CAPABILITY(c)))
                return false;
    return true;
}

static bool is_done(const struct identity *who, uint64_t kept)
{
    uid_t real, effective, saved;
    gid_t group, egroup, sgroup;
    if (getresuid(&real, &effective, &saved) < 0 || getresgid(&group, &egroup, &sgroup) < 0)
        return false;
    if (who->change && (real != who->uid || effective != who->uid || saved != who->uid))
        return false;
    if (who->change && (group != who->gid || egroup != who->gid || sgroup != who->gid))
        return false;
    if (who->change && who->uid != 0 && setuid(0) == 0)
        return false;
    return has_just(kept);
}

/* Of `keep` those that we have: asked for before they are cleared. */
static uint64_t given(uint64_t keep)
{
    uint64_t kept = 0;
    for (unsigned c = 0; c <= CAP_LAST_CAP; c++)
        if (keep & CAPABILITY(c) && capng_have_capability(CAPNG_PERMITTED, c))
            kept |= CAPABILITY(c);
    return kept;
}

static void choose(uint64_t kept)
{
    capng_clear(CAPNG_SELECT_ALL);
    for (unsigned c = 0; c <= CAP_LAST_CAP; c++)
        if (kept & CAPABILITY(c))
            capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, c);
}

int privilege_drop(const struct identity *who, char *why, size_t why_size)
{
    return privilege_keep(who, 0, why, why_size);
}

int privilege_keep(const struct identity *who, uint64_t keep, char *why, size_t why_size)
{
    capng_get_caps_process(); /* what `stay` and `given` ask for: before it is cleared */
    bool may_change = getuid() == 0 || geteuid() == 0;
    uint64_t kept = given(keep);
    bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
    choose(kept);
    int e = who->change && may_change ? become(who) : stay(may_bound);
    if (e == 0 && !(who->change && may_change && who->uid != 0)) /* else the kernel has done it */
        e = privilege_drop_in_threads(kept);
    if (e < 0 || !is_done(who, kept)) {
        e = e < 0 ? e : -EPERM;
        if (who->change)
            snprintf(why, why_size, "cannot become the user '%s': %s", who->name, strerror(-e));
        else
            snprintf(why, why_size, "cannot drop the capabilities: %s", strerror(-e));
    }
    return e;
}
