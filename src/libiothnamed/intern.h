/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs of items of one size, kept one behind the other in one array, each different run once. */
#ifndef IOTHNAMED_INTERN_H
#define IOTHNAMED_INTERN_H

#include "base/base.h"

struct intern_slot;

struct intern {
    size_t item_size; /* bytes; set by the caller, all else zero. Padding inside items must be zero */
    uint8_t *items;   /* moves when a run is added: keep indices */
    uint32_t n_items, items_size;
    struct intern_slot *slots; /* which runs there are */
    uint32_t n_runs, n_slots;
};

/* *ret: the index of the first item of a run equal to items[0..n-1], n >= 1, added if there was none. `items`
 * must not point into the array itself. 0 or -ENOMEM (also: more than 2^32 items). */
MUST_CHECK int intern_run(struct intern *in, const void *items, uint32_t n, uint32_t *ret);
/* Gives the array of all items away, to be freed by the caller (NULL: no run), and forgets everything else.
 */
void *intern_finish(struct intern *in);
void intern_fini(struct intern *in);

#endif
