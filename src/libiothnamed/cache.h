/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The answer cache: bounded in bytes, index and all; sharded, so that workers seldom wait for each other.
 * What an answer is, it does not know: values are bytes with a lifetime. It also remembers for a few seconds
 * which questions nobody could answer.
 */
#ifndef IOTHNAMED_CACHE_H
#define IOTHNAMED_CACHE_H

#include "base/siphash.h"
#include "wire/dname.h"

/* What makes two questions the same to the cache: who would be asked, what, and how. */
struct cache_key {
    uint32_t upstreams; /* identity of the set of upstreams */
    uint16_t type, class;
    bool dnssec_ok, checking_disabled;
    bool failure;        /* the cache's own: false for answers */
    const uint8_t *name; /* lower case, wire form */
    uint8_t name_len;
};

struct cache_stats {
    uint64_t hits, misses, inserts, evictions;
    uint64_t bytes;   /* taken from the system, index and all */
    uint64_t entries; /* alive or expired, not yet overwritten */
};

struct cache;

/* bytes: all that the cache may take (0: a cache that keeps nothing). 0 or -ENOMEM. */
MUST_CHECK int cache_new(uint64_t bytes, const struct siphash_key *key, struct cache **ret);
/* Another owner of the same cache; cache_free ends one ownership, the last one the cache. */
struct cache *cache_ref(struct cache *c);
void cache_free(struct cache *c);
/* Keeps a copy of value until now + ttl_s seconds, in place of an older one. Values too large for the cache,
 * or with ttl_s 0, are not kept: an older one stays. */
void cache_put(struct cache *c, const struct cache_key *key, const void *value, size_t len, nsec_t now,
               uint32_t ttl_s);

/* How a value is asked for. */
struct cache_terms {
    nsec_t now;
    uint32_t stale_s; /* also one that expired that many seconds ago, at the most */
    bool may_refresh; /* the caller would have it renewed before it expires */
};

struct cache_found {
    const uint8_t *value;
    size_t len;
    uint32_t age_s, ttl_s; /* whole seconds since it was put; its lifetime from then on */
    bool expired;
    bool refresh; /* popular and near its end: to be renewed. Said once for each value */
};

/* If there is a value: calls use(arg, found) while the shard is locked (use must not come back to the cache) and
 * returns true. */
bool cache_get(struct cache *c, const struct cache_key *key, const struct cache_terms *terms,
               void (*use)(void *arg, const struct cache_found *found), void *arg);

/* Nobody could answer; `why` is the caller's, to be given back for ttl_s seconds (RFC 9520). */
void cache_put_failure(struct cache *c, const struct cache_key *key, uint8_t why, nsec_t now, uint32_t ttl_s);
/* The `why` of a failure still remembered, or -1: there is none. */
int cache_failure(struct cache *c, const struct cache_key *key, nsec_t now);
/* Forgets all; returns how many answers and failures those were. */
uint64_t cache_flush(struct cache *c);

/* A walk through all that is kept, in steps of bounded time, each of which locks one shard for some ten
 * microseconds. What is put meanwhile may be met or not. Zeroed: at the beginning. */
struct cache_cursor {
    uint32_t shard, bucket, way;
};

/* One step of forgetting the answers about a name (lower case, wire form), and with `tree` about all names below
 * it; *forgotten grows by their number. False: that was the last step. */
bool cache_flush_step(struct cache *c, struct cache_cursor *at, const uint8_t *name, size_t len, bool tree,
                      uint64_t *forgotten);

/* A copy of what is kept under one key. */
struct cache_copy {
    uint32_t upstreams;
    uint16_t type, class;
    bool dnssec_ok, checking_disabled;
    uint8_t name[DNAME_MAX];
    uint32_t age_s, ttl_s; /* since it was put; from then on */
    size_t len;            /* of the value */
};

enum cache_step {
    CACHE_END,
    CACHE_STEP,  /* nothing met yet: go on */
    CACHE_FOUND, /* *ret and the value */
};

/* One step of reading all that has not expired. value: takes the value, at most size bytes (longer ones are passed
 * over). */
enum cache_step cache_next(struct cache *c, struct cache_cursor *at, nsec_t now, struct cache_copy *ret,
                           uint8_t *value, size_t size);
void cache_stats(struct cache *c, struct cache_stats *ret);

#endif
