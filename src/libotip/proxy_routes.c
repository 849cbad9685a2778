/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See proxy_routes.h. A rule for each served port leads packets of that protocol and port, and no others, to a table of ours, which
 * has a local route for each muted address; there the listeners' filters (proxy_filter.h) drop all that belongs to no connection.
 * A second table drops what else is sent to those addresses, in case the host forwards. So the number of rules does not grow with
 * the number of addresses or flows, and nothing of the host's own rules is touched.
 *
 * What a proxy that died has left in the tables is taken away at the start: their numbers, and the blackhole's metric, follow from
 * interface, name, user and prefix. So they change when a reload changes one of these. Then all is made for the new ones before
 * that of the old ones goes, and no packet of a flow finds neither; when something cannot be made, all of the old ones stays, and
 * what was made goes.
 */
#include "libotip/proxy_routes.h"

#include <errno.h>
#include <libnlq.h>
#include <linux/fib_rules.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum {
    RULE_PRIORITY = 32000,    /* behind the host's own, before the main table */
    TABLE_FIRST = 0x40000000, /* a host numbers its own from below */
    TABLE_BITS = 0x3ffffffe,  /* what differs: the second table is the next number */
    PREFIX_BITS = 64,
};

/* ---- dialogues ---- */

int proxy_command(struct proxy_addresses *a, struct nlq_msg *msg)
{
    if (nlqx_complete_send_freemsg(a->stack, a->netlink, msg) < 0)
        return -errno;
    return nlqx_recv_process_rtreply(a->stack, a->netlink, nlq_process_null_cb, NULL, NULL, NULL);
}

struct nlq_msg *proxy_request(struct proxy_addresses *a, uint16_t type, uint16_t flags)
{
    return nlq_createmsg(type, (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags), ++a->seq, 0);
}

static void add_u32(struct nlq_msg *msg, unsigned short type, uint32_t value)
{
    nlq_addattr(msg, type, &value, sizeof(value));
}

/* ---- rules and routes ---- */

static int change_rule(struct proxy_addresses *a, uint16_t type, uint32_t table,
                       const struct proxy_port *port)
{
    struct nlq_msg *msg = proxy_request(a, type, type == RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL : 0);

    nlq_addstruct(msg, fib_rule_hdr, .family = AF_INET6, .action = FR_ACT_TO_TBL);
    add_u32(msg, FRA_PRIORITY, RULE_PRIORITY + (port == NULL));
    add_u32(msg, FRA_TABLE, table);
    if (port != NULL) {
        struct fib_rule_port_range range = {.start = port->port, .end = port->port};
        uint8_t protocol = port->udp ? IPPROTO_UDP : IPPROTO_TCP;
        nlq_addattr(msg, FRA_IP_PROTO, &protocol, sizeof(protocol));
        nlq_addattr(msg, FRA_DPORT_RANGE, &range, sizeof(range));
    }
    return proxy_command(a, msg);
}

/* Of a table of ours, or of the main one. */
static int change_route(struct proxy_addresses *a, uint16_t type, uint32_t table, uint8_t kind,
                        const struct ipaddr *dst, uint8_t bits, uint32_t metric)
{
    struct nlq_msg *msg = proxy_request(a, type, type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_EXCL : 0);
    uint32_t lo = 1; /* the first interface of a network namespace */

    nlq_addstruct(msg, rtmsg, .rtm_family = AF_INET6, .rtm_dst_len = bits, .rtm_type = kind,
                  .rtm_protocol = RTPROT_STATIC,
                  .rtm_scope = type == RTM_NEWROUTE ? RT_SCOPE_UNIVERSE : RT_SCOPE_NOWHERE);
    nlq_addattr(msg, RTA_DST, dst->b, sizeof(dst->b));
    add_u32(msg, RTA_TABLE, table);
    add_u32(msg, RTA_OIF, lo);
    if (metric != 0)
        add_u32(msg, RTA_PRIORITY, metric);
    return proxy_command(a, msg);
}

int proxy_routes_mute(struct proxy_addresses *a, const struct ipaddr *addr)
{
    int e = change_route(a, RTM_NEWROUTE, a->table, RTN_LOCAL, addr, 128, 0);

    if (e == 0 || e == -EEXIST)
        e = change_route(a, RTM_NEWROUTE, a->table + 1, RTN_BLACKHOLE, addr, 128, 0);
    return e == -EEXIST ? 0 : e;
}

int proxy_routes_unmute(struct proxy_addresses *a, const struct ipaddr *addr)
{
    int e = change_route(a, RTM_DELROUTE, a->table, RTN_LOCAL, addr, 128, 0);
    int other = change_route(a, RTM_DELROUTE, a->table + 1, RTN_BLACKHOLE, addr, 128, 0);

    e = e < 0 && e != -ESRCH ? e : other;
    return e == -ESRCH ? 0 : e;
}

/* ---- what others have left ---- */

struct found_route {
    struct ipaddr dst;
    uint32_t table;
    uint8_t kind;
};

struct found_routes {
    uint32_t table;
    size_t n, room;
    struct found_route *at;
};

static int keep_route(struct found_routes *found, const struct found_route *route)
{
    if (found->n == found->room) {
        size_t room = found->room == 0 ? 64 : 2 * found->room;
        struct found_route *at = realloc(found->at, room * sizeof(*at));
        if (at == NULL)
            return -ENOMEM;
        found->at = at;
        found->room = room;
    }
    found->at[found->n++] = *route;
    return 0;
}

static int see_route(struct nlmsghdr *msg, struct nlattr **attr, const void *in, void *out, void *env)
{
    struct found_routes *found = out;
    const struct rtmsg *head = NLMSG_DATA(msg);
    struct found_route route = {.kind = head->rtm_type};

    (void)in, (void)env;
    if (msg->nlmsg_type != RTM_NEWROUTE || attr[RTA_TABLE] == NULL || attr[RTA_DST] == NULL ||
        nlq_attrlen(attr[RTA_DST]) != sizeof(route.dst.b) || head->rtm_dst_len != 128)
        return 0;
    memcpy(&route.table, nlq_attrdata(attr[RTA_TABLE]), sizeof(route.table));
    memcpy(route.dst.b, nlq_attrdata(attr[RTA_DST]), sizeof(route.dst.b));
    return route.table == found->table || route.table == found->table + 1 ? keep_route(found, &route) : 0;
}

/* All routes of the table and of the next one; ret->at is to be freed, after a failure too. */
static int find_routes(struct proxy_addresses *a, uint32_t table, struct found_routes *ret)
{
    struct nlq_msg *msg = nlq_createmsg(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, ++a->seq, 0);

    *ret = (struct found_routes){.table = table};
    nlq_addstruct(msg, rtmsg, .rtm_family = AF_INET6);
    if (nlqx_complete_send_freemsg(a->stack, a->netlink, msg) < 0)
        return -errno;
    return nlqx_recv_process_rtreply(a->stack, a->netlink, see_route, NULL, ret, NULL);
}

/* They stand in our tables too, from now on. */
static int copy_routes(struct proxy_addresses *a, const struct found_routes *found)
{
    int e = 0;

    for (size_t i = 0; i < found->n && e == 0; i++) {
        const struct found_route *r = &found->at[i];
        e = change_route(a, RTM_NEWROUTE, a->table + (r->table - found->table), r->kind, &r->dst, 128, 0);
        e = e == -EEXIST ? 0 : e;
    }
    return e;
}

/* All that can; 0 or the error of one that cannot. */
static int take_routes(struct proxy_addresses *a, const struct found_routes *found)
{
    int e = 0;

    for (size_t i = 0; i < found->n; i++) {
        const struct found_route *r = &found->at[i];
        int one = change_route(a, RTM_DELROUTE, r->table, r->kind, &r->dst, 128, 0);
        e = one < 0 && one != -ESRCH ? one : e;
    }
    return e;
}

/* Our tables are empty then. */
static int clear_routes(struct proxy_addresses *a)
{
    struct found_routes found;
    int e = find_routes(a, a->table, &found);
    int taken = take_routes(a, &found);

    free(found.at);
    return e < 0 ? e : taken;
}

struct found_rules {
    uint32_t table;
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
    if (table == found->table + 1)
        found->bare = true;
    if (table != found->table || attr[FRA_DPORT_RANGE] == NULL || attr[FRA_IP_PROTO] == NULL ||
        found->n == ARRAY_LEN(found->ports))
        return 0;
    memcpy(&range, nlq_attrdata(attr[FRA_DPORT_RANGE]), sizeof(range));
    found->ports[found->n++] = (struct proxy_port){
        .udp = *(const uint8_t *)nlq_attrdata(attr[FRA_IP_PROTO]) == IPPROTO_UDP, .port = range.start};
    return 0;
}

static int see_rules(struct proxy_addresses *a, uint32_t table, struct found_rules *ret)
{
    struct nlq_msg *msg = nlq_createmsg(RTM_GETRULE, NLM_F_REQUEST | NLM_F_DUMP, ++a->seq, 0);

    *ret = (struct found_rules){.table = table};
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
    int e = a->by_rules ? see_rules(a, a->table, &found) : 0;

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

/* ---- which tables ---- */

/* FNV-1a: two proxies of one host want different tables, nobody attacks this. */
static uint32_t stir(uint32_t hash, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 16777619u;
    return hash;
}

uint32_t proxy_routes_table(const struct proxy_place *place)
{
    uint32_t hash = stir(2166136261u, place->iface, strlen(place->iface) + 1);

    hash = stir(hash, place->name, strlen(place->name) + 1);
    if (place->user)
        hash = stir(hash, place->user, strlen(place->user));
    hash = stir(hash, place->base.b, PREFIX_BITS / 8);
    return TABLE_FIRST | ((hash >> 16 ^ hash) & TABLE_BITS);
}

/* Whether the stack has rules: the one that leads to the second table is made to see. */
static int find_way(struct proxy_addresses *a)
{
    struct found_rules found;
    int e = see_rules(a, a->table, &found);

    if (e == 0 && !found.bare)
        e = change_rule(a, RTM_NEWRULE, a->table + 1, NULL);
    if (e == 0) {
        a->by_rules = true;
        return clear_routes(a);
    }
    return e == -EOPNOTSUPP || e == -EAFNOSUPPORT || e == -EPROTONOSUPPORT ? 0 : e;
}

/* ---- the blackhole ---- */

/* The metric is the number of the table: any other route goes before it, and each proxy of the prefix has one of its own. */
static int change_blackhole(struct proxy_addresses *a, uint16_t type, const struct ipaddr *prefix,
                            uint32_t metric)
{
    return change_route(a, type, RT_TABLE_MAIN, RTN_BLACKHOLE, prefix, PREFIX_BITS, metric);
}

static int make_blackhole(struct proxy_addresses *a, const struct ipaddr *base)
{
    if (a->bits != 128 || !a->by_rules)
        return 0;
    a->prefix = *base;
    ipaddr_mask(&a->prefix, PREFIX_BITS);
    int e = change_blackhole(a, RTM_NEWROUTE, &a->prefix, a->table);
    a->has_blackhole = e == 0 || e == -EEXIST;
    return e == -EEXIST || e == -EOPNOTSUPP ? 0 : e;
}

/* ---- a move ---- */

/* The rules of the old table, all of them, for the new one. */
static int copy_rules(struct proxy_addresses *a, const struct found_rules *old)
{
    int e = find_way(a);

    for (unsigned i = 0; i < old->n && e == 0; i++) {
        e = change_rule(a, RTM_NEWRULE, a->table, &old->ports[i]);
        e = e == -EEXIST ? 0 : e;
    }
    return e;
}

static int take_rules(struct proxy_addresses *a, const struct found_rules *old)
{
    int e = old->bare ? change_rule(a, RTM_DELRULE, old->table + 1, NULL) : 0;

    for (unsigned i = 0; i < old->n; i++) {
        int one = change_rule(a, RTM_DELRULE, old->table, &old->ports[i]);
        e = one < 0 ? one : e;
    }
    return e;
}

/* What stands in the tables of the old place stands in ours too. */
static int copy_all(struct proxy_addresses *a, const struct found_rules *rules,
                    const struct found_routes *routes, const struct ipaddr *base)
{
    int e = copy_rules(a, rules);

    if (e == 0)
        e = make_blackhole(a, base);
    return e == 0 ? copy_routes(a, routes) : e;
}

/* What could not be made whole goes. */
static void undo(struct proxy_addresses *a)
{
    proxy_routes_close(a);
    if (clear_routes(a) < 0)
        return; /* the next proxy of that place finds them */
}

static int take_all(struct proxy_addresses *a, const struct proxy_addresses *was,
                    const struct found_rules *rules, const struct found_routes *routes)
{
    int e = take_rules(a, rules);
    int others = take_routes(a, routes);
    int hole = was->has_blackhole ? change_blackhole(a, RTM_DELROUTE, &was->prefix, was->table) : 0;

    return e < 0 ? e : others < 0 ? others : hole;
}

int proxy_addresses_move(struct proxy_addresses *a, const struct proxy_place *place)
{
    const struct proxy_addresses was = *a;
    struct found_rules rules;
    struct found_routes routes = {0};

    if (!a->by_rules || proxy_routes_table(place) == a->table)
        return 0;
    int e = see_rules(a, a->table, &rules);
    if (e == 0)
        e = find_routes(a, a->table, &routes);
    if (e == 0) {
        a->table = proxy_routes_table(place);
        a->has_blackhole = false;
        e = copy_all(a, &rules, &routes, &place->base);
        if (e == 0) {
            e = take_all(a, &was, &rules, &routes);
        } else {
            undo(a);
            *a = was;
        }
    }
    free(routes.at);
    return e;
}

/* ---- life ---- */

int proxy_routes_open(struct proxy_addresses *a, const struct proxy_place *place)
{
    a->table = proxy_routes_table(place);
    int e = find_way(a);
    return e == 0 ? make_blackhole(a, &place->base) : e;
}

/* Best effort: what cannot be said is found by the next start. */
void proxy_routes_close(struct proxy_addresses *a)
{
    if (a->by_rules &&
        (proxy_addresses_serve(a, NULL, 0) < 0 || change_rule(a, RTM_DELRULE, a->table + 1, NULL) < 0))
        a->by_rules = false;
    if (a->has_blackhole && change_blackhole(a, RTM_DELROUTE, &a->prefix, a->table) < 0)
        a->has_blackhole = false;
}
