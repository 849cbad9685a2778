/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See ip6.h. A packet counts only if each length agrees with the one around it. Fragments are told from the rest, so that who
 * does not put them together can count them; of extension headers the hop-by-hop options alone are stepped over, which a
 * message about groups has (RFC 3810 s5). Any other one is a next header that nobody knows.
 */
#include "wire/ip6.h"

#include "wire/inetsum.h"

#include <errno.h>

int ip6_read(const uint8_t *packet, size_t len, struct ip6 *ret)
{
    struct reader r = reader_of(packet, len);
    struct ip6 p = {0};
    uint32_t version = reader_u32(&r) >> 28;
    size_t payload_len = reader_u16(&r);

    p.next_header = reader_u8(&r);
    p.hop_limit = reader_u8(&r);
    const uint8_t *from = reader_take(&r, sizeof(p.from.b)), *to = reader_take(&r, sizeof(p.to.b));
    struct reader payload = reader_of(reader_take(&r, payload_len), payload_len);

    if (r.bad || version != 6)
        return -EBADMSG;
    memcpy(p.from.b, from, sizeof(p.from.b));
    memcpy(p.to.b, to, sizeof(p.to.b));
    if (p.next_header == IP6_HOP_BY_HOP) {
        p.next_header = reader_u8(&payload);
        size_t options_len = reader_u8(&payload);
        reader_take(&payload, 6 + 8 * options_len);
    }
    if (payload.bad)
        return -EBADMSG;
    p.len = reader_left(&payload);
    p.bytes = payload.base + payload.pos;
    *ret = p;
    return p.next_header == IP6_FRAGMENT ? -EOPNOTSUPP : 0;
}

/* Room for the payload is returned, as in writer_reserve. */
static uint8_t *write_header(struct writer *w, const struct ip6 *packet, size_t payload_len)
{
    if (payload_len > UINT16_MAX)
        w->bad = true;
    writer_u32(w, UINT32_C(6) << 28);
    writer_u16(w, (uint16_t)payload_len);
    writer_u8(w, packet->next_header);
    writer_u8(w, packet->hop_limit);
    writer_put(w, packet->from.b, sizeof(packet->from.b));
    writer_put(w, packet->to.b, sizeof(packet->to.b));
    return writer_reserve(w, payload_len);
}

void ip6_write(struct writer *w, const struct ip6 *packet)
{
    uint8_t *at = write_header(w, packet, packet->len);

    if (at && packet->len > 0)
        memcpy(at, packet->bytes, packet->len);
}

uint16_t ip6_checksum(const struct ipaddr *from, const struct ipaddr *to, uint8_t next_header,
                      const uint8_t *bytes, size_t len)
{
    /* 65535 bytes and the addresses add less than 2^31. */
    uint32_t sum = (uint32_t)len + next_header;

    sum = inetsum_add(sum, from->b, sizeof(from->b));
    sum = inetsum_add(sum, to->b, sizeof(to->b));
    return (uint16_t)~inetsum_fold(inetsum_add(sum, bytes, len));
}

int udp6_read(const struct ip6 *packet, struct udp *ret)
{
    struct reader r = reader_of(packet->bytes, packet->len);
    struct udp u = {.from.addr = packet->from, .to.addr = packet->to};

    if (packet->next_header != IP6_UDP)
        return -EPROTONOSUPPORT;
    u.from.port = reader_u16(&r);
    u.to.port = reader_u16(&r);
    size_t len = reader_u16(&r);
    uint16_t checksum = reader_u16(&r);
    if (r.bad || len < UDP_HEADER || len > packet->len || checksum == 0 ||
        ip6_checksum(&packet->from, &packet->to, IP6_UDP, packet->bytes, len) != 0)
        return -EBADMSG;
    u.bytes = packet->bytes + UDP_HEADER;
    u.len = len - UDP_HEADER;
    *ret = u;
    return 0;
}

void udp6_write(struct writer *w, const struct udp *datagram, uint8_t hop_limit)
{
    struct ip6 packet = {
        .from = datagram->from.addr, .to = datagram->to.addr, .next_header = IP6_UDP, .hop_limit = hop_limit};
    size_t len = UDP_HEADER + datagram->len;
    uint8_t *at = write_header(w, &packet, len);

    if (!at)
        return;
    put_be16(at, datagram->from.port);
    put_be16(at + 2, datagram->to.port);
    put_be16(at + 4, (uint16_t)len);
    put_be16(at + 6, 0);
    if (datagram->len > 0)
        memcpy(at + UDP_HEADER, datagram->bytes, datagram->len);
    uint16_t checksum = ip6_checksum(&packet.from, &packet.to, IP6_UDP, at, len);
    put_be16(at + 6, checksum != 0 ? checksum : UINT16_MAX); /* 0 would say that there is none (RFC 768) */
}
