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

#include <errno.h>

enum {
    IP4_HEADER = 20,
    UDP_HEADER = 8,
    PROTOCOL_UDP = 17,
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

/* Adds 16-bit words to a sum that is not folded yet; 65535 bytes do not overflow it. */
static uint32_t add_words(uint32_t sum, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += get_be16(bytes + i);
    return len % 2 != 0 ? sum + ((uint32_t)bytes[len - 1] << 8) : sum;
}

static uint16_t folded(uint32_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & ALL_ONES) + (sum >> 16);
    return (uint16_t)sum;
}

/* The sum over a UDP datagram and what else its checksum covers; addresses: source and destination, as they stand
 * in the header of IP. */
static uint16_t udp_sum(const uint8_t addresses[static 8], const uint8_t *udp, size_t len)
{
    return folded(add_words(add_words((uint32_t)(PROTOCOL_UDP + len), addresses, 8), udp, len));
}

static struct ipaddr mapped(const uint8_t addr[static 4])
{
    struct ipaddr a = {.b = {[10] = 0xff, [11] = 0xff}};

    memcpy(a.b + 12, addr, 4);
    return a;
}

/* Reads the header of IP and steps over it; `whole` is how many bytes there are. Leaves in *ret_body what the
 * packet carries. 0, -EPROTONOSUPPORT or -EBADMSG. */
static int ip4_read(const uint8_t *packet, size_t whole, struct reader *ret_body)
{
    if (whole < IP4_HEADER || packet[0] >> 4 != 4)
        return -EBADMSG;

    size_t header_len = (size_t)(packet[0] & 15) * 4, total = get_be16(packet + 2);

    if (header_len < IP4_HEADER || total < header_len || total > whole ||
        folded(add_words(0, packet, header_len)) != ALL_ONES || (get_be16(packet + 6) & MORE_OR_OFFSET) != 0)
        return -EBADMSG;
    if (packet[9] != PROTOCOL_UDP)
        return -EPROTONOSUPPORT;
    *ret_body = reader_of(packet + header_len, total - header_len);
    return 0;
}

int udp4_read(const uint8_t *packet, size_t len, bool unsummed, struct udp4 *ret)
{
    struct reader r;
    int error = ip4_read(packet, len, &r);

    if (error < 0)
        return error;

    const uint8_t *udp = r.base;
    uint16_t from_port = reader_u16(&r), to_port = reader_u16(&r), udp_len = reader_u16(&r);
    uint16_t checksum = reader_u16(&r);

    if (r.bad || udp_len < UDP_HEADER || udp_len > r.len)
        return -EBADMSG;
    if (checksum != 0 && !unsummed && udp_sum(packet + 12, udp, udp_len) != ALL_ONES)
        return -EBADMSG;
    *ret = (struct udp4){
        .from = {.addr = mapped(packet + 12), .port = from_port},
        .to = {.addr = mapped(packet + 16), .port = to_port},
        .bytes = udp + UDP_HEADER,
        .len = (size_t)udp_len - UDP_HEADER,
    };
    return 0;
}

void udp4_write(struct writer *w, const struct udp4 *datagram)
{
    size_t udp_len = UDP_HEADER + datagram->len, total = IP4_HEADER + udp_len;
    uint8_t *packet = writer_reserve(w, total);

    if (packet == NULL || total > UINT16_MAX) {
        w->bad = true;
        return;
    }

    struct writer inner = writer_of(packet, total);

    writer_u16(&inner, 4 << 12 | IP4_HEADER / 4 << 8);
    writer_u16(&inner, (uint16_t)total);
    writer_u16(&inner, 0); /* identification: of no use to what is not fragmented (RFC 6864 s4.1) */
    writer_u16(&inner, DONT_FRAGMENT);
    writer_u16(&inner, TTL << 8 | PROTOCOL_UDP);
    writer_u16(&inner, 0);
    writer_put(&inner, datagram->from.addr.b + 12, 4);
    writer_put(&inner, datagram->to.addr.b + 12, 4);
    writer_u16(&inner, datagram->from.port);
    writer_u16(&inner, datagram->to.port);
    writer_u16(&inner, (uint16_t)udp_len);
    writer_u16(&inner, 0);
    writer_put(&inner, datagram->bytes, datagram->len);

    uint8_t *udp = packet + IP4_HEADER;
    uint16_t checksum = (uint16_t)~udp_sum(packet + 12, udp, udp_len);

    put_be16(packet + 10, (uint16_t)~folded(add_words(0, packet, IP4_HEADER)));
    put_be16(udp + 6, checksum != 0 ? checksum : ALL_ONES);
}
