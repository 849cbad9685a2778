/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Response rate limiting, with a clock of its own: what each network gets, and who is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "libiothnamed/rrl.h"

static const struct siphash_key key = {{7, 8}};
#define START (1000 * NSEC_PER_SEC)

struct tally {
    unsigned sent, slipped, dropped;
};

static struct ipaddr addr(const char *text)
{
    struct ipaddr a;
    assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
    return a;
}

/* `n` answers to that client, evenly over `span` from `start` on. */
static struct tally ask(struct rrl *r, const char *client, const struct rrl_limit *limit, unsigned n,
                        nsec_t start, nsec_t span)
{
    struct tally t = {0};
    struct ipaddr a = addr(client);
    for (unsigned i = 0; i < n; i++) {
        enum rrl_verdict v = rrl_take(r, &a, limit, start + span * i / n);
        t.sent += v == RRL_SEND;
        t.slipped += v == RRL_SLIP;
        t.dropped += v == RRL_DROP;
    }
    return t;
}

static int open_table(void **state)
{
    return rrl_new(&key, (struct rrl **)state);
}

static int close_table(void **state)
{
    rrl_free(*state);
    return 0;
}

static void a_burst_and_then_the_rate(void **state)
{
    const struct rrl_limit limit = {.rate = 200, .slip = 0};
    struct tally t = ask(*state, "192.0.2.1", &limit, 1000, START, 0);
    assert_int_equal(t.sent, 200);
    assert_int_equal(t.dropped, 800);
    t = ask(*state, "192.0.2.1", &limit, 100000, START, 10 * NSEC_PER_SEC);
    assert_in_range(t.sent, 1995, 2005);
}

static void an_honest_rate_is_never_limited(void **state)
{
    const struct rrl_limit limit = {.rate = 200, .slip = 2};
    struct tally t = ask(*state, "192.0.2.1", &limit, 19900, START, 100 * NSEC_PER_SEC);
    assert_int_equal(t.sent, 19900);
}

static void a_flood_does_not_cost_the_network_its_share(void **state)
{
    const struct rrl_limit limit = {.rate = 10, .slip = 0};
    ask(*state, "192.0.2.1", &limit, 1000000, START, NSEC_PER_SEC);
    struct tally t = ask(*state, "192.0.2.1", &limit, 10, START + 2 * NSEC_PER_SEC, 0);
    assert_int_equal(t.sent, 10);
}

static void one_of_so_many_slips(void **state)
{
    struct rrl_limit limit = {.rate = 1, .slip = 1};
    struct tally t = ask(*state, "192.0.2.1", &limit, 101, START, 0);
    assert_int_equal(t.sent, 1);
    assert_int_equal(t.slipped, 100);
    limit.slip = 2;
    t = ask(*state, "198.51.100.1", &limit, 101, START, 0);
    assert_int_equal(t.slipped, 50);
    assert_int_equal(t.dropped, 50);
    limit.slip = 10;
    t = ask(*state, "203.0.113.1", &limit, 101, START, 0);
    assert_int_equal(t.slipped, 10);
    limit.slip = 0;
    t = ask(*state, "203.0.114.1", &limit, 101, START, 0);
    assert_int_equal(t.slipped, 0);
}

static void networks(void **state)
{
    const struct rrl_limit limit = {.rate = 1, .slip = 0};
    static const struct {
        const char *one, *other;
        bool same;
    } rows[] = {
        {"192.0.2.1", "192.0.2.255", true},
        {"192.0.2.1", "192.0.3.1", false},
        {"2001:db8:1:100::1", "2001:db8:1:1ff:ffff::", true},
        {"2001:db8:1:100::1", "2001:db8:1:200::1", false},
        {"0:0:ff:ff01:2030::", "1.2.3.4", false},
    };
    nsec_t now = START;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++, now += 10 * NSEC_PER_SEC) {
        assert_int_equal(ask(*state, rows[i].one, &limit, 2, now, 0).sent, 1);
        assert_int_equal(ask(*state, rows[i].other, &limit, 2, now, 0).sent, rows[i].same ? 0 : 1);
    }
}

/* A million forged networks cannot make the table forget one that is over the limit. */
static void a_full_table_keeps_the_heavy_ones(void **state)
{
    const struct rrl_limit limit = {.rate = 100, .slip = 0};
    struct ipaddr heavy = addr("192.0.2.1");
    unsigned sent = 0;
    for (unsigned i = 0; i < 1000000; i++) {
        struct ipaddr forged = {{[10] = 0xff,
                                 [11] = 0xff,
                                 [12] = (uint8_t)(i >> 16),
                                 [13] = (uint8_t)(i >> 8),
                                 [14] = (uint8_t)i}};
        nsec_t now = START + i * (NSEC_PER_SEC / 1000000);
        (void)rrl_take(*state, &forged, &limit, now);
        sent += rrl_take(*state, &heavy, &limit, now) == RRL_SEND;
    }
    assert_in_range(sent, 195, 205);
}

static void the_clock_comes_around(void **state)
{
    const struct rrl_limit limit = {.rate = 5, .slip = 0};
    const nsec_t around = (INT64_C(1) << 40) * 64;
    for (nsec_t at = around - NSEC_PER_SEC; at < around + 3 * NSEC_PER_SEC; at += NSEC_PER_SEC)
        assert_in_range(ask(*state, "192.0.2.1", &limit, 100, at, 0).sent, 5, 6);
    assert_int_equal(ask(*state, "192.0.2.1", &limit, 100, around * 3 / 2, 0).sent, 5);
}

static void rates_at_the_ends(void **state)
{
    struct rrl_limit limit = {.rate = 1000000, .slip = 0};
    struct tally t = ask(*state, "192.0.2.1", &limit, 3000000, START, NSEC_PER_SEC);
    assert_in_range(t.sent, 1900000, 2150000);
    limit.rate = 1;
    t = ask(*state, "198.51.100.1", &limit, 1000, START, 100 * NSEC_PER_SEC);
    assert_in_range(t.sent, 99, 101);
}

/* Workers look at the clock once for many questions: one of them may be behind the others. */
static void a_worker_whose_time_is_late_gives_no_second_burst(void **state)
{
    const struct rrl_limit limit = {.rate = 100, .slip = 0};
    static const nsec_t late[] = {1000, NSEC_PER_SEC / 1000, NSEC_PER_SEC, 5 * NSEC_PER_SEC};
    assert_int_equal(ask(*state, "192.0.2.1", &limit, 1000, START, 0).sent, 100);
    for (unsigned i = 0; i < ARRAY_LEN(late); i++)
        assert_int_equal(ask(*state, "192.0.2.1", &limit, 1000, START - late[i], 0).sent, 0);
    assert_int_equal(ask(*state, "192.0.2.1", &limit, 1000, START + NSEC_PER_SEC / 2, 0).sent, 50);
}

struct flood {
    struct rrl *rrl;
    unsigned sent;
};

static void *flood(void *arg)
{
    struct flood *f = arg;
    const struct rrl_limit limit = {.rate = 1000, .slip = 2};
    struct ipaddr client = addr("192.0.2.1");
    for (unsigned i = 0; i < 200000; i++)
        f->sent += rrl_take(f->rrl, &client, &limit, START + i) == RRL_SEND;
    return NULL;
}

/* Four workers at once give no more than one would. */
static void workers_share_the_limit(void **state)
{
    struct flood floods[4];
    pthread_t threads[4];
    unsigned sent = 0;
    for (unsigned i = 0; i < 4; i++) {
        floods[i] = (struct flood){.rrl = *state};
        assert_int_equal(pthread_create(&threads[i], NULL, flood, &floods[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        sent += floods[i].sent;
    }
    assert_int_equal(sent, 1000);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_table, close_table)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_burst_and_then_the_rate),
        TEST(an_honest_rate_is_never_limited),
        TEST(a_flood_does_not_cost_the_network_its_share),
        TEST(one_of_so_many_slips),
        TEST(networks),
        TEST(a_full_table_keeps_the_heavy_ones),
        TEST(the_clock_comes_around),
        TEST(rates_at_the_ends),
        TEST(a_worker_whose_time_is_late_gives_no_second_burst),
        TEST(workers_share_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
