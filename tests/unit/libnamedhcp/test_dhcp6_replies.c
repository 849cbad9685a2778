/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the DHCPv6 server's replies hold beside addresses, by what a client is known, and what is remembered for how long. */
#include "dhcp6_desk.h"

#define DUID_LLT  "\0\1\0\1\0\0\0\7\2\0\0\0\0\x55" /* s11.2: with an Ethernet address */
#define DUID_UUID "\0\4uuid-of-16-bytes"           /* RFC 6355 */

/* RFC 8415 s18.3.9: a preference is in an ADVERTISE alone, and 0 needs not be said. */
static void a_preference_is_advertised(void **state)
{
    (void)state;
    struct desk d =
        open_desk(&(struct name_policy_settings){0}, &(struct dhcp6_server_settings){.preference = 7});
    struct dhcp6_message m = message(DHCP6_SOLICIT, "h.lan");

    add_ia(&m, 1, NULL);
    put(&d, &m);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    assert_true(reply_of(&d, DHCP6_ADVERTISE)->has & DHCP6_HAS_PREFERENCE && d.reply.preference == 7);
    m.type = DHCP6_REQUEST;
    m.has |= DHCP6_HAS_SERVER_ID;
    m.server_id = VIEW(SERVER_DUID);
    put(&d, &m);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1");
    assert_false(reply_of(&d, DHCP6_REPLY)->has & DHCP6_HAS_PREFERENCE);
    close_desk(&d);
}

/* Options that the configuration gives as bytes: those that the client asks for, in the order of the configuration. */
static void bytes_that_are_asked_for(void **state)
{
    (void)state;
    struct dhcp6_server_settings s = {0};
    s.given.has = DHCP6_HAS_OTHERS;
    s.given.others = (struct dhcp6_others){
        .n = 3, .option = {{65001, {(const uint8_t *)"a", 1}}, {65002, {NULL, 0}}, {65003, {NULL, 0}}}};
    struct desk d = open_desk(&(struct name_policy_settings){0}, &s);
    struct dhcp6_message m = message(DHCP6_INFORMATION_REQUEST, NULL);

    m.has |= DHCP6_HAS_ORO;
    m.n_oro = 3;
    m.oro[0] = 65003;
    m.oro[1] = 65004;
    m.oro[2] = 65001;
    put(&d, &m);
    const struct dhcp6_message *r = reply_of(&d, DHCP6_REPLY);
    assert_int_equal(r->others.n, 2);
    assert_int_equal(r->others.option[0].code, 65001);
    assert_true(r->others.option[0].data.len == 1 && r->others.option[0].data.at[0] == 'a');
    assert_int_equal(r->others.option[1].code, 65003);
    close_desk(&d);
}

/* A name bound to a MAC address: that of the DUID, or of the frame where the DUID has none. */
static void a_client_is_known_by_its_ethernet_address(void **state)
{
    static const struct {
        const char *duid;
        uint16_t len;
        uint8_t frame; /* last byte of the address from which it came */
        const char *asked;
    } cases[] = {
        {DUID_LLT, 14, 0x66, "llt.lan"},
        {DUID_UUID, 18, 0x66, "frame.lan"},
        {DUID_UUID, 18, 0x77, "made.lan"},
    };
    static const struct name_binding bound[] = {
        {.mac = {2, 0, 0, 0, 0, 0x55}, .name = "\3llt\3lan"},
        {.mac = {2, 0, 0, 0, 0, 0x66}, .name = "\5frame\3lan"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct desk d =
            open_desk(&(struct name_policy_settings){.bindings = bound, .n_bindings = ARRAY_LEN(bound)},
                      &(struct dhcp6_server_settings){0});
        struct dhcp6_message m = message(DHCP6_SOLICIT, "made.lan");
        uint8_t bytes[500];
        struct writer w = writer_of(bytes, sizeof(bytes));
        m.client_id = (struct dhcp6_bytes){(const uint8_t *)cases[i].duid, cases[i].len};
        add_ia(&m, 1, NULL);
        assert_int_equal(dhcp6_write(&w, &m), 0);
        const struct server_packet packet = {.from = d.from,
                                             .to = d.to,
                                             .from_mac = {2, 0, 0, 0, 0, cases[i].frame},
                                             .bytes = bytes,
                                             .len = w.pos};
        dhcp6_server_input(d.server, &packet, d.now);
        collect(&d);
        assert_string_equal(d.asked, cases[i].asked);
        close_desk(&d);
    }
}

/* A message in the level of a reply is what servers send, whoever it says to come from. */
static void replies_of_relays_are_not_for_us(void **state)
{
    (void)state;
    struct desk d = plain_desk();
    struct dhcp6_message m = message(DHCP6_SOLICIT, "h.lan");
    struct dhcp6_relay relay = {.type = DHCP6_RELAY_REPL, .peer = addr("fe80::1")};
    uint8_t inner[500], outer[600];
    struct writer w = writer_of(inner, sizeof(inner)), o = writer_of(outer, sizeof(outer));

    add_ia(&m, 1, NULL);
    assert_int_equal(dhcp6_write(&w, &m), 0);
    assert_int_equal(dhcp6_wrap(&o, &relay, 1, inner, w.pos), 0);
    put_bytes(&d, outer, o.pos);
    assert_int_equal(d.n_asked + d.n_sent, 0);
    outer[0] = DHCP6_RELAY_FORW;
    put_bytes(&d, outer, o.pos);
    assert_int_equal(d.n_asked, 1);
    close_desk(&d);
}

/* However many addresses are declined: a bounded number of them is remembered, the newest. */
static void a_flood_of_declined_addresses(void **state)
{
    (void)state;
    struct desk d = plain_desk();
    char text[64];

    for (unsigned i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "fc00::1:%x", i);
        struct dhcp6_message m = message(DHCP6_DECLINE, "h.lan");
        m.xid = i;
        add_ia(&m, 1, text);
        put(&d, &m);
        d.now.mono += 1;
        answer(&d, SERVER_FOUND, 60, 1, text);
    }
    struct dhcp6_message solicit = message(DHCP6_SOLICIT, "h.lan");
    add_ia(&solicit, 1, NULL);
    put(&d, &solicit);
    answer(&d, SERVER_FOUND, 60, 1, text);
    assert_int_equal(reply_of(&d, DHCP6_ADVERTISE)->ia[0].status.code, DHCP6_NO_ADDRS_AVAIL);
    put(&d, &solicit);
    answer(&d, SERVER_FOUND, 60, 1, "fc00::1:0");
    assert_lease(&reply_of(&d, DHCP6_ADVERTISE)->ia[0], 0, "fc00::1:0", 60);
    close_desk(&d);
}

static void a_change_that_makes_no_sense_changes_nothing(void **state)
{
    (void)state;
    struct desk d = plain_desk();
    struct dhcp6_server_settings bad = d.settings;

    bad.duid_len = DHCP6_DUID_MAX + 1;
    assert_int_equal(dhcp6_server_configure(d.server, &bad), -EINVAL);
    struct dhcp6_message m = message(DHCP6_INFORMATION_REQUEST, NULL);
    put(&d, &m);
    reply_of(&d, DHCP6_REPLY); /* by its own identifier */
    close_desk(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_preference_is_advertised),
        cmocka_unit_test(bytes_that_are_asked_for),
        cmocka_unit_test(a_client_is_known_by_its_ethernet_address),
        cmocka_unit_test(replies_of_relays_are_not_for_us),
        cmocka_unit_test(a_flood_of_declined_addresses),
        cmocka_unit_test(a_change_that_makes_no_sense_changes_nothing),
    };
    return cmocka_run_group_tests_name("dhcp6_replies", tests, NULL, NULL);
}
