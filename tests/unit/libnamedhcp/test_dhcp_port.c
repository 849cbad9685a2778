/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server on a port by itself: its addresses, datagrams in and out, and frames from anybody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "libnamedhcp/dhcp_port.h"
#include "wire/dhcp4.h"
#include "wire/dhcp6.h"

#define SECOND NSEC_PER_SEC

static const uint8_t own_mac[6] = {2, 0, 0, 0, 0, 1}, other_mac[6] = {2, 0, 0, 0, 0, 9};
static const uint8_t all_macs[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, nobody[6];

struct lab {
    struct dhcp_port port;
    nsec_t now;
    unsigned n_frames;
    uint8_t frame[32][DHCP_PORT_FRAME_MAX];
    size_t len[32];
};

static struct ipaddr addr_of(const char *text)
{
    struct ipaddr a;

    assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
    return a;
}

static struct dhcp_port_addr prefix_of(const char *text)
{
    struct dhcp_port_addr a;

    assert_int_equal(ipaddr_parse_prefix(text, strlen(text), &a.addr, &a.bits), 0);
    return a;
}

static struct ipendpoint at(const char *text, uint16_t port)
{
    return (struct ipendpoint){.addr = addr_of(text), .port = port};
}

static void some_chance(void *arg, void *bytes, size_t len)
{
    (void)arg;
    memset(bytes, 5, len);
}

static void drain(struct lab *l)
{
    size_t len;

    while ((len = dhcp_port_output(&l->port, l->frame[l->n_frames])) > 0) {
        l->len[l->n_frames++] = len;
        assert_true(l->n_frames < 32);
    }
}

static void wait(struct lab *l, nsec_t span)
{
    nsec_t until = l->now + span;

    while (dhcp_port_deadline(&l->port) <= until) {
        if (dhcp_port_deadline(&l->port) > l->now)
            l->now = dhcp_port_deadline(&l->port);
        dhcp_port_timeout(&l->port, l->now);
        drain(l);
    }
    l->now = until;
}

static void open_lab(struct lab *l)
{
    const struct dhcp_port_addr addrs[] = {prefix_of("10.0.0.1/24"), prefix_of("fd00:1::1/64"),
                                           prefix_of("fd00:2::1/64"), prefix_of("192.0.2.1/32")};
    struct dhcp_port_settings settings = {
        .env.random = some_chance, .mac = {2, 0, 0, 0, 0, 1}, .addrs = addrs, .n_addrs = ARRAY_LEN(addrs)};

    memset(l, 0, sizeof(*l));
    l->now = 5 * SECOND;
    assert_int_equal(dhcp_port_init(&l->port, &settings), 0);
    dhcp_port_up(&l->port, l->now);
}

static void open_ready(struct lab *l)
{
    open_lab(l);
    wait(l, 10 * SECOND);
    assert_int_equal(l->port.host.state, HOST6_READY);
    l->n_frames = 0;
}

/* --- frames of others --- */

static size_t frame_of(uint8_t *frame, const uint8_t *to, uint16_t type,
                       void (*write)(struct writer *, const void *), const void *what)
{
    struct writer w = writer_of(frame, DHCP_PORT_FRAME_MAX);
    struct ether_header header = {.type = type};

    memcpy(header.to, to, 6);
    memcpy(header.from, other_mac, 6);
    ether_write(&w, &header);
    write(&w, what);
    assert_false(w.bad);
    return w.pos;
}

static void write_udp4(struct writer *w, const void *udp)
{
    udp4_write(w, udp);
}

static void write_udp6(struct writer *w, const void *udp)
{
    udp6_write(w, udp, 1);
}

static void write_ip4(struct writer *w, const void *ip)
{
    ip4_write(w, ip);
}

static void write_arp(struct writer *w, const void *arp)
{
    arp_write(arp, writer_reserve(w, ARP_LEN));
}

static enum dhcp_heard_kind put(struct lab *l, const uint8_t *frame, size_t len, struct dhcp_heard *ret)
{
    dhcp_port_input(&l->port, frame, len, l->now, ret);
    drain(l);
    return ret->kind;
}

static size_t datagram4(const char *from, const char *to, uint16_t port, uint8_t *frame)
{
    struct udp udp = {
        .from = at(from, 68), .to = at(to, port), .bytes = (const uint8_t *)"discover", .len = 8};

    return frame_of(frame, all_macs, ETHER_IP4, write_udp4, &udp);
}

static size_t datagram6(const char *to, uint16_t port, const uint8_t *mac, uint8_t *frame)
{
    struct udp udp = {
        .from = at("fe80::9", 546), .to = at(to, port), .bytes = (const uint8_t *)"solicit", .len = 7};

    return frame_of(frame, mac, ETHER_IP6, write_udp6, &udp);
}

static size_t arp_frame(uint16_t operation, uint32_t sender, uint32_t target, uint8_t *frame)
{
    struct arp_packet arp = {.operation = operation, .sender = sender, .target = target};

    memcpy(arp.sender_mac, other_mac, 6);
    return frame_of(frame, all_macs, ETHER_ARP, write_arp, &arp);
}

/* --- its life --- */

static bool reports_group(const struct lab *l, unsigned n, const char *group)
{
    struct ipaddr g = addr_of(group);

    for (size_t i = 74; i + 16 <= l->len[n]; i += 20)
        if (memcmp(l->frame[n] + i, g.b, 16) == 0)
            return true;
    return false;
}

static void it_comes_up(void **state)
{
    struct lab l;
    unsigned announcements = 0, reports = 0, probes = 0;

    (void)state;
    open_lab(&l);
    wait(&l, 10 * SECOND);
    assert_int_equal(l.port.host.state, HOST6_READY);
    for (unsigned i = 0; i < l.n_frames; i++) {
        const uint8_t *f = l.frame[i];
        struct arp_packet arp;
        if (get_be16(f + 12) == ETHER_ARP) {
            assert_int_equal(arp_read(f + 14, l.len[i] - 14, &arp), 0);
            assert_int_equal(arp.sender, arp.target);
            announcements++;
        } else if (f[20] == IP6_HOP_BY_HOP) {
            assert_true(reports_group(&l, i, "ff02::1:2") && reports_group(&l, i, "ff05::1:3"));
            assert_true(reports_group(&l, i, "ff02::1:ff00:1"));
            reports++;
        } else {
            assert_int_equal(f[54], ND_NEIGHBOR_SOLICIT);
            probes++;
        }
    }
    assert_int_equal(announcements, 4); /* two addresses, twice */
    assert_int_equal(reports, 2);
    assert_int_equal(probes, 3); /* the link-local one and two more */
    assert_int_equal(dhcp_port_deadline(&l.port), NSEC_NEVER);
}

static size_t neighbor_frame(enum nd_type type, const char *from, const char *to, const char *target,
                             uint8_t *frame)
{
    struct writer w = writer_of(frame, DHCP_PORT_FRAME_MAX);
    uint8_t message[64];
    struct writer inner = writer_of(message, sizeof(message));
    struct nd_message msg = {.type = type, .neighbor.target = addr_of(target)};
    struct ip6 packet = {.from = addr_of(from), .to = addr_of(to), .next_header = IP6_ICMP, .hop_limit = 255};
    struct ether_header header = {.type = ETHER_IP6};

    nd_write(&inner, &msg);
    nd_set_checksum(&packet.from, &packet.to, message, inner.pos);
    packet.bytes = message;
    packet.len = inner.pos;
    assert_true(host6_find_mac(&packet.to, own_mac, header.to));
    memcpy(header.from, other_mac, 6);
    ether_write(&w, &header);
    ip6_write(&w, &packet);
    return w.pos;
}

static void a_duplicate_is_left(void **state)
{
    uint8_t frame[DHCP_PORT_FRAME_MAX];
    struct dhcp_heard heard;
    struct lab l;

    (void)state;
    open_lab(&l);
    size_t len = neighbor_frame(ND_NEIGHBOR_ADVERT, "fe80::ff:fe00:1", "ff02::1", "fe80::ff:fe00:1", frame);
    put(&l, frame, len, &heard);
    assert_int_equal(l.port.host.state, HOST6_DUPLICATE);
    struct server_packet reply = {
        .to = at("fe80::9", 546), .via_mac = {2}, .bytes = (const uint8_t *)"x", .len = 1};
    assert_int_equal(dhcp_port_wrap(&l.port, &reply, 0, frame), 0);
    wait(&l, 60 * SECOND);
    assert_int_equal(l.port.host.state, HOST6_READY);
    assert_true(dhcp_port_wrap(&l.port, &reply, 0, frame) > 0);
}

static unsigned probes_for(const struct lab *l, const char *target)
{
    struct ipaddr addr = addr_of(target);
    unsigned n = 0;

    for (unsigned i = 0; i < l->n_frames; i++)
        n += get_be16(l->frame[i] + 12) == ETHER_IP6 && l->frame[i][54] == ND_NEIGHBOR_SOLICIT &&
             memcmp(l->frame[i] + 62, addr.b, sizeof(addr.b)) == 0;
    return n;
}

/* Somebody has it, whenever it is tried: that often. */
static void object_to_tries(struct lab *l, unsigned n, const uint8_t *frame, size_t len)
{
    struct dhcp_heard heard;

    for (unsigned i = 0; i < n; i++) {
        l->n_frames = 0;
        while (probes_for(l, "fd00:1::1") == 0)
            wait(l, SECOND / 10);
        assert_int_equal(probes_for(l, "fd00:2::1") + probes_for(l, "fe80::ff:fe00:1"), 0);
        put(l, frame, len, &heard);
    }
}

/* Another address alone is left out, while the others serve, and tried again: 4, 8, 16, ... s later, at most ten minutes. */
static void a_duplicate_is_tried_again(void **state)
{
    uint8_t frame[DHCP_PORT_FRAME_MAX];
    struct dhcp_heard heard;
    struct lab l;

    (void)state;
    open_lab(&l);
    struct ipaddr one = addr_of("fd00:1::1"), two = addr_of("fd00:2::1");
    size_t len = neighbor_frame(ND_NEIGHBOR_ADVERT, "fd00:1::1", "ff02::1", "fd00:1::1", frame);
    put(&l, frame, len, &heard);
    wait(&l, 3 * SECOND);
    assert_true(!host6_has(&l.port.host, &one) && host6_has(&l.port.host, &two));
    object_to_tries(&l, 1, frame, len);
    wait(&l, 5 * SECOND);
    assert_true(!host6_has(&l.port.host, &one) && host6_has(&l.port.host, &two));
    assert_int_equal(l.port.host.state, HOST6_READY);

    wait(&l, 6 * SECOND); /* nobody objects any more */
    assert_true(host6_has(&l.port.host, &one) && host6_has(&l.port.host, &two));
    l.n_frames = 0;
    wait(&l, 3600 * SECOND);
    assert_int_equal(probes_for(&l, "fd00:1::1"), 0);
}

static void a_duplicate_is_tried_less_and_less_often(void **state)
{
    uint8_t frame[DHCP_PORT_FRAME_MAX];
    struct dhcp_heard heard;
    struct lab l;

    (void)state;
    open_lab(&l);
    size_t len = neighbor_frame(ND_NEIGHBOR_ADVERT, "fd00:1::1", "ff02::1", "fd00:1::1", frame);
    put(&l, frame, len, &heard);
    wait(&l, 3 * SECOND);
    object_to_tries(&l, 9, frame, len);
    nsec_t before = l.now;
    object_to_tries(&l, 1, frame, len);
    assert_in_range(l.now - before, 600 * SECOND, 603 * SECOND);
}

static void addresses_that_make_no_sense(void **state)
{
    static const char *const wrong[][2] = {
        {"10.0.0.1/24", "10.0.0.1/8"}, {"fd00::1/64", "fd00::1/64"},
        {"0.0.0.0/8", NULL},           {"224.0.0.1/24", NULL},
        {"255.255.255.255/32", NULL},  {"127.0.0.1/8", NULL},
        {"ff02::1/64", NULL},          {"::/64", NULL},
        {"fe80::ff:fe00:1/64", NULL},
    };
    struct dhcp_port port;

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
        struct dhcp_port_addr addrs[2] = {prefix_of(wrong[i][0])};
        struct dhcp_port_settings settings = {
            .env.random = some_chance, .mac = {2, 0, 0, 0, 0, 1}, .addrs = addrs, .n_addrs = 1};
        if (wrong[i][1])
            addrs[settings.n_addrs++] = prefix_of(wrong[i][1]);
        assert_int_equal(dhcp_port_init(&port, &settings), -EINVAL);
    }
}

/* --- datagrams in --- */

static void datagrams_of_ipv4(void **state)
{
    static const struct {
        const char *to;
        uint16_t port;
        bool heard;
    } cases[] = {
        {"255.255.255.255", 67, true}, {"10.0.0.255", 67, true},   {"10.0.0.1", 67, true},
        {"192.0.2.1", 67, true},       {"10.0.0.2", 67, false},    {"10.0.1.255", 67, false},
        {"10.0.0.1", 68, false},       {"192.0.2.255", 67, false},
    };
    uint8_t frame[DHCP_PORT_FRAME_MAX];
    struct dhcp_heard heard;
    struct lab l;

    (void)state;
    open_ready(&l);
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = datagram4("0.0.0.0", cases[i].to, cases[i].port, frame);
        assert_int_equal(put(&l, frame, len, &heard), cases[i].heard ? DHCP_HEARD_UDP4 : DHCP_HEARD_NOTHING);
        if (!cases[i].heard)
            continue;
        assert_int_equal(heard.packet.len, 8);
        assert_memory_equal(heard.packet.bytes, "discover", 8);
        assert_memory_equal(heard.packet.from_mac, other_mac, 6);
        assert_int_equal(heard.packet.from.port, 68);
    }
    assert_int_equal(l.n_frames, 0);
}

static void datagrams_of_ipv6(void **state)
{
    static const struct {
        const char *to;
        uint16_t port;
        bool heard;
    } cases[] = {
        {"ff02::1:2", 547, true},  {"ff05::1:3", 547, true},  {"fe80::ff:fe00:1", 547, true},
        {"fd00:1::1", 547, true},  {"ff02::1", 547, true},    {"fd00:1::2", 547, false},
        {"ff02::1:3", 547, false}, {"ff02::1:2", 546, false},
    };
    uint8_t frame[DHCP_PORT_FRAME_MAX], mac[6];
    struct dhcp_heard heard;
    struct lab l;

    (void)state;
    open_ready(&l);
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct ipaddr to = addr_of(cases[i].to);
        assert_true(host6_find_mac(&to, own_mac, mac));
        size_t len = datagram6(cases[i].to, cases[i].port, mac, frame);
        assert_int_equal(put(&l, frame, len, &heard), cases[i].heard ? DHCP_HEARD_UDP6 : DHCP_HEARD_NOTHING);
        if (cases[i].heard)
            assert_memory_equal(heard.packet.bytes, "solicit", 7);
    }
    open_lab(&l); /* nothing could be answered yet */
    size_t len = datagram6("ff02::1:2", 547, (const uint8_t *)"\x33\x33\0\1\0\2", frame);
    assert_int_equal(put(&l, frame, len, &heard), DHCP_HEARD_NOTHING);
}

static void what_is_damaged_is_counted(void **state)
{
    uint8_t frame[DHCP_PORT_FRAME_MAX];
    struct dhcp_port_stats stats;
    struct dhcp_heard heard;
    struct lab l;

    (void)state;
    open_ready(&l);
    size_t len = datagram4("0.0.0.0", "255.255.255.255", 67, frame);
    for (size_t i = 14; i < len; i++) { /* any bit: of the header, of the datagram */
        frame[i] ^= 4;
        assert_int_equal(put(&l, frame, len, &heard), DHCP_HEARD_NOTHING);
        frame[i] ^= 4;
    }
    for (size_t i = 0; i < len; i++)
        assert_int_equal(put(&l, frame, i, &heard), DHCP_HEARD_NOTHING);
    dhcp_port_stats(&l.port, &stats);
    assert_true(stats.damaged >= len - 14);
    len = datagram6("ff02::1:2", 547, (const uint8_t *)"\x33\x33\0\1\0\2", frame);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(put(&l, frame, i, &heard), DHCP_HEARD_NOTHING);
    put_be16(frame + 60, 0); /* no checksum */
    assert_int_equal(put(&l, frame, len, &heard), DHCP_HEARD_NOTHING);
    assert_int_equal(l.n_frames, 0);
}

static void fragments_are_counted(void **state)
{
    uint8_t frame[DHCP_PORT_FRAME_MAX];
    struct dhcp_port_stats stats;
    struct dhcp_heard heard;
    struct lab l;

    (void)state;
    open_ready(&l);
    size_t len = datagram4("10.0.0.9", "10.0.0.1", 67, frame);
    frame[20] = 0x20; /* more fragments, in place of: do not fragment; the checksum with it */
    put_be16(frame + 24, (uint16_t)(get_be16(frame + 24) + 0x2000));
    assert_int_equal(put(&l, frame, len, &heard), DHCP_HEARD_NOTHING);
    len = datagram6("ff02::1:2", 547, (const uint8_t *)"\x33\x33\0\1\0\2", frame);
    frame[20] = IP6_FRAGMENT;
    assert_int_equal(put(&l, frame, len, &heard), DHCP_HEARD_NOTHING);
    dhcp_port_stats(&l.port, &stats);
    assert_int_equal(stats.fragments, 2);
}

/* --- what it answers --- */

static void it_answers_arp(void **state)
{
    uint8_t frame[DHCP_PORT_FRAME_MAX];
    struct dhcp_port_stats stats;
    struct dhcp_heard heard;
    struct arp_packet arp;
    struct lab l;

    (void)state;
    open_ready(&l);
    size_t len = arp_frame(ARP_REQUEST, 0x0a000009, 0x0a000001, frame);
    assert_int_equal(put(&l, frame, len, &heard), DHCP_HEARD_ARP);
    assert_int_equal(l.n_frames, 1);
    assert_memory_equal(l.frame[0], other_mac, 6);
    assert_int_equal(arp_read(l.frame[0] + 14, l.len[0] - 14, &arp), 0);
    assert_true(arp.operation == ARP_REPLY && arp.sender == 0x0a000001 && arp.target == 0x0a000009);
    assert_memory_equal(arp.sender_mac, own_mac, 6);

    len = arp_frame(ARP_REQUEST, 0x0a000009, 0x0a000002, frame); /* somebody else's */
    assert_int_equal(put(&l, frame, len, &heard), DHCP_HEARD_ARP);
    assert_int_equal(heard.arp.sender, 0x0a000009);
    assert_int_equal(l.n_frames, 1);
    memcpy(frame + 22, own_mac, 6); /* our own, come back */
    assert_int_equal(put(&l, frame, len, &heard), DHCP_HEARD_NOTHING);

    len = arp_frame(ARP_REPLY, 0x0a000001, 0x0a000001, frame); /* our address is defended, not always */
    for (unsigned i = 0; i < 5; i++)
        put(&l, frame, len, &heard);
    assert_int_equal(l.n_frames, 3); /* both addresses are announced */
    wait(&l, 11 * SECOND);
    put(&l, frame, len, &heard);
    assert_int_equal(l.n_frames, 5);
    dhcp_port_stats(&l.port, &stats);
    assert_int_equal(stats.conflicts, 6);
}

static size_t echo_frame(uint8_t type, const char *from, const char *to, uint8_t *frame)
{
    uint8_t message[64];
    struct writer w = writer_of(message, sizeof(message));
    struct icmp4_echo echo = {
        .type = type, .id = 7, .sequence = 8, .bytes = (const uint8_t *)"ping", .len = 4};
    struct ip4 ip = {.from = addr_of(from), .to = addr_of(to), .protocol = IP4_ICMP, .bytes = message};

    icmp4_echo_write(&w, &echo);
    ip.len = w.pos;
    return frame_of(frame, own_mac, ETHER_IP4, write_ip4, &ip);
}

static void it_answers_and_asks_by_echo(void **state)
{
    uint8_t frame[DHCP_PORT_FRAME_MAX];
    struct icmp4_echo echo = {.type = ICMP4_ECHO_REQUEST, .id = 1, .sequence = 2};
    struct dhcp_heard heard;
    struct ip4 ip;
    struct lab l;

    (void)state;
    open_ready(&l);
    size_t len = echo_frame(ICMP4_ECHO_REQUEST, "10.0.0.9", "10.0.0.1", frame);
    assert_int_equal(put(&l, frame, len, &heard), DHCP_HEARD_NOTHING);
    assert_int_equal(l.n_frames, 1);
    assert_memory_equal(l.frame[0], other_mac, 6);
    assert_int_equal(ip4_read(l.frame[0] + 14, l.len[0] - 14, &ip), 0);
    assert_int_equal(icmp4_echo_read(ip.bytes, ip.len, &echo), 0);
    assert_true(echo.type == ICMP4_ECHO_REPLY && echo.id == 7 && echo.sequence == 8 && echo.len == 4);

    len = echo_frame(ICMP4_ECHO_REQUEST, "255.255.255.255", "10.0.0.1", frame); /* no answers to many */
    put(&l, frame, len, &heard);
    len = echo_frame(ICMP4_ECHO_REQUEST, "10.0.0.9", "10.0.0.255", frame);
    put(&l, frame, len, &heard);
    assert_int_equal(l.n_frames, 1);

    len = echo_frame(ICMP4_ECHO_REPLY, "10.7.0.9", "10.0.0.1", frame);
    assert_int_equal(put(&l, frame, len, &heard), DHCP_HEARD_ECHO);
    assert_true(heard.from == 0x0a070009 && heard.echo.id == 7);

    echo = (struct icmp4_echo){.type = ICMP4_ECHO_REQUEST, .id = 1, .sequence = 2};
    assert_int_equal(dhcp_port_echo(&l.port, 0x0a000001, 0x0a070009, nobody, &echo, frame), 0);
    len = dhcp_port_echo(&l.port, 0x0a000001, 0x0a070009, other_mac, &echo, frame);
    assert_memory_equal(frame, other_mac, 6);
    assert_int_equal(ip4_read(frame + 14, len - 14, &ip), 0);
    assert_int_equal(ipaddr_to_v4(&ip.to), 0x0a070009);
    len = dhcp_port_probe(&l.port, 0x0a000042, frame);
    struct arp_packet arp;
    assert_int_equal(arp_read(frame + 14, len - 14, &arp), 0);
    assert_true(arp.sender == 0 && arp.target == 0x0a000042);
}

static void neighbours_find_it(void **state)
{
    static const char *const targets[] = {"fe80::ff:fe00:1", "fd00:1::1", "fd00:2::1"};
    uint8_t frame[DHCP_PORT_FRAME_MAX];
    struct dhcp_heard heard;
    struct nd_message msg;
    struct ip6 ip;
    struct lab l;

    (void)state;
    open_ready(&l);
    for (unsigned i = 0; i < ARRAY_LEN(targets); i++) {
        struct ipaddr target = addr_of(targets[i]);
        size_t len = neighbor_frame(ND_NEIGHBOR_SOLICIT, "fe80::9", "ff02::1:ff00:1", targets[i], frame);
        assert_int_equal(put(&l, frame, len, &heard), DHCP_HEARD_NOTHING);
        assert_int_equal(l.n_frames, i + 1);
        assert_int_equal(ip6_read(l.frame[i] + 14, l.len[i] - 14, &ip), 0);
        assert_true(ipaddr_equal(&ip.from, &target) && ip.hop_limit == 255);
        assert_int_equal(nd_read(ip.bytes, ip.len, &msg), 0);
        assert_int_equal(msg.neighbor.flags, ND_NA_SOLICITED | ND_NA_OVERRIDE); /* no router */
    }
    size_t len = neighbor_frame(ND_NEIGHBOR_SOLICIT, "fe80::9", "ff02::1:ff00:1", "fd00:3::1", frame);
    put(&l, frame, len, &heard);
    assert_int_equal(l.n_frames, ARRAY_LEN(targets));
}

/* --- datagrams out --- */

static void replies_of_ipv4(void **state)
{
    static const uint8_t bytes[DHCP4_MESSAGE_MAX + 1];
    uint8_t frame[DHCP_PORT_FRAME_MAX];
    struct server_packet packet = {.to = at("10.0.0.9", 68), .bytes = bytes, .len = DHCP4_MESSAGE_MAX};
    struct udp udp;
    struct lab l;

    (void)state;
    open_ready(&l);
    assert_int_equal(dhcp_port_wrap(&l.port, &packet, 0x0a000001, frame), 0); /* nobody knows where to */
    memcpy(packet.via_mac, other_mac, 6);
    size_t len = dhcp_port_wrap(&l.port, &packet, 0x0a000001, frame);
    assert_int_equal(len, DHCP_PORT_FRAME_MAX);
    assert_memory_equal(frame, other_mac, 6);
    assert_memory_equal(frame + 6, own_mac, 6);
    assert_int_equal(udp4_read(frame + 14, len - 14, false, &udp), 0);
    assert_true(udp.from.port == 67 && udp.to.port == 68 && ipaddr_to_v4(&udp.from.addr) == 0x0a000001);
    memcpy(packet.to_mac, all_macs, 6); /* a client without an address */
    assert_true(dhcp_port_wrap(&l.port, &packet, 0x0a000001, frame) > 0);
    assert_memory_equal(frame, all_macs, 6);
    packet.len++;
    assert_int_equal(dhcp_port_wrap(&l.port, &packet, 0x0a000001, frame), 0);
}

static void replies_of_ipv6(void **state)
{
    static const struct {
        const char *to, *from;
    } cases[] = {
        {"fe80::9", "fe80::ff:fe00:1"},
        {"fd00:1::9", "fd00:1::1"},
        {"fd00:2::9", "fd00:2::1"},
        {"fd00:3::9", "fd00:1::1"}, /* a relay beyond a router */
    };
    static const uint8_t bytes[2000];
    uint8_t frame[DHCP_PORT_FRAME_MAX];
    struct udp udp;
    struct ip6 ip;
    struct lab l;

    (void)state;
    open_ready(&l);
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct server_packet packet = {.to = at(cases[i].to, 547), .bytes = bytes, .len = 1452};
        struct ipaddr from = addr_of(cases[i].from);
        assert_int_equal(dhcp_port_wrap(&l.port, &packet, 0, frame), 0);
        memcpy(packet.via_mac, other_mac, 6);
        size_t len = dhcp_port_wrap(&l.port, &packet, 0, frame);
        assert_int_equal(len, DHCP_PORT_FRAME_MAX);
        assert_memory_equal(frame, other_mac, 6);
        assert_int_equal(ip6_read(frame + 14, len - 14, &ip), 0);
        assert_int_equal(udp6_read(&ip, &udp), 0);
        assert_true(ipaddr_equal(&udp.from.addr, &from) && udp.from.port == 547 && udp.to.port == 547);
        packet.len++;
        assert_int_equal(dhcp_port_wrap(&l.port, &packet, 0, frame), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_comes_up),
        cmocka_unit_test(a_duplicate_is_left),
        cmocka_unit_test(a_duplicate_is_tried_again),
        cmocka_unit_test(a_duplicate_is_tried_less_and_less_often),
        cmocka_unit_test(addresses_that_make_no_sense),
        cmocka_unit_test(datagrams_of_ipv4),
        cmocka_unit_test(datagrams_of_ipv6),
        cmocka_unit_test(what_is_damaged_is_counted),
        cmocka_unit_test(fragments_are_counted),
        cmocka_unit_test(it_answers_arp),
        cmocka_unit_test(it_answers_and_asks_by_echo),
        cmocka_unit_test(neighbours_find_it),
        cmocka_unit_test(replies_of_ipv4),
        cmocka_unit_test(replies_of_ipv6),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
