/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Byte strings numbered in the order in which they are first seen: net names, base names, lists of servers.
 * And the growth of arrays in an arena.
 */
#ifndef IOTHNAMED_CONFIG_NUMBERING_H
#define IOTHNAMED_CONFIG_NUMBERING_H

#include "base/arena.h"

struct numbered;

struct numbering {
    struct numbered *slots; /* zero-initialised: empty */
    unsigned size, count;
};

/* The number of these bytes, counted from 0; new ones get the next (== count before) and are copied to the
 * arena, where the table lives too. Or -ENOMEM. At most INT_MAX / 2 of them. */
MUST_CHECK int numbering_add(struct numbering *t, struct arena *arena, const void *bytes, size_t len);
/* The number, or -ENOENT. */
int numbering_find(const struct numbering *t, const void *bytes, size_t len);

#define ARRAY_MIN 8 /* elements that an array has room for at first; a power of two */
/* The array with room for one more element than `count`: itself or, when that is full, a larger copy in the
 * arena. Capacities are powers of two, so they need not be kept. NULL: out of memory. */
void *array_more(struct arena *arena, void *array, size_t count, size_t element_size);

#endif
