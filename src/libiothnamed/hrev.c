/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reverse table: from a hashed address to its name.
 *
 * Names are spread over shards by the hash of their address, each with its own mutex and its part of the
 * bound. In a shard:
 * - `names` finds a name by its address;
 * - `expiry` is a heap of their ends. A refresh that adds less than an eighth of the lifetime only writes the
 * new end into the name and leaves the heap as it is: an end in the heap may be too early, never too late,
 * and is set right when it comes up;
 * - `networks` finds the account of a network of clients: its names, by when they were taught;
 * - `by_count` has the networks with 1, 2, 3, ... names, and `most` is the largest number that is not empty,
 * so the network that holds the most is found at once and a change by one name is a step to the neighbouring
 * list.
 *
 * To make room, a name that has expired goes first; else the one that was not taught for the longest time, of
 * the network that holds the most. So one network may fill the table while nobody else needs it, and a
 * network that floods it pushes out its own names. The same name taught by two networks is on the account of
 * one of them; it moves to the other only if that evens them out, so nobody can take over a name and let it
 * go with his flood, and two networks that ask by turns do not move it for ever.
 *
 * Memory: a name takes an allocation of about 100 bytes; the arrays, 40 bytes a name, are zeroed pages that
 * are not there before they are used. The share of a network is kept in each shard on its own, which is the
 * same in all since addresses spread evenly.
 */
#include "libiothnamed/hrev.h"

#include "base/heap.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>

enum {
    SHARDS_MAX = 64,
    SHARD_NAMES_MIN = 4096, /* fewer, and chance would fill one shard long before the others */
    LINE_BYTES = 64,
    SWEEP_MAX = 16, /* ends looked at for one new name */
    LAZY_PART = 8,  /* of a lifetime: the refresh that is not worth a move in the heap */
    NETWORK_BITS_V4 = 96 + 24,
    NETWORK_BITS_V6 = 64,
};

struct network;

struct name {
    LIST_ENTRY(name) in_bucket;
    TAILQ_ENTRY(name) in_network;
    struct network *network;
    struct heap_node expiry; /* not later than until */
    nsec_t until;
    struct ipaddr addr;
    uint8_t len;
    uint8_t wire[];
};

LIST_HEAD(name_bucket, name);

struct network {
    LIST_ENTRY(network) in_bucket;
    TAILQ_ENTRY(network) in_group;
    struct ipaddr prefix; /* masked */
    uint32_t count;
    TAILQ_HEAD(, name) names; /* the least recently taught first */
};

LIST_HEAD(network_bucket, network);
TAILQ_HEAD(group, network);

struct shard {
    _Alignas(LINE_BYTES) pthread_mutex_t lock;
    uint32_t count, max;
    uint32_t most;
    uint32_t mask; /* of both tables */
    struct name_bucket *names;
    struct network_bucket *networks;
    struct group *by_count; /* [1..max]; an unused one is zero */
    struct heap expiry;
};

struct hrev {
    atomic_uint owners;
    struct siphash_key key;
    uint32_t n_shards; /* a power of two */
    struct shard shards[];
};

static uint64_t hash_addr(const struct hrev *h, const struct ipaddr *addr)
{
    return siphash(&h->key, addr->b, sizeof(addr->b));
}

/* ---- networks */

static unsigned network_bits(const struct ipaddr *client)
{
    return ipaddr_is_v4(client) ? NETWORK_BITS_V4 : NETWORK_BITS_V6;
}

static bool network_holds(const struct network *n, const struct ipaddr *client)
{
    return ipaddr_same_prefix(&n->prefix, client, network_bits(client));
}

static struct network *find_network(const struct hrev *h, const struct shard *s, const struct ipaddr *client)
{
    struct ipaddr prefix = *client;
    struct network *n;

    ipaddr_mask(&prefix, network_bits(client));
    LIST_FOREACH(n, &s->networks[hash_addr(h, &prefix) & s->mask], in_bucket)
    {
        if (ipaddr_equal(&n->prefix, &prefix))
            return n;
    }
    return NULL;
}

/* A network without names, in no group. NULL: out of memory. */
static struct network *add_network(const struct hrev *h, struct shard *s, const struct ipaddr *client)
{
    struct network *n = calloc(1, sizeof(*n));

    if (!n)
        return NULL;
    n->prefix = *client;
    ipaddr_mask(&n->prefix, network_bits(client));
    TAILQ_INIT(&n->names);
    LIST_INSERT_HEAD(&s->networks[hash_addr(h, &n->prefix) & s->mask], n, in_bucket);
    return n;
}

static struct group *group_of(struct shard *s, uint32_t count)
{
    struct group *g = &s->by_count[count];

    if (!g->tqh_last)
        TAILQ_INIT(g);
    return g;
}

/* Moves the network to the group of its new count, behind those that were there before; frees it at 0. */
static void set_count(struct shard *s, struct network *n, uint32_t count)
{
    if (n->count > 0)
        TAILQ_REMOVE(group_of(s, n->count), n, in_group);
    n->count = count;
    if (count > 0) {
        TAILQ_INSERT_TAIL(group_of(s, count), n, in_group);
    } else {
        LIST_REMOVE(n, in_bucket);
        free(n);
    }
    if (count > s->most)
        s->most = count;
    while (s->most > 0 && TAILQ_EMPTY(group_of(s, s->most)))
        s->most--; /* one step at most: counts change by one */
}

static void debit(struct shard *s, struct name *e)
{
    TAILQ_REMOVE(&e->network->names, e, in_network);
    set_count(s, e->network, e->network->count - 1);
}

static void credit(struct shard *s, struct network *n, struct name *e)
{
    e->network = n;
    TAILQ_INSERT_TAIL(&n->names, e, in_network);
    set_count(s, n, n->count + 1);
}

/* ---- names */

static struct name_bucket *bucket_of(const struct shard *s, uint64_t hash)
{
    return &s->names[hash & s->mask];
}

static struct shard *shard_of(struct hrev *h, uint64_t hash)
{
    return &h->shards[hash >> 32 & (h->n_shards - 1)];
}

static struct name *find_name(const struct shard *s, uint64_t hash, const struct ipaddr *addr)
{
    struct name *e;

    LIST_FOREACH(e, bucket_of(s, hash), in_bucket)
    {
        if (ipaddr_equal(&e->addr, addr))
            return e;
    }
    return NULL;
}

static void forget(struct shard *s, struct name *e)
{
    heap_remove(&s->expiry, &e->expiry);
    LIST_REMOVE(e, in_bucket);
    debit(s, e);
    free(e);
    s->count--;
}

static struct name *first_to_expire(const struct shard *s)
{
    struct heap_node *node = heap_first(&s->expiry);

    return node ? (struct name *)(void *)((uint8_t *)node - offsetof(struct name, expiry)) : NULL;
}

/* Sets the end of a name that is in the heap, which needs no memory and so cannot fail. */
static void set_expiry(struct shard *s, struct name *e)
{
    int error = heap_set(&s->expiry, &e->expiry, e->until);

    (void)error;
}

/* Forgets names that have expired, a bounded number at a time. */
static void sweep(struct shard *s, nsec_t now)
{
    for (unsigned i = 0; i < SWEEP_MAX; i++) {
        struct name *e = first_to_expire(s);
        if (!e || e->expiry.deadline > now)
            return;
        if (e->until > now)
            set_expiry(s, e);
        else
            forget(s, e);
    }
}

/* Forgets the least recently taught name of the network that holds the most. There is one. */
static void evict(struct shard *s)
{
    const struct network *n = TAILQ_FIRST(group_of(s, s->most));

    forget(s, TAILQ_FIRST(&n->names));
}

/* The asker's network takes the name over if that evens the two accounts out. */
static void even_out(const struct hrev *h, struct shard *s, struct name *e, const struct ipaddr *asker)
{
    if (network_holds(e->network, asker) || e->network->count < 2)
        return;
    struct network *n = find_network(h, s, asker);
    if ((n ? n->count : 0) + 1 >= e->network->count)
        return;
    if (!n && !(n = add_network(h, s, asker)))
        return;
    debit(s, e);
    credit(s, n, e);
}

static void refresh(const struct hrev *h, struct shard *s, struct name *e, const struct ipaddr *asker,
                    nsec_t now, nsec_t until)
{
    if (until > e->until)
        e->until = until;
    if (e->until - e->expiry.deadline > (until - now) / LAZY_PART) {
        set_expiry(s, e);
        TAILQ_REMOVE(&e->network->names, e, in_network);
        TAILQ_INSERT_TAIL(&e->network->names, e, in_network);
    }
    even_out(h, s, e, asker);
}

static struct name *new_name(const struct ipaddr *addr, const uint8_t *wire, size_t len, nsec_t until)
{
    struct name *e = calloc(1, sizeof(*e) + len);

    if (!e)
        return NULL;
    e->addr = *addr;
    e->until = until;
    e->len = (uint8_t)len;
    memcpy(e->wire, wire, len);
    return e;
}

/* Puts a name in; its address is not there, and there is room. Out of memory: frees it. */
static void insert(const struct hrev *h, struct shard *s, uint64_t hash, struct name *e,
                   const struct ipaddr *asker)
{
    struct network *n = find_network(h, s, asker);

    if ((!n && !(n = add_network(h, s, asker))) || heap_set(&s->expiry, &e->expiry, e->until) < 0) {
        if (n && n->count == 0)
            set_count(s, n, 0);
        free(e);
        return;
    }
    LIST_INSERT_HEAD(bucket_of(s, hash), e, in_bucket);
    credit(s, n, e);
    s->count++;
}

/* ---- what others call */

void hrev_learn(struct hrev *h, const struct ipaddr *addr, const uint8_t *name, size_t name_len,
                const struct ipaddr *asker, nsec_t now, nsec_t until)
{
    uint64_t hash = hash_addr(h, addr);
    struct shard *s = shard_of(h, hash);

    if (until <= now || name_len > DNAME_MAX)
        return;
    pthread_mutex_lock(&s->lock);
    struct name *e = find_name(s, hash, addr);
    if (e && e->len == name_len && memcmp(e->wire, name, name_len) == 0) {
        refresh(h, s, e, asker, now, until);
    } else {
        struct name *fresh = new_name(addr, name, name_len, until);
        if (fresh) {
            if (e)
                forget(s, e); /* another name with the same address: the last one asked for stays */
            sweep(s, now);
            if (s->count == s->max)
                evict(s);
            insert(h, s, hash, fresh, asker);
        }
    }
    pthread_mutex_unlock(&s->lock);
}

int hrev_find(struct hrev *h, const struct ipaddr *addr, nsec_t now, uint8_t name[static DNAME_MAX])
{
    uint64_t hash = hash_addr(h, addr);
    struct shard *s = shard_of(h, hash);
    int len = -ENOENT;

    pthread_mutex_lock(&s->lock);
    const struct name *e = find_name(s, hash, addr);
    if (e && e->until > now) {
        memcpy(name, e->wire, e->len);
        len = e->len;
    }
    pthread_mutex_unlock(&s->lock);
    return len;
}

uint32_t hrev_count(struct hrev *h)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < h->n_shards; i++) {
        pthread_mutex_lock(&h->shards[i].lock);
        count += h->shards[i].count;
        pthread_mutex_unlock(&h->shards[i].lock);
    }
    return count;
}

static int shard_init(struct shard *s, uint32_t max)
{
    uint64_t buckets = 1;

    while (buckets < max)
        buckets *= 2;
    s->max = max;
    s->mask = (uint32_t)(buckets - 1);
    s->names = calloc(buckets, sizeof(*s->names));
    s->networks = calloc(buckets, sizeof(*s->networks));
    s->by_count = calloc((size_t)max + 1, sizeof(*s->by_count));
    if (s->names && s->networks && s->by_count && pthread_mutex_init(&s->lock, NULL) == 0)
        return 0;
    free(s->names);
    free(s->networks);
    free(s->by_count);
    return -ENOMEM;
}

static void shard_fini(struct shard *s)
{
    struct name *e;

    while ((e = first_to_expire(s)))
        forget(s, e);
    heap_fini(&s->expiry);
    free(s->names);
    free(s->networks);
    free(s->by_count);
    pthread_mutex_destroy(&s->lock);
}

int hrev_new(uint32_t max, const struct siphash_key *key, struct hrev **ret)
{
    uint32_t n_shards = 1;

    while (n_shards < SHARDS_MAX && max / SHARD_NAMES_MIN >= n_shards * 2)
        n_shards *= 2;
    size_t size = sizeof(struct hrev) + n_shards * sizeof(struct shard);
    struct hrev *h = aligned_alloc(LINE_BYTES, (size + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES);
    if (!h)
        return -ENOMEM;
    memset(h, 0, size);
    atomic_init(&h->owners, 1);
    h->key = *key;
    for (; h->n_shards < n_shards; h->n_shards++) {
        uint32_t share = max / n_shards + (h->n_shards < max % n_shards);
        if (shard_init(&h->shards[h->n_shards], share) < 0) {
            hrev_free(h);
            return -ENOMEM;
        }
    }
    *ret = h;
    return 0;
}

struct hrev *hrev_ref(struct hrev *h)
{
    atomic_fetch_add(&h->owners, 1);
    return h;
}

void hrev_free(struct hrev *h)
{
    if (!h || atomic_fetch_sub(&h->owners, 1) != 1)
        return;
    for (uint32_t i = 0; i < h->n_shards; i++)
        shard_fini(&h->shards[i]);
    free(h);
}
