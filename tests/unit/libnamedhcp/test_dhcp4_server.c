/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The DHCPv4 server, message by message. */
#include "dhcp4_desk.h"

/* --- the usual course --- */

static void discover_offer_request_ack(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){0});
    uint32_t value, addr;

    say(&d, (struct said){.type = DHCP4_DISCOVER, .host = "laptop.lan"});
    addr = expect(&d, DHCP4_OFFER);
    assert_int_equal(d.n_kept, 0);
    assert_true(addr >= NET + 100 && addr <= NET + 103);
    assert_memory_equal(d.packet.to_mac, d.mac, 6); /* it has no address yet: a frame */
    assert_int_equal(d.packet.to.port, DHCP4_CLIENT_PORT);
    say(&d, (struct said){.type = DHCP4_REQUEST, .requested = addr, .server = SERVER, .host = "laptop.lan"});
    assert_int_equal(expect(&d, DHCP4_ACK), addr);
    assert_int_equal(d.n_kept, 1);
    assert_int_equal(d.kept[0].state, SERVER_LEASE_BOUND);
    assert_int_equal(d.kept[0].ends, d.now.wall_s + 3600);
    assert_memory_equal(d.kept[0].name, "\6laptop\3lan", 12);
    assert_true(dhcp4_u32(&d.reply, DHCP4_SUBNET_MASK, &value) && value == 0xffffff00);
    assert_true(dhcp4_u32(&d.reply, DHCP4_LEASE_TIME, &value) && value == 3600);
    assert_true(dhcp4_u32(&d.reply, DHCP4_RENEWAL_TIME, &value) && value == 1800);
    assert_true(dhcp4_u32(&d.reply, DHCP4_REBINDING_TIME, &value) && value == 3150);
    assert_int_equal(dhcp4_addrs(&d.reply, DHCP4_ROUTERS, &value, 1), 1);
    assert_int_equal(dhcp4_addrs(&d.reply, DHCP4_NAME_SERVERS, &value, 1), 1);
    assert_int_equal(value, DNS);
    stop_server(&d);
}

static void renewing_moves_the_end(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){0});
    uint32_t addr = lease_an_address(&d, NULL);

    later(&d, 1800);
    d.xid++;
    say(&d, (struct said){.type = DHCP4_REQUEST, .ciaddr = addr});
    assert_int_equal(expect(&d, DHCP4_ACK), addr);
    assert_int_equal(d.kept[0].ends, d.now.wall_s + 3600);
    assert_int_equal(get_be32(d.packet.to.addr.b + 12), addr); /* by unicast */
    later(&d, 10000); /* it has ended, and is nobody else's: rebinding finds it again */
    d.xid++;
    say(&d, (struct said){.type = DHCP4_REQUEST, .ciaddr = addr});
    assert_int_equal(expect(&d, DHCP4_ACK), addr);
    stop_server(&d);
}

static void after_a_restart_of_the_client(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){0});
    uint32_t addr = lease_an_address(&d, NULL);

    d.xid++;
    say(&d, (struct said){.type = DHCP4_REQUEST, .requested = addr});
    assert_int_equal(expect(&d, DHCP4_ACK), addr);
    d.xid++;
    say(&d, (struct said){.type = DHCP4_REQUEST, .requested = addr ^ 1}); /* not its own */
    expect(&d, DHCP4_NAK);
    assert_int_equal(d.packet.to_mac[0], 0xff);
    be_client(&d, 9);
    say(&d, (struct said){.type = DHCP4_REQUEST, .requested = 0xc0a80005}); /* of another network */
    expect(&d, DHCP4_NAK);
    be_client(&d, 8);
    say(&d, (struct said){.type = DHCP4_REQUEST, .requested = NET + 103}); /* we do not know it: silence */
    assert_int_equal(d.n_sent, 0);
    stop_server(&d);

    d = open_desk((struct choice){.authoritative = true});
    say(&d, (struct said){.type = DHCP4_REQUEST, .requested = NET + 200}); /* not of the pool */
    expect(&d, DHCP4_NAK);
    d.xid++;
    say(&d, (struct said){.type = DHCP4_REQUEST, .requested = NET + 103}); /* free: it may have it */
    assert_int_equal(expect(&d, DHCP4_ACK), NET + 103);
    stop_server(&d);
}

static void a_restarted_client_keeps_its_lease_whatever_it_is_offered(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){.probe = true});

    say(&d, (struct said){.type = DHCP4_DISCOVER});
    assert_int_equal(d.n_probed, 1);
    later(&d, 1);
    uint32_t addr = expect(&d, DHCP4_OFFER);
    say(&d, (struct said){.type = DHCP4_REQUEST, .requested = addr, .server = SERVER});
    int64_t ends = lease_ends(lease_at(d.leases, addr));
    d.xid++;
    say(&d, (struct said){.type = DHCP4_DISCOVER});
    assert_int_equal(expect(&d, DHCP4_OFFER), addr); /* it is its own: no probe */
    assert_int_equal(d.n_probed, 0);
    assert_int_equal(lease_ends(lease_at(d.leases, addr)), ends);
    stop_server(&d);
}

static void an_offer_not_taken_is_free_again(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){0});
    uint8_t n = 0;

    for (; n < 4; n++) {
        be_client(&d, n);
        say(&d, (struct said){.type = DHCP4_DISCOVER});
        expect(&d, DHCP4_OFFER);
    }
    be_client(&d, n);
    say(&d, (struct said){.type = DHCP4_DISCOVER});
    assert_int_equal(d.n_sent, 0);
    be_client(&d, 2); /* it takes another server's */
    say(&d, (struct said){.type = DHCP4_REQUEST, .requested = NET + 5, .server = NET + 2});
    assert_int_equal(d.n_sent, 0);
    be_client(&d, n);
    say(&d, (struct said){.type = DHCP4_DISCOVER});
    expect(&d, DHCP4_OFFER);
    later(&d, DHCP4_OFFER_TIME_S + 1);
    be_client(&d, 50);
    say(&d, (struct said){.type = DHCP4_DISCOVER});
    expect(&d, DHCP4_OFFER);
    stop_server(&d);
}

static void fixed_addresses(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){0});

    be_client(&d, 0x77);
    assert_int_equal(lease_an_address(&d, NULL), NET + 77);
    be_client(&d, 5);
    say(&d, (struct said){.type = DHCP4_DISCOVER, .id = "fixed"});
    assert_int_equal(expect(&d, DHCP4_OFFER), NET + 78);
    assert_true(dhcp4_has(&d.reply, DHCP4_CLIENT_ID)); /* RFC 6842 */
    be_client(&d, 0x77);                               /* in another network it is like others */
    say(&d, (struct said){.type = DHCP4_DISCOVER, .giaddr = RELAY});
    uint32_t addr = expect(&d, DHCP4_OFFER);
    assert_true(addr >= FAR + 100 && addr <= FAR + 199);
    stop_server(&d);
}

static void addresses_of_names(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){0});
    struct server_answer a = {
        .status = SERVER_FOUND, .n_addrs = 1, .addrs = {{{[10] = 0xff, [11] = 0xff, 10, 2, 0, 9}}}};
    uint32_t value, two[2];

    say(&d, (struct said){.type = DHCP4_DISCOVER, .host = "Box.lan", .giaddr = BYNAME + 1});
    assert_string_equal(d.asked, "box.lan");
    assert_int_equal(d.qtype, RR_A);
    a.question = d.question;
    dhcp4_server_answer(d.server, &a, d.now);
    collect(&d);
    assert_int_equal(d.qtype, RR_TXT);
    a.question = d.question;
    a.text_len = (uint16_t)snprintf(a.text, sizeof(a.text),
                                    "mask=255.255.0.0,router=10.2.0.1,dns=10.2.0.2,dns=10.2.0.3");
    dhcp4_server_answer(d.server, &a, d.now);
    collect(&d);
    assert_int_equal(expect(&d, DHCP4_OFFER), BYNAME + 9);
    assert_true(dhcp4_u32(&d.reply, DHCP4_SUBNET_MASK, &value) && value == 0xffff0000);
    assert_int_equal(dhcp4_addrs(&d.reply, DHCP4_NAME_SERVERS, two, 2), 2);
    assert_int_equal(two[1], BYNAME + 3);

    say(&d, (struct said){.type = DHCP4_REQUEST,
                          .host = "box.lan",
                          .giaddr = BYNAME + 1,
                          .server = SERVER,
                          .requested = BYNAME + 9});
    a.question = d.question;
    a.status = SERVER_UNKNOWN; /* the DNS is silent, and so are we */
    dhcp4_server_answer(d.server, &a, d.now);
    collect(&d);
    assert_int_equal(d.n_sent, 0);
    d.xid++;
    say(&d, (struct said){.type = DHCP4_DISCOVER, .giaddr = BYNAME + 1}); /* no name, no address */
    assert_int_equal(d.n_asked + d.n_sent, 0);
    stop_server(&d);
}

/* --- what others do with addresses --- */

static void an_address_in_use_is_not_offered(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){.probe = true});

    say(&d, (struct said){.type = DHCP4_DISCOVER});
    struct ipaddr first = d.probed;
    assert_int_equal(d.n_probed, 1);
    assert_int_equal(d.n_sent, 0);
    dhcp4_server_in_use(d.server, d.question, NULL, d.now);
    collect(&d);
    assert_int_equal(d.n_probed, 2);
    assert_false(ipaddr_equal(&first, &d.probed));
    assert_true(dhcp4_server_deadline(d.server) <= d.now.mono + SERVER_PROBE_TIME);
    later(&d, 1);
    assert_int_equal(expect(&d, DHCP4_OFFER), get_be32(d.probed.b + 12));
    stop_server(&d);
}

/* Two servers with one pool: when the one is gone its clients come to the other, which has seen them at most. */
static void who_was_found_using_an_address_may_keep_it(void **state)
{
    (void)state;
    const uint8_t holder[] = {2, 0, 0, 0, 0, 9};
    struct desk d = open_desk((struct choice){.probe = true, .authoritative = true});

    say(&d, (struct said){.type = DHCP4_DISCOVER});
    uint32_t addr = get_be32(d.probed.b + 12);
    dhcp4_server_in_use(d.server, d.question, holder, d.now);
    collect(&d);
    be_client(&d, 8);
    say(&d, (struct said){.type = DHCP4_REQUEST, .ciaddr = addr});
    expect(&d, DHCP4_NAK); /* that is not the one */
    be_client(&d, 9);
    say(&d, (struct said){.type = DHCP4_REQUEST, .ciaddr = addr});
    assert_int_equal(expect(&d, DHCP4_ACK), addr);
    assert_int_equal(d.kept[0].state, SERVER_LEASE_BOUND);
    be_client(&d, 8);
    say(&d, (struct said){.type = DHCP4_REQUEST, .ciaddr = addr});
    expect(&d, DHCP4_NAK);
    stop_server(&d);
}

/* The same behind a relay, where an echo request does not tell who it is. */
static void who_may_be_the_one_behind_a_relay_may_keep_it(void **state)
{
    (void)state;
    struct desk d =
        open_desk((struct choice){.probe = true, .echo_time = NSEC_PER_SEC, .authoritative = true});

    say(&d, (struct said){.type = DHCP4_DISCOVER, .giaddr = RELAY});
    uint32_t addr = get_be32(d.probed.b + 12);
    dhcp4_server_in_use(d.server, d.question, NULL, d.now);
    collect(&d);
    be_client(&d, 7);
    say(&d,
        (struct said){.type = DHCP4_REQUEST, .giaddr = RELAY, .requested = addr}); /* it only remembers it */
    expect(&d, DHCP4_NAK);
    be_client(&d, 8);
    say(&d, (struct said){.type = DHCP4_REQUEST, .giaddr = RELAY, .ciaddr = addr});
    assert_int_equal(expect(&d, DHCP4_ACK), addr);
    assert_int_equal(d.kept[0].state, SERVER_LEASE_BOUND);
    be_client(&d, 9);
    say(&d, (struct said){.type = DHCP4_REQUEST, .giaddr = RELAY, .ciaddr = addr}); /* it is that one's now */
    expect(&d, DHCP4_NAK);
    stop_server(&d);
}

/* Another server has the rest of the network, and it is not for this one to speak about that. */
static void nothing_is_said_about_the_pool_of_another(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){0});
    uint32_t addr = lease_an_address(&d, NULL), other = addr == NET + 100 ? NET + 101 : NET + 100;

    be_client(&d, 1); /* it had a lease here, and has one there since */
    say(&d, (struct said){.type = DHCP4_REQUEST, .ciaddr = NET + 200});
    say(&d, (struct said){.type = DHCP4_REQUEST, .ciaddr = NET + 200, .giaddr = SERVER + 1});
    say(&d, (struct said){.type = DHCP4_REQUEST, .requested = NET + 200});
    assert_int_equal(d.n_sent, 0);
    be_client(&d, 1);
    say(&d, (struct said){.type = DHCP4_REQUEST, .ciaddr = other}); /* that is ours, and not its own */
    expect(&d, DHCP4_NAK);
    be_client(&d, 1);
    say(&d, (struct said){.type = DHCP4_REQUEST, .requested = FAR + 5}); /* of another network */
    expect(&d, DHCP4_NAK);
    stop_server(&d);
}

static void a_client_that_uses_its_address_is_offered_it(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){.probe = true});

    say(&d, (struct said){.type = DHCP4_DISCOVER});
    uint32_t addr = get_be32(d.probed.b + 12);
    dhcp4_server_in_use(d.server, d.question, d.mac, d.now);
    collect(&d);
    assert_int_equal(expect(&d, DHCP4_OFFER), addr);
    stop_server(&d);
}

/* The first DISCOVER is still being probed for when the second one, with another xid, is answered. */
static void a_lease_granted_during_a_probe_stands(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){.probe = true});

    say(&d, (struct said){.type = DHCP4_DISCOVER, .id = "one"});
    uint32_t addr = get_be32(d.probed.b + 12), probed = d.question, first = d.xid;
    d.xid++;
    say(&d, (struct said){.type = DHCP4_DISCOVER, .id = "one"});
    assert_int_equal(expect(&d, DHCP4_OFFER), addr);
    say(&d, (struct said){.type = DHCP4_REQUEST, .id = "one", .requested = addr, .server = SERVER});
    assert_int_equal(expect(&d, DHCP4_ACK), addr);
    d.xid = first;
    d.n_sent = d.n_kept = 0;
    dhcp4_server_in_use(d.server, probed, NULL, d.now); /* the client itself, by a relay's side */
    collect(&d);
    assert_int_equal(expect(&d, DHCP4_OFFER), addr);
    d.xid = first + 2;
    say(&d, (struct said){.type = DHCP4_REQUEST, .id = "one", .ciaddr = addr});
    assert_int_equal(expect(&d, DHCP4_ACK), addr);
    stop_server(&d);
}

static void an_echo_request_goes_beyond_a_relay(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){.probe = true, .echo_time = NSEC_PER_SEC});

    say(&d, (struct said){.type = DHCP4_DISCOVER, .giaddr = RELAY, .link = 3});
    assert_int_equal(d.n_probed, 1);
    assert_true(d.probe.relayed && d.probe.link == 3 && d.probe.via_mac[5] == 0xfe);
    assert_int_equal(d.probe.probe_time, NSEC_PER_SEC);
    assert_true(dhcp4_server_deadline(d.server) <= d.now.mono + NSEC_PER_SEC);
    struct ipaddr first = d.probed;
    dhcp4_server_in_use(d.server, d.question, NULL, d.now);
    collect(&d);
    assert_false(ipaddr_equal(&first, &d.probed));
    later(&d, 1);
    assert_int_equal(expect(&d, DHCP4_OFFER), get_be32(d.probed.b + 12));
    assert_true(d.packet.link == 3 && d.packet.via_mac[5] == 0xfe);
    stop_server(&d);

    d = open_desk((struct choice){.probe = true}); /* it is off: an offer at once */
    say(&d, (struct said){.type = DHCP4_DISCOVER, .giaddr = RELAY});
    assert_int_equal(d.n_probed, 0);
    expect(&d, DHCP4_OFFER);
    stop_server(&d);
}

static void each_link_has_its_network(void **state)
{
    uint32_t id = 0;

    (void)state;
    struct desk d = open_desk((struct choice){.two_links = true, .authoritative = true});
    say(&d, (struct said){.type = DHCP4_DISCOVER, .link = 1});
    uint32_t far = d.reply.header.yiaddr;
    assert_int_equal(far & 0xffffff00, FAR);
    assert_true(dhcp4_u32(&d.reply, DHCP4_SERVER_ID, &id) && id == FAR + 9);
    assert_int_equal(d.packet.link, 1);
    d.xid++;
    say(&d, (struct said){.type = DHCP4_REQUEST, .link = 1, .server = FAR + 9, .requested = far});
    assert_int_equal(d.reply.type, DHCP4_ACK);

    d.mac[5] = 2;
    d.xid++;
    say(&d, (struct said){.type = DHCP4_DISCOVER});
    assert_int_equal(d.reply.header.yiaddr & 0xffffff00, NET);
    assert_true(dhcp4_u32(&d.reply, DHCP4_SERVER_ID, &id) && id == SERVER);

    d.mac[5] = 1; /* what belongs to it is known whichever way it comes, and who it speaks to */
    d.xid++;
    say(&d, (struct said){.type = DHCP4_REQUEST, .giaddr = RELAY, .server = FAR + 9, .requested = far});
    assert_true(d.reply.type == DHCP4_ACK && d.packet.link == 0);
    assert_true(dhcp4_u32(&d.reply, DHCP4_SERVER_ID, &id) && id == FAR + 9);
    d.xid++;
    say(&d, (struct said){.type = DHCP4_REQUEST, .link = 1, .server = FAR + 8, .requested = far});
    assert_int_equal(d.n_sent, 0); /* another server's */
    d.xid++;
    say(&d, (struct said){.type = DHCP4_DISCOVER, .link = 2});
    assert_int_equal(d.n_sent, 0); /* no network of ours is there */
    d.xid++;
    say(&d, (struct said){.type = DHCP4_DISCOVER, .link = SERVER_LINKS_MAX});
    assert_int_equal(d.n_sent, 0);
    stop_server(&d);
}

static void somebody_who_uses_all_addresses(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){.probe = true});

    say(&d, (struct said){.type = DHCP4_DISCOVER});
    for (unsigned i = 0; i < 3; i++) {
        dhcp4_server_in_use(d.server, d.question, NULL, d.now);
        collect(&d);
    }
    assert_int_equal(d.n_probed, 3);
    later(&d, 1);
    assert_int_equal(d.n_sent, 0); /* it asks again */
    stop_server(&d);
}

static void decline_and_release(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){0});
    uint32_t addr = lease_an_address(&d, NULL);

    be_client(&d, 2);
    say(&d, (struct said){.type = DHCP4_DECLINE, .requested = addr, .server = SERVER}); /* not its own */
    assert_int_equal(d.n_kept, 0);
    be_client(&d, 1);
    say(&d, (struct said){.type = DHCP4_DECLINE, .requested = addr, .server = SERVER});
    assert_int_equal(d.n_kept, 1);
    assert_int_equal(d.kept[0].state, SERVER_LEASE_DECLINED);
    assert_int_equal(d.n_sent, 0);
    uint32_t other = lease_an_address(&d, NULL);
    assert_int_not_equal(other, addr);

    be_client(&d, 2);
    say(&d, (struct said){.type = DHCP4_RELEASE, .ciaddr = other, .server = SERVER});
    assert_int_equal(d.n_kept, 0);
    be_client(&d, 1);
    say(&d, (struct said){.type = DHCP4_RELEASE, .ciaddr = other, .server = SERVER});
    assert_int_equal(d.kept[0].state, SERVER_LEASE_RELEASED);
    assert_int_equal(lease_an_address(&d, NULL), other); /* it gets it again */
    stop_server(&d);
}

static void inform_gets_options_alone(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){0});
    uint32_t value;

    say(&d, (struct said){.type = DHCP4_INFORM, .ciaddr = NET + 9});
    assert_int_equal(expect(&d, DHCP4_ACK), 0);
    assert_false(dhcp4_u32(&d.reply, DHCP4_LEASE_TIME, &value));
    assert_int_equal(dhcp4_addrs(&d.reply, DHCP4_NAME_SERVERS, &value, 1), 1);
    assert_int_equal(d.n_kept, 0);
    stop_server(&d);
}

static void relays_get_their_information_back(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){0});
    size_t len;

    say(&d, (struct said){.type = DHCP4_DISCOVER, .giaddr = RELAY, .relay_info = "\1\4port"});
    uint32_t addr = expect(&d, DHCP4_OFFER);
    assert_true(addr >= FAR + 100 && addr <= FAR + 199);
    assert_int_equal(d.packet.to.port, DHCP4_SERVER_PORT);
    assert_int_equal(get_be32(d.packet.to.addr.b + 12), RELAY);
    const uint8_t *info = dhcp4_option(&d.reply, DHCP4_RELAY_INFORMATION, &len);
    assert_true(info && len == 6);
    assert_memory_equal(info, "\1\4port", 6);
    say(&d, (struct said){.type = DHCP4_REQUEST, .giaddr = RELAY, .requested = NET + 100});
    expect(&d, DHCP4_NAK);
    assert_true(d.reply.header.broadcast); /* the relay broadcasts it */
    d.xid++;
    say(&d, (struct said){.type = DHCP4_DISCOVER, .giaddr = 0xc0a80001}); /* of no network of ours */
    assert_int_equal(d.n_sent, 0);
    stop_server(&d);
}

static void rapid_commit(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){.rapid_commit = true});

    say(&d, (struct said){.type = DHCP4_DISCOVER, .rapid = true, .broadcast = true});
    expect(&d, DHCP4_ACK);
    assert_true(dhcp4_has(&d.reply, DHCP4_RAPID_COMMIT));
    assert_int_equal(d.n_kept, 1);
    assert_int_equal(d.packet.to_mac[5], 0xff);
    stop_server(&d);
}

static void lease_times_have_bounds(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){0});
    uint32_t value;

    say(&d, (struct said){.type = DHCP4_DISCOVER, .lease_s = UINT32_MAX});
    expect(&d, DHCP4_OFFER);
    assert_true(dhcp4_u32(&d.reply, DHCP4_LEASE_TIME, &value) && value == 7200);
    d.xid++;
    say(&d, (struct said){.type = DHCP4_DISCOVER, .lease_s = 1});
    expect(&d, DHCP4_OFFER);
    assert_true(dhcp4_u32(&d.reply, DHCP4_LEASE_TIME, &value) && value == 60);
    stop_server(&d);
}

/* --- what outlives the server --- */

static void leases_outlive_a_restart(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){.claims = true});
    uint32_t addr = lease_an_address(&d, "laptop.lan");
    struct server_lease kept[2];

    assert_int_equal(d.n_kept, 2); /* the claim, the lease */
    memcpy(kept, d.kept, sizeof(kept));
    stop_server(&d);
    start_server(&d, (struct choice){.claims = true});
    const struct name_policy_client client = {.identity = kept[0].identity,
                                              .identity_len = kept[0].identity_len};
    assert_int_equal(kept[0].state, SERVER_LEASE_CLAIM);
    assert_memory_equal(kept[0].mac, d.mac, sizeof(d.mac));
    assert_int_equal(name_policy_restore(d.names, kept[0].name, &client, kept[0].ends), 0);
    assert_int_equal(dhcp4_server_restore(d.server, &kept[0], d.now), -EINVAL);
    assert_int_equal(dhcp4_server_restore(d.server, &kept[1], d.now), 0);
    be_client(&d, 2);
    say(&d, (struct said){.type = DHCP4_DISCOVER, .requested = addr, .host = "laptop.lan"});
    assert_int_not_equal(expect(&d, DHCP4_OFFER), addr);
    be_client(&d, 1);
    say(&d, (struct said){.type = DHCP4_REQUEST, .requested = addr, .host = "laptop.lan"});
    assert_int_equal(expect(&d, DHCP4_ACK), addr);
    stop_server(&d);
}

static void a_name_is_the_first_ones(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){.claims = true});

    lease_an_address(&d, "laptop.lan");
    be_client(&d, 2);
    lease_an_address(&d, "laptop.lan"); /* an address it gets, the name not */
    assert_int_equal(d.kept[0].state, SERVER_LEASE_BOUND);
    assert_int_equal(d.kept[0].name[0], 0);
    stop_server(&d);
}

static void a_name_without_a_wish_is_not_claimed(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){.claims = true, .made = "%mac%.lan"});
    char text[DNAME_TEXT_MAX];

    for (uint8_t n = 1; n <= 3; n++) {
        be_client(&d, n);
        lease_an_address(&d, NULL);
        assert_int_equal(d.n_kept, 1);
        assert_int_equal(d.kept[0].state, SERVER_LEASE_BOUND);
    }
    assert_string_equal(dname_to_text(d.kept[0].name, text), "020000000003.lan");
    stop_server(&d);
}

static void claims_that_have_ended_are_forgotten(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){.claims = true});

    lease_an_address(&d, "laptop.lan");
    d.n_kept = d.n_sent = 0;
    d.now.wall_s += 2 * 86400;
    d.now.mono += 2 * 86400 * NSEC_PER_SEC;
    assert_true(dhcp4_server_deadline(d.server) < d.now.mono);
    dhcp4_server_timeout(d.server, d.now);
    collect(&d);
    assert_int_equal(d.n_kept, 1);
    assert_int_equal(d.kept[0].state, SERVER_LEASE_CLAIM);
    assert_true(name_policy_first_end(d.names) == INT64_MAX);
    stop_server(&d);
}

/* --- hostile --- */

static void hostile_bytes(void **state)
{
    (void)state;
    struct desk d = open_desk((struct choice){.claims = true, .rapid_commit = true, .authoritative = true});
    uint8_t bytes[400];

    srandom(1);
    for (unsigned round = 0; round < 50000; round++) {
        struct dhcp4_header h = {.op = DHCP4_BOOTREQUEST, .htype = 1, .hlen = 6, .xid = round};
        struct dhcp4_writer dw;
        h.chaddr[5] = (uint8_t)(random() % 8);
        h.ciaddr = random() % 4 ? 0 : NET + 100 + (uint32_t)random() % 4;
        dhcp4_begin(&dw, bytes, sizeof(bytes), &h, NULL);
        dhcp4_put_u8(&dw, DHCP4_MESSAGE_TYPE, (uint8_t)(1 + random() % 8));
        dhcp4_put_u32(&dw, DHCP4_REQUESTED_ADDRESS, NET + 100 + (uint32_t)random() % 4);
        if (random() % 2)
            dhcp4_put_u32(&dw, DHCP4_SERVER_ID, SERVER);
        int len = dhcp4_end(&dw);
        assert_true(len > 0);
        for (long i = random() % 4; i > 0; i--)
            bytes[random() % len] = (uint8_t)random();
        const struct server_packet packet = {.bytes = bytes,
                                             .len = (size_t)(random() % 8 ? len : random() % len)};
        d.xid = get_be32(bytes + 4);
        d.n_sent = d.n_kept = 0;
        dhcp4_server_input(d.server, &packet, d.now);
        collect(&d);
        later(&d, random() % 100 == 0 ? 1000 : 0);
    }
    stop_server(&d);
}

static void settings_that_make_no_sense(void **state)
{
    (void)state;
    const struct server_env env = {.random = no_chance};
    struct dhcp4_server *s = NULL;

    assert_int_equal(dhcp4_server_new(&env, &(struct dhcp4_server_settings){.waiting_max = 1}, &s), -EINVAL);
    dhcp4_server_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(discover_offer_request_ack),
        cmocka_unit_test(renewing_moves_the_end),
        cmocka_unit_test(after_a_restart_of_the_client),
        cmocka_unit_test(a_restarted_client_keeps_its_lease_whatever_it_is_offered),
        cmocka_unit_test(an_offer_not_taken_is_free_again),
        cmocka_unit_test(fixed_addresses),
        cmocka_unit_test(addresses_of_names),
        cmocka_unit_test(an_address_in_use_is_not_offered),
        cmocka_unit_test(who_was_found_using_an_address_may_keep_it),
        cmocka_unit_test(who_may_be_the_one_behind_a_relay_may_keep_it),
        cmocka_unit_test(nothing_is_said_about_the_pool_of_another),
        cmocka_unit_test(a_client_that_uses_its_address_is_offered_it),
        cmocka_unit_test(a_lease_granted_during_a_probe_stands),
        cmocka_unit_test(an_echo_request_goes_beyond_a_relay),
        cmocka_unit_test(each_link_has_its_network),
        cmocka_unit_test(somebody_who_uses_all_addresses),
        cmocka_unit_test(decline_and_release),
        cmocka_unit_test(inform_gets_options_alone),
        cmocka_unit_test(relays_get_their_information_back),
        cmocka_unit_test(rapid_commit),
        cmocka_unit_test(lease_times_have_bounds),
        cmocka_unit_test(leases_outlive_a_restart),
        cmocka_unit_test(a_name_is_the_first_ones),
        cmocka_unit_test(a_name_without_a_wish_is_not_claimed),
        cmocka_unit_test(claims_that_have_ended_are_forgotten),
        cmocka_unit_test(hostile_bytes),
        cmocka_unit_test(settings_that_make_no_sense),
    };
    return cmocka_run_group_tests_name("dhcp4_server", tests, NULL, NULL);
}
