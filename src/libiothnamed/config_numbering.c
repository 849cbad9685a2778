/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A hash table with open addressing and linear probing, at most half full. It lives in an arena, as all that
 * a configuration is made of: a table that grew leaves its old slots behind, which together are no more than
 * the new.
 *
 * The hash has a fixed key: what is numbered here comes from the configuration file alone, and whoever writes
 * that can do worse than slow tables.
 */
#include "libiothnamed/config_numbering.h"

#include "base/siphash.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

enum { SLOTS_MIN = 64 }; /* enough for the tables of most configurations */

struct numbered {
    const void *bytes; /* NULL: a free slot */
    size_t len;
    uint64_t hash;
    unsigned number;
};

static uint64_t hash_of(const void *bytes, size_t len)
{
    static const struct siphash_key key = {{0, 0}};

    return siphash(&key, bytes, len);
}

/* The slot of these bytes, or the free one where they belong. */
static struct numbered *slot_of(const struct numbering *t, uint64_t hash, const void *bytes, size_t len)
{
    unsigned i = (unsigned)hash & (t->size - 1);

    while (t->slots[i].bytes && !(t->slots[i].hash == hash && t->slots[i].len == len &&
                                  memcmp(t->slots[i].bytes, bytes, len) == 0))
        i = (i + 1) & (t->size - 1);
    return &t->slots[i];
}

static bool make_room(struct numbering *t, struct arena *arena)
{
    struct numbering larger = {.size = t->size > 0 ? t->size * 2 : SLOTS_MIN, .count = t->count};

    if (t->count < t->size / 2)
        return true;
    if (t->size > INT_MAX / 2)
        return false;
    larger.slots = arena_alloc(arena, larger.size * sizeof(*larger.slots));
    if (!larger.slots)
        return false;
    for (unsigned i = 0; i < t->size; i++) {
        const struct numbered *e = &t->slots[i];
        if (e->bytes)
            *slot_of(&larger, e->hash, e->bytes, e->len) = *e;
    }
    *t = larger;
    return true;
}

int numbering_add(struct numbering *t, struct arena *arena, const void *bytes, size_t len)
{
    uint64_t hash = hash_of(bytes, len);

    if (!make_room(t, arena))
        return -ENOMEM;
    struct numbered *e = slot_of(t, hash, bytes, len);
    if (!e->bytes) {
        void *copy = arena_copy(arena, bytes, len);
        if (!copy)
            return -ENOMEM;
        *e = (struct numbered){.bytes = copy, .len = len, .hash = hash, .number = t->count++};
    }
    return (int)e->number;
}

int numbering_find(const struct numbering *t, const void *bytes, size_t len)
{
    if (t->size == 0)
        return -ENOENT;
    const struct numbered *e = slot_of(t, hash_of(bytes, len), bytes, len);
    return e->bytes ? (int)e->number : -ENOENT;
}

void *array_more(struct arena *arena, void *array, size_t count, size_t element_size)
{
    if (count > 0 && (count < ARRAY_MIN || (count & (count - 1)) != 0))
        return array;
    size_t capacity = count > 0 ? count * 2 : ARRAY_MIN;
    if (capacity > SIZE_MAX / element_size)
        return NULL;
    void *larger = arena_alloc(arena, capacity * element_size);
    if (larger && count > 0)
        memcpy(larger, array, count * element_size);
    return larger;
}
