/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looking up names in a store. The table of slots has 8 bytes for each name: where it lies, and 32 bits of its
 * hash, so that a look-up touches a slot and then the name with its records, which lie together. Tables of ten
 * names and of a million cost the same steps, but for two cache misses.
 *
 * All names above a name in the store are in it, up to the top. So a name that is not there has one place where
 * its suffixes begin to be there, and that is found by bisection: even a name of 127 labels costs 8 look-ups.
 * The parent is tried first, since it is nearly always that place.
 *
 * Nothing is written: any number of threads may look up in one store.
 */
#include "libiothnamed/zone_store.h"

#include <stdlib.h>

enum { POINTER_TAG = 0xc000 };

struct zone *zone_ref(struct zone *z)
{
    if (z)
        atomic_fetch_add(&z->users, 1);
    return z;
}

void zone_unref(struct zone *z)
{
    if (!z || atomic_fetch_sub(&z->users, 1) != 1)
        return;
    free(z->slots);
    free(z->block);
    free(z);
}

static const struct zone_node *node_at(const struct zone *z, uint32_t place)
{
    return place ? (const void *)(z->block + (size_t)place * ZONE_UNIT) : NULL;
}

const struct zone_node *zone_apex(const struct zone *z)
{
    return node_at(z, z->apex);
}

size_t zone_names(const struct zone *z)
{
    return z->n_nodes;
}

size_t zone_bytes(const struct zone *z)
{
    return sizeof(*z) + z->block_size + (z->slots_mask + (size_t)1) * sizeof(*z->slots);
}

uint32_t zone_serial(const struct zone *z)
{
    const struct zone_rrset *soa = zone_rrset(zone_apex(z), RR_SOA);

    return soa ? get_be32(soa->records + soa->size - 20) : 0;
}

/* --- looking up --- */

static const struct zone_node *find(const struct zone *z, uint64_t hash, const uint8_t *name, size_t len)
{
    uint32_t tag = zone_tag(hash);

    for (uint32_t at = zone_home(hash, z->slots_mask); z->slots[at].place; at = (at + 1) & z->slots_mask) {
        if (z->slots[at].tag != tag)
            continue;
        const struct zone_node *node = node_at(z, z->slots[at].place);
        if (node->name_len == len && memcmp(node->name, name, len) == 0)
            return node;
    }
    return NULL;
}

const struct zone_node *zone_look_above(const struct zone *z, const struct zone_look *look, unsigned labels)
{
    unsigned from = look->offsets[look->labels - labels];

    return find(z, look->hashes[labels], look->name + from, look->offsets[look->labels] + 1u - from);
}

/* For a name that is not there. */
static void find_closest(const struct zone *z, struct zone_look *look)
{
    unsigned low = z->top_labels, high = look->labels; /* the suffix with `high` labels is not there */

    for (unsigned tried = high - 1; low < high; tried = low + (high - low - 1) / 2) {
        const struct zone_node *node = zone_look_above(z, look, tried);
        if (!node) {
            high = tried;
            continue;
        }
        look->closest = node;
        look->closest_labels = tried;
        low = tried + 1;
    }
}

void zone_look_up(const struct zone *z, const uint8_t *name, struct zone_look *ret)
{
    unsigned labels = dname_offsets(name, ret->offsets);
    uint64_t hash = name_hash_root(&z->key);

    ret->name = name;
    ret->labels = labels;
    ret->hashes[0] = hash;
    for (unsigned i = 1; i <= labels; i++)
        ret->hashes[i] = hash = name_hash_down(hash, name + ret->offsets[labels - i]);
    ret->node = ret->closest = find(z, hash, name, ret->offsets[labels] + 1u);
    ret->closest_labels = labels;
    if (!ret->node && labels > z->top_labels)
        find_closest(z, ret);
}

const struct zone_node *zone_look_wildcard(const struct zone *z, const struct zone_look *look)
{
    uint8_t name[DNAME_MAX] = {1, '*'};

    memcpy(name + 2, look->closest->name, look->closest->name_len);
    return find(z, name_hash_down(look->hashes[look->closest_labels], name), name,
                look->closest->name_len + (size_t)2);
}

const struct zone_node *zone_find(const struct zone *z, const uint8_t *name)
{
    struct zone_look look;

    zone_look_up(z, name, &look);
    return look.node;
}

/* --- records --- */

size_t zone_record_at(const struct zone_rrset *set, unsigned i)
{
    size_t at = 0;

    if (set->stride)
        return (size_t)i * set->stride;
    while (i-- > 0)
        at += zone_record_len(set, at);
    return at;
}

/* Copies a name whose pointer leads into that of the node, and steps over it. */
static void expand_name(const struct zone_node *node, const uint8_t **from, struct writer *out)
{
    const uint8_t *at = *from;

    while (*at > 0 && *at <= DNAME_LABEL_MAX)
        at += *at + 1;
    writer_put(out, *from, (size_t)(at - *from));
    if (*at == 0) {
        writer_u8(out, 0);
        *from = at + 1;
        return;
    }
    unsigned off = (get_be16(at) & ~(unsigned)POINTER_TAG) - ZONE_OWNER_AT;
    writer_put(out, node->name + off, node->name_len - off);
    *from = at + 2;
}

const uint8_t *zone_rdata(const struct zone_node *node, const struct zone_rrset *set, size_t at,
                          uint8_t room[static ZONE_NAMES_MAX], size_t *ret_len)
{
    const uint8_t *rdata = set->records + at + ZONE_RR_HEAD;
    struct writer w = writer_of(room, ZONE_NAMES_MAX);

    if (!(set->flags & ZONE_RRSET_NAMES)) {
        *ret_len = zone_record_len(set, at) - ZONE_RR_HEAD;
        return rdata;
    }
    for (const char *letter = rrtype_by_code(set->type)->shape; *letter; letter++) {
        if (*letter == 'N') {
            expand_name(node, &rdata, &w);
        } else { /* beside compressed names there are integers alone */
            writer_put(&w, rdata, (size_t)(*letter - '0'));
            rdata += *letter - '0';
        }
    }
    *ret_len = w.pos;
    return room;
}

const struct zone_node *zone_target(const struct zone *z, const struct zone_rrset *set, unsigned i)
{
    uint32_t place;

    if (!(set->flags & ZONE_RRSET_TARGETS))
        return NULL;
    memcpy(&place, (const uint8_t *)set + zone_rrset_bytes(set) + i * sizeof(place), sizeof(place));
    return node_at(z, place);
}

int zone_target_offset(uint16_t type)
{
    switch (type) {
    case RR_NS:
        return 0;
    case RR_MX:
        return 2;
    case RR_SRV:
        return 6;
    default:
        return -1;
    }
}
