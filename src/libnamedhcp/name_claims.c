/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of claims: a hash table of chains by the name, with a secret key, since clients choose the names; and a heap by
 * their ends, so that what has ended is found without a search. A claim is one allocation of the size that it needs, some
 * hundred bytes. The table doubles when it is full; it never shrinks, since the number of clients of a network hardly does.
 *
 * Whose a claim is: a node has a DUID on DHCPv6, and on DHCPv4 one in its client identifier if it goes by RFC 4361; so the DUID
 * is the owner. Older DHCPv4 clients are known by their hardware address alone (RFC 2131 s2, RFC 2132 s9.14), which is
 * recognized if it is the one that the node has on the other protocol; else a node would stand in its own way.
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

/* --- owners --- */

struct owner {
    const uint8_t *identity;
    size_t len;
    const uint8_t *mac; /* zero: not known */
    bool by_hardware;   /* the identity is the MAC address, and the node may have a DUID beside it */
};

size_t name_duid_at(const uint8_t *identity, size_t len)
{
    enum { WITH_DUID = 255, IAID_LEN = 4, DUID_MIN = 3 };

    return len >= 1 + IAID_LEN + DUID_MIN && identity[0] == WITH_DUID ? 1 + IAID_LEN : 0;
}

static struct owner owner_of(const uint8_t *identity, size_t len, const uint8_t *mac)
{
    enum { ETHERNET = 1 };
    static const uint8_t unknown[6];
    size_t at = name_duid_at(identity, len);
    struct owner owner = {identity + at, len - at, mac ? mac : unknown, false};

    if (len == 1 + 6 && identity[0] == ETHERNET) {
        owner.by_hardware = true;
        owner.mac = identity + 1;
    }
    return owner;
}

static bool has_mac(const struct owner *o)
{
    static const uint8_t unknown[6];

    return memcmp(o->mac, unknown, sizeof(unknown)) != 0;
}

bool name_claim_is_of(const struct name_claim *claim, const struct name_policy_client *client)
{
    struct owner a = owner_of(claim->bytes, claim->identity_len, claim->mac);
    struct owner b = owner_of(client->identity, client->identity_len, client->mac);

    if (a.len == b.len && memcmp(a.identity, b.identity, a.len) == 0)
        return true;
    return (a.by_hardware || b.by_hardware) && has_mac(&a) && memcmp(a.mac, b.mac, 6) == 0;
}

/* --- the table --- */

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

int name_claims_add(struct name_claims *c, const uint8_t *name, const struct name_policy_client *client,
                    int64_t ends_s, struct name_claim **ret)
{
    size_t name_len = dname_len(name), identity_len = client->identity_len;

    if (c->count >= c->max)
        return -ENOSPC;
    struct name_claim *claim = calloc(1, offsetof(struct name_claim, bytes) + identity_len + name_len);
    if (!claim || heap_set(&c->ends, &claim->by_end, ends_s) < 0) {
        free(claim);
        return -ENOMEM;
    }
    claim->identity_len = (uint8_t)identity_len;
    claim->name_len = (uint8_t)name_len;
    memcpy(claim->bytes, client->identity, identity_len);
    memcpy(claim->bytes + identity_len, name, name_len);
    if (client->mac)
        memcpy(claim->mac, client->mac, sizeof(claim->mac));
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
