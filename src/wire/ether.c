/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames that a packet socket gives and takes; see ether.h.
 *
 * What comes in was checked by nobody: a packet socket sees it before the stack does. So a datagram counts only
 * if each length agrees with the one around it, both checksums are right and it is no fragment (a stack would
 * put fragments together; a DHCP message of that size does not occur). IP options are stepped over: a router may
 * record itself in them, and nothing of ours depends on them.
 *
 * A checksum is the complement of a sum of 16-bit words (RFC 1071), so summing a checksum with what it covers
 * gives ffff. UDP's covers addresses, protocol and length as well (RFC 768); 0 means that there is none, and a
 * sum of 0 is sent as ffff.
 */
#include "wire/ether.h"

#include "wire/inetsum.h"

#include <errno.h>

enum {
    TTL = 64,
    DONT_FRAGMENT = 0x4000,
    MORE_OR_OFFSET = 0x3fff, /* of the word of flags and offset: zero in a packet that is whole */
    ALL_ONES = 0xffff,
};

void ether_read(struct reader *r, struct ether_header *ret)
{
    const uint8_t *macs = reader_take(r, 2 * ETHER_MAC);
    uint16_t type = reader_u16(r);

    if (r->bad)
        return;
    memcpy(ret->to, macs, ETHER_MAC);
    memcpy(ret->from, macs + ETHER_MAC, ETHER_MAC);
    ret->type = type;
}

void ether_write(struct writer *w, const struct ether_header *header)
{
    writer_put(w, header->to, ETHER_MAC);
    writer_put(w, header->from, ETHER_MAC);
    writer_u16(w, header->type);
}

/* The sum over a UDP datagram and what else its checksum covers; addresses: source and destination, as they stand
 * in the header of IP. */
static uint16_t udp_sum(const uint8_t addresses[static 8], const uint8_t *udp, size_t len)
{
    return inetsum_fold(inetsum_add(inetsum_add((uint32_t)(IP4_UDP + len), addresses, 8), udp, len));
}

int ip4_read(const uint8_t *packet, size_t len, struct ip4 *ret)
{
    if (len < IP4_HEADER || packet[0] >> 4 != 4)
        return -EBADMSG;

    size_t header_len = (size_t)(packet[0] & 15) * 4, total = get_be16(packet + 2);

    if (header_len < IP4_HEADER || total < header_len || total > len ||
        inetsum_fold(inetsum_add(0, packet, header_len)) != ALL_ONES)
        return -EBADMSG;
    if ((get_be16(packet + 6) & MORE_OR_OFFSET) != 0)
        return -EOPNOTSUPP;
    *ret = (struct ip4){.from = ipaddr_of_v4(get_be32(packet + 12)),
                        .to = ipaddr_of_v4(get_be32(packet + 16)),
                        .protocol = packet[9],
                        .bytes = packet + header_len,
                        .len = total - header_len};
    return 0;
}

int udp4_read(const uint8_t *packet, size_t len, bool unsummed, struct udp *ret)
{
    struct ip4 ip;
    int error = ip4_read(packet, len, &ip);

    if (error < 0)
        return -EBADMSG;
    if (ip.protocol != IP4_UDP)
        return -EPROTONOSUPPORT;

    struct reader r = reader_of(ip.bytes, ip.len);
    uint16_t from_port = reader_u16(&r), to_port = reader_u16(&r), udp_len = reader_u16(&r);
    uint16_t checksum = reader_u16(&r);

    if (r.bad || udp_len < UDP_HEADER || udp_len > r.len)
        return -EBADMSG;
    if (checksum != 0 && !unsummed && udp_sum(packet + 12, ip.bytes, udp_len) != ALL_ONES)
        return -EBADMSG;
    *ret = (struct udp){
        .from = {.addr = ip.from, .port = from_port},
        .to = {.addr = ip.to, .port = to_port},
        .bytes = ip.bytes + UDP_HEADER,
        .len = (size_t)udp_len - UDP_HEADER,
    };
    return 0;
}

/* Header and room for the payload, which is returned; NULL: it does not fit. */
static uint8_t *write_ip4(struct writer *w, const struct ip4 *ip, size_t len)
{
    size_t total = IP4_HEADER + len;
    uint8_t *packet = writer_reserve(w, total);

    if (packet == NULL || total > UINT16_MAX) {
        w->bad = true;
        return NULL;
    }

    struct writer header = writer_of(packet, IP4_HEADER);

    writer_u16(&header, 4 << 12 | IP4_HEADER / 4 << 8);
    writer_u16(&header, (uint16_t)total);
    writer_u16(&header, 0); /* identification: of no use to what is not fragmented (RFC 6864 s4.1) */
    writer_u16(&header, DONT_FRAGMENT);
    writer_u16(&header, (uint16_t)(TTL << 8 | ip->protocol));
    writer_u16(&header, 0);
    writer_put(&header, ip->from.b + 12, 4);
    writer_put(&header, ip->to.b + 12, 4);
    put_be16(packet + 10, (uint16_t)~inetsum_fold(inetsum_add(0, packet, IP4_HEADER)));
    return packet + IP4_HEADER;
}

void ip4_write(struct writer *w, const struct ip4 *packet)
{
    uint8_t *at = write_ip4(w, packet, packet->len);

    if (at != NULL && packet->len > 0)
        memcpy(at, packet->bytes, packet->len);
}

void udp4_write(struct writer *w, const struct udp *datagram)
{
    struct ip4 ip = {.from = datagram->from.addr, .to = datagram->to.addr, .protocol = IP4_UDP};
    size_t udp_len = UDP_HEADER + datagram->len;
    uint8_t *udp = write_ip4(w, &ip, udp_len);

    if (udp == NULL)
        return;

    struct writer inner = writer_of(udp, udp_len);

    writer_u16(&inner, datagram->from.port);
    writer_u16(&inner, datagram->to.port);
    writer_u16(&inner, (uint16_t)udp_len);
    writer_u16(&inner, 0);
    writer_put(&inner, datagram->bytes, datagram->len);

    uint16_t checksum = (uint16_t)~udp_sum(udp - 8, udp, udp_len); /* the addresses end the header */

    put_be16(udp + 6, checksum != 0 ? checksum : ALL_ONES);
}
