/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which address a client gets, and what is remembered of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libnamedhcp/lease_table.h"

#define NET   0x0a000000u /* 10.0.0.0 */
#define NOW   1000000
#define HOUR  3600
#define N(id) (const uint8_t *)(id), strlen(id)

static const struct siphash_key key = {{3, 4}};

static struct lease_table *new_table(const struct lease_pool *pools, unsigned n, uint32_t max)
{
    const struct lease_settings settings = {.pools = pools, .n_pools = n, .leases_max = max, .key = key};
    struct lease_table *t = NULL;

    assert_int_equal(lease_table_new(&settings, &t), 0);
    return t;
}

static struct lease_table *small_table(void)
{
    const struct lease_pool pool = {NET + 10, NET + 19, 0};

    return new_table(&pool, 1, 1000);
}

static struct server_lease a_lease(uint32_t addr, const char *identity, int64_t ends)
{
    struct server_lease l = {.began = NOW, .ends = ends, .identity_len = (uint8_t)strlen(identity)};

    l.addr.b[10] = l.addr.b[11] = 0xff;
    put_be32(l.addr.b + 12, addr);
    memcpy(l.identity, identity, strlen(identity));
    return l;
}

static int put(struct lease_table *t, uint32_t addr, const char *identity, int64_t ends, int64_t now,
               uint32_t *forgotten)
{
    struct server_lease l = a_lease(addr, identity, ends);

    return lease_put(t, 0, &l, false, now, forgotten);
}

static void give(struct lease_table *t, uint32_t addr, const char *identity, int64_t ends)
{
    uint32_t forgotten = 1;

    assert_int_equal(put(t, addr, identity, ends, NOW, &forgotten), 0);
    assert_int_equal(forgotten, 0);
}

static uint32_t pick(struct lease_table *t, const char *identity, uint32_t wanted, int64_t now)
{
    uint32_t addr = 0;

    assert_int_equal(lease_pick(t, 0, N(identity), wanted, now, &addr), 0);
    assert_true(lease_in_pool(t, 0, addr));
    return addr;
}

static void a_client_keeps_its_address(void **state)
{
    (void)state;
    struct lease_table *t = small_table();
    uint32_t first = pick(t, "a", 0, NOW);

    assert_int_equal(pick(t, "a", 0, NOW), first); /* the same on each server */
    give(t, first, "a", NOW + HOUR);
    assert_int_equal(pick(t, "a", NET + 15, NOW), first);         /* whatever it wants */
    assert_int_equal(pick(t, "a", 0, NOW + 2 * HOUR), first);     /* also when it has ended */
    assert_int_not_equal(pick(t, "b", first, NOW), first);        /* somebody else not */
    assert_int_not_equal(pick(t, "b", 0, NOW + 2 * HOUR), first); /* nor while others were never used */
    assert_int_equal(pick(t, "b", first, NOW + 2 * HOUR), first); /* but if it asks for it */
    assert_int_equal(lease_at(t, first)->addr, first);
    assert_ptr_equal(lease_of(t, 0, N("a")), lease_at(t, first));
    assert_null(lease_of(t, 0, N("b")));
    lease_table_free(t);
}

static void wishes_outside_the_pool_are_not_granted(void **state)
{
    (void)state;
    struct lease_table *t = small_table();

    assert_int_not_equal(pick(t, "a", NET + 9, NOW), NET + 9);
    assert_int_not_equal(pick(t, "a", NET + 20, NOW), NET + 20);
    assert_int_equal(pick(t, "a", NET + 19, NOW), NET + 19);
    lease_table_free(t);
}

static void all_are_given_out_once_and_then_the_oldest(void **state)
{
    (void)state;
    struct lease_table *t = small_table();
    uint32_t seen = 0, addr;
    char name[8];

    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        addr = pick(t, name, 0, NOW);
        assert_false(seen & (1u << (addr - NET)));
        seen |= 1u << (addr - NET);
        give(t, addr, name, NOW + HOUR + (i == 4 ? -100 : i));
    }
    assert_int_equal(lease_pick(t, 0, N("late"), 0, NOW, &addr), -ENOSPC);
    assert_int_equal(pick(t, "late", 0, NOW + HOUR - 100), lease_of(t, 0, N("c4"))->addr);
    lease_table_free(t);
}

static void declined_addresses_are_nobodys(void **state)
{
    (void)state;
    struct lease_table *t = small_table();
    uint32_t addr = pick(t, "a", 0, NOW), forgotten;
    struct server_lease l = a_lease(addr, "a", NOW + HOUR);

    l.state = SERVER_LEASE_DECLINED;
    assert_int_equal(lease_put(t, 0, &l, false, NOW, &forgotten), 0);
    assert_int_not_equal(pick(t, "a", addr, NOW), addr);
    assert_int_not_equal(pick(t, "b", addr, NOW), addr);
    assert_int_equal(pick(t, "b", addr, NOW + HOUR), addr);
    lease_table_free(t);
}

static void reserved_addresses_are_not_picked(void **state)
{
    (void)state;
    const struct lease_pool pool = {NET + 1, NET + 4, 0};
    const uint32_t reserved[] = {NET + 3, NET + 1, NET + 77};
    const struct lease_settings settings = {
        .pools = &pool, .n_pools = 1, .reserved = reserved, .n_reserved = 3, .leases_max = 10, .key = key};
    struct lease_table *t = NULL;
    uint32_t addr;

    assert_int_equal(lease_table_new(&settings, &t), 0);
    for (unsigned i = 0; i < 2; i++) {
        char name[4] = {(char)('a' + i)};
        addr = pick(t, name, NET + 3, NOW);
        assert_true(addr == NET + 2 || addr == NET + 4);
        give(t, addr, name, NOW + HOUR);
    }
    assert_int_equal(lease_pick(t, 0, N("c"), 0, NOW, &addr), -ENOSPC);
    give(t, NET + 3, "fixed", NOW + HOUR); /* its client has it */
    lease_forget(t, NET + 3);
    assert_int_equal(lease_pick(t, 0, N("c"), NET + 3, NOW, &addr), -ENOSPC);
    lease_table_free(t);
}

static void subnets_have_pools_of_their_own(void **state)
{
    (void)state;
    const struct lease_pool pools[] = {
        {NET + 100, NET + 100, 7}, {NET + 200, NET + 201, 0}, {NET + 102, NET + 103, 7}};
    struct lease_table *t = new_table(pools, 3, 100);
    struct server_lease l;
    uint32_t addr, forgotten;

    assert_int_equal(lease_pool_size(t, 7), 3);
    for (unsigned i = 0; i < 3; i++) {
        char name[4] = {(char)('a' + i)};
        assert_int_equal(lease_pick(t, 7, N(name), 0, NOW, &addr), 0);
        assert_true(lease_in_pool(t, 7, addr) && !lease_in_pool(t, 0, addr));
        l = a_lease(addr, name, NOW + HOUR);
        assert_int_equal(lease_put(t, 7, &l, false, NOW, &forgotten), 0);
    }
    assert_int_equal(lease_pick(t, 7, N("d"), 0, NOW, &addr), -ENOSPC);
    assert_int_equal(lease_pick(t, 0, N("a"), 0, NOW, &addr), 0); /* elsewhere, another one */
    assert_int_equal(lease_pick(t, 1, N("a"), 0, NOW, &addr), -ENOSPC);
    lease_table_free(t);
}

static void memory_is_bounded(void **state)
{
    (void)state;
    const struct lease_pool pool = {NET, NET + 0xffff, 0};
    struct lease_table *t = new_table(&pool, 1, 1000);
    uint32_t forgotten = 0;
    char name[16];

    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "%u", i);
        give(t, pick(t, name, 0, NOW), name, NOW + 1 + i);
    }
    uint32_t addr = pick(t, "more", 0, NOW), first = lease_of(t, 0, N("0"))->addr;
    assert_int_equal(put(t, addr, "more", NOW + HOUR, NOW, &forgotten), -ENOSPC);
    assert_int_equal(put(t, addr, "more", NOW + HOUR, NOW + 1, &forgotten), 0);
    assert_int_equal(forgotten, first);
    assert_int_equal(lease_count(t), 1000);
    assert_null(lease_of(t, 0, N("0")));
    assert_non_null(lease_of(t, 0, N("1")));
    lease_table_free(t);
}

/* Something that has ended before it is put down, into a full table: it must not make room for itself. */
static void an_ended_lease_into_a_full_table(void **state)
{
    (void)state;
    const struct lease_pool pool = {NET, NET + 3, 0};
    struct lease_table *t = new_table(&pool, 1, 1);
    uint32_t forgotten;

    give(t, NET, "a", NOW + HOUR);
    assert_int_equal(put(t, NET + 1, "b", NOW - 1, NOW, &forgotten), -ENOSPC);
    assert_int_equal(lease_move_end(t, NET, NOW - 5), 0);
    assert_int_equal(put(t, NET + 1, "b", NOW - 1, NOW, &forgotten), 0);
    assert_int_equal(forgotten, NET);
    assert_int_equal(lease_move_end(t, NET, NOW), -ENOENT);
    lease_table_free(t);
}

/* By chance, against a model: an array of who has what until when. */
static void as_a_model_has_it(void **state)
{
    (void)state;
    enum { SIZE = 64, CLIENTS = 90 };
    const struct lease_pool pool = {NET, NET + SIZE - 1, 0};
    struct lease_table *t = new_table(&pool, 1, 10000);
    int owner[SIZE];
    int64_t ends[SIZE], now = NOW;
    memset(owner, -1, sizeof(owner));
    memset(ends, 0, sizeof(ends));
    srandom(1);

    for (unsigned round = 0; round < 20000; round++) {
        int client = (int)(random() % CLIENTS);
        char name[8];
        uint32_t addr = 0, forgotten;
        snprintf(name, sizeof(name), "c%d", client);
        now += random() % 3;
        int error =
            lease_pick(t, 0, N(name), random() % 4 ? 0 : NET + (uint32_t)(random() % SIZE), now, &addr);
        if (error == -ENOSPC) {
            for (unsigned i = 0; i < SIZE; i++)
                assert_true(ends[i] > now && owner[i] != client);
            continue;
        }
        unsigned at = addr - NET;
        assert_true(owner[at] == client || ends[at] <= now);
        owner[at] = client;
        ends[at] = now + random() % 100;
        assert_int_equal(put(t, addr, name, ends[at], now, &forgotten), 0);
    }
    lease_table_free(t);
}

static void pools_that_make_no_sense(void **state)
{
    (void)state;
    const struct lease_pool bad[][2] = {
        {{NET + 5, NET + 4, 0}, {NET + 50, NET + 60, 0}},                  /* backwards */
        {{NET, NET + 9, 0}, {NET + 9, NET + 20, 1}},                       /* overlapping */
        {{NET, NET + LEASE_POOL_MAX - 1, 0}, {0xc0000000, 0xc0000000, 0}}, /* too many */
        {{NET, NET, LEASE_SUBNETS_MAX}, {NET + 1, NET + 1, 0}},
    };
    struct lease_table *t = NULL;

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        const struct lease_settings settings = {.pools = bad[i], .n_pools = 2, .leases_max = 1};
        assert_int_equal(lease_table_new(&settings, &t), -EINVAL);
    }
    lease_table_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_keeps_its_address),
        cmocka_unit_test(wishes_outside_the_pool_are_not_granted),
        cmocka_unit_test(all_are_given_out_once_and_then_the_oldest),
        cmocka_unit_test(declined_addresses_are_nobodys),
        cmocka_unit_test(reserved_addresses_are_not_picked),
        cmocka_unit_test(subnets_have_pools_of_their_own),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(an_ended_lease_into_a_full_table),
        cmocka_unit_test(as_a_model_has_it),
        cmocka_unit_test(pools_that_make_no_sense),
    };
    return cmocka_run_group_tests_name("lease_table", tests, NULL, NULL);
}
