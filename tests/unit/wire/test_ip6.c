/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packets of IPv6 and UDP in them, echo messages of ICMP: the way back, each truncation, each bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/icmp4.h"
#include "wire/ip6.h"

/* fe80::1 port 546 to ff02::1:2 port 547, "abc"; the checksum (RFC 8200 s8.1) as scapy has it. */
static const uint8_t vector[] = {
    0x60, 0, 0, 0, 0, 11, 17, 1,    0xfe, 0x80, 0, 0,  0,    0,    0,   0,   0,
    0,    0, 0, 0, 0, 0,  1,  0xff, 0x02, 0,    0, 0,  0,    0,    0,   0,   0,
    0,    0, 0, 1, 0, 2,  2,  0x22, 2,    0x23, 0, 11, 0x39, 0xa9, 'a', 'b', 'c',
};

static struct ipendpoint endpoint(const char *addr, uint16_t port)
{
    struct ipendpoint e = {.port = port};

    assert_int_equal(ipaddr_parse(addr, strlen(addr), &e.addr), 0);
    return e;
}

static struct udp datagram(const void *bytes, size_t len)
{
    return (struct udp){
        .from = endpoint("fe80::1", 546), .to = endpoint("ff02::1:2", 547), .bytes = bytes, .len = len};
}

static void a_vector(void **state)
{
    uint8_t packet[sizeof(vector)];
    struct writer w = writer_of(packet, sizeof(packet));
    struct udp u = datagram("abc", 3), read;
    struct ip6 ip;

    (void)state;
    udp6_write(&w, &u, 1);
    assert_false(w.bad);
    assert_memory_equal(packet, vector, sizeof(vector));
    assert_int_equal(ip6_read(vector, sizeof(vector), &ip), 0);
    assert_int_equal(udp6_read(&ip, &read), 0);
    assert_true(read.from.port == 546 && read.to.port == 547 && read.len == 3 && ip.hop_limit == 1);
    assert_memory_equal(read.bytes, "abc", 3);
}

static void what_is_cut_short_or_damaged(void **state)
{
    uint8_t packet[sizeof(vector)];
    struct ip6 ip;
    struct udp u;

    (void)state;
    for (size_t len = 0; len < sizeof(vector); len++)
        assert_int_equal(ip6_read(vector, len, &ip), -EBADMSG);
    for (size_t bit = 0; bit < sizeof(vector) * 8; bit++) {
        memcpy(packet, vector, sizeof(vector));
        packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
        bool uncovered = bit < 4 || (bit >= 8 && bit < 32) || bit / 8 == 7; /* class, flow, hop limit */
        int e = ip6_read(packet, sizeof(packet), &ip);
        if (e == 0)
            e = udp6_read(&ip, &u);
        assert_int_equal(e == 0, uncovered);
    }
    memcpy(packet, vector, sizeof(vector));
    put_be16(packet + 46, 0); /* none, which IPv6 does not allow */
    assert_int_equal(ip6_read(packet, sizeof(packet), &ip), 0);
    assert_int_equal(udp6_read(&ip, &u), -EBADMSG);
}

static void headers_between(void **state)
{
    uint8_t packet[IP6_HEADER + 16] = {
        0x60, [5] = 16, [6] = IP6_HOP_BY_HOP, [40] = IP6_ICMP, [41] = 0, [48] = 130};
    struct ip6 ip;
    struct udp u;

    (void)state;
    assert_int_equal(ip6_read(packet, sizeof(packet), &ip), 0);
    assert_true(ip.next_header == IP6_ICMP && ip.len == 8 && ip.bytes[0] == 130);
    assert_int_equal(udp6_read(&ip, &u), -EPROTONOSUPPORT);
    packet[41] = 1;
    assert_int_equal(ip6_read(packet, sizeof(packet), &ip), 0);
    assert_int_equal(ip.len, 0);
    packet[41] = 2; /* beyond the end */
    assert_int_equal(ip6_read(packet, sizeof(packet), &ip), -EBADMSG);
    packet[6] = IP6_FRAGMENT;
    assert_int_equal(ip6_read(packet, sizeof(packet), &ip), -EOPNOTSUPP);
    packet[6] = IP6_HOP_BY_HOP;
    packet[40] = IP6_FRAGMENT;
    packet[41] = 0;
    assert_int_equal(ip6_read(packet, sizeof(packet), &ip), -EOPNOTSUPP);
}

static void lengths(void **state)
{
    enum { LARGEST = UINT16_MAX - UDP_HEADER };
    uint8_t *bytes = calloc(1, LARGEST + 1), *packet = malloc(LARGEST + 100);
    struct ip6 ip;
    struct udp read;

    (void)state;
    assert_true(bytes && packet);
    for (unsigned i = 0; i < 4; i++) {
        const size_t len[] = {0, 1, LARGEST, LARGEST + 1};
        struct udp u = datagram(bytes, len[i]);
        struct writer w = writer_of(packet, LARGEST + 100);
        udp6_write(&w, &u, 64);
        assert_int_equal(w.bad, len[i] > LARGEST);
        if (w.bad)
            continue;
        assert_int_equal(ip6_read(packet, w.pos, &ip), 0);
        assert_int_equal(udp6_read(&ip, &read), 0);
        assert_int_equal(read.len, len[i]);
        struct writer tight = writer_of(packet, w.pos - 1);
        udp6_write(&tight, &u, 64);
        assert_true(tight.bad);
    }
    free(bytes);
    free(packet);
}

static void echo_messages(void **state)
{
    static const uint8_t request[] = {8, 0, 0xf7, 0xfa, 0, 1, 0, 4}; /* as scapy has it */
    uint8_t message[64];
    struct icmp4_echo echo = {.type = ICMP4_ECHO_REQUEST, .id = 1, .sequence = 4}, read;
    struct writer w = writer_of(message, sizeof(message));

    (void)state;
    icmp4_echo_write(&w, &echo);
    assert_int_equal(w.pos, sizeof(request));
    assert_memory_equal(message, request, sizeof(request));
    for (size_t len = 0; len < sizeof(request); len++)
        assert_int_equal(icmp4_echo_read(request, len, &read), -EBADMSG);
    assert_int_equal(icmp4_echo_read(request, sizeof(request), &read), 0);
    assert_true(read.type == ICMP4_ECHO_REQUEST && read.id == 1 && read.sequence == 4 && read.len == 0);
    for (unsigned bit = 0; bit < sizeof(request) * 8; bit++) {
        memcpy(message, request, sizeof(request));
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(icmp4_echo_read(message, sizeof(request), &read), -EBADMSG);
    }
    const uint8_t unreachable[] = {3, 1, 0xfc, 0xfe, 0, 0, 0, 0};
    assert_int_equal(icmp4_echo_read(unreachable, sizeof(unreachable), &read), -EPROTONOSUPPORT);
    echo = (struct icmp4_echo){.bytes = (const uint8_t *)"odd", .len = 3};
    w = writer_of(message, sizeof(message));
    icmp4_echo_write(&w, &echo);
    assert_int_equal(icmp4_echo_read(message, w.pos, &read), 0);
    assert_true(read.type == ICMP4_ECHO_REPLY && read.len == 3 && memcmp(read.bytes, "odd", 3) == 0);
    w = writer_of(message, 10);
    icmp4_echo_write(&w, &echo);
    assert_true(w.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vector),        cmocka_unit_test(what_is_cut_short_or_damaged),
        cmocka_unit_test(headers_between), cmocka_unit_test(lengths),
        cmocka_unit_test(echo_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
