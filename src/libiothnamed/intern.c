/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sets of nets and lists of rules are built for thousands of prefixes and names, and most of them are the
 * same as some others. This keeps each of them once while they are built.
 *
 * The items stand in one growing array; an open-addressing table with linear probing finds a run by the hash
 * of its bytes. What comes here was written by the owner of the configuration, so the key of the hash is no
 * secret. When the building is done, intern_finish gives the array away, cut to what is used, and frees the
 * table.
 */
#include "libiothnamed/intern.h"

#include "base/siphash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 64, ITEMS_FIRST = 64 };

struct intern_slot {
    uint32_t first, n; /* n == 0: empty */
    uint32_t hash;
};

static uint8_t *item_at(const struct intern *in, uint32_t index)
{
    return in->items + index * in->item_size;
}

/* Room for a run more, with at most half of the table in use. */
static int grow_slots(struct intern *in)
{
    if (in->n_runs + 1 <= in->n_slots / 2)
        return 0;
    if (in->n_slots > UINT32_MAX / 2)
        return -ENOMEM;
    uint32_t n_slots = in->n_slots ? in->n_slots * 2 : SLOTS_FIRST;
    struct intern_slot *slots = calloc(n_slots, sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    for (uint32_t i = 0; i < in->n_slots; i++) {
        if (in->slots[i].n == 0)
            continue;
        uint32_t at = in->slots[i].hash & (n_slots - 1);
        while (slots[at].n != 0)
            at = (at + 1) & (n_slots - 1);
        slots[at] = in->slots[i];
    }
    free(in->slots);
    in->slots = slots;
    in->n_slots = n_slots;
    return 0;
}

static int grow_items(struct intern *in, uint32_t n)
{
    uint64_t size = in->items_size ? in->items_size : ITEMS_FIRST;

    if (n <= in->items_size - in->n_items)
        return 0;
    while (size - in->n_items < n)
        size *= 2;
    if (size > UINT32_MAX)
        return -ENOMEM;
    uint8_t *items = realloc(in->items, size * in->item_size);
    if (!items)
        return -ENOMEM;
    in->items = items;
    in->items_size = (uint32_t)size;
    return 0;
}

int intern_run(struct intern *in, const void *items, uint32_t n, uint32_t *ret)
{
    static const struct siphash_key no_secret;
    size_t bytes = n * in->item_size;
    uint32_t hash = (uint32_t)siphash(&no_secret, items, bytes);

    if (grow_slots(in) < 0)
        return -ENOMEM;
    uint32_t at = hash & (in->n_slots - 1);
    for (; in->slots[at].n != 0; at = (at + 1) & (in->n_slots - 1)) {
        const struct intern_slot *slot = &in->slots[at];
        if (slot->hash == hash && slot->n == n && memcmp(item_at(in, slot->first), items, bytes) == 0) {
            *ret = slot->first;
            return 0;
        }
    }
    if (grow_items(in, n) < 0)
        return -ENOMEM;
    memcpy(item_at(in, in->n_items), items, bytes);
    in->slots[at] = (struct intern_slot){.first = in->n_items, .n = n, .hash = hash};
    in->n_runs++;
    *ret = in->n_items;
    in->n_items += n;
    return 0;
}

void *intern_finish(struct intern *in)
{
    void *items = in->items;

    if (items) {
        void *cut = realloc(items, in->n_items * in->item_size);
        items = cut ? cut : items;
    }
    in->items = NULL;
    intern_fini(in);
    return items;
}

void intern_fini(struct intern *in)
{
    free(in->items);
    free(in->slots);
    *in = (struct intern){.item_size = in->item_size};
}
