/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See ra_entries.h. An entry says the lifetimes of its settings, but never beyond its `until`: that is all there is to a
 * prefix that counts down, and to one whose address is itself only lent.
 *
 * When the settings change each old entry is held against the new ones. What is left of it (of a list of name servers
 * those that are in no new list) becomes an entry that is retired:
 *
 *   a prefix      preferred lifetime 0, so nobody makes new use of it (RFC 4861 s4.6.2, RFC 4862 s5.5.4); the valid
 *                 lifetime is what hosts were promised, two hours at most, and counts down, so connections can end
 *   all others    lifetime 0, no more to be used (RFC 4191 s2.3, RFC 8106 s5, RFC 8781 s4, RFC 9463 s6), for as long as a
 *                 host that missed it would go on believing in the promise, two hours at most
 *
 * Retired entries come first in an advertisement: should one contradict what follows, what follows counts.
 */
#include "libiothradvd/ra_entries.h"

#include <errno.h>
#include <stdlib.h>

/* --- copies --- */

static bool copy_bytes(struct arena *a, const void **at, size_t len)
{
    if (len == 0)
        return true;
    *at = arena_copy(a, *at, len);
    return *at != NULL;
}

bool ra_take_over(struct arena *a, struct nd_option *o)
{
    switch (o->type) {
    case ND_RDNSS:
        return copy_bytes(a, (const void **)&o->rdnss.servers, o->rdnss.n * sizeof(*o->rdnss.servers));
    case ND_DNSSL:
        return copy_bytes(a, (const void **)&o->dnssl.names.base, o->dnssl.names.len);
    case ND_CAPTIVE_PORTAL:
        return copy_bytes(a, (const void **)&o->portal.bytes, o->portal.len);
    case ND_ENCRYPTED_DNS:
        return copy_bytes(a, (const void **)&o->encrypted_dns.name, dname_len(o->encrypted_dns.name)) &&
               copy_bytes(a, (const void **)&o->encrypted_dns.addrs,
                          o->encrypted_dns.n * sizeof(*o->encrypted_dns.addrs)) &&
               copy_bytes(a, (const void **)&o->encrypted_dns.params, o->encrypted_dns.params_len);
    default:
        return true;
    }
}

/* --- what is left of an old option --- */

/* About the same thing, whatever is said of it. */
static bool is_same(const struct nd_option *a, const struct nd_option *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case ND_PREFIX:
        return a->prefix.bits == b->prefix.bits &&
               ipaddr_same_prefix(&a->prefix.prefix, &b->prefix.prefix, a->prefix.bits);
    case ND_ROUTE:
        return a->route.bits == b->route.bits && ipaddr_equal(&a->route.prefix, &b->route.prefix);
    case ND_PREF64:
        return a->pref64.bits == b->pref64.bits && ipaddr_equal(&a->pref64.prefix, &b->pref64.prefix);
    case ND_ENCRYPTED_DNS:
        return dname_equal(a->encrypted_dns.name, dname_len(a->encrypted_dns.name), b->encrypted_dns.name,
                           dname_len(b->encrypted_dns.name));
    default:
        return false;
    }
}

static bool has_server(const struct ra_entries *e, const struct ipaddr *server)
{
    for (unsigned i = 0; i < e->n; i++) {
        const struct nd_option *o = &e->at[i].option;
        for (unsigned j = 0; o->type == ND_RDNSS && !e->at[i].retired && j < o->rdnss.n; j++)
            if (ipaddr_equal(&o->rdnss.servers[j], server))
                return true;
    }
    return false;
}

static bool has_name(const struct ra_entries *e, const uint8_t *name)
{
    uint8_t other[DNAME_MAX];
    for (unsigned i = 0; i < e->n; i++) {
        if (e->at[i].option.type != ND_DNSSL || e->at[i].retired)
            continue;
        struct reader names = e->at[i].option.dnssl.names;
        while (nd_next_name(&names, other))
            if (dname_equal(other, dname_len(other), name, dname_len(name)))
                return true;
    }
    return false;
}

static bool has_same(const struct ra_entries *e, const struct nd_option *o)
{
    for (unsigned i = 0; i < e->n; i++)
        if (!e->at[i].retired && is_same(&e->at[i].option, o))
            return true;
    return false;
}

/* 1, and *ret with the servers that nobody names any more; 0: there are none; -ENOMEM. */
static int servers_left(struct ra_entries *e, const struct nd_option *old, struct nd_option *ret)
{
    struct ipaddr *left = arena_alloc(&e->arena, (old->rdnss.n + 1) * sizeof(*left));
    if (!left)
        return -ENOMEM;
    *ret = *old;
    ret->rdnss.servers = left;
    ret->rdnss.n = 0;
    for (unsigned i = 0; i < old->rdnss.n; i++)
        if (!has_server(e, &old->rdnss.servers[i]))
            left[ret->rdnss.n++] = old->rdnss.servers[i];
    return ret->rdnss.n > 0;
}

static int names_left(struct ra_entries *e, const struct nd_option *old, struct nd_option *ret)
{
    struct reader names = old->dnssl.names;
    uint8_t name[DNAME_MAX], *left = arena_alloc(&e->arena, names.len + 1);
    if (!left)
        return -ENOMEM;
    struct writer w = writer_of(left, names.len);
    while (nd_next_name(&names, name))
        if (!has_name(e, name))
            writer_put(&w, name, dname_len(name));
    *ret = *old;
    ret->dnssl.names = reader_of(left, w.pos);
    return w.pos > 0;
}

static int what_is_left(struct ra_entries *e, const struct nd_option *old, struct nd_option *ret)
{
    struct nd_option copy = *old;
    if (!ra_lifetime_of(&copy))
        return 0;
    if (old->type == ND_RDNSS)
        return servers_left(e, old, ret);
    if (old->type == ND_DNSSL)
        return names_left(e, old, ret);
    if (has_same(e, old))
        return 0;
    if (!ra_take_over(&e->arena, &copy))
        return -ENOMEM;
    *ret = copy;
    return 1;
}

/* --- making --- */

static nsec_t after(nsec_t now, uint32_t lifetime_s)
{
    return lifetime_s == ND_INFINITE ? NSEC_NEVER : now + lifetime_s * NSEC_PER_SEC;
}

static nsec_t earlier(nsec_t a, nsec_t b)
{
    return a < b ? a : b;
}

static int append(struct ra_entries *e, const struct ra_entry *entry)
{
    e->at[e->n] = *entry;
    if (!ra_take_over(&e->arena, &e->at[e->n].option))
        return -ENOMEM;
    e->n++;
    return 0;
}

/* Begins to count down, or goes on. */
static void count_down(struct ra_entry *entry, const struct ra_entries *old, nsec_t now)
{
    const struct nd_prefix *p = &entry->option.prefix;
    for (unsigned i = 0; i < old->n; i++) {
        const struct ra_entry *was = &old->at[i];
        if (was->counts_down && !was->retired && is_same(&was->option, &entry->option) &&
            was->option.prefix.valid_s == p->valid_s && was->option.prefix.preferred_s == p->preferred_s) {
            entry->valid_until = was->valid_until;
            entry->preferred_until = was->preferred_until;
            return;
        }
    }
    entry->valid_until = earlier(entry->valid_until, after(now, p->valid_s));
    entry->preferred_until = earlier(entry->preferred_until, after(now, p->preferred_s));
}

static int add_option(struct ra_entries *e, const struct ra_option *o, const struct ra_entries *old,
                      nsec_t now)
{
    struct ra_entry entry = {.option = o->nd,
                             .valid_until = NSEC_NEVER,
                             .preferred_until = NSEC_NEVER,
                             .counts_down = o->counts_down};
    if (o->counts_down && o->nd.type == ND_PREFIX)
        count_down(&entry, old, now);
    return append(e, &entry);
}

/* The prefixes of own addresses that this option stands for. One that is configured by itself, or there already, is left
 * out. */
static int add_own(struct ra_entries *e, const struct ra_option *o, const struct ra_own *own, unsigned n_own,
                   const struct ra_entries *old, nsec_t now)
{
    int result = 0;
    for (unsigned i = 0; i < n_own && i < RA_OWN_MAX && result == 0 && e->n < RA_ENTRIES_MAX; i++) {
        struct ra_entry entry = {.option = o->nd,
                                 .valid_until = own[i].valid_until,
                                 .preferred_until = own[i].preferred_until,
                                 .counts_down = o->counts_down};
        if (own[i].bits != o->nd.prefix.bits)
            continue;
        entry.option.prefix.prefix = own[i].prefix;
        ipaddr_mask(&entry.option.prefix.prefix, own[i].bits);
        if (has_same(e, &entry.option))
            continue;
        if (o->counts_down)
            count_down(&entry, old, now);
        result = append(e, &entry);
    }
    return result;
}

static int add_settings(struct ra_entries *e, const struct ra_settings *s, const struct ra_own *own,
                        unsigned n_own, const struct ra_entries *old, nsec_t now)
{
    int result = 0;
    for (unsigned i = 0; i < s->n_options && result == 0; i++)
        if (!s->options[i].own)
            result = add_option(e, &s->options[i], old, now);
    for (unsigned i = 0; i < s->n_options && result == 0; i++)
        if (s->options[i].own)
            result = add_own(e, &s->options[i], own, n_own, old, now);
    return result;
}

/* Until when hosts believe what this entry said last. */
static nsec_t promised_until(const struct ra_entry *entry, nsec_t now)
{
    struct nd_option said;
    if (entry->retired)
        return entry->valid_until;
    if (!ra_entry_say(entry, now, false, &said))
        return now;
    uint32_t s = *ra_lifetime_of(&said);
    return now + (s < RA_RETIRED_MAX_S ? s : RA_RETIRED_MAX_S) * NSEC_PER_SEC;
}

/* Retired ones stand before the others: the newest that fit. */
static int retire(struct ra_entries *e, const struct ra_entries *old, nsec_t now)
{
    struct ra_entry left[RA_RETIRED_MAX];
    unsigned n = 0;
    for (unsigned i = old->n; i-- > 0 && n < RA_RETIRED_MAX;) {
        struct ra_entry entry = {.retired = true};
        int any = what_is_left(e, &old->at[i].option, &entry.option);
        if (any < 0)
            return any;
        if (any == 0)
            continue;
        entry.valid_until = promised_until(&old->at[i], now);
        if (entry.valid_until > now)
            left[n++] = entry;
    }
    memmove(e->at + n, e->at, e->n * sizeof(*e->at));
    memcpy(e->at, left, n * sizeof(*left));
    e->n += n;
    return 0;
}

int ra_entries_make(const struct ra_settings *s, const struct ra_own *own, unsigned n_own,
                    const struct ra_entries *old, nsec_t now, struct ra_entries *ret)
{
    struct ra_entries e = {.at = calloc(RA_ENTRIES_MAX, sizeof(*e.at))};
    if (!e.at)
        return -ENOMEM;
    int result = add_settings(&e, s, own, n_own, old, now);
    if (result == 0)
        result = retire(&e, old, now);
    if (result < 0)
        ra_entries_fini(&e);
    else
        *ret = e;
    return result;
}

void ra_entries_fini(struct ra_entries *e)
{
    arena_fini(&e->arena);
    free(e->at);
    *e = (struct ra_entries){0};
}

/* --- saying --- */

static uint32_t seconds_until(nsec_t until, nsec_t now, uint32_t most_s)
{
    if (until == NSEC_NEVER)
        return most_s;
    nsec_t left_s = until > now ? (until - now) / NSEC_PER_SEC : 0;
    return left_s < most_s ? (uint32_t)left_s : most_s;
}

bool ra_entry_say(const struct ra_entry *e, nsec_t now, bool final, struct nd_option *ret)
{
    struct nd_option o = e->option;
    uint32_t *lifetime = ra_lifetime_of(&o);
    if (e->retired && e->valid_until <= now)
        return false;
    if (o.type == ND_PREFIX) {
        o.prefix.valid_s = seconds_until(e->valid_until, now, o.prefix.valid_s);
        o.prefix.preferred_s = seconds_until(e->preferred_until, now, o.prefix.preferred_s);
        if (e->retired)
            o.prefix.preferred_s = 0;
        if (o.prefix.preferred_s > o.prefix.valid_s)
            o.prefix.preferred_s = o.prefix.valid_s;
    } else if (lifetime && (e->retired || final)) {
        *lifetime = 0;
    }
    *ret = o;
    return true;
}
