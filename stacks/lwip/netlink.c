/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Configuration as rtnetlink(7) has it: links, addresses, routes, neighbours.
 *
 * A socket of AF_NETLINK hands what is sent to libnlq, which checks it and calls the handlers below; the
 * replies wait in the socket until they are received, one message at a time. Nothing is told unasked: groups
 * (nl_groups) are refused.
 */
#include "lwip/netlink.h"

#include <poll.h>
#include <string.h>

#include <libnlq.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>

#include "lwip/neigh.h"
#include "lwip/port.h"
#include "lwip/route.h"
#include "lwip/sock.h"
#include "lwip/wire.h"

#define NO_LIFETIME_END 0xffffffffU

static uint32_t get32(const struct nlattr *attr, uint32_t otherwise)
{
    if (attr != NULL)
        memcpy(&otherwise, nlq_attrdata(attr), sizeof(otherwise));
    return otherwise;
}

static void add32(struct nlq_msg *msg, unsigned short type, uint32_t value)
{
    nlq_addattr(msg, type, &value, sizeof(value));
}

static unsigned short address_len(const ip_addr_t *ip)
{
    return IP_IS_V6(ip) ? 16 : 4;
}

static unsigned char family_of(const ip_addr_t *ip)
{
    return IP_IS_V6(ip) ? AF_INET6 : AF_INET;
}

static void add_ip(struct nlq_msg *msg, unsigned short type, const ip_addr_t *ip)
{
    nlq_addattr(msg, type, &ip->u_addr, address_len(ip));
}

/* The address of an attribute, "any" if there is none. */
static ip_addr_t read_ip(unsigned char family, const struct nlattr *attr)
{
    ip_addr_t ip;

    ip_addr_set_any_val(family == AF_INET6, ip);
    if (attr != NULL)
        memcpy(&ip.u_addr, nlq_attrdata(attr), address_len(&ip));
    return ip;
}

static bool is_served(unsigned char family)
{
    return family == AF_INET || family == AF_INET6;
}

static bool is_asked_for(const struct nlmsghdr *msg, const ip_addr_t *ip)
{
    unsigned char family = *(const unsigned char *)NLMSG_DATA(msg);

    return family == AF_UNSPEC || family == family_of(ip);
}

static int reply(struct nlq_msg *msg, struct nlq_msg **queue)
{
    return nlq_complete_enqueue(msg, queue) < 0 ? -errno : 0;
}

/* ---- links ---- */

static void *link_search(struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    const struct ifinfomsg *info = NLMSG_DATA(msg);

    if (info->ifi_index != 0)
        return stack_port(stackinfo, (unsigned)info->ifi_index);
    return attr[IFLA_IFNAME] == NULL ? NULL : stack_port_by_name(stackinfo, nlq_attrdata(attr[IFLA_IFNAME]));
}

/* Is its network there? */
static bool has_carrier(const struct port *port)
{
    return port->wire == NULL || wire_is_connected(port->wire);
}

static unsigned link_flags(const struct port *port)
{
    unsigned kind = port->wire == NULL ? IFF_LOOPBACK : IFF_BROADCAST | IFF_MULTICAST;

    if (!port->up)
        return kind;
    return has_carrier(port) ? kind | IFF_UP | IFF_RUNNING | IFF_LOWER_UP : kind | IFF_UP;
}

static void add_statistics(struct nlq_msg *msg, const struct port *port)
{
    const struct port_counters *counters = &port->counters;
    struct rtnl_link_stats64 all = {
        .rx_packets = counters->rx_packets,
        .tx_packets = counters->tx_packets,
        .rx_bytes = counters->rx_bytes,
        .tx_bytes = counters->tx_bytes,
        .rx_dropped = counters->rx_dropped,
        .tx_dropped = counters->tx_dropped,
    };
    struct rtnl_link_stats narrow = {
        .rx_packets = (uint32_t)counters->rx_packets,
        .tx_packets = (uint32_t)counters->tx_packets,
        .rx_bytes = (uint32_t)counters->rx_bytes,
        .tx_bytes = (uint32_t)counters->tx_bytes,
        .rx_dropped = (uint32_t)counters->rx_dropped,
        .tx_dropped = (uint32_t)counters->tx_dropped,
    };

    nlq_addattr(msg, IFLA_STATS64, &all, sizeof(all));
    nlq_addattr(msg, IFLA_STATS, &narrow, sizeof(narrow));
}

static int link_reply(const struct port *port, const struct nlmsghdr *request, struct nlq_msg **queue)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, none[6];
    struct nlq_msg *msg = nlq_createmsg(RTM_NEWLINK, NLM_F_MULTI, request->nlmsg_seq, 0);
    uint8_t state = port->up && has_carrier(port) ? IF_OPER_UP : IF_OPER_DOWN;

    nlq_addstruct(msg, ifinfomsg, .ifi_type = port->wire == NULL ? ARPHRD_LOOPBACK : ARPHRD_ETHER,
                  .ifi_index = (int)port->ifindex, .ifi_flags = link_flags(port));
    nlq_addattr(msg, IFLA_IFNAME, port->name, (unsigned short)(strlen(port->name) + 1));
    add32(msg, IFLA_MTU, port->card.netif.mtu);
    add32(msg, IFLA_TXQLEN, 1000);
    nlq_addattr(msg, IFLA_OPERSTATE, &state, 1);
    nlq_addattr(msg, IFLA_ADDRESS, port_mac(port), 6);
    nlq_addattr(msg, IFLA_BROADCAST, port->wire == NULL ? none : broadcast, 6);
    add_statistics(msg, port);
    return reply(msg, queue);
}

static int link_get(void *entry, struct nlmsghdr *msg, struct nlattr **attr, struct nlq_msg **queue,
                    void *stackinfo)
{
    const struct stack *stack = stackinfo;
    const struct port *port;
    int error = 0;

    (void)attr;
    if (entry != NULL)
        return link_reply(entry, msg, queue);
    for (port = stack->ports; port != NULL && error == 0; port = port->next)
        error = link_reply(port, msg, queue);
    return error;
}

static int link_rename(struct port *port, const struct nlattr *attr)
{
    const char *name = nlq_attrdata(attr);
    const struct port *other = stack_port_by_name(port->stack, name);

    if (other != NULL)
        return other == port ? 0 : -EEXIST;
    if (name[0] == '\0')
        return -EINVAL;
    if (port->up)
        return -EBUSY;
    strncpy(port->name, name, sizeof(port->name) - 1);
    return 0;
}

static int link_set(void *entry, struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    const struct ifinfomsg *info = NLMSG_DATA(msg);
    unsigned change = info->ifi_change != 0 ? info->ifi_change : info->ifi_flags != 0 ? ~0u : 0;
    struct port *port = entry;
    int error = 0;

    (void)stackinfo;
    if (attr[IFLA_IFNAME] != NULL && info->ifi_index != 0)
        error = link_rename(port, attr[IFLA_IFNAME]);
    if (error == 0 && attr[IFLA_ADDRESS] != NULL)
        error = port->wire == NULL                     ? -EOPNOTSUPP
                : nlq_attrlen(attr[IFLA_ADDRESS]) != 6 ? -EINVAL
                                                       : port_set_mac(port, nlq_attrdata(attr[IFLA_ADDRESS]));
    if (error == 0 && attr[IFLA_MTU] != NULL)
        error = port_set_mtu(port, get32(attr[IFLA_MTU], 0));
    if (error == 0 && (change & IFF_UP) != 0)
        port_set_up(port, (info->ifi_flags & IFF_UP) != 0);
    return error;
}

/* ---- addresses ---- */

static ip_addr_t address_of_request(const struct nlmsghdr *msg, struct nlattr **attr, const struct port *port)
{
    const struct ifaddrmsg *info = NLMSG_DATA(msg);
    ip_addr_t ip = read_ip(info->ifa_family, attr[IFA_LOCAL] != NULL ? attr[IFA_LOCAL] : attr[IFA_ADDRESS]);

    if (IP_IS_V6_VAL(ip) && port != NULL)
        ip6_addr_assign_zone(ip_2_ip6(&ip), IP6_UNICAST, &port->card.netif);
    return ip;
}

static void *address_search(struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    const struct ifaddrmsg *info = NLMSG_DATA(msg);
    struct port *port = stack_port(stackinfo, info->ifa_index);
    ip_addr_t ip;
    struct address *address;

    if (port == NULL || !is_served(info->ifa_family))
        return NULL;
    ip = address_of_request(msg, attr, port);
    address = route_listed_address(stackinfo, &ip, port);
    if (address == NULL || (msg->nlmsg_type == RTM_DELADDR && address->prefix_bits != info->ifa_prefixlen))
        return NULL;
    return address;
}

static int address_reply(const struct address *address, const struct nlmsghdr *request,
                         struct nlq_msg **queue)
{
    struct nlq_msg *msg = nlq_createmsg(RTM_NEWADDR, NLM_F_MULTI, request->nlmsg_seq, 0);
    struct ifa_cacheinfo life = {.ifa_prefered = NO_LIFETIME_END, .ifa_valid = NO_LIFETIME_END};

    nlq_addstruct(msg, ifaddrmsg, .ifa_family = family_of(&address->ip),
                  .ifa_prefixlen = (unsigned char)address->prefix_bits,
                  .ifa_flags = (unsigned char)address->flags, .ifa_scope = (unsigned char)address->scope,
                  .ifa_index = address->port->ifindex);
    add_ip(msg, IFA_ADDRESS, &address->ip);
    if (IP_IS_V4_VAL(address->ip)) {
        add_ip(msg, IFA_LOCAL, &address->ip);
        if (address->prefix_bits <= 30 && address->port->wire != NULL)
            add32(msg, IFA_BROADCAST,
                  ip_2_ip4(&address->ip)->addr | htonl(0xffffffff >> address->prefix_bits));
        nlq_addattr(msg, IFA_LABEL, address->label, (unsigned short)(strlen(address->label) + 1));
    }
    add32(msg, IFA_FLAGS, address->flags);
    nlq_addattr(msg, IFA_CACHEINFO, &life, sizeof(life));
    return reply(msg, queue);
}

static int address_get(void *entry, struct nlmsghdr *msg, struct nlattr **attr, struct nlq_msg **queue,
                       void *stackinfo)
{
    const struct ifaddrmsg *info = NLMSG_DATA(msg);
    const struct stack *stack = stackinfo;
    const struct address *address;
    int error = 0;

    (void)attr;
    if (entry != NULL)
        return address_reply(entry, msg, queue);
    for (address = stack->addresses; address != NULL && error == 0; address = address->next)
        if (is_asked_for(msg, &address->ip) &&
            (info->ifa_index == 0 || info->ifa_index == address->port->ifindex))
            error = address_reply(address, msg, queue);
    return error;
}

static uint32_t flags_of_request(struct nlattr **attr, const struct ifaddrmsg *info)
{
    const uint32_t state = IFA_F_TENTATIVE | IFA_F_DADFAILED;

    return (get32(attr[IFA_FLAGS], info->ifa_flags) | IFA_F_PERMANENT) & ~state;
}

static int address_new(struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    const struct ifaddrmsg *info = NLMSG_DATA(msg);
    struct port *port = stack_port(stackinfo, info->ifa_index);
    struct address address = {.prefix_bits = info->ifa_prefixlen};

    if (!is_served(info->ifa_family))
        return -EOPNOTSUPP;
    if (port == NULL)
        return -ENODEV;
    address.ip = address_of_request(msg, attr, port);
    if (ip_addr_isany_val(address.ip) || ip_addr_ismulticast(&address.ip) ||
        (IP_IS_V4_VAL(address.ip) && ip_2_ip4(&address.ip)->addr == IPADDR_BROADCAST))
        return -EADDRNOTAVAIL;
    address.flags = flags_of_request(attr, info);
    if (attr[IFA_CACHEINFO] != NULL && (address.flags & IFA_F_NODAD) == 0 && IP_IS_V6_VAL(address.ip) &&
        port->wire != NULL)
        address.flags |= IFA_F_TENTATIVE;
    address.scope = info->ifa_scope;
    if (IP_IS_V6_VAL(address.ip) && ip6_addr_islinklocal(ip_2_ip6(&address.ip)))
        address.scope = RT_SCOPE_LINK;
    if (attr[IFA_LABEL] != NULL)
        strncpy(address.label, nlq_attrdata(attr[IFA_LABEL]), sizeof(address.label) - 1);
    return port_add_address(port, &address);
}

/* Lifetimes and flags: the address lives until it is removed, and how far its trial is stays as it is. */
static int address_set(void *entry, struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    const struct ifaddrmsg *info = NLMSG_DATA(msg);
    struct address *address = entry;

    (void)stackinfo;
    if (attr[IFA_FLAGS] != NULL || info->ifa_flags != 0)
        address->flags =
            flags_of_request(attr, info) | (address->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED));
    return 0;
}

static int address_del(void *entry, struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    (void)msg, (void)attr, (void)stackinfo;
    port_remove_address(entry);
    return 0;
}

/* ---- routes ---- */

/* What a packet to an address does, as a route; one without an interface if there is no way there. */
static void *route_ask(const struct rtmsg *info, struct nlattr **attr, struct stack *stack)
{
    ip_addr_t dst = read_ip(info->rtm_family, attr[RTA_DST]);
    struct port *port = stack_port(stack, get32(attr[RTA_OIF], 0));
    struct route *answer = &stack->route_answer;
    struct route_way way;

    *answer = (struct route){.port = NULL};
    if (route_find(stack, &dst, port, &way) < 0)
        return answer;
    *answer = (struct route){.dst = dst,
                             .dst_bits = IP_IS_V6_VAL(dst) ? 128 : 32,
                             .port = way.port,
                             .gateway = way.hop,
                             .scope = RT_SCOPE_UNIVERSE,
                             .protocol = RTPROT_UNSPEC};
    answer->has_gateway = !ip_addr_cmp_zoneless(&dst, &way.hop);
    return answer;
}

static void *route_search_request(struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    const struct rtmsg *info = NLMSG_DATA(msg);
    ip_addr_t dst, gateway;
    bool is_new = msg->nlmsg_type == RTM_NEWROUTE;

    if (!is_served(info->rtm_family))
        return NULL;
    if (msg->nlmsg_type == RTM_GETROUTE)
        return route_ask(info, attr, stackinfo);
    dst = read_ip(info->rtm_family, attr[RTA_DST]);
    gateway = read_ip(info->rtm_family, attr[RTA_GATEWAY]);
    return route_search(stackinfo, &dst, info->rtm_dst_len,
                        attr[RTA_GATEWAY] == NULL || is_new ? NULL : &gateway,
                        is_new ? 0 : get32(attr[RTA_OIF], 0), get32(attr[RTA_PRIORITY], 0));
}

static int route_reply(const struct route *route, const struct nlmsghdr *request, struct nlq_msg **queue)
{
    struct nlq_msg *msg = nlq_createmsg(RTM_NEWROUTE, NLM_F_MULTI, request->nlmsg_seq, 0);
    struct route_way way = {.port = route->port, .hop = route->has_gateway ? route->gateway : route->dst};
    const ip_addr_t *source = route_source(route->port->stack, &way, &way.hop);

    nlq_addstruct(msg, rtmsg, .rtm_family = family_of(&route->dst),
                  .rtm_dst_len = (unsigned char)route->dst_bits, .rtm_table = RT_TABLE_MAIN,
                  .rtm_protocol = route->protocol, .rtm_scope = route->scope, .rtm_type = RTN_UNICAST);
    add32(msg, RTA_TABLE, RT_TABLE_MAIN);
    if (route->dst_bits > 0)
        add_ip(msg, RTA_DST, &route->dst);
    if (route->has_gateway)
        add_ip(msg, RTA_GATEWAY, &route->gateway);
    add32(msg, RTA_OIF, route->port->ifindex);
    if (route->metric != 0)
        add32(msg, RTA_PRIORITY, route->metric);
    if (route->hop_limit != 0) {
        struct nlq_msg *metrics = nlq_createxattr();
        add32(metrics, RTAX_HOPLIMIT, route->hop_limit);
        nlq_addxattr(msg, RTA_METRICS, metrics);
    }
    if (source != NULL &&
        (route->protocol == RTPROT_KERNEL || route->dst_bits == address_len(&route->dst) * 8u))
        add_ip(msg, RTA_PREFSRC, source);
    return reply(msg, queue);
}

/* The subnet of an address, as a route. */
static int subnet_reply(const struct address *address, const struct nlmsghdr *request, struct nlq_msg **queue)
{
    struct route route = {.dst = address->ip,
                          .dst_bits = address->prefix_bits,
                          .port = address->port,
                          .protocol = RTPROT_KERNEL,
                          .scope = RT_SCOPE_LINK};
    uint8_t *bytes = (uint8_t *)&route.dst.u_addr;
    unsigned i;

    for (i = address->prefix_bits; i < address_len(&address->ip) * 8u; i++)
        bytes[i / 8] = (uint8_t)(bytes[i / 8] & ~(0x80 >> (i % 8)));
    if (IP_IS_V6_VAL(address->ip))
        route.scope = RT_SCOPE_UNIVERSE;
    return route_reply(&route, request, queue);
}

static int route_get(void *entry, struct nlmsghdr *msg, struct nlattr **attr, struct nlq_msg **queue,
                     void *stackinfo)
{
    const struct stack *stack = stackinfo;
    const struct address *address;
    const struct route *route;
    int error = 0;

    (void)attr;
    if (entry != NULL)
        return ((const struct route *)entry)->port == NULL ? -ENETUNREACH : route_reply(entry, msg, queue);
    for (route = stack->routes; route != NULL && error == 0; route = route->next)
        if (is_asked_for(msg, &route->dst))
            error = route_reply(route, msg, queue);
    for (address = stack->addresses; address != NULL && error == 0; address = address->next)
        if (is_asked_for(msg, &address->ip) && address->port->up && address->port->wire != NULL)
            error = subnet_reply(address, msg, queue);
    return error;
}

/* A gateway must be on a link; it tells the interface if the request does not. */
static int find_port_of_gateway(const struct stack *stack, struct route *route)
{
    int unreachable = IP_IS_V6_VAL(route->gateway) ? -EHOSTUNREACH : -ENETUNREACH; /* as Linux has it */
    struct route_way way;

    if (route->port == NULL && route_find(stack, &route->gateway, NULL, &way) == 0)
        route->port = way.port;
    if (route->port == NULL || route->port->wire == NULL)
        return unreachable;
    if (IP_IS_V6_VAL(route->gateway))
        ip6_addr_assign_zone(ip_2_ip6(&route->gateway), IP6_UNICAST, &route->port->card.netif);
    if (route_find(stack, &route->gateway, route->port, &way) < 0 || way.port != route->port)
        return unreachable;
    return 0;
}

/* The one metric that is served, as Linux bounds it; 0: there is none. */
static uint8_t read_hop_limit(const struct nlattr *metrics)
{
    struct nlattr *metric[RTAX_HOPLIMIT + 1];

    if (nlq_parsexattr(metrics, metric, RTAX_HOPLIMIT + 1) < 0 || metric[RTAX_HOPLIMIT] == NULL ||
        nlq_attrlen(metric[RTAX_HOPLIMIT]) != sizeof(uint32_t))
        return 0;
    uint32_t hop_limit = get32(metric[RTAX_HOPLIMIT], 0);
    return hop_limit < UINT8_MAX ? (uint8_t)hop_limit : UINT8_MAX;
}

static int read_route(const struct nlmsghdr *msg, struct nlattr **attr, const struct stack *stack,
                      struct route *route)
{
    const struct rtmsg *info = NLMSG_DATA(msg);
    uint32_t ifindex = get32(attr[RTA_OIF], 0);

    if (!is_served(info->rtm_family) || (info->rtm_type != RTN_UNICAST && info->rtm_type != RTN_UNSPEC))
        return -EOPNOTSUPP;
    *route = (struct route){.dst = read_ip(info->rtm_family, attr[RTA_DST]),
                            .dst_bits = info->rtm_dst_len,
                            .gateway = read_ip(info->rtm_family, attr[RTA_GATEWAY]),
                            .port = stack_port(stack, ifindex),
                            .metric = get32(attr[RTA_PRIORITY], 0),
                            .hop_limit = read_hop_limit(attr[RTA_METRICS]),
                            .protocol = info->rtm_protocol,
                            .scope = info->rtm_scope};
    route->has_gateway = attr[RTA_GATEWAY] != NULL && !ip_addr_isany(&route->gateway);
    if (ifindex != 0 && route->port == NULL)
        return -ENODEV;
    if (route->port != NULL && !route->port->up)
        return -ENETDOWN;
    if (!route->has_gateway)
        return route->port == NULL ? -ENODEV : 0;
    return find_port_of_gateway(stack, route);
}

static int route_new(struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    struct route route;
    int error = read_route(msg, attr, stackinfo, &route);

    return error < 0 ? error : route_add(stackinfo, &route);
}

static int route_del(void *entry, struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    (void)msg, (void)attr;
    route_remove(stackinfo, entry);
    return 0;
}

static int route_set(void *entry, struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    struct route route, *replaced = entry;
    int error = read_route(msg, attr, stackinfo, &route);

    if (error < 0)
        return error;
    route.next = replaced->next;
    *replaced = route;
    return 0;
}

/* ---- neighbours ---- */

static void *neighbour_search(struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    const struct ndmsg *info = NLMSG_DATA(msg);
    struct port *port = stack_port(stackinfo, (unsigned)info->ndm_ifindex);
    ip_addr_t ip;

    if (port == NULL || !is_served(info->ndm_family) || attr[NDA_DST] == NULL)
        return NULL;
    ip = read_ip(info->ndm_family, attr[NDA_DST]);
    return neigh_find(stackinfo, port, &ip);
}

static int neighbour_reply(const struct neighbour *neighbour, const struct nlmsghdr *request,
                           struct nlq_msg **queue)
{
    static const uint16_t states[] = {[NEIGH_INCOMPLETE] = NUD_INCOMPLETE,
                                      [NEIGH_KNOWN] = NUD_REACHABLE,
                                      [NEIGH_PERMANENT] = NUD_PERMANENT};
    struct nlq_msg *msg = nlq_createmsg(RTM_NEWNEIGH, NLM_F_MULTI, request->nlmsg_seq, 0);

    nlq_addstruct(msg, ndmsg, .ndm_family = family_of(&neighbour->ip),
                  .ndm_ifindex = (int)neighbour->port->ifindex, .ndm_state = states[neighbour->state],
                  .ndm_type = RTN_UNICAST);
    add_ip(msg, NDA_DST, &neighbour->ip);
    if (neighbour->state != NEIGH_INCOMPLETE)
        nlq_addattr(msg, NDA_LLADDR, neighbour->mac, 6);
    return reply(msg, queue);
}

static int neighbour_get(void *entry, struct nlmsghdr *msg, struct nlattr **attr, struct nlq_msg **queue,
                         void *stackinfo)
{
    const struct stack *stack = stackinfo;
    const struct neighbour *at;
    int error = 0, i;

    (void)attr;
    if (entry != NULL)
        return neighbour_reply(entry, msg, queue);
    for (i = 0; i < NEIGH_BUCKETS; i++)
        for (at = stack->neighbours[i]; at != NULL && error == 0; at = at->next)
            if (is_asked_for(msg, &at->ip))
                error = neighbour_reply(at, msg, queue);
    return error;
}

static int neighbour_new(struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    const struct ndmsg *info = NLMSG_DATA(msg);
    struct port *port = stack_port(stackinfo, (unsigned)info->ndm_ifindex);
    ip_addr_t ip;

    if (!is_served(info->ndm_family))
        return -EOPNOTSUPP;
    if (port == NULL || port->wire == NULL)
        return -ENODEV;
    if (attr[NDA_DST] == NULL || attr[NDA_LLADDR] == NULL || nlq_attrlen(attr[NDA_LLADDR]) != 6)
        return -EINVAL;
    ip = read_ip(info->ndm_family, attr[NDA_DST]);
    return neigh_set(port, &ip, nlq_attrdata(attr[NDA_LLADDR]));
}

static int neighbour_set(void *entry, struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    (void)entry;
    return neighbour_new(msg, attr, stackinfo);
}

static int neighbour_del(void *entry, struct nlmsghdr *msg, struct nlattr **attr, void *stackinfo)
{
    (void)msg, (void)attr;
    neigh_remove(stackinfo, entry);
    return 0;
}

static const nlq_request_handlers_table handlers = {
    [RTMF_LINK] = {link_search, link_get, NULL, NULL, link_set},
    [RTMF_ADDR] = {address_search, address_get, address_new, address_del, address_set},
    [RTMF_ROUTE] = {route_search_request, route_get, route_new, route_del, route_set},
    [RTMF_NEIGH] = {neighbour_search, neighbour_get, neighbour_new, neighbour_del, neighbour_set},
};

int netlink_ioctl(struct stack *stack, int family, unsigned long request, void *arg)
{
    return nlq_server_ioctl_family(handlers, stack, family, request, arg) < 0 ? -errno : 0;
}

/* ---- the socket ---- */

enum { REQUEST_MAX = 65536 };

static int netlink_open(struct sock *sock)
{
    sock->netlink.port_id = (uint32_t)sock->id;
    return 0;
}

static void netlink_end(struct sock *sock)
{
    nlq_free(&sock->netlink.replies);
}

static int netlink_bind(struct sock *sock, const struct sockaddr *addr, socklen_t len)
{
    const struct sockaddr_nl *nl = (const struct sockaddr_nl *)addr;

    if (len < sizeof(*nl) || nl->nl_family != AF_NETLINK)
        return -EINVAL;
    if (nl->nl_groups != 0)
        return -EOPNOTSUPP;
    if (nl->nl_pid != 0)
        sock->netlink.port_id = nl->nl_pid;
    return 0;
}

static int netlink_connect(struct sock *sock, const struct sockaddr *addr, socklen_t len)
{
    const struct sockaddr_nl *nl = (const struct sockaddr_nl *)addr;

    (void)sock;
    if (len < sizeof(*nl) || nl->nl_family != AF_NETLINK)
        return -EINVAL;
    return nl->nl_pid == 0 ? 0 : -ECONNREFUSED;
}

static int netlink_name(struct sock *sock, bool peer, struct sockaddr_storage *ret_addr, socklen_t *ret_len)
{
    struct sockaddr_nl *nl = (struct sockaddr_nl *)ret_addr;

    memset(ret_addr, 0, sizeof(*ret_addr));
    nl->nl_family = AF_NETLINK;
    nl->nl_pid = peer ? 0 : sock->netlink.port_id;
    *ret_len = sizeof(*nl);
    return 0;
}

static ssize_t netlink_send(struct sock *sock, const struct msghdr *msg, size_t skip, int flags)
{
    size_t len = sock_message_len(msg);
    struct nlq_msg *replies;
    _Alignas(4) char request[REQUEST_MAX];

    (void)skip, (void)flags;
    if (len > sizeof(request))
        return -EMSGSIZE;
    sock_gather(msg, 0, request, len);
    replies = nlq_process_rtrequests(request, len, handlers, sock->stack);
    while (replies != NULL)
        nlq_enqueue(nlq_dequeue(&replies), &sock->netlink.replies);
    ready_update(sock);
    return (ssize_t)len;
}

static ssize_t netlink_recv(struct sock *sock, struct msghdr *msg, int flags)
{
    struct nlq_msg *first = nlq_head(sock->netlink.replies);
    struct sockaddr_nl from = {.nl_family = AF_NETLINK};
    size_t len, copied;

    if (first == NULL)
        return -EAGAIN;
    len = first->nlq_size;
    copied = sock_scatter(msg, 0, first->nlq_packet, len);
    msg->msg_flags = copied < len ? MSG_TRUNC : 0;
    msg->msg_controllen = 0;
    if (msg->msg_name != NULL) {
        memcpy(msg->msg_name, &from, sizeof(from) < msg->msg_namelen ? sizeof(from) : msg->msg_namelen);
        msg->msg_namelen = sizeof(from);
    }
    if ((flags & MSG_PEEK) == 0) {
        nlq_freemsg(nlq_dequeue(&sock->netlink.replies));
        ready_update(sock);
    }
    return (ssize_t)((flags & MSG_TRUNC) != 0 ? len : copied);
}

static int netlink_set(struct sock *sock, int level, int option, const void *value, socklen_t len)
{
    if (level == SOL_NETLINK)
        return option == NETLINK_EXT_ACK || option == NETLINK_CAP_ACK ? 0 : -ENOPROTOOPT;
    return option_set(sock, level, option, value, len);
}

static short netlink_poll(const struct sock *sock)
{
    return sock->netlink.replies != NULL ? POLLIN | POLLOUT : POLLOUT;
}

const struct sock_type netlink_sock = {
    .open = netlink_open,
    .close = netlink_end,
    .bind = netlink_bind,
    .connect = netlink_connect,
    .send = netlink_send,
    .recv = netlink_recv,
    .name = netlink_name,
    .set = netlink_set,
    .get = option_get,
    .poll = netlink_poll,
};
