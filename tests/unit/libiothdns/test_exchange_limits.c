/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Exchanges of one table: who waits together, how many there may be, how they end, and no memory for them. */
#include "exchange_sim.h"

#include "failing_memory.h"

static void test_coalescing(void **state)
{
    (void)state;
    struct sim *sim = sim_new(27, 2, 100, 5);
    struct ask asks[5], other;

    sim->servers[0] = good_server;
    for (unsigned i = 0; i < ARRAY_LEN(asks); i++)
        sim_ask(sim, &asks[i], "example.org");
    assert_int_equal(sim_try(sim, &other, "example.org"), -EAGAIN);
    assert_int_equal(sim->n_queries, 1);
    sim_run(sim);
    for (unsigned i = 0; i < ARRAY_LEN(asks); i++)
        assert_true(asks[i].answered);
    assert_int_equal(stats_of(sim).coalesced, 4);
    assert_int_equal(stats_of(sim).answered, 1);
    sim_free(sim);
}

static void test_different_questions_are_not_coalesced(void **state)
{
    (void)state;
    struct sim *sim = sim_new(28, 2, 100, 5);
    struct ask first, type = {.type = RR_AAAA}, servers = {.type = RR_A};

    sim_ask(sim, &first, "example.org");
    memcpy(type.name, first.name, sizeof(type.name));
    memcpy(servers.name, first.name, sizeof(servers.name));
    struct exchange_question question = question_of(&type);
    assert_int_equal(sim_try_question(sim, &type, &question), 0);
    struct exchange_servers list = {.id = 8, .count = 1, .servers = sim->endpoints};
    question = question_of(&servers);
    assert_int_equal(exchange_ask(sim->table, &question, &list, &servers.waiter, sim->now), 0);
    assert_int_equal(stats_of(sim).coalesced, 0);
    assert_int_equal(stats_of(sim).asked, 3);

    exchange_abandon(sim->table);
    sim->list.id = 8; /* for the check of the third */
    servers.waits = true;
    servers.sim = sim;
    servers.asked_at = sim->now;
    sim->n_waiting++;
    struct exchange_event e;
    unsigned done = 0;
    while (exchange_next(sim->table, &e) != EXCHANGE_NONE) {
        if (e.kind == EXCHANGE_CLOSE)
            on_close(sim, &e);
        done += e.kind == EXCHANGE_DONE;
        assert_true(e.kind != EXCHANGE_SEND); /* the third had not been sent */
    }
    assert_int_equal(done, 3);
    sim->n_waiting = 0;
    sim_free(sim);
}

static void test_no_servers(void **state)
{
    (void)state;
    struct sim *sim = sim_new(29, 0, 100, 5);
    struct ask ask;

    assert_int_equal(sim_try(sim, &ask, "example.org"), -EDESTADDRREQ);
    assert_true(exchange_deadline(sim->table) == NSEC_NEVER);
    sim_free(sim);
}

static void test_max_exchanges(void **state)
{
    (void)state;
    enum { MAX = 100 };
    struct sim *sim = sim_new(30, 1, MAX, 5);
    struct ask asks[MAX + 1];
    char name[40];

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i <= MAX; i++) {
            snprintf(name, sizeof(name), "host%u.example.org", i);
            assert_int_equal(sim_try(sim, &asks[i], name), i < MAX ? 0 : -EAGAIN);
        }
        sim_run(sim);
    }
    sim_free(sim);
}

static void test_abandon(void **state)
{
    (void)state;
    struct sim *sim = sim_new(31, 2, 100, 5);
    struct ask asks[20];
    char name[40];

    for (unsigned i = 0; i < ARRAY_LEN(asks); i++) {
        snprintf(name, sizeof(name), "host%u.example.org", i);
        sim_ask(sim, &asks[i], name);
        sim_run_until(sim, sim->now + 50 * MSEC);
    }
    exchange_abandon(sim->table);
    sim_drain(sim);
    for (unsigned i = 0; i < ARRAY_LEN(asks); i++)
        assert_true(!asks[i].waits && !asks[i].answered);
    assert_true(exchange_deadline(sim->table) == NSEC_NEVER);
    sim_free(sim);
}

/* Whatever comes for attempts that are over, or never were, does nothing. */
static void test_nothing_after_the_end(void **state)
{
    (void)state;
    struct sim *sim = sim_new(32, 1, 100, 5);
    uint8_t bytes[PACKET_MAX];
    struct exchange_event e;

    sim->servers[0] = good_server;
    sim_resolve(sim);
    size_t len = make_reply(sim->queries[0], 0, 1, bytes);
    for (unsigned i = 0; i < 2; i++) {
        attempt_id id = i == 0 ? sim->queries[0]->attempt : UINT64_MAX;
        exchange_input(sim->table, id, bytes, len, sim->now);
        exchange_failed(sim->table, id, sim->now);
        exchange_unsent(sim->table, id, sim->now);
        exchange_again(sim->table, id, sim->now);
        exchange_guessed(sim->table, id, sim->now);
        exchange_attach(sim->table, id, bytes);
        assert_null(exchange_attached(sim->table, id));
        assert_int_equal(exchange_next(sim->table, &e), EXCHANGE_NONE);
    }
    exchange_timeout(sim->table, sim->now + EXCHANGE_TOTAL);
    assert_int_equal(exchange_next(sim->table, &e), EXCHANGE_NONE);
    assert_int_equal(stats_of(sim).disbelieved, 0);
    sim_free(sim);
}

/* What a DONE event points to outlives questions asked while it is looked at. */
static void test_ask_while_looking_at_the_answer(void **state)
{
    (void)state;
    struct sim *sim = sim_new(33, 1, 1, 5);
    struct ask first, second = {.type = RR_AAAA};
    struct exchange_event e;

    sim_ask(sim, &first, "example.org");
    exchange_abandon(sim->table);
    assert_int_equal(exchange_next(sim->table, &e), EXCHANGE_CLOSE);
    on_close(sim, &e);
    assert_int_equal(exchange_next(sim->table, &e), EXCHANGE_DONE);
    memcpy(second.name, first.name, sizeof(second.name));
    struct exchange_question question = question_of(&second);
    assert_int_equal(exchange_ask(sim->table, &question, &sim->list, &second.waiter, sim->now), -EAGAIN);
    on_done(sim, &e);
    sim_drain(sim);
    sim_free(sim);
}

static void test_settings(void **state)
{
    (void)state;
    struct exchange_table *table = NULL;
    struct sim sim = {.random = 1};
    struct exchange_settings settings = {.max = 0, .max_waiters = 1, .random = random_bytes, .arg = &sim};

    assert_int_equal(exchange_table_new(&settings, &table), -EINVAL);
    settings.max = EXCHANGE_MAX + 1;
    assert_int_equal(exchange_table_new(&settings, &table), -EINVAL);
    assert_null(table);
    exchange_table_free(NULL);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct sim rng = {.random = 1};
    struct exchange_settings settings = {.max = 100, .max_waiters = 1, .random = random_bytes, .arg = &rng};
    struct exchange_table *table = NULL;

    for (int n = 0; n < 2; n++) {
        allocations_left = n;
        assert_int_equal(exchange_table_new(&settings, &table), -ENOMEM);
        assert_null(table);
    }
    allocations_left = -1;
    assert_int_equal(exchange_table_new(&settings, &table), 0);
    exchange_table_free(table);

    struct sim *sim = sim_new(34, 1, 100, 1);
    struct ask ask;
    int failures = 0;
    sim->servers[0] = good_server;
    assert_int_equal(heap_reserve(&sim->packets, 16), 0);
    for (int n = 0; n < 10; n++, failures++) {
        ask = (struct ask){.type = RR_A, .name = "\3foo"};
        struct exchange_question question = question_of(&ask);
        ask.sim = sim;
        ask.asked_at = sim->now;
        allocations_left = n;
        int error = exchange_ask(sim->table, &question, &sim->list, &ask.waiter, sim->now);
        allocations_left = -1;
        if (error == 0)
            break;
        assert_int_equal(error, -ENOMEM);
        assert_true(exchange_deadline(sim->table) == NSEC_NEVER);
    }
    assert_in_range(failures, 2, 9);
    ask.waits = true;
    sim->n_waiting++;
    sim_drain(sim);
    sim_run(sim);
    assert_true(ask.answered);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coalescing),
        cmocka_unit_test(test_different_questions_are_not_coalesced),
        cmocka_unit_test(test_no_servers),
        cmocka_unit_test(test_max_exchanges),
        cmocka_unit_test(test_abandon),
        cmocka_unit_test(test_nothing_after_the_end),
        cmocka_unit_test(test_ask_while_looking_at_the_answer),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
