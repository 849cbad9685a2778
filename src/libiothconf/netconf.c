/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The requests of the keeper; see netconf.h.

   nlinline.h, which static configuration uses, knows neither lifetimes nor metrics nor flags, so these requests
   are built with libnlq, each with its answer on a socket of its own: there is no state that one request could
   leave to the next.

   Lifetimes go to the stack although the clients count them as well: if this process dies, or its program does
   not let the keeper run, what has ended goes away all the same. lwIP has none and ignores them.

   Addresses of 16 bytes become those of their family here: prefix lengths of IPv4 lose their 96. */
#include "libiothconf/netconf.h"
#include "wire/nd.h"

#include <errno.h>
#include <libnlq.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <stdbool.h>
#include <string.h>

enum { MAPPED_BITS = 96, V4_BITS = 32 };

static int family_of(const struct ipaddr *a)
{
    return ipaddr_is_v4(a) ? AF_INET : AF_INET6;
}

static unsigned short addr_len(int family)
{
    return family == AF_INET ? 4 : 16;
}

static const uint8_t *bytes_of(const struct ipaddr *a)
{
    return ipaddr_is_v4(a) ? a->b + 12 : a->b;
}

static uint8_t native_bits(const struct ipaddr *a, unsigned bits)
{
    return (uint8_t)(ipaddr_is_v4(a) && bits >= MAPPED_BITS ? bits - MAPPED_BITS : bits);
}

static void add_addr(struct nlq_msg *msg, unsigned short type, const struct ipaddr *a)
{
    nlq_addattr(msg, type, bytes_of(a), addr_len(family_of(a)));
}

static void add_u32(struct nlq_msg *msg, unsigned short type, uint32_t value)
{
    nlq_addattr(msg, type, &value, sizeof(value));
}

static int ask(const struct netconf *net, struct nlq_msg *msg, nlq_doit_f cb, const void *in, void *out,
               void *arg)
{
    return nlq_general_rtdialog(msg, NULL, net->stack, cb, in, out, arg);
}

static int command(const struct netconf *net, struct nlq_msg *msg)
{
    return ask(net, msg, nlq_process_null_cb, NULL, NULL, NULL);
}

bool netconf_is_for_now(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS;
}

/* --- the link --- */

static int link_cb(struct nlmsghdr *msg, struct nlattr **attr, const void *in, void *out, void *arg)
{
    const struct ifinfomsg *info = NLMSG_DATA(msg);
    struct netconf_link *link = out;
    const unsigned both = IFF_UP | IFF_RUNNING;

    (void)in, (void)arg;
    if (attr[IFLA_IFNAME] == NULL || nlq_attrlen(attr[IFLA_IFNAME]) > sizeof(link->name))
        return -EBADMSG;
    memcpy(link->name, nlq_attrdata(attr[IFLA_IFNAME]), nlq_attrlen(attr[IFLA_IFNAME]));
    link->name[sizeof(link->name) - 1] = '\0';
    if (attr[IFLA_ADDRESS] != NULL && nlq_attrlen(attr[IFLA_ADDRESS]) == sizeof(link->mac))
        memcpy(link->mac, nlq_attrdata(attr[IFLA_ADDRESS]), sizeof(link->mac));
    if (attr[IFLA_MTU] != NULL && nlq_attrlen(attr[IFLA_MTU]) == sizeof(link->mtu))
        memcpy(&link->mtu, nlq_attrdata(attr[IFLA_MTU]), sizeof(link->mtu));
    link->up = (info->ifi_flags & both) == both;
    return 0;
}

static struct nlq_msg *link_request(const struct netconf *net, uint16_t type)
{
    struct nlq_msg *msg = nlq_createmsg(type, NLM_F_REQUEST | NLM_F_ACK, 0, 0);

    nlq_addstruct(msg, ifinfomsg, .ifi_family = AF_UNSPEC, .ifi_index = (int)net->ifindex);
    return msg;
}

int netconf_link(const struct netconf *net, struct netconf_link *ret)
{
    struct netconf_link link = {0};
    int rc = ask(net, link_request(net, RTM_GETLINK), link_cb, NULL, &link, NULL);

    if (rc == 0)
        *ret = link;
    return rc;
}

int netconf_set_mtu(const struct netconf *net, uint32_t mtu)
{
    struct nlq_msg *msg = link_request(net, RTM_SETLINK);

    add_u32(msg, IFLA_MTU, mtu);
    return command(net, msg);
}

/* --- neighbours --- */

static const char neighbours6[] = "ndisc_cache"; /* Linux's name for the table of IPv6 */

static struct nlq_msg *table_request(uint16_t type, uint16_t flags)
{
    struct nlq_msg *msg = nlq_createmsg(type, NLM_F_REQUEST | flags, 0, 0);

    nlq_addstruct(msg, ndtmsg, .ndtm_family = AF_INET6);
    return msg;
}

static void add_u64(struct nlq_msg *msg, unsigned short type, uint64_t value)
{
    nlq_addattr(msg, type, &value, sizeof(value));
}

/* As many milliseconds as fit; 0: there is no such attribute. */
static uint32_t read_ms(const struct nlattr *attr)
{
    uint64_t ms = 0;

    if (attr != NULL && nlq_attrlen(attr) == sizeof(ms))
        memcpy(&ms, nlq_attrdata(attr), sizeof(ms));
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static int timers_cb(struct nlmsghdr *msg, struct nlattr **attr, const void *in, void *out, void *arg)
{
    const struct ndtmsg *info = NLMSG_DATA(msg);
    const unsigned *ifindex = in;
    struct nlattr *parms[NDTPA_MAX + 1];

    (void)arg;
    if (msg->nlmsg_type != RTM_NEWNEIGHTBL || info->ndtm_family != AF_INET6 || attr[NDTA_PARMS] == NULL ||
        nlq_parsexattr(attr[NDTA_PARMS], parms, NDTPA_MAX + 1) < 0)
        return 0;
    const struct nlattr *index = parms[NDTPA_IFINDEX];
    if (index != NULL && nlq_attrlen(index) == sizeof(*ifindex) &&
        memcmp(nlq_attrdata(index), ifindex, sizeof(*ifindex)) == 0)
        *(struct netconf_timers *)out =
            (struct netconf_timers){.reachable_ms = read_ms(parms[NDTPA_BASE_REACHABLE_TIME]),
                                    .retrans_ms = read_ms(parms[NDTPA_RETRANS_TIME])};
    return 0;
}

int netconf_timers(const struct netconf *net, struct netconf_timers *ret)
{
    struct netconf_timers timers = {0};
    int rc = ask(net, table_request(RTM_GETNEIGHTBL, NLM_F_DUMP), timers_cb, &net->ifindex, &timers, NULL);

    if (rc == 0 && (timers.reachable_ms == 0 || timers.retrans_ms == 0))
        rc = -EOPNOTSUPP;
    if (rc == 0)
        *ret = timers;
    return rc;
}

int netconf_set_timers(const struct netconf *net, const struct netconf_timers *timers)
{
    struct nlq_msg *msg = table_request(RTM_SETNEIGHTBL, NLM_F_ACK), *parms = nlq_createxattr();

    nlq_addattr(msg, NDTA_NAME, neighbours6, sizeof(neighbours6));
    add_u32(parms, NDTPA_IFINDEX, net->ifindex);
    if (timers->reachable_ms != 0)
        add_u64(parms, NDTPA_BASE_REACHABLE_TIME, timers->reachable_ms);
    if (timers->retrans_ms != 0)
        add_u64(parms, NDTPA_RETRANS_TIME, timers->retrans_ms);
    nlq_addxattr(msg, NDTA_PARMS, parms);
    return command(net, msg);
}

/* --- addresses --- */

static struct nlq_msg *addr_request(const struct netconf *net, uint16_t type, uint16_t flags,
                                    const struct netconf_addr *addr)
{
    struct nlq_msg *msg = nlq_createmsg(type, NLM_F_REQUEST | flags, 0, 0);

    nlq_addstruct(msg, ifaddrmsg, .ifa_family = (uint8_t)family_of(&addr->addr),
                  .ifa_prefixlen = native_bits(&addr->addr, addr->bits), .ifa_index = net->ifindex);
    add_addr(msg, IFA_LOCAL, &addr->addr);
    add_addr(msg, IFA_ADDRESS, &addr->addr);
    return msg;
}

/* The last address of a subnet of IPv4. One of 31 bits has none (RFC 3021). */
static void add_broadcast(struct nlq_msg *msg, const struct netconf_addr *addr)
{
    unsigned bits = native_bits(&addr->addr, addr->bits);
    uint8_t last[4];

    if (bits > V4_BITS - 2)
        return;
    memcpy(last, bytes_of(&addr->addr), sizeof(last));
    for (unsigned bit = bits; bit < V4_BITS; bit++)
        last[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
    nlq_addattr(msg, IFA_BROADCAST, last, sizeof(last));
}

int netconf_addr_add(const struct netconf *net, const struct netconf_addr *addr, enum netconf_mode mode)
{
    uint16_t flags = NLM_F_CREATE | (mode == NETCONF_NEW ? NLM_F_EXCL : NLM_F_REPLACE);
    struct nlq_msg *msg = addr_request(net, RTM_NEWADDR, flags, addr);
    struct ifa_cacheinfo life = {.ifa_prefered = addr->preferred_s, .ifa_valid = addr->valid_s};

    if (ipaddr_is_v4(&addr->addr))
        add_broadcast(msg, addr);
    else if (addr->no_subnet)
        add_u32(msg, IFA_FLAGS, IFA_F_NOPREFIXROUTE);
    nlq_addattr(msg, IFA_CACHEINFO, &life, sizeof(life));
    return command(net, msg);
}

/* lwIP says ENODEV of an address that is not there, Linux EADDRNOTAVAIL. */
int netconf_addr_del(const struct netconf *net, const struct netconf_addr *addr)
{
    int rc = command(net, addr_request(net, RTM_DELADDR, 0, addr));

    return rc == -EADDRNOTAVAIL || rc == -ENODEV ? 0 : rc;
}

struct visitor {
    unsigned ifindex;
    netconf_addr_f *visit;
    void *arg;
};

/* The address of an attribute; false if it is none. */
static bool read_addr(const struct nlattr *attr, int family, struct ipaddr *ret)
{
    unsigned len = addr_len(family);

    if (attr == NULL || nlq_attrlen(attr) != len)
        return false;
    *ret = (struct ipaddr){.b = {[10] = 0xff, [11] = 0xff}};
    memcpy(ret->b + sizeof(ret->b) - len, nlq_attrdata(attr), len);
    return true;
}

static int addr_cb(struct nlmsghdr *msg, struct nlattr **attr, const void *in, void *out, void *arg)
{
    const struct ifaddrmsg *info = NLMSG_DATA(msg);
    const struct visitor *visitor = in;
    struct netconf_addr_state state = {.bits = info->ifa_prefixlen};
    uint32_t flags = info->ifa_flags;

    (void)out, (void)arg;
    if (msg->nlmsg_type != RTM_NEWADDR || info->ifa_index != visitor->ifindex ||
        (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
        return 0;
    if (!read_addr(attr[IFA_LOCAL] != NULL ? attr[IFA_LOCAL] : attr[IFA_ADDRESS], info->ifa_family,
                   &state.addr))
        return -EBADMSG;
    if (attr[IFA_FLAGS] != NULL && nlq_attrlen(attr[IFA_FLAGS]) == sizeof(flags))
        memcpy(&flags, nlq_attrdata(attr[IFA_FLAGS]), sizeof(flags));
    state.bits += info->ifa_family == AF_INET ? MAPPED_BITS : 0;
    state.duplicate = (flags & IFA_F_DADFAILED) != 0;
    state.tentative = (flags & IFA_F_TENTATIVE) != 0 && !state.duplicate;
    state.permanent = (flags & IFA_F_PERMANENT) != 0;
    visitor->visit(&state, visitor->arg);
    return 0;
}

int netconf_addrs(const struct netconf *net, netconf_addr_f *visit, void *arg)
{
    struct visitor visitor = {net->ifindex, visit, arg};
    struct nlq_msg *msg = nlq_createmsg(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 0, 0);

    nlq_addstruct(msg, ifaddrmsg, .ifa_family = AF_UNSPEC, .ifa_index = net->ifindex);
    return ask(net, msg, addr_cb, &visitor, NULL, NULL);
}

static void search_ipv6(const struct netconf_addr_state *addr, void *arg)
{
    if (!ipaddr_is_v4(&addr->addr) && !nd_is_link_local(&addr->addr))
        *(bool *)arg = true;
}

bool netconf_uses_ipv6(const struct netconf *net)
{
    bool found = false;

    return netconf_addrs(net, search_ipv6, &found) < 0 || found;
}

/* --- routes --- */

static bool is_on_link(const struct netconf_route *route)
{
    static const uint8_t zero[16];

    return memcmp(bytes_of(&route->gateway), zero, addr_len(family_of(&route->gateway))) == 0;
}

static struct nlq_msg *route_request(const struct netconf *net, uint16_t type, uint16_t flags,
                                     const struct netconf_route *route, struct rtmsg head)
{
    struct nlq_msg *msg = nlq_createmsg(type, NLM_F_REQUEST | flags, 0, 0);

    head.rtm_family = (uint8_t)family_of(&route->dst);
    head.rtm_dst_len = native_bits(&route->dst, route->bits);
    head.rtm_table = RT_TABLE_MAIN;
    nlq_add(msg, &head, sizeof(head));
    if (head.rtm_dst_len > 0)
        add_addr(msg, RTA_DST, &route->dst);
    if (!is_on_link(route))
        add_addr(msg, RTA_GATEWAY, &route->gateway);
    add_u32(msg, RTA_OIF, net->ifindex);
    if (route->metric != 0)
        add_u32(msg, RTA_PRIORITY, route->metric);
    return msg;
}

/* What is not 0 of a route's own variables (RFC 4861 s6.3.2). */
static void add_metrics(struct nlq_msg *msg, const struct netconf_route *route)
{
    struct nlq_msg *metrics;

    if (route->hop_limit == 0)
        return;
    metrics = nlq_createxattr();
    add_u32(metrics, RTAX_HOPLIMIT, route->hop_limit);
    nlq_addxattr(msg, RTA_METRICS, metrics);
}

int netconf_route_add(const struct netconf *net, const struct netconf_route *route, enum netconf_mode mode)
{
    uint16_t flags = NLM_F_CREATE | (mode == NETCONF_NEW ? NLM_F_EXCL : NLM_F_REPLACE);
    bool v4_link = ipaddr_is_v4(&route->dst) && is_on_link(route);
    struct rtmsg head = {.rtm_protocol = route->protocol,
                         .rtm_type = RTN_UNICAST,
                         .rtm_scope = v4_link ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE};
    struct nlq_msg *msg = route_request(net, RTM_NEWROUTE, flags, route, head);

    if (route->valid_s != NETCONF_FOREVER && !ipaddr_is_v4(&route->dst))
        add_u32(msg, RTA_EXPIRES, route->valid_s);
    add_metrics(msg, route);
    return command(net, msg);
}

int netconf_route_del(const struct netconf *net, const struct netconf_route *route)
{
    struct rtmsg head = {.rtm_scope = RT_SCOPE_NOWHERE, .rtm_protocol = route->protocol};
    int rc = command(net, route_request(net, RTM_DELROUTE, 0, route, head));

    return rc == -ESRCH || rc == -ENODEV ? 0 : rc;
}
