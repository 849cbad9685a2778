/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From drafts to a store, in the order in which names came:
 *
 *   1. flags: which names are cuts, have a DNAME, lie below one of these, have a wildcard below them;
 *   2. node by node its records, sorted by type, each type once, without duplicates (RFC 2181 s5); of each record
 * the form in which it goes into messages (zone.h);
 *   3. the table of slots gets the places of the nodes in the block, and the records that name hosts get the
 * places of these.
 */
#include "libiothnamed/zone_draft.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    BLOCK_FIRST = 4096,
    POINTER_TAG = 0xc000,
};

/* --- the records of a name --- */

static bool same_record(const struct zone_builder *b, uint32_t i, uint32_t j)
{
    const struct draft_record *r = &b->records[i], *s = &b->records[j];

    return r->type == s->type && r->rdlen == s->rdlen &&
           memcmp(draft_rdata(b, r), draft_rdata(b, s), r->rdlen) == 0;
}

/* The records of a node, sorted by type and place, each once: of two the first one, with its TTL. */
static long unique_records(struct zone_builder *b, const struct draft_node *node)
{
    long n = draft_sort(b, node), kept = n > 0;

    for (long i = 1; i < n; i++)
        if (!same_record(b, b->sorted[kept - 1], b->sorted[i]))
            b->sorted[kept++] = b->sorted[i];
    if (kept > 1)
        draft_sort_by_place(b, (size_t)kept);
    return n < 0 ? n : kept;
}

/* --- the block --- */

/* The block of a store, being written. */
struct block {
    uint8_t *bytes;
    size_t len, size;
};

/* Room at its end; valid until the next call. NULL: out of memory. */
static uint8_t *block_room(struct block *k, size_t len)
{
    if (k->len + len > (size_t)UINT32_MAX * ZONE_UNIT)
        return NULL;
    if (draft_reserve(&k->bytes, 1, k->len, len, &k->size) < 0)
        return NULL;
    k->len += len;
    return k->bytes + k->len - len;
}

static bool block_align(struct block *k)
{
    size_t gap = -k->len & (ZONE_UNIT - 1);
    uint8_t *room = block_room(k, gap);

    if (room)
        memset(room, 0, gap);
    return room;
}

/* Where in the node's name its longest suffix begins that the name ends in too, or its length: there is none
 * that is worth a pointer. *ret_labels_len: bytes of the name before that suffix. */
static size_t common_suffix(const uint8_t *owner, const uint8_t *name, size_t *ret_labels_len)
{
    uint8_t offsets[DNAME_LABELS_MAX + 1], own[DNAME_LABELS_MAX + 1];
    unsigned labels = dname_offsets(name, offsets), own_labels = dname_offsets(owner, own);
    bool wildcard = owner[0] == 1 && owner[1] == '*'; /* answers have the question's label in place of it */

    for (unsigned i = 0; i < labels; i++) {
        unsigned depth = labels - i, most = own_labels - (wildcard ? 1 : 0);
        if (depth > most)
            continue;
        const uint8_t *suffix = owner + own[own_labels - depth];
        size_t len = offsets[labels] + 1u - offsets[i];
        if (dname_equal(name + offsets[i], len, suffix, own[own_labels] + 1u - own[own_labels - depth])) {
            *ret_labels_len = offsets[i];
            return own[own_labels - depth];
        }
    }
    *ret_labels_len = offsets[labels] + 1u;
    return own[own_labels] + 1u;
}

static void put_name(struct writer *w, const uint8_t *owner, const uint8_t *name)
{
    size_t labels_len, at = common_suffix(owner, name, &labels_len);

    writer_put(w, name, labels_len);
    if (at < dname_len(owner))
        writer_u16(w, (uint16_t)(POINTER_TAG | (ZONE_OWNER_AT + at)));
}

static bool has_compressed_names(uint16_t type)
{
    const struct rrtype *row = rrtype_by_code(type);

    return row && strchr(row->shape, 'N');
}

/* The form of the data that goes into messages; its length. */
static size_t put_rdata(uint8_t *out, const uint8_t *owner, uint16_t type, const uint8_t *rdata, size_t rdlen)
{
    struct writer w = writer_of(out, RDATA_MAX);
    const uint8_t *end = rdata + rdlen;

    if (has_compressed_names(type)) {
        for (const char *letter = rrtype_by_code(type)->shape; *letter; letter++) {
            if (*letter == 'N') {
                put_name(&w, owner, rdata);
                rdata += dname_len(rdata);
            } else { /* beside compressed names there are integers alone */
                writer_put(&w, rdata, (size_t)(*letter - '0'));
                rdata += *letter - '0';
            }
        }
    }
    writer_put(&w, rdata, (size_t)(end - rdata));
    return w.pos;
}

static int put_record(struct zone_builder *b, struct block *k, const struct draft_node *node,
                      const struct draft_record *r, uint32_t ttl)
{
    size_t room_len = ZONE_RR_HEAD + (size_t)r->rdlen; /* the form in messages is never longer */
    uint8_t *out = block_room(k, room_len);

    if (!out)
        return -ENOMEM;
    size_t rdlen = put_rdata(out + ZONE_RR_HEAD, draft_name(b, node), r->type, draft_rdata(b, r), r->rdlen);
    put_be16(out, POINTER_TAG | ZONE_OWNER_AT);
    put_be16(out + 2, r->type);
    put_be16(out + 4, CLASS_IN);
    put_be32(out + 6, ttl);
    put_be16(out + 10, (uint16_t)rdlen);
    k->len -= r->rdlen - rdlen;
    return 0;
}

static uint32_t lowest_ttl(const struct zone_builder *b, const uint32_t *records, size_t n)
{
    uint32_t ttl = b->records[records[0]].ttl;

    for (size_t i = 1; i < n; i++)
        if (b->records[records[i]].ttl < ttl)
            ttl = b->records[records[i]].ttl;
    return ttl;
}

static uint16_t stride_of(const struct zone_rrset *set)
{
    size_t first = ZONE_RR_HEAD + (size_t)get_be16(set->records + 10);

    for (size_t at = 0; at < set->size; at += ZONE_RR_HEAD + (size_t)get_be16(set->records + at + 10))
        if (ZONE_RR_HEAD + (size_t)get_be16(set->records + at + 10) != first)
            return 0;
    return first <= UINT16_MAX ? (uint16_t)first : 0;
}

/* One RRset, of the records in `records`. */
static int put_rrset(struct zone_builder *b, struct block *k, const struct draft_node *node,
                     const uint32_t *records, size_t n)
{
    size_t at = k->len, head = offsetof(struct zone_rrset, records);
    uint16_t type = b->records[records[0]].type;
    uint32_t ttl = lowest_ttl(b, records, n);
    bool targets = zone_target_offset(type) >= 0;

    if (!block_room(k, head))
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (put_record(b, k, node, &b->records[records[i]], ttl) < 0)
            return -ENOMEM;
    struct zone_rrset *set = (void *)(k->bytes + at);
    set->size = (uint32_t)(k->len - at - head);
    set->type = type;
    set->count = (uint16_t)n;
    set->stride = 0;
    set->flags =
        (uint8_t)((has_compressed_names(type) ? ZONE_RRSET_NAMES : 0) | (targets ? ZONE_RRSET_TARGETS : 0));
    set->stride = stride_of(set);
    if (!block_align(k))
        return -ENOMEM;
    uint8_t *room = targets ? block_room(k, n * sizeof(uint32_t)) : k->bytes;
    if (room && targets)
        memset(room, 0, n * sizeof(uint32_t));
    return room ? 0 : -ENOMEM;
}

static size_t rrset_end(const struct zone_builder *b, size_t from, size_t n)
{
    size_t end = from + 1;

    while (end < n && b->records[b->sorted[end]].type == b->records[b->sorted[from]].type)
        end++;
    return end;
}

static int put_node(struct zone_builder *b, struct block *k, struct draft_node *node)
{
    long sorted = unique_records(b, node);
    size_t at = k->len, head = offsetof(struct zone_node, name);
    uint8_t *out = sorted < 0 ? NULL : block_room(k, head + node->name_len);
    uint16_t n_rrsets = 0;

    if (!out)
        return -ENOMEM;
    node->place = (uint32_t)(at / ZONE_UNIT);
    memcpy(out + head, draft_name(b, node), node->name_len);
    if (!block_align(k))
        return -ENOMEM;
    for (size_t from = 0, end; from < (size_t)sorted; from = end, n_rrsets++) {
        end = rrset_end(b, from, (size_t)sorted);
        size_t n =
            end - from < UINT16_MAX ? end - from : UINT16_MAX; /* a message has no room to count more */
        if (put_rrset(b, k, node, b->sorted + from, n) < 0)
            return -ENOMEM;
    }
    struct zone_node *made = (void *)(k->bytes + at);
    made->n_rrsets = n_rrsets;
    made->flags = node->flags;
    made->name_len = node->name_len;
    return 0;
}

/* --- targets --- */

/* The place of a host: of its name or, in a zone, of the wildcard that stands for it; 0: none. */
static uint32_t place_of(const struct zone_builder *b, const uint8_t *host)
{
    uint8_t name[DNAME_MAX];
    uint32_t node;

    dname_lower(name, host, dname_len(host));
    node = draft_find(b, name);
    if (node != DRAFT_NONE)
        return b->nodes[node].place;
    if (b->is_pool)
        return 0;
    for (const uint8_t *at = name; *at;) {
        at += *at + 1;
        node = draft_find(b, at);
        if (node == DRAFT_NONE)
            continue;
        uint8_t wildcard[DNAME_MAX] = {1, '*'};
        if (!(b->nodes[node].flags & ZONE_NODE_WILDCARD) ||
            b->nodes[node].flags & (ZONE_NODE_SHADED | ZONE_NODE_CUT | ZONE_NODE_DNAME))
            return 0;
        memcpy(wildcard + 2, at, dname_len(at));
        return b->nodes[draft_find(b, wildcard)].place;
    }
    return 0;
}

static void set_targets(const struct zone_builder *b, const struct zone_node *node, struct zone_rrset *set)
{
    uint8_t *out = (uint8_t *)set + zone_rrset_bytes(set), room[ZONE_NAMES_MAX];
    size_t len;

    for (size_t i = 0, at = 0; i < set->count; i++, at += zone_record_len(set, at)) {
        const uint8_t *rdata = zone_rdata(node, set, at, room, &len);
        uint32_t place = place_of(b, rdata + zone_target_offset(set->type));
        memcpy(out + i * sizeof(place), &place, sizeof(place));
    }
}

static void set_all_targets(const struct zone_builder *b, struct zone *z)
{
    for (size_t i = 0; i < b->n_nodes; i++) {
        struct zone_node *node = (void *)(z->block + (size_t)b->nodes[i].place * ZONE_UNIT);
        uint8_t *at = (uint8_t *)(uintptr_t)zone_first_rrset(node);
        for (unsigned left = node->n_rrsets; left > 0; left--) {
            struct zone_rrset *set = (void *)at;
            if (set->flags & ZONE_RRSET_TARGETS)
                set_targets(b, node, set);
            at = (uint8_t *)(uintptr_t)zone_next_rrset(set);
        }
    }
}

/* --- all of it --- */

static int put_nodes(struct zone_builder *b, struct block *k)
{
    if (draft_reserve(&k->bytes, 1, 0, BLOCK_FIRST, &k->size) < 0)
        return -ENOMEM;
    memset(block_room(k, ZONE_UNIT), 0, ZONE_UNIT); /* place 0 is none */
    for (size_t i = 0; i < b->n_nodes; i++)
        if (put_node(b, k, &b->nodes[i]) < 0)
            return -ENOMEM;
    return 0;
}

/* From indices of nodes to their places. */
static void place_slots(struct zone_builder *b)
{
    for (size_t i = 0; i <= b->slots_mask; i++)
        if (b->slots[i].place)
            b->slots[i].place = b->nodes[b->slots[i].place - 1].place;
}

/* Memory for `size` bytes that are read here and there: in large pages if there are so many, so that the processor
 * need not look up the page each time, which costs as much as the read. NULL: out of memory. */
static void *spread_memory(size_t size)
{
    enum { LARGE_PAGE = 2 << 20 };

    if (size < 2 * LARGE_PAGE)
        return malloc(size);
    size_t whole = (size + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
    void *memory = aligned_alloc(LARGE_PAGE, whole);
    if (memory)
        (void)madvise(memory, whole, MADV_HUGEPAGE); /* a system without them serves all the same */
    return memory;
}

/* A copy in the right place and size. NULL: out of memory. */
static void *settle(const void *bytes, size_t size)
{
    void *copy = spread_memory(size);

    return copy ? memcpy(copy, bytes, size) : NULL;
}

/* The store, without its table. NULL: out of memory. */
static struct zone *new_zone(const struct zone_builder *b, const struct block *k)
{
    struct zone *z = calloc(1, sizeof(*z));

    if (!z)
        return NULL;
    atomic_init(&z->users, 1);
    z->key = b->key;
    z->block = settle(k->bytes, k->len);
    z->block_size = k->len;
    z->n_nodes = b->n_nodes;
    z->top_labels = b->top_labels;
    z->apex = b->is_pool ? 0 : b->nodes[0].place;
    if (z->block)
        return z;
    free(z);
    return NULL;
}

int zone_builder_finish(struct zone_builder *b, struct zone **ret)
{
    struct block k = {0};

    draft_mark(b);
    struct zone *z = put_nodes(b, &k) < 0 ? NULL : new_zone(b, &k);
    free(k.bytes);
    if (!z)
        return -ENOMEM;
    set_all_targets(b, z);
    place_slots(b);
    z->slots = settle(b->slots, (b->slots_mask + (size_t)1) * sizeof(*b->slots));
    z->slots_mask = b->slots_mask;
    if (!z->slots) {
        zone_unref(z);
        return -ENOMEM;
    }
    *ret = z;
    return 0;
}
