/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See proxy_addresses.h. Open addresses are addresses of the interface, without duplicate detection (neighbour.c sees to that)
 * and deprecated, so that nothing of the host chooses one as the source of a connection of its own, which would give the
 * address away.
 *
 * Muting, where packets go by rules and routes (the kernel's own stack, vdestack): the address is taken off the interface,
 * so the kernel answers nothing for it; connections that stand do not need it. A rule for each served port leads packets of
 * that protocol and port, and no others, to a table of ours, which has a local route for each muted address; there the
 * listeners' filters (proxy_filter.h) drop all that belongs to no connection. A second table drops what else is sent to
 * those addresses, in case the host forwards. Neighbours are answered by neighbour.c. So the number of rules does not grow
 * with the number of addresses or flows, and nothing of the host's own rules is touched.
 *
 * Where there are no rules (lwip) the address stays and bears IOTH_IFA_F_MUTED, which the stack's guard knows. A stack that
 * knows neither cannot mute: then new connections are refused by the proxy, and pings are answered.
 *
 * Where the prefix is routed to this host, addresses have 128 bits, and a blackhole keeps what is sent to all others of the
 * prefix from being sent back to the router.
 *
 * All is said on one netlink socket that stays open, since a daemon that has given up its privileges gets no other one. What
 * a proxy that died has left in the tables is taken away at the start: their numbers follow from interface, name and prefix.
 */
#include "libotip/proxy_addresses.h"

#include <errno.h>
#include <ioth_plugin.h>
#include <libnlq.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum {
    RULE_PRIORITY = 32000, /* behind the host's own, before the main table */
    TABLE_BASE = 0x6f740000,
    BLACKHOLE_METRIC = 65535, /* whatever other route there is goes first */
    PREFIX_BITS = 64,
};

/* ---- dialogues ---- */

static int command(struct proxy_addresses *a, struct nlq_msg *msg)
{
    if (nlqx_complete_send_freemsg(a->stack, a->netlink, msg) < 0)
        return -errno;
    return nlqx_recv_process_rtreply(a->stack, a->netlink, nlq_process_null_cb, NULL, NULL, NULL);
}

static struct nlq_msg *request(struct proxy_addresses *a, uint16_t type, uint16_t flags)
{
    return nlq_createmsg(type, (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags), ++a->seq, 0);
}

static void add_u32(struct nlq_msg *msg, unsigned short type, uint32_t value)
{
    nlq_addattr(msg, type, &value, sizeof(value));
}

/* ---- addresses ---- */

static struct nlq_msg *address_request(struct proxy_addresses *a, uint16_t type, uint16_t flags,
                                       const struct ipaddr *addr)
{
    struct nlq_msg *msg = request(a, type, flags);

    nlq_addstruct(msg, ifaddrmsg, .ifa_family = AF_INET6, .ifa_prefixlen = a->bits, .ifa_flags = IFA_F_NODAD,
                  .ifa_index = a->ifindex);
    nlq_addattr(msg, IFA_LOCAL, addr->b, sizeof(addr->b));
    nlq_addattr(msg, IFA_ADDRESS, addr->b, sizeof(addr->b));
    return msg;
}

static int put_address(struct proxy_addresses *a, const struct ipaddr *addr, uint16_t flags, uint32_t more)
{
    struct nlq_msg *msg = address_request(a, RTM_NEWADDR, flags, addr);
    struct ifa_cacheinfo life = {.ifa_prefered = 0, .ifa_valid = UINT32_MAX};

    add_u32(msg, IFA_FLAGS, IFA_F_NODAD | IFA_F_DEPRECATED | more);
    nlq_addattr(msg, IFA_CACHEINFO, &life, sizeof(life));
    return command(a, msg);
}

static int take_address(struct proxy_addresses *a, const struct ipaddr *addr)
{
    int e = command(a, address_request(a, RTM_DELADDR, 0, addr));

    return e == -EADDRNOTAVAIL || e == -ENODEV ? 0 : e; /* Linux, lwIP: it is gone already */
}

/* ---- rules and routes ---- */

static int change_rule(struct proxy_addresses *a, uint16_t type, uint32_t table,
                       const struct proxy_port *port)
{
    struct nlq_msg *msg = request(a, type, type == RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL : 0);

    nlq_addstruct(msg, fib_rule_hdr, .family = AF_INET6, .action = FR_ACT_TO_TBL);
    add_u32(msg, FRA_PRIORITY, RULE_PRIORITY + (port == NULL));
    add_u32(msg, FRA_TABLE, table);
    if (port != NULL) {
        struct fib_rule_port_range range = {.start = port->port, .end = port->port};
        uint8_t protocol = port->udp ? IPPROTO_UDP : IPPROTO_TCP;
        nlq_addattr(msg, FRA_IP_PROTO, &protocol, sizeof(protocol));
        nlq_addattr(msg, FRA_DPORT_RANGE, &range, sizeof(range));
    }
    return command(a, msg);
}

/* Of a table of ours, or of the main one. */
static int change_route(struct proxy_addresses *a, uint16_t type, uint32_t table, uint8_t kind,
                        const struct ipaddr *dst, uint8_t bits, uint32_t metric)
{
    struct nlq_msg *msg = request(a, type, type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_EXCL : 0);
    uint32_t lo = 1; /* the first interface of a network namespace */

    nlq_addstruct(msg, rtmsg, .rtm_family = AF_INET6, .rtm_dst_len = bits, .rtm_type = kind,
                  .rtm_protocol = RTPROT_STATIC,
                  .rtm_scope = type == RTM_NEWROUTE ? RT_SCOPE_UNIVERSE : RT_SCOPE_NOWHERE);
    nlq_addattr(msg, RTA_DST, dst->b, sizeof(dst->b));
    add_u32(msg, RTA_TABLE, table);
    add_u32(msg, RTA_OIF, lo);
    if (metric != 0)
        add_u32(msg, RTA_PRIORITY, metric);
    return command(a, msg);
}

static int add_muted_routes(struct proxy_addresses *a, const struct ipaddr *addr)
{
    int e = change_route(a, RTM_NEWROUTE, a->table, RTN_LOCAL, addr, 128, 0);

    if (e == 0 || e == -EEXIST)
        e = change_route(a, RTM_NEWROUTE, a->table + 1, RTN_BLACKHOLE, addr, 128, 0);
    return e == -EEXIST ? 0 : e;
}

static int take_muted_routes(struct proxy_addresses *a, const struct ipaddr *addr)
{
    int e = change_route(a, RTM_DELROUTE, a->table, RTN_LOCAL, addr, 128, 0);
    int other = change_route(a, RTM_DELROUTE, a->table + 1, RTN_BLACKHOLE, addr, 128, 0);

    e = e < 0 && e != -ESRCH ? e : other;
    return e == -ESRCH ? 0 : e;
}

/* ---- what others have left ---- */

struct found_routes {
    struct proxy_addresses *a;
    unsigned n;
    struct ipaddr at[64];
    uint8_t kinds[64];
    uint32_t tables[64];
};

static int see_route(struct nlmsghdr *msg, struct nlattr **attr, const void *in, void *out, void *env)
{
    struct found_routes *found = out;
    const struct rtmsg *head = NLMSG_DATA(msg);
    uint32_t table;

    (void)in, (void)env;
    if (msg->nlmsg_type != RTM_NEWROUTE || attr[RTA_TABLE] == NULL || attr[RTA_DST] == NULL ||
        nlq_attrlen(attr[RTA_DST]) != 16 || head->rtm_dst_len != 128 || found->n == ARRAY_LEN(found->at))
        return 0;
    memcpy(&table, nlq_attrdata(attr[RTA_TABLE]), sizeof(table));
    if (table != found->a->table && table != found->a->table + 1)
        return 0;
    memcpy(found->at[found->n].b, nlq_attrdata(attr[RTA_DST]), 16);
    found->kinds[found->n] = head->rtm_type;
    found->tables[found->n++] = table;
    return 0;
}

/* Some; true: there may be more. */
static bool sweep_routes(struct proxy_addresses *a)
{
    struct found_routes found = {.a = a};
    struct nlq_msg *msg = nlq_createmsg(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, ++a->seq, 0);

    nlq_addstruct(msg, rtmsg, .rtm_family = AF_INET6);
    if (nlqx_complete_send_freemsg(a->stack, a->netlink, msg) < 0 ||
        nlqx_recv_process_rtreply(a->stack, a->netlink, see_route, NULL, &found, NULL) < 0)
        return false;
    for (unsigned i = 0; i < found.n; i++)
        if (change_route(a, RTM_DELROUTE, found.tables[i], found.kinds[i], &found.at[i], 128, 0) < 0)
            return false;
    return found.n == ARRAY_LEN(found.at);
}

struct found_rules {
    struct proxy_addresses *a;
    unsigned n;
    struct proxy_port ports[256];
    bool bare;
};

static int see_rule(struct nlmsghdr *msg, struct nlattr **attr, const void *in, void *out, void *env)
{
    struct found_rules *found = out;
    uint32_t table = 0;
    struct fib_rule_port_range range;

    (void)in, (void)env;
    if (msg->nlmsg_type != RTM_NEWRULE || attr[FRA_TABLE] == NULL)
        return 0;
    memcpy(&table, nlq_attrdata(attr[FRA_TABLE]), sizeof(table));
    if (table == found->a->table + 1)
        found->bare = true;
    if (table != found->a->table || attr[FRA_DPORT_RANGE] == NULL || attr[FRA_IP_PROTO] == NULL ||
        found->n == ARRAY_LEN(found->ports))
        return 0;
    memcpy(&range, nlq_attrdata(attr[FRA_DPORT_RANGE]), sizeof(range));
    found->ports[found->n++] = (struct proxy_port){
        .udp = *(const uint8_t *)nlq_attrdata(attr[FRA_IP_PROTO]) == IPPROTO_UDP, .port = range.start};
    return 0;
}

static int see_rules(struct proxy_addresses *a, struct found_rules *ret)
{
    struct nlq_msg *msg = nlq_createmsg(RTM_GETRULE, NLM_F_REQUEST | NLM_F_DUMP, ++a->seq, 0);

    *ret = (struct found_rules){.a = a};
    nlq_addstruct(msg, fib_rule_hdr, .family = AF_INET6);
    if (nlqx_complete_send_freemsg(a->stack, a->netlink, msg) < 0)
        return -errno;
    return nlqx_recv_process_rtreply(a->stack, a->netlink, see_rule, NULL, ret, NULL);
}

/* ---- ports ---- */

static bool is_among(const struct proxy_port *ports, unsigned n, const struct proxy_port *port)
{
    for (unsigned i = 0; i < n; i++)
        if (ports[i].udp == port->udp && ports[i].port == port->port)
            return true;
    return false;
}

int proxy_addresses_serve(struct proxy_addresses *a, const struct proxy_port *ports, unsigned n)
{
    struct found_rules found;
    int e = a->by_rules ? see_rules(a, &found) : 0;

    if (!a->by_rules || e < 0)
        return e;
    for (unsigned i = 0; i < found.n && e == 0; i++)
        if (!is_among(ports, n, &found.ports[i]))
            e = change_rule(a, RTM_DELRULE, a->table, &found.ports[i]);
    for (unsigned i = 0; i < n && e == 0; i++)
        if (!is_among(found.ports, found.n, &ports[i]))
            e = change_rule(a, RTM_NEWRULE, a->table, &ports[i]);
    return e;
}

/* ---- the life of an address ---- */

int proxy_addresses_add(struct proxy_addresses *a, const struct ipaddr *addr)
{
    int e = put_address(a, addr, NLM_F_CREATE | NLM_F_EXCL, 0);

    if (e == -EEXIST) /* one that died has left it */
        e = 0;
    if (e == 0)
        proxy_neighbour_announce(a->neighbour, addr);
    return e;
}

int proxy_addresses_mute(struct proxy_addresses *a, const struct ipaddr *addr)
{
    if (a->cannot_mute)
        return 0;
    if (!a->by_rules)
        return put_address(a, addr, NLM_F_REPLACE, IOTH_IFA_F_MUTED);
    int e = proxy_neighbour_answer_for(a->neighbour, addr);
    int routes = add_muted_routes(a, addr);
    int off = take_address(a, addr);

    return off < 0 ? off : routes < 0 ? routes : e;
}

int proxy_addresses_reopen(struct proxy_addresses *a, const struct ipaddr *addr)
{
    if (a->cannot_mute)
        return 0;
    if (!a->by_rules)
        return put_address(a, addr, NLM_F_REPLACE, 0);
    int e = proxy_addresses_add(a, addr);
    int routes = e == 0 ? take_muted_routes(a, addr) : 0;

    if (e == 0)
        proxy_neighbour_forget(a->neighbour, addr);
    return e < 0 ? e : routes;
}

int proxy_addresses_remove(struct proxy_addresses *a, const struct ipaddr *addr, bool muted)
{
    proxy_neighbour_forget(a->neighbour, addr);
    return a->by_rules && muted ? take_muted_routes(a, addr) : take_address(a, addr);
}

/* ---- the whole ---- */

/* FNV-1a: two proxies of one host want different tables, nobody attacks this. */
static uint32_t stir(uint32_t hash, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 16777619u;
    return hash;
}

static uint32_t table_of(const struct proxy_place *place)
{
    uint32_t hash = stir(2166136261u, place->iface, strlen(place->iface) + 1);

    hash = stir(hash, place->name, strlen(place->name));
    hash = stir(hash, place->base.b, PREFIX_BITS / 8);
    return TABLE_BASE | ((hash >> 16 ^ hash) & 0xfffe);
}

/* Whether the stack has rules: the one that leads to the second table is made to see. */
static int find_way(struct proxy_addresses *a)
{
    struct found_rules found;
    int e = see_rules(a, &found);

    if (e == 0 && !found.bare)
        e = change_rule(a, RTM_NEWRULE, a->table + 1, NULL);
    if (e == 0) {
        a->by_rules = true;
        while (sweep_routes(a))
            ;
    }
    return e == -EOPNOTSUPP || e == -EAFNOSUPPORT || e == -EPROTONOSUPPORT ? 0 : e;
}

static int make_blackhole(struct proxy_addresses *a, const struct ipaddr *base)
{
    a->prefix = *base;
    ipaddr_mask(&a->prefix, PREFIX_BITS);
    int e = change_route(a, RTM_NEWROUTE, RT_TABLE_MAIN, RTN_BLACKHOLE, &a->prefix, PREFIX_BITS,
                         BLACKHOLE_METRIC);
    a->has_blackhole = e == 0 || e == -EEXIST;
    return e == -EEXIST || e == -EOPNOTSUPP ? 0 : e;
}

static int open_all(struct proxy_addresses *a, const char *iface, const struct ipaddr *base, char *why,
                    size_t why_size)
{
    int e, index = ioth_if_nametoindex(a->stack, iface);

    if (index <= 0) {
        snprintf(why, why_size, "the external stack has no interface %.32s", iface);
        return -ENODEV;
    }
    a->ifindex = (unsigned)index;
    a->netlink = nlqx_open(a->stack, NETLINK_ROUTE);
    e = a->netlink < 0 ? -errno : find_way(a);
    if (e == 0 && a->bits == 128 && a->by_rules)
        e = make_blackhole(a, base);
    if (e == 0)
        e = proxy_neighbour_open(&a->neighbour, a->stack, a->ifindex);
    if (e < 0)
        snprintf(why, why_size, "cannot have one-time addresses on interface %.32s: %s%s", iface,
                 strerror(-e),
                 e == -EPERM || e == -EACCES ? ": CAP_NET_ADMIN and CAP_NET_RAW are needed" : "");
    return e;
}

int proxy_addresses_open(struct proxy_addresses *a, const struct proxy_place *place, char *why,
                         size_t why_size)
{
    *a = (struct proxy_addresses){
        .stack = place->stack, .bits = place->bits, .netlink = -1, .table = table_of(place)};
    int e = open_all(a, place->iface, &place->base, why, why_size);
    if (e < 0)
        proxy_addresses_close(a);
    return e;
}

void proxy_addresses_sweep(struct proxy_addresses *a, bool (*is_ours)(void *arg, const struct ipaddr *addr),
                           void *arg)
{
    struct ifaddrs *all = NULL;
    struct ipendpoint at;

    if (ioth_getifaddrs(a->stack, &all) < 0)
        return;
    for (struct ifaddrs *i = all; i; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET6 &&
            ioth_if_nametoindex(a->stack, i->ifa_name) == (int)a->ifindex &&
            ipendpoint_from_sockaddr(i->ifa_addr, &at) == 0 && is_ours(arg, &at.addr) &&
            take_address(a, &at.addr) < 0)
            break;
    ioth_freeifaddrs(all);
}

/* Best effort: what cannot be said is found by the next start. */
void proxy_addresses_close(struct proxy_addresses *a)
{
    if (a->netlink < 0)
        return;
    if (a->by_rules &&
        (proxy_addresses_serve(a, NULL, 0) < 0 || change_rule(a, RTM_DELRULE, a->table + 1, NULL) < 0))
        a->by_rules = false;
    if (a->has_blackhole && change_route(a, RTM_DELROUTE, RT_TABLE_MAIN, RTN_BLACKHOLE, &a->prefix,
                                         PREFIX_BITS, BLACKHOLE_METRIC) < 0)
        a->has_blackhole = false;
    proxy_neighbour_close(a->neighbour);
    ioth_close(a->netlink);
    a->netlink = -1;
}
