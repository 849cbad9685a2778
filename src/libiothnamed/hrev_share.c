/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who has how many names in the reverse table, so that nobody can crowd others out.
 *
 * - `networks` finds the account of a network of clients: its names, by when they were taught;
 * - `sites` finds the account that a network is part of: whoever has one network has, as a rule, all of those
 * around it, and could ask from each of them in turn. A site knows its networks by how many names they have;
 * - `by_count` has the sites with 1, 2, 3, ... names, and `most` is the largest number that is not empty, so the
 * site that holds the most is found at once and a change by one name is a step to the neighbouring list.
 *
 * The name that makes room for another one is the one that was not taught for the longest time, of the network
 * that holds the most, in the site that holds the most. So one network may fill the table while nobody else
 * needs it, and a network or a site that floods it pushes out its own names. The same name taught by two
 * networks is on the account of one of them; it moves to the other only if that evens them out, so nobody can
 * take over a name and let it go with his flood, and two networks that ask by turns do not move it for ever.
 */
#include "libiothnamed/hrev_table.h"

#include <stdlib.h>

enum {
    NETWORK_BITS_V4 = 96 + 24,
    NETWORK_BITS_V6 = 64,
    SITE_BITS_V4 = 96 + 16,
    SITE_BITS_V6 = 48, /* what a customer or a tunnel gets at most */
};

static struct ipaddr prefix_of(const struct ipaddr *client, unsigned bits_v4, unsigned bits_v6)
{
    struct ipaddr prefix = *client;

    ipaddr_mask(&prefix, ipaddr_is_v4(client) ? bits_v4 : bits_v6);
    return prefix;
}

static struct ipaddr network_of(const struct ipaddr *client)
{
    return prefix_of(client, NETWORK_BITS_V4, NETWORK_BITS_V6);
}

static struct ipaddr site_of(const struct ipaddr *client)
{
    return prefix_of(client, SITE_BITS_V4, SITE_BITS_V6);
}

static struct network_bucket *network_bucket(const struct hrev *h, const struct shard *s,
                                             const struct ipaddr *prefix)
{
    return &s->networks[hash_addr(h, prefix) & s->mask];
}

static struct site_bucket *site_bucket(const struct hrev *h, const struct shard *s,
                                       const struct ipaddr *prefix)
{
    return &s->sites[hash_addr(h, prefix) & s->mask];
}

struct network *share_find(const struct hrev *h, const struct shard *s, const struct ipaddr *client)
{
    struct ipaddr prefix = network_of(client);
    struct network *n;

    LIST_FOREACH(n, network_bucket(h, s, &prefix), in_bucket)
    {
        if (ipaddr_equal(&n->prefix, &prefix))
            return n;
    }
    return NULL;
}

static struct site *find_site(const struct hrev *h, const struct shard *s, const struct ipaddr *client)
{
    struct ipaddr prefix = site_of(client);
    struct site *site;

    LIST_FOREACH(site, site_bucket(h, s, &prefix), in_bucket)
    {
        if (ipaddr_equal(&site->prefix, &prefix))
            return site;
    }
    return NULL;
}

/* A site without networks, in no group. NULL: out of memory. */
static struct site *add_site(const struct hrev *h, struct shard *s, const struct ipaddr *client)
{
    struct site *site = calloc(1, sizeof(*site));

    if (!site)
        return NULL;
    site->prefix = site_of(client);
    LIST_INSERT_HEAD(site_bucket(h, s, &site->prefix), site, in_bucket);
    return site;
}

static void drop_site(struct site *site)
{
    LIST_REMOVE(site, in_bucket);
    heap_fini(&site->networks);
    free(site);
}

struct network *share_add(const struct hrev *h, struct shard *s, const struct ipaddr *client)
{
    struct network *n = calloc(1, sizeof(*n));
    struct site *site = find_site(h, s, client);

    if (n && !site)
        site = add_site(h, s, client);
    if (!n || !site || heap_set(&site->networks, &n->by_count, 0) < 0) {
        if (site && !heap_first(&site->networks))
            drop_site(site);
        free(n);
        return NULL;
    }
    n->site = site;
    n->prefix = network_of(client);
    TAILQ_INIT(&n->names);
    LIST_INSERT_HEAD(network_bucket(h, s, &n->prefix), n, in_bucket);
    return n;
}

/* A network that has no names any more; its site too, if it was its last. */
void share_drop(struct network *n)
{
    struct site *site = n->site;

    heap_remove(&site->networks, &n->by_count);
    LIST_REMOVE(n, in_bucket);
    free(n);
    if (!heap_first(&site->networks))
        drop_site(site);
}

static struct group *group_of(struct shard *s, uint32_t count)
{
    struct group *g = &s->by_count[count];

    if (!g->tqh_last)
        TAILQ_INIT(g);
    return g;
}

/* Moves the site to the group of its new count, behind those that were there before. */
static void set_site_count(struct shard *s, struct site *site, uint32_t count)
{
    if (site->count > 0)
        TAILQ_REMOVE(group_of(s, site->count), site, in_group);
    site->count = count;
    if (count > 0)
        TAILQ_INSERT_TAIL(group_of(s, count), site, in_group);
    if (count > s->most)
        s->most = count;
    while (s->most > 0 && TAILQ_EMPTY(group_of(s, s->most)))
        s->most--; /* one step at most: counts change by one */
}

/* One name more, or one less; a network without names is dropped. */
static void count_name(struct shard *s, struct network *n, bool more)
{
    set_site_count(s, n->site, more ? n->site->count + 1 : n->site->count - 1);
    n->count = more ? n->count + 1 : n->count - 1;
    if (n->count == 0) {
        share_drop(n);
        return;
    }
    int error =
        heap_set(&n->site->networks, &n->by_count, -(nsec_t)n->count); /* it is in: it needs no memory */
    (void)error;
}

void share_debit(struct shard *s, struct name *e)
{
    TAILQ_REMOVE(&e->network->names, e, in_network);
    count_name(s, e->network, false);
}

void share_credit(struct shard *s, struct network *n, struct name *e)
{
    e->network = n;
    TAILQ_INSERT_TAIL(&n->names, e, in_network);
    count_name(s, n, true);
}

/* Whether it evens out two accounts when one name goes from the one to the other. */
static bool evens_out(uint32_t from, uint32_t to)
{
    return to + 1 < from;
}

void share_even_out(const struct hrev *h, struct shard *s, struct name *e, const struct ipaddr *asker)
{
    struct ipaddr prefix = network_of(asker), site_prefix = site_of(asker);
    const struct network *before = e->network;

    if (ipaddr_equal(&before->prefix, &prefix) || before->site->count < 2)
        return;
    struct network *n = share_find(h, s, asker);
    if (ipaddr_equal(&before->site->prefix, &site_prefix)) {
        if (!evens_out(before->count, n ? n->count : 0))
            return;
    } else {
        const struct site *site = n ? n->site : find_site(h, s, asker);
        if (!evens_out(before->site->count, site ? site->count : 0))
            return;
    }
    if (!n && !(n = share_add(h, s, asker)))
        return;
    share_debit(s, e);
    share_credit(s, n, e);
}

struct name *share_first_to_go(struct shard *s)
{
    const struct site *site = TAILQ_FIRST(group_of(s, s->most));
    const struct network *n =
        (const void *)((const uint8_t *)heap_first(&site->networks) - offsetof(struct network, by_count));

    return TAILQ_FIRST(&n->names);
}

void share_move(const struct hrev *h, struct shard *s, struct shard *to)
{
    struct network *n;
    struct site *site;

    for (uint64_t bucket = 0; bucket <= s->mask; bucket++) {
        while ((n = LIST_FIRST(&s->networks[bucket]))) {
            LIST_REMOVE(n, in_bucket);
            LIST_INSERT_HEAD(network_bucket(h, to, &n->prefix), n, in_bucket);
        }
        while ((site = LIST_FIRST(&s->sites[bucket]))) {
            LIST_REMOVE(site, in_bucket);
            LIST_INSERT_HEAD(site_bucket(h, to, &site->prefix), site, in_bucket);
        }
    }
    for (uint32_t count = 1; count <= s->most; count++)
        TAILQ_CONCAT(group_of(to, count), group_of(s, count), in_group);
}
