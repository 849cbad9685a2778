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
 * - names are on accounts of networks of clients (hrev_share.c), which say whose name makes room for another.
 * One that has expired goes before all others.
 *
 * For a store, if there is one, `changes` has the names that it must write, oldest change first, and `gone`
 * those that it must delete: entries that were stored and are forgotten stay there until the store has heard
 * of it. A store is told a later end than the table's, so a name that is asked for all the time is a change
 * eight times a lifetime and not at each question.
 *
 * Memory: a name takes an allocation of about 130 bytes; the arrays, 50 bytes a name, are zeroed pages that
 * are not there before they are used. The share of a network is kept in each shard on its own, which is the
 * same in all since addresses spread evenly.
 */
#include "libiothnamed/hrev_table.h"

#include <errno.h>
#include <stdlib.h>

enum {
    SHARDS_MAX = 64,
    SHARD_NAMES_MIN = 4096, /* fewer, and chance would fill one shard long before the others */
    SWEEP_MAX = 16,         /* ends looked at for one new name */
    WALK_MAX = 256,         /* buckets looked at in one step of a walk */
    LAZY_PART = 8,          /* of a lifetime: the refresh that is not worth a move in the heap */
    STORED_PART = 8,        /* of a lifetime: how much longer than the table a store has a name */
};

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

/* ---- changes */

/* The store must write it; its end there leaves room for refreshes. */
static void note_change(struct shard *s, struct name *e, nsec_t now)
{
    e->stored_until = e->until + (e->until - now) / STORED_PART;
    if (!e->changed)
        TAILQ_INSERT_TAIL(&s->changes, e, in_changes);
    e->changed = true;
}

/* The name is in no list any more: the store must delete it, or nobody knows it. */
static void note_gone(struct shard *s, struct name *e)
{
    if (e->changed)
        TAILQ_REMOVE(&s->changes, e, in_changes);
    if (e->stored)
        TAILQ_INSERT_TAIL(&s->gone, e, in_changes);
    else
        free(e);
}

static void forget(struct shard *s, struct name *e)
{
    heap_remove(&s->expiry, &e->expiry);
    LIST_REMOVE(e, in_bucket);
    share_debit(s, e);
    note_gone(s, e);
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

static void evict(struct shard *s)
{
    forget(s, share_first_to_go(s));
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
    if (h->tracked && e->until > e->stored_until)
        note_change(s, e, now);
    share_even_out(h, s, e, asker);
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

/* Puts a name in; its address is not there, and there is room. Out of memory: frees it, and returns false. */
static bool insert(const struct hrev *h, struct shard *s, uint64_t hash, struct name *e,
                   const struct ipaddr *asker)
{
    struct network *n = share_find(h, s, asker);

    if ((!n && !(n = share_add(h, s, asker))) || heap_set(&s->expiry, &e->expiry, e->until) < 0) {
        if (n && n->count == 0)
            share_drop(n);
        free(e);
        return false;
    }
    LIST_INSERT_HEAD(bucket_of(s, hash), e, in_bucket);
    share_credit(s, n, e);
    s->count++;
    return true;
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
            if (insert(h, s, hash, fresh, asker) && h->tracked)
                note_change(s, fresh, now);
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

/* The shard that the cursor is in, locked, or NULL: it is through. Shards that are empty are passed over. */
static struct shard *walk_shard(struct hrev *h, struct hrev_cursor *at)
{
    for (; at->shard < h->n_shards; *at = (struct hrev_cursor){.shard = at->shard + 1}) {
        struct shard *s = &h->shards[at->shard];
        pthread_mutex_lock(&s->lock);
        if (s->count > 0 && at->bucket <= s->mask)
            return s;
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

/* The next name of the cursor's bucket that has not expired, or NULL. */
static const struct name *walk_bucket(const struct shard *s, struct hrev_cursor *at, nsec_t now)
{
    const struct name *e;
    uint32_t n = 0;

    LIST_FOREACH(e, &s->names[at->bucket], in_bucket)
    {
        if (n++ < at->passed)
            continue;
        at->passed++;
        if (e->until > now)
            return e;
    }
    return NULL;
}

enum hrev_step hrev_next(struct hrev *h, struct hrev_cursor *at, nsec_t now, struct ipaddr *ret_addr,
                         uint8_t name[static DNAME_MAX], nsec_t *ret_left)
{
    struct shard *s = walk_shard(h, at);
    const struct name *e = NULL;

    if (!s)
        return HREV_END;
    for (unsigned n = 0; !e && n < WALK_MAX && at->bucket <= s->mask; n++) {
        e = walk_bucket(s, at, now);
        if (!e) {
            at->bucket++;
            at->passed = 0;
        }
    }
    if (e) {
        *ret_addr = e->addr;
        memcpy(name, e->wire, e->len);
        *ret_left = e->until - now;
    }
    pthread_mutex_unlock(&s->lock);
    return e ? HREV_FOUND : HREV_STEP;
}

/* ---- for a store */

void hrev_track(struct hrev *h)
{
    h->tracked = true;
}

unsigned hrev_parts(const struct hrev *h)
{
    return h->n_shards;
}

static void tell(struct hrev_entry *entry, const struct name *e, bool gone)
{
    entry->addr = e->addr;
    entry->name_len = gone ? 0 : e->len;
    if (gone)
        return;
    entry->network = e->network->prefix;
    entry->until = e->stored_until;
    memcpy(entry->name, e->wire, e->len);
}

unsigned hrev_take_changes(struct hrev *h, unsigned part, nsec_t now, struct hrev_entry *entries,
                           unsigned max)
{
    struct shard *s = &h->shards[part];
    struct name *e;
    unsigned n = 0;

    pthread_mutex_lock(&s->lock);
    sweep(s, now);
    while (n < max && (e = TAILQ_FIRST(&s->gone))) { /* first: the address may have a name again */
        tell(&entries[n++], e, true);
        TAILQ_REMOVE(&s->gone, e, in_changes);
        free(e);
    }
    while (n < max && (e = TAILQ_FIRST(&s->changes))) {
        tell(&entries[n++], e, false);
        TAILQ_REMOVE(&s->changes, e, in_changes);
        e->changed = false;
        e->stored = true;
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

/* What the store was told is not true any more. */
static void change_part(struct shard *s)
{
    struct name *e;

    for (uint64_t bucket = 0; bucket <= s->mask; bucket++)
        LIST_FOREACH(e, &s->names[bucket], in_bucket)
        {
            if (!e->changed)
                TAILQ_INSERT_TAIL(&s->changes, e, in_changes);
            e->changed = true;
        }
}

void hrev_change_all(struct hrev *h)
{
    for (uint32_t i = 0; i < h->n_shards; i++) {
        pthread_mutex_lock(&h->shards[i].lock);
        change_part(&h->shards[i]);
        pthread_mutex_unlock(&h->shards[i].lock);
    }
}

bool hrev_restore(struct hrev *h, const struct hrev_entry *entry, nsec_t now)
{
    uint64_t hash = hash_addr(h, &entry->addr);
    struct shard *s = shard_of(h, hash);
    struct name *fresh = NULL;

    if (entry->until <= now)
        return false;
    pthread_mutex_lock(&s->lock);
    sweep(s, now);
    if (s->count < s->max && !find_name(s, hash, &entry->addr))
        fresh = new_name(&entry->addr, entry->name, entry->name_len, entry->until);
    bool restored = fresh && insert(h, s, hash, fresh, &entry->network);
    if (restored) {
        fresh->stored = true;
        fresh->stored_until = entry->until;
    }
    pthread_mutex_unlock(&s->lock);
    return restored;
}

/* ---- the table as a whole */

/* The arrays for a bound: one block, zeroed, which is so large that its pages are in memory only once touched.
 */
static int alloc_arrays(struct shard *s, uint32_t max)
{
    uint64_t buckets = 1;

    while (buckets < max)
        buckets *= 2;
    size_t names = buckets * sizeof(*s->names), networks = buckets * sizeof(*s->networks);
    size_t sites = buckets * sizeof(*s->sites), by_count = ((size_t)max + 1) * sizeof(*s->by_count);
    uint8_t *block = calloc(1, names + networks + sites + by_count);
    if (!block)
        return -ENOMEM;
    s->max = max;
    s->mask = (uint32_t)(buckets - 1);
    s->names = (void *)block;
    s->networks = (void *)(block + names);
    s->sites = (void *)(block + names + networks);
    s->by_count = (void *)(block + names + networks + sites);
    return 0;
}

static void free_arrays(struct shard *s)
{
    free(s->names);
}

static int shard_init(struct shard *s, uint32_t max)
{
    TAILQ_INIT(&s->changes);
    TAILQ_INIT(&s->gone);
    if (alloc_arrays(s, max) == 0 && pthread_mutex_init(&s->lock, NULL) == 0)
        return 0;
    free_arrays(s);
    return -ENOMEM;
}

/* Moves everything that the arrays of the shard hold to those of `to`, and exchanges the arrays. What does not
 * fit has gone before. */
static void move_arrays(const struct hrev *h, struct shard *s, struct shard *to)
{
    struct name *e;

    for (uint64_t bucket = 0; bucket <= s->mask; bucket++) {
        while ((e = LIST_FIRST(&s->names[bucket]))) {
            LIST_REMOVE(e, in_bucket);
            LIST_INSERT_HEAD(bucket_of(to, hash_addr(h, &e->addr)), e, in_bucket);
        }
    }
    share_move(h, s, to);
    struct shard old = *s;
    s->names = to->names;
    s->networks = to->networks;
    s->sites = to->sites;
    s->by_count = to->by_count;
    s->mask = to->mask;
    s->max = to->max;
    to->names = old.names;
    to->networks = old.networks;
    to->sites = old.sites;
    to->by_count = old.by_count;
}

static int shard_resize(const struct hrev *h, struct shard *s, uint32_t max)
{
    struct shard to = {0};
    int error = alloc_arrays(&to, max);

    if (error == 0) {
        pthread_mutex_lock(&s->lock);
        while (s->count > max)
            evict(s);
        move_arrays(h, s, &to);
        pthread_mutex_unlock(&s->lock);
    }
    free_arrays(&to);
    return error;
}

/* The part of a bound that a shard has, at least 1. */
static uint32_t share_of(const struct hrev *h, uint32_t max, uint32_t shard)
{
    uint32_t share = max / h->n_shards + (shard < max % h->n_shards);

    return share ? share : 1;
}

int hrev_resize(struct hrev *h, uint32_t max)
{
    for (uint32_t i = 0; i < h->n_shards; i++) {
        int error = shard_resize(h, &h->shards[i], share_of(h, max, i));
        if (error < 0)
            return error;
    }
    return 0;
}

static void shard_fini(struct shard *s)
{
    struct name *e;

    while ((e = first_to_expire(s)))
        forget(s, e);
    while ((e = TAILQ_FIRST(&s->gone))) {
        TAILQ_REMOVE(&s->gone, e, in_changes);
        free(e);
    }
    heap_fini(&s->expiry);
    free_arrays(s);
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
