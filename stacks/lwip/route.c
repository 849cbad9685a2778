/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which interface, which next hop, which source address.
 *
 * lwIP knows the subnets of its netifs and one gateway each; its questions come here instead. An address of
 * our own is reached by lo. Else the longest prefix wins among the subnets of the addresses and the routes of
 * the table, the lower metric among equals. Interfaces that are down do not count. The table is a list: a
 * host has few routes.
 *
 * Source addresses (RFC 6724, the rules that matter to a host without mobility): a destination of our own is
 * its own source; of the interface's addresses, those that are not deprecated and of the destination's scope,
 * then the longest common prefix.
 */
#include "lwip/route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_addr.h>

#include "lwip/port.h"
#include "lwip/trial.h"

static const uint8_t *bytes_of(const ip_addr_t *ip)
{
    return (const uint8_t *)&ip->u_addr;
}

static unsigned address_bits(const ip_addr_t *ip)
{
    return IP_IS_V6(ip) ? 128 : 32;
}

/* How many bits agree from the left; families must be the same. */
static unsigned common_bits(const ip_addr_t *a, const ip_addr_t *b)
{
    unsigned bits = address_bits(a), i;

    for (i = 0; i < bits; i++)
        if (((bytes_of(a)[i / 8] ^ bytes_of(b)[i / 8]) & (0x80 >> (i % 8))) != 0)
            break;
    return i;
}

bool route_prefix_matches(const ip_addr_t *a, const ip_addr_t *b, unsigned bits)
{
    unsigned rest = bits % 8;

    if (IP_IS_V6(a) != IP_IS_V6(b) || memcmp(bytes_of(a), bytes_of(b), bits / 8) != 0)
        return false;
    return rest == 0 || ((bytes_of(a)[bits / 8] ^ bytes_of(b)[bits / 8]) >> (8 - rest)) == 0;
}

/* lo answers for all of 127.0.0.0/8. */
static bool is_loopback(const ip_addr_t *ip)
{
    return IP_IS_V6(ip) ? ip6_addr_isloopback(ip_2_ip6(ip)) : bytes_of(ip)[0] == 127;
}

struct address *route_listed_address(const struct stack *stack, const ip_addr_t *ip, const struct port *port)
{
    struct address *address;

    for (address = stack->addresses; address != NULL; address = address->next)
        if ((port == NULL || address->port == port) &&
            route_prefix_matches(&address->ip, ip, address_bits(ip)))
            return address;
    return NULL;
}

struct address *route_own_address(const struct stack *stack, const ip_addr_t *ip, const struct port *port)
{
    struct address *address = route_listed_address(stack, ip, port);

    return address == NULL || trial_forbids(address) ? NULL : address;
}

bool route_is_broadcast(const struct stack *stack, const ip_addr_t *ip, const struct port *port)
{
    const struct address *address;
    uint32_t value, host;

    if (IP_IS_V6(ip))
        return false;
    value = ntohl(ip_2_ip4(ip)->addr);
    if (value == 0xffffffff)
        return true;
    for (address = stack->addresses; address != NULL; address = address->next) {
        if (IP_IS_V6(&address->ip) || address->prefix_bits > 30 || (port != NULL && address->port != port) ||
            address->port->ifindex == LO_INDEX)
            continue;
        host = 0xffffffff >> address->prefix_bits;
        if (route_prefix_matches(&address->ip, ip, address->prefix_bits) && (value & host) == host)
            return true;
    }
    return false;
}

/* ---- ways ---- */

static bool is_link_local(const ip_addr_t *ip)
{
    return IP_IS_V6(ip) && ip6_addr_islinklocal(ip_2_ip6(ip));
}

/* The subnet that holds dst, of an interface that is up. */
static const struct address *find_subnet(const struct stack *stack, const ip_addr_t *dst,
                                         const struct port *port)
{
    const struct address *address, *best = NULL;

    for (address = stack->addresses; address != NULL; address = address->next) {
        if (!address->port->up || (port != NULL && address->port != port) ||
            !route_prefix_matches(&address->ip, dst, address->prefix_bits))
            continue;
        if (best == NULL || address->prefix_bits > best->prefix_bits)
            best = address;
    }
    return best;
}

struct route *route_lookup(const struct stack *stack, const ip_addr_t *dst, const struct port *port)
{
    struct route *route, *best = NULL;

    for (route = stack->routes; route != NULL; route = route->next) {
        if (!route->port->up || (port != NULL && route->port != port) ||
            !route_prefix_matches(&route->dst, dst, route->dst_bits))
            continue;
        if (best == NULL || route->dst_bits > best->dst_bits ||
            (route->dst_bits == best->dst_bits && route->metric < best->metric))
            best = route;
    }
    return best;
}

static struct port *first_up(const struct stack *stack)
{
    struct port *port;

    for (port = stack->ports->next; port != NULL && !port->up; port = port->next)
        ;
    return port;
}

static bool is_group(const ip_addr_t *ip)
{
    return ip_addr_ismulticast(ip) || (!IP_IS_V6(ip) && ip_2_ip4(ip)->addr == IPADDR_BROADCAST);
}

/* The zone tells lwIP the link of a link-local address. */
static void set_way(struct route_way *way, struct port *port, const ip_addr_t *hop)
{
    way->port = port;
    way->hop = *hop;
    way->hop_limit = HOP_LIMIT_DEFAULT;
    if (IP_IS_V6(hop))
        ip6_addr_assign_zone(ip_2_ip6(&way->hop), IP6_UNKNOWN, &port->card.netif);
}

static void set_route_way(struct route_way *way, const struct route *route, const ip_addr_t *dst)
{
    set_way(way, route->port, route->has_gateway ? &route->gateway : dst);
    if (route->hop_limit != 0)
        way->hop_limit = route->hop_limit;
}

static int find_group_way(const struct stack *stack, const ip_addr_t *dst, struct port *port,
                          struct route_way *ret_way)
{
    const struct route *route = port == NULL ? route_lookup(stack, dst, NULL) : NULL;

    if (port == NULL)
        port = route != NULL ? route->port : first_up(stack);
    if (port == NULL || !port->up)
        return -ENETUNREACH;
    set_way(ret_way, port, dst);
    return 0;
}

int route_find(const struct stack *stack, const ip_addr_t *dst, struct port *port, struct route_way *ret_way)
{
    const struct address *subnet;
    const struct route *route;

    if (is_group(dst))
        return find_group_way(stack, dst, port, ret_way);
    if (is_loopback(dst) || route_own_address(stack, dst, NULL) != NULL) {
        set_way(ret_way, stack_lo(stack), dst);
        return stack_lo(stack)->up ? 0 : -ENETUNREACH;
    }
    if (port == NULL && is_link_local(dst))
        port = first_up(stack);
    subnet = find_subnet(stack, dst, port);
    route = route_lookup(stack, dst, port);
    if (subnet != NULL && (route == NULL || subnet->prefix_bits >= route->dst_bits))
        set_way(ret_way, subnet->port, dst);
    else if (route != NULL)
        set_route_way(ret_way, route, dst);
    else if (port != NULL && port->up && is_link_local(dst))
        set_way(ret_way, port, dst);
    else
        return -ENETUNREACH;
    return 0;
}

/* ---- source addresses ---- */

/* Smaller is better: deprecated last, another scope before, then fewer common bits. */
static unsigned unfitness(const struct address *address, const ip_addr_t *dst)
{
    unsigned value = 128 - common_bits(&address->ip, dst);

    if (IP_IS_V6(dst)) {
        bool narrow =
            is_link_local(dst) || (ip_addr_ismulticast(dst) && ip6_addr_ismulticast_linklocal(ip_2_ip6(dst)));

        if (narrow != is_link_local(&address->ip))
            value += 256;
        if ((address->flags & IFA_F_DEPRECATED) != 0)
            value += 512;
    }
    return value;
}

const ip_addr_t *route_source(const struct stack *stack, const struct route_way *way, const ip_addr_t *dst)
{
    const struct address *address, *best = NULL;

    if (way->port->ifindex == LO_INDEX && !ip_addr_ismulticast(dst)) {
        address = route_own_address(stack, dst, NULL);
        if (address != NULL)
            return &address->ip;
    }
    for (address = stack->addresses; address != NULL; address = address->next) {
        if (address->port != way->port || IP_IS_V6(&address->ip) != IP_IS_V6(dst) || trial_forbids(address))
            continue;
        if (best == NULL || unfitness(address, &way->hop) < unfitness(best, &way->hop))
            best = address;
    }
    if (best != NULL)
        return &best->ip;
    for (address = stack->addresses; address != NULL; address = address->next) /* a route without a subnet */
        if (IP_IS_V6(&address->ip) == IP_IS_V6(dst) && !is_loopback(&address->ip) &&
            !is_link_local(&address->ip) && !trial_forbids(address))
            return &address->ip;
    return NULL;
}

/* ---- the table ---- */

int route_add(struct stack *stack, const struct route *route)
{
    struct route *added;

    if (route_search(stack, &route->dst, route->dst_bits, route->has_gateway ? &route->gateway : NULL,
                     route->port->ifindex, route->metric) != NULL)
        return -EEXIST;
    added = malloc(sizeof(*added));
    if (added == NULL)
        return -ENOMEM;
    *added = *route;
    added->next = stack->routes;
    stack->routes = added;
    return 0;
}

struct route *route_search(const struct stack *stack, const ip_addr_t *dst, unsigned bits,
                           const ip_addr_t *gateway, unsigned ifindex, uint32_t metric)
{
    struct route *route;

    for (route = stack->routes; route != NULL; route = route->next)
        if (route->dst_bits == bits && route_prefix_matches(&route->dst, dst, bits) &&
            (gateway == NULL ||
             (route->has_gateway && route_prefix_matches(&route->gateway, gateway, address_bits(gateway)))) &&
            (ifindex == 0 || route->port->ifindex == ifindex) && (metric == 0 || route->metric == metric))
            return route;
    return NULL;
}

void route_remove(struct stack *stack, struct route *route)
{
    struct route **at;

    for (at = &stack->routes; *at != route; at = &(*at)->next)
        ;
    *at = route->next;
    free(route);
}

/* Would the gateway be found without this route? */
static bool gateway_is_lost(const struct stack *stack, const struct route *route)
{
    return route->has_gateway && !is_link_local(&route->gateway) &&
           find_subnet(stack, &route->gateway, route->port) == NULL;
}

void route_flush(struct stack *stack, const struct port *port, int family)
{
    struct route **at = &stack->routes;

    while (*at != NULL) {
        struct route *route = *at;

        if (route->port == port && IP_IS_V6(&route->dst) == (family == AF_INET6) &&
            (!port->up || gateway_is_lost(stack, route)))
            route_remove(stack, route);
        else
            at = &route->next;
    }
}

void route_fini(struct stack *stack)
{
    while (stack->routes != NULL)
        route_remove(stack, stack->routes);
}

/* ---- lwIP asks ---- */

struct netif *route_hook_ip4_route(const ip4_addr_t *dst)
{
    ip_addr_t ip = IPADDR4_INIT(dst->addr);
    struct route_way way;

    return route_find(stack_current(), &ip, NULL, &way) < 0 ? NULL : &way.port->card.netif;
}

/* A zone of the destination or an address of ours as source says which link a link-local address is on. */
static struct port *port_of_scope(const struct stack *stack, const ip6_addr_t *src, const ip6_addr_t *dst)
{
    struct port *port;
    ip_addr_t ip = IPADDR6_INIT(0, 0, 0, 0);
    const struct address *address;

    if (ip6_addr_has_zone(dst))
        for (port = stack->ports; port != NULL; port = port->next)
            if (ip6_addr_zone(dst) == netif_get_index(&port->card.netif))
                return port;
    if (src == NULL || ip6_addr_isany(src) || !ip6_addr_islinklocal(dst))
        return NULL;
    ip_addr_copy_from_ip6(ip, *src);
    address = route_own_address(stack, &ip, NULL);
    return address == NULL ? NULL : address->port;
}

struct netif *route_hook_ip6_route(const ip6_addr_t *src, const ip6_addr_t *dst)
{
    const struct stack *stack = stack_current();
    ip_addr_t ip = IPADDR6_INIT(0, 0, 0, 0);
    struct route_way way;

    ip_addr_copy_from_ip6(ip, *dst);
    return route_find(stack, &ip, port_of_scope(stack, src, dst), &way) < 0 ? NULL : &way.port->card.netif;
}

const ip_addr_t *route_hook_ip6_source(struct netif *netif, const ip6_addr_t *dst)
{
    ip_addr_t ip = IPADDR6_INIT(0, 0, 0, 0);
    struct route_way way = {.port = netif->state};

    ip_addr_copy_from_ip6(ip, *dst);
    way.hop = ip;
    return route_source(stack_current(), &way, &ip);
}
