/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See snapshot.h. Building one: nets, zone, base values, upstream identities, then the policy, which needs
 * them all. */
#include "libiothnamed/snapshot.h"
#include "libiothnamed/zone_pool.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct upstream_set {
    struct upstream_set *next;
    struct exchange_servers servers;
};

struct shared_config *shared_config_new(struct config *config)
{
    struct shared_config *c = malloc(sizeof(*c));
    if (!c) {
        config_free(config);
        return NULL;
    }
    atomic_init(&c->users, 1);
    c->config = config;
    c->lists = NULL;
    c->zones = NULL;
    c->pool = NULL;
    return c;
}

struct shared_config *shared_config_ref(struct shared_config *c)
{
    atomic_fetch_add(&c->users, 1);
    return c;
}

void shared_config_forget_records(struct shared_config *c)
{
    zones_unref(c->zones);
    zone_unref(c->pool);
    c->zones = NULL;
    c->pool = NULL;
}

void shared_config_unref(struct shared_config *c)
{
    if (c && atomic_fetch_sub(&c->users, 1) == 1) {
        lists_free(c->lists);
        shared_config_forget_records(c);
        config_free(c->config);
        free(c);
    }
}

static bool same_servers(const struct exchange_servers *a, const struct config_upstreams *b)
{
    if (a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++)
        if (!ipaddr_equal(&a->servers[i].addr, &b->servers[i].addr) ||
            a->servers[i].port != b->servers[i].port)
            return false;
    return true;
}

/* The set with these servers, registered now if it is new. NULL: out of memory. */
static const struct exchange_servers *registered(struct upstream_registry *r,
                                                 const struct config_upstreams *wanted)
{
    for (struct upstream_set *s = r->first; s; s = s->next)
        if (same_servers(&s->servers, wanted))
            return &s->servers;
    struct upstream_set *s = arena_alloc(&r->arena, sizeof(*s));
    if (!s)
        return NULL;
    s->servers = (struct exchange_servers){.id = r->count, .count = wanted->count};
    if (wanted->count) {
        s->servers.servers = arena_copy(&r->arena, wanted->servers, wanted->count * sizeof(*wanted->servers));
        if (!s->servers.servers)
            return NULL;
    }
    r->count++;
    s->next = r->first;
    r->first = s;
    return &s->servers;
}

static int bind_upstreams(struct snapshot *s, struct upstream_registry *registry)
{
    s->upstreams = calloc(s->config->n_upstreams ? s->config->n_upstreams : 1, sizeof(*s->upstreams));
    if (!s->upstreams)
        return -ENOMEM;
    for (unsigned i = 0; i < s->config->n_upstreams; i++) {
        const struct exchange_servers *e = registered(registry, &s->config->upstreams[i]);
        if (!e)
            return -ENOMEM;
        s->upstreams[i] = *e;
    }
    return 0;
}

static const struct zone_rrset *static_base(const struct snapshot *s, const struct config_base *base)
{
    return zone_rrset(zone_find(s->pool, base->name.wire), RR_AAAA);
}

bool snapshot_base_is_fixed(const struct snapshot *s, unsigned base)
{
    const struct config_base *b = &s->config->bases[base];
    return !b->name.wire || static_base(s, b);
}

static void fix_base(struct base_value *value, const struct snapshot *s, const struct config_base *base)
{
    if (!base->name.wire) {
        *value = (struct base_value){.known = true, .count = 1, .addrs = {base->addr}};
        return;
    }
    const struct zone_rrset *set = static_base(s, base);
    if (!set)
        return;
    *value = (struct base_value){.known = true};
    for (; value->count < set->count && value->count < BASE_ADDRS_MAX; value->count++)
        memcpy(value->addrs[value->count].b, set->records + zone_record_at(set, value->count) + ZONE_RR_HEAD,
               sizeof(value->addrs[0].b));
}

static int bind_bases(struct snapshot *s, const struct base_value *known)
{
    unsigned n = s->config->n_bases;
    s->bases = calloc(n ? n : 1, sizeof(*s->bases));
    if (!s->bases)
        return -ENOMEM;
    for (unsigned i = 0; i < n; i++) {
        s->bases[i] = known[i];
        fix_base(&s->bases[i], s, &s->config->bases[i]);
    }
    return 0;
}

/* The static records are the same for all snapshots of a configuration; snapshots are made one after the other. */
static int bind_records(struct snapshot *s, struct shared_config *config, const struct siphash_key *key)
{
    int e = config->pool ? 0 : zone_pool_build(config->config, key, &config->pool);
    s->pool = zone_ref(config->pool);
    s->zones = zones_ref(config->zones);
    return e;
}

static bool has_hrev_rule(const struct config *config)
{
    for (unsigned i = 0; i < config->n_rules; i++)
        if (config->rules[i].source == &source_hrev)
            return true;
    return false;
}

int snapshot_build(struct shared_config *config, const struct snapshot_parts *parts, struct snapshot **ret)
{
    struct snapshot *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    atomic_init(&s->users, 1);
    s->config_owner = shared_config_ref(config);
    s->config = config->config;
    s->cache = cache_ref(parts->cache);
    s->hrev = hrev_ref(parts->hrev);
    s->lists = config->lists;
    s->leases = lease_sets_ref(parts->leases);
    s->serial = parts->serial;
    s->learns_names = has_hrev_rule(s->config);

    int e = nets_build(s->config, &s->nets);
    if (e == 0)
        e = bind_records(s, config, parts->key);
    if (e == 0)
        e = bind_bases(s, parts->bases);
    if (e == 0)
        e = bind_upstreams(s, parts->registry);
    if (e == 0)
        e = policy_build(s->config, s->bases, s->nets, parts->key, &s->policy);
    if (e < 0) {
        snapshot_unref(s);
        return e;
    }
    *ret = s;
    return 0;
}

int snapshot_with_leases(struct snapshot *s, struct lease_sets *leases, struct snapshot **ret)
{
    struct snapshot *other = malloc(sizeof(*other));

    if (!other)
        return -ENOMEM;
    *other = *s;
    atomic_init(&other->users, 1);
    other->whole = snapshot_ref(s->whole ? s->whole : s);
    other->leases = lease_sets_ref(leases);
    *ret = other;
    return 0;
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
    atomic_fetch_add(&s->users, 1);
    return s;
}

void snapshot_unref(struct snapshot *s)
{
    if (!s || atomic_fetch_sub(&s->users, 1) != 1)
        return;
    lease_sets_unref(s->leases);
    if (s->whole) {
        snapshot_unref(s->whole);
        free(s);
        return;
    }
    policy_free(s->policy);
    hrev_free(s->hrev);
    cache_free(s->cache);
    free(s->upstreams);
    free(s->bases);
    zones_unref(s->zones);
    zone_unref(s->pool);
    nets_free(s->nets);
    shared_config_unref(s->config_owner);
    free(s);
}
