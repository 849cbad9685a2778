/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See namedhcp_engine.h. An engine never changes: a reload makes a new one, which takes from the store what the old one knew
 * (all of that is there before a client hears of it), and the old one ends.
 *
 * Each protocol has its own claims on names: a client is known by its DUID in one and by its client identifier in the other,
 * and a node that uses both would stand in its own way.
 */
#include "libnamedhcp/namedhcp_engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Up to 256 bytes it is all or, before the system's pool is filled, EINTR. */
static void draw(void *arg, void *bytes, size_t len)
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

    draw(NULL, &settings.key, sizeof(settings.key));
    return name_policy_new(&settings, ret);
}

/* --- what the store remembers --- */

struct restoring {
    struct namedhcp_engine *engine;
    struct server_time now;
};

/* What has no room any more, since there is less room now, is left out. */
static int restore6(void *arg, const struct server_lease *lease)
{
    const struct restoring *r = arg;

    if (lease->state != SERVER_LEASE_CLAIM)
        return 0;
    int e = name_policy_restore(r->engine->names6, lease->name, lease->identity, lease->identity_len,
                                lease->ends);
    return e == -ENOMEM ? e : 0;
}

static int restore4(void *arg, const struct server_lease *lease)
{
    const struct restoring *r = arg;
    int e = dhcp4_server_restore(r->engine->v4, lease, r->now);

    r->engine->damaged += e == -EINVAL;
    return e == -ENOMEM ? e : 0;
}

static int restore(struct namedhcp_engine *e, const struct namedhcp_ground *ground, char *why,
                   size_t why_size)
{
    struct restoring r = {.engine = e, .now = ground->now};
    unsigned damaged6 = 0, damaged4 = 0;
    int error = 0;

    if (e->v6)
        error = store_load(ground->store, STORE_DHCP6, restore6, &r, &damaged6);
    if (error == 0 && e->v4)
        error = store_load(ground->store, STORE_DHCP4, restore4, &r, &damaged4);
    e->damaged += damaged6 + damaged4;
    if (error < 0)
        snprintf(why, why_size, "cannot read the leases: %s", strerror(-error));
    return error;
}

/* --- DHCPv6 --- */

static int make_v6(struct namedhcp_engine *e, const struct namedhcp_ground *ground,
                   const struct server_env *env, char *why, size_t why_size)
{
    struct dhcp6_server_settings settings = e->config->v6;

    settings.names = e->names6;
    settings.duid = ground->duid;
    settings.duid_len = ground->duid_len;
    int error = dhcp6_server_new(env, &settings, &e->v6);
    if (error < 0)
        snprintf(why, why_size, "cannot serve DHCPv6: %s", strerror(-error));
    return error;
}

/* --- DHCPv4 --- */

static uint32_t own_address_in(const struct dhcp_link *link, const struct dhcp4_subnet *s)
{
    for (unsigned i = 0; i < link->n_addrs; i++)
        if ((link->addrs[i].addr & dhcp4_mask_of(s->bits)) == s->network)
            return link->addrs[i].addr;
    return 0;
}

static int make_subnets(struct namedhcp_engine *e, const struct dhcp_link *link, char *why, size_t why_size)
{
    struct namedhcp_config *c = e->config;

    e->server_id = c->server_id ? c->server_id : link->n_addrs > 0 ? link->addrs[0].addr : 0;
    if (!e->server_id) {
        snprintf(why, why_size,
                 "cannot serve DHCPv4: interface %.40s has no IPv4 address, and 'serverid' is not said",
                 c->iface);
        return -EADDRNOTAVAIL;
    }
    for (unsigned i = 0; i < c->n_subnets; i++)
        c->subnets[i].relay = own_address_in(link, &c->subnets[i]);
    e->v4_settings.subnets = c->subnets;
    e->v4_settings.n_subnets = c->n_subnets;
    if (c->n_subnets > 0)
        return 0;
    if (link->n_addrs == 0) {
        snprintf(why, why_size,
                 "cannot serve DHCPv4: there is no subnet, and interface %.40s has no IPv4 address",
                 c->iface);
        return -EADDRNOTAVAIL;
    }
    e->own = c->common;
    e->own.bits = link->addrs[0].bits;
    e->own.network = link->addrs[0].addr & dhcp4_mask_of(e->own.bits);
    e->own.relay = link->addrs[0].addr;
    e->v4_settings.subnets = &e->own;
    e->v4_settings.n_subnets = 1;
    return 0;
}

/* Our own addresses are nobody else's, be they in a pool. */
static int make_leases(struct namedhcp_engine *e, const struct dhcp_link *link)
{
    const struct namedhcp_config *c = e->config;
    uint32_t *reserved = calloc(c->n_fixed + DHCP_LINK_ADDRS_MAX, sizeof(*reserved));
    unsigned n = c->n_fixed;

    if (!reserved)
        return -ENOMEM;
    memcpy(reserved, c->reserved, n * sizeof(*reserved));
    for (unsigned i = 0; i < link->n_addrs; i++)
        reserved[n++] = link->addrs[i].addr;
    struct lease_settings settings = {.pools = c->pools,
                                      .n_pools = c->n_pools,
                                      .reserved = reserved,
                                      .n_reserved = n,
                                      .leases_max = c->leases_max};
    draw(NULL, &settings.key, sizeof(settings.key));
    int error = lease_table_new(&settings, &e->leases);
    free(reserved);
    return error;
}

static int make_v4(struct namedhcp_engine *e, const struct namedhcp_ground *ground, struct server_env *env,
                   char *why, size_t why_size)
{
    const struct namedhcp_config *c = e->config;
    int error = make_subnets(e, ground->link, why, why_size);

    if (error < 0)
        return error;
    error = make_leases(e, ground->link);
    if (error == 0) {
        e->v4_settings.names = e->names4;
        e->v4_settings.leases = e->leases;
        e->v4_settings.fixed = c->fixed;
        e->v4_settings.n_fixed = c->n_fixed;
        e->v4_settings.server_id = e->server_id;
        e->v4_settings.authoritative = c->authoritative;
        e->v4_settings.probe = c->probe;
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
    struct server_env env = {.random = draw};
    int error = namedhcp_names_of(e->config, &e->names6);

    if (error == 0)
        error = namedhcp_names_of(e->config, &e->names4);
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

void namedhcp_engine_free(struct namedhcp_engine *e)
{
    if (!e)
        return;
    dhcp6_server_free(e->v6);
    dhcp4_server_free(e->v4);
    lease_table_free(e->leases);
    name_policy_free(e->names6);
    name_policy_free(e->names4);
    namedhcp_config_free(e->config);
    free(e);
}
