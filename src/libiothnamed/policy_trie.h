/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree of names as policy.c walks it and policy_build.c makes it; nobody else needs this. */
#ifndef IOTHNAMED_POLICY_TRIE_H
#define IOTHNAMED_POLICY_TRIE_H

#include "base/arena.h"
#include "libiothnamed/policy.h"

#include <string.h>

/* Part of the array of all placements. */
struct policy_list {
    uint32_t first, count;
};

/* 24 bytes a name. */
struct policy_node {
    const uint8_t *name;      /* wire form; in the configuration, or in policy->names */
    struct policy_list exact; /* for this name */
    struct policy_list below; /* for the names below it that have no node of their own */
};

struct policy_slot {
    uint32_t node; /* POLICY_ROOT, which needs no slot: empty */
    uint32_t tag;  /* policy_tag(), and maybe POLICY_PARENT */
};

enum {
    POLICY_ROOT = 0,
    POLICY_PARENT =
        0x100, /* in a tag: there are nodes below this one, or below one behind it with the same tag */
};

struct policy {
    struct siphash_key key;
    struct policy_slot *slots; /* open addressing, linear probing; a power of two, at most 2/3 in use */
    uint32_t slots_mask;
    uint32_t n_nodes;
    struct policy_node *nodes;
    struct placement *placements;
    uint64_t *sets; /* of nets, each once */
    netset served, accepted, forwarded;
    struct arena names; /* reverse names of prefixes */
};

static inline uint64_t load64(const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return word;
}

static inline uint64_t load32(const uint8_t *bytes)
{
    uint32_t word;

    memcpy(&word, bytes, sizeof(word));
    return word;
}

static inline uint64_t policy_mix(uint64_t hash, uint64_t a, uint64_t b)
{
    hash = (hash ^ a) *
           UINT64_C(0x9e3779b97f4a7c15); /* 2^64 over the golden ratio; the other one is prime too */
    hash = (hash ^ hash >> 32 ^ b) * UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 32;
}

static inline uint64_t policy_root_hash(const struct siphash_key *key)
{
    return key->k[0] ^ key->k[1];
}

/*
 * The hash of a name from that of its parent and its first label, which is read with its length byte: 2 to 64
 * bytes, in words that may overlap. Less than SipHash would promise, and enough: what a peer asks for is
 * looked up in this table and never put into it, so nobody can make its chains longer than the configuration
 * did.
 */
static inline uint64_t policy_hash(uint64_t parent, const uint8_t *label)
{
    const uint8_t *at = label;
    unsigned len = label[0] + 1u;
    uint64_t hash = parent;

    for (; len > 16; at += 16, len -= 16)
        hash = policy_mix(hash, load64(at), load64(at + 8));
    if (len >= 8)
        return policy_mix(hash, load64(at), load64(at + len - 8));
    if (len >= 4)
        return policy_mix(hash, load32(at) << 32 | load32(at + len - 4), 0);
    return policy_mix(hash, (uint64_t)at[0] << 16 | (uint64_t)at[len / 2] << 8 | at[len - 1], 0);
}

/* What a slot tells about its node without a look at it: some of the hash and the length of the name. Not 0.
 */
static inline uint32_t policy_tag(uint64_t hash, size_t name_len)
{
    return ((uint32_t)hash & ~UINT32_C(0x1ff)) | (uint32_t)name_len;
}

static inline uint32_t policy_home(const struct policy *p, uint64_t hash)
{
    return (uint32_t)(hash >> 32) & p->slots_mask;
}

/* The tag of the first slot with that hash and length, which nearly always is that of the name asked for; 0:
 * there is none. */
static inline uint32_t policy_find_tag(const struct policy *p, uint64_t hash, size_t name_len)
{
    uint32_t tag = policy_tag(hash, name_len);

    for (uint32_t at = policy_home(p, hash); p->slots[at].node != POLICY_ROOT; at = (at + 1) & p->slots_mask)
        if ((p->slots[at].tag & ~(uint32_t)POLICY_PARENT) == tag)
            return p->slots[at].tag;
    return 0;
}

/* The node of the name, or POLICY_ROOT. */
static inline uint32_t policy_node_of(const struct policy *p, uint64_t hash, const uint8_t *name,
                                      size_t name_len)
{
    uint32_t tag = policy_tag(hash, name_len);

    for (uint32_t at = policy_home(p, hash); p->slots[at].node != POLICY_ROOT; at = (at + 1) & p->slots_mask)
        if ((p->slots[at].tag & ~(uint32_t)POLICY_PARENT) == tag &&
            memcmp(p->nodes[p->slots[at].node].name, name, name_len) == 0)
            return p->slots[at].node;
    return POLICY_ROOT;
}

#endif
