/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A store of records by name: one zone with an apex, from a zone file, or the pool of all static records, whose
 * zones are where rules say. Immutable once built (zone_build.h) and counted: snapshots and configurations share
 * it.
 *
 * Names and RRsets lie in one block of memory, each name with all its records behind it, ready to be copied into
 * a message: every record begins with a pointer to the name of the question, where the owner of an answer stands,
 * and names in the data of the types of RFC 1035 end in a pointer to what they have in common with the owner.
 */
#ifndef IOTHNAMED_ZONE_H
#define IOTHNAMED_ZONE_H

#include "libiothnamed/name_hash.h"
#include "wire/dname.h"
#include "wire/rrtype.h"

/* Bytes of a record before its data: owner, type, class, TTL, length of the data. */
#define ZONE_RR_HEAD 12
/* Where the name of the owner stands in messages that records are made for: that of the question. */
#define ZONE_OWNER_AT 12

enum {
    ZONE_NODE_CUT =
        1 << 0, /* has NS, and no SOA: what is at it and below is delegated, unless it is the apex */
    ZONE_NODE_DNAME = 1 << 1,    /* has DNAME: what is below it lies elsewhere */
    ZONE_NODE_SHADED = 1 << 2,   /* some name above it has one of the two */
    ZONE_NODE_WILDCARD = 1 << 3, /* the name "*" lies directly below it */
    ZONE_NODE_SOA = 1 << 4,
};

/* A name. It exists, be it without records, an empty non-terminal (RFC 8020). */
struct zone_node {
    uint16_t n_rrsets;
    uint8_t flags;
    uint8_t name_len;
    uint8_t name[]; /* lower case, wire form; behind it, aligned, its RRsets */
};

enum {
    ZONE_RRSET_NAMES = 1 << 0,   /* names in the data end in pointers */
    ZONE_RRSET_TARGETS = 1 << 1, /* behind the records: where their targets lie, see zone_target */
};

struct zone_rrset {
    uint32_t size; /* bytes of all records */
    uint16_t type;
    uint16_t count;
    uint16_t stride; /* bytes of each record; 0: they differ */
    uint8_t flags;
    uint8_t records[]; /* without duplicates; all with the lowest TTL of them (RFC 2181 s5) */
};

struct zone;

struct zone *zone_ref(struct zone *z);
void zone_unref(struct zone *z);
/* The name of the zone itself, or NULL: a pool. */
const struct zone_node *zone_apex(const struct zone *z);
size_t zone_names(const struct zone *z);    /* empty non-terminals included */
size_t zone_bytes(const struct zone *z);    /* of memory */
uint32_t zone_serial(const struct zone *z); /* of the SOA at the apex */

/* --- looking up --- */

/* What is known of a name that was looked up. */
struct zone_look {
    const struct zone_node *node;    /* of the name itself, or NULL: there is no such name */
    const struct zone_node *closest; /* the node, or the nearest one above; NULL: there is none */
    unsigned closest_labels;
    const uint8_t *name;
    unsigned labels;
    uint8_t offsets[DNAME_LABELS_MAX + 1];
    uint64_t hashes[DNAME_LABELS_MAX + 1]; /* of the suffix with that many labels */
};

/* name: lower case, wire form; it must outlive *ret. */
void zone_look_up(const struct zone *z, const uint8_t *name, struct zone_look *ret);
/* The node of the suffix with so many labels of the name that was looked up; NULL: there is none. */
const struct zone_node *zone_look_above(const struct zone *z, const struct zone_look *look, unsigned labels);
/* The node "*" below look->closest, which must have ZONE_NODE_WILDCARD. */
const struct zone_node *zone_look_wildcard(const struct zone *z, const struct zone_look *look);
/* The node of a name, or NULL. */
const struct zone_node *zone_find(const struct zone *z, const uint8_t *name);

/* --- records --- */

static inline const struct zone_rrset *zone_first_rrset(const struct zone_node *node)
{
    size_t at = (offsetof(struct zone_node, name) + node->name_len + 3u) & ~(size_t)3;

    return (const void *)((const uint8_t *)node + at);
}

/* Bytes of an RRset up to what lies behind its records. */
static inline size_t zone_rrset_bytes(const struct zone_rrset *set)
{
    return (offsetof(struct zone_rrset, records) + set->size + 3u) & ~(size_t)3;
}

static inline const struct zone_rrset *zone_next_rrset(const struct zone_rrset *set)
{
    size_t targets = set->flags & ZONE_RRSET_TARGETS ? set->count * sizeof(uint32_t) : 0;

    return (const void *)((const uint8_t *)set + zone_rrset_bytes(set) + targets);
}

/* NULL: none of that type, or node is NULL. */
static inline const struct zone_rrset *zone_rrset(const struct zone_node *node, uint16_t type)
{
    if (!node)
        return NULL;
    const struct zone_rrset *set = zone_first_rrset(node);
    for (unsigned left = node->n_rrsets; left > 0; left--, set = zone_next_rrset(set))
        if (set->type == type)
            return set;
    return NULL;
}

static inline uint32_t zone_rrset_ttl(const struct zone_rrset *set)
{
    return get_be32(set->records + 6);
}

/* The record that begins at that offset of set->records. */
static inline size_t zone_record_len(const struct zone_rrset *set, size_t at)
{
    return set->stride ? set->stride : ZONE_RR_HEAD + (size_t)get_be16(set->records + at + 10);
}

/* Where record i, below count, begins. */
size_t zone_record_at(const struct zone_rrset *set, unsigned i);
/* Bytes of data with names that are compressed: at most two names and five integers (SOA). */
#define ZONE_NAMES_MAX (2 * DNAME_MAX + 20)
/* The data of the record at that offset, uncompressed, of that node: in the store or in `room`. */
const uint8_t *zone_rdata(const struct zone_node *node, const struct zone_rrset *set, size_t at,
                          uint8_t room[static ZONE_NAMES_MAX], size_t *ret_len);
/* The node of the host that record i names (NS, MX, SRV): NULL if the store has none. */
const struct zone_node *zone_target(const struct zone *z, const struct zone_rrset *set, unsigned i);
/* Where in its data a record of that type names a host whose addresses help (RFC 1035 s3.3, RFC 2782); -1: it
 * does not. */
int zone_target_offset(uint16_t type);

#endif
