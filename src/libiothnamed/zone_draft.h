/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A store while it is made: zone_build.c fills it, zone_check.c reads it, zone_write.c
 * makes a store of it; nobody else needs this. */
#ifndef IOTHNAMED_ZONE_DRAFT_H
#define IOTHNAMED_ZONE_DRAFT_H

#include "libiothnamed/zone_build.h"
#include "libiothnamed/zone_store.h"

#define DRAFT_NONE UINT32_MAX

/* A record; its data lie in builder->bytes. */
struct draft_record {
    size_t rdata;
    uint32_t next; /* of the same name, added before; DRAFT_NONE */
    uint32_t ttl;
    uint32_t line;
    uint16_t file, type, rdlen;
};

/* A name. */
struct draft_node {
    size_t name; /* in builder->bytes */
    uint64_t hash;
    uint32_t parent;  /* DRAFT_NONE: none */
    uint32_t records; /* the last one added */
    uint32_t place;   /* in the block, once it is there */
    uint8_t name_len, flags;
};

struct zone_builder {
    struct siphash_key key;
    bool is_pool;
    uint8_t *bytes; /* names and data */
    size_t bytes_len, bytes_size;
    struct draft_record *records;
    size_t n_records, records_size;
    struct draft_node *nodes; /* a zone's apex is the first */
    size_t n_nodes, nodes_size;
    struct zone_slot *slots; /* to begin with, of places that are indices of nodes, counted from 1 */
    uint32_t slots_mask;
    unsigned top_labels;
    uint32_t last;    /* node of the last record: zone files have the records of a name together */
    uint32_t *sorted; /* scratch: the records of one name */
    size_t sorted_size;
};

static inline const uint8_t *draft_name(const struct zone_builder *b, const struct draft_node *node)
{
    return b->bytes + node->name;
}

static inline const uint8_t *draft_rdata(const struct zone_builder *b, const struct draft_record *r)
{
    return b->bytes + r->rdata;
}

/* The index of the node of a name, or DRAFT_NONE. */
uint32_t draft_find(const struct zone_builder *b, const uint8_t *name);
/* Sets the flags of all nodes. */
void draft_mark(struct zone_builder *b);
/* Room for `more` items behind `used` ones of an array of *size. 0 or -ENOMEM. */
MUST_CHECK int draft_reserve(void *array, size_t item, size_t used, size_t more, size_t *size);
/* The records of a node in b->sorted, by type and data. Their number, or -ENOMEM. */
MUST_CHECK long draft_sort(struct zone_builder *b, const struct draft_node *node);
/* The first `count` of b->sorted, by type and the order in which they came. */
void draft_sort_by_place(struct zone_builder *b, size_t count);

#endif
