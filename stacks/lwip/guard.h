/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_GUARD_H
#define LWIP_GUARD_H
/* What is kept from lwIP, or changed before lwIP sees it. */

#include "lwip/stack.h"

/* May this packet, len bytes from its IP header on, go to lwIP? */
bool guard_admits4(const struct port *port, const uint8_t *packet, size_t len);
bool guard_admits6(const struct port *port, const uint8_t *packet, size_t len);

/* What lwIP calls in place of its functions of these names. */
void guard_hook_udp_input(struct pbuf *p, struct netif *inp);
void guard_hook_tcp_input(struct pbuf *p, struct netif *inp);
void guard_hook_icmp_input(struct pbuf *p, struct netif *inp);
void guard_hook_icmp6_input(struct pbuf *p, struct netif *inp);
void guard_hook_nd6_input(struct pbuf *p, struct netif *inp);
struct mld_group *guard_hook_mld6_lookfor_group(struct netif *netif, const ip6_addr_t *group);

#endif
