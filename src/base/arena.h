/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An arena: many small objects that live and die together, such as all of one configuration. Memory comes in
 * blocks and is given back whole by arena_fini.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/base.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* zero-initialised: empty */
    size_t used;                /* bytes handed out of the newest block */
    size_t total;               /* bytes taken from malloc */
};

void arena_fini(struct arena *a);
/* Zeroed, aligned for any type; NULL: out of memory. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_copy(struct arena *a, const void *bytes, size_t size);
/* A NUL-terminated copy of len bytes. */
char *arena_text(struct arena *a, const char *text, size_t len);

#endif
