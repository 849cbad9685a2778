/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What each client holds: limits, who is one client, a table that is full, workers at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "libiothnamed/clients.h"

static const struct siphash_key key = {{3, 4}};

static struct ipaddr addr(const char *text)
{
    struct ipaddr a;
    assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
    return a;
}

static int open_table(void **state)
{
    return clients_new(&key, (struct clients **)state);
}

static int close_table(void **state)
{
    clients_free(*state);
    return 0;
}

/* How many of `tries` uses are granted. */
static unsigned take(struct clients *c, enum client_use use, const char *client, unsigned limit,
                     unsigned tries)
{
    struct ipaddr a = addr(client);
    unsigned granted = 0;
    for (unsigned i = 0; i < tries; i++)
        granted += clients_take(c, use, &a, limit);
    return granted;
}

static void a_limit_for_each_client_and_use(void **state)
{
    assert_int_equal(take(*state, CLIENT_WAITS, "192.0.2.1", 3, 10), 3);
    assert_int_equal(take(*state, CLIENT_WAITS, "192.0.2.2", 3, 10), 3);
    assert_int_equal(take(*state, CLIENT_CONNECTS, "192.0.2.1", 2, 10), 2);
    assert_int_equal(clients_total(*state, CLIENT_WAITS), 6);
    assert_int_equal(clients_total(*state, CLIENT_CONNECTS), 2);
    struct ipaddr a = addr("192.0.2.1");
    clients_give_back(*state, CLIENT_WAITS, &a);
    assert_int_equal(take(*state, CLIENT_WAITS, "192.0.2.1", 3, 10), 1);
    assert_int_equal(take(*state, CLIENT_WAITS, "192.0.2.1", 5, 10), 2);
}

static void a_client_is_a_64_of_ipv6(void **state)
{
    assert_int_equal(take(*state, CLIENT_WAITS, "2001:db8::1", 2, 1), 1);
    assert_int_equal(take(*state, CLIENT_WAITS, "2001:db8::ffff:0:0:2", 2, 5), 1);
    assert_int_equal(take(*state, CLIENT_WAITS, "2001:db8:0:1::1", 2, 5), 2);
}

static void what_is_given_back_is_free_for_others(void **state)
{
    struct clients *c = *state;
    for (unsigned i = 0; i < 1000000; i++) {
        struct ipaddr a = {{0x20, 1, [4] = (uint8_t)(i >> 16), [5] = (uint8_t)(i >> 8), [6] = (uint8_t)i}};
        assert_true(clients_take(c, CLIENT_WAITS, &a, 1));
        assert_false(clients_take(c, CLIENT_WAITS, &a, 1));
        clients_give_back(c, CLIENT_WAITS, &a);
    }
    assert_int_equal(clients_total(c, CLIENT_WAITS), 0);
}

/* As many clients as two workers let wait find room; far too many are refused, and nothing is lost by it. */
static void a_full_table(void **state)
{
    struct clients *c = *state;
    unsigned granted = 0;
    for (unsigned i = 0; i < 20000; i++) {
        struct ipaddr a = {{0x20, 2, [5] = (uint8_t)(i >> 8), [6] = (uint8_t)i}};
        granted += clients_take(c, CLIENT_CONNECTS, &a, 1);
    }
    assert_in_range(granted, 19900, 20000);
    for (unsigned i = 20000; i < 100000; i++) {
        struct ipaddr a = {{0x20, 2, [4] = (uint8_t)(i >> 16), [5] = (uint8_t)(i >> 8), [6] = (uint8_t)i}};
        granted += clients_take(c, CLIENT_CONNECTS, &a, 1);
    }
    assert_in_range(granted, 50000, 65536);
    assert_int_equal(clients_total(c, CLIENT_CONNECTS), granted);
}

struct use {
    struct clients *clients;
    atomic_uint *most, *now;
};

static void *use_often(void *arg)
{
    struct use *u = arg;
    struct ipaddr a = addr("192.0.2.1");
    for (unsigned i = 0; i < 100000; i++) {
        if (!clients_take(u->clients, CLIENT_WAITS, &a, 2))
            continue;
        unsigned held = atomic_fetch_add(u->now, 1) + 1, most = atomic_load(u->most);
        while (held > most && !atomic_compare_exchange_weak(u->most, &most, held))
            ;
        atomic_fetch_sub(u->now, 1);
        clients_give_back(u->clients, CLIENT_WAITS, &a);
    }
    return NULL;
}

static void the_limit_holds_across_threads(void **state)
{
    atomic_uint most = 0, now = 0;
    struct use use = {*state, &most, &now};
    pthread_t threads[4];
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_often, &use), 0);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_in_range(atomic_load(&most), 1, 2);
    assert_int_equal(clients_total(*state, CLIENT_WAITS), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_table, close_table)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_limit_for_each_client_and_use),       TEST(a_client_is_a_64_of_ipv6),
        TEST(what_is_given_back_is_free_for_others), TEST(a_full_table),
        TEST(the_limit_holds_across_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
