/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_ROUTE_H
#define LWIP_ROUTE_H

#include "lwip/stack.h"

/* Where a packet goes. */
struct route_way {
    struct port *port; /* lo: an address of this stack */
    ip_addr_t hop;     /* whose MAC address it is sent to */
    uint8_t hop_limit; /* for packets of sockets that do not say another */
};

/* Finds the way to dst; port: the interface that it has to leave by, or NULL. Multicasts and 255.255.255.255
 * leave by `port`, else by the default route's interface, else by the first that is up. 0 or -ENETUNREACH. */
__attribute__((warn_unused_result)) int route_find(const struct stack *stack, const ip_addr_t *dst,
                                                   struct port *port, struct route_way *ret_way);
/* The address to send from to dst by way->port, NULL: there is none of that family. */
const ip_addr_t *route_source(const struct stack *stack, const struct route_way *way, const ip_addr_t *dst);

/* The address of this stack that equals ip, or NULL; port: only those of that interface, or NULL. An address that is
 * still being tried (trial.h) is not one yet; */
struct address *route_own_address(const struct stack *stack, const ip_addr_t *ip, const struct port *port);
/* but it is on the list. */
struct address *route_listed_address(const struct stack *stack, const ip_addr_t *ip, const struct port *port);
/* Is ip the broadcast address of a subnet of that interface (NULL: of any), or 255.255.255.255? */
bool route_is_broadcast(const struct stack *stack, const ip_addr_t *ip, const struct port *port);
/* Do the first `bits` bits agree (and the families)? */
bool route_prefix_matches(const ip_addr_t *a, const ip_addr_t *b, unsigned bits);

/* Adds a route, removes one: 0, -ENOMEM, -EEXIST. */
__attribute__((warn_unused_result)) int route_add(struct stack *stack, const struct route *route);
/* The route so described (metric 0, gateway or port not given: any), or NULL. */
struct route *route_search(const struct stack *stack, const ip_addr_t *dst, unsigned bits,
                           const ip_addr_t *gateway, unsigned ifindex, uint32_t metric);
/* The route that a packet to dst takes, or NULL: none of the table. */
struct route *route_lookup(const struct stack *stack, const ip_addr_t *dst, const struct port *port);
void route_remove(struct stack *stack, struct route *route);
/* Removes the routes of an interface, which is going down; those whose gateway is no longer on a link. */
void route_flush(struct stack *stack, const struct port *port, int family);
void route_fini(struct stack *stack);

/* What lwIP calls. */
struct netif *route_hook_ip4_route(const ip4_addr_t *dst);
struct netif *route_hook_ip6_route(const ip6_addr_t *src, const ip6_addr_t *dst);
const ip_addr_t *route_hook_ip6_source(struct netif *netif, const ip6_addr_t *dst);

#endif
