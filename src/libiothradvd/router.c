/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See router.h. One thread has the core and the link to itself:
 *
 *   look at the link; tell the core whether it can send; let time pass; send what is to be sent; wait for a packet, a
 *   deadline or a call from outside
 *
 * Calls from outside never touch the core. What they want (other settings, the end) and what they want to know (the
 * status) lies under a lock, which the thread takes twice in each turn, never while it waits or sends. An update waits until
 * the thread has taken it in, so its settings need not outlive the call and its error can be told.
 */
#include "libiothradvd/router.h"

#include "base/clock.h"
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

/* A turn takes no longer than this, so that the status is fresh. */
#define TURN_MAX (5 * NSEC_PER_SEC)
/* An interface that is as it should be has tried its address by then. */
#define BEGIN_MAX (5 * NSEC_PER_SEC)

struct iothradvd {
    struct router_hooks hooks;
    struct link *link;
    struct ra_core *core;
    enum link_state link_state; /* as the core was told last */
    nsec_t expected_at; /* when it should be ready; NSEC_NEVER: it was once, or that it waits has been said */
    bool is_missed;     /* it should be ready and is not */
    pthread_t thread;
    bool runs;
    int wake; /* an eventfd */
    pthread_mutex_t lock;
    pthread_cond_t taken; /* an update has been */
    /* Under the lock */
    bool stop;
    const struct ra_settings *wanted; /* NULL: no update waits */
    int result;                       /* of the last update */
    struct router_status status;
};

static void draw(void *arg, void *bytes, size_t len)
{
    (void)arg;
    while (getrandom(bytes, len, 0) !=
           (ssize_t)len) /* up to 256 bytes it is all or, before the pool is filled, EINTR */
        continue;
}

static void tell(const struct iothradvd *r, struct router_event event)
{
    struct ra_place place;
    if (!r->hooks.event)
        return;
    r->link->ops->state(r->link, &place);
    event.place = &place;
    event.lacks = r->link->ops->lacks(r->link);
    r->hooks.event(r->hooks.arg, &event);
}

/* --- a turn --- */

static void drain(struct iothradvd *r, uint64_t *send_errors)
{
    struct ra_event event;
    while (ra_next(r->core, &event) != RA_NOTHING) {
        if (event.kind != RA_SEND) {
            tell(r, (struct router_event){.kind = ROUTER_HEARS, .ra = &event});
            continue;
        }
        int e = r->link->ops->send(r->link, &event);
        if (e == 0)
            continue;
        ++*send_errors;
        tell(r, (struct router_event){.kind = ROUTER_SEND_FAILED, .error = e});
    }
}

/* Tells the core, and who listens, what has become of the link. */
static void follow_link(struct iothradvd *r, nsec_t now)
{
    struct ra_place place;
    enum link_state state = r->link->ops->state(r->link, &place);
    bool same_place = memcmp(&place, ra_place(r->core), sizeof(place)) == 0;
    if (state == r->link_state && (state != LINK_READY || same_place))
        return;
    r->link_state = state;
    if (state == LINK_READY) {
        ra_start(r->core, &place, now);
        tell(r, (struct router_event){.kind = ROUTER_BEGINS});
        return;
    }
    ra_rest(r->core);
    tell(r, (struct router_event){.kind = state == LINK_DUPLICATE ? ROUTER_DUPLICATE : ROUTER_RESTS});
}

/* Whether it should be ready and is not; that it waits from the beginning is said once. */
static void miss_link(struct iothradvd *r, nsec_t now)
{
    bool ready = r->link_state == LINK_READY, late = now >= r->expected_at;
    if (late && r->link_state == LINK_DOWN)
        tell(r, (struct router_event){.kind = ROUTER_WAITS});
    if (late || ready || r->link_state == LINK_DUPLICATE)
        r->expected_at = NSEC_NEVER;
    r->is_missed = !ready && r->expected_at == NSEC_NEVER;
}

static void follow_own(struct iothradvd *r, nsec_t now)
{
    const struct ra_own *own;
    if (!r->link->ops->own || !ra_wants_own_prefixes(ra_settings(r->core)))
        return;
    unsigned n = r->link->ops->own(r->link, &own);
    if (ra_set_own(r->core, own, n, now) < 0)
        tell(r, (struct router_event){.kind = ROUTER_NO_MEMORY});
}

static void take_update(struct iothradvd *r, nsec_t now)
{
    if (!r->wanted)
        return;
    r->result = ra_change(r->core, r->wanted, now);
    r->wanted = NULL;
    pthread_cond_broadcast(&r->taken);
}

static void publish(struct iothradvd *r, nsec_t now, uint64_t send_errors)
{
    struct router_status *s = &r->status;
    const struct ra_router *routers;
    const struct ra_entries *entries = ra_entries(r->core);
    nsec_t deadline = ra_deadline(r->core);
    s->link = r->link_state;
    s->advertising = ra_is_advertising(r->core);
    s->lacks = r->is_missed ? r->link->ops->lacks(r->link) : NULL;
    s->place = *ra_place(r->core);
    s->next_in = deadline == NSEC_NEVER ? NSEC_NEVER : deadline > now ? deadline - now : 0;
    s->stats = *ra_stats(r->core);
    s->stats.send_errors = send_errors;
    s->now = now;
    s->n_routers = ra_routers(r->core, &routers);
    memcpy(s->routers, routers, s->n_routers * sizeof(*routers));
    s->n_prefixes = 0;
    for (unsigned i = 0; i < entries->n && s->n_prefixes < ROUTER_SAID_MAX; i++) {
        struct nd_option said;
        if (!ra_entry_say(&entries->at[i], now, false, &said) || said.type != ND_PREFIX)
            continue;
        s->prefixes[s->n_prefixes].prefix = said.prefix;
        s->prefixes[s->n_prefixes++].retired = entries->at[i].retired;
    }
}

/* --- waiting --- */

static int milliseconds_until(nsec_t deadline, nsec_t now)
{
    nsec_t left = deadline <= now ? 0 : deadline - now;
    if (left > TURN_MAX)
        left = TURN_MAX;
    return (int)((left + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC);
}

static nsec_t deadline_of(const struct iothradvd *r)
{
    nsec_t core = ra_deadline(r->core), link = r->link->ops->deadline(r->link);
    nsec_t first = core < link ? core : link;
    return first < r->expected_at ? first : r->expected_at;
}

static void wait_for_something(struct iothradvd *r)
{
    struct pollfd polled[LINK_FDS_MAX + 1] = {{.fd = r->wake, .events = POLLIN}};
    int at[LINK_FDS_MAX];
    uint64_t count;
    unsigned n = r->link->ops->fds(r->link, at);
    for (unsigned i = 0; i < n; i++)
        polled[i + 1] = (struct pollfd){.fd = at[i], .events = POLLIN};
    if (poll(polled, n + 1, milliseconds_until(deadline_of(r), monotonic_now())) > 0 && polled[0].revents)
        (void)!read(r->wake, &count, sizeof(count));
}

static void receive(struct iothradvd *r, uint64_t *send_errors)
{
    struct ra_packet packet;
    int got;
    for (unsigned i = 0; i < LINK_BATCH; i++) {
        nsec_t now = monotonic_now();
        if ((got = r->link->ops->receive(r->link, now, &packet)) == 0)
            return;
        if (got == 1) {
            ra_input(r->core, &packet, now);
            drain(r, send_errors);
        }
    }
}

/* --- life --- */

/* How long the link stays open behind the last advertisement: a hub forgets what a port has sent but it has not read yet, once
 * the port is closed. */
#define FAREWELL_MS 50

static void *run(void *arg)
{
    struct iothradvd *r = arg;
    uint64_t send_errors = 0;
    pthread_setname_np(pthread_self(), "iothradvd");
    r->expected_at = monotonic_now() + BEGIN_MAX;
    for (bool stop = false; !stop;) {
        nsec_t now = monotonic_now();
        r->link->ops->timeout(r->link, now);
        follow_link(r, now);
        miss_link(r, now);
        follow_own(r, now);
        pthread_mutex_lock(&r->lock);
        take_update(r, now);
        stop = r->stop;
        pthread_mutex_unlock(&r->lock);
        follow_own(r, now); /* the update may want them */
        if (stop)
            ra_stop(r->core, now);
        else
            ra_timeout(r->core, now);
        drain(r, &send_errors);
        pthread_mutex_lock(&r->lock);
        publish(r, now, send_errors);
        pthread_mutex_unlock(&r->lock);
        if (!stop)
            wait_for_something(r);
        receive(r, &send_errors);
    }
    poll(NULL, 0, FAREWELL_MS);
    return NULL;
}

/* Takes the link over, also on failure. */
static int open_router(struct link *link, const struct ra_settings *settings,
                       const struct router_hooks *hooks, struct iothradvd **ret)
{
    struct ra_env env = {.random = draw};
    struct iothradvd *r = calloc(1, sizeof(*r));
    if (!r) {
        link->ops->close(link);
        return -ENOMEM;
    }
    r->link = link;
    r->hooks = hooks ? *hooks : (struct router_hooks){0};
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->taken, NULL);
    r->status.next_in = NSEC_NEVER;
    r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int e = r->wake < 0 ? -errno : ra_new(&env, settings, monotonic_now(), &r->core);
    if (e < 0)
        router_close(r);
    else
        *ret = r;
    return e;
}

int router_open_stack(struct ioth *stack, unsigned ifindex, const struct ra_settings *settings,
                      const struct router_hooks *hooks, struct iothradvd **ret)
{
    struct link *link;
    int e = link_stack_open(stack, ifindex, monotonic_now(), &link);
    return e < 0 ? e : open_router(link, settings, hooks, ret);
}

int router_open_port(const char *vnl, const uint8_t *mac, const struct ra_settings *settings,
                     const struct router_hooks *hooks, struct iothradvd **ret)
{
    struct ra_env env = {.random = draw};
    struct link *link;
    int e = link_port_open(vnl, mac, &env, monotonic_now(), &link);
    return e < 0 ? e : open_router(link, settings, hooks, ret);
}

int router_run(struct iothradvd *r)
{
    int e = thread_start(&r->thread, run, r);
    r->runs = e == 0;
    return e;
}

static void wake(const struct iothradvd *r)
{
    const uint64_t one = 1;
    (void)!write(r->wake, &one, sizeof(one)); /* a full counter wakes as well */
}

int router_update(struct iothradvd *r, const struct ra_settings *settings)
{
    pthread_mutex_lock(&r->lock);
    while (r->wanted) /* another caller's */
        pthread_cond_wait(&r->taken, &r->lock);
    r->wanted = settings;
    wake(r);
    while (r->wanted == settings)
        pthread_cond_wait(&r->taken, &r->lock);
    int result = r->result;
    pthread_mutex_unlock(&r->lock);
    return result;
}

void router_status(struct iothradvd *r, struct router_status *ret)
{
    pthread_mutex_lock(&r->lock);
    *ret = r->status;
    pthread_mutex_unlock(&r->lock);
}

void router_close(struct iothradvd *r)
{
    if (!r)
        return;
    if (r->runs) {
        pthread_mutex_lock(&r->lock);
        r->stop = true;
        pthread_mutex_unlock(&r->lock);
        wake(r);
        pthread_join(r->thread, NULL);
    }
    ra_free(r->core);
    r->link->ops->close(r->link);
    if (r->wake >= 0)
        close(r->wake);
    pthread_cond_destroy(&r->taken);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
