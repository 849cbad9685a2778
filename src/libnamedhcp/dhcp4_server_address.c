/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The address of a client: from a fixed binding, from its name, from a pool.
 *
 * An address of a pool is held in the table as soon as it was chosen, so that nobody else is offered it while it is probed and
 * while the client makes up its mind. A lease that runs is not touched by that: a client that was restarted and asks anew keeps
 * what it has, whatever becomes of the offer.
 *
 * Two servers with the same pools choose the same address for a client (lease_table.h), so it matters little which of them
 * hears it first.
 *
 * Who was found to use an address is remembered by its MAC address for as long as nobody else gets that address: it may be the
 * client of another server, which is to keep what it has when that server is gone and it comes here. Behind a relay an echo
 * request finds somebody whose MAC address nobody tells: who comes from there, to go on with that very address, is believed.
 */
#include "libnamedhcp/dhcp4_server_core.h"

#include <string.h>

bool is_of_client(const struct lease *l, const struct request4 *r)
{
    return l && l->identity_len == r->identity_len && memcmp(l->bytes, r->identity, r->identity_len) == 0;
}

static struct ipaddr as_ipaddr(uint32_t addr)
{
    struct ipaddr a = {.b = {[10] = 0xff, [11] = 0xff}};

    put_be32(a.b + 12, addr);
    return a;
}

bool put_lease(struct dhcp4_server *s, struct request4 *r, enum server_lease_state state, int64_t ends,
               bool offered)
{
    struct server_lease lease = {
        .state = state, .addr = as_ipaddr(r->addr), .began = s->now.wall_s, .ends = ends};

    if (state == SERVER_LEASE_DECLINED) {
        memcpy(lease.mac, r->user, sizeof(lease.mac));
    } else {
        lease.identity_len = r->identity_len;
        memcpy(lease.identity, r->identity, r->identity_len);
        memcpy(lease.mac, s->in.header.chaddr, sizeof(lease.mac));
        if (r->named)
            memcpy(lease.name, r->name, dname_len(r->name));
    }
    if (lease_put(s->set.leases, r->subnet, &lease, offered, s->now.wall_s, &r->forgotten) < 0)
        return false;
    if (r->forgotten)
        r->todo |= FORGET;
    if (!offered)
        r->todo |= KEEP_LEASE;
    return true;
}

/* --- names --- */

/* The name that the client wants: option 81, or the host name as one that needs a domain. False: none, or none that is a
 * name. */
static bool wanted_name(const struct dhcp4_message *m, uint8_t ret[static DNAME_MAX], bool *ret_partial)
{
    struct dhcp4_fqdn fqdn;
    size_t len;
    const uint8_t *host = dhcp4_option(m, DHCP4_HOST_NAME, &len);

    if (dhcp4_fqdn(m, &fqdn) && fqdn.name[0] != 0) {
        memcpy(ret, fqdn.name, dname_len(fqdn.name));
        *ret_partial = !fqdn.complete;
        return true;
    }
    if (!host || dname_from_text((const char *)host, len, ret) <= 1)
        return false;
    *ret_partial = !memchr(host, '.', len);
    return true;
}

struct name_policy_client client4_of(const struct dhcp4_server *s, const struct request4 *r,
                                     uint8_t wanted[static DNAME_MAX])
{
    static const uint8_t no_mac[6];
    struct name_policy_client client = {.identity = r->identity, .identity_len = r->identity_len};

    if (wanted_name(&s->in, wanted, &client.partial))
        client.wanted = wanted;
    if (s->in.header.htype == 1 && memcmp(s->in.header.chaddr, no_mac, sizeof(no_mac)) != 0)
        client.mac = s->in.header.chaddr;
    return client;
}

void request4_find_name(struct dhcp4_server *s, struct request4 *r)
{
    uint8_t wanted[DNAME_MAX];
    struct name_policy_client client = client4_of(s, r, wanted);
    enum name_verdict verdict = name_policy_find(s->set.names, &client, s->now.wall_s, r->name);
    r->named = verdict == NAME_GIVEN;
    if (verdict == NAME_FORBIDDEN)
        note4(s, r, "wants a name that it may not have");
    else if (verdict == NAME_TAKEN)
        note4(s, r, "wants a name that is somebody else's");
}

/* --- addresses --- */

static uint32_t fixed_address(const struct dhcp4_server *s, const struct request4 *r)
{
    for (unsigned i = 0; i < s->set.n_fixed; i++) {
        const struct dhcp4_fixed *f = &s->set.fixed[i];
        bool same =
            f->identity_len > 0
                ? f->identity_len == r->identity_len && memcmp(f->identity, r->identity, f->identity_len) == 0
                : s->in.header.htype == 1 && memcmp(f->mac, s->in.header.chaddr, sizeof(f->mac)) == 0;
        if (same && dhcp4_mask_of(subnet_of(s, r)->bits) != 0 &&
            (f->addr & dhcp4_mask_of(subnet_of(s, r)->bits)) == subnet_of(s, r)->network)
            return f->addr;
    }
    return 0;
}

/* What the client says it has, or would like to have. */
static uint32_t wish_of(const struct dhcp4_message *m)
{
    uint32_t wish = 0;

    if (m->header.ciaddr)
        return m->header.ciaddr;
    return dhcp4_u32(m, DHCP4_REQUESTED_ADDRESS, &wish) ? wish : 0;
}

static bool runs(const struct dhcp4_server *s, const struct lease *l)
{
    return l && !l->offered && lease_ends(l) > s->now.wall_s;
}

static const uint8_t nobody[6];

static bool is_mac_of_client(const struct dhcp4_server *s, const uint8_t mac[static 6])
{
    return s->in.header.htype == 1 && memcmp(mac, s->in.header.chaddr, sizeof(nobody)) == 0 &&
           memcmp(mac, nobody, sizeof(nobody)) != 0;
}

/* It has the address, it says, and by echo somebody had: RFC 2131 s4.3.2, REBINDING, leaves it to who may give the address. */
static bool may_be_user(const struct dhcp4_server *s, const struct lease *l)
{
    return s->in.header.giaddr != 0 && s->in.header.ciaddr == l->addr &&
           memcmp(l->mac, nobody, sizeof(nobody)) == 0;
}

/* When the address was probed, for somebody else, this client had it. */
static bool was_found_using(const struct dhcp4_server *s, const struct request4 *r, uint32_t addr)
{
    const struct lease *l = lease_at(s->set.leases, addr);

    return l && l->state == SERVER_LEASE_DECLINED && l->offered &&
           (is_mac_of_client(s, l->mac) || may_be_user(s, l)) &&
           lease_in_pool(s->set.leases, r->subnet, addr);
}

/* Holds the address for the client, which then has a while to take it. */
static void hold(struct dhcp4_server *s, struct request4 *r)
{
    if (!runs(s, lease_at(s->set.leases, r->addr)) &&
        !put_lease(s, r, SERVER_LEASE_BOUND, s->now.wall_s + DHCP4_OFFER_TIME_S, true))
        r->addr = 0;
}

static void pick(struct dhcp4_server *s, struct request4 *r)
{
    const struct lease *own = lease_of(s->set.leases, r->subnet, r->identity, r->identity_len);
    bool ours = runs(s, own) || (own && own->offered && lease_ends(own) > s->now.wall_s);

    uint32_t wish = wish_of(&s->in);
    bool uses_wish = was_found_using(s, r, wish);

    r->known = r->known || uses_wish || (own && !own->offered);
    r->pooled = true;
    if (uses_wish) {
        lease_forget(s->set.leases, wish);
        r->addr = wish;
    } else if (lease_pick(s->set.leases, r->subnet, r->identity, r->identity_len, wish, s->now.wall_s,
                          &r->addr) < 0) {
        r->addr = 0;
        s->stats.no_address++;
        note4(s, r, "gets no address: all of the pool are taken");
    }
    if (s->in.type != DHCP4_DISCOVER || !r->addr) {
        request4_decide(s, r);
        return;
    }
    hold(s, r);
    if (s->set.probe && !ours && r->addr && (!s->in.header.giaddr || s->set.echo_time > 0)) {
        r->state = REQUEST4_PROBE;
        dhcp_requests_do(&s->requests, &r->head);
    } else {
        request4_decide(s, r);
    }
}

/* In place of one that somebody else uses. */
static void next_address(struct dhcp4_server *s, struct request4 *r)
{
    s->stats.found_in_use++;
    note4(s, r, "was to get an address that somebody uses already");
    if (!put_lease(s, r, SERVER_LEASE_DECLINED, s->now.wall_s + DHCP4_DECLINED_TIME_S, true) ||
        ++r->probes >= PROBES_MAX) {
        r->addr = 0;
        request4_decide(s, r);
        return;
    }
    pick(s, r);
}

void request4_hear_of_use(struct dhcp4_server *s, struct request4 *r, const uint8_t *mac)
{
    memset(r->user, 0, sizeof(r->user));
    if (mac)
        memcpy(r->user, mac, sizeof(r->user));
    if (is_mac_of_client(s, r->user) || runs(s, lease_at(s->set.leases, r->addr)))
        request4_decide(s, r); /* the client itself does, or it has been granted meanwhile */
    else
        next_address(s, r);
}

void request4_find_address(struct dhcp4_server *s, struct request4 *r)
{
    request4_find_name(s, r);
    r->addr = fixed_address(s, r);
    r->known = r->addr != 0;
    if (r->addr) {
        request4_decide(s, r);
    } else if (!subnet_of(s, r)->by_name) {
        pick(s, r);
    } else if (r->named) {
        r->known = true;
        r->state = REQUEST4_NEW;
        dhcp_requests_do(&s->requests, &r->head);
    } else {
        s->stats.no_address++;
        request4_decide(s, r);
    }
}
