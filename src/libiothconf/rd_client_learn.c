/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What router advertisements say (RFC 4861 s6.3.4), and its end.
 *
 * Everything belongs to the router that said it, and each router has a quota of everything, so one that floods spoils
 * its own quota and nobody else's. Prefixes alone are the link's: what any router says about one counts (RFC 4862
 * s5.5.3); it is in the quota of each that has said it, and goes with the last of them. With a quota full, a new
 * prefix takes the place of one that is deprecated, a new server or domain that of one that ends before itself would.
 *
 * Routers are known by their address, which anyone may invent. So those that are known stay: when all places are
 * taken a newcomer is not heard, unless somebody has been silent for RD_SILENCE.
 *
 * What is unspecified (0) or out of bounds leaves things as they are (RFC 4861 s6.3.4). Timers are the link's: the last word
 * counts, whoever said it. A hop limit is the router's who said it, and that of the last word is for those who say none.
 *
 * Not every prefix is one. Multicast and link-local ones say nothing about a link; those that begin with 64 zero bits
 * are loopback, IPv4 in disguise and the like, and a stranger shall not route them.
 */
#include "libiothconf/rd_client_state.h"

#define ROUTER_BIT(x, router) ((uint8_t)(1U << ((router) - (x)->routers)))

/* --- ends --- */

/* The earlier one; 0 is none. */
static nsec_t earlier(nsec_t a, nsec_t b)
{
    return b != 0 && b < a ? b : a;
}

/* Of what only this router says. */
static nsec_t router_next_end(const struct rd_router *router)
{
    nsec_t next = earlier(NSEC_NEVER, router->default_until);

    for (unsigned i = 0; i < RD_ROUTES_MAX; i++)
        next = earlier(next, router->routes[i].until);
    for (unsigned i = 0; i < RD_SERVERS_MAX; i++)
        next = earlier(next, router->servers[i].until);
    for (unsigned i = 0; i < RD_DOMAINS_MAX; i++)
        next = earlier(next, router->domains[i].until);
    return next;
}

static bool says_prefix(const struct rd_client *x, uint8_t bit)
{
    for (unsigned i = 0; i < RD_ADDRESSES_MAX; i++) {
        if (x->prefixes[i].said_by & bit)
            return true;
    }
    return false;
}

static nsec_t silent_from(const struct rd_router *router)
{
    return router->heard + RD_SILENCE;
}

nsec_t rd_next_end(const struct rd_client *x)
{
    nsec_t next = NSEC_NEVER;

    for (unsigned i = 0; i < RD_ROUTERS_MAX; i++) {
        const struct rd_router *router = &x->routers[i];
        if (!router->used)
            continue;
        next = earlier(next, router_next_end(router));
        if (silent_from(router) > x->now)
            next = earlier(next, silent_from(router));
    }
    for (unsigned i = 0; i < RD_ADDRESSES_MAX; i++) {
        const struct rd_prefix *prefix = &x->prefixes[i];
        next = earlier(next, prefix->on_link_until);
        next = earlier(next, prefix->valid_until);
        if (prefix->valid_until != 0 && prefix->preferred_until > x->now)
            next = earlier(next, prefix->preferred_until);
        if (prefix->valid_until != 0 && prefix->trial == RD_DUPLICATE)
            next = earlier(next, prefix->retry_at);
    }
    return next;
}

/* Returns true if it has ended now. */
static bool end_at(nsec_t now, nsec_t *until)
{
    if (*until == 0 || *until > now)
        return false;
    *until = 0;
    return true;
}

static void expire_router(struct rd_client *x, struct rd_router *router)
{
    end_at(x->now, &router->default_until);
    for (unsigned i = 0; i < RD_ROUTES_MAX; i++)
        end_at(x->now, &router->routes[i].until);
    for (unsigned i = 0; i < RD_SERVERS_MAX; i++)
        x->names_changed |= end_at(x->now, &router->servers[i].until);
    for (unsigned i = 0; i < RD_DOMAINS_MAX; i++)
        x->names_changed |= end_at(x->now, &router->domains[i].until);
    if (silent_from(router) <= x->now && router_next_end(router) == NSEC_NEVER &&
        !says_prefix(x, ROUTER_BIT(x, router)))
        router->used = false;
}

static void expire_prefix(struct rd_client *x, struct rd_prefix *prefix)
{
    end_at(x->now, &prefix->on_link_until);
    end_at(x->now, &prefix->valid_until);
    if (prefix->on_link_until == 0 && prefix->valid_until == 0)
        prefix->said_by = 0;
    else if (prefix->valid_until != 0 && prefix->trial == RD_DUPLICATE && prefix->retry_at <= x->now)
        rd_try_again(x, prefix);
}

void rd_expire(struct rd_client *x)
{
    for (unsigned i = 0; i < RD_ADDRESSES_MAX; i++) {
        if (x->prefixes[i].said_by != 0)
            expire_prefix(x, &x->prefixes[i]);
    }
    for (unsigned i = 0; i < RD_ROUTERS_MAX; i++) {
        if (x->routers[i].used)
            expire_router(x, &x->routers[i]);
    }
}

static void forget_prefix(struct rd_prefix *prefix)
{
    prefix->said_by = 0;
    prefix->on_link_until = prefix->valid_until = 0;
    prefix->tell_duplicate = false;
}

/* All that it said. What the stack was told stays noted, so that it is taken back. */
static void forget_router(struct rd_client *x, struct rd_router *router)
{
    uint8_t bit = ROUTER_BIT(x, router);

    router->used = false;
    router->default_until = 0;
    for (unsigned i = 0; i < RD_ROUTES_MAX; i++)
        router->routes[i].until = 0;
    for (unsigned i = 0; i < RD_SERVERS_MAX; i++)
        router->servers[i].until = 0;
    for (unsigned i = 0; i < RD_DOMAINS_MAX; i++)
        router->domains[i].until = 0;
    for (unsigned i = 0; i < RD_ADDRESSES_MAX; i++) {
        x->prefixes[i].said_by &= (uint8_t)~bit;
        if (x->prefixes[i].said_by == 0)
            forget_prefix(&x->prefixes[i]);
    }
    x->names_changed = true;
}

void rd_forget(struct rd_client *x)
{
    for (unsigned i = 0; i < RD_ROUTERS_MAX; i++) {
        if (x->routers[i].used)
            forget_router(x, &x->routers[i]);
    }
    x->hop_limit = 0;
    x->timers = (struct rd_timers){0};
}

/* --- routers --- */

/* The one with that address, or its place among them; NULL: no place. */
static struct rd_router *admit(struct rd_client *x, const struct ipaddr *from)
{
    struct rd_router *place = NULL, *silent = &x->routers[0];

    for (unsigned i = 0; i < RD_ROUTERS_MAX; i++) {
        struct rd_router *router = &x->routers[i];
        if (router->used && ipaddr_equal(&router->addr, from))
            return router;
        if (!router->used && !place)
            place = router;
        if (router->heard < silent->heard)
            silent = router;
    }
    if (!place && silent_from(silent) <= x->now) {
        forget_router(x, silent);
        place = silent;
    }
    if (place) {
        place->used = true;
        place->addr = *from;
        place->mtu = 0;
        place->hop_limit = 0;
    }
    return place;
}

/* Its lifetime as a default router, by the fixed part or by a route to everywhere (RFC 4191 s3.1). */
static void learn_default(struct rd_client *x, struct rd_router *router, uint32_t lifetime_s,
                          enum nd_preference preference)
{
    router->preference = preference;
    router->default_since = x->now;
    router->default_until = lifetime_s == 0 ? 0 : rd_until(x, lifetime_s);
}

static void learn_timer(uint32_t said_ms, uint32_t least_ms, uint32_t most_ms, uint32_t *ms)
{
    if (said_ms >= least_ms && said_ms <= most_ms)
        *ms = said_ms;
}

/* How packets are sent, by which neighbours are asked (RFC 4861 s6.3.4). */
static void learn_variables(struct rd_client *x, struct rd_router *router, const struct nd_router *said)
{
    if (said->hop_limit >= RD_HOP_LIMIT_MIN)
        x->hop_limit = router->hop_limit = said->hop_limit;
    learn_timer(said->reachable_ms, RD_REACHABLE_MIN_MS, RD_REACHABLE_MAX_MS, &x->timers.reachable_ms);
    learn_timer(said->retrans_ms, RD_RETRANS_MIN_MS, RD_RETRANS_MAX_MS, &x->timers.retrans_ms);
}

/* --- prefixes --- */

static bool is_routable(const struct ipaddr *prefix, uint8_t bits)
{
    static const struct ipaddr zero;

    return !nd_is_multicast(prefix) && !nd_is_link_local(prefix) &&
           (bits < 64 || !ipaddr_same_prefix(prefix, &zero, 64));
}

static struct rd_prefix *find_prefix(struct rd_client *x, const struct ipaddr *addr, uint8_t bits)
{
    for (unsigned i = 0; i < RD_ADDRESSES_MAX; i++) {
        struct rd_prefix *prefix = &x->prefixes[i];
        if (prefix->said_by != 0 && prefix->bits == bits && ipaddr_equal(&prefix->prefix, addr))
            return prefix;
    }
    return NULL;
}

/* An address that is deprecated, of a prefix that nobody else says: the one that ends first. */
static struct rd_prefix *replaceable(struct rd_client *x, uint8_t bit)
{
    struct rd_prefix *first = NULL;

    for (unsigned i = 0; i < RD_ADDRESSES_MAX; i++) {
        struct rd_prefix *prefix = &x->prefixes[i];
        if (prefix->said_by == bit && prefix->valid_until != 0 && prefix->preferred_until <= x->now &&
            (!first || prefix->valid_until < first->valid_until))
            first = prefix;
    }
    return first;
}

static unsigned count_prefixes(const struct rd_client *x, uint8_t bit)
{
    unsigned n = 0;

    for (unsigned i = 0; i < RD_ADDRESSES_MAX; i++)
        n += (x->prefixes[i].said_by & bit) != 0;
    return n;
}

/* A place for one more prefix of that router. Quotas see to it that there is one if the quota is not used up. */
static struct rd_prefix *add_prefix(struct rd_client *x, uint8_t bit, const struct ipaddr *addr, uint8_t bits)
{
    struct rd_prefix *place = NULL;

    if (count_prefixes(x, bit) >= RD_PREFIXES_MAX)
        place = replaceable(x, bit);
    else
        for (unsigned i = 0; i < RD_ADDRESSES_MAX && !place; i++)
            place = x->prefixes[i].said_by == 0 ? &x->prefixes[i] : NULL;
    if (!place)
        return NULL;
    forget_prefix(place);
    place->prefix = *addr;
    place->bits = bits;
    return place;
}

static void learn_prefix(struct rd_client *x, struct rd_router *router, const struct nd_prefix *said)
{
    uint8_t bit = ROUTER_BIT(x, router);
    struct ipaddr addr = said->prefix;
    bool on_link = said->flags & ND_PREFIX_ON_LINK && said->bits > 0;
    bool autonomous =
        said->flags & ND_PREFIX_AUTONOMOUS && said->bits == 64 && said->preferred_s <= said->valid_s;

    ipaddr_mask(&addr, said->bits);
    if (!is_routable(&addr, said->bits) || !(on_link || autonomous))
        return;
    struct rd_prefix *prefix = find_prefix(x, &addr, said->bits);
    if (!prefix && said->valid_s > 0)
        prefix = add_prefix(x, bit, &addr, said->bits);
    if (!prefix)
        return;
    if (on_link)
        prefix->on_link_until = said->valid_s == 0 ? 0 : rd_until(x, said->valid_s);
    if (autonomous && (prefix->valid_until != 0 || said->valid_s > 0))
        rd_autoconfigure(x, prefix, said);
    if (prefix->said_by & bit || count_prefixes(x, bit) < RD_PREFIXES_MAX)
        prefix->said_by |= bit;
}

/* --- routes --- */

static void learn_route(struct rd_client *x, struct rd_router *router, const struct nd_route *said)
{
    struct rd_route *place = NULL;

    if (said->bits == 0) {
        learn_default(x, router, said->lifetime_s, said->preference);
        return;
    }
    if (!is_routable(&said->prefix, said->bits))
        return;
    for (unsigned i = 0; i < RD_ROUTES_MAX; i++) {
        struct rd_route *route = &router->routes[i];
        if (route->until != 0 && route->bits == said->bits && ipaddr_equal(&route->prefix, &said->prefix)) {
            place = route;
            break;
        }
        if (route->until == 0 && !place)
            place = route;
    }
    if (!place)
        return;
    place->prefix = said->prefix;
    place->bits = said->bits;
    place->preference = said->preference;
    place->until = said->lifetime_s == 0 ? 0 : rd_until(x, said->lifetime_s);
}

/* --- names --- */

static bool is_server(const struct ipaddr *addr)
{
    return nd_is_link_local(addr) || is_routable(addr, 128);
}

static void learn_server(struct rd_client *x, struct rd_router *router, const struct ipaddr *addr,
                         nsec_t until)
{
    struct rd_server *place = &router->servers[0];

    if (!is_server(addr))
        return;
    for (unsigned i = 0; i < RD_SERVERS_MAX; i++) {
        struct rd_server *server = &router->servers[i];
        if (server->until != 0 && ipaddr_equal(&server->addr, addr)) {
            x->names_changed |= until == 0;
            server->until = until;
            return;
        }
        if (server->until < place->until)
            place = server;
    }
    if (until <= place->until)
        return;
    *place = (struct rd_server){.addr = *addr, .until = until};
    x->names_changed = true;
}

static void learn_domain(struct rd_client *x, struct rd_router *router, const uint8_t *name, nsec_t until)
{
    struct rd_domain *place = &router->domains[0];
    size_t len = dname_len(name);

    for (unsigned i = 0; i < RD_DOMAINS_MAX; i++) {
        struct rd_domain *domain = &router->domains[i];
        if (domain->until != 0 && dname_equal(domain->name, dname_len(domain->name), name, len)) {
            x->names_changed |= until == 0;
            domain->until = until;
            return;
        }
        if (domain->until < place->until)
            place = domain;
    }
    if (until <= place->until)
        return;
    memcpy(place->name, name, len);
    place->until = until;
    x->names_changed = true;
}

static void learn_names(struct rd_client *x, struct rd_router *router, const struct nd_option *option)
{
    uint8_t name[DNAME_MAX];

    if (option->type == ND_RDNSS) {
        uint32_t lifetime_s = option->rdnss.lifetime_s;
        for (unsigned i = 0; i < option->rdnss.n; i++)
            learn_server(x, router, &option->rdnss.servers[i], lifetime_s == 0 ? 0 : rd_until(x, lifetime_s));
        return;
    }
    struct reader names = option->dnssl.names;
    uint32_t lifetime_s = option->dnssl.lifetime_s;
    while (nd_next_name(&names, name))
        learn_domain(x, router, name, lifetime_s == 0 ? 0 : rd_until(x, lifetime_s));
}

/* --- the whole --- */

static void learn_option(struct rd_client *x, struct rd_router *router, const struct nd_option *option)
{
    switch (option->type) {
    case ND_MTU:
        if (option->mtu >= ND_IPV6_MTU_MIN && option->mtu <= x->env.mtu)
            router->mtu = (uint16_t)option->mtu;
        break;
    case ND_PREFIX:
        learn_prefix(x, router, &option->prefix);
        break;
    case ND_ROUTE:
        learn_route(x, router, &option->route);
        break;
    case ND_RDNSS:
    case ND_DNSSL:
        learn_names(x, router, option);
        break;
    default:
        break;
    }
}

void rd_learn(struct rd_client *x, const struct ipaddr *from, const struct nd_message *msg)
{
    struct rd_router *router = admit(x, from);
    struct reader options = msg->options;
    struct nd_option option;

    if (!router)
        return;
    router->heard = x->now;
    router->flags = msg->router.flags;
    learn_variables(x, router, &msg->router);
    learn_default(x, router, msg->router.lifetime_s, msg->router.preference);
    while (nd_next_option(&options, &option))
        learn_option(x, router, &option);
}
