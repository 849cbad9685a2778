/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See namedhcp.h. A start goes in this order: the stacks, the interfaces and their sockets (namedhcp_links.c); the store; the
 * DUID; the resolver; the cores, with what the store remembers; the control socket and the page of the attendant; then the
 * host's `bound`, which gives up privileges; then the thread that serves, and that of the attendant.
 *
 * A DUID has to outlive restarts (RFC 9915 s11). Without a file it is the one that is made of the MAC address (DUID-LL, s11.4),
 * which does so as long as the interface keeps it; with a file it is a random one (DUID-UUID, s11.5).
 */
#include "base/clock.h"
#include "libiothconf/open/open_stack.h"
#include "libnamedhcp/namedhcp_state.h"

#include "io/lmdb_check.h"
#include "io/own_file.h"
#include "io/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <iothconf.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DUID_LL = 3, DUID_UUID = 4, UUID_LEN = 16 };

struct duid {
    size_t len;
    uint8_t bytes[DHCP6_DUID_MAX];
};

/* --- configurations --- */

int namedhcp_load(const struct daemon_options *options, struct daemon_config **ret, char *why,
                  size_t why_size)
{
    struct namedhcp_draft *draft = NULL;
    struct namedhcp_config *config = NULL;

    snprintf(why, why_size, "out of memory");
    if (namedhcp_draft_new(strcmp(options->program, "namedhcp4") == 0, &draft) < 0)
        return -ENOMEM;
    const struct rc_reader reader = namedhcp_draft_reader(draft);
    int e = daemon_options_load(options, &reader, why, why_size);
    if (e == 0 && (e = namedhcp_draft_finish(draft, &config)) == -EINVAL)
        snprintf(why, why_size, "%s", namedhcp_draft_error(draft));
    namedhcp_draft_free(draft);
    if (e == 0)
        *ret = &config->process;
    return e;
}

void namedhcp_free(struct daemon_config *config)
{
    namedhcp_config_free((struct namedhcp_config *)config);
}

void namedhcp_keeps(const struct daemon_config *config, struct daemon_keeps *ret)
{
    const struct namedhcp_config *c = (const struct namedhcp_config *)config;

    for (unsigned i = 0; i < c->n_ifaces; i++)
        if (!c->ifaces[i].is_port && open_stack_is_system(c->ifaces[i].stack))
            ret->capabilities = CAPABILITY(CAP_NET_RAW);
}

static int check_stack(const struct namedhcp_iface *iface, char *why, size_t why_size)
{
    char which[64];

    snprintf(which, sizeof(which), "stack of interface %.40s", iface->name);
    int e = iface->is_port ? open_stack_check_vnl(which, iface->stack, why, why_size)
                           : open_stack_check(which, iface->stack, why, why_size);
    return e == 0 || e == -ENOMEM ? e : rc_say_place(iface->stack_at, e, why, why_size);
}

int namedhcp_check(const struct daemon_config *config, char *why, size_t why_size)
{
    const struct namedhcp_config *c = (const struct namedhcp_config *)config;
    struct name_policy *names = NULL;
    int e = 0;

    for (unsigned i = 0; i < c->n_ifaces && e == 0; i++)
        e = check_stack(&c->ifaces[i], why, why_size);
    if (e < 0)
        return e;
    e = open_stack_check("dnsstack", c->dnsstack, why, why_size);
    if (e < 0)
        return e == -ENOMEM ? e : rc_say_place(c->at.dnsstack, e, why, why_size);
    e = namedhcp_names_of(c, &names);
    name_policy_free(names);
    if (e != -EINVAL)
        return e;
    snprintf(why, why_size, "'%.100s' makes no names, expected a name with %%duid%% or %%mac%% in it",
             c->made ? c->made : "");
    return rc_say_place(c->at.made, e, why, why_size);
}

/* --- files --- */

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
    if (!S_ISREG(is.st_mode))
        return S_ISDIR(is.st_mode) ? -EISDIR : -EBADMSG;
    int e = is.st_size > 0 ? lmdb_read(fd, take_record, NULL, &transaction) : 0;
    return e == -EAGAIN ? 0 : e;
}

static int look_at_leases(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return errno == ENOENT ? own_file_check_folder(path, W_OK | X_OK) : -errno;
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

int namedhcp_check_start(const struct daemon_config *config, char *why, size_t why_size)
{
    const struct namedhcp_config *c = (const struct namedhcp_config *)config;
    struct iothdns *dns = NULL;
    gid_t group;
    int e = namedhcp_check(config, why, why_size);

    if (e < 0)
        return e;
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

/* --- life --- */

static int begin(struct namedhcp *n, struct namedhcp_config *c, char *why, size_t why_size)
{
    char names[NAMEDHCP_NAMES_TEXT];
    int e = namedhcp_check(&c->process, why, why_size);

    n->serve6 = c->serve6;
    n->serve4 = c->serve4;
    n->out.bytes = malloc(NAMEDHCP_OUT_BYTES);
    n->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (e == 0 && (!n->out.bytes || n->wake < 0))
        e = -ENOMEM;
    if (e == 0)
        e = namedhcp_open_links(n, c, why, why_size);
    if (e == 0)
        e = open_store(n, c, why, why_size);
    if (e == 0)
        e = open_duid(n, c, why, why_size);
    if (e == 0)
        e = open_dns(c, n->dnsstack, &n->dns, why, why_size);
    if (e == 0)
        e = namedhcp_take(n, c, why, why_size);
    if (e == 0)
        e = namedhcp_attend(n, why, why_size);
    if (e == 0 && n->host.bound)
        e = n->host.bound(n->host.arg, &c->process, why, why_size);
    if (e == 0) {
        log_event(&n->log, LOG_LEVEL_INFO, "serving", LOG_TEXT("iface", namedhcp_iface_names(c, names)),
                  LOG_TEXT("dhcpv6", n->serve6 ? "yes" : "no"), LOG_TEXT("dhcpv4", n->serve4 ? "yes" : "no"),
                  LOG_NUMBER("leases", n->serve4 ? lease_count(n->engine->leases) : 0));
        e = -pthread_create(&n->thread, NULL, namedhcp_run, n);
        n->runs = e == 0;
    }
    return e == 0 ? attendant_run(n->attendant) : e;
}

int namedhcp_start(struct daemon_config *config, const struct daemon_host *host, void **ret, char *why,
                   size_t why_size)
{
    struct namedhcp *n = calloc(1, sizeof(*n));

    snprintf(why, why_size, "cannot start");
    if (!n) {
        namedhcp_free(config);
        return -ENOMEM;
    }
    n->host = *host;
    n->started = (struct namedhcp_config *)config;
    n->wake = -1;
    n->follow_at = NSEC_NEVER;
    log_control_init(&n->log_control, daemon_loglevel(config));
    n->log = host->log;
    n->log.control = &n->log_control;
    pthread_mutex_init(&n->lock, NULL);
    pthread_mutex_init(&n->reload_lock, NULL);
    pthread_cond_init(&n->taken, NULL);
    STAILQ_INIT(&n->calls);
    n->turned_at = monotonic_now();
    namedhcp_clock_open(n);
    n->store_works = true;
    int e = begin(n, n->started, why, why_size);
    if (e < 0) {
        namedhcp_stop(n);
        return e;
    }
    *ret = n;
    return 0;
}

static void wake(const struct namedhcp *n)
{
    const uint64_t one = 1;

    (void)!write(n->wake, &one, sizeof(one)); /* a full counter wakes as well */
}

static void say_restart(const struct namedhcp *n, const struct namedhcp_config *is)
{
    const struct namedhcp_config *was = n->started;
    const struct log *log = &n->log;

    daemon_say_restarts(log, &was->process, &is->process);
    daemon_say_restart(log, "dnsstack", daemon_texts_differ(is->dnsstack, was->dnsstack));
    daemon_say_restart(log, "stack, iface, macaddr, ip", !namedhcp_same_ifaces(is, was));
    daemon_say_restart(log, "echo", (is->echo_ms > 0) != (was->echo_ms > 0));
    daemon_say_restart(log, "nameserver",
                       daemon_texts_differ(is->nameservers, was->nameservers) ||
                           daemon_texts_differ(is->resolvconf, was->resolvconf));
    daemon_say_restart(log, "dhcpv6", is->serve6 != was->serve6);
    daemon_say_restart(log, "dhcpv4", is->serve4 != was->serve4);
    daemon_say_restart(log, "leases",
                       daemon_texts_differ(is->leases, was->leases) ||
                           daemon_texts_differ(is->leases_group, was->leases_group));
    daemon_say_restart(log, "duid", daemon_texts_differ(is->duid, was->duid));
}

/* Hands the configuration to the thread and waits until it has taken it, or not. */
static int hand_over(struct namedhcp *n, struct namedhcp_config *config, char *why, size_t why_size)
{
    pthread_mutex_lock(&n->lock);
    n->result = -ECANCELED; /* as it is if the thread has ended */
    n->wanted = n->has_ended ? NULL : config;
    wake(n);
    while (n->wanted)
        pthread_cond_wait(&n->taken, &n->lock);
    int e = n->result;
    if (e < 0)
        snprintf(why, why_size, "%s", n->why);
    pthread_mutex_unlock(&n->lock);
    return e;
}

static int reload(struct namedhcp *n, char *why, size_t why_size)
{
    struct daemon_config *config = NULL;

    snprintf(why, why_size, "cannot load the configuration");
    int e = n->host.load(n->host.arg, &config, why, why_size);
    if (e == 0)
        e = namedhcp_check(config, why, why_size);
    if (e == 0) {
        enum log_level level = daemon_loglevel(config);
        daemon_log_warnings(&n->log, config);
        say_restart(n, (struct namedhcp_config *)config);
        e = hand_over(n, (struct namedhcp_config *)config, why, why_size);
        if (e == 0)
            atomic_store(&n->log_control.level, level);
    }
    if (e < 0)
        namedhcp_free(config);
    daemon_say_reload(&n->log, e, why);
    return e;
}

int namedhcp_reload(void *service, char *why, size_t why_size)
{
    struct namedhcp *n = service;

    pthread_mutex_lock(&n->reload_lock);
    int e = reload(n, why, why_size);
    n->reloads++;
    n->failed_reloads += e < 0;
    pthread_mutex_unlock(&n->reload_lock);
    return e;
}

void namedhcp_stats(struct namedhcp *n, struct namedhcp_stats *ret)
{
    pthread_mutex_lock(&n->lock);
    *ret = n->stats;
    pthread_mutex_unlock(&n->lock);
}

void namedhcp_stop(void *service)
{
    struct namedhcp *n = service;

    if (!n)
        return;
    if (n->runs) {
        pthread_mutex_lock(&n->lock);
        n->stop = true;
        pthread_mutex_unlock(&n->lock);
        wake(n);
        pthread_join(n->thread, NULL);
    }
    attendant_close(n->attendant); /* which drops its calls */
    namedhcp_free_calls(n);
    asker_close(n->asker6);
    asker_close(n->asker4);
    if (n->engine && n->engine->config == n->started)
        n->engine->config = NULL;
    namedhcp_engine_free(n->engine);
    namedhcp_config_free(n->started);
    iothdns_fini(n->dns);
    store_close(n->store);
    if (n->wake >= 0)
        close(n->wake);
    namedhcp_close_links(n);
    log_flush(&n->log, true);
    log_control_fini(&n->log_control);
    pthread_cond_destroy(&n->taken);
    pthread_mutex_destroy(&n->lock);
    pthread_mutex_destroy(&n->reload_lock);
    free(n->pools);
    free(n->out.bytes);
    free(n);
}
