/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Exchanges by a plan (struct exchange_plan): the order of the list, fixed intervals, a number of attempts, TCP at once;
 * cancelled ones; and the bit AD. */
#include "exchange_sim.h"

static void silent_server(struct sim *sim, const struct query *q)
{
    (void)sim;
    (void)q;
}

static void slow_server(struct sim *sim, const struct query *q)
{
    reply_flags(sim, q, 0, 1, 100 * MSEC);
}

static struct sim *sim_with_plan(unsigned n_servers, const struct exchange_plan *plan)
{
    struct sim *sim = sim_new(1, n_servers, 8, 1);

    sim->list.plan = *plan;
    return sim;
}

/* However fast the second one is, the first one is asked first, and always. */
static void test_listed_order(void **state)
{
    (void)state;
    struct sim *sim = sim_with_plan(2, &(struct exchange_plan){.listed = true});
    struct ask ask;

    sim->servers[0] = slow_server;
    sim->servers[1] = good_server;
    for (unsigned i = 0; i < 200; i++) {
        ask = sim_resolve(sim);
        assert_true(ask.answered);
    }
    assert_int_equal(sim->asked_of[0], 200);
    assert_int_equal(sim->asked_of[1], 0);
    sim_free(sim);
}

/* One that is silent comes last after a few questions; when it is back, first again. */
static void test_listed_hold_down(void **state)
{
    (void)state;
    struct sim *sim = sim_with_plan(2, &(struct exchange_plan){.listed = true});
    struct ask ask;

    sim->servers[0] = silent_server;
    sim->servers[1] = good_server;
    for (unsigned i = 0; i < 10; i++) {
        ask = sim_resolve(sim);
        assert_true(ask.answered);
    }
    unsigned asked = sim->asked_of[0];
    assert_true(asked < 10);
    ask = sim_resolve(sim);
    assert_true(ask.done_at - ask.asked_at <= DELAY);
    assert_int_equal(sim->asked_of[0], asked);

    sim->servers[0] = good_server;
    sim_run_until(sim, sim->now + 60 * NSEC_PER_SEC);
    for (unsigned i = 0; i < 10; i++) {
        ask = sim_resolve(sim);
    }
    assert_int_equal(sim->asked_of[0], asked + 10);
    sim_free(sim);
}

/* timeout:5 attempts:2 with two silent servers: four questions, five seconds apart. */
static void test_fixed_intervals(void **state)
{
    (void)state;
    struct sim *sim = sim_with_plan(
        2, &(struct exchange_plan){
               .listed = true, .interval = 5 * NSEC_PER_SEC, .attempts = 4, .total = 20 * NSEC_PER_SEC});
    struct ask ask = sim_resolve(sim);
    assert_false(ask.answered);
    assert_int_equal(ask.failure, EXCHANGE_SILENT);
    assert_int_equal(ask.done_at - ask.asked_at, 20 * NSEC_PER_SEC);
    assert_int_equal(sim->n_queries, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(sim->queries[i]->server, i % 2);
        assert_int_equal(sim->queries[i]->at - ask.asked_at, (nsec_t)i * 5 * NSEC_PER_SEC);
    }
    sim_free(sim);
}

/* What a reply leads to is not counted: one attempt, truncated, and its TCP. */
static void test_one_attempt(void **state)
{
    (void)state;
    struct sim *sim = sim_with_plan(1, &(struct exchange_plan){.attempts = 1, .total = 5 * NSEC_PER_SEC});

    sim->servers[0] = truncating_server;
    struct ask ask = sim_resolve(sim);
    assert_true(ask.answered);
    assert_int_equal(sim->n_queries, 2);
    assert_true(sim->queries[1]->tcp);

    sim->servers[0] = silent_server;
    ask = sim_resolve(sim);
    assert_false(ask.answered);
    assert_int_equal(sim->n_queries, 3);
    assert_int_equal(ask.done_at - ask.asked_at, 5 * NSEC_PER_SEC);
    sim_free(sim);
}

/* With time alone to lead, attempts become rarer, and the last one leaves before the end. */
static void test_long_total(void **state)
{
    (void)state;
    struct sim *sim = sim_with_plan(1, &(struct exchange_plan){.listed = true, .total = 10 * NSEC_PER_SEC});
    struct ask ask = sim_resolve(sim);
    assert_int_equal(sim->n_queries, EXCHANGE_ATTEMPTS_MAX);
    for (unsigned i = 2; i < sim->n_queries; i++)
        assert_true(sim->queries[i]->at - sim->queries[i - 1]->at >
                    sim->queries[i - 1]->at - sim->queries[i - 2]->at);
    assert_true(sim->queries[9]->at <= ask.asked_at + 9600 * MSEC);
    assert_int_equal(ask.done_at - ask.asked_at, 10 * NSEC_PER_SEC);
    sim_free(sim);
}

static void test_tcp_at_once(void **state)
{
    (void)state;
    struct sim *sim = sim_with_plan(2, &(struct exchange_plan){.listed = true, .tcp = true});

    sim->servers[0] = servfail_server;
    sim->servers[1] = good_server;
    struct ask ask = sim_resolve(sim);
    assert_true(ask.answered);
    assert_int_equal(sim->n_queries, 2);
    assert_true(sim->queries[0]->tcp && sim->queries[1]->tcp);
    sim_free(sim);
}

/* The second server is asked over TCP when the first one keeps silent, and nobody twice. */
static void test_tcp_and_silence(void **state)
{
    (void)state;
    struct sim *sim = sim_with_plan(2, &(struct exchange_plan){.listed = true, .tcp = true});
    struct ask ask = sim_resolve(sim);
    assert_int_equal(ask.failure, EXCHANGE_SILENT);
    assert_int_equal(sim->n_queries, 2);
    assert_int_equal(sim->queries[1]->server, 1);
    sim_free(sim);
}

static const struct exchange_plan patient = {
    .listed = true, .interval = 5 * NSEC_PER_SEC, .attempts = 4, .total = 20 * NSEC_PER_SEC};

/* Of servers that are not there each is asked once, one after the other, and that is that. */
static void test_nobody_there(void **state)
{
    (void)state;
    struct sim *sim = sim_with_plan(2, &patient);
    struct ask ask;

    sim->servers[0] = sim->servers[1] = absent_server;
    for (unsigned i = 1; i <= 10; i++) { /* held down or not */
        ask = sim_resolve(sim);
        assert_int_equal(ask.failure, EXCHANGE_UNREACHABLE);
        assert_int_equal(ask.done_at - ask.asked_at, 2 * DELAY);
        assert_int_equal(sim->n_queries, 2 * i);
    }
    sim->servers[1] = servfail_server;
    ask = sim_resolve(sim);
    assert_int_equal(ask.failure, EXCHANGE_REFUSED);
    assert_int_equal(ask.done_at - ask.asked_at, 2 * DELAY);
    sim_free(sim);
}

/* As long as one of them may still answer it is waited for, and the other one asked again in its turn. */
static void test_one_there(void **state)
{
    (void)state;
    struct sim *sim = sim_with_plan(2, &patient);

    sim->servers[0] = absent_server;
    sim->servers[1] = silent_server;
    struct ask ask = sim_resolve(sim);
    assert_int_equal(ask.failure, EXCHANGE_SILENT);
    assert_int_equal(ask.done_at - ask.asked_at, 20 * NSEC_PER_SEC);
    assert_int_equal(sim->asked_of[0], 2);
    sim_free(sim);
}

/* Who does not ask by a list gives a server that is just starting its second chance. */
static void test_second_chance(void **state)
{
    (void)state;
    struct sim *sim = sim_new(1, 1, 8, 1);

    sim->servers[0] = absent_server;
    struct ask ask = sim_resolve(sim);
    assert_int_equal(ask.failure, EXCHANGE_UNREACHABLE);
    assert_int_equal(sim->n_queries, 2);
    assert_true(ask.done_at - ask.asked_at > 2 * DELAY);
    sim_free(sim);
}

static void test_cancel(void **state)
{
    (void)state;
    struct sim *sim = sim_new(1, 2, 8, 1);
    struct ask ask, other;

    sim_ask(sim, &ask, "example.org");
    sim_ask(sim, &other, "example.net");
    struct exchange_question question = question_of(&ask);
    exchange_cancel(sim->table, &question, sim->list.id + 1);
    sim_drain(sim);
    assert_true(ask.waits);
    exchange_cancel(sim->table, &question, sim->list.id);
    sim_drain(sim);
    assert_false(ask.waits);
    assert_false(ask.answered);
    assert_true(other.waits);
    assert_int_equal(sim->n_open, 1);
    exchange_cancel(sim->table, &question, sim->list.id);
    sim_run(sim);
    sim_free(sim);
}

static void test_authentic_data(void **state)
{
    (void)state;
    struct sim *sim = sim_new(1, 1, 8, 1);
    struct ask with = {.type = RR_A}, without = {.type = RR_A};

    assert_true(dname_from_text("example.org", 11, with.name) > 0);
    memcpy(without.name, with.name, sizeof(with.name));
    struct exchange_question question = question_of(&with);
    question.authentic_data = true;
    assert_int_equal(sim_try_question(sim, &with, &question), 0);
    assert_true(get_be16(sim->queries[0]->bytes + 2) & DNS_AD);
    question.authentic_data = false;
    assert_int_equal(sim_try_question(sim, &without, &question), 0); /* waits for an exchange of its own */
    assert_int_equal(sim->n_queries, 2);
    assert_false(get_be16(sim->queries[1]->bytes + 2) & DNS_AD);
    exchange_abandon(sim->table);
    sim_drain(sim);
    sim_free(sim);
}

/* Servers on two links with one address are two servers. */
static void test_scopes(void **state)
{
    (void)state;
    struct sim *sim = sim_with_plan(2, &(struct exchange_plan){.listed = true});
    struct exchange_server known[EXCHANGE_SERVERS_MAX];

    assert_int_equal(ipaddr_parse("fe80::1", 7, &sim->endpoints[0].addr), 0);
    sim->endpoints[1] = sim->endpoints[0];
    sim->endpoints[0].scope = 2;
    sim->endpoints[1].scope = 3;
    sim_resolve(sim);
    assert_int_equal(exchange_servers_known(sim->table, sim->now, known, EXCHANGE_SERVERS_MAX), 2);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listed_order),    cmocka_unit_test(test_listed_hold_down),
        cmocka_unit_test(test_fixed_intervals), cmocka_unit_test(test_one_attempt),
        cmocka_unit_test(test_long_total),      cmocka_unit_test(test_tcp_at_once),
        cmocka_unit_test(test_tcp_and_silence), cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_authentic_data),  cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_nobody_there),    cmocka_unit_test(test_one_there),
        cmocka_unit_test(test_second_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
