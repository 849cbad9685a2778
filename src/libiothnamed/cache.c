/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The answer cache. All of its memory is one mapping of the given size, made once: what was never used costs
 * nothing, and nothing else is ever taken.
 *
 * The mapping begins with the shards and is then cut into one piece for each: an index and a ring. A key's
 * hash chooses the shard, whose mutex guards its piece, the bucket of the index, and the tag in the bucket.
 *
 * - The ring holds entries, a head of 28 bytes, the name and the value, one behind the other. New ones are
 * written at `head`; the oldest, at `tail`, make room for them. An entry never goes round the corner: `wrap`
 * is where those before the corner end.
 * - A bucket is one cache line: ten tags and ten places in the ring. An entry that a bucket knows is linked;
 * all others in the ring are dead and only wait for the tail. A full bucket gives up its oldest entry.
 * - Second chance: an entry that was asked for since it was written is moved to the head when the tail
 * reaches it, once for each time round; but not more than RESCUES_MAX for one insertion, to bound its work.
 *
 * Values that have expired stay until the tail reaches them, for those who take what is stale. A failure is an
 * entry of its own beside that of the answer, so it hides no stale one.
 *
 * Overhead for each answer: 28 bytes of head, 0 to 7 to align, and 64/5 of index if the index is half full,
 * as it is when entries take 200 bytes; about 45 in all.
 */
#include "libiothnamed/cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    SHARDS_MAX = 64,              /* far more than workers: they seldom meet */
    SHARD_BYTES_MIN = 1 << 20,    /* so that the largest answers have room in a ring */
    CACHE_BYTES_MIN = 128 * 1024, /* less is no cache */
    LINE_BYTES = 64,
    BUCKET_WAYS = 10,
    RING_BYTES_PER_BUCKET = BUCKET_WAYS / 2 * 200,
    UNIT = 8,               /* bytes; entries begin at multiples of it */
    RING_PER_ENTRY_MIN = 4, /* an entry takes at most that part of its ring */
    RESCUES_MAX = 8,        /* entries moved for one insertion */
    TTL_S_MAX = INT32_MAX,  /* RFC 2181 s8 */
    REFRESH_LAST = 10,      /* the last tenth of its lifetime is the time to renew a value */
    WALK_BUCKETS = 64,      /* looked at in one step of a walk */
};

enum entry_flags {
    ENTRY_DNSSEC_OK = 1,
    ENTRY_CHECKING_DISABLED = 2,
    ENTRY_HIT = 4,
    ENTRY_LINKED = 8,
    ENTRY_FAILURE = 16,
    ENTRY_KEY_FLAGS = ENTRY_DNSSEC_OK | ENTRY_CHECKING_DISABLED | ENTRY_FAILURE,
    ENTRY_PADDING_SHIFT = 5, /* the upper three bits: unused bytes at the end */
};

struct entry {
    nsec_t put_at;
    uint32_t ttl_s : 31;
    uint32_t refreshing : 1; /* somebody was told to renew it */
    uint32_t hash;
    uint32_t upstreams;
    uint16_t type, class;
    uint16_t units; /* that it takes in the ring */
    uint8_t name_len;
    uint8_t flags;
    uint8_t bytes[]; /* the name, then the value */
};

#define ENTRY_HEAD offsetof(struct entry, bytes)

struct bucket {
    _Alignas(LINE_BYTES) uint16_t tags[BUCKET_WAYS];
    uint32_t places[BUCKET_WAYS]; /* in the ring, in units, + 1; 0: none */
};

struct shard {
    _Alignas(LINE_BYTES) pthread_mutex_t lock;
    struct bucket *buckets; /* these three never change */
    uint32_t n_buckets;
    uint8_t *ring;
    uint64_t ring_size;
    uint64_t head, tail;
    uint64_t wrap;    /* where the entries before the corner end, while `wrapped` */
    bool wrapped;     /* the entries are tail..wrap and 0..head, else tail..head */
    uint64_t touched; /* bytes of the ring that were ever written */
    uint64_t hits, misses, inserts, evictions, entries;
};

struct cache {
    atomic_uint owners;
    struct siphash_key key;
    size_t mapped; /* bytes, from the cache itself on */
    size_t head_bytes, piece_bytes;
    uint32_t n_shards;             /* a power of two; 0: keeps nothing */
    _Atomic nsec_t failures_until; /* nobody failed so far that is remembered after that time */
    struct shard shards[];
};

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* ---- life */

static uint32_t shards_for(uint64_t bytes)
{
    uint32_t n = 1;

    if (bytes < CACHE_BYTES_MIN)
        return 0;
    while (n < SHARDS_MAX && bytes / SHARD_BYTES_MIN >= n * 2)
        n *= 2;
    return n;
}

static int shard_init(struct shard *s, uint8_t *piece, size_t bytes)
{
    const uint64_t ring_max = (uint64_t)UINT32_MAX * UNIT - UNIT; /* what a bucket's places reach */

    s->n_buckets = (uint32_t)(bytes / (sizeof(struct bucket) + RING_BYTES_PER_BUCKET));
    s->buckets = (struct bucket *)(void *)piece;
    s->ring = piece + s->n_buckets * sizeof(struct bucket);
    s->ring_size = (bytes - s->n_buckets * sizeof(struct bucket)) / UNIT * UNIT;
    if (s->ring_size > ring_max)
        s->ring_size = ring_max;
    return -pthread_mutex_init(&s->lock, NULL);
}

int cache_new(uint64_t bytes, const struct siphash_key *key, struct cache **ret)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint32_t n_shards = shards_for(bytes);
    size_t head_bytes = round_up(sizeof(struct cache) + n_shards * sizeof(struct shard), page);

    if (bytes > SIZE_MAX - page)
        return -ENOMEM;
    size_t piece_bytes = n_shards ? ((size_t)bytes - head_bytes) / n_shards / page * page : 0;
    size_t mapped = head_bytes + n_shards * piece_bytes;
    struct cache *c =
        mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (c == MAP_FAILED)
        return -ENOMEM;

    atomic_init(&c->owners, 1);
    c->key = *key;
    c->mapped = mapped;
    c->head_bytes = head_bytes;
    c->piece_bytes = piece_bytes;
    for (; c->n_shards < n_shards; c->n_shards++) {
        uint8_t *piece = (uint8_t *)c + head_bytes + c->n_shards * piece_bytes;
        if (shard_init(&c->shards[c->n_shards], piece, piece_bytes) < 0) {
            cache_free(c);
            return -ENOMEM;
        }
    }
    *ret = c;
    return 0;
}

struct cache *cache_ref(struct cache *c)
{
    atomic_fetch_add(&c->owners, 1);
    return c;
}

void cache_free(struct cache *c)
{
    if (!c || atomic_fetch_sub(&c->owners, 1) != 1)
        return;
    for (uint32_t i = 0; i < c->n_shards; i++)
        pthread_mutex_destroy(&c->shards[i].lock);
    munmap(c, c->mapped);
}

/* ---- keys and the index */

static uint8_t key_flags(const struct cache_key *key)
{
    return (uint8_t)((key->dnssec_ok ? ENTRY_DNSSEC_OK : 0) |
                     (key->checking_disabled ? ENTRY_CHECKING_DISABLED : 0) |
                     (key->failure ? ENTRY_FAILURE : 0));
}

static uint64_t key_hash(const struct cache *c, const struct cache_key *key)
{
    uint8_t bytes[9 + DNAME_MAX];

    memcpy(bytes, &key->upstreams, 4);
    memcpy(bytes + 4, &key->type, 2);
    memcpy(bytes + 6, &key->class, 2);
    bytes[8] = key_flags(key);
    memcpy(bytes + 9, key->name, key->name_len);
    return siphash(&c->key, bytes, 9u + key->name_len);
}

/* The upper half of the hash chooses the shard, the lower half all that happens inside it. */
static struct shard *shard_of(struct cache *c, uint64_t hash)
{
    return &c->shards[hash >> 32 & (c->n_shards - 1)];
}

static struct bucket *bucket_of(const struct shard *s, uint32_t hash)
{
    return &s->buckets[(uint64_t)hash * s->n_buckets >> 32];
}

static uint16_t tag_of(uint32_t hash)
{
    return (uint16_t)hash;
}

static struct entry *entry_at(const struct shard *s, uint64_t offset)
{
    return (struct entry *)(void *)(s->ring + offset);
}

static uint64_t place_offset(uint32_t place)
{
    return (uint64_t)(place - 1) * UNIT;
}

static uint32_t offset_place(uint64_t offset)
{
    return (uint32_t)(offset / UNIT) + 1;
}

static bool entry_is(const struct entry *e, const struct cache_key *key)
{
    return e->upstreams == key->upstreams && e->type == key->type && e->class == key->class &&
           e->name_len == key->name_len && (e->flags & ENTRY_KEY_FLAGS) == key_flags(key) &&
           memcmp(e->bytes, key->name, key->name_len) == 0;
}

/* The way of the bucket where the key stands, or -1. */
static int find_way(const struct shard *s, const struct bucket *b, uint32_t hash, const struct cache_key *key)
{
    for (int i = 0; i < BUCKET_WAYS; i++)
        if (b->tags[i] == tag_of(hash) && b->places[i] &&
            entry_is(entry_at(s, place_offset(b->places[i])), key))
            return i;
    return -1;
}

/* The way of the bucket that links the entry at that place: there is one. */
static int way_of_place(const struct bucket *b, uint32_t place)
{
    int i = 0;

    while (b->places[i] != place)
        i++;
    return i;
}

static void unlink_way(struct shard *s, struct bucket *b, int way)
{
    entry_at(s, place_offset(b->places[way]))->flags &= (uint8_t)~ENTRY_LINKED;
    b->places[way] = 0;
    s->entries--;
}

/* How far a place is from the tail, going up and round the corner. */
static uint64_t distance(const struct shard *s, uint32_t place)
{
    uint64_t offset = place_offset(place);

    return offset >= s->tail ? offset - s->tail : offset + s->ring_size - s->tail;
}

/* A free way of the bucket, or that of its oldest entry, which is given up. */
static int free_way(struct shard *s, struct bucket *b)
{
    int oldest = 0;

    for (int i = 0; i < BUCKET_WAYS; i++) {
        if (b->places[i] == 0)
            return i;
        if (distance(s, b->places[i]) < distance(s, b->places[oldest]))
            oldest = i;
    }
    unlink_way(s, b, oldest);
    s->evictions++;
    return oldest;
}

/* ---- the ring */

static size_t entry_size(const struct entry *e)
{
    return (size_t)e->units * UNIT;
}

static bool alive(const struct entry *e, nsec_t now)
{
    return now < e->put_at || (uint64_t)(now - e->put_at) < e->ttl_s * (uint64_t)NSEC_PER_SEC;
}

/* Bytes free at the head in one piece. */
static uint64_t room(const struct shard *s)
{
    return (s->wrapped ? s->tail : s->ring_size) - s->head;
}

static void advance_head(struct shard *s, size_t size)
{
    s->head += size;
    if (s->head > s->touched)
        s->touched = s->head;
}

/* Steps over the oldest entry; only while wrapped. Its bytes stay until something is written there. */
static void advance_tail(struct shard *s, size_t size)
{
    s->tail += size;
    if (s->tail == s->wrap) {
        s->tail = 0;
        s->wrapped = false;
    }
}

/* The next entries go to the beginning of the ring. */
static void turn_corner(struct shard *s)
{
    if (s->head == s->tail) { /* it is empty */
        s->head = s->tail = 0;
        return;
    }
    s->wrap = s->head;
    s->head = 0;
    s->wrapped = true;
}

/* Moves the oldest entry, which the tail has left just now, to the head; it may overlap itself. */
static void rescue(struct shard *s, uint64_t from)
{
    struct bucket *b = bucket_of(s, entry_at(s, from)->hash);
    int way = way_of_place(b, offset_place(from));
    size_t size = entry_size(entry_at(s, from));

    memmove(s->ring + s->head, s->ring + from, size);
    entry_at(s, s->head)->flags &= (uint8_t)~ENTRY_HIT;
    b->places[way] = offset_place(s->head);
    advance_head(s, size);
}

/* Takes the oldest entry out of the way. Returns whether it was rescued, so that no room was won. */
static bool evict(struct shard *s, nsec_t now, bool may_rescue)
{
    uint64_t from = s->tail;
    const struct entry *e = entry_at(s, from);
    bool linked = e->flags & ENTRY_LINKED;

    if (linked && may_rescue && (e->flags & ENTRY_HIT) && alive(e, now)) {
        advance_tail(s, entry_size(e));
        rescue(s, from);
        return true;
    }
    if (linked) {
        struct bucket *b = bucket_of(s, e->hash);
        s->evictions += alive(e, now);
        unlink_way(s, b, way_of_place(b, offset_place(from)));
    }
    advance_tail(s, entry_size(e));
    return false;
}

/* Ends, since each turn of the loop frees bytes, rescues, or turns the corner, which gives entries to evict;
 * and size is at most a quarter of the ring. */
static void make_room(struct shard *s, size_t size, nsec_t now)
{
    unsigned rescues = 0;

    while (room(s) < size) {
        if (!s->wrapped)
            turn_corner(s);
        else
            rescues += evict(s, now, rescues < RESCUES_MAX);
    }
}

/* Writes an entry at the head. There is room. */
static struct entry *append(struct shard *s, const struct cache_key *key, const void *value, size_t len,
                            size_t size)
{
    struct entry *e = entry_at(s, s->head);
    size_t padding = size - ENTRY_HEAD - key->name_len - len;

    e->upstreams = key->upstreams;
    e->type = key->type;
    e->class = key->class;
    e->units = (uint16_t)(size / UNIT);
    e->name_len = key->name_len;
    e->flags = (uint8_t)(key_flags(key) | ENTRY_LINKED | padding << ENTRY_PADDING_SHIFT);
    memcpy(e->bytes, key->name, key->name_len);
    if (len > 0)
        memcpy(e->bytes + key->name_len, value, len);
    advance_head(s, size);
    return e;
}

static size_t value_len(const struct entry *e)
{
    return entry_size(e) - ENTRY_HEAD - e->name_len - (e->flags >> ENTRY_PADDING_SHIFT);
}

/* ---- what others call */

static void put_locked(struct shard *s, uint32_t hash, const struct cache_key *key, const void *value,
                       size_t len, nsec_t now, uint32_t ttl_s)
{
    struct bucket *b = bucket_of(s, hash);
    size_t size = round_up(ENTRY_HEAD + key->name_len + len, UNIT);
    int way = find_way(s, b, hash, key);

    if (way >= 0)
        unlink_way(s, b, way);
    make_room(s, size, now);
    way = free_way(s, b);
    b->tags[way] = tag_of(hash);
    b->places[way] = offset_place(s->head);
    struct entry *e = append(s, key, value, len, size);
    e->put_at = now;
    e->ttl_s = (ttl_s < TTL_S_MAX ? ttl_s : TTL_S_MAX) & TTL_S_MAX;
    e->refreshing = 0;
    e->hash = hash;
    s->entries++;
    s->inserts++;
}

void cache_put(struct cache *c, const struct cache_key *key, const void *value, size_t len, nsec_t now,
               uint32_t ttl_s)
{
    const size_t entry_max = (size_t)UINT16_MAX * UNIT;

    if (c->n_shards == 0 || ttl_s == 0 || len > entry_max - ENTRY_HEAD - DNAME_MAX - UNIT)
        return;
    uint64_t hash = key_hash(c, key);
    struct shard *s = shard_of(c, hash);
    if (len > s->ring_size / RING_PER_ENTRY_MIN - ENTRY_HEAD - DNAME_MAX - UNIT)
        return;
    pthread_mutex_lock(&s->lock);
    put_locked(s, (uint32_t)hash, key, value, len, now, ttl_s);
    pthread_mutex_unlock(&s->lock);
}

/* Nanoseconds since it was put. */
static uint64_t age_of(const struct entry *e, nsec_t now)
{
    return now < e->put_at ? 0 : (uint64_t)(now - e->put_at);
}

/* It has been asked for before, and its end is near: whoever asks now is told to renew it. */
static bool take_refresh(struct entry *e, const struct cache_terms *terms)
{
    uint64_t lifetime = e->ttl_s * (uint64_t)NSEC_PER_SEC;

    if (!terms->may_refresh || e->refreshing || !(e->flags & ENTRY_HIT) ||
        age_of(e, terms->now) < lifetime - lifetime / REFRESH_LAST)
        return false;
    e->refreshing = 1;
    return true;
}

static struct cache_found found_of(struct entry *e, const struct cache_terms *terms)
{
    bool expired = !alive(e, terms->now);
    struct cache_found found = {
        .value = e->bytes + e->name_len,
        .len = value_len(e),
        .age_s = (uint32_t)(age_of(e, terms->now) / NSEC_PER_SEC),
        .ttl_s = e->ttl_s,
        .expired = expired,
        .refresh = !expired && take_refresh(e, terms),
    };
    if (!expired && !(e->flags & ENTRY_HIT))
        e->flags |= ENTRY_HIT;
    return found;
}

static bool is_wanted(const struct entry *e, const struct cache_terms *terms)
{
    return alive(e, terms->now) ||
           (terms->stale_s > 0 &&
            age_of(e, terms->now) < ((uint64_t)e->ttl_s + terms->stale_s) * (uint64_t)NSEC_PER_SEC);
}

bool cache_get(struct cache *c, const struct cache_key *key, const struct cache_terms *terms,
               void (*use)(void *arg, const struct cache_found *found), void *arg)
{
    if (c->n_shards == 0)
        return false;
    uint64_t hash = key_hash(c, key);
    struct shard *s = shard_of(c, hash);
    const struct bucket *b = bucket_of(s, (uint32_t)hash);
    __builtin_prefetch(b); /* comes while the lock is taken */

    pthread_mutex_lock(&s->lock);
    int way = find_way(s, b, (uint32_t)hash, key);
    struct entry *e = way >= 0 ? entry_at(s, place_offset(b->places[way])) : NULL;
    bool wanted = e && is_wanted(e, terms);
    if (wanted) {
        struct cache_found found = found_of(e, terms);
        if (found.expired)
            s->misses++;
        else
            s->hits++;
        use(arg, &found);
    } else {
        s->misses++;
    }
    pthread_mutex_unlock(&s->lock);
    return wanted;
}

void cache_put_failure(struct cache *c, const struct cache_key *key, uint8_t why, nsec_t now, uint32_t ttl_s)
{
    struct cache_key failure = *key;
    nsec_t until = now + (nsec_t)ttl_s * NSEC_PER_SEC;

    failure.failure = true;
    cache_put(c, &failure, &why, sizeof(why), now, ttl_s);
    if (atomic_load(&c->failures_until) < until)
        atomic_store(&c->failures_until, until); /* a race with another worker may cost a few of them */
}

static void take_why(void *arg, const struct cache_found *found)
{
    *(int *)arg = found->value[0];
}

int cache_failure(struct cache *c, const struct cache_key *key, nsec_t now)
{
    struct cache_key failure = *key;
    struct cache_terms terms = {.now = now};
    int why = -1;

    if (now >= atomic_load_explicit(&c->failures_until, memory_order_relaxed))
        return -1;
    failure.failure = true;
    cache_get(c, &failure, &terms, take_why, &why);
    return why;
}

uint64_t cache_flush(struct cache *c)
{
    uint64_t forgotten = 0;

    for (uint32_t i = 0; i < c->n_shards; i++) {
        struct shard *s = &c->shards[i];
        pthread_mutex_lock(&s->lock);
        /* Gives the pages back to the system; they come again as zeros, which is an empty index. */
        if (madvise(s->buckets, c->piece_bytes, MADV_DONTNEED) < 0)
            memset(s->buckets, 0, s->n_buckets * sizeof(*s->buckets));
        forgotten += s->entries;
        s->head = s->tail = s->wrap = s->touched = s->entries = 0;
        s->wrapped = false;
        pthread_mutex_unlock(&s->lock);
    }
    return forgotten;
}

/* The shard that the cursor is in, or NULL: it is through. Shards that are empty are passed over. */
static struct shard *walk_shard(struct cache *c, struct cache_cursor *at)
{
    for (; at->shard < c->n_shards; *at = (struct cache_cursor){.shard = at->shard + 1}) {
        struct shard *s = &c->shards[at->shard];
        pthread_mutex_lock(&s->lock);
        if (s->entries > 0 && at->bucket < s->n_buckets)
            return s;
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

static bool name_is_below(const struct entry *e, const uint8_t *name, size_t len, bool tree)
{
    const uint8_t *suffix = e->bytes;

    if (e->name_len < len)
        return false;
    while ((size_t)(e->bytes + e->name_len - suffix) > len) {
        if (!tree)
            return false;
        suffix += 1 + *suffix;
    }
    return (size_t)(e->bytes + e->name_len - suffix) == len && memcmp(suffix, name, len) == 0;
}

bool cache_flush_step(struct cache *c, struct cache_cursor *at, const uint8_t *name, size_t len, bool tree,
                      uint64_t *forgotten)
{
    struct shard *s = walk_shard(c, at);

    if (!s)
        return false;
    for (uint32_t n = 0; n < WALK_BUCKETS && at->bucket < s->n_buckets; n++, at->bucket++) {
        struct bucket *b = &s->buckets[at->bucket];
        for (int i = 0; i < BUCKET_WAYS; i++) {
            if (b->places[i] == 0 || !name_is_below(entry_at(s, place_offset(b->places[i])), name, len, tree))
                continue;
            unlink_way(s, b, i);
            ++*forgotten;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return true;
}

static void copy_entry(const struct entry *e, nsec_t now, struct cache_copy *ret, uint8_t *value)
{
    *ret = (struct cache_copy){
        .upstreams = e->upstreams,
        .type = e->type,
        .class = e->class,
        .dnssec_ok = e->flags & ENTRY_DNSSEC_OK,
        .checking_disabled = e->flags & ENTRY_CHECKING_DISABLED,
        .age_s = now < e->put_at ? 0 : (uint32_t)((now - e->put_at) / NSEC_PER_SEC),
        .ttl_s = e->ttl_s,
        .len = value_len(e),
    };
    memcpy(ret->name, e->bytes, e->name_len);
    memcpy(value, e->bytes + e->name_len, ret->len);
}

enum cache_step cache_next(struct cache *c, struct cache_cursor *at, nsec_t now, struct cache_copy *ret,
                           uint8_t *value, size_t size)
{
    struct shard *s = walk_shard(c, at);
    enum cache_step step = CACHE_STEP;

    if (!s)
        return CACHE_END;
    for (uint32_t n = 0; step == CACHE_STEP && n < WALK_BUCKETS * BUCKET_WAYS && at->bucket < s->n_buckets;
         n++) {
        uint32_t place = s->buckets[at->bucket].places[at->way];
        const struct entry *e = place ? entry_at(s, place_offset(place)) : NULL;
        if (e && !(e->flags & ENTRY_FAILURE) && alive(e, now) && value_len(e) <= size) {
            copy_entry(e, now, ret, value);
            step = CACHE_FOUND;
        }
        at->way = (at->way + 1) % BUCKET_WAYS;
        at->bucket += at->way == 0;
    }
    pthread_mutex_unlock(&s->lock);
    return step;
}

void cache_stats(struct cache *c, struct cache_stats *ret)
{
    struct cache_stats sum = {.bytes = c->head_bytes};

    for (uint32_t i = 0; i < c->n_shards; i++) {
        struct shard *s = &c->shards[i];
        pthread_mutex_lock(&s->lock);
        sum.hits += s->hits;
        sum.misses += s->misses;
        sum.inserts += s->inserts;
        sum.evictions += s->evictions;
        sum.entries += s->entries;
        sum.bytes += s->n_buckets * sizeof(struct bucket) + s->touched;
        pthread_mutex_unlock(&s->lock);
    }
    *ret = sum;
}
