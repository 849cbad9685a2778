/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See worker.h. A query that needs upstream leaves its bytes and the way back to its client in a waiter; when
 * the exchange is over, the answer goes to the cache and each waiter's query is run again with it in hand.
 * That run may need yet another answer (an alias of ours that leads to an alias of ours), but not without
 * end.
 */
#include "libiothnamed/worker.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS_MAX 4 /* exchanges for one question */

struct waiter {
    struct exchange_waiter link; /* first: the chain is of these */
    struct reply_path path;
    struct ipaddr client;
    unsigned rounds;
    size_t len;
    uint8_t packet[];
};

struct query_env worker_env(const struct worker *w)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME_COARSE, &wall);
    return (struct query_env){
        .snap = w->snap,
        .cookie_secret = w->set.cookie_secret,
        .now = (nsec_t)uv_hrtime(),
        .wall_s = wall.tv_sec,
    };
}

/* --- waiting for upstream --- */

static void free_waiter(struct worker *w, struct waiter *waiter)
{
    w->waiting--;
    free(waiter);
}

static struct waiter *new_waiter(struct worker *w, const struct ipaddr *client, const uint8_t *packet,
                                 size_t len, const struct reply_path *path)
{
    struct waiter *waiter = w->waiting < WAITING_MAX ? malloc(sizeof(*waiter) + len) : NULL;
    if (!waiter)
        return NULL;
    w->waiting++;
    waiter->path = *path;
    waiter->client = *client;
    waiter->rounds = 0;
    waiter->len = len;
    memcpy(waiter->packet, packet, len);
    return waiter;
}

static int ask(struct worker *w, struct waiter *waiter)
{
    if (waiter->rounds++ >= ROUNDS_MAX)
        return -ELOOP;
    count(&w->counters.forwarded, 1);
    return forwarder_ask(w->forwarder, &w->need.question, w->need.servers, &waiter->link);
}

/* Runs the query once more, knowing that nobody answers what it needs (w->need). The length of the reply. */
static size_t run_failed(struct worker *w, const struct ipaddr *client, bool tcp, const uint8_t *packet,
                         size_t len, uint8_t *out, size_t out_size)
{
    uint8_t name[DNAME_MAX];
    struct forward_given given = {.question = w->need.question, .servers_id = w->need.servers->id};
    memcpy(name, w->need.name, given.question.name_len);
    given.question.name = name;
    struct query_env env = worker_env(w);
    size_t reply_len = 0;
    count(&w->counters.failed, 1);
    return query_run(&env, client, tcp, packet, len, &given, out, out_size, &reply_len, &w->need) ==
                   QUERY_REPLY
               ? reply_len
               : 0;
}

size_t worker_wait(struct worker *w, const struct ipaddr *client, const uint8_t *packet, size_t len,
                   const struct reply_path *path, uint8_t *out, size_t out_size)
{
    struct waiter *waiter = new_waiter(w, client, packet, len, path);
    if (waiter && ask(w, waiter) == 0)
        return 0;
    if (waiter)
        free_waiter(w, waiter);
    return run_failed(w, client, path->tcp, packet, len, out, out_size);
}

static void send_reply(struct worker *w, const struct waiter *waiter, const uint8_t *reply, size_t len)
{
    if (waiter->path.tcp)
        tcp_reply(waiter->path.tcp, reply, len);
    else
        udp_reply(w, &waiter->path, reply, len);
}

static void end_waiter(struct worker *w, struct waiter *waiter)
{
    if (waiter->path.tcp)
        tcp_release(waiter->path.tcp);
    free_waiter(w, waiter);
}

static void resume(struct worker *w, struct waiter *waiter, const struct forward_given *given)
{
    bool tcp = waiter->path.tcp;
    size_t room = tcp ? DNS_MSG_MAX : DNS_UDP_EDNS, len = 0;
    struct query_env env = worker_env(w);
    enum outcome outcome = query_run(&env, &waiter->client, tcp, waiter->packet, waiter->len, given, w->reply,
                                     room, &len, &w->need);
    if (outcome == QUERY_FORWARD) {
        if (ask(w, waiter) == 0)
            return;
        len = run_failed(w, &waiter->client, tcp, waiter->packet, waiter->len, w->reply, room);
    }
    if (len)
        send_reply(w, waiter, w->reply, len);
    end_waiter(w, waiter);
}

/* Makes of an upstream's reply what clients are given, and keeps it. */
static void take_answer(struct worker *w, const struct exchange_event *done, struct forward_given *given)
{
    uint32_t ttl_s;
    int len = done->reply ? answer_make(done->reply, done->reply_len, w->answer, &ttl_s) : -EBADMSG;
    if (len < 0) {
        count(&w->counters.failed, 1);
        return;
    }
    given->answer = w->answer;
    given->answer_len = (size_t)len;
    struct cache_key key = {
        .upstreams = done->servers_id,
        .type = done->question.type,
        .class = done->question.class,
        .dnssec_ok = done->question.dnssec_ok,
        .checking_disabled = done->question.checking_disabled,
        .name = done->question.name,
        .name_len = done->question.name_len,
    };
    if (ttl_s)
        cache_put(w->snap->cache, &key, w->answer, (size_t)len, (nsec_t)uv_hrtime(), ttl_s);
}

static void on_exchange_done(struct exchange_waiter *waiters, const struct exchange_event *done, void *arg)
{
    struct worker *w = arg;
    struct forward_given given = {.question = done->question, .servers_id = done->servers_id};
    take_answer(w, done, &given);
    while (waiters) {
        struct waiter *waiter = (struct waiter *)waiters;
        waiters = waiters->next;
        resume(w, waiter, &given);
    }
}

/* --- its life --- */

static void end_loop(struct worker *w)
{
    udp_close(w->udp);
    tcp_close(w->tcp);
    if (w->forwarder)
        forwarder_close(w->forwarder, NULL, NULL);
    uv_close((uv_handle_t *)&w->wake, NULL);
}

static void on_wake(uv_async_t *wake)
{
    struct worker *w = wake->data;
    struct snapshot *next = atomic_exchange(&w->adopt, NULL);
    if (next) {
        snapshot_unref(w->snap);
        w->snap = next;
        tcp_adopt(w->tcp);
    }
    if (atomic_load(&w->stop))
        end_loop(w);
}

void worker_adopt(struct worker *w, struct snapshot *snap)
{
    snapshot_unref(atomic_exchange(&w->adopt, snapshot_ref(snap)));
    uv_async_send(&w->wake);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    uv_run(&w->loop, UV_RUN_DEFAULT);
    return NULL;
}

static void tell_to_stop(struct worker *w)
{
    atomic_store(&w->stop, true);
    uv_async_send(&w->wake);
}

/* After the loop has ended. */
static void free_worker(struct worker *w)
{
    uv_loop_close(&w->loop);
    forwarder_free(w->forwarder);
    udp_free(w->udp);
    tcp_free(w->tcp);
    snapshot_unref(atomic_load(&w->adopt));
    snapshot_unref(w->snap);
    free(w);
}

static int open_all(struct worker *w, char *why, size_t why_size)
{
    int e = forwarder_new(&w->loop, w->set.fstack, on_exchange_done, w, &w->forwarder);
    if (e < 0) {
        snprintf(why, why_size, "cannot prepare forwarding: %s", strerror(-e));
        return e;
    }
    e = udp_open(w, &w->udp, why, why_size);
    if (e == 0)
        e = tcp_open(w, &w->tcp, why, why_size);
    return e;
}

int worker_start(const struct worker_settings *settings, struct worker **ret, char *why, size_t why_size)
{
    snprintf(why, why_size, "cannot make a worker");
    struct worker *w = calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    w->set = *settings;
    int e = uv_loop_init(&w->loop);
    if (e < 0) {
        free(w);
        return e;
    }
    w->snap = snapshot_ref(settings->snap);
    w->wake.data = w;
    e = uv_async_init(&w->loop, &w->wake, on_wake);
    if (e == 0)
        e = open_all(w, why, why_size);
    if (e == 0)
        e = -pthread_create(&w->thread, NULL, run, w);
    if (e < 0) {
        tell_to_stop(w);
        run(w);
        free_worker(w);
        return e;
    }
    *ret = w;
    return 0;
}

void worker_stop(struct worker *w)
{
    if (!w)
        return;
    tell_to_stop(w);
    pthread_join(w->thread, NULL);
    free_worker(w);
}
