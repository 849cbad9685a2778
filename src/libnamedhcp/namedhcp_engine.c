/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See namedhcp_engine.h. An engine never changes: a reload makes a new one, which takes from the store what the old one knew
 * (all of that is there before a client hears of it), and the old one ends.
 *
 * Both protocols have one policy of names and its claims: a name that a client has on one is nobody else's on the other.
 */
#include "libnamedhcp/namedhcp_engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Where an address is said; on the system's stack it is the system that has it. */
#define ADDRESS_HINT "ip=ADDR/LEN in the string of its stack, 'ip ADDR/LEN' for a port"

/* Up to 256 bytes it is all or, before the system's pool is filled, EINTR. */
void namedhcp_draw(void *arg, void *bytes, size_t len)
{
    (void)arg;
    while (getrandom(bytes, len, 0) != (ssize_t)len)
        continue;
}

/* --- names --- */

int namedhcp_names_of(const struct namedhcp_config *c, struct name_policy **ret)
{
    struct name_policy_settings settings = {
        .bindings = c->bindings,
        .n_bindings = c->n_bindings,
        .domains = c->domains,
        .n_domains = c->n_domains,
        .patterns = c->patterns,
        .n_patterns = c->n_patterns,
        .made = c->made,
        .claims = c->claims,
        .claims_max = c->claims_max,
        .claims_keep_s = c->claims_keep_s,
    };

    namedhcp_draw(NULL, &settings.key, sizeof(settings.key));
    return name_policy_new(&settings, ret);
}

/* --- what the store remembers --- */

struct restoring {
    struct namedhcp_engine *engine;
    struct server_time now;
};

static int restore_claim(struct name_policy *names, const struct server_lease *claim)
{
    static const uint8_t unknown[6];
    const struct name_policy_client client = {
        .identity = claim->identity,
        .identity_len = claim->identity_len,
        .mac = memcmp(claim->mac, unknown, sizeof(unknown)) != 0 ? claim->mac : NULL,
    };

    return name_policy_restore(names, claim->name, &client, claim->ends);
}

/* What was granted in a future that has not come, by a clock that was ahead, lasts from now on for as long as it was granted. */
static struct server_lease not_of_the_future(const struct server_lease *lease, int64_t now_s)
{
    struct server_lease l = *lease;

    if (l.began > now_s && l.ends != INT64_MAX)
        l.ends -= l.began - now_s;
    if (l.began > now_s)
        l.began = now_s;
    return l;
}

/* What has no room any more, since there is less room now, is left out; so is what is not served now. */
static int restore_one(void *arg, const struct server_lease *kept)
{
    const struct restoring *r = arg;
    const struct server_lease corrected = not_of_the_future(kept, r->now.wall_s), *lease = &corrected;
    int e = 0;

    if (lease->state == SERVER_LEASE_CLAIM)
        e = restore_claim(r->engine->names, lease);
    else if (r->engine->v4 && ipaddr_is_v4(&lease->addr))
        e = dhcp4_server_restore(r->engine->v4, lease, r->now);
    r->engine->damaged += e == -EINVAL;
    return e == -ENOMEM ? e : 0;
}

static int restore(struct namedhcp_engine *e, const struct namedhcp_ground *ground, char *why,
                   size_t why_size)
{
    struct restoring r = {.engine = e, .now = ground->now};
    unsigned damaged = 0;
    int error = store_load(ground->store, restore_one, &r, &damaged);

    e->damaged += damaged;
    if (error < 0)
        snprintf(why, why_size, "cannot read the leases: %s", strerror(-error));
    return error;
}

/* --- DHCPv6 --- */

static int make_v6(struct namedhcp_engine *e, const struct namedhcp_ground *ground,
                   const struct server_env *env, char *why, size_t why_size)
{
    struct dhcp6_server_settings settings = e->config->v6;

    settings.names = e->names;
    settings.duid = ground->duid;
    settings.duid_len = ground->duid_len;
    int error = dhcp6_server_new(env, &settings, &e->v6);
    if (error < 0)
        snprintf(why, why_size, "cannot serve DHCPv6: %s", strerror(-error));
    return error;
}

/* --- DHCPv4 --- */

/* The links that have an address of the subnet, a bit each. */
static uint32_t links_in(const struct namedhcp_ground *ground, const struct dhcp4_subnet *s)
{
    uint32_t found = 0;

    for (unsigned i = 0; i < ground->n_links; i++)
        for (unsigned k = 0; k < ground->links[i]->n_addrs; k++)
            if ((ground->links[i]->addrs[k].addr & dhcp4_mask_of(s->bits)) == s->network)
                found |= UINT32_C(1) << i;
    return found;
}

/* What it is called: as the configuration says, else by its address on each link; on a link without one by another link's,
 * for relays may come by any. */
static int choose_ids(struct namedhcp_engine *e, const struct namedhcp_ground *ground, char *why,
                      size_t why_size)
{
    struct dhcp4_server_settings *set = &e->v4_settings;

    set->server_id = e->config->server_id;
    for (unsigned i = 0; i < ground->n_links; i++) {
        const struct dhcp_link *link = ground->links[i];
        if (e->config->server_id || link->n_addrs == 0)
            continue;
        set->link_ids[i] = link->addrs[0].addr;
        if (!set->server_id)
            set->server_id = link->addrs[0].addr;
    }
    if (set->server_id)
        return 0;
    snprintf(why, why_size,
             "cannot serve DHCPv4: interface %.40s has no IPv4 address: give it one (" ADDRESS_HINT
             "), or, where all clients are behind relays, say 'serverid ADDR'",
             ground->links[0]->name);
    return -EADDRNOTAVAIL;
}

/* A subnet for each network of our own. */
static int make_own_subnets(struct namedhcp_engine *e, const struct namedhcp_ground *ground, char *why,
                            size_t why_size)
{
    unsigned n = 0;

    for (unsigned i = 0; i < ground->n_links; i++) {
        const struct dhcp_link *link = ground->links[i];
        if (link->n_addrs == 0)
            continue;
        struct dhcp4_subnet own = e->config->common;
        own.bits = link->addrs[0].bits;
        own.network = link->addrs[0].addr & dhcp4_mask_of(own.bits);
        own.links = links_in(ground, &own);
        if (own.links & ((UINT32_C(1) << i) - 1))
            continue; /* an earlier link has it, too */
        e->own[n++] = own;
    }
    e->v4_settings.subnets = e->own;
    e->v4_settings.n_subnets = n;
    if (n > 0)
        return 0;
    snprintf(why, why_size,
             "cannot serve DHCPv4: there is no subnet, and interface %.40s has no IPv4 address: give it one "
             "(" ADDRESS_HINT "), or say 'subnet NET' for clients behind relays",
             ground->links[0]->name);
    return -EADDRNOTAVAIL;
}

static int make_subnets(struct namedhcp_engine *e, const struct namedhcp_ground *ground, char *why,
                        size_t why_size)
{
    struct namedhcp_config *c = e->config;
    int error = choose_ids(e, ground, why, why_size);

    if (error < 0 || c->n_subnets == 0)
        return error < 0 ? error : make_own_subnets(e, ground, why, why_size);
    for (unsigned i = 0; i < c->n_subnets; i++)
        c->subnets[i].links = links_in(ground, &c->subnets[i]);
    e->v4_settings.subnets = c->subnets;
    e->v4_settings.n_subnets = c->n_subnets;
    return 0;
}

/* The addresses of a network that no host has: the first one and the broadcast address (RFC 1122 s3.2.1.3), where there are
 * such (RFC 3021). How many. */
static unsigned no_hosts_of(const struct dhcp4_subnet *s, uint32_t ret[static 2])
{
    if (s->bits > 30)
        return 0;
    ret[0] = s->network;
    ret[1] = s->network | ~dhcp4_mask_of(s->bits);
    return 2;
}

/* Our own addresses are nobody else's, be they in a pool, and some are nobody's. */
static int make_leases(struct namedhcp_engine *e, const struct namedhcp_ground *ground)
{
    const struct namedhcp_config *c = e->config;
    uint32_t *reserved =
        calloc(c->n_fixed + (size_t)2 * c->n_subnets + (size_t)SERVER_LINKS_MAX * DHCP_LINK_ADDRS_MAX,
               sizeof(*reserved));
    unsigned n = c->n_fixed;

    if (!reserved)
        return -ENOMEM;
    if (n > 0)
        memcpy(reserved, c->reserved, n * sizeof(*reserved));
    for (unsigned i = 0; i < c->n_subnets; i++)
        n += no_hosts_of(&c->subnets[i], reserved + n);
    for (unsigned i = 0; i < ground->n_links; i++)
        for (unsigned k = 0; k < ground->links[i]->n_addrs; k++)
            reserved[n++] = ground->links[i]->addrs[k].addr;
    struct lease_settings settings = {.pools = c->pools,
                                      .n_pools = c->n_pools,
                                      .reserved = reserved,
                                      .n_reserved = n,
                                      .leases_max = c->leases_max};
    namedhcp_draw(NULL, &settings.key, sizeof(settings.key));
    int error = lease_table_new(&settings, &e->leases);
    free(reserved);
    return error;
}

static int make_v4(struct namedhcp_engine *e, const struct namedhcp_ground *ground, struct server_env *env,
                   char *why, size_t why_size)
{
    const struct namedhcp_config *c = e->config;
    int error = make_subnets(e, ground, why, why_size);

    if (error < 0)
        return error;
    error = make_leases(e, ground);
    if (error == 0) {
        e->v4_settings.names = e->names;
        e->v4_settings.leases = e->leases;
        e->v4_settings.fixed = c->fixed;
        e->v4_settings.n_fixed = c->n_fixed;
        e->v4_settings.authoritative = c->authoritative;
        e->v4_settings.probe = c->probe;
        e->v4_settings.echo_time = c->echo_ms * NSEC_PER_MSEC;
        e->v4_settings.rapid_commit = c->rapid_commit;
        e->v4_settings.waiting_max = c->waiting_max;
        error = dhcp4_server_new(env, &e->v4_settings, &e->v4);
    }
    if (error < 0)
        snprintf(why, why_size, "cannot serve DHCPv4: %s",
                 error == -EINVAL ? "the pools have too many addresses" : strerror(-error));
    return error;
}

/* --- life --- */

static int make_cores(struct namedhcp_engine *e, const struct namedhcp_ground *ground, char *why,
                      size_t why_size)
{
    struct server_env env = {.random = namedhcp_draw};
    int error = namedhcp_names_of(e->config, &e->names);

    if (error < 0) {
        snprintf(why, why_size, "cannot use '%s' as a pattern of names: %s",
                 e->config->made ? e->config->made : "", strerror(-error));
        return error;
    }
    if (ground->serve6)
        error = make_v6(e, ground, &env, why, why_size);
    if (error == 0 && ground->serve4)
        error = make_v4(e, ground, &env, why, why_size);
    return error < 0 ? error : restore(e, ground, why, why_size);
}

int namedhcp_engine_new(struct namedhcp_config *config, const struct namedhcp_ground *ground,
                        struct namedhcp_engine **ret, char *why, size_t why_size)
{
    struct namedhcp_engine *e = calloc(1, sizeof(*e));

    if (!e)
        return -ENOMEM;
    e->config = config;
    int error = make_cores(e, ground, why, why_size);
    if (error < 0) {
        e->config = NULL;
        namedhcp_engine_free(e);
        return error;
    }
    *ret = e;
    return 0;
}

uint32_t namedhcp_engine_id(const struct namedhcp_engine *e, unsigned link)
{
    uint32_t id = e->v4_settings.link_ids[link];

    return id ? id : e->v4_settings.server_id;
}

bool namedhcp_engine_has_subnet(const struct namedhcp_engine *e, unsigned link)
{
    for (unsigned i = 0; i < e->v4_settings.n_subnets; i++)
        if (e->v4_settings.subnets[i].links & UINT32_C(1) << link)
            return true;
    return false;
}

void namedhcp_engine_free(struct namedhcp_engine *e)
{
    if (!e)
        return;
    dhcp6_server_free(e->v6);
    dhcp4_server_free(e->v4);
    lease_table_free(e->leases);
    name_policy_free(e->names);
    namedhcp_config_free(e->config);
    free(e);
}
