/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many flows there may be, of whom; and the table of UDP flows. */
#include "libotip/proxy_account.h"
#include "libotip/proxy_peers.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct siphash_key key = {{1, 2}};

/* Linked in place of calloc, also in the libraries of the sanitizers. */
static unsigned long left = ~0ul; /* allocations until one fails */
#pragma GCC visibility push(default)
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return left == 0 || left-- == 0 ? NULL : __real_calloc(n, size);
}
#pragma GCC visibility pop

static struct ipaddr addr(const char *text)
{
    struct ipaddr a;

    assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
    return a;
}

static struct ipaddr numbered(uint32_t net, uint32_t host)
{
    struct ipaddr a = {{0xfd}};

    memcpy(a.b + 4, &net, 4);
    memcpy(a.b + 12, &host, 4);
    return a;
}

static void a_source_is_a_net_of_64_bits_or_an_address_of_ipv4(void **state)
{
    struct proxy_account *a;
    struct ipaddr one = addr("fd00::1"), same = addr("fd00::2"), other = addr("fd00:0:0:1::1");
    struct ipaddr four = addr("10.0.0.1"), five = addr("10.0.0.2");
    (void)state;

    assert_int_equal(proxy_account_new(10, 1, &key, &a), 0);
    assert_int_equal(proxy_account_enter(a, &one), PROXY_ADMITTED);
    assert_int_equal(proxy_account_enter(a, &same), PROXY_SOURCE_IS_FULL);
    assert_int_equal(proxy_account_enter(a, &other), PROXY_ADMITTED);
    assert_int_equal(proxy_account_enter(a, &four), PROXY_ADMITTED);
    assert_int_equal(proxy_account_enter(a, &five), PROXY_ADMITTED);
    assert_int_equal(proxy_account_enter(a, &four), PROXY_SOURCE_IS_FULL);
    assert_int_equal(proxy_account_sources(a), 4);
    proxy_account_leave(a, &same);
    assert_int_equal(proxy_account_sources(a), 3);
    assert_int_equal(proxy_account_enter(a, &one), PROXY_ADMITTED);
    assert_int_equal(proxy_account_flows(a), 4);
    proxy_account_free(a);
}

static void there_is_an_end_to_all_flows(void **state)
{
    struct proxy_account *a;
    (void)state;

    assert_int_equal(proxy_account_new(3, 3, &key, &a), 0);
    for (uint32_t i = 0; i < 3; i++) {
        struct ipaddr from = numbered(i, 0);
        assert_int_equal(proxy_account_enter(a, &from), PROXY_ADMITTED);
    }
    struct ipaddr more = numbered(9, 0);
    assert_int_equal(proxy_account_enter(a, &more), PROXY_FULL);
    proxy_account_leave(a, &more); /* it was never admitted */
    assert_int_equal(proxy_account_flows(a), 3);
    proxy_account_set(a, 2, 3);
    struct ipaddr first = numbered(0, 7);
    proxy_account_leave(a, &first);
    assert_int_equal(proxy_account_enter(a, &more), PROXY_FULL);
    proxy_account_set(a, 100, 3); /* not more than there are places */
    assert_int_equal(proxy_account_enter(a, &more), PROXY_ADMITTED);
    assert_int_equal(proxy_account_enter(a, &more), PROXY_FULL);
    proxy_account_free(a);
}

/* Against a plain count, with sources that come and go. */
static void counts_stay_right(void **state)
{
    enum { NETS = 40, MOST = 64, EACH = 5 };
    struct proxy_account *a;
    uint32_t counts[NETS] = {0}, sum = 0;
    uint64_t dice = 99;
    (void)state;

    assert_int_equal(proxy_account_new(MOST, EACH, &key, &a), 0);
    for (unsigned i = 0; i < 200000; i++) {
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        uint32_t net = (uint32_t)(dice >> 33) % NETS;
        struct ipaddr from = numbered(net, (uint32_t)(dice >> 40));
        if (dice >> 63 && counts[net] > 0) {
            proxy_account_leave(a, &from);
            counts[net]--;
            sum--;
        } else {
            enum proxy_admission expected = sum == MOST           ? PROXY_FULL
                                            : counts[net] == EACH ? PROXY_SOURCE_IS_FULL
                                                                  : PROXY_ADMITTED;
            assert_int_equal(proxy_account_enter(a, &from), expected);
            counts[net] += expected == PROXY_ADMITTED;
            sum += expected == PROXY_ADMITTED;
        }
        assert_int_equal(proxy_account_flows(a), sum);
    }
    proxy_account_free(a);
}

static struct peer_key peer_key(unsigned port, const char *asked)
{
    return (struct peer_key){
        .client = {.addr = addr("fd00::c"), .port = (uint16_t)port}, .asked = addr(asked), .port = 53};
}

static void a_flow_is_found_by_all_that_it_is(void **state)
{
    struct peers t;
    struct peer flows[3] = {{.key = peer_key(1000, "fd00::1")},
                            {.key = peer_key(1000, "fd00::2")},
                            {.key = peer_key(1001, "fd00::1")}};
    struct peer_key other = peer_key(1000, "fd00::1");
    (void)state;

    assert_int_equal(peers_init(&t, 2, &key), 0); /* all in few chains */
    for (unsigned i = 0; i < 3; i++)
        peers_enter(&t, &flows[i]);
    for (unsigned i = 0; i < 3; i++)
        assert_ptr_equal(peers_find(&t, &flows[i].key), &flows[i]);
    other.port = 54;
    assert_null(peers_find(&t, &other));
    peers_leave(&t, &flows[0]);
    assert_null(peers_find(&t, &flows[0].key));
    assert_ptr_equal(peers_find(&t, &flows[1].key), &flows[1]);
    assert_int_equal(t.n, 2);
    peers_fini(&t);
}

static void the_oldest_is_the_one_touched_longest_ago(void **state)
{
    struct peers t;
    struct peer flows[3] = {
        {.key = peer_key(1, "fd00::1")}, {.key = peer_key(2, "fd00::1")}, {.key = peer_key(3, "fd00::1")}};
    (void)state;

    assert_int_equal(peers_init(&t, 8, &key), 0);
    for (unsigned i = 0; i < 3; i++)
        peers_enter(&t, &flows[i]);
    assert_ptr_equal(t.oldest, &flows[0]);
    peers_touch(&t, &flows[0]);
    assert_ptr_equal(t.oldest, &flows[1]);
    assert_ptr_equal(t.newest, &flows[0]);
    peers_touch(&t, &flows[0]);
    peers_touch(&t, &flows[2]);
    peers_leave(&t, &flows[1]);
    assert_ptr_equal(t.oldest, &flows[0]);
    assert_ptr_equal(t.oldest->newer, &flows[2]);
    peers_leave(&t, &flows[2]);
    peers_leave(&t, &flows[0]);
    assert_null(t.oldest);
    assert_null(t.newest);
    peers_fini(&t);
}

/* Each allocation of a beginning in turn; all is taken then, so none comes later. */
static void out_of_memory(void **state)
{
    struct proxy_account *none = (struct proxy_account *)&left, *a = none;
    struct peers t = {.n = 77};
    unsigned failed = 0;
    (void)state;

    for (int e = -ENOMEM; e < 0; failed++) {
        left = failed;
        e = proxy_account_new(100, 10, &key, &a);
        left = ~0ul;
        assert_true(e == 0 || (e == -ENOMEM && a == none));
    }
    assert_int_equal(failed, 3 + 1); /* itself, its heads, its places */
    left = 0;
    assert_int_equal(peers_init(&t, 64, &key), -ENOMEM);
    assert_int_equal(t.n, 77);
    for (uint32_t i = 0; i < 100; i++) {
        struct ipaddr from = numbered(i, i);
        assert_int_equal(proxy_account_enter(a, &from), PROXY_ADMITTED);
    }
    left = ~0ul;
    proxy_account_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_is_a_net_of_64_bits_or_an_address_of_ipv4),
        cmocka_unit_test(there_is_an_end_to_all_flows),
        cmocka_unit_test(counts_stay_right),
        cmocka_unit_test(a_flow_is_found_by_all_that_it_is),
        cmocka_unit_test(the_oldest_is_the_one_touched_longest_ago),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
