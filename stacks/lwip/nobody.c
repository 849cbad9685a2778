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

#include <string.h>

#include "lwip/sock.h"
#include "wire/ether.h"

static bool has_address4(const struct port *port)
{
    const struct address *address;

    for (address = port->stack->addresses; address != NULL; address = address->next)
        if (address->port == port && !IP_IS_V6(&address->ip))
            return true;
    return false;
}

static bool is_for_nobody(const struct port *port, const uint8_t *packet, size_t len)
{
    static const uint8_t nobody[4], everybody[4] = {0xff, 0xff, 0xff, 0xff};

    return len >= IP4_HEADER && packet[9] == IP4_UDP && memcmp(packet + 16, everybody, 4) == 0 &&
           (memcmp(packet + 12, nobody, 4) == 0 || !has_address4(port));
}

bool nobody_input(struct port *port, const uint8_t *packet, size_t len)
{
    struct arrival arrival = {.ifindex = port->ifindex};
    struct udp datagram;

    if (!is_for_nobody(port, packet, len))
        return false;
    if (udp4_read(packet, len, false, &datagram) < 0) {
        port->counters.rx_dropped++;
        return true;
    }
    ip_addr_set_zero_ip4(&arrival.from);
    ip_addr_set_zero_ip4(&arrival.to);
    memcpy(&arrival.from.u_addr, packet + 12, 4);
    memcpy(&arrival.to.u_addr, packet + 16, 4);
    arrival.port = datagram.from.port;
    arrival.tos = packet[1];
    arrival.ttl = packet[8];
    arrival.p = port->stack->lw.pbuf_alloc(PBUF_RAW, (u16_t)datagram.len, PBUF_RAM);
    if (arrival.p == NULL)
        return true;
    memcpy(arrival.p->payload, datagram.bytes, datagram.len);
    udp_arrive_at_all(port->stack, datagram.to.port, &arrival);
    port->stack->lw.pbuf_free(arrival.p);
    return true;
}
