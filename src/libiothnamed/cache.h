/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The answer cache: bounded in bytes, index and all; sharded, so that workers seldom wait for each other.
 * What an answer is, it does not know: values are bytes with a lifetime.
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
/* If there is a value that has not expired: calls use(arg, value, len, age_s) while the shard is locked (use
 * must not come back to the cache) and returns true. age_s: whole seconds since it was put. */
bool cache_get(struct cache *c, const struct cache_key *key, nsec_t now,
               void (*use)(void *arg, const uint8_t *value, size_t len, uint32_t age_s), void *arg);
void cache_flush(struct cache *c);
void cache_stats(struct cache *c, struct cache_stats *ret);

#endif
