/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of claims: a hash table of chains by the name, with a secret key, since clients choose the names; and a heap by
 * their ends, so that what has ended is found without a search. A claim is one allocation of the size that it needs, some
 * hundred bytes. The table doubles when it is full; it never shrinks, since the number of clients of a network hardly does.
 */
#include "libnamedhcp/name_claims.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 64

int name_claims_init(struct name_claims *c, uint32_t max, const struct siphash_key *key)
{
    *c = (struct name_claims){.key = *key, .max = max, .mask = BUCKETS_FIRST - 1};
    c->buckets = calloc(BUCKETS_FIRST, sizeof(*c->buckets));
    return c->buckets ? 0 : -ENOMEM;
}

void name_claims_fini(struct name_claims *c)
{
    struct name_claim *claim;

    while ((claim = name_claims_first(c)))
        name_claims_remove(c, claim);
    heap_fini(&c->ends);
    free(c->buckets);
}

static struct name_claim_bucket *bucket_of(const struct name_claims *c, const uint8_t *name, size_t len)
{
    return &c->buckets[siphash(&c->key, name, len) & c->mask];
}

struct name_claim *name_claims_find(const struct name_claims *c, const uint8_t *name)
{
    size_t len = dname_len(name);
    struct name_claim *claim;

    LIST_FOREACH(claim, bucket_of(c, name, len), in_bucket)
    if (claim->name_len == len && memcmp(name_claim_name(claim), name, len) == 0)
        return claim;
    return NULL;
}

bool name_claim_is_of(const struct name_claim *claim, const uint8_t *identity, size_t identity_len)
{
    return claim->identity_len == identity_len && memcmp(claim->bytes, identity, identity_len) == 0;
}

/* Twice as many buckets. Without memory the chains just grow longer. */
static void grow(struct name_claims *c)
{
    uint32_t old_mask = c->mask;
    struct name_claim_bucket *old = c->buckets;
    struct name_claim_bucket *buckets = calloc(2 * ((size_t)old_mask + 1), sizeof(*buckets));
    struct name_claim *claim;

    if (!buckets)
        return;
    c->buckets = buckets;
    c->mask = 2 * old_mask + 1;
    for (uint32_t i = 0; i <= old_mask; i++) {
        while ((claim = LIST_FIRST(&old[i]))) {
            LIST_REMOVE(claim, in_bucket);
            LIST_INSERT_HEAD(bucket_of(c, name_claim_name(claim), claim->name_len), claim, in_bucket);
        }
    }
    free(old);
}

int name_claims_add(struct name_claims *c, const uint8_t *name, const uint8_t *identity, size_t identity_len,
                    int64_t ends_s, struct name_claim **ret)
{
    size_t name_len = dname_len(name);

    if (c->count >= c->max)
        return -ENOSPC;
    struct name_claim *claim = calloc(1, offsetof(struct name_claim, bytes) + identity_len + name_len);
    if (!claim || heap_set(&c->ends, &claim->by_end, ends_s) < 0) {
        free(claim);
        return -ENOMEM;
    }
    claim->identity_len = (uint8_t)identity_len;
    claim->name_len = (uint8_t)name_len;
    memcpy(claim->bytes, identity, identity_len);
    memcpy(claim->bytes + identity_len, name, name_len);
    if (c->count++ > c->mask && c->mask < UINT32_MAX / 2)
        grow(c);
    LIST_INSERT_HEAD(bucket_of(c, name, name_len), claim, in_bucket);
    *ret = claim;
    return 0;
}

void name_claims_remove(struct name_claims *c, struct name_claim *claim)
{
    heap_remove(&c->ends, &claim->by_end);
    LIST_REMOVE(claim, in_bucket);
    c->count--;
    free(claim);
}

struct name_claim *name_claims_first(const struct name_claims *c)
{
    struct heap_node *node = heap_first(&c->ends);

    return node ? (struct name_claim *)(void *)((uint8_t *)node - offsetof(struct name_claim, by_end)) : NULL;
}
