/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See namedhcp.h. A start goes in this order: the stacks, the interfaces and their sockets (namedhcp_links.c); the files
 * (namedhcp_files.c); the cores, with what the store remembers; the control socket and the page of the attendant; then the
 * host's `bound`, which gives up privileges; then the thread that serves, and that of the attendant.
 */
#include "base/clock.h"
#include "libiothconf/open/open_stack.h"
#include "libnamedhcp/namedhcp_state.h"

#include "io/privilege.h"

#include <errno.h>
#include <iothconf.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

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

int namedhcp_check_start(const struct daemon_config *config, char *why, size_t why_size)
{
    int e = namedhcp_check(config, why, why_size);

    return e == 0 ? namedhcp_check_files((const struct namedhcp_config *)config, why, why_size) : e;
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
        e = namedhcp_open_files(n, c, why, why_size);
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
