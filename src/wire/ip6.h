/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packets of IPv6 (RFC 8200), and UDP in them: for those who send and receive frames. */
#ifndef WIRE_IP6_H
#define WIRE_IP6_H

#include "wire/ether.h"

enum {
    IP6_HEADER = 40,
    IP6_HOP_BY_HOP = 0,
    IP6_UDP = 17,
    IP6_FRAGMENT = 44,
    IP6_ICMP = 58,
};

struct ip6 {
    struct ipaddr from, to;
    uint8_t
        next_header; /* of what `bytes` begin with; read: behind hop-by-hop options, which are stepped over */
    uint8_t hop_limit;
    const uint8_t *bytes; /* payload; read: within the packet */
    size_t len;           /* at most 65535 */
};

/* Reads a packet; what lies behind it pads the frame. 0 or
 *   -EOPNOTSUPP  a sound header, but a fragment
 *   -EBADMSG     no IPv6, or lengths do not agree */
MUST_CHECK int ip6_read(const uint8_t *packet, size_t len, struct ip6 *ret);
/* Writes the header and the payload. Bad if it does not fit. */
void ip6_write(struct writer *w, const struct ip6 *packet);

/* The checksum of an upper layer with its pseudo header (RFC 8200 s8.1), in host order. Over bytes that hold it, it is 0: so
 * it is right. len: up to 65535. */
uint16_t ip6_checksum(const struct ipaddr *from, const struct ipaddr *to, uint8_t next_header,
                      const uint8_t *bytes, size_t len);

/* The datagram that a packet carries: 0; -EPROTONOSUPPORT: it is not of UDP; -EBADMSG: its length or its checksum is wrong, or
 * it has none, which IPv6 does not allow (RFC 8200 s8.1). */
MUST_CHECK int udp6_read(const struct ip6 *packet, struct udp *ret);
/* Writes a whole packet, checksum included. Bad if it does not fit. */
void udp6_write(struct writer *w, const struct udp *datagram, uint8_t hop_limit);

#endif
