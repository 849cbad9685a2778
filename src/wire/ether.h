/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames of Ethernet, and UDP over IPv4 in them: what a DHCP client sends and hears before it has an address
 * (RFC 2131 s4.1), when no socket of the stack would do it.
 */
#ifndef WIRE_ETHER_H
#define WIRE_ETHER_H

#include "base/cursor.h"
#include "base/ipaddr.h"

enum {
    ETHER_MAC = 6,
    ETHER_HEADER = 14,
    ETHER_IP4 = 0x0800,
    ETHER_IP6 = 0x86dd,
    ETHER_ARP = 0x0806,
    UDP_HEADER = 8,
    UDP4_HEADERS = 28, /* of IPv4 without options, and of UDP */
};

struct ether_header {
    uint8_t to[ETHER_MAC], from[ETHER_MAC];
    uint16_t type; /* ETHER_IP4, ... */
};

/* Both directions. What the reader holds behind it is the packet, and perhaps padding (IEEE 802.3: a frame
 * has 60 bytes at least). A frame too short: reader->bad. */
void ether_read(struct reader *r, struct ether_header *ret);
void ether_write(struct writer *w, const struct ether_header *header);

enum { IP4_HEADER = 20 /* without options */, IP4_ICMP = 1, IP4_UDP = 17 };

struct ip4 {
    struct ipaddr from, to;
    uint8_t protocol;
    const uint8_t *bytes; /* payload; read: within the packet */
    size_t len;           /* at most 65515 */
};

/* Reads an IPv4 packet (RFC 791). 0 or
 *   -EOPNOTSUPP  a sound header, but a fragment
 *   -EBADMSG     no IPv4, or lengths or the checksum are wrong */
MUST_CHECK int ip4_read(const uint8_t *packet, size_t len, struct ip4 *ret);
/* Writes one: no options, not to be fragmented, TTL 64, checksum right. Bad if it does not fit. */
void ip4_write(struct writer *w, const struct ip4 *packet);

/* One datagram. */
struct udp {
    struct ipendpoint from, to; /* both of one family; wire/ip6.h has the other one */
    const uint8_t *bytes;       /* payload; read: within the packet */
    size_t len;                 /* at most 65507 */
};

/* Reads an IPv4 packet that is one whole UDP datagram (RFC 791, 768). `unsummed`: its sender shares this
 * machine and has left the UDP checksum to a network card that never saw it (TP_STATUS_CSUMNOTREADY of
 * packet(7)), so it does not count. 0 or
 *   -EPROTONOSUPPORT  a sound header, but not of UDP
 *   -EBADMSG          lengths or checksums are wrong, or it is a fragment
 */
MUST_CHECK int udp4_read(const uint8_t *packet, size_t len, bool unsummed, struct udp *ret);

/* Writes such a packet: no options, not to be fragmented, TTL 64, checksums right. Bad if it does not fit. */
void udp4_write(struct writer *w, const struct udp *datagram);

#endif
