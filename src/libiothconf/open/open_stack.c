/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See open_stack.h. A stack may get addresses by DHCP or from routers; what it got wants renewal, so its keepers are started in
 * a thread of their own (ioth_config_start), for as long as the stack is there. A string that names no kind of stack, or one
 * whose network is not there, is the mistake that people make; what an error number means to them is said beside it.
 */
#include "libiothconf/open/open_stack.h"

#include "io/rc_stack.h"
#include "vde/vdeport.h"

#include <errno.h>
#include <ioth.h>
#include <iothconf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define KIND_SIZE 80

/* The kind of stack that the string names: the system's, if it names none. Returns name. */
static const char *kind_of(const char *text, char name[static KIND_SIZE])
{
    const char *kind = rc_stack_value(text, "stack=");

    if (!kind)
        kind = "kernel";
    kind += strspn(kind, " \t'\"{"); /* a value may be quoted, with options of the stack */
    snprintf(name, KIND_SIZE, "%.*s", (int)strcspn(kind, ", \t'\"}"), kind);
    return name;
}

/* Of a virtual network, as vde:// is one. Empty: its name says none. Returns kind. */
static const char *network_kind(const char *vnl, char kind[static KIND_SIZE])
{
    vnl += strspn(vnl, " \t'\"{");
    int len = (int)strspn(vnl, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    snprintf(kind, KIND_SIZE, "%.*s", strncmp(vnl + len, "://", 3) == 0 ? len : 0, vnl);
    return kind;
}

/* libvdeplug looks elsewhere if its environment says so; then nobody can tell. */
static bool has_module(const char *kind)
{
    static const char *const folders[] = {VDE_MODULES, "/lib/vdeplug", "/usr/lib/vdeplug"};
    char file[PATH_MAX];
    bool looked = false;

    if (getenv("VDEPLUGIN_PATH") || getenv("LD_LIBRARY_PATH"))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        snprintf(file, sizeof(file), "%s/libvdeplug_%s.so", folders[i], kind);
        if (access(file, F_OK) == 0)
            return true;
        looked = looked || access(folders[i], R_OK | X_OK) == 0;
    }
    return !looked;
}

static int find_network(const char *vnl, char *why, size_t why_size)
{
    char kind[KIND_SIZE];

    if (!network_kind(vnl, kind)[0] || has_module(kind))
        return 0;
    snprintf(why, why_size,
             "there is no kind '%s' of virtual networks, expected one such as vde:///tmp/hub; no module "
             "libvdeplug_%s.so lies in " VDE_MODULES,
             kind, kind);
    return -ENOENT;
}

static int find_networks(const char *text, char *why, size_t why_size)
{
    int e = 0;

    for (const char *vnl = text; e == 0 && (vnl = rc_stack_value(vnl, "vnl="));)
        e = find_network(vnl, why, why_size);
    return e;
}

int open_stack_find(const char *text, char *why, size_t why_size)
{
    char name[KIND_SIZE];
    int e = find_networks(text, why, why_size);

    if (e < 0)
        return e;
    if (ioth_checkstack(kind_of(text, name)) == 0 ||
        errno == EACCES) /* who has given up privileges sees no more */
        return 0;
    if (errno == ENOMEM)
        return -ENOMEM;
    snprintf(why, why_size,
             "there is no stack '%s', expected one such as vdestack%s or kernel; no plug-in "
             "ioth_%s.so lies where ioth_newstack(3) says",
             name, ioth_checkstack("lwip") == 0 ? ", lwip" : "", name);
    return -ENOENT;
}

int open_stack_check(const char *which, const char *text, char *why, size_t why_size)
{
    char wrong[256];
    size_t offset = 0;

    if (!text)
        return 0;
    if (ioth_config_check(text, &offset, wrong, sizeof(wrong)) == 0) {
        int e = open_stack_find(text, wrong, sizeof(wrong));
        if (e == -ENOENT)
            snprintf(why, why_size, "%s: %s", which, wrong);
        return e;
    }
    if (errno == ENOMEM)
        return -ENOMEM;
    if (wrong[0] == '"') /* it says which element */
        snprintf(why, why_size, "%s: %s", which, wrong);
    else
        snprintf(why, why_size, "%s: at '%.40s': %s", which, text + offset, wrong);
    return -EINVAL;
}

int open_stack_check_vnl(const char *which, const char *vnl, char *why, size_t why_size)
{
    char name[KIND_SIZE];

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(vnl, ","), vnl);
    if (ioth_checkstack(name) < 0) {
        char wrong[256];
        int e = find_network(vnl, wrong, sizeof(wrong));

        if (e < 0)
            snprintf(why, why_size, "%s: %s", which, wrong);
        return e;
    }
    snprintf(
        why, why_size,
        "%s: '%s' is a stack and no virtual network, expected stack=%s, or a network such as vde:///tmp/hub",
        which, name, name);
    return -EINVAL;
}

/* What access(2) says of the path that vnl= leads to, as vde:///tmp/hub[3] does, with `behind` it: 0 or -errno; 0 where there is
 * none. */
static int look_at_network(const char *conf, const char *behind, int mode)
{
    const char *vnl = rc_stack_value(conf, "vnl=");
    const char *path = vnl ? vnl + strcspn(vnl, "/,") : "";
    char text[PATH_MAX];

    path += strncmp(path, "//", 2) == 0 ? 2 : 0;
    snprintf(text, sizeof(text), "%.*s%s", (int)strcspn(path, ",["), path, behind);
    return text[0] == '/' && access(text, mode) < 0 ? -errno : 0;
}

static const char *hint_of(int error, const char *conf)
{
    switch (error) {
    case -ENOENT:
        return look_at_network(conf, "", F_OK) == -ENOENT
                   ? ": its virtual network is not there: does the hub or switch run, and is this its path?"
                   : ": a virtual network, or the folder statedir=, is not there";
    case -ECONNREFUSED:
        return ": nobody serves its virtual network: does the hub or switch run?";
    case -EPERM:
    case -EACCES:
        return look_at_network(conf, "/ctl", W_OK) == -EACCES
                   ? ": its virtual network " VDEPORT_CLOSED
                   : ": this user may not make such a stack; ioth_newstack(3) says what it needs";
    case -ELIBACC:
        return ": its plug-in, or a library that it needs (lwip: liblwip.so.0, of Debian's liblwip0), is "
               "missing or cannot be read";
    case -ENOTDIR:
        return ": a virtual network, or statedir=, is no folder, expected the one that its hub or switch "
               "makes";
    case -EPROTONOSUPPORT:
        return ": " VDEPORT_UNKNOWN;
    case -ETIMEDOUT:
        return ": a virtual network gives " VDEPORT_UNANSWERED;
    default:
        return "";
    }
}

/* Other plug-ins may know no networks. */
static bool wants_network(const char *conf)
{
    char name[KIND_SIZE];

    kind_of(conf, name);
    return strcmp(name, "vdestack") == 0 || strcmp(name, "lwip") == 0;
}

/* Its network, DHCP and routers may let us wait: whoever started us knows for what. */
static void say_begin(const char *which, const char *conf, const struct log *log)
{
    if (wants_network(conf) && !open_stack_is_virtual(conf))
        log_event(log, LOG_LEVEL_WARNING, "this stack is on no network, expected vnl= in its string",
                  LOG_TEXT("what", which), LOG_TEXT("string", conf));
    else
        log_event(log, LOG_LEVEL_INFO, "making a stack", LOG_TEXT("what", which), LOG_TEXT("string", conf));
}

int open_stack(const char *which, const char *text, const struct log *log, struct ioth **ret, char *why,
               size_t why_size)
{
    const char *conf = text ? text : "stack=kernel";
    char missing[256];
    int e = open_stack_find(conf, missing, sizeof(missing));

    if (e < 0) {
        snprintf(why, why_size, "cannot make the %s '%.200s': %s", which, conf,
                 e == -ENOENT ? missing : strerror(-e));
        return e;
    }
    if (log && text)
        say_begin(which, conf, log);
    errno = 0;
    struct ioth *stack = ioth_newstackc(conf);
    if (stack && (ioth_config_clients(stack) <= 0 || ioth_config_start(stack) == 0)) {
        *ret = stack;
        return 0;
    }
    e = errno ? -errno : -EINVAL;
    if (stack)
        ioth_delstack(stack);
    snprintf(why, why_size, "cannot make the %s '%.200s': %s%s", which, conf, strerror(-e), hint_of(e, conf));
    return e;
}

int open_stacks_find(struct open_stacks *s, const char *which, const char *text, const struct log *log,
                     struct ioth **ret, char *why, size_t why_size)
{
    for (unsigned i = 0; i < s->n; i++)
        if (strcmp(s->at[i].text ? s->at[i].text : "", text ? text : "") == 0) {
            *ret = s->at[i].stack;
            return 0;
        }
    if (s->n == OPEN_STACKS_MAX) {
        snprintf(why, why_size, "too many stacks, expected at most %d", OPEN_STACKS_MAX);
        return -ENOSPC;
    }
    struct ioth *stack = NULL;
    int e = open_stack(which, text, log, &stack, why, why_size);
    if (e < 0)
        return e;
    s->at[s->n].text = text;
    s->at[s->n++].stack = stack;
    *ret = stack;
    return 0;
}

void open_stacks_close(struct open_stacks *s)
{
    while (s->n > 0)
        ioth_delstack(s->at[--s->n].stack);
}

bool open_stack_is_virtual(const char *text)
{
    return rc_stack_value(text, "vnl=");
}

bool open_stack_is(const char *text, const char *kind)
{
    char name[KIND_SIZE];

    return strcasecmp(kind_of(text, name), kind) == 0;
}

bool open_stack_is_system(const char *text)
{
    return open_stack_is(text, "kernel");
}

int open_stack_bring_up(struct ioth *stack, const char *text, const char *iface, char *why, size_t why_size)
{
    int ifindex = open_stack_is_virtual(text) ? ioth_if_nametoindex(stack, iface) : 0;

    if (ifindex <= 0 || ioth_linksetupdown(stack, (unsigned)ifindex, 1) == 0)
        return 0;
    int e = -errno;
    snprintf(why, why_size, "cannot bring interface %.40s up: %s", iface, strerror(-e));
    return e;
}
