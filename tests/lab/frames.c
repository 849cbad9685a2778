/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames that a stack's input has to survive.
 *
 * The seeds are one valid frame for each thing that an input distinguishes: ARP, ICMP, UDP, UDP-Lite, TCP with
 * options, IPv4 fragments, IGMP, and the same over IPv6 with extension headers, fragments, neighbour and
 * router discovery, MLD. A mutation changes a few bytes behind the MAC addresses to values at which programs err,
 * cuts or lengthens the frame, and mostly makes its checksums right again, so that what is behind them is reached.
 *
 * The peer makes TCP segments part of connections: each SYN opens one from another port with another sequence
 * number, both computed from its number, and any other segment belongs to the one that was answered last. Those that
 * were begun are reset later, so that the subject has room for new ones.
 */
#include "lab/frames.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t own_mac[6] = FRAMES_OWN_MAC, peer_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t own4[4] = {10, 0, 0, 1}, peer4[4] = {10, 0, 0, 2};
static const uint8_t own6[16] = {0xfc, [15] = 1}, peer6[16] = {0xfc, [15] = 2};

/* ---- checksums ---- */

static uint32_t sum_bytes(const uint8_t *bytes, size_t len)
{
    uint32_t sum = 0;
    size_t i;

    for (i = 0; i < len; i++)
        sum += (i & 1) != 0 ? bytes[i] : (uint32_t)bytes[i] << 8;
    return sum;
}

static void put_sum(uint8_t *at, uint32_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    at[0] = (uint8_t)(~sum >> 8);
    at[1] = (uint8_t)~sum;
}

/* The checksum of what follows the IP header; addresses: those of the pseudo header. */
static void fix_transport(uint8_t protocol, uint8_t *at, size_t len, const uint8_t *addresses,
                          size_t n_addresses)
{
    uint32_t pseudo = sum_bytes(addresses, n_addresses) + protocol + (uint32_t)len;
    size_t where = protocol == IPPROTO_TCP ? 16 : protocol == IPPROTO_UDP || protocol == 136 ? 6 : 2;

    if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != 136 && protocol != IPPROTO_ICMP &&
        protocol != IPPROTO_ICMPV6 && protocol != IPPROTO_IGMP)
        return;
    if (len < where + 2)
        return;
    if (protocol == IPPROTO_ICMP || protocol == IPPROTO_IGMP)
        pseudo = 0;
    at[where] = at[where + 1] = 0;
    put_sum(at + where, pseudo + sum_bytes(at, len));
}

static void fix4(uint8_t *packet, size_t len)
{
    size_t header = (size_t)(packet[0] & 15) * 4, total = (size_t)packet[2] << 8 | packet[3];

    if (header < 20 || header > len || total < header || total > len)
        return;
    packet[10] = packet[11] = 0;
    put_sum(packet + 10, sum_bytes(packet, header));
    fix_transport(packet[9], packet + header, total - header, packet + 12, 8);
}

static void fix6(uint8_t *packet, size_t len)
{
    size_t total = 40u + ((size_t)packet[4] << 8 | packet[5]), at = 40;
    uint8_t next = packet[6];

    if (total > len)
        return;
    while ((next == 0 || next == 43 || next == 60) && at + 8 <= total) {
        next = packet[at];
        at += ((size_t)packet[at + 1] + 1) * 8;
    }
    if (at < total)
        fix_transport(next, packet + at, total - at, packet + 8, 32);
}

void frame_fix_checksums(uint8_t *frame, size_t len)
{
    if (len >= 34 && frame[12] == 8 && frame[13] == 0)
        fix4(frame + 14, len - 14);
    else if (len >= 54 && frame[12] == 0x86 && frame[13] == 0xdd)
        fix6(frame + 14, len - 14);
}

/* ---- seeds ---- */

static size_t write_ethernet(uint8_t *frame, unsigned type)
{
    memcpy(frame, own_mac, 6);
    memcpy(frame + 6, peer_mac, 6);
    frame[12] = (uint8_t)(type >> 8);
    frame[13] = (uint8_t)type;
    return 14;
}

static size_t packet4(uint8_t *frame, uint8_t protocol, unsigned fragment, const void *payload, size_t len)
{
    uint8_t *packet = frame + write_ethernet(frame, 0x0800);
    const uint8_t head[] = {0x45,
                            0,
                            (uint8_t)((20 + len) >> 8),
                            (uint8_t)(20 + len),
                            0,
                            7,
                            (uint8_t)(fragment >> 8),
                            (uint8_t)fragment,
                            64,
                            protocol,
                            0,
                            0};

    memcpy(packet, head, sizeof(head));
    memcpy(packet + 12, peer4, 4);
    memcpy(packet + 16, own4, 4);
    memcpy(packet + 20, payload, len);
    frame_fix_checksums(frame, 34 + len);
    return 34 + len;
}

static size_t packet6(uint8_t *frame, uint8_t protocol, uint8_t hops, const void *payload, size_t len)
{
    uint8_t *packet = frame + write_ethernet(frame, 0x86dd);
    const uint8_t head[] = {0x60, 0, 0, 0, (uint8_t)(len >> 8), (uint8_t)len, protocol, hops};

    memcpy(packet, head, sizeof(head));
    memcpy(packet + 8, peer6, 16);
    memcpy(packet + 24, own6, 16);
    memcpy(packet + 40, payload, len);
    frame_fix_checksums(frame, 54 + len);
    return 54 + len;
}

static const uint8_t udp[] = {0x30, 0x39, 0, 53, 0, 12, 0, 0, 'c', 'i', 'a', 'o'};
static const uint8_t echo4[] = {8, 0, 0, 0, 0, 1, 0, 1, 'p', 'i', 'n', 'g'};
static const uint8_t echo6[] = {128, 0, 0, 0, 0, 1, 0, 1, 'p', 'i', 'n', 'g'};
static const uint8_t syn[] = {0x30, 0x39, 0, 80, 0, 0, 0, 1,    0, 0, 0, 0, 0x80, 2, 0xff, 0xff,
                              0,    0,    0, 0,  2, 4, 5, 0xb4, 1, 3, 3, 7, 4,    2, 1,    1};
static const uint8_t data[] = {0x30, 0x39, 0, 80, 0, 0, 0, 2, 0, 0, 0,   0,   0x60, 0x18,
                               0xff, 0xff, 0, 0,  0, 0, 2, 4, 0, 1, 'd', 'a', 't',  'a'};
static const uint8_t fin[] = {0x30, 0x39, 0, 80, 0, 0, 0, 2, 0, 0, 0, 0, 0x50, 0x11, 0, 0, 0, 0, 0, 0};
static const uint8_t rst[] = {0x30, 0x39, 0, 80, 0, 0, 0, 2, 0, 0, 0, 0, 0x50, 0x14, 0, 0, 0, 0, 0, 0};
static const uint8_t rst_after[] = {0x30, 0x39, 0, 80, 0, 0, 0, 6, 0, 0, 0, 0, 0x50, 0x14, 0, 0, 0, 0, 0, 0};
static const uint8_t unreachable4[] = {3, 3, 0,  0, 0, 0, 0,  0, 0x45, 0, 0, 28, 0,    0,    0, 0, 64, 17,
                                       0, 0, 10, 0, 0, 1, 10, 0, 0,    2, 0, 53, 0x30, 0x39, 0, 8, 0,  0};
static const uint8_t igmp[] = {0x11, 10, 0, 0, 239, 1, 2, 3};
static const uint8_t solicitation[] = {135, 0, 0, 0, 0, 0, 0, 0, 0xfc, 0, 0, 0, 0, 0, 0, 0,
                                       0,   0, 0, 0, 0, 0, 0, 1, 1,    1, 2, 0, 0, 0, 0, 2};
static const uint8_t advertisement[] = {136, 0, 0, 0, 0x60, 0, 0, 0, 0xfc, 0, 0, 0, 0, 0, 0, 0,
                                        0,   0, 0, 0, 0,    0, 0, 2, 2,    1, 2, 0, 0, 0, 0, 2};
static const uint8_t router[] = {134,  0, 0,  0,    64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0,
                                 3,    4, 64, 0xc0, 0,  1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
                                 0xfd, 0, 0,  0,    0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
static const uint8_t mld[] = {58, 0, 5, 2, 0, 0, 1, 0, 130, 0, 0, 0, 0, 10, 0, 0,
                              0,  0, 0, 0, 0, 0, 0, 0, 0,   0, 0, 0, 0, 0,  0, 0};
static const uint8_t fragment6[] = {17, 0, 0, 1, 0, 0, 0, 9, 0x30, 0x39, 0, 53, 0, 24, 0, 0};
static const uint8_t last_fragment6[] = {17, 0, 0, 8, 0, 0, 0, 9, 'f', 'r', 'a', 'g', 'm', 'e', 'n', 't'};
static const uint8_t routing[] = {17, 2, 0, 1, 0, 0, 0, 0, 0xfc, 0,    0, 0,  0, 0, 0, 0,
                                  0,  0, 0, 0, 0, 0, 0, 3, 0x30, 0x39, 0, 53, 0, 8, 0, 0};
static const uint8_t options6[] = {17, 0, 1, 4, 0, 0, 0, 0, 0x30, 0x39, 0, 53, 0, 8, 0, 0};
static const uint8_t arp[] = {0,  1, 8, 0, 6, 4, 0, 1, 2, 0, 0,  0, 0, 2,
                              10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1};

static const struct {
    int version; /* 4, 6; 0: ARP */
    uint8_t protocol, hops;
    unsigned fragment;
    const uint8_t *payload;
    size_t len;
} seeds[] = {
    {0, 0, 0, 0, arp, sizeof(arp)},
    {4, IPPROTO_UDP, 64, 0, udp, sizeof(udp)},
    {4, 136, 64, 0, udp, sizeof(udp)},
    {4, IPPROTO_ICMP, 64, 0, echo4, sizeof(echo4)},
    {4, IPPROTO_ICMP, 64, 0, unreachable4, sizeof(unreachable4)},
    {4, IPPROTO_IGMP, 1, 0, igmp, sizeof(igmp)},
    {4, IPPROTO_TCP, 64, 0, syn, sizeof(syn)},
    {4, IPPROTO_TCP, 64, 0, data, sizeof(data)},
    {4, IPPROTO_TCP, 64, 0, fin, sizeof(fin)},
    {4, IPPROTO_TCP, 64, 0, rst, sizeof(rst)},
    {4, IPPROTO_TCP, 64, 0, rst_after, sizeof(rst_after)},
    {4, IPPROTO_UDP, 64, 0x2000, udp, 8},
    {4, IPPROTO_UDP, 64, 1, udp + 8, 4},
    {6, IPPROTO_UDP, 64, 0, udp, sizeof(udp)},
    {6, 136, 64, 0, udp, sizeof(udp)},
    {6, IPPROTO_ICMPV6, 64, 0, echo6, sizeof(echo6)},
    {6, IPPROTO_TCP, 64, 0, syn, sizeof(syn)},
    {6, IPPROTO_TCP, 64, 0, data, sizeof(data)},
    {6, IPPROTO_ICMPV6, 255, 0, solicitation, sizeof(solicitation)},
    {6, IPPROTO_ICMPV6, 255, 0, advertisement, sizeof(advertisement)},
    {6, IPPROTO_ICMPV6, 255, 0, router, sizeof(router)},
    {6, 0, 1, 0, mld, sizeof(mld)},
    {6, 44, 64, 0, fragment6, sizeof(fragment6)},
    {6, 44, 64, 0, last_fragment6, sizeof(last_fragment6)},
    {6, 43, 64, 0, routing, sizeof(routing)},
    {6, 60, 64, 0, options6, sizeof(options6)},
    {6, 0, 64, 0, options6, sizeof(options6)},
};

size_t frame_seed(unsigned n, uint8_t frame[static FRAME_BYTES])
{
    if (n >= sizeof(seeds) / sizeof(seeds[0]))
        return 0;
    if (seeds[n].version == 4)
        return packet4(frame, seeds[n].protocol, seeds[n].fragment, seeds[n].payload, seeds[n].len);
    if (seeds[n].version == 6)
        return packet6(frame, seeds[n].protocol, seeds[n].hops, seeds[n].payload, seeds[n].len);
    memcpy(frame + write_ethernet(frame, 0x0806), seeds[n].payload, seeds[n].len);
    return 14 + seeds[n].len;
}

unsigned frame_seeds(void)
{
    return sizeof(seeds) / sizeof(seeds[0]);
}

/* ---- chance ---- */

/* xorshift64 */
uint32_t chance(struct chance *chance, uint32_t below)
{
    if (chance->state == 0)
        chance->state = 88172645463325252u;
    chance->state ^= chance->state << 13;
    chance->state ^= chance->state >> 7;
    chance->state ^= chance->state << 17;
    return (uint32_t)(chance->state >> 32) % below;
}

static uint8_t interesting_byte(struct chance *random)
{
    static const uint8_t bytes[] = {0,    1,    2,    4,    5,  8, 0x0f, 0x10, 0x20, 0x3f, 0x40, 0x7f,
                                    0x80, 0xc0, 0xfe, 0xff, 17, 6, 43,   44,   58,   60,   136};

    return chance(random, 3) == 0 ? (uint8_t)chance(random, 256) : bytes[chance(random, sizeof(bytes))];
}

size_t frame_mutate(struct chance *random, uint8_t frame[static FRAME_BYTES], size_t len)
{
    uint32_t changes = chance(random, 6), i;

    if (chance(random, 8) == 0)
        len = 14 + chance(random, (uint32_t)len - 13);
    else if (chance(random, 8) == 0 && len < 1000)
        len += chance(random, 500);
    for (i = 0; i < changes; i++)
        frame[12 + chance(random, (uint32_t)(len > 13 ? len - 12 : 1))] = interesting_byte(random);
    if (chance(random, 8) != 0)
        frame_fix_checksums(frame, len);
    return len;
}

size_t frame_make(struct chance *random, struct frame_peer *peer, uint8_t frame[static FRAME_BYTES])
{
    size_t len;

    memset(frame, (int)chance(random, 256), FRAME_BYTES);
    len = frame_seed(chance(random, frame_seeds()), frame);
    frame_peer_say(peer, frame, len);
    return frame_mutate(random, frame, len);
}

/* ---- the peer ---- */

static uint32_t get32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return ntohl(value);
}

static void put32(uint8_t *at, uint32_t value)
{
    value = htonl(value);
    memcpy(at, &value, sizeof(value));
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* The TCP header of a frame, or NULL. */
static uint8_t *tcp_header(uint8_t *frame, size_t len, bool *ret_is_v6)
{
    *ret_is_v6 = len >= 74 && frame[12] == 0x86 && frame[13] == 0xdd && frame[20] == IPPROTO_TCP;
    if (*ret_is_v6)
        return frame + 54;
    return len >= 54 && frame[12] == 8 && frame[13] == 0 && frame[23] == IPPROTO_TCP ? frame + 34 : NULL;
}

/* Of the connection with that number. */
static unsigned port_of(uint32_t number)
{
    return 1024 + number % 60000;
}

static uint32_t first_sequence_of(uint32_t number)
{
    return number * 65537;
}

void frame_peer_say(struct frame_peer *peer, uint8_t *frame, size_t len)
{
    bool is_v6;
    uint8_t *tcp = tcp_header(frame, len, &is_v6);
    const struct frame_connection *last = &peer->last[is_v6];

    if (tcp == NULL)
        return;
    if ((tcp[13] & 2) != 0) {
        peer->begun_by_v6[peer->begun % FRAMES_BEGUN_MAX] = is_v6;
        put16(tcp, port_of(peer->begun));
        put32(tcp + 4, first_sequence_of(peer->begun++));
    } else {
        put16(tcp, last->port);
        put32(tcp + 4, last->seq + get32(tcp + 4) - 2); /* the seeds begin with the SYN at 1 */
        put32(tcp + 8, last->ack);
    }
    frame_fix_checksums(frame, len);
}

void frame_peer_hear(struct frame_peer *peer, const uint8_t *frame, size_t len)
{
    uint8_t head[FRAME_BYTES];
    struct frame_connection *last;
    uint8_t *tcp;
    bool is_v6;

    if (len > sizeof(head))
        return;
    memcpy(head, frame, len);
    tcp = tcp_header(head, len, &is_v6);
    if (tcp == NULL || (tcp[13] & 0x12) != 0x12)
        return;
    last = &peer->last[is_v6];
    last->port = (uint16_t)(tcp[2] << 8 | tcp[3]);
    last->seq = get32(tcp + 8);
    last->ack = get32(tcp + 4) + 1;
}

enum { KEPT = 4 }; /* the youngest, for what is to be said in them */

size_t frame_peer_reset(struct frame_peer *peer, uint8_t frame[static FRAME_BYTES])
{
    uint8_t segment[20] = {0, 0, 0, 80, [12] = 0x50, [13] = 0x14};
    uint32_t number;

    if (peer->begun - peer->reset > FRAMES_BEGUN_MAX)
        peer->reset = peer->begun - FRAMES_BEGUN_MAX;
    if (peer->begun - peer->reset <= KEPT)
        return 0;
    number = peer->reset++;
    put16(segment, port_of(number));
    put32(segment + 4, first_sequence_of(number) + 1);
    if (peer->begun_by_v6[number % FRAMES_BEGUN_MAX])
        return packet6(frame, IPPROTO_TCP, 64, segment, sizeof(segment));
    return packet4(frame, IPPROTO_TCP, 0, segment, sizeof(segment));
}

/* ---- a good neighbour ---- */

size_t frame_answer(const uint8_t *question, size_t len, uint8_t frame[static FRAME_BYTES])
{
    uint8_t reply[32] = {136, [4] = 0x60, [24] = 2, [25] = 1};

    if (len >= 42 && question[12] == 8 && question[13] == 6 && question[21] == 1 &&
        memcmp(question + 38, peer4, 4) == 0) {
        memcpy(frame + write_ethernet(frame, 0x0806), arp, sizeof(arp));
        frame[21] = 2;
        memcpy(frame + 32, own_mac, 6);
        return 14 + sizeof(arp);
    }
    if (len >= 78 && question[12] == 0x86 && question[13] == 0xdd && question[20] == IPPROTO_ICMPV6 &&
        question[54] == 135 && memcmp(question + 62, peer6, 16) == 0) {
        memcpy(reply + 8, peer6, 16);
        memcpy(reply + 26, peer_mac, 6);
        return packet6(frame, IPPROTO_ICMPV6, 255, reply, sizeof(reply));
    }
    return 0;
}

enum { ECHO_ID = 0x4242, ECHO_PORT = 7, PROBE_PORT = 4000 };

size_t frame_probe(enum frame_probe probe, uint16_t number, uint8_t frame[static FRAME_BYTES])
{
    uint8_t ping[8] = {probe == FRAME_PING6 ? 128 : 8}, datagram[10] = {[3] = ECHO_PORT, [5] = 10};

    put16(ping + 4, ECHO_ID);
    put16(ping + 6, number);
    put16(datagram, PROBE_PORT);
    put16(datagram + 8, number);
    switch (probe) {
    case FRAME_PING4:
        return packet4(frame, IPPROTO_ICMP, 0, ping, sizeof(ping));
    case FRAME_PING6:
        return packet6(frame, IPPROTO_ICMPV6, 64, ping, sizeof(ping));
    case FRAME_UDP4:
        return packet4(frame, IPPROTO_UDP, 0, datagram, sizeof(datagram));
    case FRAME_UDP6:
        return packet6(frame, IPPROTO_UDP, 64, datagram, sizeof(datagram));
    case FRAME_PROBES:
        break;
    }
    return 0;
}

bool frame_is_reply(enum frame_probe probe, uint16_t number, const uint8_t *frame, size_t len)
{
    bool is_v6 = probe == FRAME_PING6 || probe == FRAME_UDP6;
    const uint8_t *packet = frame + 14, *message = packet + (is_v6 ? 40 : 20);
    uint8_t protocol = probe == FRAME_PING4   ? IPPROTO_ICMP
                       : probe == FRAME_PING6 ? IPPROTO_ICMPV6
                                              : IPPROTO_UDP;
    size_t message_len = protocol == IPPROTO_UDP ? 10 : 8;
    uint8_t wanted[10] = {0};

    if (len < (size_t)(message - frame) + message_len || packet[0] != (is_v6 ? 0x60 : 0x45) ||
        packet[is_v6 ? 6 : 9] != protocol ||
        memcmp(packet + (is_v6 ? 8 : 12), is_v6 ? own6 : own4, is_v6 ? 16 : 4) != 0)
        return false;
    if (protocol == IPPROTO_UDP) {
        put16(wanted, ECHO_PORT);
        put16(wanted + 2, PROBE_PORT);
        put16(wanted + 8, number);
        return memcmp(message, wanted, 4) == 0 && memcmp(message + 8, wanted + 8, 2) == 0;
    }
    put16(wanted + 4, ECHO_ID);
    put16(wanted + 6, number);
    return message[0] == (is_v6 ? 129 : 0) && memcmp(message + 4, wanted + 4, 4) == 0;
}
