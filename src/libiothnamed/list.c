/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A set of names that may be large. Two arrays:
 *
 *   bytes   the entries one behind the other: a byte that says whether it is a tree, then the name
 *   slots   open addressing with linear probing: where an entry begins, and 32 bits of its hash. In full a
 *           name is compared only where these agree
 *
 * so a name costs its own bytes and 17 more. The hash of a name continues that of its parent, from the right:
 * one walk gives the hashes of all suffixes of a question. `depths` knows of how many labels there are names
 * and trees, and only such suffixes are looked for: in a list of plain names that is the question's whole name
 * and nothing else, so a look-up costs one visit to the slots, and one to the bytes if the hashes are equal.
 * The visits of several suffixes do not wait for each other.
 *
 * Lists are written by others, who might want to fill one chain of the table with names of equal hashes. The
 * hash is keyed, and each step folds a product of 128 bits whose factors they do not know.
 *
 * Equal names are put together when the table is made, a name and its tree to the tree.
 */
#include "libiothnamed/list.h"

#include "libiothnamed/name_hash.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    BYTES_FIRST = 4096,
    ENTRIES_AT = 1,     /* offset of the first entry; a slot with offset 0 is empty */
    SLOTS_PER_NAME = 2, /* 8 bytes each; chains have 2.5 slots then, all in one cache line nearly always */
};

/* In struct list.depths, and before each name. */
enum { HAS_NAME = 1, HAS_TREE = 2 };

struct slot {
    uint32_t at; /* 0: empty */
    uint32_t tag;
};

struct list {
    atomic_uint users;
    struct siphash_key key;
    uint8_t *bytes;
    struct slot *slots;
    size_t len;
    uint32_t n_slots, count;
    unsigned tree_depth;                  /* of the deepest tree */
    uint8_t depths[DNAME_LABELS_MAX + 1]; /* by number of labels */
};

__extension__ typedef unsigned __int128 uint128;

static uint64_t fold(uint64_t a, uint64_t b)
{
    uint128 product = (uint128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The hash of a name from that of its parent and its first label, read with its length byte: 2 to 64 bytes,
 * in words that may overlap. */
static uint64_t hash_label(const struct siphash_key *key, uint64_t parent, const uint8_t *label)
{
    const uint8_t *at = label;
    unsigned len = label[0] + 1u;
    uint64_t a, b = 0;

    for (; len > 16; at += 16, len -= 16)
        parent = fold(load64(at) ^ key->k[0], load64(at + 8) ^ parent);
    if (len >= 8) {
        a = load64(at);
        b = load64(at + len - 8);
    } else if (len >= 4) {
        a = load32(at) << 32 | load32(at + len - 4);
    } else {
        a = (uint64_t)at[0] << 16 | (uint64_t)at[len / 2] << 8 | at[len - 1];
    }
    return fold(a ^ key->k[1], b ^ parent);
}

static uint64_t hash_root(const struct siphash_key *key)
{
    return key->k[0] ^ UINT64_C(0x9e3779b97f4a7c15); /* 2^64 over the golden ratio */
}

/* Where a chain begins: the upper half of the hash, scaled to the table; the tag is the lower half. */
static uint32_t home_of(const struct list *l, uint64_t hash)
{
    return (uint32_t)((hash >> 32) * l->n_slots >> 32);
}

/* The slot of the name, or the empty one where it would be. */
static struct slot *slot_of(const struct list *l, uint64_t hash, const uint8_t *name, size_t name_len)
{
    uint32_t at = home_of(l, hash);

    for (; l->slots[at].at != 0; at = at + 1 < l->n_slots ? at + 1 : 0)
        if (l->slots[at].tag == (uint32_t)hash && memcmp(l->bytes + l->slots[at].at + 1, name, name_len) == 0)
            break;
    return &l->slots[at];
}

/* ---- look-up */

/* The entry of that name is a tree, or is the name itself. */
static bool holds(const struct list *l, uint64_t hash, const uint8_t *name, size_t name_len, bool whole)
{
    const struct slot *slot = slot_of(l, hash, name, name_len);

    return slot->at != 0 && (whole || l->bytes[slot->at] & HAS_TREE);
}

int list_find(const struct list *l, const uint8_t *name)
{
    uint8_t offsets[DNAME_LABELS_MAX + 1];
    uint64_t hashes[DNAME_LABELS_MAX + 1];
    unsigned labels = dname_offsets(name, offsets);
    size_t len = offsets[labels] + 1u;
    unsigned deepest = l->depths[labels] || l->tree_depth > labels ? labels : l->tree_depth;

    hashes[0] = hash_root(&l->key);
    for (unsigned depth = 1; depth <= deepest; depth++) {
        hashes[depth] = hash_label(&l->key, hashes[depth - 1], name + offsets[labels - depth]);
        __builtin_prefetch(&l->slots[home_of(l, hashes[depth])]);
    }
    for (unsigned depth = 1; depth <= deepest; depth++) {
        bool whole = depth == labels;
        unsigned from = offsets[labels - depth];
        if (l->depths[depth] & (whole ? HAS_NAME | HAS_TREE : HAS_TREE) &&
            holds(l, hashes[depth], name + from, len - from, whole))
            return (int)depth;
    }
    return -ENOENT;
}

uint32_t list_count(const struct list *l)
{
    return l->count;
}

size_t list_bytes(const struct list *l)
{
    return sizeof(*l) + l->len + DNAME_MAX + l->n_slots * sizeof(*l->slots);
}

/* ---- building */

static int grow_bytes(struct list_draft *d, size_t more)
{
    size_t size = d->size ? d->size : BYTES_FIRST;

    if (d->size - d->len >= more)
        return 0;
    while (size - d->len < more)
        size *= 2;
    uint8_t *bytes = d->len + more <= UINT32_MAX ? realloc(d->bytes, size) : NULL;
    if (!bytes)
        return -ENOMEM;
    d->bytes = bytes;
    d->size = size;
    return 0;
}

int list_draft_add(struct list_draft *d, const uint8_t *name, size_t name_len, bool tree)
{
    if (grow_bytes(d, ENTRIES_AT + 1 + name_len) < 0)
        return -ENOMEM;
    if (d->len == 0)
        d->bytes[d->len++] = 0;
    d->bytes[d->len++] = tree ? HAS_TREE : HAS_NAME;
    memcpy(d->bytes + d->len, name, name_len);
    d->len += name_len;
    d->count++;
    return 0;
}

void list_draft_fini(struct list_draft *d)
{
    free(d->bytes);
    *d = (struct list_draft){0};
}

/* Puts the entry at `at` into the table. Returns the length of its name. */
static size_t insert(struct list *l, uint32_t at)
{
    uint8_t offsets[DNAME_LABELS_MAX + 1];
    const uint8_t *name = l->bytes + at + 1;
    unsigned labels = dname_offsets(name, offsets);
    size_t len = offsets[labels] + 1u;
    uint64_t hash = hash_root(&l->key);

    for (unsigned depth = 1; depth <= labels; depth++)
        hash = hash_label(&l->key, hash, name + offsets[labels - depth]);
    struct slot *slot = slot_of(l, hash, name, len);
    if (slot->at == 0) {
        *slot = (struct slot){.at = at, .tag = (uint32_t)hash};
        l->count++;
    }
    l->bytes[slot->at] |= l->bytes[at];
    l->depths[labels] |= l->bytes[at];
    if (l->bytes[at] & HAS_TREE && labels > l->tree_depth)
        l->tree_depth = labels;
    return len;
}

int list_build(struct list_draft *d, const struct siphash_key *key, struct list **ret)
{
    struct list *l = calloc(1, sizeof(*l));
    uint64_t n_slots = (uint64_t)d->count * SLOTS_PER_NAME + 1; /* one is always empty */
    uint8_t *bytes = realloc(d->bytes, d->len + DNAME_MAX);

    if (bytes) {
        d->bytes = bytes;
        d->size = d->len + DNAME_MAX;
        memset(bytes + d->len, 0, DNAME_MAX); /* names are compared in the length of the one asked for */
    }
    if (!l || !bytes || n_slots > UINT32_MAX || !(l->slots = calloc(n_slots, sizeof(*l->slots)))) {
        free(l);
        return -ENOMEM;
    }
    atomic_init(&l->users, 1);
    l->key = *key;
    l->n_slots = (uint32_t)n_slots;
    l->len = d->len;
    l->bytes = bytes;
    *d = (struct list_draft){0};
    for (size_t at = ENTRIES_AT; at < l->len;)
        at += 1 + insert(l, (uint32_t)at);
    *ret = l;
    return 0;
}

struct list *list_ref(struct list *l)
{
    atomic_fetch_add(&l->users, 1);
    return l;
}

void list_free(struct list *l)
{
    if (!l || atomic_fetch_sub(&l->users, 1) != 1)
        return;
    free(l->bytes);
    free(l->slots);
    free(l);
}
