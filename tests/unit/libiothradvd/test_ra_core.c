/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When the core speaks, with a virtual clock: RFC 4861 s6.2.4 to s6.2.6, RFC 7772. */
#include "ra_world.h"

static const char plain[] = "period 600\nminperiod 200\nprefix fc01::/64/LA/86400/14400\n";

static void first_ones_are_quick(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, plain);
    assert_int_equal(ra_deadline(w.ra), NSEC_NEVER);
    nsec_t begin = w.now;
    world_start(&w);
    world_wait(&w, 40 * SECOND);
    assert_int_equal(w.n_sent, RA_INITIAL_COUNT);
    assert_true(w.sent[0].at - begin <= RA_MAX_ANSWER_DELAY);
    for (unsigned i = 1; i < RA_INITIAL_COUNT; i++)
        assert_int_equal(w.sent[i].at - w.sent[i - 1].at, RA_INITIAL_INTERVAL);
    world_wait(&w, 560 * SECOND);
    assert_true(w.n_sent >= 4 && w.sent[3].at - w.sent[2].at >= 200 * SECOND);
    assert_int_equal(ra_stats(w.ra)->sent_multicast, w.n_sent);
    world_close(&w);
}

/* The interval is drawn evenly: of many all lie between the bounds, and each tenth of the span has its share. */
static void intervals_are_drawn_evenly(void **state)
{
    enum { TENTHS = 10, DRAWN = 3000 };
    unsigned tenths[TENTHS] = {0}, counted = 0;
    struct world w;
    (void)state;
    world_open(&w, plain);
    world_start(&w);
    world_wait(&w, 100 * SECOND);
    while (counted < DRAWN) {
        unsigned before = w.n_sent;
        nsec_t last = last_sent(&w)->at;
        w.now = ra_deadline(w.ra);
        ra_timeout(w.ra, w.now);
        world_drain(&w);
        assert_int_equal(w.n_sent, before + 1);
        nsec_t interval = last_sent(&w)->at - last;
        assert_true(interval >= 200 * SECOND && interval <= 600 * SECOND);
        tenths[(interval - 200 * SECOND) * TENTHS / (400 * SECOND + 1)]++;
        counted++;
    }
    for (unsigned i = 0; i < TENTHS; i++)
        assert_in_range(tenths[i], DRAWN / TENTHS * 3 / 4, DRAWN / TENTHS * 5 / 4);
    world_close(&w);
}

static void a_host_gets_its_own_answer(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, plain);
    world_start(&w);
    world_wait(&w, 100 * SECOND);
    unsigned before = w.n_sent;
    nsec_t asked = w.now;
    world_solicit(&w, "fe80::9");
    assert_int_equal(w.n_sent, before); /* not at once */
    world_solicit(&w, "fe80::9");       /* who asks twice gets one answer */
    world_wait(&w, SECOND);
    assert_int_equal(w.n_sent, before + 1);
    struct ipaddr host = addr_of("fe80::9");
    assert_true(ipaddr_equal(&last_sent(&w)->to, &host));
    assert_true(last_sent(&w)->at - asked <= RA_MAX_ANSWER_DELAY);
    assert_int_equal(last_sent(&w)->to_mac[5], 9);
    assert_int_equal(ra_stats(w.ra)->solicitations, 2);
    assert_int_equal(ra_stats(w.ra)->solicitations_alike, 1);
    assert_int_equal(ra_stats(w.ra)->sent_unicast, 1);
    world_close(&w);
}

static void the_mac_option_counts(void **state)
{
    static const uint8_t solicitation[16] = {ND_ROUTER_SOLICIT, [8] = 1, 1, 2, 0, 0, 0, 0, 0x77};
    struct world w;
    (void)state;
    world_open(&w, plain);
    world_start(&w);
    world_wait(&w, 100 * SECOND);
    world_input(&w, "fe80::9", "ff02::2", 255, solicitation, sizeof(solicitation));
    world_wait(&w, SECOND);
    assert_int_equal(last_sent(&w)->to_mac[5], 0x77);
    world_close(&w);
}

static void nobody_is_answered_by_all(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, plain);
    world_start(&w);
    world_wait(&w, 100 * SECOND);
    unsigned before = w.n_sent;
    nsec_t asked = w.now;
    world_solicit(&w, "::");
    world_wait(&w, SECOND);
    assert_int_equal(w.n_sent, before + 1);
    assert_true(is_to_all(last_sent(&w)));
    assert_true(last_sent(&w)->at - asked <= RA_MAX_ANSWER_DELAY);

    /* Again at once: not before three seconds have passed, and a delay that is drawn (s6.2.6). */
    nsec_t last = last_sent(&w)->at;
    world_solicit(&w, "::");
    world_wait(&w, 10 * SECOND);
    assert_int_equal(w.n_sent, before + 2);
    assert_in_range(last_sent(&w)->at - last, RA_MIN_DELAY, RA_MIN_DELAY + RA_MAX_ANSWER_DELAY);
    world_close(&w);
}

static void multicast_by_choice(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, "solicited multicast\n");
    world_start(&w);
    world_wait(&w, 100 * SECOND);
    unsigned before = w.n_sent;
    world_solicit(&w, "fe80::9");
    world_wait(&w, SECOND);
    assert_int_equal(w.n_sent, before + 1);
    assert_true(is_to_all(last_sent(&w)));
    world_close(&w);
}

/* An advertisement that is due within the delay serves. */
static void an_answer_that_comes_anyway(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, plain);
    world_start(&w); /* the first one is due within half a second */
    w.now = ra_deadline(w.ra);
    world_solicit(&w, "fe80::9");
    world_wait(&w, SECOND);
    assert_int_equal(w.n_sent, 1);
    assert_int_equal(ra_stats(w.ra)->solicitations_alike, 1);
    world_close(&w);
}

/* A hundred thousand solicitations in ten seconds, each from another address. */
static void a_flood_is_bounded(void **state)
{
    enum { FLOOD_MS = 10000, A_MS = 10 };
    static const uint8_t solicitation[8] = {ND_ROUTER_SOLICIT};
    unsigned to_all = 0, single = 0;
    struct world w;
    (void)state;
    world_open(&w, plain);
    world_start(&w);
    world_wait(&w, 100 * SECOND);
    unsigned before = w.n_sent;
    nsec_t last = w.sent[before - 1].at;
    for (uint32_t i = 0; i < FLOOD_MS * A_MS; i++) {
        struct ra_packet p = {.from = addr_of("fe80::"), .to = nd_all_routers, .hop_limit = 255};
        p.bytes = solicitation;
        p.len = sizeof(solicitation);
        put_be32(p.from.b + 12, i + 0x1000);
        ra_input(w.ra, &p, w.now);
        world_drain(&w);
        if (i % A_MS == 0)
            world_wait(&w, NSEC_PER_MSEC);
    }
    world_wait(&w, 5 * SECOND);
    for (unsigned i = before; i < w.n_sent; i++) {
        if (!is_to_all(&w.sent[i])) {
            single++;
            continue;
        }
        assert_true(w.sent[i].at - last >= RA_MIN_DELAY);
        last = w.sent[i].at;
        to_all++;
    }
    assert_in_range(to_all, 2, 5);
    assert_true(single <= RA_ANSWERS_BURST + 15 * RA_ANSWERS_RATE);
    assert_int_equal(ra_stats(w.ra)->solicitations, FLOOD_MS * A_MS);

    /* And then who asks is served again. */
    world_wait(&w, 5 * SECOND);
    before = w.n_sent;
    world_solicit(&w, "fe80::9");
    world_wait(&w, SECOND);
    assert_int_equal(w.n_sent, before + 1);
    world_close(&w);
}

/* RFC 4861 s6.1.1, s6.1.2 */
static void what_is_not_valid_is_not_heard(void **state)
{
    static const uint8_t good[16] = {ND_ROUTER_SOLICIT, [8] = 1, 1, 2};
    uint8_t bytes[16];
    struct world w;
    (void)state;
    world_open(&w, plain);
    world_start(&w);
    world_wait(&w, 100 * SECOND);
    unsigned before = w.n_sent;
    const struct {
        const char *from;
        uint8_t hop_limit;
        unsigned at;
        uint8_t value;
        size_t len;
    } cases[] = {
        {"fe80::9", 254, 0, ND_ROUTER_SOLICIT, 16},    /* came over a router */
        {"fe80::9", 255, 1, 1, 16},                    /* code */
        {"fe80::9", 255, 0, ND_ROUTER_SOLICIT, 7},     /* too short */
        {"fe80::9", 255, 9, 0, 16},                    /* an option of length 0 */
        {"fe80::9", 255, 9, 2, 16},                    /* beyond the end */
        {"::", 255, 0, ND_ROUTER_SOLICIT, 16},         /* a MAC address of nobody */
        {"2001:db8::9", 255, 0, ND_ROUTER_ADVERT, 16}, /* a router has a link-local address */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memcpy(bytes, good, sizeof(bytes));
        bytes[cases[i].at] = cases[i].value;
        world_input(&w, cases[i].from, "ff02::2", cases[i].hop_limit, bytes, cases[i].len);
        assert_int_equal(ra_stats(w.ra)->invalid, i + 1);
    }
    world_input(&w, "fe80::9", "ff02::2", 255, "\200", 1); /* none of ours: not looked at */
    world_input(&w, "fe80::9", "ff02::2", 255, "", 0);
    assert_int_equal(ra_stats(w.ra)->invalid, ARRAY_LEN(cases));
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.n_sent, before);
    assert_int_equal(ra_stats(w.ra)->solicitations, 0);
    world_close(&w);
}

static void the_end_is_said(void **state)
{
    struct world w;
    struct nd_option o;
    (void)state;
    world_open(&w, "period 60\nprefix fc01::/64\nrdnss fc01::53\nroute 2001:db8::/32\nflags Mh\n");
    world_start(&w);
    world_wait(&w, SECOND);
    ra_stop(w.ra, w.now);
    world_drain(&w);
    struct nd_message msg = head_of(last_sent(&w));
    assert_int_equal(w.n_sent, 2);
    assert_true(is_to_all(last_sent(&w)));
    assert_int_equal(msg.router.lifetime_s, 0);
    assert_int_equal(msg.router.preference, ND_MEDIUM); /* RFC 4191 s2.2 */
    assert_int_equal(msg.router.flags, ND_RA_MANAGED);
    assert_true(option_of(last_sent(&w), ND_PREFIX, 0, &o));
    assert_int_equal(o.prefix.valid_s, RA_PREFIX_VALID_S); /* the network lives on */
    assert_true(option_of(last_sent(&w), ND_RDNSS, 0, &o));
    assert_int_equal(o.rdnss.lifetime_s, 0);
    assert_true(option_of(last_sent(&w), ND_ROUTE, 0, &o));
    assert_int_equal(o.route.lifetime_s, 0);
    assert_int_equal(ra_deadline(w.ra), NSEC_NEVER);
    world_close(&w);
}

static void who_said_nothing_takes_nothing_back(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, plain);
    ra_stop(w.ra, w.now);
    world_drain(&w);
    world_start(&w);
    ra_stop(w.ra, w.now);
    world_drain(&w);
    assert_int_equal(w.n_sent, 0);
    world_close(&w);
}

static void a_link_that_goes_and_comes(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, plain);
    world_start(&w);
    world_wait(&w, 40 * SECOND);
    unsigned before = w.n_sent;
    ra_rest(w.ra);
    assert_int_equal(ra_deadline(w.ra), NSEC_NEVER);
    world_solicit(&w, "fe80::9");
    world_wait(&w, HOUR);
    assert_int_equal(w.n_sent, before);
    world_start(&w);
    world_wait(&w, 40 * SECOND);
    assert_int_equal(w.n_sent, before + RA_INITIAL_COUNT);
    world_close(&w);
}

/* A change is said soon, three times, and never faster than every three seconds. */
static void a_change_is_said_soon(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, plain);
    world_start(&w);
    world_wait(&w, 300 * SECOND);
    unsigned before = w.n_sent;
    nsec_t at = w.now;
    for (unsigned i = 0; i < 100; i++)
        world_change(&w, i & 1 ? plain : "period 500\nprefix fc02::/64\n");
    world_wait(&w, 60 * SECOND);
    assert_true(w.n_sent > before && w.sent[before].at - at <= RA_MIN_DELAY);
    assert_in_range(w.n_sent - before, 3, 5);
    for (unsigned i = before + 1; i < w.n_sent; i++)
        assert_true(w.sent[i].at - w.sent[i - 1].at >= RA_MIN_DELAY);
    world_close(&w);
}

/* A period of one second (RFC 6275 s7.5): the pause is no longer than the interval. */
static void mobile_hosts(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, "period 1\n");
    world_start(&w);
    world_wait(&w, 100 * SECOND);
    assert_in_range(w.n_sent, 100, 140);
    world_close(&w);
}

static void everything_is_said(void **state)
{
    struct world w;
    struct nd_option o;
    (void)state;
    world_open(
        &w, "period 100\nflags MOHPl\nlifetime 1234\nhoplimit 33\nreachable 1000\nretransmit 2000\nmtu 1400\n"
            "prefix fc01:0:0:2::/64/LAP/86400/14400\nprefix fc01:0:0:3::5/128/R/infinity/infinity\n"
            "rdnss fc01::53,fc01::54/600\ndnssl example.org,sub.example.net/700\n"
            "route 2001:db8::/32/low/800\npref64 64:ff9b::/96/801\ncaptive-portal https://portal.example/\n"
            "dnr 3 dns.example fc01::53 alpn=dot,h2 port=853 dohpath=/q{?dns} lifetime=900\n"
            "dnr 0 other.example\n");
    world_start(&w);
    world_wait(&w, SECOND);
    const struct sent *s = last_sent(&w);
    struct nd_router router = head_of(s).router;
    assert_int_equal(router.flags, ND_RA_MANAGED | ND_RA_OTHER | ND_RA_HOME | ND_RA_PROXY);
    assert_int_equal(router.preference, ND_LOW);
    assert_int_equal(router.lifetime_s, 1234);
    assert_int_equal(router.hop_limit, 33);
    assert_int_equal(router.reachable_ms, 1000);
    assert_int_equal(router.retrans_ms, 2000);
    assert_true(option_of(s, ND_SOURCE_MAC, 0, &o) && o.mac[0] == 2 && o.mac[5] == 1);
    assert_true(option_of(s, ND_MTU, 0, &o) && o.mtu == 1400);
    assert_true(option_of(s, ND_PREFIX, 0, &o));
    assert_int_equal(o.prefix.flags, ND_PREFIX_ON_LINK | ND_PREFIX_AUTONOMOUS | ND_PREFIX_DELEGATED);
    assert_true(o.prefix.valid_s == 86400 && o.prefix.preferred_s == 14400);
    assert_true(option_of(s, ND_PREFIX, 1, &o));
    assert_true(o.prefix.bits == 128 && o.prefix.flags == ND_PREFIX_ROUTER && o.prefix.prefix.b[15] == 5);
    assert_true(o.prefix.valid_s == ND_INFINITE && o.prefix.preferred_s == ND_INFINITE);
    assert_true(option_of(s, ND_RDNSS, 0, &o) && o.rdnss.n == 2 && o.rdnss.lifetime_s == 600);
    assert_true(option_of(s, ND_DNSSL, 0, &o) && o.dnssl.lifetime_s == 700);
    assert_true(option_of(s, ND_ROUTE, 0, &o) && o.route.preference == ND_LOW && o.route.bits == 32);
    assert_true(option_of(s, ND_PREF64, 0, &o) && o.pref64.bits == 96 && o.pref64.lifetime_s == 808);
    assert_true(option_of(s, ND_CAPTIVE_PORTAL, 0, &o) && o.portal.len == strlen("https://portal.example/"));
    assert_true(option_of(s, ND_ENCRYPTED_DNS, 0, &o));
    assert_true(o.encrypted_dns.priority == 3 && o.encrypted_dns.n == 1 && o.encrypted_dns.lifetime_s == 900);
    static const char params[] = "\0\1\0\7\3dot\2h2\0\3\0\2\3\125\0\7\0\10/q{?dns}";
    assert_int_equal(o.encrypted_dns.params_len, sizeof(params) - 1);
    assert_memory_equal(o.encrypted_dns.params, params, sizeof(params) - 1);
    assert_true(option_of(s, ND_ENCRYPTED_DNS, 1, &o));
    assert_true(o.encrypted_dns.priority == 0 && o.encrypted_dns.n == 0 && o.encrypted_dns.lifetime_s == 300);
    world_close(&w);
}

static void much_is_said_in_parts(void **state)
{
    enum { PREFIXES = 100 };
    char text[PREFIXES * 32 + 64] = "period 600\nmtu 1500\n";
    bool seen[PREFIXES] = {false};
    unsigned mtus = 0;
    struct world w;
    struct nd_option o;
    (void)state;
    for (unsigned i = 0; i < PREFIXES; i++)
        snprintf(text + strlen(text), 32, "prefix fc01:0:0:%x::/64\n", i);
    world_open(&w, text);
    world_start(&w);
    world_wait(&w, SECOND);
    assert_in_range(w.n_sent, 3, 4);
    assert_int_equal(ra_stats(w.ra)->sent_multicast, 1);
    for (unsigned i = 0; i < w.n_sent; i++) {
        assert_int_equal(head_of(&w.sent[i]).router.lifetime_s, 1800);
        assert_true(option_of(&w.sent[i], ND_SOURCE_MAC, 0, &o));
        mtus += option_of(&w.sent[i], ND_MTU, 0, &o);
        for (unsigned n = 0; option_of(&w.sent[i], ND_PREFIX, n, &o); n++) {
            assert_false(seen[o.prefix.prefix.b[7]]);
            seen[o.prefix.prefix.b[7]] = true;
        }
    }
    assert_int_equal(mtus, 1);
    for (unsigned i = 0; i < PREFIXES; i++)
        assert_true(seen[i]);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_ones_are_quick),
        cmocka_unit_test(intervals_are_drawn_evenly),
        cmocka_unit_test(a_host_gets_its_own_answer),
        cmocka_unit_test(the_mac_option_counts),
        cmocka_unit_test(nobody_is_answered_by_all),
        cmocka_unit_test(multicast_by_choice),
        cmocka_unit_test(an_answer_that_comes_anyway),
        cmocka_unit_test(a_flood_is_bounded),
        cmocka_unit_test(what_is_not_valid_is_not_heard),
        cmocka_unit_test(the_end_is_said),
        cmocka_unit_test(who_said_nothing_takes_nothing_back),
        cmocka_unit_test(a_link_that_goes_and_comes),
        cmocka_unit_test(a_change_is_said_soon),
        cmocka_unit_test(mobile_hosts),
        cmocka_unit_test(everything_is_said),
        cmocka_unit_test(much_is_said_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
