/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bytes are a script for a DHCP server's port: frames of any bytes, frames whose headers and checksums are made right, time
 * that passes, a network that goes and comes, replies. Checked: what it sends is a frame that the codecs read, with its MAC
 * address; a frame brings few others; what is heard lies within the frame; what it sends can be read as it was meant;
 * the deadline lies ahead once all is drained.
 */
#include "fuzz.h"

#include "libnamedhcp/dhcp_port.h"

static const uint8_t own_mac[6] = {2, 0, 0, 0, 0, 1};

struct script {
    struct reader bytes;
    struct dhcp_port port;
    nsec_t now;
    uint64_t random;
};

static void draw(void *arg, void *bytes, size_t len)
{
    struct script *s = arg;

    for (size_t i = 0; i < len; i++) {
        s->random = s->random * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)bytes)[i] = (uint8_t)(s->random >> 56);
    }
}

static struct ipaddr addr_of(const char *text)
{
    struct ipaddr a;

    FUZZ_ASSERT(ipaddr_parse(text, strlen(text), &a) == 0);
    return a;
}

static void check_frame(const uint8_t *frame, size_t len)
{
    struct reader r = reader_of(frame, len);
    struct ether_header header;
    struct arp_packet arp;
    struct ip4 ip4;
    struct ip6 ip6;

    FUZZ_ASSERT(len <= DHCP_PORT_FRAME_MAX);
    ether_read(&r, &header);
    FUZZ_ASSERT(!r.bad && memcmp(header.from, own_mac, 6) == 0);
    const uint8_t *packet = frame + r.pos;
    size_t left = reader_left(&r);
    FUZZ_ASSERT(header.type == ETHER_ARP   ? arp_read(packet, left, &arp) == 0
                : header.type == ETHER_IP4 ? ip4_read(packet, left, &ip4) == 0
                                           : ip6_read(packet, left, &ip6) == 0);
}

static unsigned drain(struct script *s)
{
    uint8_t frame[DHCP_PORT_FRAME_MAX];
    unsigned n = 0;
    size_t len;

    while ((len = dhcp_port_output(&s->port, frame)) > 0) {
        check_frame(frame, len);
        n++;
    }
    FUZZ_ASSERT(n < 64);
    return n;
}

static void within(const uint8_t *frame, size_t frame_len, const uint8_t *bytes, size_t len)
{
    FUZZ_ASSERT(bytes >= frame && len <= frame_len && bytes + len <= frame + frame_len);
}

/* A copy of its own size, so that the sanitizer sees who reads beyond it. */
static void put(struct script *s, const uint8_t *bytes, size_t len)
{
    uint8_t *frame = malloc(len ? len : 1);
    struct dhcp_heard heard;

    FUZZ_ASSERT(frame != NULL);
    memcpy(frame, bytes, len);
    dhcp_port_input(&s->port, frame, len, s->now, &heard);
    if (heard.kind == DHCP_HEARD_UDP4 || heard.kind == DHCP_HEARD_UDP6)
        within(frame, len, heard.packet.bytes, heard.packet.len);
    if (heard.kind == DHCP_HEARD_ECHO)
        within(frame, len, heard.echo.bytes, heard.echo.len);
    drain(s);
    free(frame);
}

/* Headers around the script's bytes, with checksums that are right. */
static size_t dress(struct script *s, uint8_t how, const uint8_t *bytes, size_t len, uint8_t *frame)
{
    const struct ipaddr to6[] = {addr_of("ff02::1:2"), addr_of("fd00::1"), s->port.host.addrs[0].addr,
                                 s->port.host.groups[0]};
    const struct ipaddr to4[] = {addr_of("255.255.255.255"), addr_of("10.0.0.1"), addr_of("10.0.0.255"),
                                 addr_of("10.0.0.2")};
    struct writer w = writer_of(frame, DHCP_PORT_FRAME_MAX);
    struct ether_header header = {.from = {2, 0, 0, 0, 0, how}};
    struct udp udp = {.bytes = bytes, .len = len, .from.port = 68, .to.port = how & 64 ? 67 : 547};

    header.type = how & 1 ? ETHER_IP6 : ETHER_IP4;
    memcpy(header.to, how & 1 ? (const uint8_t[6]){0x33, 0x33} : own_mac, 6);
    ether_write(&w, &header);
    udp.to.addr = how & 1 ? to6[how >> 1 & 3] : to4[how >> 1 & 3];
    udp.from.addr = addr_of(how & 1 ? (how & 32 ? "::" : "fe80::9") : "10.0.0.9");
    size_t at = w.pos + (how & 1 ? IP6_HEADER : 20);
    if (how & 8) {
        struct ip6 ip6 = {
            .from = udp.from.addr, .to = udp.to.addr, .next_header = IP6_ICMP, .hop_limit = 255};
        struct ip4 ip4 = {
            .from = udp.from.addr, .to = udp.to.addr, .protocol = IP4_ICMP, .bytes = bytes, .len = len};
        ip6.hop_limit = how & 16 ? 1 : 255;
        ip6.bytes = bytes;
        ip6.len = len;
        if (how & 1)
            ip6_write(&w, &ip6);
        else
            ip4_write(&w, &ip4);
        if (how & 1 && !w.bad && len >= 4)
            nd_set_checksum(&ip6.from, &ip6.to, frame + at, len);
    } else if (how & 1) {
        udp6_write(&w, &udp, 64);
    } else {
        udp4_write(&w, &udp);
    }
    return w.bad ? 0 : w.pos;
}

static void wait(struct script *s, nsec_t span)
{
    nsec_t until = s->now + span;

    while (dhcp_port_deadline(&s->port) <= until) {
        if (dhcp_port_deadline(&s->port) > s->now)
            s->now = dhcp_port_deadline(&s->port);
        dhcp_port_timeout(&s->port, s->now);
        drain(s);
        FUZZ_ASSERT(dhcp_port_deadline(&s->port) > s->now);
    }
    s->now = until;
}

static void reply(struct script *s, uint8_t how, const uint8_t *bytes, size_t len)
{
    uint8_t frame[DHCP_PORT_FRAME_MAX];
    struct server_packet packet = {.bytes = bytes, .len = len, .via_mac = {how}};
    struct icmp4_echo echo = {.type = ICMP4_ECHO_REQUEST, .bytes = bytes, .len = len};
    struct udp udp;
    struct ip6 ip;

    packet.to = (struct ipendpoint){.addr = addr_of(how & 1 ? "fd00::9" : "10.0.0.9"), .port = 68};
    size_t n = dhcp_port_wrap(&s->port, &packet, 0x0a000001, frame);
    if (n > 0) {
        check_frame(frame, n);
        if (how & 1)
            FUZZ_ASSERT(ip6_read(frame + 14, n - 14, &ip) == 0 && udp6_read(&ip, &udp) == 0);
        else
            FUZZ_ASSERT(udp4_read(frame + 14, n - 14, false, &udp) == 0);
        FUZZ_ASSERT(udp.len == len && memcmp(udp.bytes, bytes, len) == 0);
    }
    if ((n = dhcp_port_echo(&s->port, 1, 2, packet.via_mac, &echo, frame)) > 0)
        check_frame(frame, n);
}

static void step(struct script *s)
{
    uint8_t what = reader_u8(&s->bytes), how = reader_u8(&s->bytes);
    size_t len = reader_u8(&s->bytes);
    const uint8_t *bytes;
    uint8_t frame[DHCP_PORT_FRAME_MAX];

    len = len < reader_left(&s->bytes) ? len : reader_left(&s->bytes);
    bytes = reader_take(&s->bytes, len);
    if (!bytes)
        return;
    switch (what % 8) {
    case 0:
    case 1:
        put(s, bytes, len);
        break;
    case 2:
    case 3:
    case 4:
        put(s, frame, dress(s, how, bytes, len, frame));
        break;
    case 5:
        wait(s, (how + 1) * 50 * NSEC_PER_MSEC);
        break;
    case 6:
        reply(s, how, bytes, len);
        break;
    default:
        if (how & 1)
            dhcp_port_down(&s->port);
        else
            dhcp_port_up(&s->port, s->now);
        drain(s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct script s;
    const struct dhcp_port_addr addrs[] = {{addr_of("10.0.0.1"), 120}, {addr_of("fd00::1"), 64}};
    struct dhcp_port_settings settings = {
        .env = {.random = draw, .arg = &s}, .addrs = addrs, .n_addrs = ARRAY_LEN(addrs)};

    memcpy(settings.mac, own_mac, sizeof(own_mac));
    s.bytes = reader_of(data, size);
    s.now = NSEC_PER_SEC;
    s.random = size;
    FUZZ_ASSERT(dhcp_port_init(&s.port, &settings) == 0);
    dhcp_port_up(&s.port, s.now);
    while (reader_left(&s.bytes) > 0)
        step(&s);
    wait(&s, 100 * NSEC_PER_SEC);
    return 0;
}
