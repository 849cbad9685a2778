/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The driver of proxy_window: what the window says is done to the addresses of the stack, to the listeners' filters and to the
 * flows. Its clock is the wall clock, by a timer descriptor that also wakes when somebody sets that clock (timerfd_create(2),
 * TFD_TIMER_CANCEL_ON_SET), so a step is followed at once.
 *
 * An address opens on the stack first and in the filters then, and closes the other way round. What the control socket tells is
 * a copy, made whenever something has changed.
 *
 * When something has changed on the links of the stack, and at most once a pulse, the interface is looked at: one that comes back
 * gets the open addresses again. Of a stack that does not say what has changed it is looked at each pulse.
 */
#include "libotip/proxy_state.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* Of that many epochs back addresses are looked for which a proxy that died has left: some milliseconds of work; 36 hours of
 * epochs of 32 s. */
enum { EPOCHS_SWEPT = 4096 };

static nsec_t wall_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (nsec_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

static void address_of(void *arg, uint64_t epoch, struct ipaddr *ret)
{
    const struct otip_proxy *p = arg;

    otip_address(p->settings.otip, epoch, ret);
}

static struct window_settings window_settings_of(struct otip_proxy *p)
{
    const struct proxy_config *c = p->settings.config;

    return (struct window_settings){.period_s = c->period_s,
                                    .before = c->before,
                                    .after = c->after,
                                    .capacity = c->addresses_max,
                                    .address_of = address_of,
                                    .arg = p};
}

/* ---- what is told ---- */

static void tell_standing(struct otip_proxy *p)
{
    unsigned n = 0, n_open = 0;

    pthread_mutex_lock(&p->lock);
    for (unsigned i = 0; i < p->window.top; i++) {
        const struct window_address *a = &p->window.places[i];
        if (a->state != WINDOW_FREE)
            p->standing[n++] = *a;
        n_open += a->state == WINDOW_OPEN;
    }
    p->n_standing = n;
    pthread_mutex_unlock(&p->lock);
    atomic_store_explicit(&p->counters.addresses, n, memory_order_relaxed);
    atomic_store_explicit(&p->counters.addresses_open, n_open, memory_order_relaxed);
}

static void say(struct otip_proxy *p, enum log_level level, const char *what, const struct window_address *a)
{
    char addr[IPADDR_STRLEN];

    log_event(&p->log, level, what, LOG_TEXT("address", ipaddr_format(&a->addr, addr)),
              LOG_NUMBER("epoch", a->epoch), LOG_NUMBER("flows", a->flows));
}

/* ---- the steps ---- */

static void drop_flows(struct otip_proxy *p, const struct window_address *place)
{
    proxy_tcp_drop(p, place);
    proxy_udp_drop(p, place);
}

static int put_up(struct otip_proxy *p, struct window_event *event, nsec_t now)
{
    bool again = event->step == WINDOW_REOPEN;
    int e = again ? proxy_addresses_reopen(&p->addresses, &event->at.addr)
                  : proxy_addresses_add(&p->addresses, &event->at.addr);

    if (e == 0) {
        count(&p->counters.addresses_opened, 1);
        say(p, LOG_LEVEL_DEBUG, "an address is open", &event->at);
        if (p->refuses)
            log_event(&p->log, LOG_LEVEL_INFO, "the stack takes addresses again");
        p->refuses = false;
        return 0;
    }
    bool full = e == -ENOSPC || e == -ENOBUFS;
    count(&p->counters.addresses_failed, 1);
    if (full ? !window_crowded(&p->window, event->place, now)
             : (window_failed(&p->window, event->place, now), true)) {
        char addr[IPADDR_STRLEN];
        if (!p->refuses) /* it is tried again each second */
            log_event(&p->log, LOG_LEVEL_ERROR, "the stack does not take an address",
                      LOG_TEXT("address", ipaddr_format(&event->at.addr, addr)),
                      LOG_TEXT("reason", strerror(-e)));
        p->refuses = true;
    }
    return e;
}

static int shut(struct otip_proxy *p, const struct window_event *event)
{
    bool muted = event->at.state == WINDOW_MUTED;
    int e;

    if (event->step == WINDOW_MUTE) {
        count(&p->counters.addresses_muted, 1);
        say(p, LOG_LEVEL_DEBUG, "an address is kept for its flows alone", &event->at);
        return proxy_addresses_mute(&p->addresses, &event->at.addr);
    }
    if (event->step == WINDOW_GIVE_WAY) {
        count(&p->counters.addresses_given_way, 1);
        say(p, LOG_LEVEL_WARNING, "an address gives way, and its flows end: there is no room for more",
            &event->at);
        drop_flows(p, event->place);
    } else {
        say(p, LOG_LEVEL_DEBUG, "an address is gone", &event->at);
    }
    e = proxy_addresses_remove(&p->addresses, &event->at.addr, muted);
    return e;
}

static void do_step(struct otip_proxy *p, struct window_event *event, nsec_t now)
{
    bool opens = event->step == WINDOW_ADD || event->step == WINDOW_REOPEN;

    if (!opens)
        proxy_services_filter(p);
    int e = opens ? put_up(p, event, now) : shut(p, event);
    if (opens)
        proxy_services_filter(p);
    else if (e < 0)
        log_event(&p->log, LOG_LEVEL_ERROR, "an address cannot be closed as it should",
                  LOG_TEXT("reason", strerror(-e)));
}

/* False: the clock was set since it was last looked at, so what stands is to be looked at again. */
static bool set_clock(struct otip_proxy *p, nsec_t deadline)
{
    struct itimerspec when = {
        .it_value = {.tv_sec = deadline / NSEC_PER_SEC, .tv_nsec = (long)(deadline % NSEC_PER_SEC)}};

    if (timerfd_settime(p->clock_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL) == 0)
        return true;
    if (errno == ECANCELED)
        return false;
    log_event(&p->log, LOG_LEVEL_ERROR, "no address will change any more: the clock does not wake us",
              LOG_TEXT("reason", strerror(errno)));
    return true;
}

void proxy_epochs_run(struct otip_proxy *p)
{
    for (bool done = false; !done;) {
        nsec_t now = wall_clock();
        struct window_event event = window_next(&p->window, now);
        if (event.step == WINDOW_STANDS)
            done = set_clock(p, window_deadline(&p->window, now));
        else
            do_step(p, &event, now);
    }
    tell_standing(p);
}

/* ---- what wakes it ---- */

static void on_clock(struct watch *w, uint32_t events)
{
    struct otip_proxy *p = (struct otip_proxy *)((char *)w - offsetof(struct otip_proxy, clock));
    uint64_t expirations;

    (void)events;
    if (read(p->clock_fd, &expirations, sizeof(expirations)) < 0 && errno == ECANCELED)
        log_event(&p->log, LOG_LEVEL_INFO, "the clock was set");
    proxy_epochs_run(p);
}

static void on_neighbours(struct watch *w, uint32_t events)
{
    struct otip_proxy *p = (struct otip_proxy *)((char *)w - offsetof(struct otip_proxy, neighbours));
    struct ipaddr taken;
    int n = proxy_neighbour_input(p->addresses.neighbour, &taken);
    char addr[IPADDR_STRLEN];

    (void)events;
    if (n < 0) {
        loop_unwatch(&p->loop, proxy_neighbour_fd(p->addresses.neighbour));
        log_event(&p->log, LOG_LEVEL_ERROR, "neighbours are not heard any more",
                  LOG_TEXT("reason", strerror(-n)));
    }
    if (n <= 0)
        return;
    count(&p->counters.addresses_claimed, (uint64_t)n);
    log_event(&p->log, LOG_LEVEL_WARNING,
              "somebody else says that he has a one-time address: a second proxy of this name, or an attack",
              LOG_TEXT("address", ipaddr_format(&taken, addr)));
}

/* ---- the interface ---- */

static void on_monitor(struct watch *w, uint32_t events)
{
    struct otip_proxy *p = (struct otip_proxy *)((char *)w - offsetof(struct otip_proxy, monitor));

    (void)events;
    p->look = true;
}

static void restore(struct otip_proxy *p)
{
    for (unsigned i = 0; i < p->window.top; i++) {
        const struct window_address *a = &p->window.places[i];
        int e = a->state == WINDOW_OPEN ? proxy_addresses_restore(&p->addresses, &a->addr) : 0;
        if (e < 0)
            log_event(&p->log, LOG_LEVEL_ERROR, "an address cannot come back",
                      LOG_TEXT("reason", strerror(-e)));
    }
}

void proxy_epochs_look(struct otip_proxy *p)
{
    struct proxy_addresses *a = &p->addresses;
    bool was_away = a->away, was_cut_off = a->cut_off, may_lack = p->look || was_away;

    if (!may_lack && a->monitor >= 0)
        return;
    p->look = false;
    a->away = !proxy_addresses_look(a);
    if (!a->away && may_lack)
        restore(p);
    atomic_store_explicit(&p->is_cut_off, a->away || a->cut_off, memory_order_relaxed);
    if (a->away != was_away)
        log_event(&p->log, was_away ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
                  was_away ? "the interface is back, and the open addresses with it"
                           : "the interface is gone or down: no address answers until it comes back",
                  LOG_TEXT("iface", a->iface));
    if (a->cut_off != was_cut_off && !a->away)
        log_event(&p->log, was_cut_off ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
                  was_cut_off ? "its network is back"
                              : "its network is away: no address answers until it comes back",
                  LOG_TEXT("iface", a->iface));
}

static void on_turn(struct turn *t)
{
    proxy_epochs_run((struct otip_proxy *)((char *)t - offsetof(struct otip_proxy, epochs_turn)));
}

/* ---- life ---- */

/* Whether an address is that of one of the last epochs, or of the next ones. */
static bool is_ours(void *arg, const struct ipaddr *addr)
{
    struct otip_proxy *p = arg;
    struct ipaddr one;
    uint64_t first, last;

    window_span(&p->window.settings, wall_clock(), &first, &last);
    first = first < EPOCHS_SWEPT ? 0 : first - EPOCHS_SWEPT;
    for (uint64_t epoch = first; epoch <= last; epoch++) {
        otip_address(p->settings.otip, epoch, &one);
        if (ipaddr_equal(&one, addr))
            return true;
    }
    return false;
}

int proxy_epochs_open(struct otip_proxy *p, char *why, size_t why_size)
{
    struct window_settings settings = window_settings_of(p);
    int fd = proxy_neighbour_fd(p->addresses.neighbour), e = 0;

    window_init(&p->window, &settings);
    p->epochs_turn.run = on_turn;
    p->clock.ready = on_clock;
    p->neighbours.ready = on_neighbours;
    p->monitor.ready = on_monitor;
    p->look = true; /* it may have no network from the beginning */
    p->standing = calloc(WINDOW_ADDRESSES_MAX, sizeof(*p->standing));
    p->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (p->standing == NULL || p->clock_fd < 0)
        e = p->standing == NULL ? -ENOMEM : -errno;
    if (e == 0)
        e = loop_watch(&p->loop, p->clock_fd, EPOLLIN, &p->clock);
    if (e == 0 && fd >= 0)
        e = loop_watch(&p->loop, fd, EPOLLIN, &p->neighbours);
    if (e == 0 && p->addresses.monitor >= 0) /* for edges: it is read at the next pulse */
        e = loop_watch(&p->loop, p->addresses.monitor, EPOLLIN | EPOLLET, &p->monitor);
    if (e < 0) {
        snprintf(why, why_size, "cannot watch the clock: %s", strerror(-e));
        return e;
    }
    proxy_addresses_sweep(&p->addresses, is_ours, p);
    proxy_epochs_run(p);
    if (p->window.n > 0)
        return 0;
    snprintf(why, why_size, "the external stack takes no one-time address");
    return -EADDRNOTAVAIL;
}

/* Same name, secret, base and period: the same addresses. */
void proxy_epochs_change(struct otip_proxy *p, const struct settings *old)
{
    struct window_settings settings = window_settings_of(p);
    struct ipaddr before, now;
    bool same = old->config->period_s == settings.period_s;

    for (uint64_t epoch = 0; epoch < 2 && same; epoch++) {
        otip_address(old->otip, epoch, &before);
        otip_address(p->settings.otip, epoch, &now);
        same = ipaddr_equal(&before, &now);
    }
    struct proxy_place place = proxy_settings_place(&p->settings, p->extstack);
    int e = proxy_addresses_move(&p->addresses, &place);
    if (e < 0)
        log_event(&p->log, LOG_LEVEL_ERROR, "rules or routes are still those of the old name or prefix",
                  LOG_TEXT("reason", strerror(-e)));
    window_set(&p->window, &settings, same);
    proxy_epochs_run(p);
}

void proxy_epochs_close(struct otip_proxy *p)
{
    struct window_event event;

    while ((event = window_close(&p->window)).step != WINDOW_STANDS) {
        drop_flows(p, event.place);
        if (proxy_addresses_remove(&p->addresses, &event.at.addr, event.at.state == WINDOW_MUTED) < 0)
            say(p, LOG_LEVEL_WARNING, "an address stays behind", &event.at);
    }
    if (p->clock_fd >= 0)
        close(p->clock_fd);
    p->clock_fd = -1;
    free(p->standing);
    p->standing = NULL;
}

struct window_address *proxy_epochs_open_address(struct otip_proxy *p, const struct ipaddr *addr)
{
    struct window_address *a = window_find(&p->window, addr);

    return a && a->state == WINDOW_OPEN ? a : NULL;
}
