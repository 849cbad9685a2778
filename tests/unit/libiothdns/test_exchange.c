/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan of an exchange, on a simulated network: whom it asks when, what it makes of silence, refusals, truncation. */
#include "exchange_sim.h"

/* --- servers --- */

static void slow_server(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, 0, 1, 1000 * MSEC);
}

static void nxdomain_server(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, RCODE_NXDOMAIN, 0, DELAY);
}

static void truncating_without_tcp(struct sim *sim, const struct query *q)
{
    if (q->tcp)
        absent_server(sim, q);
    else
        truncating_server(sim, q);
}

static void truncating_always(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, DNS_TC, 0, DELAY);
}

static void formerr_server(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, RCODE_FORMERR, 0, DELAY);
}

/* As servers do that are older than EDNS: the query comes back with FORMERR, counts and all. */
static void old_server(struct sim *sim, const struct query *q)
{
    uint8_t bytes[PACKET_MAX];

    if (!has_opt(q)) {
        good_server(sim, q);
        return;
    }
    size_t len = make_reply(q, RCODE_FORMERR, 0, bytes);
    put_be16(bytes + 10, 1);
    sim_reply(sim, q, bytes, len, DELAY);
}

/* ... or the header alone. */
static void older_server(struct sim *sim, const struct query *q)
{
    uint8_t bytes[PACKET_MAX];

    if (!has_opt(q)) {
        good_server(sim, q);
        return;
    }
    make_reply(q, RCODE_FORMERR, 0, bytes);
    memset(bytes + 4, 0, 8);
    sim_reply(sim, q, bytes, DNS_HEADER_LEN, DELAY);
}

static void badvers_server(struct sim *sim, const struct query *q)
{
    uint8_t bytes[PACKET_MAX];
    struct dns_writer dw;
    struct reader r = reader_of(q->bytes, q->len);
    struct dns_header header = dns_read_header(&r);
    struct dns_question question;

    if (!has_opt(q)) {
        good_server(sim, q);
        return;
    }
    dns_read_question(&r, &question);
    dns_writer_init(&dw, bytes, sizeof(bytes), header.id, DNS_QR);
    dns_reserve_opt(&dw, 0);
    assert_int_equal(dns_put_question(&dw, question.name, question.type, question.class), 0);
    assert_int_equal(dns_put_opt(&dw, RCODE_BADVERS, false, NULL, 0), 0);
    sim_reply(sim, q, bytes, dns_finish(&dw), DELAY);
}

/* --- one question --- */

static void test_answer(void **state)
{
    (void)state;
    struct sim *sim = sim_new(1, 2, 100, 10);

    sim->servers[0] = good_server;
    struct ask ask = sim_resolve(sim);
    assert_true(ask.answered);
    assert_int_equal(ask.done_at - ask.asked_at, DELAY);
    assert_int_equal(sim->n_queries, 1);
    struct exchange_stats stats = stats_of(sim);
    assert_int_equal(stats.asked, 1);
    assert_int_equal(stats.answered, 1);
    assert_int_equal(stats.sent_udp, 1);
    assert_int_equal(stats.disbelieved + stats.failed + stats.sent_tcp + stats.coalesced, 0);
    sim_free(sim);
}

/* What becomes of a question, after how long, and how many messages over UDP and TCP that takes. */
static void test_outcomes(void **state)
{
    static const struct {
        const char *what;
        unsigned n_servers;
        server_fn *servers[3]; /* NULL: silent */
        bool answered;
        nsec_t after;
        unsigned n_udp, n_tcp;
    } rows[] = {
        {"no such name is an answer", 1, {nxdomain_server}, true, DELAY, 1, 0},
        {"silence, then an answer", 2, {NULL, good_server}, true, 300 * MSEC + DELAY, 2, 0},
        {"a failure, then an answer", 2, {servfail_server, good_server}, true, 2 * DELAY, 2, 0},
        {"all fail", 3, {servfail_server, servfail_server, servfail_server}, false, 3 * DELAY, 3, 0},
        {"nobody at the port, then an answer", 2, {absent_server, good_server}, true, 2 * DELAY, 2, 0},
        {"truncated", 1, {truncating_server}, true, 2 * DELAY, 1, 1},
        {"truncated, no TCP", 2, {truncating_without_tcp, good_server}, true, 3 * DELAY, 2, 1},
        {"truncated, no TCP, nobody else", 1, {truncating_without_tcp}, false, 2 * DELAY, 1, 1},
        {"truncated over TCP too: broken", 1, {truncating_always}, false, 2 * DELAY, 1, 1},
        {"FORMERR without EDNS too: a refusal", 2, {formerr_server, good_server}, true, 3 * DELAY, 3, 0},
        /* the attempts at 0, 300 and some more ms: a reply to the first one is an answer, whatever was asked since */
        {"a late answer", 2, {slow_server}, true, 1000 * MSEC, 4, 0},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct sim *sim = sim_new(2 + i, rows[i].n_servers, 100, 10);
        memcpy(sim->servers, rows[i].servers, sizeof(rows[i].servers));
        struct ask ask = sim_resolve(sim);
        print_message("%s\n", rows[i].what);
        assert_int_equal(ask.answered, rows[i].answered);
        assert_int_equal(ask.done_at - ask.asked_at, rows[i].after);
        assert_int_equal(stats_of(sim).sent_udp, rows[i].n_udp);
        assert_int_equal(stats_of(sim).sent_tcp, rows[i].n_tcp);
        assert_false(ask.answered && get_be16(ask.reply + 2) & DNS_TC);
        sim_free(sim);
    }
}

/* RD, one question, EDNS with our size and DO; id and letter case differ from one question to the next. */
static void test_message(void **state)
{
    (void)state;
    struct sim *sim = sim_new(3, 1, 100, 10);
    struct ask ask[20];
    unsigned ids = 0, spellings = 0;

    for (unsigned i = 0; i < ARRAY_LEN(ask); i++) {
        sim->servers[0] = good_server;
        sim_ask(sim, &ask[i], "abcdefghijklmnopqrstuvwxyz.example.org");
        sim_run(sim);
        struct query *q = sim->queries[i];
        struct reader r = reader_of(q->bytes, q->len);
        struct dns_header header = dns_read_header(&r);
        struct dns_question question;
        struct dns_rr rr;
        struct dns_edns edns;
        dns_read_question(&r, &question);
        dns_read_rr(&r, &rr);
        assert_int_equal(header.flags, DNS_RD);
        assert_int_equal(header.qdcount, 1);
        assert_int_equal(header.count[DNS_ADDITIONAL], 1);
        assert_int_equal(dns_read_opt(&r, &rr, &edns), 0);
        assert_int_equal(edns.udp_size, DNS_UDP_EDNS);
        assert_true(edns.dnssec_ok);
        assert_int_equal(reader_left(&r), 0);
        if (i > 0) {
            ids += memcmp(q->bytes, sim->queries[0]->bytes, 2) != 0;
            spellings += memcmp(q->bytes + 12, sim->queries[0]->bytes + 12, 20) != 0;
        }
    }
    assert_true(ids >= ARRAY_LEN(ask) - 2);
    assert_int_equal(spellings, ARRAY_LEN(ask) - 1);
    sim_free(sim);
}

static void test_checking_disabled(void **state)
{
    (void)state;
    struct sim *sim = sim_new(4, 1, 100, 10);
    struct ask plain, cd;

    sim->servers[0] = good_server;
    sim_ask(sim, &plain, "example.org");
    cd = (struct ask){.type = RR_A};
    memcpy(cd.name, plain.name, sizeof(cd.name));
    struct exchange_question question = question_of(&cd);
    question.checking_disabled = true;
    question.dnssec_ok = false;
    assert_int_equal(sim_try_question(sim, &cd, &question), 0);
    assert_int_equal(sim->n_queries, 2); /* another question: not coalesced */
    assert_int_equal(get_be16(sim->queries[1]->bytes + 2), DNS_RD | DNS_CD);
    assert_int_equal(sim->queries[1]->bytes[sim->queries[1]->len - 4] & 0x80, 0);
    sim_run(sim);
    assert_true(plain.answered && cd.answered);
    sim_free(sim);
}

/* --- silence and loss --- */

static void test_all_dead(void **state)
{
    (void)state;
    struct sim *sim = sim_new(6, 2, 100, 10);
    struct ask ask = sim_resolve(sim);
    assert_false(ask.answered);
    assert_int_equal(ask.done_at - ask.asked_at, EXCHANGE_TOTAL);
    assert_int_equal(sim->n_queries, EXCHANGE_ATTEMPTS_MAX);
    assert_int_equal(sim->asked_of[0], EXCHANGE_ATTEMPTS_MAX / 2);
    nsec_t last = sim->queries[EXCHANGE_ATTEMPTS_MAX - 1]->at - ask.asked_at;
    assert_in_range(last, 3200 * MSEC, 3300 * MSEC);
    for (unsigned i = 2; i < sim->n_queries; i++)
        assert_true(sim->queries[i]->at - sim->queries[i - 1]->at >=
                    sim->queries[i - 1]->at - sim->queries[i - 2]->at);
    assert_int_equal(stats_of(sim).failed, 1);
    sim_free(sim);
}

/* With a known round trip the second attempt does not wait 300 ms. */
static void test_interval_follows_round_trip(void **state)
{
    (void)state;
    struct sim *sim = sim_new(8, 1, 100, 10);
    struct ask ask;

    sim->servers[0] = good_server;
    sim_ask(sim, &ask, "known.example.org");
    sim_run(sim);
    sim->servers[0] = NULL;
    sim_ask(sim, &ask, "lost.example.org");
    sim_run(sim);
    assert_false(ask.answered);
    assert_int_equal(sim->queries[2]->at - ask.asked_at, 150 * MSEC);
    assert_int_equal(sim->n_queries, 1 + EXCHANGE_ATTEMPTS_MAX);
    assert_in_range(sim->queries[EXCHANGE_ATTEMPTS_MAX]->at - ask.asked_at, 3200 * MSEC, 3300 * MSEC);
    sim_free(sim);
}

static void test_half_of_the_packets_lost(void **state)
{
    (void)state;
    enum { SEEDS = 25, EXCHANGES = 400 };
    static struct ask asks[EXCHANGES];
    unsigned answered = 0;
    uint64_t sent = 0;

    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        struct sim *sim = sim_new(seed, 2, EXCHANGES, 10);
        sim->loss_percent = 50;
        sim->servers[0] = sim->servers[1] = good_server;
        for (unsigned i = 0; i < EXCHANGES; i++) {
            char name[40];
            snprintf(name, sizeof(name), "host-%u-%u.example.org", seed, i);
            sim_ask(sim, &asks[i], name);
            sim_run_until(sim, sim->now + 25 * MSEC);
        }
        sim_run(sim);
        for (unsigned i = 0; i < EXCHANGES; i++)
            answered += asks[i].answered;
        sent += stats_of(sim).sent_udp;
        sim_free(sim);
    }
    print_message("half of all packets lost: %u of %u answered (%.1f %%), %.2f attempts each\n", answered,
                  SEEDS * EXCHANGES, 100.0 * answered / (SEEDS * EXCHANGES),
                  (double)sent / (SEEDS * EXCHANGES));
    assert_true(answered > SEEDS * EXCHANGES * 90 / 100);
}

/* --- refusals and failures --- */

/* The first is silent, the second refuses: the first is asked on. */
static void test_refusal_beside_silence(void **state)
{
    (void)state;
    struct sim *sim = sim_new(11, 2, 100, 10);

    sim->servers[1] = servfail_server;
    struct ask ask = sim_resolve(sim);
    assert_false(ask.answered);
    assert_int_equal(sim->asked_of[1], 1);
    assert_int_equal(sim->asked_of[0], EXCHANGE_ATTEMPTS_MAX - 1);
    assert_int_equal(ask.done_at - ask.asked_at, EXCHANGE_TOTAL);
    sim_free(sim);
}

static void test_refused_ports(void **state)
{
    (void)state;
    struct sim *sim = sim_new(12, 2, 100, 10);

    sim->servers[0] = sim->servers[1] = absent_server;
    struct ask ask = sim_resolve(sim);
    assert_false(ask.answered);
    assert_int_equal(sim->n_queries, 4); /* each has a second chance */
    assert_true(ask.done_at - ask.asked_at < NSEC_PER_SEC);
    sim_free(sim);
}

/* More servers than one exchange asks: those that are held down give their turn to the others. */
static void test_many_dead_servers(void **state)
{
    (void)state;
    struct sim *sim = sim_new(15, N_SERVERS, 100, 10);
    struct ask ask;

    sim->servers[N_SERVERS - 1] = good_server;
    for (unsigned i = 0; i < 4; i++) {
        sim_ask(sim, &ask, "example.org");
        sim_run(sim);
    }
    sim_ask(sim, &ask, "example.org");
    sim_run(sim);
    assert_true(ask.answered);
    sim_free(sim);
}

static void test_edns_fallback(void **state)
{
    (void)state;
    server_fn *const servers[] = {old_server, older_server, badvers_server};

    for (unsigned i = 0; i < ARRAY_LEN(servers); i++) {
        struct sim *sim = sim_new(25, 2, 100, 10);
        struct ask ask;
        sim->servers[0] = servers[i];
        sim_ask(sim, &ask, "example.org");
        sim_run(sim);
        assert_true(ask.answered);
        assert_int_equal(ask.done_at - ask.asked_at, 2 * DELAY);
        assert_int_equal(sim->asked_of[0], 2);
        assert_true(has_opt(sim->queries[0]));
        assert_false(has_opt(sim->queries[1]));
        sim_free(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_checking_disabled),
        cmocka_unit_test(test_all_dead),
        cmocka_unit_test(test_interval_follows_round_trip),
        cmocka_unit_test(test_half_of_the_packets_lost),
        cmocka_unit_test(test_refusal_beside_silence),
        cmocka_unit_test(test_refused_ports),
        cmocka_unit_test(test_many_dead_servers),
        cmocka_unit_test(test_edns_fallback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
