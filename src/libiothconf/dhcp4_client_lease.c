/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a server grants, and what of it can be used.
 *
 * An offer without a lease time or with an address that no host can have is refused as a whole. All else is
 * taken as far as it makes sense: T1 and T2 if 0 < T1 < T2 < lease, else half and seven eighths of it, a
 * little less by chance so that hosts do not come together (RFC 2131 s4.4.5); an MTU of 576 up to the link's;
 * routers, name servers that are hosts.
 *
 * Classless routes, if there are any, take the place of routers and static routes (RFC 3442). A router that
 * is in no network on the link gets a route of its own before the one that leads through it: servers that
 * give /32 addresses mean it so. Of several routers the first is used; nothing here would notice that it is
 * gone.
 *
 * Between two runs the address and the server are kept, with the MAC address and a checksum over them and the
 * client id: bytes that were damaged, or written for somebody else, are not believed.
 */
#include "libiothconf/dhcp4_client_core.h"
#include "base/siphash.h"

#include <errno.h>

enum {
    MTU_MIN = 576,      /* RFC 791: what every host takes; with the 68 of RFC 2132 s5.1 little works */
    HOSTLESS_BITS = 30, /* longer prefixes have no network and broadcast address of their own (RFC 3021) */
    FUZZ = 32,          /* the part of T1 and T2 that chance takes away */
    LOOPBACK = 127,
};

/* ---- leases ---- */

bool dhcp4_client_is_host(uint32_t addr)
{
    uint32_t first = addr >> 24;

    return first != 0 && first != LOOPBACK && first < 224; /* multicast, reserved and broadcast are above */
}

/* The length of the subnet mask, 1..32; of none, that of the address's class; -EINVAL. */
static int mask_of(const struct dhcp4_message *m)
{
    uint32_t mask;

    if (m->at[DHCP4_SUBNET_MASK] == 0)
        return (int)dhcp4_class_bits(m->header.yiaddr);
    int bits = dhcp4_u32(m, DHCP4_SUBNET_MASK, &mask) ? dhcp4_mask_bits(mask) : -EINVAL;
    return bits > 0 ? bits : -EINVAL;
}

static bool is_usable(uint32_t addr, unsigned bits, uint32_t server)
{
    uint32_t host_part = ~dhcp4_mask_of(bits);

    if (!dhcp4_client_is_host(addr) || addr == server)
        return false;
    return bits > HOSTLESS_BITS || ((addr & host_part) != 0 && (addr & host_part) != host_part);
}

static void default_times(const struct dhcp4_client *c, nsec_t duration, nsec_t *ret_t1, nsec_t *ret_t2)
{
    *ret_t1 = duration / 2 - dhcp4_client_random(c, duration / 2 / FUZZ);
    *ret_t2 = duration / 8 * 7 - dhcp4_client_random(c, duration / FUZZ);
}

static void time_lease(const struct dhcp4_client *c, const struct dhcp4_message *m, uint32_t lease_s,
                       struct dhcp4_lease *lease)
{
    uint32_t t1_s = 0, t2_s = 0;
    nsec_t t1, t2;

    if (lease_s == DHCP4_FOREVER) {
        lease->duration = lease->renew_at = lease->rebind_at = lease->expires = NSEC_NEVER;
        return;
    }
    lease->duration = lease_s * NSEC_PER_SEC;
    default_times(c, lease->duration, &t1, &t2);
    if (dhcp4_u32(m, DHCP4_RENEWAL_TIME, &t1_s) && dhcp4_u32(m, DHCP4_REBINDING_TIME, &t2_s) && 0 < t1_s &&
        t1_s < t2_s && t2_s < lease_s) {
        t1 = t1_s * NSEC_PER_SEC;
        t2 = t2_s * NSEC_PER_SEC;
    }
    lease->renew_at = c->asked_at + t1;
    lease->rebind_at = c->asked_at + t2;
    lease->expires = c->asked_at + lease->duration;
}

int dhcp4_client_lease_of(const struct dhcp4_client *c, const struct dhcp4_message *m,
                          struct dhcp4_lease *ret)
{
    uint32_t lease_s, server;
    int bits = mask_of(m);

    if (bits < 0 || !dhcp4_u32(m, DHCP4_LEASE_TIME, &lease_s) || lease_s < DHCP4_CLIENT_LEASE_MIN_S ||
        !dhcp4_u32(m, DHCP4_SERVER_ID, &server) || !dhcp4_client_is_host(server) ||
        !is_usable(m->header.yiaddr, (unsigned)bits, server))
        return -EINVAL;
    ret->addr = m->header.yiaddr;
    ret->server = server;
    ret->bits = (unsigned)bits;
    ret->ack = *m;
    time_lease(c, m, lease_s, ret);
    return 0;
}

/* ---- routes ---- */

static bool is_within(uint32_t addr, uint32_t dest, unsigned bits)
{
    return ((addr ^ dest) & dhcp4_mask_of(bits)) == 0;
}

/* Is it reached without a router: in our own network, or by a route that was taken? */
static bool is_on_link(const struct dhcp4_standing *want, uint32_t addr)
{
    if (is_within(addr, want->addr, want->bits))
        return true;
    for (unsigned i = 0; i < want->n_routes; i++) {
        const struct dhcp4_route *route = &want->routes[i];
        if (route->gateway == 0 && is_within(addr, route->dest, route->bits))
            return true;
    }
    return false;
}

static bool has_route(const struct dhcp4_standing *want, const struct dhcp4_route *route)
{
    for (unsigned i = 0; i < want->n_routes; i++) {
        if (want->routes[i].dest == route->dest && want->routes[i].bits == route->bits)
            return true;
    }
    /* the address brings that of its own network */
    return route->bits == want->bits && is_within(route->dest, want->addr, want->bits);
}

static bool leads_somewhere(const struct dhcp4_standing *want, const struct dhcp4_route *route)
{
    uint32_t first = route->dest >> 24;

    if (first >= 224 || (first == LOOPBACK && route->bits >= 8))
        return false;
    return route->gateway == 0 || (dhcp4_client_is_host(route->gateway) && route->gateway != want->addr);
}

static void add_route(struct dhcp4_standing *want, struct dhcp4_route route)
{
    bool needs_its_router = route.gateway != 0 && !is_on_link(want, route.gateway);

    if (!leads_somewhere(want, &route) || has_route(want, &route) ||
        want->n_routes + (needs_its_router ? 2 : 1) > DHCP4_ROUTES_MAX)
        return;
    if (needs_its_router)
        want->routes[want->n_routes++] = (struct dhcp4_route){.dest = route.gateway, .bits = 32};
    want->routes[want->n_routes++] = route;
}

static void take_routes(struct dhcp4_standing *want, const struct dhcp4_message *m)
{
    struct dhcp4_route routes[DHCP4_ROUTES_MAX];
    uint32_t routers[DHCP4_ROUTES_MAX];
    size_t n = dhcp4_classless_routes(m, routes, ARRAY_LEN(routes));

    if (n == 0) {
        n = dhcp4_static_routes(m, routes, ARRAY_LEN(routes));
        size_t n_routers = dhcp4_addrs(m, DHCP4_ROUTERS, routers, ARRAY_LEN(routers));
        unsigned before = want->n_routes;
        for (size_t i = 0; i < n_routers && want->n_routes == before; i++) {
            if (routers[i] != 0)
                add_route(want, (struct dhcp4_route){.gateway = routers[i]});
        }
    }
    for (size_t i = 0; i < n; i++)
        add_route(want, routes[i]);
}

/* ---- names ---- */

static void add_domain_text(struct client_names *names, const uint8_t *text, size_t len)
{
    size_t begin = 0;

    for (size_t i = 0; i <= len; i++) { /* several, with blanks between them, are not in the RFC but in use */
        if (i < len && text[i] != ' ' && text[i] != '\0')
            continue;
        if (i > begin && names->n_domains < CLIENT_DOMAINS_MAX &&
            dname_from_text((const char *)text + begin, i - begin, names->domains[names->n_domains]) > 1)
            names->n_domains++;
        begin = i + 1;
    }
}

static void take_names(struct client_names *names, const struct dhcp4_message *m)
{
    uint32_t servers[CLIENT_SERVERS_MAX];
    size_t n = dhcp4_addrs(m, DHCP4_NAME_SERVERS, servers, ARRAY_LEN(servers)), len;

    for (size_t i = 0; i < n; i++) {
        if (dhcp4_client_is_host(servers[i]))
            names->servers[names->n_servers++] = ipaddr_of_v4(servers[i]);
    }
    names->n_domains = (unsigned)dhcp4_domains(m, names->domains, CLIENT_DOMAINS_MAX);
    const uint8_t *text = dhcp4_option(m, DHCP4_DOMAIN_NAME, &len);
    if (names->n_domains == 0 && text)
        add_domain_text(names, text, len);
}

/* ---- what should stand ---- */

static uint16_t mtu_of(const struct dhcp4_client *c, const struct dhcp4_message *m)
{
    uint16_t mtu = 0;

    if (!dhcp4_u16(m, DHCP4_MTU, &mtu) || mtu < MTU_MIN || (c->env.mtu != 0 && mtu >= c->env.mtu))
        return 0;
    return mtu;
}

void dhcp4_client_configure(struct dhcp4_client *c)
{
    struct dhcp4_standing want = {0};
    struct client_names names = {0};

    if (c->has_lease) {
        want.addr = c->lease.addr;
        want.bits = c->lease.bits;
        want.until = c->lease.expires;
        want.mtu = mtu_of(c, &c->lease.ack);
        take_routes(&want, &c->lease.ack);
        for (unsigned i = 0; i < want.n_routes; i++)
            want.route_until[i] = want.until;
        take_names(&names, &c->lease.ack);
    }
    c->want = want;
    if (!client_names_equal(&names, &c->names)) {
        c->names = names;
        c->names_changed = true;
    }
}

/* ---- from one run to the next ---- */

static const uint8_t saved_head[] = {'d', 'h', 'c', 'p', 1}; /* the last byte is the version */

static uint64_t saved_checksum(const struct dhcp4_client *c, const uint8_t *bytes, size_t len)
{
    static const struct siphash_key key = {{0, 0}}; /* no secret: against damage */
    uint8_t all[DHCP4_SAVED_LEN + DHCP4_CLIENT_ID_MAX];
    struct writer w = writer_of(all, sizeof(all));

    writer_put(&w, bytes, len);
    writer_put(&w, c->client_id, c->client_id_len);
    return siphash24(&key, all, w.pos);
}

void dhcp4_client_save(const struct dhcp4_client *c, uint8_t bytes[static DHCP4_SAVED_LEN])
{
    struct writer w = writer_of(bytes, DHCP4_SAVED_LEN);

    writer_put(&w, saved_head, sizeof(saved_head));
    writer_put(&w, c->env.mac, sizeof(c->env.mac));
    writer_u32(&w, c->hint.addr);
    writer_u32(&w, c->hint.server);
    uint64_t sum = saved_checksum(c, bytes, w.pos);
    writer_u32(&w, (uint32_t)(sum >> 32));
    writer_u32(&w, (uint32_t)sum);
}

bool dhcp4_client_restore(const struct dhcp4_client *c, const uint8_t *bytes, size_t len,
                          struct dhcp4_offer *ret)
{
    struct reader r = reader_of(bytes, len);
    const uint8_t *head = reader_take(&r, sizeof(saved_head)), *mac = reader_take(&r, sizeof(c->env.mac));
    struct dhcp4_offer hint = {.addr = reader_u32(&r)};

    hint.server = reader_u32(&r);
    if (r.bad || len != DHCP4_SAVED_LEN)
        return false;
    uint64_t sum = saved_checksum(c, bytes, r.pos), high = reader_u32(&r);
    if ((high << 32 | reader_u32(&r)) != sum || memcmp(head, saved_head, sizeof(saved_head)) != 0 ||
        memcmp(mac, c->env.mac, sizeof(c->env.mac)) != 0 || !dhcp4_client_is_host(hint.addr) ||
        !dhcp4_client_is_host(hint.server))
        return false;
    *ret = hint;
    return true;
}
