/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The DHCPv6 server, message by message. */
#include "dhcp6_desk.h"

/* --- the usual course --- */

static void a_name_gets_its_address(void **state)
{
    (void)state;
    struct desk d = plain_desk();
    struct dhcp6_message m = message(DHCP6_SOLICIT, "Host.hash.Local");

    add_ia(&m, 1, NULL);
    put(&d, &m);
    assert_int_equal(d.n_sent, 0);
    assert_string_equal(d.asked, "host.hash.local");
    answer(&d, SERVER_FOUND, 3600, 1, "fc00::1234");
    struct dhcp6_message *r = reply_of(&d, DHCP6_ADVERTISE);
    assert_int_equal(r->n_ia, 1);
    assert_int_equal(r->ia[0].iaid, 1);
    assert_lease(&r->ia[0], 0, "fc00::1234", 3600);
    assert_true(r->ia[0].t1_s > 0 && r->ia[0].t1_s < r->ia[0].t2_s &&
                r->ia[0].t2_s <= r->ia[0].leases[0].preferred_s);
    assert_true(r->has & DHCP6_HAS_FQDN && r->fqdn.flags == (DHCP6_FQDN_S | DHCP6_FQDN_O));
    assert_int_equal(d.reply_to.port, DHCP6_CLIENT_PORT);

    m = message(DHCP6_REQUEST, "host.hash.local");
    add_ia(&m, 1, "fc00::1234");
    put(&d, &m);
    answer(&d, SERVER_FOUND, 3600, 1, "fc00::1234");
    assert_lease(&reply_of(&d, DHCP6_REPLY)->ia[0], 0, "fc00::1234", 3600);
    close_desk(&d);
}

static void rapid_commit(void **state)
{
    (void)state;
    struct desk d =
        open_desk(&(struct name_policy_settings){0}, &(struct dhcp6_server_settings){.rapid_commit = true});
    struct dhcp6_message m = message(DHCP6_SOLICIT, "h.lan");

    add_ia(&m, 1, NULL);
    put(&d, &m);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    reply_of(&d, DHCP6_ADVERTISE); /* it did not ask for it */
    m.has |= DHCP6_HAS_RAPID_COMMIT;
    put(&d, &m);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    assert_true(reply_of(&d, DHCP6_REPLY)->has & DHCP6_HAS_RAPID_COMMIT);
    put(&d, &m);
    answer(&d, SERVER_NOT_THERE, 60, 0);
    assert_false(reply_of(&d, DHCP6_ADVERTISE)->has & DHCP6_HAS_RAPID_COMMIT);
    close_desk(&d);
}

static void lifetimes_keep_their_bounds(void **state)
{
    (void)state;
    struct desk d = open_desk(&(struct name_policy_settings){0},
                              &(struct dhcp6_server_settings){.lifetime_min_s = 300, .lifetime_max_s = 1000});
    struct dhcp6_message m = message(DHCP6_SOLICIT, "h.lan");

    add_ia(&m, 1, NULL);
    put(&d, &m);
    answer(&d, SERVER_FOUND, 0, 1, "fc00::1");
    assert_lease(&reply_of(&d, DHCP6_ADVERTISE)->ia[0], 0, "fc00::1", 300);
    put(&d, &m);
    answer(&d, SERVER_FOUND, UINT32_MAX, 1, "fc00::1");
    assert_lease(&reply_of(&d, DHCP6_ADVERTISE)->ia[0], 0, "fc00::1", 1000);
    close_desk(&d);
}

static void a_renewal_moves_to_the_new_address(void **state)
{
    (void)state;
    struct desk d = plain_desk();
    struct dhcp6_message m = message(DHCP6_RENEW, "h.lan");

    add_ia(&m, 1, "fc00::1");
    put(&d, &m);
    answer(&d, SERVER_FOUND, 60, 1, "fd00::1");
    struct dhcp6_message *r = reply_of(&d, DHCP6_REPLY);
    assert_lease(&r->ia[0], 0, "fd00::1", 60);
    assert_lease(&r->ia[0], 1, "fc00::1", 0);
    put(&d, &m);
    answer(&d, SERVER_NOT_THERE, 60, 0); /* the name is gone */
    r = reply_of(&d, DHCP6_REPLY);
    assert_int_equal(r->ia[0].n_leases, 1);
    assert_lease(&r->ia[0], 0, "fc00::1", 0);
    close_desk(&d);
}

static void confirm_tells_right_from_wrong(void **state)
{
    (void)state;
    struct desk d = plain_desk();
    struct dhcp6_message m = message(DHCP6_CONFIRM, "h.lan");

    put(&d, &m);
    assert_int_equal(d.n_asked, 0); /* nothing to confirm */
    add_ia(&m, 1, "fc00::1");
    put(&d, &m);
    answer(&d, SERVER_FOUND, 60, 2, "fc00::2", "fc00::1");
    assert_int_equal(reply_of(&d, DHCP6_REPLY)->status.code, DHCP6_SUCCESS);
    put(&d, &m);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::2");
    assert_int_equal(reply_of(&d, DHCP6_REPLY)->status.code, DHCP6_NOT_ON_LINK);
    put(&d, &m);
    answer(&d, SERVER_UNKNOWN, 0, 0);
    assert_int_equal(d.n_sent, 0);
    close_desk(&d);
}

static void a_declined_address_is_given_to_nobody_for_a_while(void **state)
{
    (void)state;
    struct desk d = plain_desk();
    struct dhcp6_message decline = message(DHCP6_DECLINE, "h.lan"), solicit = message(DHCP6_SOLICIT, "h.lan");

    add_ia(&decline, 1, "fc00::1");
    add_ia(&solicit, 1, NULL);
    put(&d, &decline);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::2"); /* that is not its own */
    reply_of(&d, DHCP6_REPLY);
    put(&d, &solicit);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    assert_lease(&reply_of(&d, DHCP6_ADVERTISE)->ia[0], 0, "fc00::1", 60);

    put(&d, &decline);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    reply_of(&d, DHCP6_REPLY);
    assert_int_equal(d.n_notes, 1);
    put(&d, &solicit);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    assert_int_equal(reply_of(&d, DHCP6_ADVERTISE)->ia[0].status.code, DHCP6_NO_ADDRS_AVAIL);
    d.now.mono += 3600 * NSEC_PER_SEC;
    put(&d, &solicit);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    assert_lease(&reply_of(&d, DHCP6_ADVERTISE)->ia[0], 0, "fc00::1", 60);
    close_desk(&d);
}

/* RFC 4704 s5: CONFIRM and DECLINE carry no name; it is the one that the client used before. */
static void messages_without_a_name(void **state)
{
    (void)state;
    struct desk d = plain_desk();
    struct dhcp6_message request = message(DHCP6_REQUEST, "h.lan"), confirm = message(DHCP6_CONFIRM, NULL);
    struct dhcp6_message decline = message(DHCP6_DECLINE, NULL);

    add_ia(&request, 1, NULL);
    add_ia(&confirm, 1, "fc00::1");
    add_ia(&decline, 1, "fc00::1");
    put(&d, &confirm);
    assert_int_equal(d.n_asked, 0); /* of this client nothing is known */
    put(&d, &request);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    put(&d, &confirm);
    assert_string_equal(d.asked, "h.lan");
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    assert_int_equal(reply_of(&d, DHCP6_REPLY)->status.code, DHCP6_SUCCESS);
    put(&d, &decline);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    reply_of(&d, DHCP6_REPLY);
    request.xid++;
    put(&d, &request);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    assert_int_equal(dhcp6_read(d.bytes, d.len, &d.reply), 0);
    assert_int_equal(d.reply.ia[0].status.code, DHCP6_NO_ADDRS_AVAIL);
    confirm.client_id = VIEW(OTHER_DUID);
    put(&d, &confirm);
    assert_int_equal(d.n_asked, 0);
    close_desk(&d);
}

static void several_associations_share_the_addresses(void **state)
{
    (void)state;
    struct desk d = plain_desk();
    struct dhcp6_message m = message(DHCP6_SOLICIT, "h.lan");

    add_ia(&m, 20, NULL);
    add_ia(&m, 10, NULL);
    add_ia(&m, 30, NULL);
    put(&d, &m);
    answer(&d, SERVER_FOUND, 60, 2, "fc00::b", "fc00::a");
    struct dhcp6_message *r = reply_of(&d, DHCP6_ADVERTISE);
    assert_lease(&r->ia[0], 0, "fc00::b", 60);
    assert_lease(&r->ia[1], 0, "fc00::a", 60);
    assert_int_equal(r->ia[2].status.code, DHCP6_NO_ADDRS_AVAIL);
    close_desk(&d);
}

static void prefixes_are_not_delegated(void **state)
{
    (void)state;
    struct desk d = plain_desk();
    struct dhcp6_message m = message(DHCP6_SOLICIT, "h.lan");

    add_ia(&m, 1, NULL);
    add_ia(&m, 1, NULL);
    m.ia[1].code = DHCP6_OPT_IA_PD;
    put(&d, &m);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::b");
    struct dhcp6_message *r = reply_of(&d, DHCP6_ADVERTISE);
    const struct dhcp6_ia *pd = dhcp6_find_ia(r, DHCP6_OPT_IA_PD, 1);
    assert_non_null(pd);
    assert_int_equal(pd->status.code, DHCP6_NO_PREFIX_AVAIL);
    close_desk(&d);
}

static void only_addresses_of_the_prefixes_are_given(void **state)
{
    (void)state;
    struct dhcp6_server_settings s = {.n_prefixes = 1};
    s.prefixes[0].prefix = addr("fc00:1::");
    s.prefixes[0].bits = 64;
    struct desk d = open_desk(&(struct name_policy_settings){0}, &s);
    struct dhcp6_message m = message(DHCP6_SOLICIT, "h.lan");

    add_ia(&m, 1, NULL);
    put(&d, &m);
    answer(&d, SERVER_FOUND, 60, 3, "fc00:2::1", "fc00:1::1", "ff02::1");
    struct dhcp6_message *r = reply_of(&d, DHCP6_ADVERTISE);
    assert_int_equal(r->ia[0].n_leases, 1);
    assert_lease(&r->ia[0], 0, "fc00:1::1", 60);
    close_desk(&d);
}

static void what_is_asked_for_is_given(void **state)
{
    (void)state;
    struct dhcp6_server_settings s = {0};
    s.given.has = DHCP6_HAS_DNS | DHCP6_HAS_DOMAINS | DHCP6_HAS_REFRESH_TIME;
    s.given.n_dns = 1;
    s.given.dns[0] = addr("fc00::53");
    s.given.n_domains = 1;
    assert_true(dname_from_text("lan", 3, s.given.domains[0]) > 0);
    s.given.refresh_time_s = 7200;
    struct desk d = open_desk(&(struct name_policy_settings){0}, &s);
    struct dhcp6_message m = message(DHCP6_INFORMATION_REQUEST, NULL);

    m.has |= DHCP6_HAS_ORO;
    m.n_oro = 1;
    m.oro[0] = DHCP6_OPT_DNS_SERVERS;
    put(&d, &m); /* answered at once, with no name */
    struct dhcp6_message *r = reply_of(&d, DHCP6_REPLY);
    assert_int_equal(r->n_dns, 1);
    assert_false(r->has & DHCP6_HAS_DOMAINS);
    assert_int_equal(r->refresh_time_s, 7200);
    close_desk(&d);
}

static void registration_of_the_names_own_address(void **state)
{
    (void)state;
    struct desk d = plain_desk();
    struct dhcp6_message m = message(DHCP6_ADDR_REG_INFORM, "h.lan");

    m.has |= DHCP6_HAS_ADDR;
    m.addr =
        (struct dhcp6_lease){.addr = addr("fc00::1"), .prefix_len = 128, .preferred_s = 10, .valid_s = 20};
    put(&d, &m);
    assert_int_equal(d.n_asked, 0); /* from another address than that */
    d.from.addr = addr("fc00::1");
    put(&d, &m);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    struct ipaddr a = addr("fc00::1");
    assert_true(ipaddr_equal(&reply_of(&d, DHCP6_ADDR_REG_REPLY)->addr.addr, &a));
    put(&d, &m);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::2");
    assert_int_equal(d.n_sent, 0);
    close_desk(&d);
}

static void relays_get_back_what_is_theirs(void **state)
{
    (void)state;
    struct desk d =
        open_desk(&(struct name_policy_settings){.made = "%mac%.lan"}, &(struct dhcp6_server_settings){0});
    struct dhcp6_message m = message(DHCP6_SOLICIT, NULL);
    struct dhcp6_relay relays[2] = {
        {.has = DHCP6_HAS_INTERFACE_ID, .type = DHCP6_RELAY_FORW, .hop_count = 1},
        {.has = DHCP6_HAS_LINKLAYER | DHCP6_HAS_REMOTE_ID, .type = DHCP6_RELAY_FORW},
    };
    relays[0].interface_id = (struct dhcp6_bytes){(const uint8_t *)"port7", 5};
    relays[0].link = addr("fc00:7::1");
    relays[0].peer = addr("fe80::77");
    relays[1].linklayer = (struct dhcp6_bytes){(const uint8_t *)"\0\1\2\xaa\xbb\xcc\xdd\xee", 8};
    relays[1].remote_id = (struct dhcp6_bytes){(const uint8_t *)"\0\0\0\1x", 5};
    relays[1].peer = addr("fe80::1");
    uint8_t inner[1000], outer[1500];
    struct writer w = writer_of(inner, sizeof(inner)), o = writer_of(outer, sizeof(outer));
    add_ia(&m, 1, NULL);
    assert_int_equal(dhcp6_write(&w, &m), 0);
    assert_int_equal(dhcp6_wrap(&o, relays, 2, inner, w.pos), 0);
    d.from = (struct ipendpoint){.addr = addr("fc00:9::1"), .port = DHCP6_SERVER_PORT};
    d.to.addr = addr("fc00:9::2"); /* relays may know the server */
    put_bytes(&d, outer, o.pos);
    assert_string_equal(d.asked, "02aabbccddee.lan");
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");

    struct dhcp6_relay back[DHCP6_RELAYS_MAX];
    struct dhcp6_bytes message_back;
    assert_int_equal(dhcp6_unwrap(d.bytes, d.len, back, &message_back), 2);
    assert_int_equal(back[0].type, DHCP6_RELAY_REPL);
    assert_true(dhcp6_bytes_equal(back[0].interface_id, relays[0].interface_id));
    assert_true(ipaddr_equal(&back[0].peer, &relays[0].peer) && ipaddr_equal(&back[0].link, &relays[0].link));
    assert_false(back[1].has & DHCP6_HAS_REMOTE_ID);
    assert_int_equal(dhcp6_read(message_back.at, message_back.len, &d.reply), 0);
    assert_int_equal(d.reply.type, DHCP6_ADVERTISE);
    assert_int_equal(d.reply_to.port, DHCP6_SERVER_PORT);
    close_desk(&d);
}

/* --- names --- */

static void without_a_name_there_is_no_address(void **state)
{
    (void)state;
    uint8_t lan[DNAME_MAX];
    assert_true(dname_from_text("lan", 3, lan) > 0);
    const uint8_t *domains[] = {lan};
    struct desk d = open_desk(&(struct name_policy_settings){.domains = domains, .n_domains = 1},
                              &(struct dhcp6_server_settings){0});
    struct dhcp6_message m = message(DHCP6_SOLICIT, "www.example.com");

    add_ia(&m, 1, NULL);
    put(&d, &m);
    assert_int_equal(d.n_asked, 0);
    assert_int_equal(reply_of(&d, DHCP6_ADVERTISE)->ia[0].status.code, DHCP6_NO_ADDRS_AVAIL);
    assert_non_null(strstr(d.noted, "www.example.com"));
    m = message(DHCP6_RENEW, "www.example.com");
    add_ia(&m, 1, "fc00::1");
    put(&d, &m);
    assert_int_equal(reply_of(&d, DHCP6_REPLY)->ia[0].status.code, DHCP6_NO_BINDING);
    m = message(DHCP6_REBIND, "www.example.com");
    add_ia(&m, 1, "fc00::1");
    put(&d, &m);
    assert_int_equal(d.n_sent, 0); /* it may be another server's */
    close_desk(&d);
}

static void a_name_in_use_is_claimed_and_kept_first(void **state)
{
    (void)state;
    struct desk d =
        open_desk(&(struct name_policy_settings){.claims = true, .claims_max = 10, .claims_keep_s = 86400},
                  &(struct dhcp6_server_settings){0});
    struct dhcp6_message m = message(DHCP6_SOLICIT, "h.lan");

    add_ia(&m, 1, NULL);
    put(&d, &m);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    assert_int_equal(d.n_kept, 0); /* it is offered, not used */
    m = message(DHCP6_REQUEST, "h.lan");
    add_ia(&m, 1, NULL);
    put(&d, &m);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    reply_of(&d, DHCP6_REPLY);
    assert_int_equal(d.n_kept, 1);
    assert_int_equal(d.kept.state, SERVER_LEASE_CLAIM);
    assert_int_equal(d.kept.ends, d.now.wall_s + 86400);
    assert_memory_equal(d.kept.identity, CLIENT_DUID, DUID_LEN);

    m.client_id = VIEW(OTHER_DUID);
    put(&d, &m);
    assert_int_equal(reply_of(&d, DHCP6_REPLY)->ia[0].status.code, DHCP6_NO_ADDRS_AVAIL);
    d.now.mono += 200000 * NSEC_PER_SEC;
    d.now.wall_s += 200000;
    assert_true(dhcp6_server_deadline(d.server) <= d.now.mono);
    dhcp6_server_timeout(d.server, d.now);
    collect(&d);
    assert_int_equal(d.n_forgotten, 1);
    close_desk(&d);
}

/* Two who want one name at once: who is answered first has it. */
static void a_race_for_a_name(void **state)
{
    (void)state;
    struct desk d =
        open_desk(&(struct name_policy_settings){.claims = true, .claims_max = 10, .claims_keep_s = 86400},
                  &(struct dhcp6_server_settings){0});
    struct dhcp6_message m = message(DHCP6_REQUEST, "h.lan");

    add_ia(&m, 1, NULL);
    put(&d, &m);
    uint32_t first = d.question;
    m.client_id = VIEW(OTHER_DUID);
    put(&d, &m);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    assert_lease(&reply_of(&d, DHCP6_REPLY)->ia[0], 0, "fc00::1", 60);
    d.question = first;
    d.n_sent = 0;
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    assert_int_equal(reply_of(&d, DHCP6_REPLY)->ia[0].status.code, DHCP6_NO_ADDRS_AVAIL);
    close_desk(&d);
}

/* --- hostile, and too many --- */

static void put_in_vain(struct desk *d, const struct dhcp6_message *m)
{
    put(d, m);
    assert_int_equal(d->n_sent + d->n_asked, 0);
}

static void what_is_not_for_us_is_not_answered(void **state)
{
    (void)state;
    struct desk d = plain_desk();
    struct dhcp6_message m = message(DHCP6_REQUEST, "h.lan");

    add_ia(&m, 1, NULL);
    m.server_id = VIEW(OTHER_DUID);
    put_in_vain(&d, &m);
    m = message(DHCP6_SOLICIT, "h.lan");
    m.has |= DHCP6_HAS_SERVER_ID;
    m.server_id = VIEW(SERVER_DUID);
    put_in_vain(&d, &m);
    m = message(DHCP6_SOLICIT, "h.lan");
    m.has &= ~DHCP6_HAS_CLIENT_ID;
    put_in_vain(&d, &m);
    for (unsigned type = 0; type < 256; type++) {
        m = message(DHCP6_SOLICIT, "h.lan");
        m.type = (uint8_t)type;
        if (type == DHCP6_ADVERTISE || type == DHCP6_REPLY || type == DHCP6_RECONFIGURE ||
            type > DHCP6_RELAY_REPL)
            put_in_vain(&d, &m);
    }
    d.to.addr = addr("fc00::99"); /* by unicast, without a relay */
    m = message(DHCP6_SOLICIT, "h.lan");
    put_in_vain(&d, &m);
    struct dhcp6_server_stats stats;
    dhcp6_server_stats(d.server, &stats);
    assert_int_equal(stats.replied + stats.advertised, 0);
    close_desk(&d);
}

static void a_repeated_request_is_asked_about_once(void **state)
{
    (void)state;
    struct desk d = plain_desk();
    struct dhcp6_message m = message(DHCP6_SOLICIT, "h.lan");

    add_ia(&m, 1, NULL);
    put(&d, &m);
    assert_int_equal(d.n_asked, 1);
    put(&d, &m);
    assert_int_equal(d.n_asked, 0);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    reply_of(&d, DHCP6_ADVERTISE);
    put(&d, &m);
    assert_int_equal(d.n_asked, 1);
    close_desk(&d);
}

static void a_flood_pushes_out_the_oldest_and_memory_stays(void **state)
{
    (void)state;
    struct desk d =
        open_desk(&(struct name_policy_settings){0}, &(struct dhcp6_server_settings){.waiting_max = 64});
    struct dhcp6_message m = message(DHCP6_SOLICIT, "h.lan");
    uint32_t first = 0;

    add_ia(&m, 1, NULL);
    for (uint32_t i = 0; i < 100000; i++) {
        uint8_t duid[DUID_LEN] = {0, 3, 0, 1, 9, 9};
        put_be32(duid + 6, i);
        m.client_id = (struct dhcp6_bytes){duid, DUID_LEN};
        put(&d, &m);
        assert_int_equal(d.n_asked, 1);
        first = i == 0 ? d.question : first;
    }
    uint32_t last = d.question;
    d.question = first;
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    assert_int_equal(d.n_sent, 0); /* nobody waits for that any more */
    d.question = last;
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    reply_of(&d, DHCP6_ADVERTISE);
    struct dhcp6_server_stats stats;
    dhcp6_server_stats(d.server, &stats);
    assert_int_equal(stats.overflowed, 100000 - 64);
    close_desk(&d);
}

static void a_silent_dns_makes_us_silent(void **state)
{
    (void)state;
    struct desk d = plain_desk();
    struct dhcp6_message m = message(DHCP6_SOLICIT, "h.lan");

    add_ia(&m, 1, NULL);
    put(&d, &m);
    answer(&d, SERVER_UNKNOWN, 0, 0);
    assert_int_equal(d.n_sent, 0);
    put(&d, &m);
    d.now.mono += 10 * NSEC_PER_SEC;
    dhcp6_server_timeout(d.server, d.now);
    collect(&d);
    assert_int_equal(d.n_sent, 0);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1"); /* too late */
    assert_int_equal(d.n_sent, 0);
    put(&d, &m);
    assert_int_equal(d.n_asked, 1);
    close_desk(&d);
}

/* Bytes of messages, changed and cut by chance: whatever happens, something sane comes out. */
static void hostile_bytes(void **state)
{
    (void)state;
    struct desk d =
        open_desk(&(struct name_policy_settings){.claims = true, .claims_max = 100, .claims_keep_s = 10},
                  &(struct dhcp6_server_settings){.rapid_commit = true});
    uint8_t bytes[1500];

    srandom(1);
    for (unsigned round = 0; round < 50000; round++) {
        struct dhcp6_message m = message((enum dhcp6_type)(1 + random() % 13), "h.lan");
        struct writer w = writer_of(bytes, sizeof(bytes));
        m.xid = (uint32_t)round & DHCP6_XID_MASK;
        add_ia(&m, 1, random() % 2 ? "fc00::1" : NULL);
        assert_int_equal(dhcp6_write(&w, &m), 0);
        for (unsigned i = 0; i < random() % 4; i++)
            bytes[(size_t)random() % w.pos] = (uint8_t)random();
        put_bytes(&d, bytes, random() % 8 ? w.pos : (size_t)random() % (w.pos + 1));
        if (d.n_asked > 0)
            answer(&d, (enum server_answer_status)(random() % 3), 60, 2, "fc00::1", "fc00::2");
        if (d.n_sent > 0 && d.bytes[0] != DHCP6_RELAY_REPL)
            assert_int_equal(dhcp6_read(d.bytes, d.len, &d.reply), 0);
    }
    close_desk(&d);
}

static void settings_that_make_no_sense(void **state)
{
    (void)state;
    const struct server_env env = {.random = no_chance};
    struct dhcp6_server *s = NULL;
    struct dhcp6_server_settings set = {
        .duid = (const uint8_t *)SERVER_DUID, .duid_len = 2, .waiting_max = 1};

    assert_int_equal(dhcp6_server_new(&env, &set, &s), -EINVAL);
    set.duid_len = 10;
    set.waiting_max = 0;
    assert_int_equal(dhcp6_server_new(&env, &set, &s), -EINVAL);
    dhcp6_server_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_gets_its_address),
        cmocka_unit_test(rapid_commit),
        cmocka_unit_test(lifetimes_keep_their_bounds),
        cmocka_unit_test(a_renewal_moves_to_the_new_address),
        cmocka_unit_test(confirm_tells_right_from_wrong),
        cmocka_unit_test(a_declined_address_is_given_to_nobody_for_a_while),
        cmocka_unit_test(messages_without_a_name),
        cmocka_unit_test(several_associations_share_the_addresses),
        cmocka_unit_test(prefixes_are_not_delegated),
        cmocka_unit_test(only_addresses_of_the_prefixes_are_given),
        cmocka_unit_test(what_is_asked_for_is_given),
        cmocka_unit_test(registration_of_the_names_own_address),
        cmocka_unit_test(relays_get_back_what_is_theirs),
        cmocka_unit_test(without_a_name_there_is_no_address),
        cmocka_unit_test(a_name_in_use_is_claimed_and_kept_first),
        cmocka_unit_test(a_race_for_a_name),
        cmocka_unit_test(what_is_not_for_us_is_not_answered),
        cmocka_unit_test(a_repeated_request_is_asked_about_once),
        cmocka_unit_test(a_flood_pushes_out_the_oldest_and_memory_stays),
        cmocka_unit_test(a_silent_dns_makes_us_silent),
        cmocka_unit_test(hostile_bytes),
        cmocka_unit_test(settings_that_make_no_sense),
    };
    return cmocka_run_group_tests_name("dhcp6_server", tests, NULL, NULL);
}
