/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store as zone.c reads it and zone_build.c makes it; nobody else needs this. */
#ifndef IOTHNAMED_ZONE_STORE_H
#define IOTHNAMED_ZONE_STORE_H

#include "libiothnamed/zone.h"

#include <stdatomic.h>

/* Nodes are found by their place in the block, counted in these: 32 bits reach 16 GiB. */
#define ZONE_UNIT 4

struct zone_slot {
    uint32_t place; /* of the node; 0: free */
    uint32_t tag;   /* of its hash */
};

struct zone {
    atomic_uint users;
    struct siphash_key key;
    struct zone_slot *slots; /* open addressing, linear probing; a power of two, at most 2/3 in use */
    uint32_t slots_mask;
    uint32_t apex;  /* place; 0: a pool */
    uint8_t *block; /* its first unit is not used */
    size_t block_size;
    size_t n_nodes;
    unsigned top_labels; /* of the highest name: the apex, or the root */
};

static inline uint32_t zone_tag(uint64_t hash)
{
    return (uint32_t)hash;
}

static inline uint32_t zone_home(uint64_t hash, uint32_t mask)
{
    return (uint32_t)(hash >> 32) & mask;
}

#endif
