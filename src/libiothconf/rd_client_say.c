/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From what is known to what the stack is told.
 *
 * Each router, route and prefix has its offers (struct rd_offer): what the stack should have, set by rd_refresh() after
 * every change, and what it was told. rd_client_next() looks for the first difference, tells it and notes it.
 * So events need no memory of their own, and of what came and went between two looks nothing is said.
 *
 * In this order: what is to be taken back, since the place of a router or a prefix may have a new owner whose entry differs
 * from the old one in nothing the stack would see; then what is new or has new lifetimes; MTU, timers, flags, names,
 * duplicates; then the state, so that CLIENT_BOUND comes after what it speaks of; a solicitation last.
 *
 * The configuration stands when an address has got its verdict, or, where no router wants addresses to be made,
 * when there is a route. A name's address that is somebody else's is no configuration.
 */
#include "libiothconf/rd_client_state.h"

/* --- what the stack should have --- */

static uint32_t metric_of(const struct rd_client *x, const struct rd_router *router,
                          enum nd_preference preference)
{
    uint32_t metric = preference == ND_HIGH  ? RD_METRIC_HIGH
                      : preference == ND_LOW ? RD_METRIC_LOW
                                             : RD_METRIC_MEDIUM;

    return metric + (uint32_t)(router - x->routers);
}

static void want_route(struct rd_offer *offer, const struct rd_entry *route)
{
    offer->wanted = route->valid_until != 0;
    offer->want = *route;
}

static void refresh_router(struct rd_client *x, struct rd_router *router)
{
    uint8_t hop_limit = router->hop_limit != 0 ? router->hop_limit : x->hop_limit;

    want_route(&router->offer, &(struct rd_entry){.gateway = router->addr,
                                                  .metric = metric_of(x, router, router->preference),
                                                  .hop_limit = hop_limit,
                                                  .valid_until = router->default_until});
    for (unsigned i = 0; i < RD_ROUTES_MAX; i++) {
        struct rd_route *route = &router->routes[i];
        want_route(&route->offer, &(struct rd_entry){.addr = route->prefix,
                                                     .bits = route->bits,
                                                     .gateway = router->addr,
                                                     .metric = metric_of(x, router, route->preference),
                                                     .hop_limit = hop_limit,
                                                     .valid_until = route->until});
    }
}

static void refresh_prefix(struct rd_client *x, struct rd_prefix *prefix)
{
    struct rd_offer *addr = &prefix->offer;

    addr->wanted = prefix->valid_until != 0 && prefix->trial != RD_DUPLICATE;
    addr->want = (struct rd_entry){.addr = prefix->addr,
                                   .bits = prefix->addr_bits,
                                   .deprecated = prefix->preferred_until <= x->now,
                                   .preferred_until = prefix->preferred_until,
                                   .valid_until = prefix->valid_until};
    /* An address of 64 bits is a route to its prefix. It stays one if the prefix goes off the link before it. */
    bool comes_with_it = addr->wanted && prefix->addr_bits == prefix->bits;
    want_route(&prefix->link, &(struct rd_entry){.addr = prefix->prefix,
                                                 .bits = prefix->bits,
                                                 .metric = RD_METRIC_LINK,
                                                 .valid_until = comes_with_it ? 0 : prefix->on_link_until});
}

void rd_refresh(struct rd_client *x)
{
    uint16_t mtu = x->env.mtu;
    uint8_t flags = 0;
    bool known = false;

    for (unsigned i = 0; i < RD_ROUTERS_MAX; i++) {
        struct rd_router *router = &x->routers[i];
        refresh_router(x, router);
        if (!router->used)
            continue;
        flags |= router->flags;
        known = true;
        if (router->mtu != 0 && router->mtu < mtu)
            mtu = router->mtu;
    }
    for (unsigned i = 0; i < RD_ADDRESSES_MAX; i++)
        refresh_prefix(x, &x->prefixes[i]);
    x->mtu = mtu == x->env.mtu ? 0 : mtu;
    if (known) /* else what the last one said */
        x->flags = flags & (ND_RA_MANAGED | ND_RA_OTHER);
    x->flags_known |= known;
}

/* --- all offers in a row --- */

enum {
    ROUTES = RD_ROUTERS_MAX * RD_ROUTES_MAX,
    OFFERS = RD_ROUTERS_MAX + ROUTES + 2 * RD_ADDRESSES_MAX,
};

static struct rd_offer *offer_at(struct rd_client *x, unsigned i, bool *ret_is_addr)
{
    *ret_is_addr = false;
    if (i < RD_ROUTERS_MAX)
        return &x->routers[i].offer;
    i -= RD_ROUTERS_MAX;
    if (i < ROUTES)
        return &x->routers[i / RD_ROUTES_MAX].routes[i % RD_ROUTES_MAX].offer;
    i -= ROUTES;
    if (i >= RD_ADDRESSES_MAX)
        return &x->prefixes[i - RD_ADDRESSES_MAX].link;
    *ret_is_addr = true;
    return &x->prefixes[i].offer;
}

void rd_untell(struct rd_client *x)
{
    bool is_addr;

    for (unsigned i = 0; i < OFFERS; i++) {
        struct rd_offer *offer = offer_at(x, i, &is_addr);
        offer->told = offer->told && !offer->wanted;
    }
    for (unsigned i = 0; i < RD_ADDRESSES_MAX; i++) {
        if (x->prefixes[i].trial == RD_UNIQUE)
            x->prefixes[i].trial = RD_TENTATIVE;
    }
    x->said_mtu = 0;
    x->said_timers = (struct rd_timers){0};
}

/* The same entry of the stack; its lifetimes and hop limit may differ. */
static bool same_entry(const struct rd_entry *a, const struct rd_entry *b)
{
    return a->bits == b->bits && a->metric == b->metric && ipaddr_equal(&a->addr, &b->addr) &&
           ipaddr_equal(&a->gateway, &b->gateway);
}

static bool same_content(const struct rd_entry *a, const struct rd_entry *b)
{
    return a->hop_limit == b->hop_limit && a->deprecated == b->deprecated &&
           a->preferred_until == b->preferred_until && a->valid_until == b->valid_until;
}

static void fill(struct client_event *ret, enum client_event_kind kind, const struct rd_entry *entry)
{
    ret->kind = kind;
    ret->addr = entry->addr;
    ret->gateway = entry->gateway;
    ret->bits = entry->bits;
    ret->metric = entry->metric;
    ret->hop_limit = entry->hop_limit;
    ret->preferred_until = entry->preferred_until;
    ret->valid_until = entry->valid_until;
}

static void say_gone(struct rd_client *x, struct client_event *ret)
{
    bool is_addr;

    for (unsigned i = 0; i < OFFERS; i++) {
        struct rd_offer *offer = offer_at(x, i, &is_addr);
        if (!offer->told || (offer->wanted && same_entry(&offer->want, &offer->said)))
            continue;
        offer->told = false;
        fill(ret, is_addr ? CLIENT_ADDR_DEL : CLIENT_ROUTE_DEL, &offer->said);
        return;
    }
}

static void say_new(struct rd_client *x, struct client_event *ret)
{
    bool is_addr;

    for (unsigned i = 0; i < OFFERS; i++) {
        struct rd_offer *offer = offer_at(x, i, &is_addr);
        if (!offer->wanted || (offer->told && same_content(&offer->want, &offer->said)))
            continue;
        x->news |= !offer->told;
        offer->told = true;
        offer->said = offer->want;
        fill(ret, is_addr ? CLIENT_ADDR_ADD : CLIENT_ROUTE_ADD, &offer->said);
        return;
    }
}

/* --- what else is told --- */

static void say_mtu(struct rd_client *x, struct client_event *ret)
{
    if (x->mtu == x->said_mtu)
        return;
    ret->kind = CLIENT_MTU;
    ret->mtu = x->said_mtu = x->mtu;
}

static void say_timers(struct rd_client *x, struct client_event *ret)
{
    if (x->timers.reachable_ms == x->said_timers.reachable_ms &&
        x->timers.retrans_ms == x->said_timers.retrans_ms)
        return;
    x->said_timers = x->timers;
    ret->kind = CLIENT_TIMERS;
    ret->reachable_ms = x->timers.reachable_ms;
    ret->retrans_ms = x->timers.retrans_ms;
}

static void say_flags(struct rd_client *x, struct client_event *ret)
{
    if (!x->flags_known || (x->flags_said && x->flags == x->said_flags))
        return;
    x->flags_said = true;
    x->said_flags = x->flags;
    ret->kind = CLIENT_MANAGED;
    ret->managed = x->flags & ND_RA_MANAGED;
    ret->other = x->flags & ND_RA_OTHER;
}

static void say_names(struct rd_client *x, struct client_event *ret)
{
    if (!x->names_changed)
        return;
    x->names_changed = false;
    ret->kind = CLIENT_NAMES;
}

static void say_duplicate(struct rd_client *x, struct client_event *ret)
{
    for (unsigned i = 0; i < RD_ADDRESSES_MAX; i++) {
        struct rd_prefix *prefix = &x->prefixes[i];
        if (!prefix->tell_duplicate)
            continue;
        prefix->tell_duplicate = false;
        ret->kind = CLIENT_DUPLICATE;
        ret->addr = prefix->addr;
        return;
    }
}

static void say_state(struct rd_client *x, struct client_event *ret)
{
    bool of_trial[RD_DUPLICATE + 1] = {false}, any = false, is_addr;

    for (unsigned i = 0; i < OFFERS && !any; i++)
        any = offer_at(x, i, &is_addr)->told;
    for (unsigned i = 0; i < RD_ADDRESSES_MAX; i++) {
        if (x->prefixes[i].valid_until != 0)
            of_trial[x->prefixes[i].trial] = true;
    }
    bool stands = of_trial[RD_UNIQUE] || (any && !of_trial[RD_TENTATIVE] && !of_trial[RD_DUPLICATE]);
    if (stands && x->news) {
        x->news = false;
        x->bound = true;
        ret->kind = CLIENT_BOUND;
    } else if (x->bound && !stands && !of_trial[RD_TENTATIVE]) {
        x->bound = false;
        ret->kind = CLIENT_LOST;
    }
}

/* RFC 4861 s4.1: to all routers. */
static void say_solicitation(struct rd_client *x, struct client_event *ret)
{
    struct writer w = writer_of(x->packet, sizeof(x->packet));

    if (!x->send)
        return;
    x->send = false;
    nd_write(&w, &(struct nd_message){.type = ND_ROUTER_SOLICIT});
    ret->kind = CLIENT_SEND;
    ret->packet = (struct client_packet){.way = CLIENT_ICMP6, .bytes = x->packet, .len = w.pos};
    ret->packet.to.addr = nd_all_routers;
    ret->packet.to.scope = x->env.ifindex;
}

enum client_event_kind rd_client_next(struct rd_client *x, struct client_event *ret)
{
    static void (*const says[])(struct rd_client *, struct client_event *) = {
        say_gone,  say_new,       say_mtu,   say_timers,       say_flags,
        say_names, say_duplicate, say_state, say_solicitation,
    };

    *ret = (struct client_event){.kind = CLIENT_NONE};
    for (unsigned i = 0; i < ARRAY_LEN(says) && ret->kind == CLIENT_NONE; i++)
        says[i](x, ret);
    return ret->kind;
}

/* --- name servers and search domains --- */

static void add_server(struct client_names *names, const struct ipaddr *addr)
{
    for (unsigned i = 0; i < names->n_servers; i++) {
        if (ipaddr_equal(&names->servers[i], addr))
            return;
    }
    if (names->n_servers < CLIENT_SERVERS_MAX)
        names->servers[names->n_servers++] = *addr;
}

static void add_domain(struct client_names *names, const uint8_t *name)
{
    size_t len = dname_len(name);

    for (unsigned i = 0; i < names->n_domains; i++) {
        if (dname_equal(names->domains[i], dname_len(names->domains[i]), name, len))
            return;
    }
    if (names->n_domains < CLIENT_DOMAINS_MAX)
        memcpy(names->domains[names->n_domains++], name, len);
}

void rd_client_names(const struct rd_client *x, struct client_names *ret)
{
    *ret = (struct client_names){0};
    for (unsigned n = 0; n < RD_SERVERS_MAX; n++) {
        for (unsigned i = 0; i < RD_ROUTERS_MAX; i++) {
            const struct rd_server *server = &x->routers[i].servers[n];
            if (server->until != 0)
                add_server(ret, &server->addr);
        }
    }
    for (unsigned n = 0; n < RD_DOMAINS_MAX; n++) {
        for (unsigned i = 0; i < RD_ROUTERS_MAX; i++) {
            const struct rd_domain *domain = &x->routers[i].domains[n];
            if (domain->until != 0)
                add_domain(ret, domain->name);
        }
    }
}
