/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_MUTE_H
#define LWIP_MUTE_H
/* Muted addresses (IOTH_IFA_F_MUTED of ioth_plugin.h): what lwIP may see of the packets to them. */

#include "lwip/stack.h"

/* May lwIP see a packet of that protocol to that address? Fragments are looked at when they are whole. */
bool mute_admits(const struct stack *stack, const ip_addr_t *dst, unsigned protocol);
/* The same of the packet that lwIP is taking in, from the header of its protocol on: */
bool mute_admits_tcp(const struct stack *stack, const struct pbuf *p);
bool mute_admits_udp(const struct stack *stack, const struct pbuf *p);
bool mute_admits_icmp6(const struct stack *stack, const struct pbuf *p);

#endif
