/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The exchange table: questions that are being asked, found by what they ask (to let equal questions wait
 * together) and by their attempts (to find whom a reply concerns), and a heap of their deadlines.
 *
 * Plan of an exchange. The first attempt goes to the first server at once, the next when `interval` has
 * passed in silence, to the next server, round and round. The first interval is 300 ms, or four round trips
 * of the server within 150..400 ms; the following ones change by equal steps such that the tenth attempt
 * leaves at 3.3 s and still has 0.4 s to be answered. A refusal or a failure does not wait: a server not yet
 * asked is asked at once.
 *
 * With half of all packets lost an attempt succeeds if its query and its reply arrive: one in four. All ten
 * fail with a chance of (3/4)^10 = 0.056, so 94 % of the questions are answered, of two servers or of one.
 * With one packet in ten lost all are but 6 in 10^8.
 *
 * A server is `spent` for an exchange when asking it again is of no use: it refused, or failed twice, or
 * failed over TCP. An exchange ends with the first believed answer; or fails, at its end of time, or when all
 * servers are spent, or when no attempt is open and none is left.
 *
 * Events. Each exchange with something to say stands once in a queue; what it has to say is read off its
 * state: open attempts of an ended exchange are to be closed, queued attempts of a running one to be sent. So
 * nothing is allocated for an event, none is lost, and nothing is sent after the end. A delivered exchange
 * goes back to the pool at the next exchange_next, not before: its waiters may ask new questions while they
 * look at their answer.
 *
 * Exchanges live in chunks that are allocated as they are needed, up to `max`, and never move or go back. An
 * attempt_id is generation, slot and attempt: an id comes again after 2^36 exchanges in the same slot, when
 * nobody remembers it.
 */
#include "libiothdns/exchange.h"

#include "base/heap.h"
#include "base/siphash.h"
#include "libiothdns/exchange_message.h"
#include "libiothdns/exchange_servers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_UNKNOWN (300 * NSEC_PER_MSEC)
#define INTERVAL_MIN     (150 * NSEC_PER_MSEC)
#define INTERVAL_MAX     (400 * NSEC_PER_MSEC)
#define INTERVAL_RTTS    4
/* When the last attempt leaves. */
#define LAST_ATTEMPT (EXCHANGE_TOTAL - 400 * NSEC_PER_MSEC)

/* Socket failures and broken replies after which a server is not asked again. The second chance is for what
 * passes: no descriptor left, a server that is just starting. */
#define PEER_FAILURES_MAX 2

enum {
    CHUNK = 64,       /* exchanges allocated at once */
    ATTEMPT_BITS = 4, /* of an attempt_id */
    SLOT_BITS = 24,
};

enum attempt_state {
    ATTEMPT_QUEUED, /* to be sent */
    ATTEMPT_OPEN,   /* sent: the driver holds a socket for it */
    ATTEMPT_OVER,   /* to be closed by the driver */
    ATTEMPT_CLOSED,
};

struct attempt {
    enum attempt_state state;
    uint8_t peer;
    struct query_sent query;
    nsec_t asked_at;
    void *handle; /* the driver's */
};

/* A server as one exchange sees it. */
struct peer {
    struct ipendpoint endpoint;
    uint8_t failures;
    bool spent;
    bool tcp;     /* is being asked over TCP */
    bool no_edns; /* did not understand EDNS */
};

struct exchange {
    struct heap_node timer;       /* the first member: a node of the heap is its exchange */
    struct exchange *next;        /* in its bucket, or in the list of free ones */
    struct exchange *next_urgent; /* in the queue of those that have events */
    bool urgent;
    bool ended;
    uint32_t slot;
    uint64_t generation;

    struct exchange_question question; /* its name is the next member */
    uint8_t name[DNAME_MAX];
    uint32_t servers_id;
    struct exchange_waiter *waiters, **last_waiter;
    uint32_t n_waiters;

    nsec_t end;      /* of its time */
    nsec_t next_at;  /* the next attempt */
    nsec_t interval; /* to the attempt after it */
    nsec_t interval_step;
    unsigned n_peers, n_attempts;
    struct peer peers[EXCHANGE_ATTEMPTS_MAX];
    struct attempt attempts[EXCHANGE_ATTEMPTS_MAX];

    const uint8_t *reply; /* the driver's; NULL: failure */
    size_t reply_len;
};

struct exchange_table {
    struct exchange_settings settings;
    struct siphash_key key;
    struct heap timers;
    struct exchange **buckets;
    size_t bucket_mask;
    struct exchange **chunks;
    uint32_t n_chunks;
    struct exchange *free;
    struct exchange *urgent, **last_urgent;
    struct exchange *delivered; /* its DONE was the last event */
    struct exchange_stats stats;
    struct server_states servers;
    uint8_t message[QUERY_LEN_MAX]; /* of the last SEND event */
    uint8_t scratch[RDATA_MAX];
};

_Static_assert(EXCHANGE_ATTEMPTS_MAX <= 1 << ATTEMPT_BITS, "attempts are numbered in an attempt_id");
_Static_assert(EXCHANGE_ATTEMPTS_MAX <= SERVERS_MAX, "all servers of an exchange can be remembered at once");

/* --- the pool --- */

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static int grow_pool(struct exchange_table *t)
{
    uint32_t first = t->n_chunks * CHUNK;

    if (first >= t->settings.max)
        return -EAGAIN;
    struct exchange **chunks = reallocarray(t->chunks, t->n_chunks + 1, sizeof(struct exchange *));
    if (!chunks)
        return -ENOMEM;
    t->chunks = chunks;
    struct exchange *chunk = calloc(CHUNK, sizeof(struct exchange));
    if (!chunk)
        return -ENOMEM;
    t->chunks[t->n_chunks++] = chunk;
    for (uint32_t i = min_u32(CHUNK, t->settings.max - first); i-- > 0;) {
        chunk[i] = (struct exchange){.slot = first + i, .next = t->free};
        t->free = &chunk[i];
    }
    return 0;
}

static int pool_take(struct exchange_table *t, struct exchange **ret)
{
    if (!t->free) {
        int error = grow_pool(t);
        if (error < 0)
            return error;
    }
    struct exchange *x = t->free;
    t->free = x->next;
    *x = (struct exchange){.slot = x->slot, .generation = x->generation + 1};
    *ret = x;
    return 0;
}

static void pool_give(struct exchange_table *t, struct exchange *x)
{
    x->next = t->free;
    t->free = x;
}

static attempt_id id_of(const struct exchange *x, const struct attempt *a)
{
    return x->generation << (SLOT_BITS + ATTEMPT_BITS) | (uint64_t)x->slot << ATTEMPT_BITS |
           (uint64_t)(a - x->attempts);
}

/* The open attempt of that id, and its exchange; NULL: there is none. */
static struct attempt *attempt_of(struct exchange_table *t, attempt_id id, struct exchange **ret)
{
    uint32_t slot = (uint32_t)(id >> ATTEMPT_BITS) & ((1U << SLOT_BITS) - 1);
    unsigned number = (unsigned)id & ((1U << ATTEMPT_BITS) - 1);

    if (slot / CHUNK >= t->n_chunks)
        return NULL;
    struct exchange *x = &t->chunks[slot / CHUNK][slot % CHUNK];
    if (number >= x->n_attempts)
        return NULL;
    struct attempt *a = &x->attempts[number];
    if (x->ended || id_of(x, a) != id || a->state != ATTEMPT_OPEN)
        return NULL;
    *ret = x;
    return a;
}

/* --- questions --- */

static struct exchange **bucket_of(const struct exchange_table *t, const struct exchange_question *q,
                                   uint32_t servers_id)
{
    uint8_t key[DNAME_MAX + 9];
    struct writer w = writer_of(key, sizeof(key));

    writer_put(&w, q->name, q->name_len);
    writer_u32(&w, servers_id);
    writer_u16(&w, q->type);
    writer_u16(&w, q->class);
    writer_u8(&w, (uint8_t)(q->dnssec_ok | q->checking_disabled << 1));
    return &t->buckets[siphash(&t->key, key, w.pos) & t->bucket_mask];
}

static bool asks(const struct exchange *x, const struct exchange_question *q, uint32_t servers_id)
{
    const struct exchange_question *own = &x->question;

    return x->servers_id == servers_id && own->type == q->type && own->class == q->class &&
           own->dnssec_ok == q->dnssec_ok && own->checking_disabled == q->checking_disabled &&
           own->name_len == q->name_len && memcmp(own->name, q->name, q->name_len) == 0;
}

static void forget_question(struct exchange_table *t, struct exchange *x)
{
    struct exchange **at = bucket_of(t, &x->question, x->servers_id);

    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
}

static void add_waiter(struct exchange *x, struct exchange_waiter *waiter)
{
    waiter->next = NULL;
    *x->last_waiter = waiter;
    x->last_waiter = &waiter->next;
    x->n_waiters++;
}

/* --- what an exchange does next --- */

static void make_urgent(struct exchange_table *t, struct exchange *x)
{
    if (x->urgent)
        return;
    x->urgent = true;
    x->next_urgent = NULL;
    *t->last_urgent = x;
    t->last_urgent = &x->next_urgent;
}

/* reply NULL: failure. */
static void end_exchange(struct exchange_table *t, struct exchange *x, const uint8_t *reply, size_t len)
{
    heap_remove(&t->timers, &x->timer);
    forget_question(t, x);
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

    if (x->n_attempts == EXCHANGE_ATTEMPTS_MAX)
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

static bool is_open(const struct attempt *a)
{
    return a->state == ATTEMPT_QUEUED || a->state == ATTEMPT_OPEN;
}

static bool untried_peer(const struct exchange *x, const struct peer *p)
{
    for (unsigned i = 0; i < x->n_attempts; i++) {
        if (&x->peers[x->attempts[i].peer] == p && is_open(&x->attempts[i]))
            return false;
    }
    return p->failures == 0;
}

/* Some attempt may still be answered, or made. */
static bool has_hope(struct exchange *x)
{
    for (unsigned i = 0; i < x->n_attempts; i++) {
        if (is_open(&x->attempts[i]) && !x->peers[x->attempts[i].peer].spent)
            return true;
    }
    return next_peer(x, any_peer) != NULL;
}

/* There must be an attempt left. */
static void add_attempt(struct exchange_table *t, struct exchange *x, struct peer *p, nsec_t now)
{
    struct attempt *a = &x->attempts[x->n_attempts++];

    *a = (struct attempt){
        .state = ATTEMPT_QUEUED,
        .peer = (uint8_t)(p - x->peers),
        .query = {.tcp = p->tcp, .edns = !p->no_edns},
        .asked_at = now,
    };
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
    servers_failed(&t->servers, &p->endpoint, now);
    if (++p->failures >= PEER_FAILURES_MAX || a->query.tcp)
        p->spent = true;
    fall_over(t, x, now);
}

/* --- public --- */

static size_t power_of_two(size_t at_least)
{
    size_t n = CHUNK;

    while (n < at_least)
        n *= 2;
    return n;
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
    settings->random(settings->arg, &t->key, sizeof(t->key));
    *ret = t;
    return 0;
}

void exchange_table_free(struct exchange_table *t)
{
    if (!t)
        return;
    heap_fini(&t->timers);
    for (uint32_t i = 0; i < t->n_chunks; i++)
        free(t->chunks[i]);
    free(t->chunks);
    free(t->buckets);
    free(t);
}

static void set_question(struct exchange *x, const struct exchange_question *question, uint32_t servers_id)
{
    memcpy(x->name, question->name, question->name_len);
    x->question = *question;
    x->question.name = x->name;
    x->servers_id = servers_id;
    x->last_waiter = &x->waiters;
}

static void set_peers(struct exchange_table *t, struct exchange *x, const struct exchange_servers *servers,
                      nsec_t now)
{
    struct ipendpoint order[EXCHANGE_ATTEMPTS_MAX];

    x->n_peers =
        servers_order(&t->servers, servers->servers, servers->count, now, order, EXCHANGE_ATTEMPTS_MAX);
    for (unsigned i = 0; i < x->n_peers; i++)
        x->peers[i].endpoint = order[i];
}

static void set_plan(struct exchange_table *t, struct exchange *x, nsec_t now)
{
    nsec_t srtt = servers_srtt(&t->servers, &x->peers[0].endpoint);
    nsec_t first = srtt > 0 ? srtt * INTERVAL_RTTS : INTERVAL_UNKNOWN;
    const nsec_t n = EXCHANGE_ATTEMPTS_MAX - 1; /* intervals */

    if (first < INTERVAL_MIN)
        first = INTERVAL_MIN;
    if (first > INTERVAL_MAX)
        first = INTERVAL_MAX;
    x->interval = first;
    /* Their sum, n * first + n * (n - 1) / 2 * step, is LAST_ATTEMPT. */
    x->interval_step = (LAST_ATTEMPT - n * first) / (n * (n - 1) / 2);
    x->end = now + EXCHANGE_TOTAL;
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
    for (struct exchange *other = *bucket; other; other = other->next) {
        if (asks(other, question, servers->id))
            return join(t, other, waiter);
    }
    struct exchange *x;
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
    x->next = *bucket;
    *bucket = x;
    set_peers(t, x, servers, now);
    set_plan(t, x, now);
    t->stats.asked++;
    add_attempt(t, x, &x->peers[0], now);
    proceed(t, x);
    return 0;
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

void exchange_input(struct exchange_table *t, attempt_id attempt, const uint8_t *bytes, size_t len,
                    nsec_t now)
{
    struct exchange *x;
    struct attempt *a = attempt_of(t, attempt, &x);

    if (!a)
        return;
    struct peer *p = &x->peers[a->peer];
    enum reply_kind kind = reply_judge(bytes, len, &x->question, &a->query, t->scratch);
    if (kind == REPLY_FOREIGN || kind == REPLY_BROKEN || kind == REPLY_MISSPELLED)
        t->stats.disbelieved++;
    if (kind == REPLY_FOREIGN && !a->query.tcp)
        return; /* somebody guesses: the answer may still come */
    if (kind == REPLY_FOREIGN || kind == REPLY_BROKEN) {
        attempt_failed(t, x, a, now);
        return;
    }
    servers_answered(&t->servers, &p->endpoint, a->query.tcp ? 0 : now - a->asked_at);
    close_attempt(t, x, a);
    switch (kind) {
    case REPLY_ANSWER:
        end_exchange(t, x, bytes, len);
        break;
    case REPLY_TRUNCATED:
    case REPLY_MISSPELLED:
        ask_again(t, x, p, &p->tcp, now);
        break;
    case REPLY_NO_EDNS:
        ask_again(t, x, p, &p->no_edns, now);
        break;
    default:
        p->spent = true;
        fall_over(t, x, now);
    }
}

void exchange_failed(struct exchange_table *t, attempt_id attempt, nsec_t now)
{
    struct exchange *x;
    struct attempt *a = attempt_of(t, attempt, &x);

    if (a)
        attempt_failed(t, x, a, now);
}

/* Its timer has come: the attempt made last was silent for its interval. */
static void silence(struct exchange_table *t, struct exchange *x, nsec_t now)
{
    struct attempt *last = &x->attempts[x->n_attempts - 1];

    if (is_open(last))
        servers_failed(&t->servers, &x->peers[last->peer].endpoint, now);
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

void exchange_stats(const struct exchange_table *t, struct exchange_stats *ret)
{
    *ret = t->stats;
}

/* --- events --- */

static struct attempt *attempt_to_close(struct exchange *x)
{
    for (unsigned i = 0; i < x->n_attempts; i++) {
        struct attempt *a = &x->attempts[i];
        if (a->state == ATTEMPT_OVER || (x->ended && a->state == ATTEMPT_OPEN))
            return a;
    }
    return NULL;
}

static struct attempt *attempt_to_send(struct exchange *x)
{
    for (unsigned i = 0; i < x->n_attempts; i++) {
        if (x->attempts[i].state == ATTEMPT_QUEUED && !x->ended)
            return &x->attempts[i];
    }
    return NULL;
}

/* What it needs of randomness: an id, and a bit for each byte of the name. */
static void draw(const struct exchange_table *t, const struct exchange *x, struct query_sent *query)
{
    uint8_t bytes[sizeof(query->id) + SPELLING_LEN];
    size_t spelling_len = (x->question.name_len + 7U) / 8;

    t->settings.random(t->settings.arg, bytes, sizeof(query->id) + spelling_len);
    memcpy(&query->id, bytes, sizeof(query->id));
    memcpy(query->spelling, bytes + sizeof(query->id), spelling_len);
}

static struct exchange_event send_event(struct exchange_table *t, struct exchange *x, struct attempt *a)
{
    a->state = ATTEMPT_OPEN;
    if (a->query.tcp)
        t->stats.sent_tcp++;
    else
        t->stats.sent_udp++;
    draw(t, x, &a->query);
    return (struct exchange_event){
        .kind = EXCHANGE_SEND,
        .attempt = id_of(x, a),
        .tcp = a->query.tcp,
        .server = x->peers[a->peer].endpoint,
        .bytes = t->message,
        .len = query_write(&x->question, &a->query, t->message),
    };
}

static struct exchange_event close_event(struct exchange *x, struct attempt *a)
{
    a->state = ATTEMPT_CLOSED;
    return (struct exchange_event){.kind = EXCHANGE_CLOSE, .attempt = id_of(x, a), .handle = a->handle};
}

static struct exchange_event done_event(const struct exchange *x)
{
    return (struct exchange_event){
        .kind = EXCHANGE_DONE,
        .waiters = x->waiters,
        .question = x->question,
        .servers_id = x->servers_id,
        .reply = x->reply,
        .reply_len = x->reply_len,
    };
}

/* Takes the first exchange out of the queue. */
static void calm_down(struct exchange_table *t)
{
    struct exchange *x = t->urgent;

    t->urgent = x->next_urgent;
    if (!t->urgent)
        t->last_urgent = &t->urgent;
    x->urgent = false;
}

enum exchange_event_kind exchange_next(struct exchange_table *t, struct exchange_event *ret)
{
    struct exchange *x;
    struct attempt *a;

    if (t->delivered)
        pool_give(t, t->delivered);
    t->delivered = NULL;
    while ((x = t->urgent)) {
        if ((a = attempt_to_close(x))) {
            *ret = close_event(x, a);
            return ret->kind;
        }
        if ((a = attempt_to_send(x))) {
            *ret = send_event(t, x, a);
            return ret->kind;
        }
        calm_down(t);
        if (x->ended) {
            t->delivered = x;
            *ret = done_event(x);
            return ret->kind;
        }
    }
    *ret = (struct exchange_event){.kind = EXCHANGE_NONE};
    return EXCHANGE_NONE;
}
