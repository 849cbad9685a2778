/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The files of a namedhcp: leases, DUID and what says which DNS is asked. A start opens them, and makes what is not there; a check
 * looks at them.
 *
 * A DUID has to outlive restarts (RFC 9915 s11). Without a file it is the one that is made of the MAC address (DUID-LL, s11.4),
 * which does so as long as the interface keeps it; with a file it is a random one (DUID-UUID, s11.5).
 */
#include "libnamedhcp/namedhcp_state.h"

#include "io/lmdb_check.h"
#include "io/own_file.h"
#include "io/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DUID_LL = 3, DUID_UUID = 4, UUID_LEN = 16 };

struct duid {
    size_t len;
    uint8_t bytes[DHCP6_DUID_MAX];
};

/* --- leases --- */

static int cannot_share(const struct namedhcp_config *c, int e, char *why, size_t why_size)
{
    snprintf(why, why_size, "cannot let the group %.60s read the lease file %.200s: %s", c->leases_group,
             c->leases, e == -ENOENT ? "there is no such group" : strerror(-e));
    return rc_say_place(c->at.leases_group, e, why, why_size);
}

static bool is_shared(const struct namedhcp_config *c)
{
    return c->leases && c->leases_group;
}

static int share_store(struct namedhcp *n, const struct namedhcp_config *c, char *why, size_t why_size)
{
    gid_t group;
    int e = group_of(c->leases_group, &group);

    if (e == 0)
        e = store_share(n->store, group);
    return e < 0 ? cannot_share(c, e, why, why_size) : 0;
}

static int cannot_use_leases(const struct namedhcp_config *c, int e, char *why, size_t why_size)
{
    snprintf(why, why_size, "cannot use the lease file %.200s: %s", c->leases ? c->leases : "in memory",
             e == -EBUSY             ? "another server uses it"
             : e == -EBADMSG         ? "it is damaged, or no lease file"
             : e == -EPROTONOSUPPORT ? "it is of another version of this server"
             : e == -EEXIST          ? "the file of its name with -lock at the end is no lock file"
                                     : own_file_reason(e));
    return rc_say_place(c->at.leases, e, why, why_size);
}

static int open_store(struct namedhcp *n, const struct namedhcp_config *c, char *why, size_t why_size)
{
    int e = store_open(c->leases, &n->store);

    if (e < 0)
        return cannot_use_leases(c, e, why, why_size);
    return is_shared(c) ? share_store(n, c, why, why_size) : 0;
}

/* --- DUID --- */

static int parse_duid(int fd, struct duid *ret)
{
    char text[2 * DHCP6_DUID_MAX + 2];
    ssize_t len = read(fd, text, sizeof(text));
    size_t digits = 0;

    if (len < 0)
        return -errno;
    while (digits < (size_t)len && strchr("0123456789abcdefABCDEF", text[digits]) && text[digits])
        digits++;
    if (digits % 2 || digits / 2 < DHCP6_DUID_MIN || digits / 2 > DHCP6_DUID_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < digits / 2; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        ret->bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    ret->len = digits / 2;
    return 0;
}

/* 0; -ENOENT: there is no such file; -EBADMSG: no DUID is in it; -errno. */
static int read_duid(const char *path, struct duid *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return -errno;
    int e = parse_duid(fd, ret);
    close(fd);
    return e;
}

static int cannot_use_duid(const struct namedhcp_config *c, int e, char *why, size_t why_size)
{
    snprintf(why, why_size, "cannot use the file of the DUID %.200s: %s", c->duid,
             e == -EBADMSG ? "there is none in it, expected hexadecimal digits" : own_file_reason(e));
    return rc_say_place(c->at.duid, e, why, why_size);
}

static int write_duid(const struct namedhcp *n, int fd)
{
    for (size_t i = 0; i < n->duid_len; i++) {
        if (dprintf(fd, "%02x", n->duid[i]) < 0)
            return -errno;
    }
    return write(fd, "\n", 1) < 0 || fsync(fd) < 0 ? -errno : 0;
}

static void choose_duid(struct namedhcp *n)
{
    uint8_t *bytes = n->duid;

    bytes[0] = 0;
    bytes[1] = DUID_UUID;
    while (getrandom(bytes + 2, UUID_LEN, 0) != UUID_LEN)
        continue;
    bytes[8] = (uint8_t)((bytes[8] & 0x0f) | 0x40); /* RFC 9562 s5.4: version and variant */
    bytes[10] = (uint8_t)((bytes[10] & 0x3f) | 0x80);
    n->duid_len = 2 + UUID_LEN;
}

/* A new one, written beside, where nothing may be but what an attempt that was cut short has left, and moved into place. */
static int make_duid(struct namedhcp *n, const char *path)
{
    char other[512];

    choose_duid(n);
    if ((size_t)snprintf(other, sizeof(other), "%s.new", path) >= sizeof(other))
        return -ENAMETOOLONG;
    unlink(other);
    int fd = open(other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int e = write_duid(n, fd);
    if (e == 0 && rename(other, path) < 0)
        e = -errno;
    if (e < 0)
        unlink(other);
    close(fd);
    return e;
}

/* As the owner of its folder, as what is written is. */
static int read_or_make_duid(struct namedhcp *n, const char *path)
{
    struct duid duid;

    own_file_as_owner(path);
    int e = read_duid(path, &duid);
    if (e == 0) {
        memcpy(n->duid, duid.bytes, duid.len);
        n->duid_len = duid.len;
    } else if (e == -ENOENT) {
        e = make_duid(n, path);
    }
    own_file_as_before();
    return e;
}

static int open_duid(struct namedhcp *n, const struct namedhcp_config *c, char *why, size_t why_size)
{
    if (!c->duid) {
        const uint8_t head[] = {0, DUID_LL, 0, 1};
        memcpy(n->duid, head, sizeof(head));
        memcpy(n->duid + sizeof(head), n->links[0]->mac, sizeof(n->links[0]->mac));
        n->duid_len = sizeof(head) + sizeof(n->links[0]->mac);
        return 0;
    }
    int e = read_or_make_duid(n, c->duid);
    return e < 0 ? cannot_use_duid(c, e, why, why_size) : 0;
}

/* --- all of them --- */

static int open_dns(const struct namedhcp_config *c, struct ioth *stack, struct iothdns **ret, char *why,
                    size_t why_size)
{
    errno = 0;
    *ret = c->nameservers ? iothdns_init_strcfg(stack, c->nameservers) : iothdns_init(stack, c->resolvconf);
    if (*ret)
        return 0;
    int e = errno ? -errno : -ENOMEM;
    snprintf(why, why_size, "cannot ask the DNS as %.200s says: %s",
             c->nameservers  ? c->nameservers
             : c->resolvconf ? c->resolvconf
                             : "/etc/resolv.conf",
             strerror(-e));
    return rc_say_place(c->nameservers ? NULL : c->at.resolvconf, e, why, why_size);
}

int namedhcp_open_files(struct namedhcp *n, const struct namedhcp_config *c, char *why, size_t why_size)
{
    int e = open_store(n, c, why, why_size);

    if (e == 0)
        e = open_duid(n, c, why, why_size);
    if (e == 0)
        e = open_dns(c, n->dnsstack, &n->dns, why, why_size);
    return e;
}

/* --- the files, looked at before a start: nothing is made, and nothing is locked --- */

static bool take_record(void *arg, const uint8_t *key, size_t key_len, const uint8_t *value, size_t value_len)
{
    (void)arg, (void)key, (void)key_len, (void)value, (void)value_len;
    return true;
}

/* A server may be writing to it. */
static int look_into_leases(int fd)
{
    struct stat is;
    uint64_t transaction;

    if (fstat(fd, &is) < 0)
        return -errno;
    int e = is.st_size > 0 ? lmdb_read(fd, take_record, NULL, &transaction) : 0;
    return e == -EAGAIN ? 0 : e;
}

static int look_at_leases(const char *path)
{
    int fd = own_file_look(path);

    if (fd < 0)
        return fd == -ENOENT ? own_file_check_folder(path, W_OK | X_OK) : fd;
    int e = look_into_leases(fd);
    close(fd);
    return e;
}

static int look_at_duid(const char *path)
{
    struct duid ignored;
    int e = read_duid(path, &ignored);

    return e == -ENOENT ? own_file_check_folder(path, W_OK | X_OK) : e;
}

int namedhcp_check_files(const struct namedhcp_config *c, char *why, size_t why_size)
{
    struct iothdns *dns = NULL;
    gid_t group;
    int e;

    if (is_shared(c) && (e = group_of(c->leases_group, &group)) < 0)
        return cannot_share(c, e, why, why_size);
    if (c->leases && (e = look_at_leases(c->leases)) < 0)
        return cannot_use_leases(c, e, why, why_size);
    if (c->duid && (e = look_at_duid(c->duid)) < 0)
        return cannot_use_duid(c, e, why, why_size);
    e = open_dns(c, NULL, &dns, why, why_size);
    iothdns_fini(dns);
    return e;
}
