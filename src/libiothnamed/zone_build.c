/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records on their way into a store, in any order: a node for each name and each name above it up to the top, and a
 * chain of records for each node. Names and data are kept in one growing array of bytes. All arrays grow by doubling
 * and are large, so that the system moves pages and not bytes.
 *
 * zone_check.c looks at the drafts, zone_write.c makes a store of them.
 */
#include "libiothnamed/zone_draft.h"

#include <errno.h>
#include <stdlib.h>

enum { SLOTS_MIN = 16, ARRAY_FIRST = 64 };

int draft_reserve(void *array, size_t item, size_t used, size_t more, size_t *size)
{
    void **items = array;
    size_t wanted = *size ? *size : ARRAY_FIRST;

    if (used + more <= *size)
        return 0;
    while (wanted < used + more)
        wanted *= 2;
    void *grown = realloc(*items, wanted * item);
    if (!grown)
        return -ENOMEM;
    *items = grown;
    *size = wanted;
    return 0;
}

/* --- drafts --- */

static bool has_name(const struct zone_builder *b, uint32_t node, uint64_t hash, const uint8_t *name,
                     size_t len)
{
    const struct draft_node *n = &b->nodes[node];

    return n->hash == hash && n->name_len == len && memcmp(draft_name(b, n), name, len) == 0;
}

/* The node of that name, or DRAFT_NONE. */
static uint32_t find_node(const struct zone_builder *b, uint64_t hash, const uint8_t *name, size_t len)
{
    for (uint32_t at = zone_home(hash, b->slots_mask); b->slots[at].place; at = (at + 1) & b->slots_mask)
        if (b->slots[at].tag == zone_tag(hash) && has_name(b, b->slots[at].place - 1, hash, name, len))
            return b->slots[at].place - 1;
    return DRAFT_NONE;
}

static void fill_slot(struct zone_slot *slots, uint32_t mask, uint64_t hash, uint32_t place)
{
    uint32_t at = zone_home(hash, mask);

    while (slots[at].place)
        at = (at + 1) & mask;
    slots[at] = (struct zone_slot){.place = place, .tag = zone_tag(hash)};
}

static int grow_slots(struct zone_builder *b)
{
    size_t size = b->slots ? 2 * ((size_t)b->slots_mask + 1) : SLOTS_MIN;
    struct zone_slot *slots = size <= UINT32_MAX ? calloc(size, sizeof(*slots)) : NULL;

    if (!slots)
        return -ENOMEM;
    for (size_t i = 0; i < b->n_nodes; i++)
        fill_slot(slots, (uint32_t)size - 1, b->nodes[i].hash, (uint32_t)i + 1);
    free(b->slots);
    b->slots = slots;
    b->slots_mask = (uint32_t)size - 1;
    return 0;
}

static int add_node(struct zone_builder *b, const struct draft_node *node)
{
    if (draft_reserve(&b->nodes, sizeof(*b->nodes), b->n_nodes, 1, &b->nodes_size) < 0)
        return -ENOMEM;
    if (3 * (b->n_nodes + 1) > 2 * (size_t)b->slots_mask && grow_slots(b) < 0)
        return -ENOMEM;
    fill_slot(b->slots, b->slots_mask, node->hash, (uint32_t)b->n_nodes + 1);
    b->nodes[b->n_nodes++] = *node;
    return 0;
}

static int keep_bytes(struct zone_builder *b, const void *bytes, size_t len, size_t *ret_at)
{
    if (draft_reserve(&b->bytes, 1, b->bytes_len, len, &b->bytes_size) < 0)
        return -ENOMEM;
    memcpy(b->bytes + b->bytes_len, bytes, len);
    *ret_at = b->bytes_len;
    b->bytes_len += len;
    return 0;
}

/* The node of a name, made with those above it that are missing. The names of all of them lie in the one copy. */
static int node_of(struct zone_builder *b, const uint8_t *name, uint32_t *ret)
{
    uint8_t offsets[DNAME_LABELS_MAX + 1];
    unsigned labels = dname_offsets(name, offsets);
    size_t len = offsets[labels] + 1u, kept = SIZE_MAX;
    uint64_t hash = name_hash_root(&b->key);
    uint32_t parent = DRAFT_NONE;

    for (unsigned depth = 0; depth <= labels; depth++) {
        size_t from = offsets[labels - depth];
        if (depth > 0)
            hash = name_hash_down(hash, name + from);
        if (depth < b->top_labels)
            continue;
        uint32_t node = find_node(b, hash, name + from, len - from);
        if (node == DRAFT_NONE) {
            if (kept == SIZE_MAX && keep_bytes(b, name, len, &kept) < 0)
                return -ENOMEM;
            struct draft_node draft = {.name = kept + from,
                                       .hash = hash,
                                       .parent = parent,
                                       .records = DRAFT_NONE,
                                       .name_len = (uint8_t)(len - from)};
            node = (uint32_t)b->n_nodes;
            if (add_node(b, &draft) < 0)
                return -ENOMEM;
        }
        parent = node;
    }
    *ret = parent;
    return 0;
}

uint32_t draft_find(const struct zone_builder *b, const uint8_t *name)
{
    uint8_t offsets[DNAME_LABELS_MAX + 1];
    unsigned labels = dname_offsets(name, offsets);
    uint64_t hash = name_hash_root(&b->key);

    for (unsigned depth = 1; depth <= labels; depth++)
        hash = name_hash_down(hash, name + offsets[labels - depth]);
    return find_node(b, hash, name, offsets[labels] + 1u);
}

struct zone_builder *zone_builder_new(const struct siphash_key *key, const uint8_t *apex)
{
    struct zone_builder *b = calloc(1, sizeof(*b));

    if (!b)
        return NULL;
    b->key = *key;
    b->is_pool = !apex;
    b->top_labels = apex ? dname_labels(apex) : 0;
    b->last = DRAFT_NONE;
    if (grow_slots(b) == 0 && (!apex || node_of(b, apex, &b->last) == 0))
        return b;
    zone_builder_free(b);
    return NULL;
}

void zone_builder_free(struct zone_builder *b)
{
    if (!b)
        return;
    free(b->bytes);
    free(b->records);
    free(b->nodes);
    free(b->slots);
    free(b->sorted);
    free(b);
}

int zone_builder_add(struct zone_builder *b, const struct zone_record *record)
{
    const uint8_t *last = b->last == DRAFT_NONE ? NULL : draft_name(b, &b->nodes[b->last]);
    size_t len = dname_len(record->owner), rdata;

    if (b->n_records >= DRAFT_NONE)
        return -ENOMEM;
    if (!last || b->nodes[b->last].name_len != len || memcmp(last, record->owner, len) != 0) {
        if (node_of(b, record->owner, &b->last) < 0)
            return -ENOMEM;
    }
    if (draft_reserve(&b->records, sizeof(*b->records), b->n_records, 1, &b->records_size) < 0 ||
        keep_bytes(b, record->rdata, record->rdlen, &rdata) < 0)
        return -ENOMEM;
    b->records[b->n_records] = (struct draft_record){.rdata = rdata,
                                                     .next = b->nodes[b->last].records,
                                                     .ttl = record->ttl,
                                                     .line = record->line,
                                                     .file = record->file,
                                                     .type = record->type,
                                                     .rdlen = record->rdlen};
    b->nodes[b->last].records = (uint32_t)b->n_records++;
    return 0;
}

/* --- flags --- */

static uint8_t flags_of(const struct zone_builder *b, const struct draft_node *node)
{
    bool ns = false, soa = false, dname = false;

    for (uint32_t i = node->records; i != DRAFT_NONE; i = b->records[i].next) {
        ns |= b->records[i].type == RR_NS;
        soa |= b->records[i].type == RR_SOA;
        dname |= b->records[i].type == RR_DNAME;
    }
    bool is_apex =
        node->parent == DRAFT_NONE; /* of the zone, or the root, above which nobody could delegate */
    return (uint8_t)((ns && !soa && !is_apex ? ZONE_NODE_CUT : 0) | (dname ? ZONE_NODE_DNAME : 0) |
                     (soa ? ZONE_NODE_SOA : 0));
}

void draft_mark(struct zone_builder *b)
{
    const uint8_t diverts = ZONE_NODE_CUT | ZONE_NODE_DNAME;

    for (size_t i = 0; i < b->n_nodes; i++)
        b->nodes[i].flags = flags_of(b, &b->nodes[i]);
    for (size_t i = 0; i < b->n_nodes; i++) {
        struct draft_node *node = &b->nodes[i];
        const uint8_t *name = draft_name(b, node);
        if (name[0] == 1 && name[1] == '*' && node->parent != DRAFT_NONE)
            b->nodes[node->parent].flags |= ZONE_NODE_WILDCARD;
        /* A node stands behind its parent, which so has its flags already. */
        if (node->parent != DRAFT_NONE && b->nodes[node->parent].flags & (diverts | ZONE_NODE_SHADED))
            node->flags |= ZONE_NODE_SHADED;
    }
}

/* --- the records of a name --- */

static int compare(const void *x, const void *y, const struct zone_builder *b, bool in_order)
{
    uint32_t i = *(const uint32_t *)x, j = *(const uint32_t *)y;
    const struct draft_record *r = &b->records[i], *s = &b->records[j];
    int order = (int)r->type - (int)s->type;

    if (order == 0 && !in_order)
        order = (int)r->rdlen - (int)s->rdlen;
    if (order == 0 && !in_order)
        order = memcmp(draft_rdata(b, r), draft_rdata(b, s), r->rdlen);
    return order != 0 ? order : (i > j) - (i < j);
}

static int by_data(const void *x, const void *y, void *builder)
{
    return compare(x, y, builder, false);
}

static int by_place(const void *x, const void *y, void *builder)
{
    return compare(x, y, builder, true);
}

void draft_sort_by_place(struct zone_builder *b, size_t count)
{
    qsort_r(b->sorted, count, sizeof(*b->sorted), by_place, b);
}

long draft_sort(struct zone_builder *b, const struct draft_node *node)
{
    size_t n = 0;

    for (uint32_t i = node->records; i != DRAFT_NONE; i = b->records[i].next) {
        if (draft_reserve(&b->sorted, sizeof(*b->sorted), n, 1, &b->sorted_size) < 0)
            return -ENOMEM;
        b->sorted[n++] = i;
    }
    if (n > 1)
        qsort_r(b->sorted, n, sizeof(*b->sorted), by_data, b);
    return (long)n;
}
