/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the DHCPv4 client makes of what a server grants: impossible offers refused, times, routes, MTU, names, and the
 * changes of them at a renewal. */
#include "dhcp4_world.h"

/* ---- offers ---- */

static bool is_taken(struct reply offer)
{
    struct world w;

    world_open(&w, NULL);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    offer.type = DHCP4_OFFER;
    world_reply(&w, offer);
    bool taken = w.last.type == DHCP4_REQUEST;
    if (!taken) { /* it does not harm others */
        REPLY(&w, .type = DHCP4_OFFER, .server = SERVER_2);
        assert_int_equal(w.last.type, DHCP4_REQUEST);
    }
    world_close(&w);
    return taken;
}

#define TAKEN(...) is_taken((struct reply){__VA_ARGS__})

static void impossible_addresses_are_refused(void **state)
{
    static const uint32_t addrs[] = {
        0x00000001, /* 0.0.0.1 */
        0x7f000001, /* 127.0.0.1 */
        0xe0000001, /* 224.0.0.1 */
        0xf0000001, /* 240.0.0.1 */
        0xffffffff, 0x0a000000 /* the network's */, 0x0a0000ff /* its broadcast address */, SERVER,
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(addrs); i++)
        assert_false(TAKEN(.addr = addrs[i]));
    assert_true(TAKEN(.addr = 0xdfffffff, .mask = 0xffffffff));
    assert_false(TAKEN(.mask = 0xff00ff00));
    assert_false(TAKEN(.mask = 0x00000001));
    assert_true(TAKEN(.mask = 0xffffffff));
    assert_true(TAKEN(.mask = 0xfffffffe)); /* RFC 3021 */
    assert_true(TAKEN(.addr = 0x0a000008, .mask = 0xfffffffe));
    assert_false(TAKEN(.addr = 0x0a000008, .mask = 0xfffffffc));
    assert_false(TAKEN(.addr = 0x0a00000b, .mask = 0xfffffffc));
}

static void zero_mask(struct dhcp4_writer *dw)
{
    dhcp4_put_u32(dw, DHCP4_SUBNET_MASK, 0);
}

static void cut_mask(struct dhcp4_writer *dw)
{
    dhcp4_put_u16(dw, DHCP4_SUBNET_MASK, 0xffff);
}

static void masks_that_are_none(void **state)
{
    struct world w;

    (void)state;
    assert_false(TAKEN(.no_mask = true, .more = zero_mask));
    assert_false(TAKEN(.no_mask = true, .more = cut_mask));
    world_open(&w, NULL);
    BIND(&w, .no_mask = true);
    assert_int_equal(w.watch.bits, 96 + 8); /* that of the class */
    world_close(&w);
}

/* ---- times ---- */

static void zero_lease(struct dhcp4_writer *dw)
{
    dhcp4_put_u32(dw, DHCP4_LEASE_TIME, 0);
}

static void leases_of_any_length(void **state)
{
    struct world w;

    (void)state;
    assert_false(TAKEN(.no_lease = true));
    assert_false(TAKEN(.no_lease = true, .more = zero_lease));
    assert_false(TAKEN(.lease_s = 1));
    assert_false(TAKEN(.lease_s = DHCP4_CLIENT_LEASE_MIN_S - 1));
    assert_true(TAKEN(.lease_s = DHCP4_CLIENT_LEASE_MIN_S));
    assert_true(TAKEN(.lease_s = UINT32_MAX - 1));

    world_open(&w, NULL);
    BIND(&w, .lease_s = DHCP4_FOREVER, .t1_s = 10, .t2_s = 20);
    assert_int_equal(w.watch.until, NSEC_NEVER);
    world_run(&w, 10 * SEC);
    assert_int_equal(dhcp4_client_deadline(w.client), NSEC_NEVER);
    world_close(&w);

    world_open(&w, NULL); /* 136 years */
    BIND(&w, .lease_s = UINT32_MAX - 1);
    assert_true(w.watch.until > w.now + 4000000000 * SEC && w.watch.until < NSEC_NEVER);
    world_close(&w);

    world_open(&w, NULL); /* renewed for ever, and then too short to count: it stays what it was */
    BIND(&w, .lease_s = 100, .t1_s = 50, .t2_s = 90);
    assert_int_equal(world_hear(&w, 50 * SEC), DHCP4_REQUEST);
    nsec_t until = w.watch.until;
    REPLY(&w, .type = DHCP4_ACK, .lease_s = 2);
    assert_int_equal(w.watch.until, until);
    REPLY(&w, .type = DHCP4_ACK, .lease_s = DHCP4_FOREVER);
    assert_int_equal(w.watch.until, NSEC_NEVER);
    world_close(&w);
}

static void times_that_make_no_sense(void **state)
{
    static const struct {
        uint32_t t1_s, t2_s;
    } cases[] = {{2000, 1000}, {1000, 1000}, {1000, 3600}, {1000, 4000}, {UINT32_MAX, UINT32_MAX},
                 {1000, 0},    {0, 0}};
    struct world w;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        world_open(&w, NULL);
        BIND(&w, .t1_s = cases[i].t1_s, .t2_s = cases[i].t2_s);
        nsec_t began = w.watch.until - 3600 * SEC;
        assert_int_equal(world_hear(&w, 3600 * SEC), DHCP4_REQUEST);
        assert_in_range(w.now - began, 1740 * SEC, 1800 * SEC); /* the half, and a little less */
        while (ipaddr_to_v4(&w.last_packet.to.addr) != UINT32_MAX)
            assert_int_equal(world_hear(&w, 3600 * SEC), DHCP4_REQUEST);
        assert_in_range(w.now - began, 3030 * SEC, 3150 * SEC);
        world_close(&w);
    }
}

/* ---- routes ---- */

struct wanted_route {
    uint32_t dest;
    unsigned bits;
    uint32_t gateway;
};

static void assert_routes(const struct world *w, const struct wanted_route *wanted, unsigned n)
{
    assert_int_equal(w->watch.n_routes, n);
    for (unsigned i = 0; i < n; i++) {
        struct client_event e = {.addr = ipaddr_of_v4(wanted[i].dest), .bits = 96 + wanted[i].bits};
        unsigned at = watch_find_route(&w->watch, &e);
        assert_true(at < n);
        if (wanted[i].gateway == 0)
            assert_true(watch_is_zero(w->watch.routes[at].gateway.b, 16));
        else
            assert_int_equal(ipaddr_to_v4(&w->watch.routes[at].gateway), wanted[i].gateway);
    }
}

static void put_routes(struct dhcp4_writer *dw, const struct dhcp4_route *routes, size_t n)
{
    uint8_t bytes[DHCP4_MESSAGE_MAX];
    struct writer w = writer_of(bytes, sizeof(bytes));

    dhcp4_write_routes(&w, routes, n);
    dhcp4_put(dw, DHCP4_CLASSLESS_ROUTES, bytes, w.pos);
}

static void old_routes(struct dhcp4_writer *dw)
{
    static const uint32_t routers[] = {0, 0xe0000001, ADDR, 0x0a0000fe, 0x0a0000fd};
    static const uint32_t pairs[] = {0xc0a80100, 0x0a0000fc, 0xc0a80105, 0x0a0000fb, 0x7f000000, 0x0a0000fe};

    dhcp4_put_addrs(dw, DHCP4_ROUTERS, routers, ARRAY_LEN(routers));
    dhcp4_put_addrs(dw, DHCP4_STATIC_ROUTES, pairs, ARRAY_LEN(pairs));
}

static void classless_routes(struct dhcp4_writer *dw)
{
    static const struct dhcp4_route routes[] = {
        {0x0a000000, 24, 0}, /* our own network: the address brings it */
        {0xac100000, 12, 0x0a0000fe}, {0xac100000, 12, 0x0a0000fd}, /* the same again */
        {0xc0a80000, 16, 0},                                        /* on the link */
        {0xc0a90000, 16, 0xc0a80001},                               /* by a router there */
        {0xe0000000, 4, 0x0a0000fe},                                /* none of these */
        {0x7f000000, 8, 0x0a0000fe},  {0x08080808, 32, 0xffffffff},
        {0x08080404, 32, ADDR},       {0, 0, 0x0a0000fe},
    };

    old_routes(dw); /* not used then (RFC 3442) */
    put_routes(dw, routes, ARRAY_LEN(routes));
}

static void a_router_elsewhere(struct dhcp4_writer *dw)
{
    dhcp4_put_u32(dw, DHCP4_ROUTERS, 0xac100001);
}

static void many_routes(struct dhcp4_writer *dw)
{
    struct dhcp4_route routes[100];

    for (unsigned i = 0; i < ARRAY_LEN(routes); i++)
        routes[i] =
            (struct dhcp4_route){.dest = 0xc0000000 + (i << 8), .bits = 24, .gateway = 0xac100000 + i};
    put_routes(dw, routes, ARRAY_LEN(routes));
}

static void routes_are_taken(void **state)
{
    static const struct wanted_route old[] = {
        {0, 0, 0x0a0000fe}, {0xc0a80100, 24, 0x0a0000fc}, {0xc0a80105, 32, 0x0a0000fb}};
    static const struct wanted_route classless[] = {
        {0xac100000, 12, 0x0a0000fe}, {0xc0a80000, 16, 0}, {0xc0a90000, 16, 0xc0a80001}, {0, 0, 0x0a0000fe}};
    static const struct wanted_route elsewhere[] = {{0xac100001, 32, 0}, {0, 0, 0xac100001}};
    struct world w;

    (void)state;
    world_open(&w, NULL);
    BIND(&w, .t1_s = 100, .t2_s = 200, .more = old_routes);
    assert_routes(&w, old, ARRAY_LEN(old));
    assert_int_equal(world_hear(&w, 100 * SEC), DHCP4_REQUEST);
    unsigned dels = w.watch.counts[CLIENT_ROUTE_DEL];
    REPLY(&w, .type = DHCP4_ACK, .more = old_routes, .t1_s = 100,
          .t2_s = 200); /* the same: nothing is taken down */
    assert_int_equal(w.watch.counts[CLIENT_ROUTE_DEL], dels);
    assert_int_equal(w.watch.counts[CLIENT_BOUND], 1);
    assert_int_equal(world_hear(&w, 100 * SEC), DHCP4_REQUEST);
    REPLY(&w, .type = DHCP4_ACK, .more = classless_routes, .t1_s = 100, .t2_s = 200);
    assert_routes(&w, classless, ARRAY_LEN(classless));
    assert_int_equal(w.watch.counts[CLIENT_BOUND], 2);
    assert_int_equal(world_hear(&w, 100 * SEC), DHCP4_REQUEST);
    REPLY(&w, .type = DHCP4_ACK, .more = a_router_elsewhere, .mask = UINT32_MAX, .t1_s = 100, .t2_s = 200);
    assert_int_equal(w.watch.bits, 128); /* another mask */
    assert_routes(&w, elsewhere, ARRAY_LEN(elsewhere));
    assert_int_equal(world_hear(&w, 100 * SEC), DHCP4_REQUEST);
    REPLY(&w, .type = DHCP4_ACK, .more = many_routes);
    assert_in_range(w.watch.n_routes, 30, 32);
    world_stop(&w);
    assert_int_equal(w.watch.n_routes, 0);
    world_close(&w);
}

/* ---- MTU and names ---- */

static uint16_t given_mtu;

static void put_mtu(struct dhcp4_writer *dw)
{
    dhcp4_put_u16(dw, DHCP4_MTU, given_mtu);
}

static void the_mtu_is_bounded(void **state)
{
    static const struct {
        uint16_t given, taken;
    } cases[] = {{0, 0}, {68, 0}, {575, 0}, {576, 576}, {1400, 1400}, {1500, 0}, {9000, 0}, {UINT16_MAX, 0}};
    struct world w;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        world_open(&w, NULL);
        given_mtu = cases[i].given;
        BIND(&w, .t1_s = 100, .t2_s = 200, .more = put_mtu);
        assert_int_equal(w.watch.mtu, cases[i].taken);
        assert_int_equal(world_hear(&w, 100 * SEC), DHCP4_REQUEST);
        REPLY(&w, .type = DHCP4_ACK); /* none now */
        assert_int_equal(w.watch.mtu, 0);
        world_close(&w);
    }
}

static void put_domain(struct dhcp4_writer *dw)
{
    static const uint32_t servers[] = {0x08080808, 0, 0xe0000001, 0x7f000001, 0x01010101};

    dhcp4_put_addrs(dw, DHCP4_NAME_SERVERS, servers, ARRAY_LEN(servers));
    dhcp4_put(dw, DHCP4_DOMAIN_NAME, "example.org sub.example.org  bad..name", 38);
}

static void put_search(struct dhcp4_writer *dw)
{
    put_domain(dw);
    dhcp4_put(dw, DHCP4_DOMAIN_SEARCH, "\3eng\5apple\3com\0\11marketing\300\4", 27);
}

static void put_too_many(struct dhcp4_writer *dw)
{
    uint32_t servers[100];
    uint8_t names[40][DNAME_MAX], bytes[512];
    struct writer w = writer_of(bytes, sizeof(bytes));

    for (unsigned i = 0; i < ARRAY_LEN(servers); i++)
        servers[i] = 0x01010100 + i;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        memcpy(names[i], (uint8_t[]){2, 'a', (uint8_t)('A' + i), 0}, 4);
    dhcp4_write_domains(&w, (const uint8_t(*)[DNAME_MAX])names, ARRAY_LEN(names));
    dhcp4_put_addrs(dw, DHCP4_NAME_SERVERS, servers, ARRAY_LEN(servers));
    dhcp4_put(dw, DHCP4_DOMAIN_SEARCH, bytes, w.pos);
}

static void assert_domain(const struct client_names *names, unsigned i, const char *text)
{
    char buffer[DNAME_TEXT_MAX];

    assert_true(i < names->n_domains);
    assert_string_equal(dname_to_text(names->domains[i], buffer), text);
}

static void names_are_taken(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    BIND(&w, .t1_s = 100, .t2_s = 200, .more = put_domain);
    const struct client_names *names = dhcp4_client_names(w.client);
    assert_int_equal(names->n_servers, 2);
    assert_int_equal(ipaddr_to_v4(&names->servers[0]), 0x08080808);
    assert_int_equal(ipaddr_to_v4(&names->servers[1]), 0x01010101);
    assert_int_equal(names->n_domains, 2);
    assert_domain(names, 0, "example.org");
    assert_domain(names, 1, "sub.example.org");
    assert_int_equal(w.watch.counts[CLIENT_NAMES], 1);

    assert_int_equal(world_hear(&w, 100 * SEC), DHCP4_REQUEST);
    REPLY(&w, .type = DHCP4_ACK, .more = put_domain, .t1_s = 100, .t2_s = 200);
    assert_int_equal(w.watch.counts[CLIENT_NAMES], 1); /* the same */
    assert_int_equal(world_hear(&w, 100 * SEC), DHCP4_REQUEST);
    REPLY(&w, .type = DHCP4_ACK, .more = put_search, .t1_s = 100, .t2_s = 200);
    names = dhcp4_client_names(w.client);
    assert_int_equal(names->n_domains, 2); /* the search list alone */
    assert_domain(names, 1, "marketing.apple.com");
    assert_int_equal(w.watch.counts[CLIENT_BOUND], 2);
    assert_int_equal(world_hear(&w, 100 * SEC), DHCP4_REQUEST);
    REPLY(&w, .type = DHCP4_ACK, .more = put_too_many);
    names = dhcp4_client_names(w.client);
    assert_int_equal(names->n_servers, CLIENT_SERVERS_MAX);
    assert_int_equal(names->n_domains, CLIENT_DOMAINS_MAX);
    world_stop(&w);
    assert_int_equal(w.watch.counts[CLIENT_NAMES], 4);
    world_close(&w);
}

static void put_fqdn_and_time(struct dhcp4_writer *dw)
{
    dhcp4_put(dw, DHCP4_FQDN, "\7\377\377\4node\3org", 12);
    dhcp4_put_u32(dw, DHCP4_NTP_SERVERS, SERVER);
}

static void all_that_was_granted_can_be_read(void **state)
{
    struct dhcp4_fqdn fqdn;
    struct world w;
    uint32_t v;

    (void)state;
    world_open(&w, NULL);
    assert_null(dhcp4_client_granted(w.client));
    BIND(&w, .more = put_fqdn_and_time);
    const struct dhcp4_message *m = dhcp4_client_granted(w.client);
    assert_true(dhcp4_fqdn(m, &fqdn));
    assert_true(fqdn.server_updates && fqdn.overridden && !fqdn.complete);
    assert_true(dhcp4_u32(m, DHCP4_NTP_SERVERS, &v));
    assert_int_equal(v, SERVER);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_addresses_are_refused),
        cmocka_unit_test(masks_that_are_none),
        cmocka_unit_test(leases_of_any_length),
        cmocka_unit_test(times_that_make_no_sense),
        cmocka_unit_test(routes_are_taken),
        cmocka_unit_test(the_mtu_is_bounded),
        cmocka_unit_test(names_are_taken),
        cmocka_unit_test(all_that_was_granted_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
