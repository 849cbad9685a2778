/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The hash of a name continues that of its parent, so one walk over a name from the right gives the hashes of all
 * its suffixes. Less than SipHash would promise, and enough for tables whose names the operator wrote: what a
 * peer asks for is looked up in them and never put into them, so nobody can make their chains longer than the
 * operator did. Names are in lower case.
 */
#ifndef IOTHNAMED_NAME_HASH_H
#define IOTHNAMED_NAME_HASH_H

#include "base/siphash.h"

#include <string.h>

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

static inline uint64_t name_hash_mix(uint64_t hash, uint64_t a, uint64_t b)
{
    hash = (hash ^ a) *
           UINT64_C(0x9e3779b97f4a7c15); /* 2^64 over the golden ratio; the other one is prime too */
    hash = (hash ^ hash >> 32 ^ b) * UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 32;
}

static inline uint64_t name_hash_root(const struct siphash_key *key)
{
    return key->k[0] ^ key->k[1];
}

/* The hash of a name from that of its parent and its first label, which is read with its length byte: 2 to 64
 * bytes, in words that may overlap. */
static inline uint64_t name_hash_down(uint64_t parent, const uint8_t *label)
{
    const uint8_t *at = label;
    unsigned len = label[0] + 1u;
    uint64_t hash = parent;

    for (; len > 16; at += 16, len -= 16)
        hash = name_hash_mix(hash, load64(at), load64(at + 8));
    if (len >= 8)
        return name_hash_mix(hash, load64(at), load64(at + len - 8));
    if (len >= 4)
        return name_hash_mix(hash, load32(at) << 32 | load32(at + len - 4), 0);
    return name_hash_mix(hash, (uint64_t)at[0] << 16 | (uint64_t)at[len / 2] << 8 | at[len - 1], 0);
}

#endif
