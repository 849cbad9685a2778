/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Datagrams to 255.255.255.255 from who has no address yet, or to an interface that has none: how DHCP begins
 * (RFC 2131 s4.1).
 *
 * Debian's lwIP is built without DHCP, so it drops them: a server on a UDP socket would never hear its clients.
 * They are delivered from here to the sockets of their port, past lwIP. Only what is whole and sound is: one
 * UDP datagram over IPv4, not a fragment, both checksums right.
 */
#include "lwip/nobody.h"

#include <netinet/in.h>
#include <string.h>

#include "lwip/sock.h"

enum { IP_HEADER_MIN = 20, UDP_HEADER = 8 };

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

/* Adds bytes to a sum of 16-bit words, RFC 1071. */
static uint32_t add_words(uint32_t sum, const uint8_t *bytes, size_t len)
{
    size_t i;

    for (i = 0; i + 1 < len; i += 2)
        sum += get16(bytes + i);
    if (len % 2 != 0)
        sum += (uint32_t)bytes[len - 1] << 8;
    return sum;
}

static bool is_right(uint32_t sum)
{
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

static bool has_address4(const struct port *port)
{
    const struct address *address;

    for (address = port->stack->addresses; address != NULL; address = address->next)
        if (address->port == port && !IP_IS_V6(&address->ip))
            return true;
    return false;
}

/* The length of the IP header of such a packet; 0: it is another. */
static size_t header_len_of(const struct port *port, const uint8_t *packet, size_t len)
{
    static const uint8_t nobody[4], everybody[4] = {0xff, 0xff, 0xff, 0xff};
    size_t header_len = len < IP_HEADER_MIN ? 0 : (size_t)(packet[0] & 15) * 4;

    if (header_len < IP_HEADER_MIN || packet[0] >> 4 != 4 || packet[9] != IPPROTO_UDP ||
        memcmp(packet + 16, everybody, 4) != 0)
        return 0;
    return memcmp(packet + 12, nobody, 4) == 0 || !has_address4(port) ? header_len : 0;
}

/* The length of the UDP datagram in it, 0 if it is not sound. */
static size_t datagram_len_of(const uint8_t *packet, size_t len, size_t header_len)
{
    const uint8_t *udp = packet + header_len;
    size_t total = get16(packet + 2), udp_len;
    uint32_t sum;

    if (total > len || total < header_len + UDP_HEADER || (get16(packet + 6) & 0x3fff) != 0 ||
        !is_right(add_words(0, packet, header_len)))
        return 0;
    udp_len = get16(udp + 4);
    if (udp_len < UDP_HEADER || udp_len > total - header_len)
        return 0;
    sum = add_words((uint32_t)(IPPROTO_UDP + udp_len), packet + 12, 8);
    return get16(udp + 6) == 0 || is_right(add_words(sum, udp, udp_len)) ? udp_len : 0;
}

bool nobody_input(struct port *port, const uint8_t *packet, size_t len)
{
    size_t header_len = header_len_of(port, packet, len), udp_len;
    struct arrival arrival = {.ifindex = port->ifindex};
    const uint8_t *udp = packet + header_len;

    if (header_len == 0)
        return false;
    udp_len = datagram_len_of(packet, len, header_len);
    if (udp_len == 0) {
        port->counters.rx_dropped++;
        return true;
    }
    ip_addr_set_zero_ip4(&arrival.from);
    ip_addr_set_zero_ip4(&arrival.to);
    memcpy(&arrival.from.u_addr, packet + 12, 4);
    memcpy(&arrival.to.u_addr, packet + 16, 4);
    arrival.port = (uint16_t)get16(udp);
    arrival.tos = packet[1];
    arrival.ttl = packet[8];
    arrival.p = port->stack->lw.pbuf_alloc(PBUF_RAW, (u16_t)(udp_len - UDP_HEADER), PBUF_RAM);
    if (arrival.p == NULL)
        return true;
    memcpy(arrival.p->payload, udp + UDP_HEADER, udp_len - UDP_HEADER);
    udp_arrive_at_all(port->stack, (uint16_t)get16(udp + 2), &arrival);
    port->stack->lw.pbuf_free(arrival.p);
    return true;
}
