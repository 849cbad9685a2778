/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Probes under way: when packets are due, whose answer counts, and that they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "libnamedhcp/dhcp_probes.h"

#define MS NSEC_PER_MSEC

static const uint8_t own_mac[6] = {2, 0, 0, 0, 0, 1};

static void begin(struct dhcp_probes *p, uint32_t addr, uint32_t question, unsigned link, bool relayed,
                  nsec_t now)
{
    const struct server_event event = {.kind = SERVER_PROBE,
                                       .addr = ipaddr_of_v4(addr),
                                       .question = question,
                                       .link = link,
                                       .relayed = relayed,
                                       .via_mac = {2, 0, 0, 0, 0, 3},
                                       .probe_time = 1000 * MS};

    dhcp_probes_begin(p, &event, now);
}

static void two_packets_and_an_end(void **state)
{
    static struct dhcp_probes p;

    (void)state;
    dhcp_probes_init(&p, 77);
    assert_int_equal(dhcp_probes_deadline(&p), NSEC_NEVER);
    begin(&p, 10, 1, 3, true, 0);
    assert_int_equal(dhcp_probes_deadline(&p), 0);
    const struct dhcp_probe *due = dhcp_probes_due(&p, 0);
    assert_non_null(due);
    assert_true(due->addr == 10 && due->link == 3 && due->echo && due->id == 77 && due->via_mac[5] == 3);
    assert_null(dhcp_probes_due(&p, 0));
    assert_int_equal(dhcp_probes_deadline(&p), 500 * MS);
    assert_non_null(dhcp_probes_due(&p, 500 * MS));
    assert_int_equal(dhcp_probes_deadline(&p), 1000 * MS);
    assert_null(dhcp_probes_due(&p, 1000 * MS));
    assert_int_equal(p.n, 0);
}

static void whose_answer_counts(void **state)
{
    static struct dhcp_probes p;
    struct arp_packet arp = {.operation = ARP_REPLY, .sender = 10, .sender_mac = {2, 9}};
    struct icmp4_echo echo = {.type = ICMP4_ECHO_REPLY, .id = 77, .sequence = 1};
    uint32_t question = 0;

    (void)state;
    dhcp_probes_init(&p, 77);
    begin(&p, 10, 100, 1, false, 0);
    begin(&p, 20, 200, 1, true, 0);
    assert_false(dhcp_probes_hear_arp(&p, 2, own_mac, &arp, &question)); /* another link */
    arp.sender = 20;
    assert_false(dhcp_probes_hear_arp(&p, 1, own_mac, &arp, &question)); /* that one is asked by echo */
    arp = arp_probe((const uint8_t[6]){2, 9}, 10);
    assert_false(dhcp_probes_hear_arp(&p, 1, own_mac, &arp, &question)); /* somebody asks, too */
    arp = arp_announcement(own_mac, 10);
    assert_false(dhcp_probes_hear_arp(&p, 1, own_mac, &arp, &question));
    arp = arp_announcement((const uint8_t[6]){2, 9}, 10);
    assert_true(dhcp_probes_hear_arp(&p, 1, own_mac, &arp, &question));
    assert_int_equal(question, 100);
    assert_false(dhcp_probes_hear_arp(&p, 1, own_mac, &arp, &question));

    assert_false(dhcp_probes_hear_echo(&p, 21, &echo, &question));
    echo.sequence = 2;
    assert_false(dhcp_probes_hear_echo(&p, 20, &echo, &question));
    echo = (struct icmp4_echo){.type = ICMP4_ECHO_REPLY, .id = 78, .sequence = 1};
    assert_false(dhcp_probes_hear_echo(&p, 20, &echo, &question));
    echo = (struct icmp4_echo){.type = ICMP4_ECHO_REQUEST, .id = 77, .sequence = 1};
    assert_false(dhcp_probes_hear_echo(&p, 20, &echo, &question));
    echo.type = ICMP4_ECHO_REPLY;
    assert_true(dhcp_probes_hear_echo(&p, 20, &echo, &question));
    assert_int_equal(question, 200);
    assert_int_equal(p.n, 0);
}

static void there_is_a_bound(void **state)
{
    static struct dhcp_probes p;

    (void)state;
    dhcp_probes_init(&p, 0);
    for (uint32_t i = 0; i < DHCP_PROBES_MAX + 5; i++)
        begin(&p, i, i, 0, false, 0);
    assert_int_equal(p.n, DHCP_PROBES_MAX);
    unsigned sent = 0;
    while (dhcp_probes_due(&p, 0))
        sent++;
    assert_int_equal(sent, DHCP_PROBES_MAX);
    assert_null(dhcp_probes_due(&p, 0));
    for (unsigned i = 0; i < 2; i++)
        while (dhcp_probes_due(&p, 2000 * MS))
            continue;
    assert_true(p.n <= DHCP_PROBES_MAX);
    assert_null(dhcp_probes_due(&p, 9000 * MS));
    assert_int_equal(p.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_packets_and_an_end),
        cmocka_unit_test(whose_answer_counts),
        cmocka_unit_test(there_is_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
