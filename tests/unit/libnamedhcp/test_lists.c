/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a person is told of a running server: records of the store page by page, how full pools are; and names that are free
 * again since he said so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "libnamedhcp/lease_table.h"
#include "libnamedhcp/name_policy.h"
#include "libnamedhcp/store.h"

#define NOW 1000000
#define NET 0x0a000000u /* 10.0.0.0 */

static struct server_lease a_lease(uint32_t addr, enum server_lease_state state, int64_t ends)
{
    struct server_lease l = {
        .state = state, .addr = ipaddr_of_v4(addr), .identity_len = 4, .began = NOW, .ends = ends};

    put_be32(l.identity, addr);
    return l;
}

static struct server_lease a_claim(unsigned number)
{
    char text[32];
    struct server_lease l = {.state = SERVER_LEASE_CLAIM, .identity_len = 1, .began = NOW, .ends = NOW + 5};

    snprintf(text, sizeof(text), "host%03u.lan", number);
    assert_true(dname_from_text(text, strlen(text), l.name) > 1);
    return l;
}

/* --- pages --- */

struct page {
    unsigned n, enough; /* enough: the callback ends the walk after so many; 0: never */
    struct server_lease first, last;
};

static int see(void *arg, const struct server_lease *lease)
{
    struct page *p = arg;

    if (p->n++ == 0)
        p->first = *lease;
    else
        assert_true(memcmp(lease->addr.b, p->last.addr.b, 16) > 0 || lease->state == SERVER_LEASE_CLAIM);
    p->last = *lease;
    return p->n == p->enough;
}

static struct store *full_store(unsigned n)
{
    struct store *s = NULL;

    assert_int_equal(store_open(NULL, &s), 0);
    for (unsigned i = 0; i < n; i++) {
        struct server_lease l = a_lease(NET + i, SERVER_LEASE_BOUND, NOW + 60), claim = a_claim(i);
        assert_int_equal(store_put(s, &l), 0);
        assert_int_equal(store_put(s, &claim), 0);
    }
    assert_int_equal(store_commit(s), 0);
    return s;
}

/* Pages of `most` until the end; how many records there were. */
static unsigned walk_all(struct store *s, struct store_place at, unsigned most, struct page *p)
{
    unsigned pages = 0;
    int more;

    *p = (struct page){0};
    do {
        unsigned before = p->n;
        more = store_walk(s, &at, most, see, p);
        assert_true(more >= 0 && p->n - before <= most && ++pages < 1000);
    } while (more == 1);
    return p->n;
}

static void leases_and_claims_apart_in_pages_of_any_size(void **state)
{
    struct ipaddr any = {{0}};
    struct store *s = full_store(10);
    struct page p;

    (void)state;
    for (unsigned most = 1; most <= 12; most++) {
        assert_int_equal(walk_all(s, store_leases_from(&any), most, &p), 10);
        assert_int_equal(ipaddr_to_v4(&p.first.addr), NET);
        assert_int_equal(ipaddr_to_v4(&p.last.addr), NET + 9);
        assert_int_equal(walk_all(s, store_claims(), most, &p), 10);
        assert_int_equal(p.last.state, SERVER_LEASE_CLAIM);
    }
    store_close(s);
}

static void from_an_address_on_until_it_is_enough(void **state)
{
    struct ipaddr from = ipaddr_of_v4(NET + 4);
    struct store_place at = store_leases_from(&from);
    struct store *s = full_store(10);
    struct page p = {.enough = 2};

    (void)state;
    assert_int_equal(store_walk(s, &at, 5, see, &p), 0);
    assert_int_equal(p.n, 2);
    assert_int_equal(ipaddr_to_v4(&p.first.addr), NET + 4);
    store_close(s);
}

/* What goes and comes between two pages neither stops a walk nor doubles anything. */
static void changes_between_pages(void **state)
{
    struct ipaddr any = {{0}};
    struct store_place at = store_leases_from(&any);
    struct store *s = full_store(10);
    struct page p = {0};

    (void)state;
    assert_int_equal(store_walk(s, &at, 3, see, &p), 1);
    struct server_lease seen = a_lease(NET + 2, SERVER_LEASE_BOUND, 0),
                        next = a_lease(NET + 3, SERVER_LEASE_BOUND, 0),
                        more = a_lease(NET + 50, SERVER_LEASE_BOUND, 0);
    assert_int_equal(store_forget(s, &seen), 0);
    assert_int_equal(store_forget(s, &next), 0);
    assert_int_equal(store_put(s, &more), 0);
    assert_int_equal(store_commit(s), 0);
    while (store_walk(s, &at, 3, see, &p) == 1)
        continue;
    assert_int_equal(p.n, 10);
    assert_int_equal(ipaddr_to_v4(&p.last.addr), NET + 50);
    store_close(s);
}

/* The longest name is the longest key. */
static void a_claim_of_the_longest_name(void **state)
{
    char text[256];
    struct server_lease claim = {.state = SERVER_LEASE_CLAIM, .identity_len = 1};
    struct store_place at = store_claims();
    struct store *s = NULL;
    struct page p = {0};

    (void)state;
    memset(text, 'z', sizeof(text));
    text[63] = text[127] = text[191] = '.';
    assert_true(dname_from_text(text, 253, claim.name) > 1);
    assert_int_equal(dname_len(claim.name), DNAME_MAX);
    assert_int_equal(store_open(NULL, &s), 0);
    assert_int_equal(store_put(s, &claim), 0);
    assert_int_equal(store_commit(s), 0);
    while (store_walk(s, &at, 1, see, &p) == 1)
        assert_int_equal(p.n, 1); /* it does not come again and again */
    assert_int_equal(p.n, 1);
    store_close(s);
}

/* --- pools --- */

static void put(struct lease_table *t, unsigned subnet, uint32_t addr, enum server_lease_state state,
                int64_t ends, bool offered)
{
    struct server_lease l = a_lease(addr, state, ends);
    uint32_t forgotten;

    assert_int_equal(lease_put(t, subnet, &l, offered, NOW, &forgotten), 0);
}

static void how_full_pools_are(void **state)
{
    const struct lease_pool pools[] = {
        {NET + 300, NET + 309, 1}, {NET + 10, NET + 19, 0}, {NET + 30, NET + 39, 0}};
    const struct lease_settings settings = {.pools = pools, .n_pools = 3, .leases_max = 100, .key = {{1, 2}}};
    struct lease_pool_use use[3];
    struct lease_table *t = NULL;

    (void)state;
    assert_int_equal(lease_table_new(&settings, &t), 0);
    assert_int_equal(lease_n_pools(t), 3);
    put(t, 0, NET + 10, SERVER_LEASE_BOUND, NOW + 60, false);
    put(t, 0, NET + 19, SERVER_LEASE_DECLINED, NOW + 60, false);
    put(t, 0, NET + 11, SERVER_LEASE_BOUND, NOW + 60, true);     /* an offer */
    put(t, 0, NET + 12, SERVER_LEASE_BOUND, NOW, false);         /* it has ended */
    put(t, 0, NET + 13, SERVER_LEASE_RELEASED, NOW + 60, false); /* given back */
    put(t, 0, NET + 30, SERVER_LEASE_BOUND, NOW + 60, false);
    put(t, 0, NET + 25, SERVER_LEASE_BOUND, NOW + 60, false); /* in no pool */
    put(t, 0, NET + 99, SERVER_LEASE_BOUND, NOW + 60, false);
    put(t, 1, NET + 305, SERVER_LEASE_BOUND, INT64_MAX, false);
    lease_count_pools(t, NOW, use);
    assert_true(use[0].pool.first == NET + 10 && use[0].pool.last == NET + 19 && use[0].used == 2);
    assert_true(use[1].pool.first == NET + 30 && use[1].used == 1);
    assert_true(use[2].pool.subnet == 1 && use[2].pool.last == NET + 309 && use[2].used == 1);
    lease_table_free(t);
}

/* --- names --- */

static void a_claim_is_forgotten(void **state)
{
    const struct name_policy_settings settings = {.claims = true, .claims_max = 9, .claims_keep_s = 50};
    struct server_lease claim = a_claim(1), other = a_claim(2);
    struct name_policy_client first = {.identity = (const uint8_t *)"a",
                                       .identity_len = 1,
                                       .wanted = claim.name},
                              second = {
                                  .identity = (const uint8_t *)"b", .identity_len = 1, .wanted = claim.name};
    struct name_policy *p = NULL;
    uint8_t name[DNAME_MAX];

    (void)state;
    assert_int_equal(name_policy_new(&settings, &p), 0);
    assert_int_equal(name_policy_restore(p, claim.name, &first, NOW + 50), 0);
    assert_int_equal(name_policy_claims(p), 1);
    assert_int_equal(name_policy_find(p, &second, NOW, name), NAME_TAKEN);
    assert_false(name_policy_forget(p, other.name));
    memcpy(name, claim.name, dname_len(claim.name));
    name[1] = 'H';
    assert_true(name_policy_forget(p, name));
    assert_false(name_policy_forget(p, name));
    assert_int_equal(name_policy_claims(p), 0);
    assert_int_equal(name_policy_find(p, &second, NOW, name), NAME_GIVEN);
    name_policy_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leases_and_claims_apart_in_pages_of_any_size),
        cmocka_unit_test(from_an_address_on_until_it_is_enough),
        cmocka_unit_test(changes_between_pages),
        cmocka_unit_test(a_claim_of_the_longest_name),
        cmocka_unit_test(how_full_pools_are),
        cmocka_unit_test(a_claim_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
