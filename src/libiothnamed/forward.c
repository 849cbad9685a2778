/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The forwarder's loop: carries out what the exchange table says, on the sockets of forward_outlets.c.
 *
 * A question costs a send and a receive, its share of one epoll_wait, and a sixty-fourth of a socket's life.
 *
 * pump carries out what the exchange table says. It never runs inside itself: what a waiter asks while it is
 * told its answer is sent when the pump goes on. Nor is a waiter told from within forwarder_ask: an exchange
 * that ends there, as failed since no reply was read, is held back, and everything behind it, until the timer
 * comes at once.
 *
 * What keeps a question from being sent is nearly always a matter of our own (descriptors, memory, routes) and
 * is not held against the server; a refused port is the server's.
 */
#include "libiothnamed/forward_sockets.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

nsec_t forwarder_now(void)
{
    return (nsec_t)uv_hrtime();
}

/* --- randomness --- */

static int refill(struct forwarder *f)
{
    size_t have = 0;

    while (have < sizeof(f->random)) {
        ssize_t n = getrandom(f->random + have, sizeof(f->random) - have, 0);
        if (n < 0 && errno != EINTR)
            return -errno;
        have += n > 0 ? (size_t)n : 0;
    }
    f->random_left = sizeof(f->random);
    return 0;
}

/* forwarder_new has seen getrandom work; should a sandbox forbid it later, nothing is sent any more. */
void forwarder_draw(void *arg, void *bytes, size_t len)
{
    struct forwarder *f = arg;

    f->no_random = f->random_left < len && refill(f) < 0;
    if (f->no_random) {
        memset(bytes, 0, len);
        return;
    }
    f->random_left -= len;
    memcpy(bytes, f->random + f->random_left, len);
    memset(f->random + f->random_left, 0, len);
}

/* --- the pump --- */

/* The timer may come too early, when the exchange that it was for has ended; never too late. */
static void arm(struct forwarder *f);
static void start_sweeping(struct forwarder *f);

static void tell(struct forwarder *f, const struct exchange_event *e)
{
    f->set.done(e->waiters, e, f->set.arg);
}

static int send_message(struct forwarder *f, const struct exchange_event *e)
{
    struct route *route = route_to(f, &e->server);

    if (f->no_random)
        return -EIO;
    if (!route)
        return -ENOMEM;
    return e->tcp ? tcp_send(f, route, e) : udp_send(f, route, e);
}

static void carry_out(struct forwarder *f, const struct exchange_event *e)
{
    attempt_id attempt = e->attempt;

    if (e->kind == EXCHANGE_CLOSE) {
        flight_close(f, e->handle);
        return;
    }
    int error = send_message(f, e);
    if (error == -ECONNREFUSED)
        exchange_failed(f->table, attempt, forwarder_now());
    else if (error < 0)
        exchange_unsent(f->table, attempt, forwarder_now());
    start_sweeping(f);
}

/* may_tell: waiters may be told that their exchange is over. */
static void pump(struct forwarder *f, bool may_tell)
{
    struct exchange_event e;

    if (f->pumping || (f->holding && !may_tell))
        return;
    f->pumping = true;
    if (f->holding) {
        f->holding = false;
        tell(f, &f->held);
    }
    while (!f->holding && exchange_next(f->table, &e) != EXCHANGE_NONE) {
        if (e.kind != EXCHANGE_DONE) {
            carry_out(f, &e);
        } else if (may_tell) {
            tell(f, &e);
        } else {
            f->held = e;
            f->holding = true;
        }
    }
    f->pumping = false;
    if (!f->closing)
        arm(f);
}

void forwarder_pump(struct forwarder *f)
{
    pump(f, true);
}

bool forwarder_give(struct forwarder *f, attempt_id attempt, const uint8_t *bytes, size_t len)
{
    bool asked_for = exchange_input(f->table, attempt, bytes, len, forwarder_now());

    pump(f, true);
    return asked_for;
}

/* --- time and sockets --- */

static void on_timer(uv_timer_t *timer)
{
    struct forwarder *f = timer->data;

    f->timer_at = NSEC_NEVER;
    exchange_timeout(f->table, forwarder_now());
    pump(f, true);
}

static void arm(struct forwarder *f)
{
    nsec_t at = f->holding ? 0 : exchange_deadline(f->table);

    if (at >= f->timer_at)
        return;
    nsec_t wait = at - forwarder_now();
    f->timer_at = at;
    uv_timer_start(&f->timer, on_timer, wait > 0 ? (uint64_t)((wait + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC) : 0,
                   0);
}

static void on_sweep(uv_timer_t *sweeper)
{
    struct forwarder *f = sweeper->data;

    f->sweeping = outlets_sweep(f, forwarder_now());
    if (!f->sweeping)
        uv_timer_stop(sweeper);
}

/* There may be sockets now. */
static void start_sweeping(struct forwarder *f)
{
    if (f->sweeping || f->closing)
        return;
    f->sweeping = true;
    uv_timer_start(&f->sweeper, on_sweep, SWEEP_MSEC, SWEEP_MSEC);
}

/* --- its life --- */

/* The system gives the lowest descriptor that is free: above three quarters of them all, the rest is for clients
 * over TCP and for files, which a dead upstream and many questions to it must not lock out. */
static int descriptors_for_upstream(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT_MAX)
        return INT_MAX;
    return (int)(limit.rlim_cur / 4 * 3);
}

static int open_parts(struct forwarder *f)
{
    struct exchange_settings settings = {
        .max = FORWARD_EXCHANGES_MAX,
        .max_waiters = FORWARD_WAITERS_MAX,
        .random = forwarder_draw,
        .arg = f,
        .cookie_key = *f->set.cookie_key,
    };
    int error = refill(f);

    if (error == 0)
        error = exchange_table_new(&settings, &f->table);
    if (error == 0)
        error = datagrams_new(&f->datagrams);
    if (error < 0)
        return error;
    forwarder_draw(f, &f->route_key, sizeof(f->route_key));
    return 0;
}

static void start_handles(struct forwarder *f, uv_loop_t *loop)
{
    uv_timer_init(loop, &f->timer);
    uv_timer_init(loop, &f->sweeper);
    f->timer.data = f->sweeper.data = f;
    f->open_handles = 2;
    uv_unref((uv_handle_t *)&f->sweeper); /* alone it keeps no loop going */
}

int forwarder_new(uv_loop_t *loop, const struct forwarder_settings *settings, struct forwarder **ret)
{
    struct forwarder *f = calloc(1, sizeof(*f));

    if (!f)
        return -ENOMEM;
    f->set = *settings;
    f->loop = loop;
    f->fd_max = descriptors_for_upstream();
    f->timer_at = NSEC_NEVER;
    int error = open_parts(f);
    if (error < 0) {
        forwarder_free(f);
        return error;
    }
    f->set.cookie_key = NULL; /* the table has its copy */
    start_handles(f, loop);
    *ret = f;
    return 0;
}

int forwarder_ask(struct forwarder *f, const struct exchange_question *question,
                  const struct exchange_servers *servers, struct exchange_waiter *waiter)
{
    if (f->closing)
        return -ECANCELED;
    int error = exchange_ask(f->table, question, servers, waiter, forwarder_now());
    if (error == 0)
        pump(f, false);
    return error;
}

bool forwarder_is_asking(const struct forwarder *f, const struct exchange_question *question,
                         const struct exchange_servers *servers)
{
    return exchange_is_asking(f->table, question, servers->id);
}

void forwarder_handle_closed(struct forwarder *f)
{
    if (--f->open_handles == 0 && f->closed)
        f->closed(f->closed_arg);
}

static void on_closed(uv_handle_t *handle)
{
    forwarder_handle_closed(handle->data);
}

void forwarder_close(struct forwarder *f, void (*closed)(void *arg), void *arg)
{
    f->closing = true;
    f->closed = closed;
    f->closed_arg = arg;
    exchange_abandon(f->table);
    pump(f, true);
    outlets_close(f);
    uv_close((uv_handle_t *)&f->timer, on_closed);
    uv_close((uv_handle_t *)&f->sweeper, on_closed);
}

void forwarder_free(struct forwarder *f)
{
    if (!f)
        return;
    outlets_free(f);
    exchange_table_free(f->table);
    free(f->datagrams);
    free(f);
}

void forwarder_stats(const struct forwarder *f, struct exchange_stats *ret)
{
    exchange_stats(f->table, ret);
    ret->disbelieved += f->strays;
}

unsigned forwarder_servers(const struct forwarder *f, struct exchange_server *ret, unsigned max)
{
    return exchange_servers_known(f->table, forwarder_now(), ret, max);
}
