/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What time and changes do to what is said: lifetimes, withdrawal, prefixes of own addresses, other routers. */
#include "ra_world.h"

/* The last advertisement, sent now. */
static void say(struct world *w)
{
    world_wait(w, 4 * SECOND);
    world_solicit(w, "::");
    world_wait(w, 4 * SECOND);
}

static void lifetimes_stay_or_count_down(void **state)
{
    struct world w;
    struct nd_prefix p;
    (void)state;
    world_open(&w, "prefix fc01::/64/LA/86400/14400\nprefix fc02::/64/LAD/7200/3600\n");
    world_start(&w);
    world_wait(&w, HOUR / 2);
    say(&w);
    assert_true(said_of(&w, "fc01::", &p) && p.valid_s == 86400 && p.preferred_s == 14400);
    assert_true(said_of(&w, "fc02::", &p));
    assert_in_range(p.valid_s, 5380, 5400);
    assert_in_range(p.preferred_s, 1780, 1800);

    /* The same text again: the count goes on. */
    world_change(&w, "prefix fc02::/64/LAD/7200/3600\nprefix fc01::/64/LA/86400/14400\n");
    world_wait(&w, HOUR);
    say(&w);
    assert_true(said_of(&w, "fc02::", &p));
    assert_in_range(p.valid_s, 1770, 1800);
    assert_int_equal(p.preferred_s, 0);

    /* Other lifetimes: it begins anew. */
    world_change(&w, "prefix fc02::/64/LAD/9000/3600\n");
    say(&w);
    assert_true(said_of(&w, "fc02::", &p));
    assert_in_range(p.valid_s, 8980, 9000);
    world_wait(&w, 3 * HOUR);
    say(&w);
    assert_true(said_of(&w, "fc02::", &p) && p.valid_s == 0 && p.preferred_s == 0);
    world_close(&w);
}

static void what_is_gone_is_withdrawn(void **state)
{
    struct world w;
    struct nd_prefix p;
    struct nd_option o;
    struct ipaddr gone = addr_of("fc01::53"), stays = addr_of("fc01::54");
    (void)state;
    world_open(&w,
               "prefix fc01::/64/LA/86400/14400\nprefix fc03::/64/LA/600/300\nrdnss fc01::53,fc01::54/600\n"
               "dnssl a.example,b.example/600\nroute 2001:db8::/32/high/9000\npref64 64:ff9b::/96/600\n"
               "dnr 1 dns.example fc01::53 alpn=dot lifetime=600\n");
    world_start(&w);
    world_wait(&w, 100 * SECOND);
    world_change(&w, "prefix fc02::/64/LA/86400/14400\nrdnss fc01::54/600\ndnssl B.example/600\n");
    say(&w);
    assert_true(said_of(&w, "fc02::", &p) && p.valid_s == 86400);
    assert_true(said_of(&w, "fc01::", &p));
    assert_in_range(p.valid_s, RA_RETIRED_MAX_S - 20, RA_RETIRED_MAX_S);
    assert_int_equal(p.preferred_s, 0);
    assert_true(said_of(&w, "fc03::", &p));
    assert_in_range(p.valid_s, 580, 600);
    assert_true(option_of(last_sent(&w), ND_RDNSS, 0, &o));
    assert_true(o.rdnss.n == 1 && o.rdnss.lifetime_s == 0 && ipaddr_equal(&o.rdnss.servers[0], &gone));
    assert_true(option_of(last_sent(&w), ND_RDNSS, 1, &o));
    assert_true(o.rdnss.n == 1 && o.rdnss.lifetime_s == 600 && ipaddr_equal(&o.rdnss.servers[0], &stays));
    assert_true(option_of(last_sent(&w), ND_DNSSL, 0, &o) && o.dnssl.lifetime_s == 0);
    uint8_t name[DNAME_MAX];
    assert_true(nd_next_name(&o.dnssl.names, name));
    assert_memory_equal(name, "\1a\7example", 11);
    assert_true(option_of(last_sent(&w), ND_ROUTE, 0, &o) && o.route.lifetime_s == 0);
    assert_true(option_of(last_sent(&w), ND_PREF64, 0, &o) && o.pref64.lifetime_s == 0);
    assert_true(option_of(last_sent(&w), ND_ENCRYPTED_DNS, 0, &o) && o.encrypted_dns.lifetime_s == 0);

    /* Nobody believes in them any more. */
    world_wait(&w, 700 * SECOND);
    say(&w);
    assert_false(option_of(last_sent(&w), ND_RDNSS, 1, &o));
    assert_false(said_of(&w, "fc03::", &p));
    assert_true(option_of(last_sent(&w), ND_ROUTE, 0, &o) && o.route.lifetime_s == 0);
    world_wait(&w, 2 * HOUR);
    say(&w);
    assert_false(said_of(&w, "fc01::", &p));
    assert_false(option_of(last_sent(&w), ND_ROUTE, 0, &o));
    world_close(&w);
}

static void what_comes_back_is_back(void **state)
{
    struct world w;
    struct nd_prefix p;
    (void)state;
    world_open(&w, "prefix fc01::/64/LA/86400/14400\n");
    world_start(&w);
    world_wait(&w, 100 * SECOND);
    world_change(&w, "prefix fc02::/64/LA/86400/14400\n");
    world_wait(&w, 1000 * SECOND);
    world_change(&w, "prefix fc01::/64/LA/86400/14400\n");
    say(&w);
    assert_true(said_of(&w, "fc01::", &p) && p.preferred_s == 14400);
    assert_true(said_of(&w, "fc02::", &p) && p.preferred_s == 0);
    struct nd_option o;
    assert_false(option_of(last_sent(&w), ND_PREFIX, 2, &o));

    /* What was withdrawn before another change goes on to be. */
    world_change(&w, "period 500\nprefix fc01::/64/LA/86400/14400\n");
    world_wait(&w, 1000 * SECOND);
    say(&w);
    assert_true(said_of(&w, "fc02::", &p));
    assert_in_range(p.valid_s, RA_RETIRED_MAX_S - 1050, RA_RETIRED_MAX_S - 1000);
    world_close(&w);
}

/* Another lifetime of the same route, prefix of NAT64 or resolver is no withdrawal of it, which hosts would take for its end. */
static void what_stays_is_not_withdrawn(void **state)
{
    struct world w;
    struct nd_option o;
    (void)state;
    world_open(&w, "route 2001:db8::/32/high/9000\npref64 64:ff9b::/96/600\ncaptive-portal https://a/\n"
                   "dnr 1 dns.example fc01::53 alpn=dot lifetime=600\n");
    world_start(&w);
    world_wait(&w, 100 * SECOND);
    world_change(&w, "route 2001:db8::/32/low/8000\npref64 64:ff9b::/96/800\ncaptive-portal https://b/\n"
                     "dnr 1 DNS.example fc01::54 alpn=dot lifetime=700\n");
    say(&w);
    assert_true(option_of(last_sent(&w), ND_ROUTE, 0, &o) && o.route.lifetime_s == 8000);
    assert_true(option_of(last_sent(&w), ND_PREF64, 0, &o) && o.pref64.lifetime_s == 800);
    assert_true(option_of(last_sent(&w), ND_ENCRYPTED_DNS, 0, &o) && o.encrypted_dns.lifetime_s == 700);
    assert_false(option_of(last_sent(&w), ND_ROUTE, 1, &o) || option_of(last_sent(&w), ND_PREF64, 1, &o));
    assert_false(option_of(last_sent(&w), ND_ENCRYPTED_DNS, 1, &o));

    /* One with other bits is another one. */
    world_change(&w, "route 2001:db8::/33\npref64 64:ff9b::/64\n");
    say(&w);
    assert_true(option_of(last_sent(&w), ND_ROUTE, 1, &o) || option_of(last_sent(&w), ND_PREF64, 1, &o));
    assert_true(option_of(last_sent(&w), ND_ENCRYPTED_DNS, 0, &o) && o.encrypted_dns.lifetime_s == 0);
    world_close(&w);
}

/* However often it changes, what is kept is bounded. */
static void changes_without_end(void **state)
{
    struct world w;
    char text[64];
    (void)state;
    world_open(&w, "prefix fc01::/64\n");
    world_start(&w);
    for (unsigned i = 0; i < 1000; i++) {
        world_wait(&w, 4 * SECOND);
        snprintf(text, sizeof(text), "prefix fc01:0:0:%x::/64\n", i + 1);
        world_change(&w, text);
        assert_true(ra_entries(w.ra)->n <= RA_RETIRED_MAX + 1);
        w.n_sent = 0;
    }
    world_close(&w);
}

static void own_addresses_give_prefixes(void **state)
{
    struct world w;
    struct nd_prefix p;
    (void)state;
    world_open(&w, "prefix ::/64/LA/86400/14400\nprefix fc02::/64/L/1000/1000\n");
    world_start(&w);
    struct ra_own own[] = {
        {.prefix = addr_of("fc01::"), .bits = 64, .valid_until = NSEC_NEVER, .preferred_until = NSEC_NEVER},
        {.prefix = addr_of("fc02::"), .bits = 64, .valid_until = NSEC_NEVER, .preferred_until = NSEC_NEVER},
        {.prefix = addr_of("fc03::"), .bits = 48, .valid_until = NSEC_NEVER, .preferred_until = NSEC_NEVER},
        {.prefix = addr_of("fc04::"),
         .bits = 64,
         .valid_until = w.now + 500 * SECOND,
         .preferred_until = w.now + 50 * SECOND},
    };
    assert_int_equal(ra_set_own(w.ra, own, ARRAY_LEN(own), w.now), 0);
    say(&w);
    assert_true(said_of(&w, "fc01::", &p) && p.valid_s == 86400 && p.preferred_s == 14400);
    assert_true(said_of(&w, "fc02::", &p) && p.valid_s == 1000 && p.flags == ND_PREFIX_ON_LINK);
    assert_true(said_of(&w, "fc04::", &p));
    assert_in_range(p.valid_s, 480, 500);
    assert_in_range(p.preferred_s, 30, 50);
    struct nd_option o;
    assert_false(option_of(last_sent(&w), ND_PREFIX, 3, &o));

    /* The same again is no change; one address less is. */
    world_wait(&w, 100 * SECOND);
    unsigned before = w.n_sent;
    assert_int_equal(ra_set_own(w.ra, own, ARRAY_LEN(own), w.now), 0);
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.n_sent, before);
    assert_int_equal(ra_set_own(w.ra, own + 1, ARRAY_LEN(own) - 1, w.now), 0);
    world_wait(&w, 5 * SECOND);
    assert_int_equal(w.n_sent, before + 1);
    assert_true(said_of(&w, "fc01::", &p) && p.preferred_s == 0);
    world_close(&w);
}

/* `::/64` that counts down: the time of each prefix begins with its address. More addresses than anybody has do not overrun
 * the table, and one that is said to be preferred for longer than it is valid is not advertised so. */
static void own_addresses_count_down(void **state)
{
    struct world w;
    struct nd_prefix p;
    struct ra_own own[RA_OWN_MAX + 1];
    (void)state;
    world_open(&w, "prefix ::/64/LAD/1000/600\n");
    world_start(&w);
    own[0] = (struct ra_own){addr_of("fc01::"), 64, w.now + 300 * SECOND, NSEC_NEVER};
    for (unsigned i = 1; i < ARRAY_LEN(own); i++)
        own[i] = (struct ra_own){addr_of("fc02::"), 64, NSEC_NEVER, NSEC_NEVER};
    assert_int_equal(ra_set_own(w.ra, own, ARRAY_LEN(own), w.now), 0);
    say(&w);
    assert_true(said_of(&w, "fc01::", &p) && p.valid_s == p.preferred_s);
    assert_in_range(p.valid_s, 280, 300);

    /* An address that is renewed is a change; what counts down goes on. */
    world_wait(&w, 100 * SECOND);
    own[0].valid_until = NSEC_NEVER;
    assert_int_equal(ra_set_own(w.ra, own, 2, w.now), 0);
    say(&w);
    assert_true(said_of(&w, "fc02::", &p));
    assert_in_range(p.valid_s, 870, 900);
    assert_in_range(p.preferred_s, 470, 500);
    world_close(&w);
}

/* --- other routers --- */

/* An advertisement of another one. */
struct other {
    struct nd_router router;
    uint32_t mtu;
    const char *prefix;
    uint32_t valid_s, preferred_s;
};

static void hear(struct world *w, const char *from, const struct other *other)
{
    uint8_t bytes[256];
    struct writer out = writer_of(bytes, sizeof(bytes));
    struct nd_message msg = {.type = ND_ROUTER_ADVERT, .router = other->router};
    struct nd_option mtu = {.type = ND_MTU, .mtu = other->mtu}, prefix = {.type = ND_PREFIX};
    nd_write(&out, &msg);
    if (other->mtu)
        nd_write_option(&out, &mtu);
    if (other->prefix) {
        prefix.prefix = (struct nd_prefix){.prefix = addr_of(other->prefix),
                                           .bits = 64,
                                           .valid_s = other->valid_s,
                                           .preferred_s = other->preferred_s};
        nd_write_option(&out, &prefix);
    }
    assert_false(out.bad);
    world_input(w, from, "ff02::1", 255, bytes, out.pos);
}

static void contradictions_are_told_once(void **state)
{
    struct world w;
    const struct other agrees = {.router = {.hop_limit = 64, .lifetime_s = 100},
                                 .mtu = 1500,
                                 .prefix = "fc01::",
                                 .valid_s = 86400,
                                 .preferred_s = 14399};
    struct other differs = {
        .router = {.hop_limit = 65, .flags = ND_RA_MANAGED | ND_RA_OTHER, .reachable_ms = 5, .retrans_ms = 6},
        .mtu = 1400,
        .prefix = "fc01::",
        .valid_s = 3600,
        .preferred_s = 1800};
    (void)state;
    world_open(&w, "mtu 1500\nreachable 1000\nretransmit 1000\nprefix fc01::/64/LA/86400/14400\n");
    world_start(&w);
    hear(&w, "fe80::2", &agrees);
    assert_int_equal(w.n_remarks, 1);
    assert_int_equal(w.remarks[0].kind, RA_NEW_ROUTER);
    hear(&w, "fe80::2", &differs);
    assert_int_equal(w.n_remarks, 1 + RA_DIFFERENCES);
    bool seen[RA_DIFFERENCES] = {false};
    for (unsigned i = 1; i < w.n_remarks; i++) {
        assert_int_equal(w.remarks[i].kind, RA_DIFFERENT);
        seen[w.remarks[i].what] = true;
        assert_string_not_equal(ra_difference_name(w.remarks[i].what), "?");
    }
    for (unsigned i = 0; i < RA_DIFFERENCES; i++)
        assert_true(seen[i]);
    hear(&w, "fe80::2", &differs);
    assert_int_equal(w.n_remarks, 1 + RA_DIFFERENCES);
    hear(&w, "fe80::2", &agrees);
    hear(&w, "fe80::2", &differs);
    assert_int_equal(w.n_remarks, 1 + 2 * RA_DIFFERENCES);
    assert_int_equal(ra_stats(w.ra)->advertisements, 5);
    assert_int_equal(ra_stats(w.ra)->inconsistent, 3);
    const struct ra_router *routers;
    assert_int_equal(ra_routers(w.ra, &routers), 1);
    assert_int_equal(routers[0].messages, 5);
    world_close(&w);
}

/* 0 says nothing (s6.2.7), and our own voice is not another one. */
static void silence_is_no_contradiction(void **state)
{
    struct world w;
    const struct other silent = {.prefix = "fc09::", .valid_s = 5};
    (void)state;
    world_open(&w, "mtu 1500\nreachable 1000\nprefix fc01::/64\n");
    world_start(&w);
    hear(&w, "fe80::2", &silent);
    hear(&w, "fe80::1", &silent);
    assert_int_equal(w.n_remarks, 1);
    assert_int_equal(ra_stats(w.ra)->advertisements, 1);
    assert_int_equal(ra_stats(w.ra)->inconsistent, 0);
    world_close(&w);
}

static void made_up_routers_are_bounded(void **state)
{
    struct world w;
    const struct other any = {.router.lifetime_s = 1};
    const struct ra_router *routers;
    char from[64];
    (void)state;
    world_open(&w, "period 600\n");
    world_start(&w);
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(from, sizeof(from), "fe80::1:%x", i);
        w.now += NSEC_PER_MSEC;
        hear(&w, from, &any);
    }
    assert_in_range(w.n_remarks, RA_REMARKS_MAX, RA_REMARKS_MAX + 10); /* in ten seconds */
    assert_int_equal(ra_routers(w.ra, &routers), RA_ROUTERS_MAX);
    struct ipaddr last = addr_of("fe80::1:270f");
    bool there = false;
    for (unsigned i = 0; i < RA_ROUTERS_MAX; i++)
        there |= ipaddr_equal(&routers[i].addr, &last);
    assert_true(there);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lifetimes_stay_or_count_down), cmocka_unit_test(what_is_gone_is_withdrawn),
        cmocka_unit_test(what_comes_back_is_back),      cmocka_unit_test(changes_without_end),
        cmocka_unit_test(own_addresses_give_prefixes),  cmocka_unit_test(contradictions_are_told_once),
        cmocka_unit_test(silence_is_no_contradiction),  cmocka_unit_test(made_up_routers_are_bounded),
        cmocka_unit_test(what_stays_is_not_withdrawn),  cmocka_unit_test(own_addresses_count_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
