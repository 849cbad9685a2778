/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What exchanges learn about servers, and what they make of it: order, hold-down, EDNS, letter case, cookies. */
#include "exchange_sim.h"

#define FAST (5 * MSEC)
#define SLOW (100 * MSEC)

/* Asks n questions one after the other, names that differ; returns the time that they took together. */
static nsec_t ask_many(struct sim *sim, unsigned n)
{
    static unsigned serial;
    nsec_t start = sim->now;

    for (unsigned i = 0; i < n; i++) {
        struct ask ask;
        char name[60];
        snprintf(name, sizeof(name), "question-%u.example.org", serial++);
        sim_ask(sim, &ask, name);
        while (ask.waits && sim_step(sim, NSEC_NEVER))
            continue;
        assert_true(ask.answered);
    }
    return sim->now - start;
}

static void fast_server(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, 0, 1, FAST);
}

static void slow_server(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, 0, 1, SLOW);
}

static void refusing_server(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, RCODE_REFUSED, 0, FAST);
}

static void unsent_server(struct sim *sim, const struct query *q)
{
    sim_end(sim, q, exchange_unsent, 0);
}

/* --- order --- */

/* Whatever the list says, the fastest is asked; the others now and then. */
static void test_fastest_first(void **state)
{
    (void)state;
    struct sim *sim = sim_new(41, 3, 100, 10);

    sim->servers[0] = sim->servers[2] = slow_server;
    sim->servers[1] = fast_server;
    ask_many(sim, 200); /* trials have found it by then */
    unsigned before[] = {sim->asked_of[0], sim->asked_of[1], sim->asked_of[2]};
    nsec_t took = ask_many(sim, 1000);
    assert_in_range(sim->asked_of[1] - before[1], 990, 1000);
    assert_in_range(sim->asked_of[0] - before[0], 1, 60);
    assert_in_range(sim->asked_of[2] - before[2], 1, 60);
    /* A trial of a slow one costs as much as TRIAL_MIN more. */
    assert_true(took < 1000 * FAST + 60 * 15 * MSEC);
    sim_run(sim);
    sim_free(sim);
}

static void test_better_is_noticed(void **state)
{
    (void)state;
    struct sim *sim = sim_new(42, 2, 100, 10);

    sim->servers[0] = fast_server;
    sim->servers[1] = slow_server;
    ask_many(sim, 300);
    sim->servers[0] = slow_server;
    sim->servers[1] = fast_server;
    ask_many(sim, 1500);
    unsigned before = sim->asked_of[1];
    ask_many(sim, 100);
    assert_true(sim->asked_of[1] - before >= 90);
    sim_run(sim);
    sim_free(sim);
}

/* Whoever refuses is fast, and no use. */
static void test_refusing_server_sinks(void **state)
{
    (void)state;
    server_fn *const refusing[] = {refusing_server, servfail_server};

    for (unsigned i = 0; i < ARRAY_LEN(refusing); i++) {
        struct sim *sim = sim_new(43, 2, 100, 10);
        sim->servers[0] = refusing[i];
        sim->servers[1] = good_server;
        ask_many(sim, 50);
        unsigned before = sim->asked_of[0];
        ask_many(sim, 300);
        assert_in_range(sim->asked_of[0] - before, 1, 30);
        sim_run(sim);
        sim_free(sim);
    }
}

/* A server that has died costs four questions an interval, later ones nothing but for a probe; what it is probed with
 * hardly waits, and the probes become fewer. When it is back it is the best again. */
static void test_hold_down(void **state)
{
    (void)state;
    struct sim *sim = sim_new(44, 2, 100, 10);

    sim->servers[0] = fast_server;
    sim->servers[1] = slow_server;
    ask_many(sim, 300); /* now each is known */
    sim->servers[0] = NULL;
    while (sim->asked_of[0] < 300 || ask_many(sim, 1) > 140 * MSEC)
        continue;
    sim_run_until(sim, sim->now + 100 * MSEC);
    unsigned asked = sim->asked_of[0];
    ask_many(sim, 8); /* 800 ms of them */
    assert_in_range(sim->asked_of[0] - asked, 0, 1);

    asked = sim->asked_of[0];
    nsec_t start = sim->now;
    unsigned n = 0;
    for (; sim->now < start + 30 * NSEC_PER_SEC; n++)
        ask_many(sim, 1);
    assert_in_range(sim->asked_of[0] - asked, 3, 6); /* after 1, 2, 4, 8, 16 s */
    assert_true(sim->now - start < n * (nsec_t)SLOW + 6 * 150 * MSEC);

    sim->servers[0] = fast_server;
    sim_run_until(sim, sim->now + 31 * NSEC_PER_SEC);
    ask_many(sim, 40);
    asked = sim->asked_of[0];
    ask_many(sim, 100);
    assert_true(sim->asked_of[0] - asked >= 90);
    sim_run(sim);
    sim_free(sim);
}

/* What is amiss on our side is not held against a server. */
static void test_local_failures(void **state)
{
    (void)state;
    struct sim *sim = sim_new(45, 2, 100, 10);
    struct ask ask;

    sim->servers[0] = fast_server;
    sim->servers[1] = slow_server;
    ask_many(sim, 300);
    sim->servers[0] = unsent_server;
    assert_in_range(ask_many(sim, 20), 20 * (nsec_t)SLOW,
                    20 * (nsec_t)SLOW + 40 * MSEC); /* the other, at once */
    sim->servers[0] = fast_server;
    assert_true(ask_many(sim, 20) < 20 * FAST + SLOW); /* it is the best still */
    assert_true(stats_of(sim).unsent >= 18);

    sim->servers[0] = sim->servers[1] = unsent_server;
    sim_ask(sim, &ask, "nowhere.example.org");
    sim_run(sim);
    assert_false(ask.answered);
    assert_int_equal(ask.failure, EXCHANGE_UNREACHABLE);
    assert_in_range(ask.done_at - ask.asked_at, 3000 * MSEC, EXCHANGE_TOTAL); /* it may pass meanwhile */
    sim_free(sim);
}

static void test_why_there_is_no_answer(void **state)
{
    (void)state;
    const struct {
        server_fn *server;
        enum exchange_failure failure;
    } rows[] = {
        {NULL, EXCHANGE_SILENT}, {refusing_server, EXCHANGE_REFUSED}, {absent_server, EXCHANGE_UNREACHABLE}};

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct sim *sim = sim_new(46, 2, 100, 10);
        struct ask ask;
        sim->servers[0] = sim->servers[1] = rows[i].server;
        ask = sim_resolve(sim);
        assert_false(ask.answered);
        assert_int_equal(ask.failure, rows[i].failure);
        sim_free(sim);
    }
}

/* --- connections, forgers --- */

static void closing_once(struct sim *sim, const struct query *q)
{
    if (!q->tcp)
        reply_flags(sim, q, DNS_TC, 0, FAST);
    else if (stats_of(sim).sent_tcp < 3)
        sim_end(sim, q, exchange_again, FAST);
    else
        fast_server(sim, q);
}

/* A connection that others had used ends: the question is asked over another one, of the same server. */
static void test_again(void **state)
{
    (void)state;
    struct sim *sim = sim_new(47, 1, 100, 10);

    sim->servers[0] = closing_once;
    struct ask ask = sim_resolve(sim);
    assert_true(ask.answered);
    assert_int_equal(ask.done_at - ask.asked_at, 4 * FAST);
    assert_int_equal(stats_of(sim).sent_tcp, 3);
    sim_free(sim);
}

static void always_closing(struct sim *sim, const struct query *q)
{
    if (q->tcp)
        sim_end(sim, q, exchange_again, FAST);
    else
        reply_flags(sim, q, DNS_TC, 0, FAST);
}

static void test_again_and_again_ends(void **state)
{
    (void)state;
    struct sim *sim = sim_new(48, 1, 100, 10);

    sim->servers[0] = always_closing;
    struct ask ask = sim_resolve(sim);
    assert_false(ask.answered);
    assert_int_equal(sim->n_queries, EXCHANGE_ATTEMPTS_MAX);
    sim_free(sim);
}

static void guessed_at(struct sim *sim, const struct query *q)
{
    if (q->tcp)
        fast_server(sim, q);
    else
        sim_end(sim, q, exchange_guessed, FAST);
}

static void test_guessed(void **state)
{
    (void)state;
    struct sim *sim = sim_new(49, 1, 100, 10);

    sim->servers[0] = guessed_at;
    struct ask ask = sim_resolve(sim);
    assert_true(ask.answered);
    assert_int_equal(sim->n_queries, 2);
    assert_true(sim->queries[1]->tcp);
    assert_int_equal(stats_of(sim).guessed, 1);
    sim_free(sim);
}

/* --- EDNS --- */

/* An answer, with an OPT record that has these options. */
static void reply_opt(struct sim *sim, const struct query *q, uint16_t rcode, const uint8_t *options,
                      uint16_t len)
{
    static const uint8_t addr[] = {192, 0, 2, 1};
    uint8_t bytes[PACKET_MAX];
    struct reader r = reader_of(q->bytes, q->len);
    struct dns_header header = dns_read_header(&r);
    struct dns_question question;
    struct dns_writer dw;

    dns_read_question(&r, &question);
    dns_writer_init(&dw, bytes, sizeof(bytes), header.id, (uint16_t)(DNS_QR | DNS_RA | (rcode & DNS_RCODE)));
    dns_reserve_opt(&dw, len);
    assert_int_equal(dns_put_question(&dw, question.name, question.type, question.class), 0);
    if (rcode == RCODE_NOERROR)
        assert_int_equal(dns_put_rr(&dw, DNS_ANSWER, question.name, RR_A, CLASS_IN, 60, addr, sizeof(addr)),
                         0);
    assert_int_equal(dns_put_opt(&dw, rcode, false, options, len), 0);
    sim_reply(sim, q, bytes, dns_finish(&dw), FAST);
}

static void opt_server(struct sim *sim, const struct query *q)
{
    reply_opt(sim, q, RCODE_NOERROR, NULL, 0);
}

static void formerr_at_edns(struct sim *sim, const struct query *q)
{
    if (has_opt(q))
        reply_flags(sim, q, RCODE_FORMERR, 0, FAST);
    else
        fast_server(sim, q);
}

/* As boxes do that know better. */
static void drops_edns(struct sim *sim, const struct query *q)
{
    if (!has_opt(q))
        fast_server(sim, q);
}

static const struct query *last_query(const struct sim *sim)
{
    return sim->queries[sim->n_queries - 1];
}

static void test_formerr_is_remembered(void **state)
{
    (void)state;
    struct sim *sim = sim_new(50, 1, 100, 10);

    sim->servers[0] = formerr_at_edns;
    ask_many(sim, 10);
    assert_int_equal(sim->n_queries, 11);
    sim_run_until(sim, sim->now + 3601 * NSEC_PER_SEC); /* and tried anew after a while */
    sim->servers[0] = opt_server;
    ask_many(sim, 1);
    assert_true(has_opt(last_query(sim)));
    sim_free(sim);
}

static struct ask ask_plainly(struct sim *sim, const char *name, bool dnssec_ok)
{
    struct ask ask = {.type = RR_A};

    assert_true(dname_from_text(name, strlen(name), ask.name) > 0);
    struct exchange_question question = question_of(&ask);
    question.dnssec_ok = dnssec_ok;
    assert_int_equal(sim_try_question(sim, &ask, &question), 0);
    sim_run(sim);
    return ask;
}

static void test_silence_at_edns_is_remembered(void **state)
{
    (void)state;
    struct sim *sim = sim_new(51, 1, 100, 10);
    static const char *const names[] = {"a.example", "b.example", "c.example"};

    sim->servers[0] = drops_edns;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        struct ask ask = ask_plainly(sim, names[i], false);
        assert_true(ask.answered);
        assert_true(ask.done_at - ask.asked_at >= 150 * MSEC);
    }
    struct ask ask = ask_plainly(sim, "d.example", false);
    assert_true(ask.answered);
    assert_int_equal(ask.done_at - ask.asked_at, FAST);
    assert_false(has_opt(last_query(sim)));
    sim_free(sim);
}

/* Signatures do not come without EDNS: a lost packet must not cost them. Nor is a server that knows EDNS suspected. */
static void test_silence_with_do_says_nothing(void **state)
{
    (void)state;
    struct sim *sim = sim_new(52, 1, 100, 10);

    sim->servers[0] = drops_edns;
    assert_false(ask_plainly(sim, "signed.example", true).answered);
    for (unsigned i = 0; i < sim->n_queries; i++)
        assert_true(has_opt(sim->queries[i]));
    sim->servers[0] = opt_server;
    assert_true(ask_plainly(sim, "known.example", false).answered);
    sim->servers[0] = NULL;
    assert_false(ask_plainly(sim, "lost.example", false).answered);
    for (unsigned i = 0; i < sim->n_queries; i++)
        assert_true(has_opt(sim->queries[i]));
    sim_free(sim);
}

/* --- letter case --- */

static void lower_case_server(struct sim *sim, const struct query *q)
{
    uint8_t bytes[PACKET_MAX];
    size_t len = make_reply(q, 0, 1, bytes);

    dname_lower(bytes + DNS_HEADER_LEN, bytes + DNS_HEADER_LEN, dname_len(bytes + DNS_HEADER_LEN));
    sim_reply(sim, q, bytes, len, FAST);
}

static void test_lost_case_is_remembered(void **state)
{
    (void)state;
    struct sim *sim = sim_new(53, 1, 100, 10);

    sim->servers[0] = lower_case_server;
    ask_many(sim, 10);
    assert_int_equal(stats_of(sim).sent_tcp, 3);
    assert_int_equal(sim->n_queries, 13);
    sim_run_until(sim, sim->now + 3601 * NSEC_PER_SEC);
    sim->servers[0] = fast_server;
    ask_many(sim, 20);
    assert_int_equal(stats_of(sim).sent_tcp, 3);
    uint8_t name[DNAME_MAX];
    size_t len = dname_len(last_query(sim)->bytes + DNS_HEADER_LEN);
    dname_lower(name, last_query(sim)->bytes + DNS_HEADER_LEN, len);
    assert_memory_not_equal(name, last_query(sim)->bytes + DNS_HEADER_LEN, len);
    sim_free(sim);
}

/* Somebody forges replies that are right in all but their letter case; the server itself keeps it. */
static void forged_case_server(struct sim *sim, const struct query *q)
{
    if (q->tcp)
        fast_server(sim, q);
    else
        lower_case_server(sim, q);
}

/* Who can forge such replies cannot teach us to do without letter case, and then have one believed. */
static void test_forged_case_is_not_remembered(void **state)
{
    (void)state;
    struct sim *sim = sim_new(53, 1, 100, 10);

    sim->servers[0] = forged_case_server;
    ask_many(sim, 10);
    assert_int_equal(stats_of(sim).sent_tcp, 10);
    sim_free(sim);
}

/* --- cookies --- */

enum { CLIENT_LEN = 8, SERVER_LEN = 16 };
static const uint8_t server_cookie[SERVER_LEN] = {1, 0, 0, 0, 42};

/* The COOKIE option of a query: its length, or 0. Queries of the core have no other option. */
static size_t cookie_of(const struct query *q, const uint8_t **ret)
{
    size_t name_len = dname_len(q->bytes + DNS_HEADER_LEN);
    const uint8_t *opt = q->bytes + DNS_HEADER_LEN + name_len + 4;

    if (!has_opt(q) || get_be16(opt + 9) == 0)
        return 0;
    assert_int_equal(get_be16(opt + DNS_OPT_LEN), EDNS_OPTION_COOKIE);
    *ret = opt + DNS_OPT_LEN + 4;
    return get_be16(opt + DNS_OPT_LEN + 2);
}

static void reply_cookie(struct sim *sim, const struct query *q, uint16_t rcode, const uint8_t *client)
{
    uint8_t option[4 + CLIENT_LEN + SERVER_LEN];

    put_be16(option, EDNS_OPTION_COOKIE);
    put_be16(option + 2, CLIENT_LEN + SERVER_LEN);
    memcpy(option + 4, client, CLIENT_LEN);
    memcpy(option + 4 + CLIENT_LEN, server_cookie, SERVER_LEN);
    reply_opt(sim, q, rcode, option, sizeof(option));
}

static void cookie_server(struct sim *sim, const struct query *q)
{
    const uint8_t *cookie = NULL;

    assert_true(cookie_of(q, &cookie) > 0);
    reply_cookie(sim, q, RCODE_NOERROR, cookie);
}

/* Wants its cookie before it answers. */
static void strict_server(struct sim *sim, const struct query *q)
{
    const uint8_t *cookie = NULL;
    bool known = cookie_of(q, &cookie) == CLIENT_LEN + SERVER_LEN;

    reply_cookie(sim, q, known ? RCODE_NOERROR : RCODE_BADCOOKIE, cookie);
}

static void never_content(struct sim *sim, const struct query *q)
{
    const uint8_t *cookie = NULL;

    cookie_of(q, &cookie);
    reply_cookie(sim, q, q->tcp ? RCODE_NOERROR : RCODE_BADCOOKIE, cookie);
}

static void test_cookie_is_given_back(void **state)
{
    (void)state;
    struct sim *sim = sim_new(54, 1, 100, 10);
    const uint8_t *first = NULL, *second = NULL;
    struct siphash_key other = {{5, 6}};

    sim->servers[0] = cookie_server;
    ask_many(sim, 2);
    assert_int_equal(cookie_of(sim->queries[0], &first), CLIENT_LEN);
    assert_int_equal(cookie_of(sim->queries[1], &second), CLIENT_LEN + SERVER_LEN);
    assert_memory_equal(first, second, CLIENT_LEN);
    assert_memory_equal(second + CLIENT_LEN, server_cookie, SERVER_LEN);
    assert_true(exchange_made_cookie(&sim_cookie_key, first));
    assert_false(exchange_made_cookie(&other, first));
    assert_false(exchange_made_cookie(&sim_cookie_key, server_cookie));
    sim_free(sim);
}

/* Each server has its own, so none can be recognised by another, nor play another. */
static void test_cookies_differ(void **state)
{
    (void)state;
    struct sim *sim = sim_new(55, 2, 100, 10);
    const uint8_t *first = NULL, *second = NULL;
    sim_resolve(sim);
    assert_int_equal(cookie_of(sim->queries[0], &first), CLIENT_LEN);
    assert_int_equal(cookie_of(sim->queries[1], &second), CLIENT_LEN);
    assert_true(sim->queries[0]->server != sim->queries[1]->server);
    assert_memory_not_equal(first, second, CLIENT_LEN);
    sim_free(sim);
}

static void forged_cookie_first(struct sim *sim, const struct query *q)
{
    static const uint8_t guess[CLIENT_LEN] = {1};

    reply_cookie(sim, q, RCODE_SERVFAIL, guess);
    cookie_server(sim, q);
}

static void test_wrong_cookie_is_not_believed(void **state)
{
    (void)state;
    struct sim *sim = sim_new(56, 1, 100, 10);

    sim->servers[0] = forged_cookie_first;
    ask_many(sim, 1);
    assert_int_equal(sim->n_queries, 1);
    assert_int_equal(stats_of(sim).disbelieved, 1);
    sim_run(sim);
    sim_free(sim);
}

/* Once a server has given a cookie, a reply without one is decided over TCP; when that has none either, it is a server
 * without cookies now. */
static void test_missing_cookie(void **state)
{
    (void)state;
    struct sim *sim = sim_new(57, 1, 100, 10);

    sim->servers[0] = cookie_server;
    ask_many(sim, 1);
    sim->servers[0] = opt_server;
    ask_many(sim, 1);
    assert_int_equal(stats_of(sim).sent_tcp, 1);
    ask_many(sim, 5);
    assert_int_equal(stats_of(sim).sent_tcp, 1);
    sim_free(sim);
}

static void test_bad_cookie(void **state)
{
    (void)state;
    struct sim *sim = sim_new(58, 1, 100, 10);

    sim->servers[0] = strict_server;
    ask_many(sim, 3);
    assert_int_equal(sim->n_queries, 4);
    assert_int_equal(stats_of(sim).sent_tcp, 0);
    sim_free(sim);

    sim = sim_new(59, 1, 100, 10);
    sim->servers[0] = never_content;
    ask_many(sim, 1);
    assert_int_equal(sim->n_queries, 3);
    assert_true(last_query(sim)->tcp);
    sim_free(sim);
}

static void test_is_asking(void **state)
{
    (void)state;
    struct sim *sim = sim_new(60, 1, 100, 10);
    struct ask ask;

    sim_ask(sim, &ask, "example.org");
    struct exchange_question question = question_of(&ask);
    assert_true(exchange_is_asking(sim->table, &question, sim->list.id));
    assert_false(exchange_is_asking(sim->table, &question, sim->list.id + 1));
    question.type = RR_AAAA;
    assert_false(exchange_is_asking(sim->table, &question, sim->list.id));
    sim_run(sim);
    question.type = RR_A;
    assert_false(exchange_is_asking(sim->table, &question, sim->list.id));
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fastest_first),
        cmocka_unit_test(test_better_is_noticed),
        cmocka_unit_test(test_refusing_server_sinks),
        cmocka_unit_test(test_hold_down),
        cmocka_unit_test(test_local_failures),
        cmocka_unit_test(test_why_there_is_no_answer),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_again_and_again_ends),
        cmocka_unit_test(test_guessed),
        cmocka_unit_test(test_formerr_is_remembered),
        cmocka_unit_test(test_silence_at_edns_is_remembered),
        cmocka_unit_test(test_silence_with_do_says_nothing),
        cmocka_unit_test(test_lost_case_is_remembered),
        cmocka_unit_test(test_forged_case_is_not_remembered),
        cmocka_unit_test(test_cookie_is_given_back),
        cmocka_unit_test(test_cookies_differ),
        cmocka_unit_test(test_wrong_cookie_is_not_believed),
        cmocka_unit_test(test_missing_cookie),
        cmocka_unit_test(test_bad_cookie),
        cmocka_unit_test(test_is_asking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
