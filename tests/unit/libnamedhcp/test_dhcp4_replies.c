/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the DHCPv4 server's replies hold, and what it says when something is full, gone or somebody else's. */
#include "dhcp4_desk.h"

/* --- options --- */

/* RFC 4702 s3.1, s4: the answer says who changes the DNS, and whether that is what the client wished. */
static void a_client_hears_its_full_name(void **state)
{
    static const struct {
        bool server_updates, no_updates; /* the client's S and N */
        bool ret_updates, ret_overridden;
    } cases[] = {{true, false, true, false}, {false, false, true, true}, {false, true, false, false}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct desk d = open_desk((struct choice){0});
        struct dhcp4_fqdn fqdn = {.server_updates = cases[i].server_updates,
                                  .no_updates = cases[i].no_updates,
                                  .complete = true,
                                  .name = "\6laptop\3lan"};
        say(&d, (struct said){.type = DHCP4_DISCOVER, .fqdn = &fqdn, .host = "other"});
        expect(&d, DHCP4_OFFER);
        assert_true(dhcp4_fqdn(&d.reply, &fqdn));
        assert_int_equal(fqdn.server_updates, cases[i].ret_updates);
        assert_int_equal(fqdn.overridden, cases[i].ret_overridden);
        assert_int_equal(fqdn.no_updates, cases[i].no_updates);
        assert_true(fqdn.complete && fqdn.rcode1 == 255 && fqdn.rcode2 == 255);
        assert_memory_equal(fqdn.name, "\6laptop\3lan", 12);
        stop_server(&d);
    }

    /* The root is no wish: the host name is. */
    struct desk d = open_desk((struct choice){0});
    struct dhcp4_fqdn root = {.complete = true};
    say(&d, (struct said){.type = DHCP4_DISCOVER, .fqdn = &root, .host = "desk.lan"});
    expect(&d, DHCP4_OFFER);
    assert_true(dhcp4_fqdn(&d.reply, &root));
    assert_memory_equal(root.name, "\4desk\3lan", 10);
    stop_server(&d);
}

static void who_lists_nothing_gets_everything(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){0});
    uint32_t addr;
    size_t len;

    subnets[0].options[2] = (struct dhcp4_server_option){DHCP4_DOMAIN_NAME, (const uint8_t *)"lan", 3};
    subnets[0].n_options = 3;
    say(&d, (struct said){.type = DHCP4_DISCOVER, .no_list = true});
    expect(&d, DHCP4_OFFER);
    assert_int_equal(dhcp4_addrs(&d.reply, DHCP4_NAME_SERVERS, &addr, 1), 1);
    assert_int_equal(dhcp4_addrs(&d.reply, DHCP4_ROUTERS, &addr, 1), 1);
    const uint8_t *name = dhcp4_option(&d.reply, DHCP4_DOMAIN_NAME, &len);
    assert_true(name && len == 3);
    d.xid++;
    say(&d, (struct said){.type = DHCP4_DISCOVER}); /* it lists others */
    expect(&d, DHCP4_OFFER);
    assert_false(dhcp4_has(&d.reply, DHCP4_DOMAIN_NAME));
    subnets[0].n_options = 2;
    stop_server(&d);
}

/* What does not fit into the message that a client takes is left out whole, and those behind it are not. RFC 2131 s2: 576
 * bytes, unless the client says that it takes more (RFC 2132 s9.10). */
static void options_that_do_not_fit_are_left_out(void **state)
{
    static uint8_t long_bytes[600];
    (void)state;
    struct desk d = open_desk((struct choice){0});
    size_t len;

    subnets[0].options[0] = (struct dhcp4_server_option){DHCP4_ROUTERS, long_bytes, sizeof(long_bytes)};
    subnets[0].options[1] = (struct dhcp4_server_option){DHCP4_NAME_SERVERS, dns_bytes, 4};
    say(&d, (struct said){.type = DHCP4_DISCOVER});
    expect(&d, DHCP4_OFFER);
    assert_true(d.packet.len <= DHCP4_DATAGRAM - 28);
    assert_false(dhcp4_has(&d.reply, DHCP4_ROUTERS));
    assert_true(dhcp4_has(&d.reply, DHCP4_NAME_SERVERS));
    d.xid++;
    say(&d, (struct said){.type = DHCP4_DISCOVER, .max_size = 1400});
    expect(&d, DHCP4_OFFER);
    assert_true(d.packet.len <= 1400 - 28);
    assert_true(dhcp4_option(&d.reply, DHCP4_ROUTERS, &len) && len == sizeof(long_bytes));
    d.xid++;
    say(&d, (struct said){.type = DHCP4_DISCOVER, .max_size = UINT16_MAX}); /* more than we ever send */
    expect(&d, DHCP4_OFFER);
    assert_true(dhcp4_has(&d.reply, DHCP4_ROUTERS));
    subnets[0].options[0] = (struct dhcp4_server_option){DHCP4_NAME_SERVERS, dns_bytes, 4};
    subnets[0].options[1] = (struct dhcp4_server_option){DHCP4_ROUTERS, router_bytes, 4};
    stop_server(&d);
}

/* RFC 2131 s3.3: all ones are for ever, and then there is no time to renew. */
static void a_lease_for_ever(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){.rapid_commit = true});
    uint32_t value;

    subnets[0].lease_max_s = DHCP4_FOREVER;
    say(&d, (struct said){.type = DHCP4_DISCOVER, .rapid = true, .lease_s = DHCP4_FOREVER});
    expect(&d, DHCP4_ACK);
    assert_true(dhcp4_u32(&d.reply, DHCP4_LEASE_TIME, &value) && value == DHCP4_FOREVER);
    assert_false(dhcp4_has(&d.reply, DHCP4_RENEWAL_TIME) || dhcp4_has(&d.reply, DHCP4_REBINDING_TIME));
    assert_true(d.kept[0].ends == INT64_MAX);
    subnets[0].lease_max_s = 7200;
    stop_server(&d);
}

/* --- names --- */

/* The name was free when both asked the DNS for its address; one of them was granted it meanwhile. */
static void a_name_that_was_claimed_meanwhile(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){.claims = true});
    const struct server_answer found = {
        .status = SERVER_FOUND, .n_addrs = 1, .addrs = {{{[10] = 0xff, [11] = 0xff, 10, 2, 0, 9}}}};
    struct server_answer to_first = found, to_second = found;
    const struct said request = {.type = DHCP4_REQUEST,
                                 .host = "box.lan",
                                 .giaddr = BYNAME + 1,
                                 .server = SERVER,
                                 .requested = BYNAME + 9};

    say(&d, request);
    to_first.question = d.question;
    be_client(&d, 2);
    say(&d, request);
    to_second.question = d.question;
    dhcp4_server_answer(d.server, &to_second, d.now);
    collect(&d);
    to_second.question = d.question; /* of the details */
    dhcp4_server_answer(d.server, &to_second, d.now);
    collect(&d);
    assert_int_equal(expect(&d, DHCP4_ACK), BYNAME + 9);
    assert_int_equal(d.kept[0].state, SERVER_LEASE_CLAIM);

    be_client(&d, 1);
    d.xid -= 2; /* of its request */
    d.n_sent = d.n_kept = d.n_notes = 0;
    dhcp4_server_answer(d.server, &to_first, d.now);
    collect(&d);
    to_first.question = d.question;
    dhcp4_server_answer(d.server, &to_first, d.now);
    collect(&d);
    expect(&d, DHCP4_NAK);
    assert_int_equal(d.n_kept, 0);
    assert_int_equal(d.n_notes, 1);
    stop_server(&d);
}

static void a_name_without_an_address(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){0});
    struct server_answer none = {.status = SERVER_NOT_THERE};

    say(&d, (struct said){.type = DHCP4_DISCOVER, .host = "box.lan", .giaddr = BYNAME + 1});
    none.question = d.question + 1; /* nobody asked that */
    dhcp4_server_answer(d.server, &none, d.now);
    dhcp4_server_in_use(d.server, d.question, NULL, d.now); /* nobody probes */
    collect(&d);
    assert_int_equal(d.n_sent + d.n_notes, 0);
    none.question = d.question;
    dhcp4_server_answer(d.server, &none, d.now);
    collect(&d);
    assert_int_equal(d.n_sent, 0);
    assert_int_equal(d.n_notes, 1);

    /* And when the DNS says nothing at all: silence, the client asks again. */
    d.xid++;
    say(&d, (struct said){.type = DHCP4_DISCOVER, .host = "box.lan", .giaddr = BYNAME + 1});
    assert_int_equal(d.n_asked, 1);
    later(&d, 60);
    assert_int_equal(d.n_sent, 0);
    none.question = d.question; /* too late */
    dhcp4_server_answer(d.server, &none, d.now);
    collect(&d);
    assert_int_equal(d.n_sent, 0);
    stop_server(&d);
}

/* It gets an address all the same, and the log says why it has no name. */
static void a_name_that_is_not_allowed(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){.allowed = "*.lan"});

    lease_an_address(&d, "laptop.example");
    assert_int_equal(d.kept[0].name[0], 0);
    assert_true(d.n_notes > 0);
    stop_server(&d);
}

/* --- limits --- */

static void a_table_that_is_full(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){.leases_max = 1});

    uint32_t first = lease_an_address(&d, NULL);
    be_client(&d, 2); /* of the pool: no offer */
    say(&d, (struct said){.type = DHCP4_DISCOVER});
    assert_int_equal(d.n_sent, 0);
    be_client(&d, 0x77); /* the offer of a fixed address needs no place; the lease does */
    say(&d, (struct said){.type = DHCP4_DISCOVER});
    assert_int_equal(expect(&d, DHCP4_OFFER), NET + 77);
    d.n_notes = 0;
    say(&d, (struct said){.type = DHCP4_REQUEST, .requested = NET + 77, .server = SERVER});
    assert_int_equal(d.n_sent + d.n_kept, 0);

    /* What has ended gives way, and is told before what takes its place. */
    later(&d, 10000);
    be_client(&d, 2);
    say(&d, (struct said){.type = DHCP4_DISCOVER});
    uint32_t addr = expect(&d, DHCP4_OFFER);
    assert_int_equal(d.n_kept, 1);
    assert_int_equal(get_be32(d.kept[0].addr.b + 12), first);
    say(&d, (struct said){.type = DHCP4_REQUEST, .requested = addr, .server = SERVER});
    assert_int_equal(expect(&d, DHCP4_ACK), addr);
    stop_server(&d);
}

/* Requests that wait for the DNS have a fixed number of places; the oldest gives way. */
static void requests_without_end(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){0});
    struct dhcp4_server_stats stats;

    for (uint8_t n = 0; n < 100; n++) {
        be_client(&d, n);
        say(&d, (struct said){.type = DHCP4_DISCOVER, .host = "box.lan", .giaddr = BYNAME + 1});
        assert_int_equal(d.n_asked, 1);
    }
    dhcp4_server_stats(d.server, &stats);
    assert_int_equal(stats.received, 100);
    assert_int_equal(stats.overflowed, 100 - 16);

    /* The same packet again, while the first one waits, is no second question. */
    say(&d, (struct said){.type = DHCP4_DISCOVER, .host = "box.lan", .giaddr = BYNAME + 1});
    assert_int_equal(d.n_asked, 0);
    stop_server(&d);
}

/* --- who is it? --- */

static void a_client_without_identity(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){0});

    say(&d, (struct said){.type = DHCP4_DISCOVER, .no_hardware = true});
    assert_int_equal(d.n_sent, 0);
    d.xid++;
    say(&d, (struct said){.type = DHCP4_DISCOVER, .no_hardware = true, .id = "somebody"});
    assert_int_equal(d.n_sent, 1);
    stop_server(&d);
}

/* A fixed address that its client found in use is not offered until the record of that ends. */
static void a_fixed_address_that_is_in_use(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){0});

    be_client(&d, 0x77);
    assert_int_equal(lease_an_address(&d, NULL), NET + 77);
    say(&d, (struct said){.type = DHCP4_DECLINE, .requested = NET + 77, .server = SERVER});
    assert_int_equal(d.kept[0].state, SERVER_LEASE_DECLINED);
    d.xid++;
    say(&d, (struct said){.type = DHCP4_DISCOVER});
    assert_int_equal(d.n_sent, 0);
    later(&d, DHCP4_DECLINED_TIME_S + 1);
    assert_int_equal(lease_an_address(&d, NULL), NET + 77);
    stop_server(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_hears_its_full_name),
        cmocka_unit_test(who_lists_nothing_gets_everything),
        cmocka_unit_test(options_that_do_not_fit_are_left_out),
        cmocka_unit_test(a_lease_for_ever),
        cmocka_unit_test(a_name_that_was_claimed_meanwhile),
        cmocka_unit_test(a_name_without_an_address),
        cmocka_unit_test(a_name_that_is_not_allowed),
        cmocka_unit_test(a_table_that_is_full),
        cmocka_unit_test(requests_without_end),
        cmocka_unit_test(a_client_without_identity),
        cmocka_unit_test(a_fixed_address_that_is_in_use),
    };
    return cmocka_run_group_tests_name("dhcp4_replies", tests, NULL, NULL);
}
