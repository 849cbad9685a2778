/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See proxy.h. A start goes in this order: a look at base and secret, since stacks take their time; the stacks; base and secret;
 * the interface with netlink and neighbour sockets; the ports; the control socket; the first addresses; then the host's `bound`,
 * which gives up privileges; then the thread that serves and that of the attendant.
 *
 * One thread owns all of it and runs the loop. Others leave what they want under the lock and wake it: an end, or new settings,
 * made by the thread that asks for them, whose fate it waits for. Counters are written by the loop's thread and read by any.
 */
#include "base/clock.h"
#include "io/privilege.h"
#include "libiothconf/open/open_stack.h"
#include "libotip/proxy_state.h"

#include <errno.h>
#include <fcntl.h>
#include <iothconf.h>
#include <linux/capability.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

/* The loop goes round at least this often. */
#define PULSE    NSEC_PER_SEC
#define PATIENCE (20 * NSEC_PER_SEC) /* then the loop hangs */

/* ---- configurations ---- */

int otip_proxy_load(const struct daemon_options *options, struct daemon_config **ret, char *why,
                    size_t why_size)
{
    struct proxy_draft *draft = NULL;
    struct proxy_config *config;

    snprintf(why, why_size, "out of memory");
    if (proxy_draft_new(&draft) < 0)
        return -ENOMEM;
    const struct rc_reader reader = proxy_draft_reader(draft);
    int e = daemon_options_load(options, &reader, why, why_size);
    if (e == 0)
        e = proxy_draft_finish(draft, &config, why, why_size);
    proxy_draft_free(draft);
    if (e == 0)
        *ret = &config->process;
    return e;
}

void otip_proxy_free(struct daemon_config *config)
{
    proxy_config_free((struct proxy_config *)config);
}

void otip_proxy_keeps(const struct daemon_config *config, struct daemon_keeps *ret)
{
    ret->sandbox = (struct sandbox_extras){.calls = "splice", .netlink = true};
    if (open_stack_is_system(((const struct proxy_config *)config)->extstack))
        ret->capabilities = CAPABILITY(CAP_NET_ADMIN) | CAPABILITY(CAP_NET_BIND_SERVICE);
    else
        ret->user = "none";
}

void otip_proxy_check_files(const struct daemon *d, const struct daemon_config *config)
{
    const struct proxy_config *c = (const struct proxy_config *)config;

    if (c->passwdfile)
        daemon_check_readable(d, c->passwdfile);
    if (c->key)
        daemon_check_readable(d, c->key);
}

/* ---- stacks ---- */

static int open_stacks(struct otip_proxy *p, const struct proxy_config *config, char *why, size_t why_size)
{
    int e = open_stack("external stack", config->extstack, &p->log, &p->extstack, why, why_size);

    if (e == 0)
        e = open_stack_bring_up(p->extstack, config->extstack, config->iface, why, why_size);
    if (e < 0)
        return rc_say_place(config->at.extstack, e, why, why_size);
    e = open_stack("internal stack", config->intstack, &p->log, &p->intstack, why, why_size);
    return e < 0 ? rc_say_place(config->at.intstack, e, why, why_size) : 0;
}

/* Without clients nothing is left on them but what is being closed. */
static void close_stacks(struct otip_proxy *p)
{
    if (p->intstack)
        ioth_delstack(p->intstack);
    if (p->extstack)
        ioth_delstack(p->extstack);
}

/* ---- the thread ---- */

static void adopt(struct otip_proxy *p)
{
    struct settings old = p->settings;
    char why[PROXY_WHY_MAX] = "";
    int e = proxy_services_open(p, p->next.config, why, sizeof(why));

    if (e < 0) { /* back to what was; those sockets are there */
        char ignored[PROXY_WHY_MAX];
        if (proxy_services_open(p, old.config, ignored, sizeof(ignored)) < 0)
            log_event(&p->log, LOG_LEVEL_ERROR, "the old services are not complete",
                      LOG_TEXT("reason", ignored));
        old = p->next;
    } else {
        p->settings = p->next;
        proxy_account_set(p->account, p->settings.config->flows_max, p->settings.config->source_max);
        proxy_epochs_change(p, &old);
        proxy_base_change(p);
    }
    p->next = (struct settings){0};
    if (old.config == p->started)
        old.config = NULL; /* it is kept */
    proxy_settings_free(&old);
    pthread_mutex_lock(&p->lock);
    p->has_next = false;
    p->adoption = e;
    snprintf(p->why, sizeof(p->why), "%s", why);
    pthread_cond_broadcast(&p->adopted);
    pthread_mutex_unlock(&p->lock);
}

static void on_wake(struct watch *w, uint32_t events)
{
    struct otip_proxy *p = (struct otip_proxy *)((char *)w - offsetof(struct otip_proxy, wake));
    uint64_t n;

    (void)events;
    if (read(p->wake_fd, &n, sizeof(n)) < 0)
        return;
    pthread_mutex_lock(&p->lock);
    bool has_next = p->has_next;
    pthread_mutex_unlock(&p->lock);
    if (has_next)
        adopt(p);
}

static void wake(struct otip_proxy *p)
{
    uint64_t one = 1;

    if (write(p->wake_fd, &one, sizeof(one)) < 0)
        return; /* it is awake already */
}

static bool is_stopping(struct otip_proxy *p)
{
    pthread_mutex_lock(&p->lock);
    bool stopping = p->stopping;
    pthread_mutex_unlock(&p->lock);
    return stopping;
}

static void *run(void *arg)
{
    struct otip_proxy *p = arg;
    sigset_t pipe;

    /* splice(2) to a socket whose peer is gone raises it, and has no flag against that. */
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    pthread_setname_np(pthread_self(), "otip-proxy");
    while (!is_stopping(p)) {
        loop_round(&p->loop);
        atomic_store_explicit(&p->round_at, p->loop.now, memory_order_relaxed);
    }
    return NULL;
}

bool proxy_is_alive(struct otip_proxy *p)
{
    nsec_t at = atomic_load_explicit(&p->round_at, memory_order_relaxed);

    return !atomic_load_explicit(&p->stack_is_dead, memory_order_relaxed) &&
           (at == 0 || monotonic_now() - at < PATIENCE);
}

/* ---- a start ---- */

static int open_tables(struct otip_proxy *p)
{
    const struct proxy_config *config = p->settings.config;
    struct siphash_key keys[2];
    size_t buckets = 1;

    while (buckets < config->flows_max)
        buckets *= 2;
    if (getrandom(keys, sizeof(keys), 0) != (ssize_t)sizeof(keys))
        return -errno;
    int e = proxy_account_new(config->flows_max, config->source_max, &keys[0], &p->account);
    if (e == 0)
        e = peers_init(&p->peers, buckets, &keys[1]);
    if (e == 0)
        e = proxy_tcp_open(p);
    if (e == 0)
        e = proxy_udp_open(p);
    if (e == 0)
        e = proxy_base_open(p);
    return e;
}

/* One that has died (lwip, of an error in itself) makes no socket any more. */
static bool is_dead(struct ioth *stack)
{
    int fd = ioth_msocket(stack, AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd >= 0)
        ioth_close(fd);
    return fd < 0 && errno == ENOTRECOVERABLE;
}

static void look_at_stacks(struct otip_proxy *p)
{
    bool dead = is_dead(p->extstack) || is_dead(p->intstack);

    if (dead && !atomic_exchange(&p->stack_is_dead, true))
        log_event(&p->log, LOG_LEVEL_ERROR, "a stack has died of an error in itself: a restart is needed");
}

static void on_pulse(struct timer *t)
{
    struct otip_proxy *p = (struct otip_proxy *)((char *)t - offsetof(struct otip_proxy, pulse));

    if (loop_set(&p->loop, t, p->loop.now + PULSE) < 0)
        log_event(&p->log, LOG_LEVEL_ERROR, "no sign of life any more: no memory");
    look_at_stacks(p);
    proxy_services_wake(p);
    proxy_epochs_look(p);
}

static int open_loop(struct otip_proxy *p)
{
    int e = loop_init(&p->loop);

    if (e < 0)
        return e;
    p->wake.ready = on_wake;
    p->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    e = p->wake_fd < 0 ? -errno : loop_watch(&p->loop, p->wake_fd, EPOLLIN, &p->wake);
    p->pulse.fire = on_pulse;
    return e == 0 ? loop_set(&p->loop, &p->pulse, p->loop.now + PULSE) : e;
}

/* Where there is no descriptor left for a client and his server, nobody would ever be served. */
static int try_a_flow(const struct otip_proxy *p, char *why, size_t why_size)
{
    int client = fcntl(p->wake_fd, F_DUPFD_CLOEXEC, 0), server = fcntl(p->wake_fd, F_DUPFD_CLOEXEC, 0);
    int e = client < 0 || server < 0 ? -errno : 0;

    if (client >= 0)
        close(client);
    if (server >= 0)
        close(server);
    if (e < 0)
        snprintf(why, why_size, "cannot serve: too few descriptors for one connection (RLIMIT_NOFILE): %s",
                 strerror(-e));
    return e;
}

static int begin(struct otip_proxy *p, struct proxy_config *config, char *why, size_t why_size)
{
    int e = proxy_settings_look(config, why, why_size);

    if (e == 0)
        e = open_stacks(p, config, why, why_size);
    if (e < 0) {
        proxy_config_free(config);
        return e;
    }
    e = proxy_settings_make(config, p->intstack, &p->settings, why, why_size);
    if (e < 0)
        return e;
    p->started = config;
    e = open_loop(p);
    if (e == 0)
        e = open_tables(p);
    if (e < 0)
        return e;
    struct proxy_place place = proxy_settings_place(&p->settings, p->extstack);
    e = proxy_addresses_open(&p->addresses, &place, why, why_size);
    if (e == 0)
        e = proxy_services_open(p, config, why, why_size);
    if (e == 0)
        e = proxy_attend(p, why, why_size);
    if (e == 0)
        e = proxy_epochs_open(p, why, why_size);
    if (e == 0)
        e = try_a_flow(p, why, why_size);
    if (e == 0 && p->host.bound)
        e = p->host.bound(p->host.arg, &config->process, why, why_size);
    return e;
}

static int start_threads(struct otip_proxy *p)
{
    int e = -pthread_create(&p->thread, NULL, run, p);

    p->has_thread = e == 0;
    return e == 0 ? attendant_run(p->attendant) : e;
}

int otip_proxy_start(struct daemon_config *process, const struct daemon_host *host, void **ret, char *why,
                     size_t why_size)
{
    struct proxy_config *config = (struct proxy_config *)process;
    struct otip_proxy *p = calloc(1, sizeof(*p));

    snprintf(why, why_size, "cannot start: out of memory or descriptors");
    if (p == NULL) {
        proxy_config_free(config);
        return -ENOMEM;
    }
    p->host = *host;
    p->wake_fd = p->clock_fd = p->loop.epoll = p->addresses.netlink = p->addresses.monitor = -1;
    log_control_init(&p->log_control, daemon_loglevel(process));
    p->log = host->log;
    p->log.control = &p->log_control;
    pthread_mutex_init(&p->lock, NULL);
    pthread_mutex_init(&p->reload_lock, NULL);
    pthread_cond_init(&p->adopted, NULL);
    int e = begin(p, config, why, why_size);
    if (e == 0)
        log_event(&p->log, LOG_LEVEL_INFO, "serving", LOG_TEXT("name", config->name),
                  LOG_TEXT("iface", config->iface));
    if (e == 0)
        e = start_threads(p);
    if (e < 0)
        otip_proxy_stop(p);
    else
        *ret = p;
    return e;
}

/* ---- the end ---- */

static void stop_thread(struct otip_proxy *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_mutex_unlock(&p->lock);
    if (!p->has_thread)
        return;
    wake(p);
    pthread_join(p->thread, NULL);
}

void otip_proxy_stop(void *service)
{
    struct otip_proxy *p = service;

    if (p == NULL)
        return;
    attendant_close(p->attendant);
    stop_thread(p);
    if (p->addresses.netlink >= 0)
        proxy_epochs_close(p);
    proxy_base_close(p);
    proxy_tcp_close(p);
    proxy_udp_close(p);
    proxy_services_close(p);
    proxy_addresses_close(&p->addresses);
    peers_fini(&p->peers);
    proxy_account_free(p->account);
    if (p->wake_fd >= 0)
        close(p->wake_fd);
    loop_fini(&p->loop);
    if (p->started != p->settings.config)
        proxy_config_free(p->started);
    proxy_settings_free(&p->settings);
    close_stacks(p);
    log_flush(&p->log, true);
    log_control_fini(&p->log_control);
    pthread_cond_destroy(&p->adopted);
    pthread_mutex_destroy(&p->reload_lock);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* ---- a reload ---- */

/* What stands in the new configuration and is of the old one all the same. */
static void say_restart(struct otip_proxy *p, const struct proxy_config *was, const struct proxy_config *is)
{
    const struct log *log = &p->log;

    daemon_say_restarts(log, &was->process, &is->process);
    daemon_say_restart(log, "extstack", daemon_texts_differ(was->extstack, is->extstack));
    daemon_say_restart(log, "intstack", daemon_texts_differ(was->intstack, is->intstack));
    daemon_say_restart(log, "prefixlen", was->prefix_bits != is->prefix_bits);
    daemon_say_restart(log, "flows_max", is->flows_max > proxy_account_size(p->account));
}

/* Gives the settings to the proxy's thread and waits for what becomes of them. */
static int hand_over(struct otip_proxy *p, const struct settings *next, char *why, size_t why_size)
{
    pthread_mutex_lock(&p->lock);
    p->next = *next;
    p->has_next = true;
    wake(p);
    while (p->has_next)
        pthread_cond_wait(&p->adopted, &p->lock);
    int e = p->adoption;
    snprintf(why, why_size, "%s", p->why);
    pthread_mutex_unlock(&p->lock);
    return e;
}

int otip_proxy_reload(void *service, char *why, size_t why_size)
{
    struct otip_proxy *p = service;
    struct daemon_config *process = NULL;
    struct settings next = {0};

    snprintf(why, why_size, "out of memory");
    pthread_mutex_lock(&p->reload_lock);
    pthread_mutex_lock(&p->lock);
    next.base = p->settings.base;
    pthread_mutex_unlock(&p->lock);
    int e = p->host.load(p->host.arg, &process, why, why_size);
    struct proxy_config *config = (struct proxy_config *)process;
    enum log_level level = e == 0 ? daemon_loglevel(process) : LOG_LEVEL_INFO;
    if (e == 0)
        say_restart(p, p->started, config);
    if (e == 0)
        e = proxy_settings_make(config, p->intstack, &next, why, why_size);
    if (e == 0)
        e = hand_over(p, &next, why, why_size);
    if (e == 0)
        atomic_store(&p->log_control.level, level);
    p->reloads++;
    p->failed_reloads += e < 0;
    daemon_say_reload(&p->log, e, why);
    pthread_mutex_unlock(&p->reload_lock);
    return e;
}

void otip_proxy_stats(struct otip_proxy *p, struct otip_proxy_stats *ret)
{
#define MEMBER(name, help) ret->name = atomic_load_explicit(&p->counters.name, memory_order_relaxed);
    PROXY_COUNTERS(MEMBER)
    MEMBER(addresses, )
    MEMBER(addresses_open, )
    MEMBER(tcp_flows, )
    MEMBER(udp_flows, )
    MEMBER(sources, )
#undef MEMBER
}
