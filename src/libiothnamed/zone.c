/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The static records as queries need them. Built in one go from the configuration and never changed:
 *
 *   1. pointers to all records are sorted by owner, type and data, and records with the same data as the one
 * before them (RFC 2181 s5) are dropped;
 *   2. the rest is sorted by owner, type and place in the file, so that each RRset is a run, and each name a
 * run of RRsets;
 *   3. each name gets a node in a hash table, and so does each name above it that has none yet: an empty
 * non-terminal, which exists although it has no records (RFC 8020).
 *
 * The table has open addressing with linear probing and is at most half full. It is keyed by siphash, since
 * clients choose the names that are looked up. Names and data stay where they are, in the configuration,
 * which must outlive the zone; everything else lives in the zone's arena.
 */
#include "libiothnamed/zone.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_MIN = 16 };

struct zone_slot {
    const uint8_t *name; /* NULL: free */
    uint64_t hash;
    size_t len;
    struct zone_node node;
};

struct zone {
    struct arena arena;
    struct siphash_key key;
    struct zone_slot *slots;
    size_t size, count; /* size: a power of two */
};

/* --- sorting --- */

typedef const struct config_record *record;

static int compare_bytes(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    return a_len != b_len ? (a_len < b_len ? -1 : 1) : memcmp(a, b, a_len);
}

/* By what makes an RRset. */
static int compare_sets(record a, record b)
{
    int order = compare_bytes(a->owner.wire, a->owner.len, b->owner.wire, b->owner.len);

    return order != 0 ? order : (int)a->type - (int)b->type;
}

static int compare_data(record a, record b)
{
    return compare_bytes(a->rdata, a->rdlen, b->rdata, b->rdlen);
}

static int by_set_and_data(const void *x, const void *y)
{
    record a = *(const record *)x, b = *(const record *)y;
    int order = compare_sets(a, b);

    if (order == 0)
        order = compare_data(a, b);
    return order != 0 ? order : (a > b) - (a < b);
}

static int by_set_and_place(const void *x, const void *y)
{
    record a = *(const record *)x, b = *(const record *)y;
    int order = compare_sets(a, b);

    return order != 0 ? order : (a > b) - (a < b);
}

/* Drops records that are there twice; of those the first in the file stays, with its TTL. */
static size_t drop_duplicates(record *records, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare_sets(records[kept - 1], records[i]) != 0 ||
            compare_data(records[kept - 1], records[i]) != 0)
            records[kept++] = records[i];
    }
    return kept;
}

/* --- the table --- */

/* The slot of a name, or the free one where it belongs. */
static struct zone_slot *slot_of(const struct zone *z, uint64_t hash, const uint8_t *name, size_t len)
{
    size_t i = hash & (z->size - 1);

    while (z->slots[i].name &&
           !(z->slots[i].hash == hash && z->slots[i].len == len && memcmp(z->slots[i].name, name, len) == 0))
        i = (i + 1) & (z->size - 1);
    return &z->slots[i];
}

static int make_room(struct zone *z)
{
    struct zone_slot *old = z->slots;
    size_t old_size = z->size;

    if (z->count < z->size / 2)
        return 0;
    size_t size = old_size > 0 ? old_size * 2 : SLOTS_MIN;
    struct zone_slot *slots = calloc(size, sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    z->slots = slots;
    z->size = size;
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].name)
            *slot_of(z, old[i].hash, old[i].name, old[i].len) = old[i];
    }
    free(old);
    return 0;
}

/* The node of a name, with *ret_new if it was not there. NULL: out of memory. */
static struct zone_node *add_node(struct zone *z, const uint8_t *name, size_t len, bool *ret_new)
{
    uint64_t hash = siphash(&z->key, name, len);

    if (make_room(z) < 0)
        return NULL;
    struct zone_slot *slot = slot_of(z, hash, name, len);
    *ret_new = !slot->name;
    if (!slot->name) {
        *slot = (struct zone_slot){.name = name, .hash = hash, .len = len};
        z->count++;
    }
    return &slot->node;
}

/* The names above one that is in the table, up to the root, as far as they are missing. */
static int add_ancestors(struct zone *z, const uint8_t *name, size_t len)
{
    bool is_new = true;

    while (is_new && *name) {
        len -= *name + 1u;
        name += *name + 1;
        if (!add_node(z, name, len, &is_new))
            return -ENOMEM;
    }
    return 0;
}

/* --- nodes --- */

/* The records of one RRset. */
static int fill_rrset(struct zone *z, struct rrset *set, const record *records, size_t count)
{
    struct rdata *rdata = arena_alloc(&z->arena, count * sizeof(*rdata));

    if (!rdata)
        return -ENOMEM;
    *set = (struct rrset){
        .type = records[0]->type, .count = (uint16_t)count, .ttl = records[0]->ttl, .rdata = rdata};
    for (size_t i = 0; i < count; i++) {
        rdata[i] = (struct rdata){.bytes = records[i]->rdata, .len = records[i]->rdlen};
        if (records[i]->ttl < set->ttl)
            set->ttl = records[i]->ttl;
    }
    return 0;
}

/* How many of the records, from the first on, are of its RRset or, with `whole_name`, of its name. */
static size_t run_length(const record *records, size_t count, bool whole_name)
{
    size_t run = 1;

    while (run < count &&
           compare_bytes(records[0]->owner.wire, records[0]->owner.len, records[run]->owner.wire,
                         records[run]->owner.len) == 0 &&
           (whole_name || records[0]->type == records[run]->type))
        run++;
    return run;
}

/* All records of one name. */
static int add_name(struct zone *z, const record *records, size_t count)
{
    const struct config_name *owner = &records[0]->owner;
    struct rrset *sets = NULL;
    unsigned n_sets = 0;
    bool is_new;

    for (size_t at = 0, run; at < count; at += run) {
        run = run_length(records + at, count - at, false);
        n_sets++;
    }
    sets = arena_alloc(&z->arena, n_sets * sizeof(*sets));
    struct zone_node *node = add_node(z, owner->wire, owner->len, &is_new);
    if (!sets || !node)
        return -ENOMEM;
    *node = (struct zone_node){.rrsets = sets, .count = n_sets};
    for (size_t at = 0, run; at < count; at += run) {
        run = run_length(records + at, count - at, false);
        if (fill_rrset(z, sets++, records + at, run) < 0)
            return -ENOMEM;
    }
    return is_new ? add_ancestors(z, owner->wire, owner->len) : 0;
}

static int add_names(struct zone *z, const record *records, size_t count)
{
    int result = 0;

    for (size_t at = 0, run; at < count && result == 0; at += run) {
        run = run_length(records + at, count - at, true);
        result = add_name(z, records + at, run);
    }
    return result;
}

static int add_records(struct zone *z, const struct config *config)
{
    size_t count = config->n_records;
    record *records = calloc(count + 1, sizeof(*records));

    if (!records)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        records[i] = &config->records[i];
    qsort(records, count, sizeof(*records), by_set_and_data);
    count = drop_duplicates(records, count);
    qsort(records, count, sizeof(*records), by_set_and_place);
    int result = make_room(z); /* so that there is a table to look into, even if it is empty */
    if (result == 0)
        result = add_names(z, records, count);
    free(records);
    return result;
}

int zone_build(const struct config *config, const struct siphash_key *key, struct zone **ret)
{
    struct zone *z = calloc(1, sizeof(*z));

    if (!z)
        return -ENOMEM;
    z->key = *key;
    int result = add_records(z, config);
    if (result < 0) {
        zone_free(z);
        return result;
    }
    *ret = z;
    return 0;
}

void zone_free(struct zone *z)
{
    if (!z)
        return;
    arena_fini(&z->arena);
    free(z->slots);
    free(z);
}

const struct zone_node *zone_find(const struct zone *z, const uint8_t *name, size_t len)
{
    const struct zone_slot *slot = slot_of(z, siphash(&z->key, name, len), name, len);

    return slot->name ? &slot->node : NULL;
}

const struct rrset *zone_rrset(const struct zone_node *node, uint16_t type)
{
    for (unsigned i = 0; node && i < node->count; i++) {
        if (node->rrsets[i].type == type)
            return &node->rrsets[i];
    }
    return NULL;
}
