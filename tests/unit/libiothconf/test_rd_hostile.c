/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Router discovery: whom it does not believe, what floods and quotas do, and a life with links that go down, clocks that
 * are late and events that nobody takes. */
#include "rd_world.h"

#include <stdio.h>

/* --- who is not believed --- */

static void test_what_is_ignored(void **state)
{
    struct world w;
    struct advert a;

    (void)state;
    world_open(&w);
    advert_begin(&a, &usual);
    advert_prefix(&a, "2001:db8:1::", 64, LA, 7200, 3600);
    world_hear_bytes(&w, "fe80::1", 254, a.bytes, a.w.pos);
    world_hear(&w, "2001:db8::1", &a);
    world_hear(&w, "::", &a);
    world_hear_bytes(&w, "fe80::1", 255, a.bytes, a.w.pos - 1);
    struct advert solicitation = {.w = writer_of(solicitation.bytes, sizeof(solicitation.bytes))};
    nd_write(&solicitation.w, &(struct nd_message){.type = ND_ROUTER_SOLICIT});
    advert_prefix(&solicitation, "2001:db8:1::", 64, LA, 7200, 3600);
    world_hear(&w, "fe80::1", &solicitation);
    struct client_packet packet = {.way = CLIENT_UDP,
                                   .from.addr = addr_of("fe80::1"),
                                   .hop_limit = 255,
                                   .bytes = a.bytes,
                                   .len = a.w.pos};
    rd_client_input(w.client, &packet, w.now);
    world_drain(&w);
    assert_int_equal(world_count(&w, true) + world_count(&w, false), 0);
    rd_client_stop(w.client, w.now);
    world_hear(&w, "fe80::1", &a); /* at rest */
    assert_int_equal(world_count(&w, true) + world_count(&w, false), 0);
    for (unsigned i = 1; i <= 2; i++) { /* each life begins with what the first router says */
        rd_client_start(w.client, w.now);
        world_hear(&w, "fe80::1", &a);
        assert_int_equal(world_count(&w, true), 1);
        assert_int_equal(w.counts[CLIENT_MANAGED], i);
        rd_client_stop(w.client, w.now);
        world_drain(&w);
    }
    world_close(&w);
}

static void flood_address(char text[static 32], unsigned i)
{
    snprintf(text, 32, "fe80::%x:%x", 0x100 + i / 0x1000, i % 0x1000);
}

static void test_routers_in_flood(void **state)
{
    struct world w;
    struct advert a;
    char from[32];

    (void)state;
    world_open(&w);
    hear_usual(&w, "fe80::1", "2001:db8:1::");
    for (unsigned i = 0; i < 10000; i++) {
        flood_address(from, i);
        advert_begin(&a, &(struct nd_router){.lifetime_s = 9000, .preference = ND_HIGH});
        world_hear(&w, from, &a);
    }
    assert_int_equal(world_count(&w, false), RD_ROUTERS_MAX);
    hear_usual(&w, "fe80::1", "2001:db8:1::");
    assert_non_null(world_has_addr(&w, HASHED_1, 64));
    assert_non_null(world_has_route(&w, "::", 0, "fe80::1"));
    /* Those who are silent make room, not the one who speaks. */
    for (unsigned i = 0; i < 10; i++) {
        world_wait(&w, 540 * SEC);
        hear_usual(&w, "fe80::1", "2001:db8:1::");
        assert_null(world_has_route(&w, "::", 0, "fe80::2"));
        if (i < 9)
            hear_usual(&w, "fe80::2", "2001:db8:2::");
    }
    hear_usual(&w, "fe80::2", "2001:db8:2::");
    assert_non_null(world_has_route(&w, "::", 0, "fe80::2"));
    assert_non_null(world_has_route(&w, "::", 0, "fe80::1"));
    assert_non_null(world_has_addr(&w, HASHED_2, 64));
    world_close(&w);
}

static void test_quotas_of_one_router(void **state)
{
    struct world w;
    struct advert a;
    char text[64];

    (void)state;
    world_open(&w);
    for (unsigned i = 0; i < 1000; i++) {
        advert_begin(&a, &usual);
        snprintf(text, sizeof(text), "2001:db8:f:%x::", i);
        advert_prefix(&a, text, 64, LA, ND_INFINITE, ND_INFINITE);
        advert_route(&a, text, 60, ND_HIGH, ND_INFINITE);
        snprintf(text, sizeof(text), "2001:db8::%x", i + 1);
        advert_server(&a, text, 1000 + i / 100);
        snprintf(text, sizeof(text), "d%u.example", i);
        advert_domain(&a, text, 1000 + i / 100);
        world_hear(&w, "fe80::bad", &a);
    }
    assert_int_equal(world_count(&w, true), RD_PREFIXES_MAX);
    assert_non_null(world_has_addr(&w, "2001:db8:f:0:b4d7:52d2:c0d4:92e7", 64)); /* what is preferred stays */
    assert_in_range(world_count(&w, false), RD_ROUTES_MAX, RD_ROUTES_MAX + 1);
    assert_int_equal(w.names.n_servers, RD_SERVERS_MAX);
    assert_int_equal(w.names.n_domains, RD_DOMAINS_MAX);
    struct client_names names =
        w.names; /* neither those that end earlier nor those that end with the last come in */
    advert_begin(&a, &usual);
    advert_server(&a, "2001:db8::ffff", 500);
    advert_server(&a, "2001:db8::ffff", 1009);
    advert_domain(&a, "late.example", 500);
    advert_domain(&a, "late.example", 1009);
    world_hear(&w, "fe80::bad", &a);
    assert_memory_equal(&w.names, &names, sizeof(names));
    advert_begin(&a, &usual);
    advert_prefix(&a, "2001:db8:1::", 64, LA, 7200, 3600);
    advert_route(&a, "fd00:1::", 48, ND_HIGH, 600);
    advert_server(&a, "2001:db8:1::53", 600);
    advert_domain(&a, "good.example", 600);
    world_hear(&w, "fe80::1", &a);
    assert_non_null(world_has_addr(&w, HASHED_1, 64));
    assert_non_null(world_has_route(&w, "fd00:1::", 48, "fe80::1"));
    assert_non_null(world_has_route(&w, "::", 0, "fe80::1"));
    assert_server(&w, 1, "2001:db8:1::53");
    world_close(&w);
}

/* A new prefix every day, each valid for a month: the oldest of those that are deprecated makes room. */
static void test_a_router_that_renumbers_often(void **state)
{
    struct world w;
    char prefix[IPADDR_STRLEN];

    (void)state;
    world_open(&w);
    for (unsigned day = 1; day <= 40; day++) {
        snprintf(prefix, sizeof(prefix), "2001:db8:d:%x::", day);
        hear_prefix(&w, prefix, 64, LA, 30 * 86400, 86000);
        snprintf(prefix, sizeof(prefix), "2001:db8:d:%x:b4d7:52d2:c0d4:92e7", day);
        assert_non_null(world_has_addr(&w, prefix, 64));
        world_wait(&w, 86400 * SEC);
    }
    assert_int_equal(world_count(&w, true), RD_PREFIXES_MAX);
    world_close(&w);
}

/* A prefix is in the quota of each that says it. */
static void test_quotas_count_what_others_say_too(void **state)
{
    struct world w;
    struct advert a;
    char prefix[IPADDR_STRLEN];

    (void)state;
    world_open(&w);
    advert_begin(&a, &usual);
    for (unsigned i = 0; i < RD_PREFIXES_MAX; i++) {
        snprintf(prefix, sizeof(prefix), "2001:db8:e:%x::", i);
        advert_prefix(&a, prefix, 64, LA, 7200, 3600);
    }
    world_hear(&w, "fe80::1", &a);
    world_hear(&w, "fe80::2", &a);
    hear_usual(&w, "fe80::2", "2001:db8:1::");
    assert_int_equal(world_count(&w, true), RD_PREFIXES_MAX);
    hear_usual(&w, "fe80::3", "2001:db8:1::");
    assert_int_equal(world_count(&w, true), RD_PREFIXES_MAX + 1);
    hear_usual(&w, "fe80::2", "2001:db8:1::"); /* it may speak of those of others */
    assert_int_equal(world_count(&w, true), RD_PREFIXES_MAX + 1);
    world_close(&w);
}

/* Two routers say the same prefix: it is one, and stays when one of them is forgotten. */
static void test_a_prefix_of_two_routers(void **state)
{
    struct world w;
    char from[32];

    (void)state;
    world_open(&w);
    hear_usual(&w, "fe80::1", "2001:db8:1::");
    hear_usual(&w, "fe80::2", "2001:db8:1::");
    assert_int_equal(world_count(&w, true), 1);
    world_wait(&w, 5000 * SEC);
    hear_usual(&w, "fe80::2", "2001:db8:1::");
    world_wait(&w, 500 * SEC);
    for (unsigned i = 0; i < RD_ROUTERS_MAX; i++) { /* the last one takes the place of the first router */
        flood_address(from, i);
        hear_usual(&w, from, "2001:db8:2::");
    }
    assert_null(world_has_route(&w, "::", 0, "fe80::1"));
    assert_non_null(world_has_addr(&w, HASHED_1, 64));
    assert_int_equal(w.counts[CLIENT_ADDR_DEL], 0);
    world_wait(&w, 5500 * SEC); /* now the second as well, with all that only he said */
    hear_usual(&w, "fe80::3", "2001:db8:3::");
    assert_null(world_has_addr(&w, HASHED_1, 64));
    assert_non_null(world_has_addr(&w, HASHED_2, 64));
    world_close(&w);
}

static void hear_variables(struct world *w, uint8_t hop_limit, uint32_t reachable_ms, uint32_t retrans_ms)
{
    struct nd_router said = {
        .hop_limit = hop_limit, .lifetime_s = 1800, .reachable_ms = reachable_ms, .retrans_ms = retrans_ms};
    struct advert a;

    advert_begin(&a, &said);
    world_hear(w, "fe80::1", &a);
}

/* A hop limit of 1 would cut the node off from all but its link, timers of weeks from its neighbours. */
static void test_hop_limits_and_timers_out_of_bounds(void **state)
{
    static const uint8_t hop_limits[] = {1, 2, RD_HOP_LIMIT_MIN - 1};
    static const uint32_t reachable[] = {1, RD_REACHABLE_MIN_MS - 1, RD_REACHABLE_MAX_MS + 1, UINT32_MAX};
    static const uint32_t retrans[] = {1, RD_RETRANS_MIN_MS - 1, RD_RETRANS_MAX_MS + 1, UINT32_MAX};
    struct world w;

    (void)state;
    world_open(&w);
    for (unsigned said = 0; said <= 1; said++) { /* at first, then against what stands */
        for (size_t i = 0; i < ARRAY_LEN(hop_limits); i++)
            hear_variables(&w, hop_limits[i], 0, 0);
        for (size_t i = 0; i < ARRAY_LEN(reachable); i++)
            hear_variables(&w, 0, reachable[i], retrans[i]);
        assert_int_equal(world_has_route(&w, "::", 0, "fe80::1")->hop_limit, said ? RD_HOP_LIMIT_MIN : 0);
        assert_int_equal(w.counts[CLIENT_TIMERS], said);
        hear_variables(&w, RD_HOP_LIMIT_MIN, RD_REACHABLE_MIN_MS, RD_RETRANS_MIN_MS);
    }
    hear_variables(&w, UINT8_MAX, RD_REACHABLE_MAX_MS, RD_RETRANS_MAX_MS);
    assert_int_equal(world_has_route(&w, "::", 0, "fe80::1")->hop_limit, UINT8_MAX);
    assert_true(w.reachable_ms == RD_REACHABLE_MAX_MS && w.retrans_ms == RD_RETRANS_MAX_MS);
    world_close(&w);
}

/* --- life --- */

static void test_the_link_was_down(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    hear_usual(&w, "fe80::1", "2001:db8:1::");
    hear_mtu(&w, "fe80::1", 1400);
    unsigned adds = w.counts[CLIENT_ADDR_ADD], mtus = w.counts[CLIENT_MTU], bounds = w.counts[CLIENT_BOUND];
    unsigned sends = w.counts[CLIENT_SEND];
    rd_client_start(w.client, w.now);
    world_drain(&w);
    assert_int_equal(w.counts[CLIENT_ADDR_ADD], adds + 1);
    assert_int_equal(w.counts[CLIENT_MTU], mtus + 1);
    assert_int_equal(w.counts[CLIENT_BOUND], bounds + 1);
    assert_int_equal(w.counts[CLIENT_ADDR_DEL] + w.counts[CLIENT_ROUTE_DEL] + w.counts[CLIENT_LOST], 0);
    world_wait(&w, 20 * SEC);
    assert_int_equal(w.counts[CLIENT_SEND], sends + 3);
    hear_usual(&w, "fe80::1", "2001:db8:1::");
    world_wait(&w, 1000 * SEC);
    assert_int_equal(w.counts[CLIENT_SEND], sends + 3);

    w.verdicts = false; /* and again, into a network where somebody has the address */
    rd_client_start(w.client, w.now);
    world_drain(&w);
    assert_int_equal(w.counts[CLIENT_LOST], 0);
    struct ipaddr addr = addr_of(HASHED_1);
    rd_client_verdict(w.client, &addr, true, w.now);
    world_drain(&w);
    assert_int_equal(w.counts[CLIENT_LOST], 1);
    world_close(&w);
}

/* The program slept: an advertisement comes before the timeout that is overdue. */
static void test_a_late_clock(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    hear_usual(&w, "fe80::1", "2001:db8:1::");
    w.now += 10 * 86400 * SEC;
    hear_usual(&w, "fe80::2", "2001:db8:2::");
    assert_null(world_has_addr(&w, HASHED_1, 64));
    assert_null(world_has_route(&w, "::", 0, "fe80::1"));
    assert_non_null(world_has_addr(&w, HASHED_2, 64));
    assert_true(w.bound);
    world_close(&w);
}

/* What came and went between two looks is not told. */
static void test_events_that_nobody_takes(void **state)
{
    struct world w;
    struct advert a;
    struct client_packet packet = {.way = CLIENT_ICMP6, .hop_limit = 255};

    (void)state;
    world_open(&w);
    for (unsigned i = 0; i < 1000; i++) {
        advert_begin(&a, &(struct nd_router){.lifetime_s = (uint16_t)(i % 2)});
        advert_prefix(&a, i % 3 ? "2001:db8:1::" : "2001:db8:2::", 64, LA, 3, 3);
        packet.from.addr = addr_of("fe80::1");
        packet.bytes = a.bytes;
        packet.len = a.w.pos;
        w.now += SEC / 2;
        rd_client_input(w.client, &packet, w.now);
    }
    world_drain(&w);
    assert_int_equal(w.counts[CLIENT_ADDR_ADD], 2);
    assert_int_equal(w.counts[CLIENT_ADDR_DEL], 0);
    rd_client_verdict(w.client, &(struct ipaddr){{0}}, true, w.now);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_ignored),
        cmocka_unit_test(test_routers_in_flood),
        cmocka_unit_test(test_quotas_of_one_router),
        cmocka_unit_test(test_quotas_count_what_others_say_too),
        cmocka_unit_test(test_a_router_that_renumbers_often),
        cmocka_unit_test(test_a_prefix_of_two_routers),
        cmocka_unit_test(test_hop_limits_and_timers_out_of_bounds),
        cmocka_unit_test(test_the_link_was_down),
        cmocka_unit_test(test_a_late_clock),
        cmocka_unit_test(test_events_that_nobody_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
