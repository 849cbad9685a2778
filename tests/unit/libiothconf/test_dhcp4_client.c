/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The DHCPv4 client, transition by transition: hand-made replies, a clock that the test moves. What it may never do is
 * looked at after each step (dhcp4_watch.h). What it makes of a server's options: test_dhcp4_lease.c. */
#include "dhcp4_world.h"

static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 9};

/* ---- the way to an address ---- */

static void from_discover_to_bound(void **state)
{
    struct world w;
    nsec_t asked_at;
    uint32_t v;
    uint16_t size;

    (void)state;
    world_open(&w, NULL);
    world_start(&w);
    assert_true(dhcp4_client_deadline(w.client) <= w.now + 250 * MSEC);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    assert_false(w.last.header.broadcast);
    assert_int_equal(ipaddr_to_v4(&w.last_packet.to.addr), UINT32_MAX);
    assert_false(dhcp4_has(&w.last, DHCP4_REQUESTED_ADDRESS));
    assert_true(dhcp4_u16(&w.last, DHCP4_MAX_SIZE, &size));
    assert_int_equal(size, 1500);
    uint32_t xid = w.last.header.xid;

    w.now += 2 * SEC;
    REPLY(&w, .type = DHCP4_OFFER);
    assert_int_equal(w.last.type, DHCP4_REQUEST); /* at once */
    assert_int_equal(w.last.header.xid, xid);
    assert_int_equal(w.last.header.secs, 0); /* as in DISCOVER */
    assert_true(dhcp4_u32(&w.last, DHCP4_REQUESTED_ADDRESS, &v));
    assert_int_equal(v, ADDR);
    assert_true(dhcp4_u32(&w.last, DHCP4_SERVER_ID, &v));
    assert_int_equal(v, SERVER);

    asked_at = w.now;
    w.now += SEC;
    REPLY(&w, .type = DHCP4_ACK, .t1_s = 1000, .t2_s = 2000);
    assert_int_equal(w.watch.addr, 0); /* probed first */
    nsec_t acked_at = w.now, probes[4] = {0};
    unsigned n = 0;
    while (w.watch.addr == 0) {
        unsigned arps = w.arps;
        assert_true(world_step(&w, w.now + 5 * SEC));
        if (w.arps > arps && w.last_arp.sender == 0) {
            assert_true(n < 3);
            assert_int_equal(w.last_arp.target, ADDR);
            probes[n++] = w.now;
        }
    }
    assert_int_equal(n, 3);
    assert_in_range(probes[0] - acked_at, 0, SEC); /* RFC 5227 s1.1 */
    assert_in_range(probes[1] - probes[0], SEC, 2 * SEC);
    assert_in_range(probes[2] - probes[1], SEC, 2 * SEC);
    assert_int_equal(w.now - probes[2], 2 * SEC);
    assert_int_equal(w.watch.addr, ADDR);
    assert_int_equal(w.watch.bits, 96 + 24);
    assert_int_equal(w.watch.counts[CLIENT_BOUND], 1);
    assert_int_equal(w.watch.until, asked_at + 3600 * SEC); /* not from the reply on */
    assert_int_equal(w.last_arp.sender, ADDR);
    assert_int_equal(w.last_arp_at, w.now);
    world_run(&w, 2 * SEC);
    assert_int_equal(w.arps, 5); /* and a second announcement */
    assert_int_equal(w.last_arp_at, w.now);
    assert_int_equal(dhcp4_client_deadline(w.client), asked_at + 1000 * SEC);
    assert_int_equal(w.watch.counts[CLIENT_BOUND], 1);
    world_close(&w);
}

static void discover_backs_off(void **state)
{
    static const int intervals_s[] = {4, 8, 16, 32, 64, 64, 64};
    struct world w;

    (void)state;
    world_open(&w, NULL);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    nsec_t began = w.now;
    for (size_t i = 0; i < ARRAY_LEN(intervals_s); i++) {
        nsec_t before = w.now;
        assert_int_equal(world_hear(&w, 70 * SEC), DHCP4_DISCOVER);
        assert_in_range(w.now - before, (intervals_s[i] - 1) * SEC, (intervals_s[i] + 1) * SEC);
        assert_int_equal(w.last.header.broadcast, i >= 1); /* perhaps unicast does not come through */
        assert_int_equal(w.last.header.secs, (w.now - began) / SEC);
    }
    world_run(&w, 70000 * SEC);
    assert_int_equal(w.last.header.secs, UINT16_MAX);
    world_close(&w);
}

static void an_offer_is_late_but_good(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    struct dhcp4_message first = w.last;
    assert_int_equal(world_hear(&w, 10 * SEC), DHCP4_DISCOVER);
    w.last = first; /* the answer to the first comes after the second was sent */
    REPLY(&w, .type = DHCP4_OFFER);
    assert_int_equal(w.last.type, DHCP4_REQUEST);
    world_close(&w);
}

static void a_silent_server_is_left(void **state)
{
    struct world w;
    nsec_t began;
    uint32_t v;

    (void)state;
    world_open(&w, NULL);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    REPLY(&w, .type = DHCP4_OFFER);
    began = w.now;
    for (int i = 0; i < 3; i++) /* with the first one: four */
        assert_int_equal(world_hear(&w, 40 * SEC), DHCP4_REQUEST);
    assert_int_equal(world_hear(&w, 40 * SEC), DHCP4_DISCOVER);
    assert_in_range(w.now - began, 56 * SEC, 64 * SEC);
    /* its offer waits for a better one */
    REPLY(&w, .type = DHCP4_OFFER);
    assert_int_equal(w.last.type, DHCP4_DISCOVER);
    REPLY(&w, .type = DHCP4_OFFER, .server = SERVER_2, .addr = ADDR_2);
    assert_int_equal(w.last.type, DHCP4_REQUEST);
    assert_true(dhcp4_u32(&w.last, DHCP4_SERVER_ID, &v));
    assert_int_equal(v, SERVER_2);
    /* which is silent, too; now the first one is as good as any */
    while (world_hear(&w, 40 * SEC) == DHCP4_REQUEST)
        ;
    REPLY(&w, .type = DHCP4_OFFER);
    assert_int_equal(w.last.type, DHCP4_REQUEST);
    world_close(&w);
}

static void an_offer_of_who_failed_is_better_than_none(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    REPLY(&w, .type = DHCP4_OFFER);
    while (world_hear(&w, 40 * SEC) == DHCP4_REQUEST)
        ;
    REPLY(&w, .type = DHCP4_OFFER);
    assert_int_equal(world_hear(&w, 6 * SEC), DHCP4_REQUEST);
    REPLY(&w, .type = DHCP4_ACK);
    world_run(&w, 8 * SEC);
    assert_int_equal(w.watch.addr, ADDR);
    world_close(&w);
}

/* ---- who is believed ---- */

static void only_answers_to_us_count(void **state)
{
    static const struct reply wrong[] = {
        {.xid_change = 1},
        {.chaddr_change = 1},
        {.client_id = "\1\2\0\0\0\0\2", .client_id_len = 7},
        {.client_id = "\1\2\0\0\0\0", .client_id_len = 6},
        {.op = DHCP4_BOOTREQUEST},
        {.hlen = 7},
        {.port = 67},
        {.no_server = true},
        {.server = UINT32_MAX},
    };
    static const enum dhcp4_type no_types[] = {DHCP4_NO_TYPE, DHCP4_DISCOVER, DHCP4_REQUEST,   DHCP4_DECLINE,
                                               DHCP4_RELEASE, DHCP4_INFORM,   DHCP4_FORCERENEW};
    struct world w;

    (void)state;
    world_open(&w, NULL);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct reply r = wrong[i];
        r.type = DHCP4_OFFER;
        world_reply(&w, r);
        assert_int_equal(w.last.type, DHCP4_DISCOVER);
    }
    for (size_t i = 0; i < ARRAY_LEN(no_types); i++) {
        REPLY(&w, .type = no_types[i]);
        assert_int_equal(w.last.type, DHCP4_DISCOVER);
    }
    REPLY(&w, .type = DHCP4_ACK); /* nothing was asked for */
    REPLY(&w, .type = DHCP4_NAK);
    assert_int_equal(w.last.type, DHCP4_DISCOVER);
    REPLY(&w, .type = DHCP4_OFFER, .client_id = "\1\2\0\0\0\0\1", .client_id_len = 7); /* ours (RFC 6842) */
    assert_int_equal(w.last.type, DHCP4_REQUEST);
    unsigned messages = w.messages;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct reply r = wrong[i];
        r.type = i % 2 == 0 ? DHCP4_ACK : DHCP4_NAK;
        world_reply(&w, r);
    }
    assert_int_equal(w.messages, messages);
    assert_int_equal(world_hear(&w, 5 * SEC), DHCP4_REQUEST); /* still waiting */
    world_close(&w);
}

static void two_servers(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    REPLY(&w, .type = DHCP4_OFFER);
    unsigned messages = w.messages;
    REPLY(&w, .type = DHCP4_OFFER, .server = SERVER_2, .addr = ADDR_2); /* too late */
    REPLY(&w, .type = DHCP4_NAK, .server = SERVER_2);
    REPLY(&w, .type = DHCP4_ACK, .server = SERVER_2);
    REPLY(&w, .type = DHCP4_ACK, .server = SERVER_2, .addr = ADDR_2);
    REPLY(&w, .type = DHCP4_ACK, .addr = ADDR_2); /* the chosen one, but not what it offered */
    assert_int_equal(w.messages, messages);
    REPLY(&w, .type = DHCP4_ACK);
    REPLY(&w, .type = DHCP4_ACK); /* again */
    REPLY(&w, .type = DHCP4_OFFER);
    REPLY(&w, .type = DHCP4_NAK);
    assert_int_equal(w.messages, messages);
    world_run(&w, 8 * SEC);
    assert_int_equal(w.watch.addr, ADDR);
    REPLY(&w, .type = DHCP4_NAK); /* to nothing */
    REPLY(&w, .type = DHCP4_ACK, .addr = ADDR_2);
    assert_int_equal(w.watch.addr, ADDR);
    assert_int_equal(w.watch.counts[CLIENT_ADDR_ADD], 1);
    world_close(&w);
}

static void refusals_slow_down(void **state)
{
    struct world w;
    nsec_t wait = 0;

    (void)state;
    world_open(&w, NULL);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    for (int i = 0; i < 7; i++) {
        REPLY(&w, .type = DHCP4_OFFER);
        assert_int_equal(w.last.type,
                         i == 0 ? DHCP4_REQUEST : DHCP4_DISCOVER); /* it waits for a better one */
        if (i > 0)
            assert_int_equal(world_hear(&w, 6 * SEC), DHCP4_REQUEST);
        REPLY(&w, .type = DHCP4_NAK);
        nsec_t refused_at = w.now;
        assert_int_equal(world_hear(&w, 70 * SEC), DHCP4_DISCOVER);
        wait = w.now - refused_at;
        if (i == 0)
            assert_true(wait <= 250 * MSEC);
    }
    assert_in_range(wait, 63 * SEC, 65 * SEC);
    world_close(&w);
}

/* ---- RENEWING, REBINDING, the end ---- */

static void renewal(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    BIND(&w, .t1_s = 1000, .t2_s = 2000);
    assert_int_equal(world_hear(&w, 1000 * SEC), DHCP4_REQUEST);
    assert_int_equal(w.last.header.ciaddr, ADDR);
    assert_int_equal(ipaddr_to_v4(&w.last_packet.from.addr), ADDR);
    assert_int_equal(ipaddr_to_v4(&w.last_packet.to.addr), SERVER);
    assert_int_equal(w.last.header.secs, 0);
    assert_false(w.last.header.broadcast);
    nsec_t asked_at = w.now;
    w.now += 10 * MSEC;
    REPLY(&w, .type = DHCP4_NAK, .server = SERVER_2); /* who asked him? */
    REPLY(&w, .type = DHCP4_ACK, .server = SERVER_2);
    REPLY(&w, .type = DHCP4_ACK, .addr = ADDR_2);
    REPLY(&w, .type = DHCP4_ACK, .lease_s = 7200, .t1_s = 3000, .t2_s = 6000);
    assert_int_equal(w.watch.until, asked_at + 7200 * SEC);
    assert_int_equal(dhcp4_client_deadline(w.client), asked_at + 3000 * SEC);
    assert_int_equal(w.watch.counts[CLIENT_BOUND], 1); /* nothing new but the time */
    assert_int_equal(w.watch.counts[CLIENT_ADDR_ADD], 2);
    assert_int_equal(w.watch.counts[CLIENT_SAVE], 1);
    struct dhcp4_message renewed = w.last;
    assert_int_equal(world_hear(&w, 3000 * SEC), DHCP4_REQUEST);
    assert_int_not_equal(w.last.header.xid, renewed.header.xid);
    w.last = renewed; /* an old answer, repeated */
    REPLY(&w, .type = DHCP4_ACK, .lease_s = 7200);
    assert_int_equal(w.watch.until, asked_at + 7200 * SEC);
    world_close(&w);
}

static void renewal_that_nobody_answers(void **state)
{
    struct world w;
    nsec_t bound_at, last, renewals = 0, rebindings = 0;

    (void)state;
    world_open(&w, NULL);
    BIND(&w, .t1_s = 1000, .t2_s = 2000);
    bound_at = w.watch.until - 3600 * SEC;
    last = bound_at;
    while (world_hear(&w, 3600 * SEC) == DHCP4_REQUEST) {
        bool rebinds = ipaddr_to_v4(&w.last_packet.to.addr) == UINT32_MAX;
        assert_true(rebinds == (w.now >= bound_at + 2000 * SEC));
        assert_int_equal(w.last.header.ciaddr, ADDR);
        assert_false(dhcp4_has(&w.last, DHCP4_SERVER_ID) || dhcp4_has(&w.last, DHCP4_REQUESTED_ADDRESS));
        assert_true(w.now - last >= 60 * SEC || w.now == bound_at + 2000 * SEC);
        if (rebinds)
            rebindings++;
        else
            renewals++;
        last = w.now;
    }
    assert_in_range(renewals, 4, 6); /* 1000, 1500, 1750, 1875, 1937 s */
    assert_in_range(rebindings, 4, 6);
    assert_int_equal(w.last.type, DHCP4_DISCOVER);
    assert_in_range(w.now, bound_at + 3600 * SEC, bound_at + 3601 * SEC);
    assert_int_equal(w.watch.addr, 0);
    assert_int_equal(w.watch.counts[CLIENT_LOST], 1);
    uint32_t hint;
    assert_true(dhcp4_u32(&w.last, DHCP4_REQUESTED_ADDRESS, &hint)); /* what it had would be nice */
    assert_int_equal(hint, ADDR);
    world_close(&w);
}

static void any_server_may_rebind(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    BIND(&w, .t1_s = 1000, .t2_s = 1001);
    assert_int_equal(world_hear(&w, 1000 * SEC), DHCP4_REQUEST);
    assert_int_equal(world_hear(&w, 2 * SEC), DHCP4_REQUEST);
    assert_int_equal(ipaddr_to_v4(&w.last_packet.to.addr), UINT32_MAX);
    REPLY(&w, .type = DHCP4_ACK, .server = SERVER_2);
    assert_int_equal(w.watch.until, w.now + 3600 * SEC);
    assert_int_equal(w.watch.counts[CLIENT_SAVE], 2); /* another server */
    assert_int_equal(world_hear(&w, 2000 * SEC), DHCP4_REQUEST);
    assert_int_equal(ipaddr_to_v4(&w.last_packet.to.addr), SERVER_2);
    world_close(&w);
}

static void a_nak_ends_the_lease(void **state)
{
    struct world w;

    (void)state;
    for (int rebinds = 0; rebinds < 2; rebinds++) {
        world_open(&w, NULL);
        BIND(&w, .t1_s = 1000, .t2_s = 1001);
        assert_int_equal(world_hear(&w, 1000 * SEC), DHCP4_REQUEST);
        if (rebinds)
            assert_int_equal(world_hear(&w, 2 * SEC), DHCP4_REQUEST);
        REPLY(&w, .type = DHCP4_NAK);
        assert_int_equal(w.watch.addr, 0);
        assert_int_equal(w.watch.counts[CLIENT_LOST], 1);
        assert_int_equal(w.watch.saved_len, 0);
        assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
        assert_false(dhcp4_has(&w.last, DHCP4_REQUESTED_ADDRESS));
        world_close(&w);
    }
}

static void short_leases_get_several_tries(void **state)
{
    struct world w;
    unsigned tries = 0;

    (void)state;
    world_open(&w, NULL);
    BIND(&w, .lease_s = 120);
    while (world_hear(&w, 120 * SEC) == DHCP4_REQUEST)
        tries++;
    assert_in_range(tries, 5, 9);
    world_close(&w);
}

static void a_lease_ends_while_it_is_probed(void **state)
{
    const struct dhcp4_client_settings settings = {.probe_unit = 4 * SEC};
    struct world w;

    (void)state;
    world_open(&w, &settings);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    REPLY(&w, .type = DHCP4_OFFER, .lease_s = 10);
    REPLY(&w, .type = DHCP4_ACK, .lease_s = 10);
    assert_int_equal(world_hear(&w, 11 * SEC), DHCP4_DISCOVER);
    assert_int_equal(w.watch.counts[CLIENT_ADDR_ADD], 0);
    world_close(&w);
}

static void a_lease_that_comes_too_late(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    REPLY(&w, .type = DHCP4_OFFER, .lease_s = 10);
    assert_int_equal(world_hear(&w, 6 * SEC), DHCP4_REQUEST);
    world_run(&w, 7 * SEC); /* the first message may be the one that is answered */
    REPLY(&w, .type = DHCP4_ACK, .lease_s = 10);
    assert_int_equal(world_hear(&w, 5 * SEC), DHCP4_REQUEST); /* still asking */
    world_close(&w);
}

/* Who sleeps over his deadlines finds the lease ended, whatever comes first. */
static void late_calls(void **state)
{
    struct world w;

    (void)state;
    for (int what = 0; what < 4; what++) {
        world_open(&w, NULL);
        BIND(&w, .addr = ADDR);
        assert_int_equal(world_hear(&w, 1800 * SEC), DHCP4_REQUEST);
        w.now += 3600 * SEC;
        if (what == 0)
            REPLY(&w, .type = DHCP4_ACK);
        else if (what == 1)
            world_arp(&w, arp_announcement(w.env.mac, ADDR));
        else if (what == 2)
            world_start(&w);
        else
            world_stop(&w);
        assert_int_equal(w.watch.addr, 0);
        assert_int_equal(w.watch.counts[CLIENT_ADDR_ADD], 1);
        assert_int_equal(w.last.type, DHCP4_REQUEST); /* no RELEASE of what is over */
        world_close(&w);
    }
    world_open(&w, NULL);
    BIND(&w, .addr = ADDR);
    w.now += 3400 * SEC; /* beyond T1 and T2 */
    dhcp4_client_timeout(w.client, w.now);
    world_drain(&w);
    assert_int_equal(ipaddr_to_v4(&w.last_packet.to.addr), UINT32_MAX); /* REBINDING at once */
    REPLY(&w, .type = DHCP4_ACK);
    assert_int_equal(w.watch.until, w.now + 3600 * SEC);
    world_close(&w);
}

/* ---- INIT-REBOOT ---- */

static struct dhcp4_client_settings settings_with(const struct world *w)
{
    return (struct dhcp4_client_settings){.saved = w->watch.saved, .saved_len = w->watch.saved_len};
}

static void after_a_restart(void **state)
{
    struct world before, w;
    uint32_t v;

    (void)state;
    world_open(&before, NULL);
    BIND(&before, .addr = ADDR);
    struct dhcp4_client_settings settings = settings_with(&before);
    assert_true(settings.saved_len > 0);

    world_open(&w, &settings);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_REQUEST);
    assert_true(dhcp4_u32(&w.last, DHCP4_REQUESTED_ADDRESS, &v));
    assert_int_equal(v, ADDR);
    assert_false(dhcp4_has(&w.last, DHCP4_SERVER_ID));
    assert_int_equal(w.last.header.ciaddr, 0);
    REPLY(&w, .type = DHCP4_ACK, .addr = ADDR_2); /* that was not asked for */
    REPLY(&w, .type = DHCP4_ACK, .server = SERVER_2);
    assert_int_equal(w.watch.addr, 0);
    world_run(&w, 8 * SEC);
    assert_int_equal(w.watch.addr, ADDR);
    assert_int_equal(w.watch.counts[CLIENT_SAVE], 1); /* of another server */
    world_close(&w);

    world_open(&w, &settings); /* refused */
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_REQUEST);
    REPLY(&w, .type = DHCP4_NAK);
    assert_int_equal(w.watch.counts[CLIENT_SAVE], 1);
    assert_int_equal(w.watch.saved_len, 0);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    assert_false(dhcp4_has(&w.last, DHCP4_REQUESTED_ADDRESS));
    world_close(&w);

    world_open(&w, &settings); /* not answered */
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_REQUEST);
    nsec_t began = w.now;
    assert_int_equal(world_hear(&w, 6 * SEC), DHCP4_REQUEST);
    assert_int_equal(world_hear(&w, 10 * SEC), DHCP4_DISCOVER);
    assert_in_range(w.now - began, 10 * SEC, 14 * SEC);
    assert_true(dhcp4_u32(&w.last, DHCP4_REQUESTED_ADDRESS, &v));
    assert_int_equal(v, ADDR);
    assert_int_equal(w.watch.addr, 0);
    world_close(&w);
    world_close(&before);
}

static void assert_not_restored(const uint8_t *saved, size_t len, const char *client_id)
{
    struct dhcp4_client_settings settings = {.saved = saved, .saved_len = len};
    struct world w;

    if (client_id) {
        settings.client_id = (const uint8_t *)client_id;
        settings.client_id_len = strlen(client_id);
    }
    world_open(&w, &settings);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    assert_false(dhcp4_has(&w.last, DHCP4_REQUESTED_ADDRESS));
    world_close(&w);
}

static void damaged_bytes_are_not_believed(void **state)
{
    struct world w;
    uint8_t saved[64];

    (void)state;
    world_open(&w, NULL);
    BIND(&w, .addr = ADDR);
    size_t len = w.watch.saved_len;
    for (size_t at = 0; at < len; at++) {
        memcpy(saved, w.watch.saved, len);
        saved[at] ^= 0x10;
        assert_not_restored(saved, len, NULL);
    }
    memcpy(saved, w.watch.saved, len);
    for (size_t shorter = 0; shorter < len; shorter++)
        assert_not_restored(saved, shorter, NULL);
    saved[len] = 0;
    assert_not_restored(saved, len + 1, NULL);
    assert_not_restored(saved, len, "another id");
    world_close(&w);
}

static void the_link_was_down(void **state)
{
    struct world w;
    uint32_t v;

    (void)state;
    world_open(&w, NULL);
    BIND(&w, .addr = ADDR);
    world_run(&w, 100 * SEC);
    world_start(&w);
    assert_int_equal(w.watch.addr, ADDR); /* it stands while it is asked for */
    assert_int_equal(world_hear(&w, SEC), DHCP4_REQUEST);
    assert_true(dhcp4_u32(&w.last, DHCP4_REQUESTED_ADDRESS, &v));
    assert_int_equal(v, ADDR);
    unsigned arps = w.arps;
    nsec_t asked_at = w.now;
    REPLY(&w, .type = DHCP4_ACK);
    assert_int_equal(w.watch.until, asked_at + 3600 * SEC);
    assert_int_equal(w.watch.counts[CLIENT_ADDR_DEL], 0);
    assert_int_equal(w.arps, arps + 1); /* announced: who has it meanwhile objects */

    world_start(&w); /* refused: another network */
    assert_int_equal(world_hear(&w, SEC), DHCP4_REQUEST);
    REPLY(&w, .type = DHCP4_NAK, .server = SERVER_2);
    assert_int_equal(w.watch.addr, 0);
    assert_int_equal(w.watch.counts[CLIENT_LOST], 1);
    world_close(&w);
}

static void the_link_was_down_and_nobody_answers(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    BIND(&w, .addr = ADDR);
    nsec_t end = w.watch.until;
    world_start(&w);
    while (world_hear(&w, 70 * SEC) == DHCP4_REQUEST)
        assert_int_equal(w.watch.addr, ADDR);
    while (w.now + 70 * SEC < end) {
        assert_int_equal(world_hear(&w, 70 * SEC), DHCP4_DISCOVER);
        assert_int_equal(w.watch.addr, ADDR);
    }
    world_run(&w, 70 * SEC);
    assert_int_equal(w.watch.addr, 0);
    assert_int_equal(w.watch.counts[CLIENT_LOST], 1);
    assert_int_equal(world_hear(&w, 70 * SEC), DHCP4_DISCOVER); /* its round goes on */
    world_close(&w);
}

static void another_address_after_the_link_was_down(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    BIND(&w, .addr = ADDR);
    world_start(&w);
    while (world_hear(&w, 70 * SEC) == DHCP4_REQUEST)
        ;
    REPLY(&w, .type = DHCP4_OFFER, .addr = ADDR_2, .server = SERVER_2);
    assert_int_equal(w.watch.addr, ADDR);
    REPLY(&w, .type = DHCP4_ACK, .addr = ADDR_2, .server = SERVER_2);
    assert_int_equal(w.watch.addr, 0); /* what the new server says counts */
    world_run(&w, 8 * SEC);
    assert_int_equal(w.watch.addr, ADDR_2);
    assert_int_equal(w.watch.counts[CLIENT_BOUND], 2);
    world_close(&w);
}

/* A NAK to what was offered does not touch what stands. */
static void an_offer_refused_while_another_stands(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    BIND(&w, .addr = ADDR);
    world_start(&w);
    while (world_hear(&w, 70 * SEC) == DHCP4_REQUEST)
        ;
    REPLY(&w, .type = DHCP4_OFFER, .addr = ADDR_2);
    REPLY(&w, .type = DHCP4_NAK);
    assert_int_equal(w.watch.addr, ADDR);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    REPLY(&w, .type = DHCP4_OFFER, .addr = ADDR, .server = SERVER_2);
    REPLY(&w, .type = DHCP4_ACK, .addr = ADDR, .server = SERVER_2); /* the same after all */
    assert_int_equal(w.watch.addr, ADDR);
    assert_int_equal(w.watch.counts[CLIENT_ADDR_DEL], 0);
    world_close(&w);
}

static void the_link_goes_down_at_any_time(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    world_start(&w);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    REPLY(&w, .type = DHCP4_OFFER);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    REPLY(&w, .type = DHCP4_OFFER);
    REPLY(&w, .type = DHCP4_ACK);
    world_start(&w);                                  /* while probing */
    world_arp(&w, arp_announcement(other_mac, ADDR)); /* it is not ours */
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    assert_int_equal(w.arps, 0);
    world_run(&w, 3 * SEC);
    assert_int_equal(w.watch.addr, 0);
    world_close(&w);
}

/* ---- ARP ---- */

static void grant(struct world *w)
{
    assert_int_equal(world_hear(w, 70 * SEC), DHCP4_DISCOVER);
    REPLY(w, .type = DHCP4_OFFER);
    if (w->last.type == DHCP4_DISCOVER)
        assert_int_equal(world_hear(w, 6 * SEC), DHCP4_REQUEST);
    REPLY(w, .type = DHCP4_ACK);
}

static void a_taken_address_is_declined(void **state)
{
    struct arp_packet answer = {.operation = ARP_REPLY, .sender = ADDR};
    struct world w;
    uint32_t v;

    (void)state;
    memcpy(answer.sender_mac, other_mac, 6);
    world_open(&w, NULL);
    world_start(&w);
    for (int i = 1; i <= 12; i++) {
        grant(&w);
        assert_true(world_step(&w, w.now + SEC));
        assert_int_equal(w.last_arp.target, ADDR);
        world_arp(&w, w.last_arp); /* our own, back from a hub */
        world_arp(&w, arp_announcement(other_mac, ADDR_2));
        assert_int_equal(w.last.type, DHCP4_REQUEST);
        world_arp(&w, i % 2 == 0 ? answer
                                 : arp_probe(other_mac, ADDR)); /* somebody has it, or wants it as well */
        assert_int_equal(w.last.type, DHCP4_DECLINE);
        assert_true(dhcp4_u32(&w.last, DHCP4_REQUESTED_ADDRESS, &v));
        assert_int_equal(v, ADDR);
        nsec_t waits = dhcp4_client_deadline(w.client) - w.now;
        assert_int_equal(waits, i < 10 ? 10 * SEC : 60 * SEC);
        world_arp(&w, answer); /* it is not ours any more */
    }
    assert_int_equal(w.watch.counts[CLIENT_ADDR_ADD], 0);
    grant(&w);
    assert_false(dhcp4_has(&w.last, DHCP4_IPV6_ONLY));
    world_run(&w, 8 * SEC);
    assert_int_equal(w.watch.addr, ADDR);
    world_close(&w);
}

static void an_address_is_defended_once(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    BIND(&w, .addr = ADDR);
    world_run(&w, 20 * SEC);
    for (int i = 0; i < 3; i++) { /* now and then: defended each time */
        unsigned arps = w.arps;
        world_arp(&w, arp_announcement(other_mac, ADDR));
        assert_int_equal(w.arps, arps + 1);
        assert_int_equal(w.last_arp.sender, ADDR);
        assert_int_equal(w.watch.addr, ADDR);
        world_run(&w, 10 * SEC);
    }
    world_arp(&w, arp_probe(other_mac, ADDR)); /* the stack answers those */
    world_arp(&w, arp_announcement(other_mac, ADDR));
    world_run(&w, 9 * SEC);
    world_arp(&w, arp_announcement(other_mac, ADDR)); /* he insists */
    assert_int_equal(w.last.type, DHCP4_DECLINE);
    assert_int_equal(w.watch.addr, 0);
    assert_int_equal(w.watch.counts[CLIENT_LOST], 1);
    assert_int_equal(w.watch.saved_len, 0);
    assert_int_equal(world_hear(&w, 9 * SEC), DHCP4_NO_TYPE);
    assert_int_equal(world_hear(&w, 2 * SEC), DHCP4_DISCOVER);
    world_close(&w);
}

/* ---- the end ---- */

static void stop_gives_back(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    world_stop(&w); /* it had not begun */
    BIND(&w, .addr = ADDR);
    world_stop(&w);
    assert_int_equal(w.last.type, DHCP4_RELEASE);
    assert_int_equal(ipaddr_to_v4(&w.last_packet.to.addr), SERVER);
    assert_int_equal(w.watch.addr, 0);
    assert_int_equal(w.watch.saved_len, 0);
    assert_int_equal(w.watch.counts[CLIENT_LOST], 0);
    unsigned messages = w.messages;
    world_stop(&w);
    REPLY(&w, .type = DHCP4_ACK);
    world_arp(&w, arp_announcement(other_mac, ADDR));
    dhcp4_client_timeout(w.client, w.now);
    world_drain(&w);
    assert_int_equal(w.messages, messages);

    BIND(&w, .addr = ADDR_2); /* and it can begin anew */
    assert_int_equal(w.watch.addr, ADDR_2);
    world_close(&w);
}

static void stop_in_the_middle(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    REPLY(&w, .type = DHCP4_OFFER);
    world_stop(&w);
    assert_int_equal(w.last.type, DHCP4_REQUEST);
    REPLY(&w, .type = DHCP4_ACK);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    REPLY(&w, .type = DHCP4_OFFER);
    REPLY(&w, .type = DHCP4_ACK);
    world_stop(&w); /* while probing */
    assert_int_equal(w.watch.counts[CLIENT_ADDR_ADD], 0);
    world_close(&w);
}

/* ---- what else is asked for ---- */

static void settings(void **state)
{
    static const uint8_t id[] = "\377\0\0\0\1\0\3\0\1abcdef",
                         also[] = {DHCP4_NTP_SERVERS, DHCP4_ROUTERS, 114};
    static const uint8_t name[] = "\4node\7example\3org";
    const struct dhcp4_client_settings s = {.client_id = id,
                                            .client_id_len = sizeof(id) - 1,
                                            .also = also,
                                            .n_also = sizeof(also),
                                            .broadcast = true};
    struct dhcp4_client *client;
    struct dhcp4_fqdn fqdn;
    struct world w;
    size_t len;

    (void)state;
    world_open(&w, NULL);
    w.env.fqdn = name;
    w.env.mtu = 9000;
    dhcp4_client_free(w.client);
    assert_int_equal(dhcp4_client_new(&w.env, &s, &w.client), 0);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    assert_true(w.last.header.broadcast);
    const uint8_t *value = dhcp4_option(&w.last, DHCP4_CLIENT_ID, &len);
    assert_int_equal(len, sizeof(id) - 1);
    assert_memory_equal(value, id, len);
    value = dhcp4_option(&w.last, DHCP4_PARAMETER_LIST, &len);
    assert_memory_equal(value + len - 2, "\52\162", 2); /* no code twice */
    assert_ptr_equal(memchr(value, DHCP4_CLASSLESS_ROUTES, len) < memchr(value, DHCP4_ROUTERS, len), true);
    assert_true(dhcp4_fqdn(&w.last, &fqdn));
    assert_true(fqdn.server_updates && fqdn.wire && fqdn.complete);
    assert_false(fqdn.overridden || fqdn.no_updates);
    assert_memory_equal(fqdn.name, name, sizeof(name));
    uint16_t size;
    assert_true(dhcp4_u16(&w.last, DHCP4_MAX_SIZE, &size));
    assert_int_equal(size, 1500);
    world_close(&w);

    static const struct dhcp4_client_settings wrong[] = {
        {.client_id = id, .client_id_len = 1},
        {.client_id = id, .client_id_len = 256},
        {.also = also, .n_also = DHCP4_CLIENT_ALSO_MAX + 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(dhcp4_client_new(&w.env, &wrong[i], &client), -EINVAL);
}

static void commits(struct dhcp4_writer *dw)
{
    dhcp4_put(dw, DHCP4_RAPID_COMMIT, NULL, 0);
}

static void rapid_commit(void **state)
{
    const struct dhcp4_client_settings s = {.rapid_commit = true};
    struct world w;

    (void)state;
    world_open(&w, &s);
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    assert_true(dhcp4_has(&w.last, DHCP4_RAPID_COMMIT));
    struct dhcp4_message first = w.last;
    assert_int_equal(world_hear(&w, 6 * SEC), DHCP4_DISCOVER);
    assert_int_not_equal(w.last.header.xid, first.header.xid);
    REPLY(&w, .type = DHCP4_ACK); /* without the option it is nothing */
    assert_int_equal(world_hear(&w, 10 * SEC), DHCP4_DISCOVER);
    nsec_t asked_at = w.now;
    w.now += SEC;
    REPLY(&w, .type = DHCP4_ACK, .more = commits);
    world_run(&w, 8 * SEC);
    assert_int_equal(w.watch.addr, ADDR);
    assert_int_equal(w.watch.until, asked_at + 3600 * SEC);
    world_close(&w);

    world_open(&w, &s); /* servers that do not know it offer */
    BIND(&w, .addr = ADDR);
    world_close(&w);
    world_open(&w, NULL); /* nobody asked for it */
    world_start(&w);
    assert_int_equal(world_hear(&w, SEC), DHCP4_DISCOVER);
    assert_false(dhcp4_has(&w.last, DHCP4_RAPID_COMMIT));
    REPLY(&w, .type = DHCP4_ACK, .more = commits);
    assert_int_equal(world_hear(&w, 6 * SEC), DHCP4_DISCOVER);
    world_close(&w);
}

static void quick_probes(void **state)
{
    const struct dhcp4_client_settings s = {.probe_unit = 10 * MSEC};
    struct world w;

    (void)state;
    world_open(&w, &s);
    nsec_t began = w.now;
    BIND(&w, .addr = ADDR);
    assert_true(w.now - began <= 250 * MSEC + 70 * MSEC);
    world_close(&w);
}

/* ---- memory ---- */

static bool no_memory;
void *__real_calloc(size_t n, size_t size);
/* Seen by shared libraries too, which are linked with it as well. */
__attribute__((visibility("default"))) void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
    return no_memory ? NULL : __real_calloc(n, size);
}

static void out_of_memory(void **state)
{
    static const struct dhcp4_client_settings plain;
    struct client_env env = {0};
    struct dhcp4_client *client = (void *)&env;

    (void)state;
    no_memory = true;
    int result = dhcp4_client_new(&env, &plain, &client);
    no_memory = false;
    assert_int_equal(result, -ENOMEM);
    assert_ptr_equal(client, &env); /* untouched */
    dhcp4_client_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_discover_to_bound),
        cmocka_unit_test(discover_backs_off),
        cmocka_unit_test(an_offer_is_late_but_good),
        cmocka_unit_test(a_silent_server_is_left),
        cmocka_unit_test(an_offer_of_who_failed_is_better_than_none),
        cmocka_unit_test(only_answers_to_us_count),
        cmocka_unit_test(two_servers),
        cmocka_unit_test(refusals_slow_down),
        cmocka_unit_test(renewal),
        cmocka_unit_test(renewal_that_nobody_answers),
        cmocka_unit_test(any_server_may_rebind),
        cmocka_unit_test(a_nak_ends_the_lease),
        cmocka_unit_test(short_leases_get_several_tries),
        cmocka_unit_test(a_lease_ends_while_it_is_probed),
        cmocka_unit_test(a_lease_that_comes_too_late),
        cmocka_unit_test(late_calls),
        cmocka_unit_test(after_a_restart),
        cmocka_unit_test(damaged_bytes_are_not_believed),
        cmocka_unit_test(the_link_was_down),
        cmocka_unit_test(the_link_was_down_and_nobody_answers),
        cmocka_unit_test(another_address_after_the_link_was_down),
        cmocka_unit_test(an_offer_refused_while_another_stands),
        cmocka_unit_test(the_link_goes_down_at_any_time),
        cmocka_unit_test(a_taken_address_is_declined),
        cmocka_unit_test(an_address_is_defended_once),
        cmocka_unit_test(stop_gives_back),
        cmocka_unit_test(stop_in_the_middle),
        cmocka_unit_test(settings),
        cmocka_unit_test(rapid_commit),
        cmocka_unit_test(quick_probes),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
