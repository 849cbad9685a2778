/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ARP packets: bytes both ways, those that are none, and which ones tell of a conflict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "wire/arp.h"
#include "wire/vector.h"

enum { ADDR = 0x0a000007, OTHER_ADDR = 0x0a000008 };
static const uint8_t own[6] = {2, 0, 0, 0, 0, 1}, other[6] = {2, 0, 0, 0, 0, 2};

/* 10.0.0.8 at 02:00:00:00:00:02 answers 10.0.0.7 at 02:00:00:00:00:01. */
static const uint8_t reply[ARP_LEN] = {0,  1, 8, 0, 6, 4, 0, 2, 2, 0, 0,  0, 0, 2,
                                       10, 0, 0, 8, 2, 0, 0, 0, 0, 1, 10, 0, 0, 7};

static void bytes_come_and_go(void **state)
{
    struct arp_packet arp;
    uint8_t bytes[ARP_LEN], padded[46] = {0};

    (void)state;
    memcpy(padded, reply, sizeof(reply));
    assert_int_equal(arp_read(padded, sizeof(padded), &arp), 0);
    assert_int_equal(arp.operation, ARP_REPLY);
    assert_memory_equal(arp.sender_mac, other, 6);
    assert_memory_equal(arp.target_mac, own, 6);
    assert_int_equal(arp.sender, OTHER_ADDR);
    assert_int_equal(arp.target, ADDR);
    arp_write(&arp, bytes);
    assert_memory_equal(bytes, reply, sizeof(reply));
}

static void others_are_refused(void **state)
{
    static const struct {
        size_t at;
        uint8_t byte;
    } changes[] = {{1, 6}, {2, 0x86}, {4, 8}, {5, 16}, {7, 3}, {7, 0}, {6, 1}};
    struct arp_packet arp = {.target = 1};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        uint8_t bytes[ARP_LEN];
        memcpy(bytes, reply, sizeof(bytes));
        bytes[changes[i].at] = changes[i].byte;
        assert_int_equal(arp_read(bytes, sizeof(bytes), &arp), -EBADMSG);
    }
    for (size_t len = 0; len < sizeof(reply); len++) {
        uint8_t *copy = exact_copy(reply, len);
        assert_int_equal(arp_read(copy, len, &arp), -EBADMSG);
        free(copy);
    }
    assert_int_equal(arp.target, 1); /* untouched */
}

static void probes_and_announcements(void **state)
{
    struct arp_packet probe = arp_probe(own, ADDR), announcement = arp_announcement(own, ADDR);
    static const uint8_t probe_bytes[ARP_LEN] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0,  0, 0, 1,
                                                 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 7};
    uint8_t bytes[ARP_LEN];

    (void)state;
    arp_write(&probe, bytes);
    assert_memory_equal(bytes, probe_bytes, sizeof(bytes));
    assert_int_equal(announcement.operation, ARP_REQUEST);
    assert_int_equal(announcement.sender, ADDR);
    assert_int_equal(announcement.target, ADDR);
}

static void conflicts(void **state)
{
    struct arp_packet probe = arp_probe(other, ADDR), claim = arp_announcement(other, ADDR);
    struct arp_packet question = {.operation = ARP_REQUEST, .sender = OTHER_ADDR, .target = ADDR};
    struct arp_packet own_probe = arp_probe(own, ADDR), own_claim = arp_announcement(own, ADDR);
    struct arp_packet answer = {.operation = ARP_REPLY, .sender = ADDR, .target = 0};

    (void)state;
    memcpy(question.sender_mac, other, 6);
    memcpy(answer.sender_mac, other, 6);
    assert_true(arp_denies(&probe, own, ADDR));
    assert_false(arp_conflicts(&probe, own, ADDR)); /* one who uses the address answers that */
    assert_true(arp_denies(&claim, own, ADDR));
    assert_true(arp_conflicts(&claim, own, ADDR));
    assert_true(arp_denies(&answer, own, ADDR));
    assert_true(arp_conflicts(&answer, own, ADDR));
    assert_false(arp_denies(&question, own, ADDR)); /* who has it? That takes nothing */
    assert_false(arp_conflicts(&question, own, ADDR));
    assert_false(arp_denies(&own_probe, own, ADDR)); /* back from a hub */
    assert_false(arp_conflicts(&own_claim, own, ADDR));
    assert_false(arp_denies(&claim, own, OTHER_ADDR));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_and_go),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(probes_and_announcements),
        cmocka_unit_test(conflicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
