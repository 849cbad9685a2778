/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Clients that wait for upstream. A query that needs it leaves its bytes and the way back to its client in a waiter;
 * when the exchange is over, the answer goes to the cache and each waiter's query is run again with it in hand.
 * That run may need yet another answer (an alias of ours that leads to an alias of ours), but not without end.
 *
 * Stale answers (RFC 8767). Who waits although an expired answer is there (need.stale) is told that after
 * SLOW_AFTER; its waiter stays with the exchange, which renews the cache when it can. All wait equally long, so
 * they stand in one list in the order of their times, with one timer for its head.
 *
 * Prefetch. What wants to be renewed (need.refresh) is asked by a waiter without a client.
 *
 * Failures are remembered for a while (RFC 9520), longer if clients have something stale meanwhile.
 *
 * Loops. Our questions carry cookies that we know again (exchange_made_cookie): one that reaches us has gone in a
 * circle. So has one that comes from an upstream server on another host while we ask just that. What is told by
 * neither, since it came through third parties, waits for its own exchange as any equal question does, so a
 * circle of whatever length carries a question round once, and ends with EXCHANGE_TOTAL.
 */
#include "libiothnamed/worker.h"
#include "base/clock.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 4 /* exchanges for one question */
/* The client response timer of RFC 8767 s5. */
#define SLOW_AFTER (1800 * NSEC_PER_MSEC)
/* How long a failure is remembered, in seconds: RFC 9520 s3.2 begins with 5. With an old answer at hand it may be
 * as long as RFC 8767 s5 waits between attempts; what is amiss on our own side may be well again at once. */
#define FAILURE_TTL       5
#define FAILURE_TTL_STALE 30
#define FAILURE_TTL_OWN   1

struct waiter {
    struct exchange_waiter link;  /* first: the chain is of these */
    struct waiter *older, *newer; /* among those that may be told what is stale */
    bool listed;
    bool served; /* nobody waits any more for what it asks, or nobody ever did */
    bool stale;  /* an expired answer was there when it asked */
    struct reply_path path;
    struct ipaddr client;
    nsec_t since;
    unsigned rounds;
    size_t len;
    uint8_t packet[];
};

/* --- those who may be told what is stale --- */

static void on_slow(uv_timer_t *timer);

static void arm_slow(struct worker *w)
{
    if (!w->slow.first)
        return;
    nsec_t wait = w->slow.first->since + SLOW_AFTER - monotonic_now();
    uint64_t wait_ms = wait > 0 ? (uint64_t)((wait + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC) : 0;
    uv_timer_start(&w->slow.timer, on_slow, wait_ms, 0);
}

static void list(struct worker *w, struct waiter *waiter)
{
    waiter->listed = true;
    waiter->newer = NULL;
    waiter->older = w->slow.last;
    if (w->slow.last)
        w->slow.last->newer = waiter;
    else
        w->slow.first = waiter;
    w->slow.last = waiter;
    if (w->slow.first == waiter)
        arm_slow(w);
}

static void unlist(struct worker *w, struct waiter *waiter)
{
    if (!waiter->listed)
        return;
    waiter->listed = false;
    if (waiter->older)
        waiter->older->newer = waiter->newer;
    else
        w->slow.first = waiter->newer;
    if (waiter->newer)
        waiter->newer->older = waiter->older;
    else
        w->slow.last = waiter->older;
}

/* --- waiters --- */

/* Its client has been served, or never will be. */
static void release_client(struct worker *w, struct waiter *waiter)
{
    if (waiter->served)
        return;
    waiter->served = true;
    unlist(w, waiter);
    count_latency(&w->counters.forward_latency, monotonic_now() - waiter->since);
    clients_give_back(w->set.clients, CLIENT_WAITS, &waiter->client);
    if (waiter->path.tcp)
        tcp_release(waiter->path.tcp);
}

static void free_waiter(struct worker *w, struct waiter *waiter)
{
    w->waiting--;
    free(waiter);
}

static struct waiter *new_waiter(struct worker *w, size_t len)
{
    struct waiter *waiter = w->waiting < WAITING_MAX ? malloc(sizeof(*waiter) + len) : NULL;
    if (!waiter)
        return NULL;
    *waiter = (struct waiter){.len = len, .since = monotonic_now()};
    w->waiting++;
    return waiter;
}

static struct waiter *new_client(struct worker *w, const struct ipaddr *client, const uint8_t *packet,
                                 size_t len, const struct reply_path *path)
{
    uint32_t client_max = w->snap->config->options.fwdclientmax;
    if (!clients_take(w->set.clients, CLIENT_WAITS, client, client_max))
        return NULL;
    struct waiter *waiter = new_waiter(w, len);
    if (!waiter) {
        clients_give_back(w->set.clients, CLIENT_WAITS, client);
        return NULL;
    }
    waiter->path = *path;
    waiter->client = *client;
    memcpy(waiter->packet, packet, len);
    return waiter;
}

static int ask(struct worker *w, struct waiter *waiter)
{
    if (waiter->rounds++ >= ROUNDS_MAX)
        return -ELOOP;
    waiter->stale = w->need.stale;
    count(&w->counters.forwarded, 1);
    return forwarder_ask(w->forwarder, &w->need.question, w->need.servers, &waiter->link);
}

/* --- without an answer --- */

/* A query and room for its reply. */
struct run {
    const struct ipaddr *client;
    bool tcp;
    const uint8_t *packet;
    size_t len;
    uint8_t *out;
    size_t out_size;
};

static struct run run_of(struct worker *w, const struct waiter *waiter)
{
    bool tcp = waiter->path.tcp;
    return (struct run){.client = &waiter->client,
                        .tcp = tcp,
                        .packet = waiter->packet,
                        .len = waiter->len,
                        .out = w->reply,
                        .out_size = tcp ? DNS_MSG_MAX : DNS_UDP_EDNS};
}

static enum outcome run_query(struct worker *w, const struct run *run, const struct forward_given *given,
                              size_t *ret_len)
{
    struct query_env env = worker_env(w);
    return query_run(&env, run->client, run->tcp, run->packet, run->len, given, run->out, run->out_size,
                     ret_len, &w->need);
}

/* Runs the query once more, knowing that nobody answers what it needs (w->need), and why; not_yet: somebody may. The
 * length of the reply, or 0. */
static size_t run_without(struct worker *w, const struct run *run, enum ede why, bool not_yet)
{
    uint8_t name[DNAME_MAX];
    struct forward_given given = {
        .question = w->need.question, .servers_id = w->need.servers->id, .why = why, .not_yet = not_yet};
    memcpy(name, w->need.name, given.question.name_len);
    given.question.name = name;
    size_t len = 0;
    return run_query(w, run, &given, &len) == QUERY_REPLY ? len : 0;
}

static size_t run_failed(struct worker *w, const struct run *run, enum ede why)
{
    count(&w->counters.failed, 1);
    return run_without(w, run, why, false);
}

/* --- loops --- */

/* It carries a cookie of ours. */
static bool has_own_cookie(const struct worker *w, const uint8_t *packet, size_t len)
{
    struct dns_query msg;
    if (dns_parse_query(packet, len, &msg) < 0 || !msg.edns.present)
        return false;
    struct reader r = reader_of(packet, (size_t)msg.edns.options_off + msg.edns.options_len);
    r.pos = msg.edns.options_off;
    while (!r.bad && reader_left(&r) > 0) {
        uint16_t code = reader_u16(&r), option_len = reader_u16(&r);
        const uint8_t *option = reader_take(&r, option_len);
        if (!r.bad && code == EDNS_OPTION_COOKIE && option_len >= 8)
            return exchange_made_cookie(w->set.forward_key, option);
    }
    return false;
}

/* On this host forwarders and clients cannot be told apart by their addresses. */
static bool is_loopback(const struct ipaddr *a)
{
    static const struct ipaddr v6 = {{[15] = 1}};
    return ipaddr_is_v4(a) ? a->b[12] == 127 : ipaddr_equal(a, &v6);
}

/* It comes from a server that we are asking the same (w->need). */
static bool comes_from_upstream(const struct worker *w, const struct ipaddr *client)
{
    const struct exchange_servers *servers = w->need.servers;
    for (unsigned i = 0; i < servers->count; i++)
        if (ipaddr_equal(&servers->servers[i].addr, client) && !is_loopback(client))
            return forwarder_is_asking(w->forwarder, &w->need.question, servers);
    return false;
}

static void say_loop(struct worker *w, const struct ipaddr *client)
{
    char name[DNAME_TEXT_MAX], from[IPADDR_STRLEN];
    if (atomic_exchange(w->set.loop_told, true))
        return;
    log_say(w->set.log, LOG_LEVEL_WARNING,
            "upstream leads back to this server: the question for %s came back from %s; such questions get "
            "SERVFAIL",
            dname_to_text(w->need.name, name), ipaddr_format(client, from));
}

static bool leads_back(struct worker *w, const struct ipaddr *client, const uint8_t *packet, size_t len)
{
    if (!has_own_cookie(w, packet, len) && !comes_from_upstream(w, client))
        return false;
    count(&w->counters.looped, 1);
    say_loop(w, client);
    return true;
}

/* --- waiting --- */

size_t worker_wait(struct worker *w, const struct ipaddr *client, const uint8_t *packet, size_t len,
                   const struct reply_path *path, uint8_t *out, size_t out_size)
{
    const struct run run = {client, path->tcp, packet, len, out, out_size};
    if (leads_back(w, client, packet, len))
        return run_failed(w, &run, EDE_LOOP);
    struct waiter *waiter = new_client(w, client, packet, len, path);
    if (!waiter)
        return run_failed(w, &run, EDE_BUSY);
    if (ask(w, waiter) == 0) {
        if (waiter->stale)
            list(w, waiter);
        return 0;
    }
    clients_give_back(w->set.clients, CLIENT_WAITS, client);
    free_waiter(w, waiter);
    return run_failed(w, &run, EDE_NETWORK);
}

void worker_refresh(struct worker *w)
{
    struct waiter *waiter = new_waiter(w, 0);
    w->need.refresh = false; /* said once */
    if (!waiter)
        return;
    waiter->served = true;
    count(&w->counters.refreshed, 1);
    if (ask(w, waiter) < 0)
        free_waiter(w, waiter);
}

static void reply_to(struct worker *w, struct waiter *waiter, size_t len)
{
    if (len && waiter->path.tcp)
        tcp_reply(waiter->path.tcp, w->reply, len);
    else if (len)
        udp_reply(w, &waiter->path, w->reply, len);
    release_client(w, waiter);
}

/* Gives the client what is stale, if it still is there, or whatever there is by now; the exchange goes on. */
static void tell_stale(struct worker *w, struct waiter *waiter)
{
    const struct run run = run_of(w, waiter);
    size_t len = 0;
    enum outcome outcome = run_query(w, &run, NULL, &len);
    if (outcome == QUERY_FORWARD)
        len = run_without(w, &run, EDE_NO_ANSWER, true);
    if (len)
        reply_to(w, waiter, len);
}

static void on_slow(uv_timer_t *timer)
{
    struct worker *w = timer->data;
    while (w->slow.first && w->slow.first->since + SLOW_AFTER <= monotonic_now()) {
        struct waiter *waiter = w->slow.first;
        unlist(w, waiter);
        tell_stale(w, waiter);
    }
    arm_slow(w);
}

/* Its exchange is over. */
static void resume(struct worker *w, struct waiter *waiter, const struct forward_given *given)
{
    if (!waiter->served) {
        const struct run run = run_of(w, waiter);
        size_t len = 0;
        if (run_query(w, &run, given, &len) == QUERY_FORWARD) {
            if (ask(w, waiter) == 0)
                return;
            len = run_failed(w, &run, waiter->rounds > ROUNDS_MAX ? EDE_ALIAS_CHAIN : EDE_NETWORK);
        }
        reply_to(w, waiter, len);
    }
    free_waiter(w, waiter);
}

/* --- answers --- */

static struct cache_key key_of(const struct exchange_event *done)
{
    return (struct cache_key){
        .upstreams = done->servers_id,
        .type = done->question.type,
        .class = done->question.class,
        .dnssec_ok = done->question.dnssec_ok,
        .checking_disabled = done->question.checking_disabled,
        .name = done->question.name,
        .name_len = done->question.name_len,
    };
}

/* Makes of an upstream's reply what clients are given, and keeps it. 0 or -errno. */
static int take_answer(struct worker *w, const struct exchange_event *done, struct forward_given *given)
{
    const struct config_options *options = &w->snap->config->options;
    const struct answer_limits limits = {options->cachettlmin_s, options->cachettlmax_s};
    const struct cache_key key = key_of(done);
    uint32_t ttl_s;
    int len = answer_make(done->reply, done->reply_len, &limits, w->answer, &ttl_s);
    if (len < 0)
        return len;
    given->answer = w->answer;
    given->answer_len = (size_t)len;
    if (ttl_s)
        cache_put(w->snap->cache, &key, w->answer, (size_t)len, monotonic_now(), ttl_s);
    return 0;
}

static bool some_have_stale(const struct exchange_waiter *waiters)
{
    for (; waiters; waiters = waiters->next)
        if (((const struct waiter *)waiters)->stale)
            return true;
    return false;
}

/* Remembers that there is no answer. */
static void take_failure(struct worker *w, const struct exchange_waiter *waiters,
                         const struct exchange_event *done, struct forward_given *given)
{
    static const enum ede reasons[] = {[EXCHANGE_SILENT] = EDE_NO_ANSWER,
                                       [EXCHANGE_REFUSED] = EDE_UPSTREAM_REFUSES,
                                       [EXCHANGE_UNREACHABLE] = EDE_NETWORK};
    const struct cache_key key = key_of(done);
    bool own = !done->reply && done->failure == EXCHANGE_UNREACHABLE;
    uint32_t ttl_s = own ? FAILURE_TTL_OWN : some_have_stale(waiters) ? FAILURE_TTL_STALE : FAILURE_TTL;
    given->why = done->reply ? EDE_UPSTREAM_REFUSES : reasons[done->failure];
    count(&w->counters.failed, 1);
    cache_put_failure(w->snap->cache, &key, (uint8_t)given->why, monotonic_now(), ttl_s);
}

void worker_exchange_done(struct exchange_waiter *waiters, const struct exchange_event *done, void *arg)
{
    struct worker *w = arg;
    struct forward_given given = {.question = done->question, .servers_id = done->servers_id};
    if (!done->reply || take_answer(w, done, &given) < 0)
        take_failure(w, waiters, done, &given);
    while (waiters) {
        struct waiter *waiter = (struct waiter *)waiters;
        waiters = waiters->next;
        resume(w, waiter, &given);
    }
}

/* --- its life --- */

void worker_wait_open(struct worker *w)
{
    uv_timer_init(&w->loop, &w->slow.timer);
    w->slow.timer.data = w;
}

void worker_wait_close(struct worker *w)
{
    uv_close((uv_handle_t *)&w->slow.timer, NULL);
}
