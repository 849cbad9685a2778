/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_PORT_H
#define LWIP_PORT_H
/* Interfaces, their addresses, and the way of a frame in and out. All under the stack's lock. */

#include "lwip/stack.h"

int port_add_lo(struct stack *stack);
/* An interface, down, with a random MAC address, on that wire, which is NULL afterwards if it was taken. 0 or a negative
 * errno. */
__attribute__((warn_unused_result)) int port_add(struct stack *stack, const char *name, struct wire **wire);
void port_remove_all(struct stack *stack);

void port_set_up(struct port *port, bool up);
int port_set_mac(struct port *port, const uint8_t mac[static 6]);
int port_set_mtu(struct port *port, unsigned mtu);
static inline const uint8_t *port_mac(const struct port *port)
{
    return port->card.netif.hwaddr;
}

/* Adds an address: 0, -EEXIST, -ENOMEM, -ENOSPC (the stack has all that lwIP can number). */
__attribute__((warn_unused_result)) int port_add_address(struct port *port, const struct address *address);
void port_remove_address(struct address *address);

/* A frame came in from the wire: sockets of AF_PACKET see it, then the neighbours, then lwIP. */
void port_input(struct port *port, const uint8_t *frame, size_t len);
/* A packet to an own address came in by lo. Takes p over. */
void port_input_ip(struct port *port, struct pbuf *p);
/* Sends p, which begins with the IP header, in a frame of that type; p is as it was afterwards. ERR_BUF: the wire has no room
 * now for this segment of TCP, which keeps it (wire_send). All else that finds no room, or no network, is lost as on a wire,
 * counted, and all is well. */
err_t port_output(struct port *port, struct pbuf *p, const uint8_t mac[static 6], uint16_t type);
/* The same with a whole frame. */
err_t port_output_frame(struct port *port, const uint8_t *frame, size_t len);

#endif
