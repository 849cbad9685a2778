/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See service.h. A start goes in this order: stacks, one for each different string of the configuration; their interfaces,
 * each with its router, opened; the control socket; then the host's `bound`, which gives up privileges; then the threads of
 * the routers and that of the attendant, which serves the control socket and gives the signs of life.
 *
 * A reload opens nothing: the routers get their new settings, and withdraw by themselves what is gone.
 */
#include "libiothradvd/daemon/state.h"

#include "vde/vdeport.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE (20 * NSEC_PER_SEC) /* a router's turn takes 5 s at most, most of it waiting */

/* --- what routers say --- */

static void say_difference(const struct radvd_iface *f, const struct ra_event *ra)
{
    char from[IPADDR_STRLEN], addr[IPADDR_STRLEN], prefix[IPADDR_STRLEN + 8];
    prefix[0] = '-';
    prefix[1] = '\0';
    if (ra->bits)
        snprintf(prefix, sizeof(prefix), "%s/%u", ipaddr_format(&ra->prefix, addr), ra->bits);
    log_event(&f->service->log, LOG_LEVEL_WARNING, "another router says something else",
              LOG_TEXT("iface", f->config->name), LOG_TEXT("router", ipaddr_format(&ra->from, from)),
              LOG_TEXT("what", ra_difference_name(ra->what)), LOG_NUMBER("theirs", ra->theirs),
              LOG_NUMBER("ours", ra->ours), LOG_TEXT("prefix", prefix));
}

static void say_event(void *arg, const struct router_event *event)
{
    const struct radvd_iface *f = arg;
    const struct log *log = &f->service->log;
    const char *name = f->config->name;
    char addr[IPADDR_STRLEN];
    ipaddr_format(&event->place->addr, addr);
    switch (event->kind) {
    case ROUTER_BEGINS:
        log_event(log, LOG_LEVEL_INFO, "advertising", LOG_TEXT("iface", name), LOG_TEXT("from", addr));
        break;
    case ROUTER_WAITS:
        log_event(log, LOG_LEVEL_WARNING, "not advertising yet: this interface is waited for",
                  LOG_TEXT("iface", name), LOG_TEXT("reason", event->lacks));
        break;
    case ROUTER_RESTS:
        log_event(log, LOG_LEVEL_WARNING, "no longer advertising: the network or the address has gone",
                  LOG_TEXT("iface", name), LOG_TEXT("reason", event->lacks));
        break;
    case ROUTER_DUPLICATE:
        log_event(log, LOG_LEVEL_ERROR, "not advertising: somebody else has this address",
                  LOG_TEXT("iface", name), LOG_TEXT("address", addr));
        break;
    case ROUTER_SEND_FAILED:
        log_event(log, LOG_LEVEL_WARNING, "an advertisement is lost", LOG_TEXT("iface", name),
                  LOG_TEXT("reason", strerror(-event->error)));
        break;
    case ROUTER_NO_MEMORY:
        log_event(log, LOG_LEVEL_ERROR, "out of memory", LOG_TEXT("iface", name));
        break;
    case ROUTER_HEARS:
        if (event->ra->kind == RA_DIFFERENT)
            say_difference(f, event->ra);
        else
            log_event(log, LOG_LEVEL_INFO, "another router is here", LOG_TEXT("iface", name),
                      LOG_TEXT("router", ipaddr_format(&event->ra->from, addr)));
        break;
    }
}

/* --- configurations --- */

int radvd_load(const struct daemon_options *options, struct daemon_config **ret, char *why, size_t why_size)
{
    struct ra_draft *draft = NULL;
    struct ra_config *config = NULL;
    snprintf(why, why_size, "out of memory");
    if (ra_draft_new(&draft) < 0)
        return -ENOMEM;
    const struct rc_reader reader = ra_draft_reader(draft);
    int e = daemon_options_load(options, &reader, why, why_size);
    if (e == 0 && (e = ra_draft_finish(draft, &config)) == -EINVAL)
        snprintf(why, why_size, "%s", ra_draft_error(draft));
    ra_draft_free(draft);
    if (e == 0)
        *ret = &config->process;
    return e;
}

void radvd_free(struct daemon_config *config)
{
    ra_config_free((struct ra_config *)config);
}

int radvd_check(const struct daemon_config *process, char *why, size_t why_size)
{
    const struct ra_config *config = (const struct ra_config *)process;
    char which[128];
    int e = 0;
    for (unsigned i = 0; i < config->n_interfaces && e == 0; i++) {
        const struct ra_interface *it = &config->interfaces[i];
        snprintf(which, sizeof(which), "stack of interface %s", it->name);
        e = it->is_port ? open_stack_check_vnl(which, it->stack, why, why_size)
                        : open_stack_check(which, it->stack, why, why_size);
        e = e == 0 || e == -ENOMEM ? e : rc_say_place(it->stack_at, e, why, why_size);
    }
    return e;
}

/* --- stacks and interfaces --- */

static int set_mac(struct ioth *stack, unsigned ifindex, const uint8_t mac[static 6])
{
    uint8_t has[6], wanted[6];
    memcpy(wanted, mac, sizeof(wanted));
    if (ioth_linkgetaddr(stack, ifindex, has) == 0 && memcmp(has, wanted, sizeof(has)) == 0)
        return 0;
    return ioth_linksetaddr(stack, ifindex, wanted) < 0 ? -errno : 0;
}

static int open_on_stack(struct radvd_service *s, struct radvd_iface *f, char *why, size_t why_size)
{
    const struct ra_interface *it = f->config;
    const struct router_hooks hooks = {.event = say_event, .arg = f};
    struct ioth *stack = NULL;
    int e = open_stacks_find(&s->stacks, "stack", it->stack, &s->log, &stack, why, why_size);
    if (e < 0)
        return e;
    errno = 0;
    int ifindex = ioth_if_nametoindex(stack, it->name);
    if (ifindex <= 0) {
        snprintf(why, why_size, "there is no interface %s on %s: --iface says which", it->name,
                 it->stack ? "its stack" : "the system's stack");
        return errno ? -errno : -ENODEV;
    }
    if (it->has_mac && (e = set_mac(stack, (unsigned)ifindex, it->mac)) < 0) {
        snprintf(why, why_size, "cannot give interface %s its MAC address: %s", it->name, strerror(-e));
        return e;
    }
    if ((e = open_stack_bring_up(stack, it->stack, it->name, why, why_size)) < 0)
        return e;
    e = router_open_stack(stack, (unsigned)ifindex, &it->settings, &hooks, &f->router);
    if (e < 0)
        snprintf(why, why_size, "cannot advertise on interface %s: %s%s", it->name, strerror(-e),
                 e == -EPERM || e == -EACCES ? ": CAP_NET_RAW is needed" : "");
    return e;
}

static int open_iface(struct radvd_service *s, struct radvd_iface *f, char *why, size_t why_size)
{
    const struct ra_interface *it = f->config;
    const struct router_hooks hooks = {.event = say_event, .arg = f};
    if (!it->is_port)
        return open_on_stack(s, f, why, why_size);
    int e = router_open_port(it->stack, it->has_mac ? it->mac : NULL, &it->settings, &hooks, &f->router);
    if (e < 0)
        snprintf(why, why_size, "cannot connect to the network %.200s: %s", it->stack, vdeport_strerror(e));
    return e;
}

static int open_ifaces(struct radvd_service *s, char *why, size_t why_size)
{
    int e = 0;
    s->ifaces = calloc(s->started->n_interfaces, sizeof(*s->ifaces));
    if (!s->ifaces)
        return -ENOMEM;
    for (unsigned i = 0; i < s->started->n_interfaces && e == 0; i++) {
        struct radvd_iface *f = &s->ifaces[s->n_ifaces++];
        f->service = s;
        f->config = &s->started->interfaces[i];
        e = open_iface(s, f, why, why_size);
    }
    return e;
}

/* --- the attendant --- */

static bool all_run(void *arg, nsec_t now)
{
    const struct radvd_service *s = arg;
    for (unsigned i = 0; i < s->n_ifaces; i++) {
        struct router_status status;
        router_status(s->ifaces[i].router, &status);
        if (status.now && now - status.now > PATIENCE)
            return false;
    }
    return true;
}

static bool all_are_served(void *arg, nsec_t now)
{
    const struct radvd_service *s = arg;
    bool all = true;
    (void)now;
    for (unsigned i = 0; i < s->n_ifaces; i++) {
        struct router_status status;
        router_status(s->ifaces[i].router, &status);
        all &= !status.lacks;
    }
    return all;
}

static int check_config(void *arg, struct text *out, char *why, size_t why_size)
{
    const struct radvd_service *s = arg;
    return attendant_check_config(&s->host, radvd_check, radvd_free, out, why, why_size);
}

static int open_attendant(struct radvd_service *s, char *why, size_t why_size)
{
    const struct attendant_settings settings = {
        .host = &s->host,
        .config = &s->started->process,
        .log = &s->log,
        .who = "router",
        .is_well = all_run,
        .well = "all routers answer again",
        .ill = "a router does not answer any more",
        .is_served = all_are_served,
        .unserved = "an interface is not served: status says which",
        .prefix = "iothradvd",
        .page = radvd_page,
        .status = radvd_status,
        .counters = radvd_counters,
        .check = check_config,
        .reload = radvd_reload,
        .commands = radvd_commands,
        .arg = s,
    };
    return attendant_open(&settings, &s->attendant, why, why_size);
}

/* --- life --- */

static int begin(struct radvd_service *s, char *why, size_t why_size)
{
    int e = radvd_check(&s->started->process, why, why_size);
    if (e == 0)
        e = open_ifaces(s, why, why_size);
    if (e == 0)
        e = open_attendant(s, why, why_size);
    if (e == 0 && s->host.bound)
        e = s->host.bound(s->host.arg, &s->started->process, why, why_size);
    for (unsigned i = 0; i < s->n_ifaces && e == 0; i++)
        e = router_run(s->ifaces[i].router);
    return e == 0 ? attendant_run(s->attendant) : e;
}

int radvd_start(struct daemon_config *config, const struct daemon_host *host, void **ret, char *why,
                size_t why_size)
{
    struct radvd_service *s = calloc(1, sizeof(*s));
    snprintf(why, why_size, "cannot start");
    if (!s) {
        radvd_free(config);
        return -ENOMEM;
    }
    s->host = *host;
    s->started = (struct ra_config *)config;
    log_control_init(&s->log_control, daemon_loglevel(config));
    s->log = host->log;
    s->log.control = &s->log_control;
    pthread_mutex_init(&s->reload_lock, NULL);
    int e = begin(s, why, why_size);
    if (e < 0)
        radvd_stop(s);
    else
        *ret = s;
    return e;
}

/* --- reload --- */

static const struct ra_interface *find_interface(const struct ra_config *c, const struct ra_interface *like)
{
    for (unsigned i = 0; i < c->n_interfaces; i++)
        if (strcmp(c->interfaces[i].name, like->name) == 0 &&
            !daemon_texts_differ(c->interfaces[i].stack, like->stack))
            return &c->interfaces[i];
    return NULL;
}

static bool has_name(const struct ra_config *c, const char *name)
{
    for (unsigned i = 0; i < c->n_interfaces; i++)
        if (strcmp(c->interfaces[i].name, name) == 0)
            return true;
    return false;
}

static void say_restart(const struct radvd_service *s, const char *what, const char *name)
{
    log_event(&s->log, LOG_LEVEL_WARNING, "this change waits for a restart", LOG_TEXT("what", what),
              LOG_TEXT("iface", name));
}

static void say_unchanged(const struct radvd_service *s, const struct ra_config *c)
{
    for (unsigned i = 0; i < c->n_interfaces; i++)
        if (!find_interface(s->started, &c->interfaces[i]))
            say_restart(s, has_name(s->started, c->interfaces[i].name) ? "another stack" : "a new interface",
                        c->interfaces[i].name);
    for (unsigned i = 0; i < s->n_ifaces; i++) {
        const struct ra_interface *was = s->ifaces[i].config, *is = find_interface(c, was);
        if (!is && !has_name(c, was->name))
            say_restart(s, "an interface less", was->name);
        else if (!is)
            continue; /* its stack is another one, which has been said */
        else if (is->has_mac != was->has_mac || memcmp(is->mac, was->mac, sizeof(is->mac)) != 0)
            say_restart(s, "another MAC address", was->name);
    }
    daemon_say_restarts(&s->log, &s->started->process, &c->process);
}

static int update_all(struct radvd_service *s, const struct ra_config *c)
{
    int e = 0;
    for (unsigned i = 0; i < s->n_ifaces && e == 0; i++) {
        const struct ra_interface *is = find_interface(c, s->ifaces[i].config);
        if (is)
            e = router_update(s->ifaces[i].router, &is->settings);
    }
    return e;
}

int radvd_reload(void *service, char *why, size_t why_size)
{
    struct radvd_service *s = service;
    struct daemon_config *config = NULL;
    snprintf(why, why_size, "cannot load the configuration");
    pthread_mutex_lock(&s->reload_lock);
    int e = s->host.load(s->host.arg, &config, why, why_size);
    if (e == 0)
        e = radvd_check(config, why, why_size);
    if (e == 0)
        e = update_all(s, (const struct ra_config *)config);
    s->reloads++;
    s->failed_reloads += e < 0;
    if (e == 0) {
        daemon_log_warnings(&s->log, config);
        say_unchanged(s, (const struct ra_config *)config);
        atomic_store(&s->log_control.level, daemon_loglevel(config));
    }
    daemon_say_reload(&s->log, e, why);
    radvd_free(config);
    pthread_mutex_unlock(&s->reload_lock);
    return e;
}

void radvd_stop(void *service)
{
    struct radvd_service *s = service;
    if (!s)
        return;
    attendant_close(s->attendant);
    for (unsigned i = 0; i < s->n_ifaces; i++)
        router_close(s->ifaces[i].router);
    open_stacks_close(&s->stacks);
    log_flush(&s->log, true);
    log_control_fini(&s->log_control);
    pthread_mutex_destroy(&s->reload_lock);
    free(s->ifaces);
    ra_config_free(s->started);
    free(s);
}
