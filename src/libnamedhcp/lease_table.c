/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Leases lie in two hash tables of chains, by address and by client, with a secret key, since clients choose their
 * identities. A client may be known at several addresses (it had another one before, or a fixed one); the latest stands first
 * in its chain.
 *
 * Each subnet has a heap of its leases by their ends: the first one, if it has ended, has been free for longest. Which
 * addresses nobody had is in a bitmap of each pool, looked through a word at a time from a place that the client's identity
 * decides. That place depends on nothing secret, so servers that do not know of each other offer a client the same address.
 *
 * Reserved addresses have their bit set from the start and are in no heap, so they are never picked; a lease of one that is put
 * down has subnet NO_SUBNET.
 */
#include "libnamedhcp/lease_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 256
#define NO_SUBNET     LEASE_SUBNETS_MAX
#define WORD_BITS     64

LIST_HEAD(lease_bucket, lease);

struct pool {
    uint32_t first, size;
    unsigned subnet;
    uint64_t *used; /* a bit for each address: something is known of it, or it is reserved */
};

struct lease_table {
    struct siphash_key key;
    unsigned n_pools, n_subnets, n_reserved;
    struct pool *pools; /* by subnet, then by address */
    struct heap *ends;  /* of each subnet, and of NO_SUBNET: n_subnets + 1 */
    uint32_t *reserved; /* sorted */
    uint32_t max, count, mask;
    struct lease_bucket *addresses, *clients; /* mask + 1 of each */
};

/* --- where things lie --- */

static struct lease_bucket *bucket_of_addr(const struct lease_table *t, uint32_t addr)
{
    return &t->addresses[siphash(&t->key, &addr, sizeof(addr)) & t->mask];
}

static struct lease_bucket *bucket_of_client(const struct lease_table *t, const uint8_t *identity, size_t len)
{
    return &t->clients[siphash(&t->key, identity, len) & t->mask];
}

static struct heap *heap_of(const struct lease_table *t, unsigned subnet)
{
    return &t->ends[subnet < t->n_subnets ? subnet : t->n_subnets];
}

static struct lease *first_end(const struct heap *heap)
{
    struct heap_node *node = heap_first(heap);

    return node ? (struct lease *)(void *)((uint8_t *)node - offsetof(struct lease, by_end)) : NULL;
}

/* The pool with an address, of any subnet; NULL. */
static struct pool *pool_with(const struct lease_table *t, uint32_t addr)
{
    for (unsigned i = 0; i < t->n_pools; i++)
        if (addr - t->pools[i].first < t->pools[i].size)
            return &t->pools[i];
    return NULL;
}

static int compare_addrs(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static bool is_reserved(const struct lease_table *t, uint32_t addr)
{
    return bsearch(&addr, t->reserved, t->n_reserved, sizeof(addr), compare_addrs) != NULL;
}

static void mark(const struct lease_table *t, uint32_t addr, bool used)
{
    struct pool *pool = pool_with(t, addr);

    if (!pool)
        return;
    uint32_t at = addr - pool->first;
    uint64_t bit = UINT64_C(1) << (at % WORD_BITS);
    if (used || is_reserved(t, addr))
        pool->used[at / WORD_BITS] |= bit;
    else
        pool->used[at / WORD_BITS] &= ~bit;
}

static struct lease *find(const struct lease_table *t, uint32_t addr)
{
    struct lease *l;

    LIST_FOREACH(l, bucket_of_addr(t, addr), in_addresses)
    if (l->addr == addr)
        return l;
    return NULL;
}

const struct lease *lease_at(const struct lease_table *t, uint32_t addr)
{
    return find(t, addr);
}

static bool is_of(const struct lease *l, const uint8_t *identity, size_t len)
{
    return l->identity_len == len && memcmp(l->bytes, identity, len) == 0;
}

const struct lease *lease_of(const struct lease_table *t, unsigned subnet, const uint8_t *identity,
                             size_t identity_len)
{
    const struct lease *l;

    LIST_FOREACH(l, bucket_of_client(t, identity, identity_len), in_clients)
    if (l->subnet == subnet && l->state != SERVER_LEASE_DECLINED && is_of(l, identity, identity_len))
        return l;
    return NULL;
}

/* --- which address --- */

bool lease_in_pool(const struct lease_table *t, unsigned subnet, uint32_t addr)
{
    const struct pool *pool = pool_with(t, addr);

    return pool && pool->subnet == subnet && !is_reserved(t, addr);
}

static bool is_free(const struct lease_table *t, unsigned subnet, uint32_t addr, int64_t now_s)
{
    const struct lease *l = find(t, addr);

    return lease_in_pool(t, subnet, addr) && (!l || lease_ends(l) <= now_s);
}

/* The first address from `start` on, going round, whose bit is not set; false: there is none. */
static bool find_unused(const struct pool *pool, uint32_t start, uint32_t *ret)
{
    uint32_t words = (pool->size + WORD_BITS - 1) / WORD_BITS;
    uint64_t word = pool->used[start / WORD_BITS] | ((UINT64_C(1) << (start % WORD_BITS)) - 1);

    for (uint32_t i = 0; i <= words; i++) {
        uint32_t at = (start / WORD_BITS + i) % words;
        if (i > 0)
            word = pool->used[at];
        if (~word) {
            *ret = pool->first + at * WORD_BITS + (uint32_t)__builtin_ctzll(~word);
            return true;
        }
    }
    return false;
}

/* The pools of a subnet count as one row of addresses; the client's identity says where in it the search begins. */
static bool pick_unused(const struct lease_table *t, unsigned subnet, const uint8_t *identity,
                        size_t identity_len, uint32_t *ret)
{
    static const struct siphash_key same_everywhere = {{0, 0}};
    uint64_t size = lease_pool_size(t, subnet);
    unsigned first = 0, n = 0;

    if (size == 0)
        return false;
    while (t->pools[first].subnet != subnet)
        first++;
    while (first + n < t->n_pools && t->pools[first + n].subnet == subnet)
        n++;
    uint64_t place = siphash(&same_everywhere, identity, identity_len) % size;
    unsigned pool = first;
    while (place >= t->pools[pool].size)
        place -= t->pools[pool++].size;
    if (find_unused(&t->pools[pool], (uint32_t)place, ret))
        return true;
    for (unsigned i = 1; i < n; i++)
        if (find_unused(&t->pools[first + (pool - first + i) % n], 0, ret))
            return true;
    return false;
}

int lease_pick(const struct lease_table *t, unsigned subnet, const uint8_t *identity, size_t identity_len,
               uint32_t wanted, int64_t now_s, uint32_t *ret)
{
    const struct lease *own = lease_of(t, subnet, identity, identity_len);

    if (own && lease_in_pool(t, subnet, own->addr)) {
        *ret = own->addr;
        return 0;
    }
    if (wanted && is_free(t, subnet, wanted, now_s)) {
        *ret = wanted;
        return 0;
    }
    if (pick_unused(t, subnet, identity, identity_len, ret))
        return 0;
    const struct lease *oldest = first_end(heap_of(t, subnet));
    if (!oldest || lease_ends(oldest) > now_s)
        return -ENOSPC;
    *ret = oldest->addr;
    return 0;
}

/* --- what is known --- */

static void drop(struct lease_table *t, struct lease *l)
{
    LIST_REMOVE(l, in_addresses);
    LIST_REMOVE(l, in_clients);
    heap_remove(heap_of(t, l->subnet), &l->by_end);
    mark(t, l->addr, false);
    t->count--;
    free(l);
}

/* Twice as many buckets. Those who stand first in a chain are moved last, so they come to stand first again. Without memory
 * the chains just grow longer. */
static void grow(struct lease_table *t)
{
    uint32_t old = t->mask + 1;
    struct lease_bucket *addresses = calloc(2 * (size_t)old, sizeof(*addresses));
    struct lease_bucket *clients = calloc(2 * (size_t)old, sizeof(*clients));
    struct lease_bucket *old_addresses = t->addresses, *old_clients = t->clients, turned;
    struct lease *l;

    if (!addresses || !clients) {
        free(addresses);
        free(clients);
        return;
    }
    t->addresses = addresses;
    t->clients = clients;
    t->mask = 2 * old - 1;
    for (uint32_t i = 0; i < old; i++) {
        while ((l = LIST_FIRST(&old_addresses[i]))) {
            LIST_REMOVE(l, in_addresses);
            LIST_INSERT_HEAD(bucket_of_addr(t, l->addr), l, in_addresses);
        }
        LIST_INIT(&turned);
        while ((l = LIST_FIRST(&old_clients[i]))) {
            LIST_REMOVE(l, in_clients);
            LIST_INSERT_HEAD(&turned, l, in_clients);
        }
        while ((l = LIST_FIRST(&turned))) {
            LIST_REMOVE(l, in_clients);
            LIST_INSERT_HEAD(bucket_of_client(t, l->bytes, l->identity_len), l, in_clients);
        }
    }
    free(old_addresses);
    free(old_clients);
}

/* The lease that ended first of all of them; NULL: none has ended. */
static struct lease *longest_ended(const struct lease_table *t, int64_t now_s)
{
    struct lease *oldest = NULL;

    for (unsigned i = 0; i <= t->n_subnets; i++) {
        struct lease *l = first_end(&t->ends[i]);
        if (l && lease_ends(l) <= now_s && (!oldest || lease_ends(l) < lease_ends(oldest)))
            oldest = l;
    }
    return oldest;
}

static struct lease *make_lease(unsigned subnet, const struct server_lease *from, bool offered)
{
    size_t name_len = dname_len(from->name);
    struct lease *l = calloc(1, offsetof(struct lease, bytes) + from->identity_len + name_len);

    if (!l)
        return NULL;
    l->addr = get_be32(from->addr.b + 12);
    l->subnet = (uint16_t)subnet;
    l->offered = offered;
    l->state = from->state;
    l->began = from->began;
    l->identity_len = from->identity_len;
    l->name_len = (uint8_t)name_len;
    memcpy(l->mac, from->mac, sizeof(l->mac));
    memcpy(l->bytes, from->identity, from->identity_len);
    memcpy(l->bytes + from->identity_len, from->name, name_len);
    return l;
}

/* Room for one more. */
static int make_room(struct lease_table *t, int64_t now_s, uint32_t *ret_forgotten)
{
    struct lease *oldest;

    *ret_forgotten = 0;
    if (t->count < t->max)
        return 0;
    oldest = longest_ended(t, now_s);
    if (!oldest)
        return -ENOSPC;
    *ret_forgotten = oldest->addr;
    drop(t, oldest);
    return 0;
}

int lease_put(struct lease_table *t, unsigned subnet, const struct server_lease *lease, bool offered,
              int64_t now_s, uint32_t *ret_forgotten)
{
    uint32_t addr = get_be32(lease->addr.b + 12), forgotten = 0;
    struct lease *before = find(t, addr);
    struct lease *l = make_lease(lease_in_pool(t, subnet, addr) ? subnet : NO_SUBNET, lease, offered);

    if (!l)
        return -ENOMEM;
    struct heap *heap = heap_of(t, l->subnet);
    int error = heap_reserve(heap, heap->count + 1);
    if (error == 0 && !before)
        error = make_room(t, now_s, &forgotten);
    if (error == 0)
        error = heap_set(heap, &l->by_end, lease->ends); /* there is room */
    if (error < 0) {
        free(l);
        return error;
    }
    if (before)
        drop(t, before);
    if (t->count++ > t->mask && t->mask < UINT32_MAX / 2)
        grow(t);
    LIST_INSERT_HEAD(bucket_of_addr(t, addr), l, in_addresses);
    LIST_INSERT_HEAD(bucket_of_client(t, l->bytes, l->identity_len), l, in_clients);
    mark(t, addr, true);
    *ret_forgotten = forgotten;
    return 0;
}

int lease_move_end(struct lease_table *t, uint32_t addr, int64_t ends_s)
{
    struct lease *l = find(t, addr);

    return l ? heap_set(heap_of(t, l->subnet), &l->by_end, ends_s) : -ENOENT;
}

void lease_forget(struct lease_table *t, uint32_t addr)
{
    struct lease *l = find(t, addr);

    if (l)
        drop(t, l);
}

uint32_t lease_count(const struct lease_table *t)
{
    return t->count;
}

uint64_t lease_pool_size(const struct lease_table *t, unsigned subnet)
{
    uint64_t size = 0;

    for (unsigned i = 0; i < t->n_pools; i++)
        size += t->pools[i].subnet == subnet ? t->pools[i].size : 0;
    return size;
}

/* --- how full pools are --- */

/* The pool of pools[0..n), sorted, that has the address; NULL: none. */
static struct lease_pool_use *pool_use_with(struct lease_pool_use *pools, unsigned n, uint32_t addr)
{
    unsigned low = 0;

    while (low < n) {
        unsigned middle = low + (n - low) / 2;
        if (pools[middle].pool.last < addr)
            low = middle + 1;
        else
            n = middle;
    }
    return pools[low].pool.first <= addr && addr <= pools[low].pool.last ? &pools[low] : NULL;
}

static void count_subnet(const struct heap *leases, int64_t now_s, struct lease_pool_use *pools, unsigned n)
{
    for (size_t i = 0; i < leases->count; i++) {
        const struct lease *l = (const struct lease *)(const void *)((const uint8_t *)leases->nodes[i] -
                                                                     offsetof(struct lease, by_end));
        bool within = l->addr <= pools[n - 1].pool.last;
        struct lease_pool_use *use = within ? pool_use_with(pools, n, l->addr) : NULL;
        if (use && !l->offered && l->state != SERVER_LEASE_RELEASED && lease_ends(l) > now_s)
            use->used++;
    }
}

unsigned lease_n_pools(const struct lease_table *t)
{
    return t->n_pools;
}

void lease_count_pools(const struct lease_table *t, int64_t now_s, struct lease_pool_use *ret)
{
    for (unsigned i = 0; i < t->n_pools; i++) {
        const struct pool *p = &t->pools[i];
        ret[i] = (struct lease_pool_use){
            .pool = {.first = p->first, .last = p->first + p->size - 1, .subnet = p->subnet}};
    }
    for (unsigned i = 0, end; i < t->n_pools; i = end) {
        for (end = i + 1; end < t->n_pools && t->pools[end].subnet == t->pools[i].subnet;)
            end++;
        count_subnet(heap_of(t, t->pools[i].subnet), now_s, ret + i, end - i);
    }
}

/* --- its life --- */

static int compare_pools(const void *a, const void *b)
{
    const struct lease_pool *x = a, *y = b;

    if (x->subnet != y->subnet)
        return x->subnet < y->subnet ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

static bool pools_are_sound(const struct lease_pool *pools, unsigned n)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < n; i++) {
        if (pools[i].last < pools[i].first || pools[i].subnet >= LEASE_SUBNETS_MAX)
            return false;
        total += (uint64_t)pools[i].last - pools[i].first + 1;
        for (unsigned j = 0; j < i; j++)
            if (pools[i].first <= pools[j].last && pools[j].first <= pools[i].last)
                return false;
    }
    return total <= LEASE_POOL_MAX;
}

/* A pool's bits: those behind its last address are set for ever. */
static int make_pool(struct pool *pool, const struct lease_pool *from)
{
    *pool = (struct pool){.first = from->first, .size = from->last - from->first + 1, .subnet = from->subnet};
    uint32_t words = (pool->size + WORD_BITS - 1) / WORD_BITS;
    pool->used = calloc(words, sizeof(*pool->used));
    if (!pool->used)
        return -ENOMEM;
    if (pool->size % WORD_BITS != 0)
        pool->used[words - 1] = ~((UINT64_C(1) << (pool->size % WORD_BITS)) - 1);
    return 0;
}

static int make_pools(struct lease_table *t, const struct lease_settings *s)
{
    struct lease_pool *sorted = calloc(s->n_pools + 1u, sizeof(*sorted));

    t->pools = calloc(s->n_pools + 1u, sizeof(*t->pools));
    if (!sorted || !t->pools) {
        free(sorted);
        return -ENOMEM;
    }
    if (s->n_pools > 0)
        memcpy(sorted, s->pools, s->n_pools * sizeof(*sorted));
    qsort(sorted, s->n_pools, sizeof(*sorted), compare_pools);
    int error = 0;
    for (; error == 0 && t->n_pools < s->n_pools; t->n_pools += error == 0) {
        error = make_pool(&t->pools[t->n_pools], &sorted[t->n_pools]);
        if (sorted[t->n_pools].subnet >= t->n_subnets)
            t->n_subnets = sorted[t->n_pools].subnet + 1;
    }
    free(sorted);
    return error;
}

static int make_tables(struct lease_table *t, const struct lease_settings *s)
{
    t->mask = BUCKETS_FIRST - 1;
    t->addresses = calloc(BUCKETS_FIRST, sizeof(*t->addresses));
    t->clients = calloc(BUCKETS_FIRST, sizeof(*t->clients));
    t->ends = calloc(t->n_subnets + 1u, sizeof(*t->ends));
    t->reserved = calloc(s->n_reserved + 1u, sizeof(*t->reserved));
    if (!t->addresses || !t->clients || !t->ends || !t->reserved)
        return -ENOMEM;
    t->n_reserved = s->n_reserved;
    if (s->n_reserved > 0)
        memcpy(t->reserved, s->reserved, s->n_reserved * sizeof(*t->reserved));
    qsort(t->reserved, t->n_reserved, sizeof(*t->reserved), compare_addrs);
    for (unsigned i = 0; i < t->n_reserved; i++)
        mark(t, t->reserved[i], true);
    return 0;
}

int lease_table_new(const struct lease_settings *settings, struct lease_table **ret)
{
    if (!pools_are_sound(settings->pools, settings->n_pools))
        return -EINVAL;
    struct lease_table *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->key = settings->key;
    t->max = settings->leases_max;
    int error = make_pools(t, settings);
    if (error == 0)
        error = make_tables(t, settings);
    if (error < 0) {
        lease_table_free(t);
        return error;
    }
    *ret = t;
    return 0;
}

void lease_table_free(struct lease_table *t)
{
    struct lease *l;

    if (!t)
        return;
    for (unsigned i = 0; t->ends && i <= t->n_subnets; i++) {
        while ((l = first_end(&t->ends[i])))
            drop(t, l);
        heap_fini(&t->ends[i]);
    }
    for (unsigned i = 0; i < t->n_pools; i++)
        free(t->pools[i].used);
    free(t->pools);
    free(t->ends);
    free(t->reserved);
    free(t->addresses);
    free(t->clients);
    free(t);
}
