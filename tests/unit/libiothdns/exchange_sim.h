/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A simulated network for the exchange core: a virtual clock, packets that take time and get lost, servers
 * that are C functions. The driver at the bottom of it (sim_drain, sim_run) checks in every test what must
 * always hold: each attempt is sent once and closed once, before the end of its exchange is told; nothing is
 * sent for a question that nobody waits for; every waiter is told once, by EXCHANGE_TOTAL or what the plan says; the deadline is
 * kept.
 */
#ifndef EXCHANGE_SIM_H
#define EXCHANGE_SIM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "libiothdns/exchange.h"

#define MSEC NSEC_PER_MSEC

enum {
    N_SERVERS = 12,
    SOCKETS_MAX = 65536, /* of one simulation, closed ones counted */
    PACKET_MAX = 700,
    FIRST_PORT = 5000, /* server i has this port + i */
};

/* --- the simulated network --- */

struct sim;

struct query {
    attempt_id attempt;
    unsigned server;
    bool tcp, open;
    nsec_t at;
    uint8_t bytes[PACKET_MAX];
    size_t len;
};

typedef void server_fn(struct sim *sim, const struct query *q);

struct packet {
    struct heap_node due;
    attempt_id attempt;
    /* Instead of a message: exchange_failed or the like. */
    void (*end)(struct exchange_table *t, attempt_id attempt, nsec_t now);
    uint8_t bytes[PACKET_MAX];
    size_t len;
};

struct ask {
    struct exchange_waiter waiter;
    struct sim *sim;
    uint8_t name[DNAME_MAX];
    uint16_t type;
    nsec_t asked_at, done_at;
    bool waits, answered;
    enum exchange_failure failure;
    uint8_t reply[PACKET_MAX];
    size_t reply_len;
};

struct sim {
    struct exchange_table *table;
    nsec_t now;
    uint64_t random;
    unsigned loss_percent;
    struct heap packets;
    server_fn *servers[N_SERVERS];
    struct ipendpoint endpoints[N_SERVERS];
    struct exchange_servers list;
    struct query **queries; /* in the order in which they were sent */
    unsigned n_queries, n_open;
    unsigned asked_of[N_SERVERS]; /* messages that were sent to each */
    unsigned n_waiting;
};

static inline uint64_t next_random(struct sim *sim)
{
    sim->random ^= sim->random << 13;
    sim->random ^= sim->random >> 7;
    sim->random ^= sim->random << 17;
    return sim->random;
}

static inline void random_bytes(void *arg, void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)(next_random(arg) >> 32);
}

static const struct siphash_key sim_cookie_key = {{3, 4}};

/* The first n of the servers are asked. */
static inline struct sim *sim_new(uint64_t seed, unsigned n_servers, uint32_t max, uint32_t max_waiters)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    assert_non_null(sim);
    sim->random = seed * 0x9e3779b97f4a7c15 + 1;
    sim->now = 1000 * NSEC_PER_SEC;
    sim->queries = calloc(SOCKETS_MAX, sizeof(struct query *));
    for (unsigned i = 0; i < N_SERVERS; i++) {
        assert_int_equal(ipaddr_parse("192.0.2.1", 9, &sim->endpoints[i].addr), 0);
        sim->endpoints[i].port = (uint16_t)(FIRST_PORT + i);
    }
    sim->list = (struct exchange_servers){.id = 7, .count = n_servers, .servers = sim->endpoints};
    struct exchange_settings settings = {.max = max,
                                         .max_waiters = max_waiters,
                                         .random = random_bytes,
                                         .arg = sim,
                                         .cookie_key = sim_cookie_key};
    assert_int_equal(exchange_table_new(&settings, &sim->table), 0);
    return sim;
}

static inline void packet_send(struct sim *sim, const struct query *q, const struct packet *packet,
                               nsec_t delay)
{
    struct packet *p = malloc(sizeof(*p));
    assert_non_null(p);
    *p = *packet;
    p->due = (struct heap_node){0};
    p->attempt = q->attempt;
    assert_int_equal(heap_set(&sim->packets, &p->due, sim->now + delay), 0);
}

static inline bool lost(struct sim *sim, const struct query *q)
{
    return !q->tcp && next_random(sim) % 100 < sim->loss_percent;
}

static inline void sim_reply(struct sim *sim, const struct query *q, const uint8_t *bytes, size_t len,
                             nsec_t delay)
{
    struct packet p = {.len = len};
    assert_true(len <= sizeof(p.bytes));
    memcpy(p.bytes, bytes, len);
    if (!lost(sim, q))
        packet_send(sim, q, &p, delay);
}

/* Its socket ends as `end` tells: exchange_failed or the like. */
static inline void sim_end(struct sim *sim, const struct query *q,
                           void (*end)(struct exchange_table *t, attempt_id attempt, nsec_t now),
                           nsec_t delay)
{
    packet_send(sim, q, &(struct packet){.end = end}, delay);
}

static inline void sim_fail(struct sim *sim, const struct query *q, nsec_t delay)
{
    sim_end(sim, q, exchange_failed, delay);
}

static inline struct query *query_of(struct sim *sim, attempt_id attempt)
{
    for (unsigned i = sim->n_queries; i-- > 0;) {
        if (sim->queries[i]->attempt == attempt)
            return sim->queries[i];
    }
    return NULL;
}

static inline void on_send(struct sim *sim, const struct exchange_event *e)
{
    assert_null(query_of(sim, e->attempt));
    assert_true(e->attempt != 0);
    assert_true(sim->n_waiting > 0);
    assert_true(sim->n_queries < SOCKETS_MAX && e->len <= PACKET_MAX);
    struct query *q = calloc(1, sizeof(*q));
    assert_non_null(q);
    *q = (struct query){.attempt = e->attempt,
                        .server = (unsigned)(e->server.port - FIRST_PORT),
                        .tcp = e->tcp,
                        .open = true,
                        .at = sim->now,
                        .len = e->len};
    assert_true(q->server < N_SERVERS);
    memcpy(q->bytes, e->bytes, e->len);
    sim->queries[sim->n_queries++] = q;
    sim->n_open++;
    sim->asked_of[q->server]++;
    if (sim->servers[q->server] && !lost(sim, q))
        sim->servers[q->server](sim, q);
}

static inline void on_close(struct sim *sim, const struct exchange_event *e)
{
    struct query *q = query_of(sim, e->attempt);
    assert_non_null(q);
    assert_true(q->open);
    q->open = false;
    sim->n_open--;
}

/* The message asks that question, as far as tests have questions that differ. */
static inline bool asks(const struct query *q, const struct exchange_question *question)
{
    const uint8_t *name = q->bytes + DNS_HEADER_LEN;
    size_t len = dname_len(name);

    return dname_equal(name, len, question->name, question->name_len) &&
           get_be16(name + len) == question->type &&
           !(get_be16(q->bytes + 2) & DNS_CD) == !question->checking_disabled &&
           !(get_be16(q->bytes + 2) & DNS_AD) == !question->authentic_data;
}

static inline nsec_t total_of(const struct sim *sim)
{
    return sim->list.plan.total > 0 ? sim->list.plan.total : EXCHANGE_TOTAL;
}

static inline void on_done(struct sim *sim, const struct exchange_event *e)
{
    unsigned n = 0;

    for (unsigned i = 0; i < sim->n_queries; i++)
        assert_false(sim->queries[i]->open && asks(sim->queries[i], &e->question));
    for (struct exchange_waiter *w = e->waiters; w; w = w->next, n++) {
        struct ask *ask = (struct ask *)w;
        assert_true(ask->waits);
        assert_ptr_equal(ask->sim, sim);
        assert_true(sim->now <= ask->asked_at + total_of(sim));
        assert_memory_equal(e->question.name, ask->name, e->question.name_len);
        assert_int_equal(e->question.type, ask->type);
        assert_int_equal(e->servers_id, sim->list.id);
        ask->waits = false;
        ask->done_at = sim->now;
        ask->answered = e->reply != NULL;
        ask->failure = e->failure;
        ask->reply_len = e->reply_len;
        if (e->reply)
            memcpy(ask->reply, e->reply, e->reply_len);
        sim->n_waiting--;
    }
    assert_true(n > 0);
}

static inline void sim_drain(struct sim *sim)
{
    struct exchange_event e;

    while (exchange_next(sim->table, &e) != EXCHANGE_NONE) {
        if (e.kind == EXCHANGE_SEND)
            on_send(sim, &e);
        else if (e.kind == EXCHANGE_CLOSE)
            on_close(sim, &e);
        else
            on_done(sim, &e);
    }
}

/* Delivers what is next, or lets the table's deadline come. False: nothing will ever happen, or not by
 * `until`. */
static inline bool sim_step(struct sim *sim, nsec_t until)
{
    nsec_t packet_at = heap_deadline(&sim->packets), timer_at = exchange_deadline(sim->table);

    if ((packet_at == NSEC_NEVER && timer_at == NSEC_NEVER) || (packet_at > until && timer_at > until))
        return false;
    if (timer_at <= packet_at) {
        sim->now = timer_at;
        exchange_timeout(sim->table, sim->now);
        assert_true(exchange_deadline(sim->table) > sim->now);
        sim_drain(sim);
        return true;
    }
    struct packet *p = (struct packet *)heap_first(&sim->packets);
    heap_remove(&sim->packets, &p->due);
    sim->now = packet_at;
    if (p->end)
        p->end(sim->table, p->attempt, sim->now);
    else
        exchange_input(sim->table, p->attempt, p->bytes, p->len, sim->now);
    sim_drain(sim);
    free(p);
    return true;
}

static inline void sim_run(struct sim *sim)
{
    while (sim_step(sim, NSEC_NEVER))
        continue;
    assert_int_equal(sim->n_waiting, 0);
    assert_int_equal(sim->n_open, 0);
}

static inline void sim_run_until(struct sim *sim, nsec_t until)
{
    while (sim_step(sim, until))
        continue;
    sim->now = until;
}

static inline void sim_free(struct sim *sim)
{
    struct heap_node *due;

    assert_int_equal(sim->n_waiting, 0);
    assert_int_equal(sim->n_open, 0);
    while ((due = heap_first(&sim->packets))) {
        heap_remove(&sim->packets, due);
        free(due);
    }
    heap_fini(&sim->packets);
    for (unsigned i = 0; i < sim->n_queries; i++)
        free(sim->queries[i]);
    free(sim->queries);
    exchange_table_free(sim->table);
    free(sim);
}

static inline struct exchange_question question_of(const struct ask *ask)
{
    return (struct exchange_question){.name = ask->name,
                                      .name_len = (uint8_t)dname_len(ask->name),
                                      .type = ask->type,
                                      .class = CLASS_IN,
                                      .dnssec_ok = true};
}

static inline int sim_try_question(struct sim *sim, struct ask *ask, const struct exchange_question *question)
{
    ask->sim = sim;
    ask->asked_at = sim->now;
    int error = exchange_ask(sim->table, question, &sim->list, &ask->waiter, sim->now);
    if (error == 0) {
        ask->waits = true;
        sim->n_waiting++;
    }
    sim_drain(sim);
    return error;
}

static inline int sim_try(struct sim *sim, struct ask *ask, const char *name)
{
    *ask = (struct ask){.type = RR_A};
    assert_true(dname_from_text(name, strlen(name), ask->name) > 0);
    struct exchange_question question = question_of(ask);
    return sim_try_question(sim, ask, &question);
}

static inline void sim_ask(struct sim *sim, struct ask *ask, const char *name)
{
    assert_int_equal(sim_try(sim, ask, name), 0);
}

/* Asks for example.org and waits for the end: what has become of it. */
static inline struct ask sim_resolve(struct sim *sim)
{
    struct ask ask;

    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    return ask;
}

static inline struct exchange_stats stats_of(const struct sim *sim)
{
    struct exchange_stats stats;
    exchange_stats(sim->table, &stats);
    return stats;
}

/* --- replies --- */

enum { DELAY = 20 * (int)MSEC };

/* A reply to q: flags and rcode as given, the question as asked, n addresses 192.0.2.1. Returns its length.
 */
static inline size_t make_reply(const struct query *q, uint16_t flags, unsigned n,
                                uint8_t out[static PACKET_MAX])
{
    static const uint8_t addr[] = {192, 0, 2, 1};
    struct reader r = reader_of(q->bytes, q->len);
    struct dns_header header = dns_read_header(&r);
    struct dns_question question;
    struct dns_writer dw;

    dns_read_question(&r, &question);
    dns_writer_init(&dw, out, PACKET_MAX, header.id, (uint16_t)(DNS_QR | DNS_RD | DNS_RA | flags));
    assert_int_equal(dns_put_question(&dw, question.name, question.type, question.class), 0);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(dns_put_rr(&dw, DNS_ANSWER, question.name, RR_A, CLASS_IN, 60, addr, sizeof(addr)),
                         0);
    return dns_finish(&dw);
}

static inline void reply_flags(struct sim *sim, const struct query *q, uint16_t flags, unsigned n,
                               nsec_t delay)
{
    uint8_t bytes[PACKET_MAX];
    size_t len = make_reply(q, flags, n, bytes);
    sim_reply(sim, q, bytes, len, delay);
}

/* --- servers --- */

static inline void good_server(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, 0, 1, DELAY);
}

static inline void servfail_server(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, RCODE_SERVFAIL, 0, DELAY);
}

static inline void truncating_server(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, q->tcp ? 0 : DNS_TC, q->tcp ? 1 : 0, DELAY);
}

/* Nobody is at the port, as ICMP tells. */
static inline void absent_server(struct sim *sim, const struct query *q)
{
    sim_fail(sim, q, DELAY);
}

static inline bool has_opt(const struct query *q)
{
    return get_be16(q->bytes + 10) > 0;
}

#endif
