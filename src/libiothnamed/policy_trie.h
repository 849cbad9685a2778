/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree of names as policy.c walks it and policy_build.c makes it; nobody else needs this. */
#ifndef IOTHNAMED_POLICY_TRIE_H
#define IOTHNAMED_POLICY_TRIE_H

#include "libiothnamed/name_hash.h"
#include "libiothnamed/policy.h"

#include <string.h>

/* Part of the array of all placements. */
struct policy_list {
    uint32_t first, count;
};

/* Its name lies in it, so that a look-up that ends at a node reads one line of memory, or two neighbours. */
struct policy_node {
    struct policy_list exact; /* for this name */
    struct policy_list below; /* for the names below it that have no node of their own */
    uint8_t name[];           /* wire form */
};

struct policy_slot {
    uint32_t
        node; /* where it begins, in units of POLICY_NODE_ALIGN; POLICY_ROOT, which needs no slot: empty */
    uint32_t tag; /* policy_tag(), and maybe POLICY_PARENT */
};

enum {
    POLICY_ROOT = 0,
    POLICY_NODE_ALIGN = 8,
    POLICY_PARENT =
        0x100, /* in a tag: there are nodes below this one, or below one behind it with the same tag */
};

struct policy {
    struct siphash_key key;
    struct policy_slot *slots; /* open addressing, linear probing; a power of two, at most 2/3 in use */
    uint32_t slots_mask;
    uint8_t *nodes; /* one behind the other, the root first */
    struct placement *placements;
    uint64_t *sets; /* of nets, each once */
    netset served, accepted, forwarded;
};

static inline const struct policy_node *policy_node_at(const struct policy *p, uint32_t node)
{
    return (const struct policy_node *)(const void *)(p->nodes + (size_t)node * POLICY_NODE_ALIGN);
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
            memcmp(policy_node_at(p, p->slots[at].node)->name, name, name_len) == 0)
            return p->slots[at].node;
    return POLICY_ROOT;
}

#endif
