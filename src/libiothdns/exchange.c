/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The plan of an exchange: whom to ask when, and what follows from what comes back.
 *
 * The first attempt goes to the best server at once (exchange_servers.h), the next when `interval` has passed
 * in silence, to the next server, round and round. The first interval is what the server's round trip lets
 * expect, 150..400 ms, or 300 ms; the following ones change by equal steps such that the tenth attempt leaves
 * at 3.3 s and still has 0.4 s to be answered. A server that is asked first on trial gets a short interval, and
 * the best one is next. A refusal or a failure does not wait: a server not yet asked is asked at once.
 *
 * With half of all packets lost an attempt succeeds if its query and its reply arrive: one in four. All ten
 * fail with a chance of (3/4)^10 = 0.056, so 94 % of the questions are answered, of two servers or of one.
 * With one packet in ten lost all are but 6 in 10^8.
 *
 * A server is `spent` for an exchange when asking it again is of no use: it refused, or failed twice, or
 * failed over TCP. An exchange ends with the first believed answer; or fails, at its end of time, or when all
 * servers are spent, or when no attempt is open and none is left. With a list of servers (plan.listed) it ends as
 * soon as all of them are spent or nobody is at their ports and no attempt is open: a program whose servers are not
 * there is told so at once. In place of a forwarder's clients, who wait longer, the second chance is waited for.
 *
 * EDNS. A server that says it does not understand is asked again without. One that was silent is, too, the second
 * time in an exchange, if it has never shown EDNS and the question has no DO bit: there are servers, and boxes
 * before them, that drop what they do not know.
 */
#include "libiothdns/exchange_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How long before the end the last attempt leaves. */
#define LAST_WAIT (400 * NSEC_PER_MSEC)

/* Socket failures and broken replies after which a server is not asked again. The second chance is for what
 * passes: a server that is just starting. */
#define PEER_FAILURES_MAX 2

/* Questions that share a bucket are found one by one; with as many buckets as exchanges they are few. */
#define BUCKETS_MIN 64

_Static_assert(EXCHANGE_ATTEMPTS_MAX <= SERVERS_MAX, "all servers of an exchange can be remembered at once");

/* --- the next attempt, or the end --- */

/* Why an exchange without a reply came to nothing. */
static enum exchange_failure failure_of(const struct exchange *x)
{
    if (x->refused)
        return EXCHANGE_REFUSED;
    for (unsigned i = 0; i < x->n_attempts; i++) {
        if (is_open(&x->attempts[i]))
            return EXCHANGE_SILENT;
    }
    return EXCHANGE_UNREACHABLE;
}

/* reply NULL: failure. */
static void end_exchange(struct exchange_table *t, struct exchange *x, const uint8_t *reply, size_t len)
{
    heap_remove(&t->timers, &x->timer);
    forget_question(x);
    x->failure = failure_of(x);
    x->ended = true;
    x->reply = reply;
    x->reply_len = len;
    if (reply)
        t->stats.answered++;
    else
        t->stats.failed++;
    make_urgent(t, x);
}

static bool may_be_asked(const struct peer *p)
{
    return !p->spent && !p->tcp;
}

/* The server whose turn is next, round from the one asked last; NULL: none, or no attempt is left. */
static struct peer *next_peer(struct exchange *x,
                              bool (*fits)(const struct exchange *x, const struct peer *p))
{
    unsigned last = x->n_attempts > 0 ? x->attempts[x->n_attempts - 1].peer : x->n_peers - 1;

    if (x->n_attempts == EXCHANGE_ATTEMPTS_MAX || x->n_attempts - x->n_followups >= x->attempts_max)
        return NULL;
    for (unsigned i = 1; i <= x->n_peers; i++) {
        struct peer *p = &x->peers[(last + i) % x->n_peers];
        if (may_be_asked(p) && fits(x, p))
            return p;
    }
    return NULL;
}

static bool any_peer(const struct exchange *x, const struct peer *p)
{
    (void)x;
    (void)p;
    return true;
}

static bool untried_peer(const struct exchange *x, const struct peer *p)
{
    for (unsigned i = 0; i < x->n_attempts; i++) {
        if (&x->peers[x->attempts[i].peer] == p && is_open(&x->attempts[i]))
            return false;
    }
    return p->failures == 0 && !p->unsent;
}

/* Each of the servers has said, itself or by ICMP, that there is nothing to be had from it. */
static bool all_absent(const struct exchange *x)
{
    unsigned i = 0;

    while (i < x->n_peers && (x->peers[i].absent || x->peers[i].spent))
        i++;
    return i == x->n_peers;
}

/* Some attempt may still be answered, or made. */
static bool has_hope(struct exchange *x)
{
    for (unsigned i = 0; i < x->n_attempts; i++) {
        if (is_open(&x->attempts[i]) && !x->peers[x->attempts[i].peer].spent)
            return true;
    }
    return !(x->listed && all_absent(x)) && next_peer(x, any_peer) != NULL;
}

static bool wants_edns(const struct exchange *x, const struct peer *p, const struct server_state *state,
                       nsec_t now)
{
    if (p->no_edns || server_is_plain(state, now))
        return false;
    return !p->edns_silent || state->shows_edns || x->question.dnssec_ok;
}

/* There must be an attempt left. */
static void add_attempt(struct exchange_table *t, struct exchange *x, struct peer *p, nsec_t now)
{
    const struct server_state *state = state_of(t, p);
    struct attempt *a = &x->attempts[x->n_attempts++];

    p->tcp |= x->over_tcp;
    *a = (struct attempt){
        .state = ATTEMPT_QUEUED,
        .peer = (uint8_t)(p - x->peers),
        .query = {.tcp = p->tcp,
                  .edns = wants_edns(x, p, state, now),
                  .caseless = server_is_caseless(state, now)},
        .asked_at = now,
    };
    p->unsent = false;
    x->next_at = now + x->interval;
    x->interval += x->interval_step;
    make_urgent(t, x);
}

/* Sets the timer anew, or ends the exchange if there is nothing to wait for. */
static void proceed(struct exchange_table *t, struct exchange *x)
{
    nsec_t at = next_peer(x, any_peer) && x->next_at < x->end ? x->next_at : x->end;

    if (!has_hope(x) || heap_set(&t->timers, &x->timer, at) < 0)
        end_exchange(t, x, NULL, 0);
}

/* The attempt has come to nothing: whoever has not been asked is asked at once. */
static void fall_over(struct exchange_table *t, struct exchange *x, nsec_t now)
{
    struct peer *p = next_peer(x, untried_peer);

    if (p)
        add_attempt(t, x, p, now);
    proceed(t, x);
}

/* The same server again, by TCP or without EDNS as it now says; once: not if it was told so before. */
static void ask_again(struct exchange_table *t, struct exchange *x, struct peer *p, bool *how, nsec_t now)
{
    if (!*how && x->n_attempts < EXCHANGE_ATTEMPTS_MAX) {
        *how = true;
        x->n_followups++;
        add_attempt(t, x, p, now);
    } else if (!*how) {
        p->spent = true;
    }
    proceed(t, x);
}

static void close_attempt(struct exchange_table *t, struct exchange *x, struct attempt *a)
{
    a->state = ATTEMPT_OVER;
    make_urgent(t, x);
}

static void attempt_failed(struct exchange_table *t, struct exchange *x, struct attempt *a, nsec_t now)
{
    struct peer *p = &x->peers[a->peer];

    close_attempt(t, x, a);
    server_failed(state_of(t, p), 0, now);
    if (++p->failures >= PEER_FAILURES_MAX || a->query.tcp)
        p->spent = true;
    fall_over(t, x, now);
}

/* --- the table --- */

static size_t power_of_two(size_t at_least)
{
    size_t n = BUCKETS_MIN;

    while (n < at_least)
        n *= 2;
    return n;
}

enum { COOKIE_NONCE_LEN = 4, COOKIE_MARK_LEN = CLIENT_COOKIE_LEN - COOKIE_NONCE_LEN };

/* The second half of a client cookie: what whoever has the key can compute from the first, random one. */
static void mark_cookie(const struct siphash_key *key, const uint8_t *nonce,
                        uint8_t mark[static COOKIE_MARK_LEN])
{
    uint64_t hash = siphash24(key, nonce, COOKIE_NONCE_LEN);

    memcpy(mark, &hash, COOKIE_MARK_LEN);
}

bool exchange_made_cookie(const struct siphash_key *key, const uint8_t cookie[static 8])
{
    uint8_t mark[COOKIE_MARK_LEN];

    mark_cookie(key, cookie, mark);
    return memcmp(mark, cookie + COOKIE_NONCE_LEN, COOKIE_MARK_LEN) == 0;
}

static void make_cookie(void *arg, uint8_t cookie[static CLIENT_COOKIE_LEN])
{
    const struct exchange_table *t = arg;

    t->settings.random(t->settings.arg, cookie, COOKIE_NONCE_LEN);
    mark_cookie(&t->settings.cookie_key, cookie, cookie + COOKIE_NONCE_LEN);
}

int exchange_table_new(const struct exchange_settings *settings, struct exchange_table **ret)
{
    if (settings->max == 0 || settings->max > EXCHANGE_MAX)
        return -EINVAL;
    struct exchange_table *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    size_t n_buckets = power_of_two(settings->max);
    t->buckets = calloc(n_buckets, sizeof(struct exchange *));
    if (!t->buckets) {
        free(t);
        return -ENOMEM;
    }
    t->bucket_mask = n_buckets - 1;
    t->settings = *settings;
    t->last_urgent = &t->urgent;
    t->servers.make_cookie = make_cookie;
    t->servers.arg = t;
    settings->random(settings->arg, &t->key, sizeof(t->key));
    *ret = t;
    return 0;
}

void exchange_table_free(struct exchange_table *t)
{
    if (!t)
        return;
    heap_fini(&t->timers);
    pool_fini(t);
    free(t->scratch);
    free(t->buckets);
    free(t);
}

void exchange_stats(const struct exchange_table *t, struct exchange_stats *ret)
{
    *ret = t->stats;
}

_Static_assert(EXCHANGE_SERVERS_MAX == SERVERS_MAX, "all that are remembered can be told");

unsigned exchange_servers_known(const struct exchange_table *t, nsec_t now, struct exchange_server *ret,
                                unsigned max)
{
    unsigned n = 0;

    for (; n < t->servers.count && n < max; n++) {
        const struct server_state *state = &t->servers.state[n];
        ret[n] = (struct exchange_server){
            .endpoint = state->endpoint, .rtt = state->srtt, .held_down = now < state->held_until};
    }
    return n;
}

/* --- questions --- */

static void set_question(struct exchange *x, const struct exchange_question *question, uint32_t servers_id)
{
    memcpy(x->name, question->name, question->name_len);
    x->question = *question;
    x->question.name = x->name;
    x->servers_id = servers_id;
    x->last_waiter = &x->waiters;
}

static void set_interval(struct exchange *x, nsec_t first, nsec_t total)
{
    const nsec_t n = (nsec_t)x->attempts_max - 1; /* intervals */
    const nsec_t rest = total - LAST_WAIT - n * first;

    x->interval = first;
    /* Their sum, n * first + n * (n - 1) / 2 * step, is when the last attempt leaves. */
    x->interval_step = n > 1 && rest > 0 ? rest / (n * (n - 1) / 2) : 0;
}

static struct server_order order_servers(struct exchange_table *t, const struct exchange_servers *servers,
                                         nsec_t now, struct ipendpoint list[static EXCHANGE_ATTEMPTS_MAX])
{
    uint32_t random;

    if (servers->plan.listed)
        return servers_listed(&t->servers, servers->servers, servers->count, now, list,
                              EXCHANGE_ATTEMPTS_MAX);
    t->settings.random(t->settings.arg, &random, sizeof(random));
    return servers_order(&t->servers, servers->servers, servers->count, random, now, list,
                         EXCHANGE_ATTEMPTS_MAX);
}

/* Whom to ask in which order, and how long to wait for the first. */
static void set_plan(struct exchange_table *t, struct exchange *x, const struct exchange_servers *servers,
                     nsec_t now)
{
    const struct exchange_plan *plan = &servers->plan;
    struct ipendpoint list[EXCHANGE_ATTEMPTS_MAX];
    struct server_order order = order_servers(t, servers, now, list);
    nsec_t total = plan->total > 0 ? plan->total : EXCHANGE_TOTAL;

    x->n_peers = order.count;
    for (unsigned i = 0; i < order.count; i++)
        x->peers[i].endpoint = list[i];
    x->listed = plan->listed;
    x->over_tcp = plan->tcp;
    x->attempts_max = plan->attempts > 0 ? plan->attempts : EXCHANGE_ATTEMPTS_MAX;
    if (plan->interval > 0)
        x->interval = plan->interval;
    else if (order.trial)
        set_interval(x, server_trial_wait(state_of(t, &x->peers[1])), total);
    else
        set_interval(x, server_wait(state_of(t, &x->peers[0])), total);
    x->end = now + total;
}

static void add_waiter(struct exchange *x, struct exchange_waiter *waiter)
{
    waiter->next = NULL;
    *x->last_waiter = waiter;
    x->last_waiter = &waiter->next;
    x->n_waiters++;
}

/* Waits for an exchange that is open already. */
static int join(struct exchange_table *t, struct exchange *x, struct exchange_waiter *waiter)
{
    if (x->n_waiters >= t->settings.max_waiters)
        return -EAGAIN;
    add_waiter(x, waiter);
    t->stats.asked++;
    t->stats.coalesced++;
    return 0;
}

int exchange_ask(struct exchange_table *t, const struct exchange_question *question,
                 const struct exchange_servers *servers, struct exchange_waiter *waiter, nsec_t now)
{
    if (servers->count == 0)
        return -EDESTADDRREQ;
    struct exchange **bucket = bucket_of(t, question, servers->id);
    struct exchange *x = find_exchange(bucket, question, servers->id);
    if (x)
        return join(t, x, waiter);
    int error = pool_take(t, &x);
    if (error < 0)
        return error;
    error = heap_set(&t->timers, &x->timer, now + EXCHANGE_TOTAL);
    if (error < 0) {
        pool_give(t, x);
        return error;
    }
    set_question(x, question, servers->id);
    add_waiter(x, waiter);
    x->bucket = bucket;
    x->next = *bucket;
    *bucket = x;
    set_plan(t, x, servers, now);
    t->stats.asked++;
    add_attempt(t, x, &x->peers[0], now);
    proceed(t, x);
    return 0;
}

bool exchange_is_asking(const struct exchange_table *t, const struct exchange_question *question,
                        uint32_t servers_id)
{
    return find_exchange(bucket_of(t, question, servers_id), question, servers_id) != NULL;
}

void exchange_cancel(struct exchange_table *t, const struct exchange_question *question, uint32_t servers_id)
{
    struct exchange *x = find_exchange(bucket_of(t, question, servers_id), question, servers_id);

    if (x)
        end_exchange(t, x, NULL, 0);
}

void exchange_attach(struct exchange_table *t, attempt_id attempt, void *handle)
{
    struct exchange *x;
    struct attempt *a = attempt_of(t, attempt, &x);

    if (a)
        a->handle = handle;
}

void *exchange_attached(struct exchange_table *t, attempt_id attempt)
{
    struct exchange *x;
    struct attempt *a = attempt_of(t, attempt, &x);

    return a ? a->handle : NULL;
}

/* --- what comes back --- */

/* What a reply that is believed tells about its server. */
static void learn(struct server_state *state, const struct peer *p, const struct attempt *a,
                  enum reply_kind kind, const struct reply_signs *signs, nsec_t now)
{
    nsec_t rtt = a->query.tcp ? 0 : now - a->asked_at;

    if (kind == REPLY_REFUSAL)
        server_refused(state, rtt);
    else
        server_answered(state, rtt);
    if (kind != REPLY_MISSPELLED &&
        !a->query.caseless) /* that one may be forged: the answer over TCP tells */
        server_kept_case(state, signs->keeps_case, now);
    if (signs->edns)
        server_showed_edns(state);
    if (signs->server_cookie)
        server_gave_cookie(state, signs->server_cookie, signs->server_cookie_len);
    else if (a->query.tcp && a->query.edns)
        server_gave_cookie(state, NULL, 0);
    if (kind == REPLY_ANSWER && !a->query.edns && !server_is_plain(state, now))
        server_fault_edns(state, p->no_edns, now);
}

/* What follows from it. */
static void act_on(struct exchange_table *t, struct exchange *x, struct peer *p, enum reply_kind kind,
                   nsec_t now)
{
    switch (kind) {
    case REPLY_TRUNCATED:
    case REPLY_MISSPELLED:
    case REPLY_UNSIGNED:
        ask_again(t, x, p, &p->tcp, now);
        break;
    case REPLY_NO_EDNS:
        ask_again(t, x, p, &p->no_edns, now);
        break;
    case REPLY_BAD_COOKIE:
        ask_again(t, x, p, p->fresh_cookie ? &p->tcp : &p->fresh_cookie, now);
        break;
    default:
        x->refused = true;
        p->spent = true;
        fall_over(t, x, now);
    }
}

/* Room to look at a reply of `len` bytes. */
static int reserve_scratch(struct exchange_table *t, size_t len)
{
    size_t size = reply_scratch_len(len);

    if (size <= t->scratch_size)
        return 0;
    uint8_t *scratch = realloc(t->scratch, size);
    if (!scratch)
        return -ENOMEM;
    t->scratch = scratch;
    t->scratch_size = size;
    return 0;
}

bool exchange_input(struct exchange_table *t, attempt_id attempt, const uint8_t *bytes, size_t len,
                    nsec_t now)
{
    struct exchange *x;
    struct attempt *a = attempt_of(t, attempt, &x);
    struct reply_signs signs;

    if (!a)
        return true;
    if (reserve_scratch(t, len) < 0) {
        exchange_unsent(t, attempt, now);
        return true;
    }
    struct peer *p = &x->peers[a->peer];
    struct server_state *state = state_of(t, p);
    enum reply_kind kind = reply_judge(bytes, len, &x->question, &a->query, state, t->scratch, &signs);
    if (kind == REPLY_FOREIGN || kind == REPLY_BROKEN || kind == REPLY_MISSPELLED || kind == REPLY_UNSIGNED)
        t->stats.disbelieved++;
    if (kind == REPLY_FOREIGN && !a->query.tcp)
        return false; /* somebody guesses: the answer may still come */
    if (kind == REPLY_FOREIGN || kind == REPLY_BROKEN) {
        attempt_failed(t, x, a, now);
        return kind != REPLY_FOREIGN;
    }
    learn(state, p, a, kind, &signs, now);
    close_attempt(t, x, a);
    if (kind == REPLY_ANSWER)
        end_exchange(t, x, bytes, len);
    else
        act_on(t, x, p, kind, now);
    return true;
}

void exchange_failed(struct exchange_table *t, attempt_id attempt, nsec_t now)
{
    struct exchange *x;
    struct attempt *a = attempt_of(t, attempt, &x);

    if (!a)
        return;
    x->peers[a->peer].absent = true;
    attempt_failed(t, x, a, now);
}

void exchange_unsent(struct exchange_table *t, attempt_id attempt, nsec_t now)
{
    struct exchange *x;
    struct attempt *a = attempt_of(t, attempt, &x);

    if (!a)
        return;
    struct peer *p = &x->peers[a->peer];
    t->stats.unsent++;
    close_attempt(t, x, a);
    p->unsent = true;
    p->tcp = false; /* what led to TCP will be said again */
    fall_over(t, x, now);
}

/* The same server once more; if there is an attempt left. */
static void repeat(struct exchange_table *t, struct exchange *x, struct peer *p, nsec_t now)
{
    if (x->n_attempts < EXCHANGE_ATTEMPTS_MAX) {
        x->n_followups++;
        add_attempt(t, x, p, now);
    } else {
        p->spent = true;
    }
    proceed(t, x);
}

void exchange_again(struct exchange_table *t, attempt_id attempt, nsec_t now)
{
    struct exchange *x;
    struct attempt *a = attempt_of(t, attempt, &x);

    if (!a)
        return;
    close_attempt(t, x, a);
    repeat(t, x, &x->peers[a->peer], now);
}

void exchange_guessed(struct exchange_table *t, attempt_id attempt, nsec_t now)
{
    struct exchange *x;
    struct attempt *a = attempt_of(t, attempt, &x);

    if (!a)
        return;
    struct peer *p = &x->peers[a->peer];
    t->stats.guessed++;
    close_attempt(t, x, a);
    ask_again(t, x, p, &p->tcp, now);
}

/* --- time --- */

/* Its timer has come: the attempt made last was silent for its interval. */
static void silence(struct exchange_table *t, struct exchange *x, nsec_t now)
{
    struct attempt *last = &x->attempts[x->n_attempts - 1];
    struct peer *silent = &x->peers[last->peer];

    if (is_open(last)) {
        server_failed(state_of(t, silent), now - last->asked_at, now);
        silent->edns_silent |= last->query.edns && !last->query.tcp;
    }
    struct peer *p = next_peer(x, any_peer);
    if (now >= x->end || !p) {
        end_exchange(t, x, NULL, 0);
        return;
    }
    add_attempt(t, x, p, now);
    proceed(t, x);
}

void exchange_timeout(struct exchange_table *t, nsec_t now)
{
    while (heap_deadline(&t->timers) <= now)
        silence(t, (struct exchange *)heap_first(&t->timers), now);
}

nsec_t exchange_deadline(const struct exchange_table *t)
{
    return heap_deadline(&t->timers);
}

void exchange_abandon(struct exchange_table *t)
{
    struct heap_node *first;

    while ((first = heap_first(&t->timers)))
        end_exchange(t, (struct exchange *)first, NULL, 0);
}
