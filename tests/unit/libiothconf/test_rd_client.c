/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Router discovery by advertisements made by hand: each rule by itself. */
#include "rd_world.h"

#include <errno.h>
#include <stdio.h>

static bool fails_to_allocate;

void *__real_calloc(size_t n, size_t size);
/* Seen by shared libraries too, which are linked with it as well. */
__attribute__((visibility("default"))) void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
    return fails_to_allocate ? NULL : __real_calloc(n, size);
}

static void test_creation(void **state)
{
    static const uint8_t secret[16];
    struct world w = {0};
    struct client_env env = world_env(&w);
    struct rd_settings settings = {.identifier = RD_HASHED};
    struct rd_client *x = NULL;

    (void)state;
    env.fqdn = NULL;
    assert_int_equal(rd_client_new(&env, &settings, &x), -EINVAL);
    settings = (struct rd_settings){.identifier = RD_OPAQUE, .secret = secret, .secret_len = 15};
    assert_int_equal(rd_client_new(&env, &settings, &x), -EINVAL);
    settings.secret_len = 16;
    fails_to_allocate = true;
    assert_int_equal(rd_client_new(&env, &settings, &x), -ENOMEM);
    fails_to_allocate = false;
    assert_null(x);
    assert_int_equal(rd_client_new(&env, &settings, &x), 0);
    rd_client_stop(x, 0); /* before it began */
    rd_client_free(x);
    rd_client_free(NULL);
}

/* --- solicitation --- */

static void assert_between(nsec_t value, nsec_t low, nsec_t high)
{
    if (value < low || value > high)
        fail_msg("%.3f s is not within %.3f..%.3f s", (double)value / 1e9, (double)low / 1e9,
                 (double)high / 1e9);
}

/* The interval to the next solicitation. */
static nsec_t next_solicitation(struct world *w)
{
    nsec_t before = w->now;
    unsigned n = w->counts[CLIENT_SEND];

    while (w->counts[CLIENT_SEND] == n)
        world_run(w, rd_client_deadline(w->client));
    return w->now - before;
}

static void test_solicitations_back_off(void **state)
{
    struct world w;
    nsec_t interval = 4 * SEC, last;

    (void)state;
    world_open(&w);
    assert_between(next_solicitation(&w), 0, SEC / 10);
    last = next_solicitation(&w);
    assert_between(last, interval * 9 / 10, interval * 11 / 10);
    for (unsigned i = 0; i < 20; i++) {
        nsec_t next = next_solicitation(&w);
        if (last * 21 / 10 <= 3600 * SEC)
            assert_between(next, last * 19 / 10, last * 21 / 10);
        else
            assert_between(next, 3240 * SEC, 3960 * SEC);
        last = next;
    }
    world_close(&w);
}

static void test_an_answer_ends_solicitations(void **state)
{
    struct world w;
    struct advert a;

    (void)state;
    world_open(&w);
    next_solicitation(&w);
    advert_begin(&a, &no_router); /* no default router: the search goes on (RFC 7559 s2) */
    world_hear(&w, "fe80::1", &a);
    assert_between(next_solicitation(&w), 3 * SEC, 5 * SEC);
    hear_usual(&w, "fe80::1", "2001:db8:1::");
    unsigned n = w.counts[CLIENT_SEND];
    world_wait(&w, 1700 * SEC);
    assert_int_equal(w.counts[CLIENT_SEND], n);
    world_close(&w);
}

static void test_an_answer_before_the_first_solicitation(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    hear_usual(&w, "fe80::1", "2001:db8:1::");
    world_wait(&w, 100 * SEC);
    assert_int_equal(w.counts[CLIENT_SEND], 0);
    world_close(&w);
}

/* A router falls silent: four solicitations before its end, then it is gone, and the search goes on. */
static void test_last_call(void **state)
{
    struct world w;
    nsec_t end;

    (void)state;
    world_open(&w);
    hear_usual(&w, "fe80::1", "2001:db8:1::");
    end = w.now + 1800 * SEC;
    next_solicitation(&w);
    assert_between(w.now, end - 60 * SEC, end - 59 * SEC);
    world_run(&w, end - 1);
    assert_between(w.counts[CLIENT_SEND], 4, 5);
    assert_non_null(world_has_route(&w, "::", 0, "fe80::1"));
    world_run(&w, end);
    assert_null(world_has_route(&w, "::", 0, "fe80::1"));
    assert_non_null(world_has_addr(&w, HASHED_1, 64));
    assert_between(next_solicitation(&w), 0, 70 * SEC);
    hear_usual(&w, "fe80::1", "2001:db8:1::");
    unsigned n = w.counts[CLIENT_SEND];
    world_wait(&w, 1700 * SEC);
    assert_int_equal(w.counts[CLIENT_SEND], n);
    assert_between(next_solicitation(&w), 0, 50 * SEC);
    /* not where the last outage ended */
    assert_between(next_solicitation(&w), 36 * SEC / 10, 44 * SEC / 10);
    world_close(&w);
}

/* No matter how short a router's lifetimes are. */
static void test_solicitations_are_never_close(void **state)
{
    struct world w;
    struct advert a;
    nsec_t last = 0;

    (void)state;
    world_open(&w);
    next_solicitation(&w);
    for (unsigned i = 0; i < 50; i++) {
        advert_begin(&a, &(struct nd_router){.lifetime_s = 1});
        world_hear(&w, "fe80::1", &a);
        next_solicitation(&w);
        assert_true(last == 0 || w.now - last >= 36 * SEC / 10);
        last = w.now;
    }
    world_close(&w);
}

/* --- addresses --- */

static void test_hashed_address(void **state)
{
    struct world w;
    struct rd_address list[RD_ADDRESSES_MAX];
    const struct client_event *e;

    (void)state;
    world_open(&w);
    w.verdicts = false;
    hear_usual(&w, "fe80::1", "2001:db8:1::");
    e = world_has_addr(&w, HASHED_1, 64);
    assert_non_null(e);
    assert_true(e->valid_until == w.now + 86400 * SEC);
    assert_true(e->preferred_until == w.now + 14400 * SEC);
    assert_non_null(world_has_route(&w, "::", 0, "fe80::1"));
    assert_false(w.bound); /* not before its verdict */
    assert_int_equal(rd_client_addresses(w.client, list), 0);
    rd_client_verdict(w.client, &(struct ipaddr){{1}}, true, w.now); /* of nobody's */
    world_drain(&w);
    rd_client_verdict(w.client, &e->addr, false, w.now);
    world_drain(&w);
    assert_true(w.bound);
    assert_int_equal(rd_client_addresses(w.client, list), 1);
    assert_true(ipaddr_equal(&list[0].addr, &e->addr) && list[0].valid_until == e->valid_until);
    world_close(&w);
}

static void test_eui64_address(void **state)
{
    struct world w;

    (void)state;
    world_open_with(&w, &(struct rd_settings){.identifier = RD_EUI64});
    hear_usual(&w, "fe80::1", "2001:db8:1::");
    assert_non_null(world_has_addr(&w, "2001:db8:1::ff:feaa:bbcc", 64));
    world_close(&w);
}

static struct ipaddr first_addr(const struct world *w)
{
    for (unsigned i = 0; i < HELD_MAX; i++) {
        if (w->held[i].used && w->held[i].is_addr)
            return w->held[i].event.addr;
    }
    fail_msg("there is no address");
    return nd_all_nodes;
}

static struct ipaddr opaque_of(const char *secret, const char *prefix)
{
    struct world w;
    struct rd_settings settings = {
        .identifier = RD_OPAQUE, .secret = (const uint8_t *)secret, .secret_len = strlen(secret)};

    world_open_with(&w, &settings);
    hear_usual(&w, "fe80::1", prefix);
    struct ipaddr addr = first_addr(&w);
    world_close(&w);
    return addr;
}

static void test_opaque_address(void **state)
{
    static const char *const secrets[] = {"0123456789abcdef", "0123456789abcdeg"};
    struct ipaddr a = opaque_of(secrets[0], "2001:db8:1::"), again = opaque_of(secrets[0], "2001:db8:1::"),
                  elsewhere = opaque_of(secrets[0], "2001:db8:2::"),
                  other = opaque_of(secrets[1], "2001:db8:1::");

    (void)state;
    assert_true(ipaddr_equal(&a, &again));
    assert_true(ipaddr_same_prefix(&a, &(struct ipaddr[]){addr_of("2001:db8:1::")}[0], 64));
    assert_memory_not_equal(a.b + 8, elsewhere.b + 8, 8);
    assert_memory_not_equal(a.b + 8, other.b + 8, 8);
}

/* The stack finds the one address that there is taken. Returns it. */
static struct ipaddr refuse(struct world *w)
{
    struct ipaddr addr = first_addr(w);

    rd_client_verdict(w->client, &addr, true, w->now);
    world_drain(w);
    assert_int_equal(world_count(w, true), 0);
    return addr;
}

static void test_hashed_duplicate_is_somebody_else(void **state)
{
    struct world w;
    struct rd_address list[RD_ADDRESSES_MAX];

    (void)state;
    world_open(&w);
    w.verdicts = false;
    hear_usual(&w, "fe80::1", "2001:db8:1::");
    struct ipaddr addr = refuse(&w);
    assert_int_equal(w.counts[CLIENT_DUPLICATE], 1);
    assert_true(ipaddr_equal(&w.duplicate, &addr));
    assert_int_equal(rd_client_addresses(w.client, list), 0);
    assert_false(w.bound);
    assert_non_null(world_has_route(&w, "2001:db8:1::", 64, "::")); /* that came with the address */
    hear_usual(&w, "fe80::1", "2001:db8:1::");                      /* changes nothing */
    assert_int_equal(world_count(&w, true), 0);

    world_wait(&w, 299 * SEC);
    assert_int_equal(world_count(&w, true), 0);
    world_wait(&w, 32 * SEC);
    assert_non_null(world_has_addr(&w, HASHED_1, 64));
    assert_null(world_has_route(&w, "2001:db8:1::", 64, "::"));
    refuse(&w);
    assert_int_equal(w.counts[CLIENT_DUPLICATE], 2);
    w.verdicts = true;
    world_wait(&w, 331 * SEC);
    assert_non_null(world_has_addr(&w, HASHED_1, 64));
    assert_true(w.bound);
    /* and later, after all */
    refuse(&w);
    assert_false(w.bound);
    assert_int_equal(w.counts[CLIENT_LOST], 1);
    world_close(&w);
}

static void test_opaque_duplicates_have_successors(void **state)
{
    struct world w;
    static const uint8_t secret[16] = "a secret";
    struct ipaddr series[5];

    (void)state;
    world_open_with(&w, &(struct rd_settings){.identifier = RD_OPAQUE, .secret = secret, .secret_len = 16});
    w.verdicts = false;
    hear_usual(&w, "fe80::1", "2001:db8:1::");
    for (unsigned i = 0; i < 4; i++) { /* the first and IDGEN_RETRIES */
        assert_int_equal(w.counts[CLIENT_DUPLICATE], 0);
        series[i] = refuse(&w);
        for (unsigned j = 0; j < i; j++)
            assert_false(ipaddr_equal(&series[i], &series[j]));
        world_wait(&w, SEC);
    }
    assert_int_equal(w.counts[CLIENT_DUPLICATE], 1);
    assert_true(ipaddr_equal(&w.duplicate, &series[3]));
    world_wait(&w, 331 * SEC);
    series[4] = first_addr(&w);
    assert_true(ipaddr_equal(&series[4], &series[0]));
    world_close(&w);
}

/* --- prefixes --- */

static void test_flags_of_prefixes(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    hear_prefix(&w, "2001:db8:1::", 64, ND_PREFIX_AUTONOMOUS, 7200, 3600);
    assert_non_null(world_has_addr(&w, HASHED_1, 128));
    assert_int_equal(world_count(&w, false), 0);
    hear_prefix(&w, "2001:db8:2::", 64, ND_PREFIX_ON_LINK, 7200, 3600);
    assert_null(world_has_addr(&w, HASHED_2, 64));
    assert_non_null(world_has_route(&w, "2001:db8:2::", 64, "::"));
    hear_prefix(&w, "2001:db8:3::", 64, 0, 7200, 3600);
    hear_prefix(&w, "2001:db8:3::", 64, ND_PREFIX_DELEGATED | ND_PREFIX_ROUTER, 7200, 3600);
    assert_int_equal(world_count(&w, true) + world_count(&w, false), 2);
    /* Bits behind the prefix do not count (RFC 6275: R), nor does its length if it is only on the link. */
    hear_prefix(&w, "2001:db8:2::1", 64, ND_PREFIX_ON_LINK | ND_PREFIX_ROUTER, 7200, 3600);
    hear_prefix(&w, "2001:db8:4:4::", 62, LA, 7200, 3600);
    assert_non_null(world_has_route(&w, "2001:db8:4:4::", 62, "::"));
    assert_int_equal(world_count(&w, true) + world_count(&w, false), 3);
    /* The first goes on the link: a route of its own. The second gets an address, which brings the route. */
    hear_prefix(&w, "2001:db8:1::", 64, LA, 7200, 3600);
    assert_non_null(world_has_addr(&w, HASHED_1, 128));
    assert_non_null(world_has_route(&w, "2001:db8:1::", 64, "::"));
    hear_prefix(&w, "2001:db8:2::", 64, LA, 7200, 3600);
    assert_non_null(world_has_addr(&w, HASHED_2, 64));
    assert_null(world_has_route(&w, "2001:db8:2::", 64, "::"));
    /* Off the link at once (RFC 4861 s6.3.4); the address lives on (RFC 4862 s5.5.3 e). */
    hear_prefix(&w, "2001:db8:1::", 64, LA, 0, 0);
    assert_null(world_has_route(&w, "2001:db8:1::", 64, "::"));
    assert_non_null(world_has_addr(&w, HASHED_1, 128));
    world_wait(&w, 7200 * SEC);
    assert_int_equal(world_count(&w, true) + world_count(&w, false), 0);
    world_close(&w);
}

static void test_prefixes_that_are_none(void **state)
{
    static const struct {
        const char *prefix;
        uint8_t bits, flags;
        uint32_t valid_s, preferred_s;
    } none[] = {
        {"fe80::", 64, LA, 7200, 3600},
        {"fe80:1::", 48, ND_PREFIX_ON_LINK, 7200, 3600},
        {"ff02::", 64, LA, 7200, 3600},
        {"ff00::", 8, ND_PREFIX_ON_LINK, 7200, 3600},
        {"::", 64, LA, 7200, 3600},
        {"::", 128, ND_PREFIX_ON_LINK, 7200, 3600},
        {"::1", 128, ND_PREFIX_ON_LINK, 7200, 3600},
        {"::ffff:10.0.0.0", 104, ND_PREFIX_ON_LINK, 7200, 3600},
        {"::", 0, ND_PREFIX_ON_LINK, 7200, 3600},
        {"2001:db8:1::", 63, ND_PREFIX_AUTONOMOUS, 7200, 3600},
        {"2001:db8:1::", 65, ND_PREFIX_AUTONOMOUS, 7200, 3600},
        {"2001:db8:1::", 64, LA, 0, 0},
        {"2001:db8:1::", 64, ND_PREFIX_AUTONOMOUS, 3600, 3601},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        struct world w;
        world_open(&w);
        hear_prefix(&w, none[i].prefix, none[i].bits, none[i].flags, none[i].valid_s, none[i].preferred_s);
        if (world_count(&w, true) + world_count(&w, false) != 0)
            fail_msg("%s/%d led to something", none[i].prefix, none[i].bits);
        world_close(&w);
    }
}

#define NEVER_S ND_INFINITE

static void test_two_hours(void **state)
{
    static const struct {
        uint32_t remaining_s, said_s, expected_s;
    } rows[] = {
        {3600, 10800, 10800}, {3600, 5400, 5400},   {3600, 1800, 3600},        {3600, 0, 3600},
        {7200, 0, 7200},      {7201, 0, 7200},      {36000, 3600, 7200},       {36000, 7200, 7200},
        {36000, 7201, 7201},  {NEVER_S, 600, 7200}, {10800, NEVER_S, NEVER_S},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        uint32_t preferred_s = rows[i].said_s < 60 ? rows[i].said_s : 60;
        world_open(&w);
        hear_prefix(&w, "2001:db8:1::", 64, LA, rows[i].remaining_s, rows[i].remaining_s);
        hear_prefix(&w, "2001:db8:1::", 64, LA, rows[i].said_s, preferred_s);
        const struct client_event *e = world_has_addr(&w, HASHED_1, 64);
        assert_non_null(e);
        nsec_t expected = rows[i].expected_s == NEVER_S ? NSEC_NEVER : w.now + rows[i].expected_s * SEC;
        assert_true(e->valid_until == expected);
        assert_true(e->preferred_until == w.now + preferred_s * SEC);
        world_close(&w);
    }
}

static void test_an_address_is_deprecated_and_ends(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    hear_prefix(&w, "2001:db8:1::", 64, LA, 7200, 3600);
    assert_true(w.bound);
    assert_int_equal(w.counts[CLIENT_ADDR_ADD], 1);
    world_wait(&w, 3600 * SEC - 1);
    assert_int_equal(w.counts[CLIENT_ADDR_ADD], 1);
    world_wait(&w, 1);
    assert_int_equal(w.counts[CLIENT_ADDR_ADD], 2);
    assert_true(world_has_addr(&w, HASHED_1, 64)->preferred_until == w.now);
    world_wait(&w, 3600 * SEC - 1);
    assert_non_null(world_has_addr(&w, HASHED_1, 64));
    assert_true(w.bound);
    world_wait(&w, 1);
    assert_null(world_has_addr(&w, HASHED_1, 64));
    assert_false(w.bound);
    assert_int_equal(w.counts[CLIENT_LOST], 1);
    world_close(&w);
}

static void test_lifetimes_without_end(void **state)
{
    struct world w;
    struct advert a;

    (void)state;
    world_open(&w);
    advert_begin(&a, &no_router);
    advert_prefix(&a, "2001:db8:1::", 64, LA, ND_INFINITE, ND_INFINITE);
    advert_prefix(&a, "2001:db8:2::", 64, ND_PREFIX_ON_LINK, ND_INFINITE, ND_INFINITE);
    advert_route(&a, "::", 0, ND_MEDIUM, ND_INFINITE);
    advert_route(&a, "fd00::", 8, ND_MEDIUM, ND_INFINITE);
    advert_server(&a, "2001:db8::53", ND_INFINITE);
    world_hear(&w, "fe80::1", &a);
    assert_true(world_has_addr(&w, HASHED_1, 64)->preferred_until == NSEC_NEVER);
    world_wait(&w, 100 * INT64_C(365) * 86400 * SEC);
    assert_int_equal(world_count(&w, true), 1);
    assert_int_equal(world_count(&w, false), 3);
    assert_int_equal(w.counts[CLIENT_SEND], 0);
    assert_int_equal(w.names.n_servers, 1);
    world_close(&w);
}

/* --- routes --- */

static void test_default_routes(void **state)
{
    struct world w;
    struct advert a;

    (void)state;
    world_open(&w);
    advert_begin(&a, &(struct nd_router){.lifetime_s = 1800, .preference = ND_LOW});
    world_hear(&w, "fe80::1", &a);
    assert_true(w.bound); /* no router wants us to make addresses */
    advert_begin(&a, &(struct nd_router){.lifetime_s = 1800, .preference = ND_HIGH});
    world_hear(&w, "fe80::2", &a);
    advert_begin(&a, &(struct nd_router){.lifetime_s = 900});
    world_hear(&w, "fe80::3", &a);
    assert_int_equal(world_has_route(&w, "::", 0, "fe80::1")->metric, RD_METRIC_LOW);
    assert_int_equal(world_has_route(&w, "::", 0, "fe80::2")->metric, RD_METRIC_HIGH + 1);
    assert_int_equal(world_has_route(&w, "::", 0, "fe80::3")->metric, RD_METRIC_MEDIUM + 2);
    /* Another preference: one goes, one comes. */
    advert_begin(&a, &(struct nd_router){.lifetime_s = 1800, .preference = ND_HIGH});
    world_hear(&w, "fe80::1", &a);
    assert_int_equal(world_has_route(&w, "::", 0, "fe80::1")->metric, RD_METRIC_HIGH);
    assert_int_equal(world_count(&w, false), 3);
    advert_begin(&a, &no_router);
    world_hear(&w, "fe80::2", &a);
    assert_null(world_has_route(&w, "::", 0, "fe80::2"));
    world_wait(&w, 900 * SEC);
    assert_int_equal(world_count(&w, false), 1);
    world_wait(&w, 900 * SEC);
    assert_int_equal(world_count(&w, false), 0);
    assert_false(w.bound);
    world_close(&w);
}

static void test_route_information(void **state)
{
    struct world w;
    struct advert a;

    (void)state;
    world_open(&w);
    advert_begin(&a, &usual);
    advert_route(&a, "fd00:1::", 32, ND_HIGH, 600);
    advert_route(&a, "fd00:1:2::", 48, ND_LOW, 1200);
    advert_route(&a, "64:ff9b::", 96, ND_MEDIUM, 1200);
    advert_route(&a, "::", 1, ND_MEDIUM, 500);    /* half of all */
    advert_route(&a, "fe80::", 64, ND_HIGH, 600); /* not ours to route */
    advert_route(&a, "ff02::", 16, ND_HIGH, 600);
    advert_route(&a, "::ffff:0:0", 96, ND_HIGH, 600);
    world_hear(&w, "fe80::1", &a);
    assert_int_equal(world_count(&w, false), 5);
    assert_int_equal(world_has_route(&w, "fd00:1::", 32, "fe80::1")->metric, RD_METRIC_HIGH);
    assert_int_equal(world_has_route(&w, "fd00:1:2::", 48, "fe80::1")->metric, RD_METRIC_LOW);
    assert_non_null(world_has_route(&w, "64:ff9b::", 96, "fe80::1"));
    advert_begin(&a, &no_router); /* routes outlive the default route */
    advert_route(&a, "fd00:1:2::", 48, ND_LOW, 0);
    advert_route(&a, "fd00:9::", 48, ND_LOW, 0);
    world_hear(&w, "fe80::1", &a);
    assert_int_equal(world_count(&w, false), 3);
    world_wait(&w, 500 * SEC);
    assert_int_equal(world_count(&w, false), 2);
    world_wait(&w, 100 * SEC);
    assert_int_equal(world_count(&w, false), 1);
    world_close(&w);
}

/* RFC 4191 s3.1: a route to ::/0 has the last word. */
static void test_default_route_by_route_information(void **state)
{
    struct world w;
    struct advert a;

    (void)state;
    world_open(&w);
    advert_begin(&a, &(struct nd_router){.lifetime_s = 1800, .preference = ND_LOW});
    advert_route(&a, "::", 0, ND_HIGH, 100);
    world_hear(&w, "fe80::1", &a);
    const struct client_event *e = world_has_route(&w, "::", 0, "fe80::1");
    assert_int_equal(e->metric, RD_METRIC_HIGH);
    assert_true(e->valid_until == w.now + 100 * SEC);
    advert_begin(&a, &usual);
    advert_route(&a, "::", 0, ND_HIGH, 0);
    world_hear(&w, "fe80::1", &a);
    assert_null(world_has_route(&w, "::", 0, "fe80::1"));
    world_close(&w);
}

/* --- the rest of an advertisement --- */

static void test_mtu(void **state)
{
    static const uint32_t wrong[] = {0, 1279, LINK_MTU + 1, 65536 + 1400, UINT32_MAX};
    struct world w;

    (void)state;
    world_open(&w);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        hear_mtu(&w, "fe80::1", wrong[i]);
    hear_mtu(&w, "fe80::1", LINK_MTU);
    assert_int_equal(w.counts[CLIENT_MTU], 0);
    hear_mtu(&w, "fe80::1", 1400);
    assert_int_equal(w.mtu, 1400);
    hear_mtu(&w, "fe80::2", 1280); /* the smallest passes everywhere */
    assert_int_equal(w.mtu, 1280);
    hear_mtu(&w, "fe80::1", 1300);
    assert_int_equal(w.mtu, 1280);
    hear_mtu(&w, "fe80::2", LINK_MTU);
    assert_int_equal(w.mtu, 1300);
    world_wait(&w, 5400 * SEC); /* nobody left who says so */
    assert_int_equal(w.mtu, 0);
    hear_usual(&w, "fe80::3", "2001:db8:1::"); /* nor does who comes instead */
    assert_int_equal(w.mtu, 0);
    world_close(&w);
}

/* --- hop limit and timers --- */

static void hear_router(struct world *w, const char *from, struct nd_router said)
{
    struct advert a;

    said.lifetime_s = 1800;
    advert_begin(&a, &said);
    advert_route(&a, "2001:db8:77::", 48, ND_MEDIUM, 1800);
    world_hear(w, from, &a);
}

/* Of the default route and of the other one. */
static void assert_hop_limit(struct world *w, const char *router, uint8_t hop_limit)
{
    assert_int_equal(world_has_route(w, "::", 0, router)->hop_limit, hop_limit);
    assert_int_equal(world_has_route(w, "2001:db8:77::", 48, router)->hop_limit, hop_limit);
}

static void test_hop_limit(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    hear_router(&w, "fe80::1", (struct nd_router){.hop_limit = 0});
    assert_hop_limit(&w, "fe80::1", 0); /* the stack's own */
    hear_router(&w, "fe80::1", (struct nd_router){.hop_limit = 42});
    assert_hop_limit(&w, "fe80::1", 42);
    unsigned adds = w.counts[CLIENT_ROUTE_ADD];
    hear_router(&w, "fe80::1", (struct nd_router){.hop_limit = 0}); /* unspecified: as before */
    assert_hop_limit(&w, "fe80::1", 42);
    assert_int_equal(w.counts[CLIENT_ROUTE_ADD], adds);

    hear_router(&w, "fe80::2", (struct nd_router){.hop_limit = 0}); /* one that says none: the link's */
    assert_hop_limit(&w, "fe80::2", 42);
    hear_router(&w, "fe80::3", (struct nd_router){.hop_limit = 255});
    assert_hop_limit(&w, "fe80::3", 255);
    assert_hop_limit(&w, "fe80::2", 255); /* the last word */
    assert_hop_limit(&w, "fe80::1", 42);  /* its own */
    assert_int_equal(w.counts[CLIENT_ROUTE_DEL], 0);
    rd_client_stop(w.client, w.now);
    world_drain(&w);
    rd_client_start(w.client, w.now); /* another link, perhaps */
    hear_router(&w, "fe80::2", (struct nd_router){.hop_limit = 0});
    assert_hop_limit(&w, "fe80::2", 0);
    world_close(&w);
}

static void test_timers(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    hear_router(&w, "fe80::1", (struct nd_router){0});
    assert_int_equal(w.counts[CLIENT_TIMERS], 0);
    hear_router(&w, "fe80::1", (struct nd_router){.reachable_ms = 20000, .retrans_ms = 500});
    assert_true(w.reachable_ms == 20000 && w.retrans_ms == 500);
    hear_router(&w, "fe80::2", (struct nd_router){.retrans_ms = 2000}); /* the last word, of each */
    assert_true(w.reachable_ms == 20000 && w.retrans_ms == 2000);
    hear_router(&w, "fe80::1", (struct nd_router){0});
    hear_router(&w, "fe80::2", (struct nd_router){.retrans_ms = 2000});
    assert_int_equal(w.counts[CLIENT_TIMERS], 2);
    rd_client_start(w.client, w.now); /* the link was down: a stack may have forgotten them */
    world_drain(&w);
    assert_int_equal(w.counts[CLIENT_TIMERS], 3);
    world_close(&w);
}

static void hear_flags(struct world *w, const char *from, uint8_t flags)
{
    struct advert a;

    advert_begin(&a, &(struct nd_router){.flags = flags, .lifetime_s = 1800});
    world_hear(w, from, &a);
}

static void test_managed(void **state)
{
    struct world w;

    (void)state;
    world_open(&w);
    hear_flags(&w, "fe80::1", 0); /* the first says that there is no DHCPv6 */
    assert_int_equal(w.counts[CLIENT_MANAGED], 1);
    assert_false(w.managed || w.other);
    hear_flags(&w, "fe80::1", ND_RA_OTHER);
    assert_true(!w.managed && w.other);
    hear_flags(&w, "fe80::2", ND_RA_MANAGED | ND_RA_PROXY);
    assert_true(w.managed && w.other);
    hear_flags(&w, "fe80::1", 0); /* one is enough */
    assert_true(w.managed && !w.other);
    assert_int_equal(w.counts[CLIENT_MANAGED], 4);
    world_wait(&w, 10 * 3600 * SEC); /* a router that vanishes says nothing */
    assert_int_equal(w.counts[CLIENT_MANAGED], 4);
    hear_flags(&w, "fe80::1", 0);
    assert_false(w.managed || w.other);
    world_close(&w);
}

static void test_name_servers(void **state)
{
    struct world w;
    struct advert a;

    (void)state;
    world_open(&w);
    advert_begin(&a, &usual);
    advert_server(&a, "2001:db8::53", 600);
    advert_server(&a, "fe80::53", 1200);
    advert_server(&a, "ff02::53", 600); /* none */
    advert_server(&a, "::1", 600);
    advert_server(&a, "::", 600);
    advert_server(&a, "::ffff:10.0.0.1", 600);
    advert_domain(&a, "Example.ORG", 600);
    world_hear(&w, "fe80::1", &a);
    advert_begin(&a, &no_router);
    advert_server(&a, "2001:db8:2::53", 600);
    advert_server(&a, "2001:db8::53", 1200);
    advert_domain(&a, "example.org", 1200);
    advert_domain(&a, "local", 1300);
    world_hear(&w, "fe80::2", &a);
    assert_int_equal(w.names.n_servers, 3);
    assert_server(&w, 0, "2001:db8::53");
    assert_server(&w, 1, "2001:db8:2::53");
    assert_server(&w, 2, "fe80::53");
    assert_int_equal(w.names.n_domains, 2);
    assert_memory_equal(w.names.domains[0], "\7example\3org", 13);

    unsigned n = w.counts[CLIENT_NAMES];
    world_hear(&w, "fe80::2", &a); /* nothing new */
    assert_int_equal(w.counts[CLIENT_NAMES], n);
    /* What one router takes back another still says (RFC 8106 s5.1: a lifetime of 0). */
    advert_begin(&a, &usual);
    advert_server(&a, "2001:db8::53", 0);
    advert_domain(&a, "example.org", 0);
    advert_domain(&a, "unknown", 0);
    world_hear(&w, "fe80::1", &a);
    assert_int_equal(w.names.n_servers, 3);
    assert_int_equal(w.names.n_domains, 2);
    world_wait(&w, 600 * SEC);
    assert_int_equal(w.names.n_servers, 2);
    world_wait(&w, 600 * SEC);
    assert_int_equal(w.names.n_servers, 0);
    assert_int_equal(w.names.n_domains, 1);
    world_wait(&w, 100 * SEC);
    assert_int_equal(w.names.n_domains, 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_creation),
        cmocka_unit_test(test_solicitations_back_off),
        cmocka_unit_test(test_an_answer_ends_solicitations),
        cmocka_unit_test(test_an_answer_before_the_first_solicitation),
        cmocka_unit_test(test_last_call),
        cmocka_unit_test(test_solicitations_are_never_close),
        cmocka_unit_test(test_hashed_address),
        cmocka_unit_test(test_eui64_address),
        cmocka_unit_test(test_opaque_address),
        cmocka_unit_test(test_hashed_duplicate_is_somebody_else),
        cmocka_unit_test(test_opaque_duplicates_have_successors),
        cmocka_unit_test(test_flags_of_prefixes),
        cmocka_unit_test(test_prefixes_that_are_none),
        cmocka_unit_test(test_two_hours),
        cmocka_unit_test(test_an_address_is_deprecated_and_ends),
        cmocka_unit_test(test_lifetimes_without_end),
        cmocka_unit_test(test_default_routes),
        cmocka_unit_test(test_route_information),
        cmocka_unit_test(test_default_route_by_route_information),
        cmocka_unit_test(test_mtu),
        cmocka_unit_test(test_hop_limit),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_managed),
        cmocka_unit_test(test_name_servers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
