/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Blocks from calloc in a list, newest first; objects are handed out of the newest one after another, each
 * rounded up to the strictest alignment. What does not fit into the rest of the newest block starts a new
 * one; an object of more than a quarter of a block gets a block of its own, put behind the newest, whose rest
 * stays in use. So at most a quarter of a block is ever wasted at its end.
 *
 * Memory is zeroed once, by calloc, since no byte is handed out twice. Nothing is given back before
 * arena_fini.
 */
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_SIZE = 32 * 1024, /* bytes for objects; with its head still a small request to malloc */
    OWN_BLOCK_SIZE = BLOCK_SIZE / 4,
};

struct arena_block {
    struct arena_block *next;
    max_align_t bytes[];
};

static struct arena_block *new_block(struct arena *a, size_t size)
{
    size_t total = sizeof(struct arena_block) + size;
    struct arena_block *block = calloc(1, total);

    if (block)
        a->total += total;
    return block;
}

static void *alloc_own_block(struct arena *a, size_t size)
{
    struct arena_block *block = new_block(a, size);

    if (!block)
        return NULL;
    if (a->blocks) {
        block->next = a->blocks->next;
        a->blocks->next = block;
    } else {
        a->blocks = block;
        a->used = BLOCK_SIZE; /* nothing is left of it */
    }
    return block->bytes;
}

void arena_fini(struct arena *a)
{
    if (!a)
        return;
    for (struct arena_block *block = a->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    *a = (struct arena){0};
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = _Alignof(max_align_t);

    if (size > SIZE_MAX - sizeof(struct arena_block) - align)
        return NULL;
    size = size > 0 ? (size + align - 1) / align * align : align;
    if (size > OWN_BLOCK_SIZE)
        return alloc_own_block(a, size);
    if (!a->blocks || size > BLOCK_SIZE - a->used) {
        struct arena_block *block = new_block(a, BLOCK_SIZE);
        if (!block)
            return NULL;
        block->next = a->blocks;
        a->blocks = block;
        a->used = 0;
    }
    void *object = (uint8_t *)a->blocks->bytes + a->used;
    a->used += size;
    return object;
}

void *arena_copy(struct arena *a, const void *bytes, size_t size)
{
    void *copy = arena_alloc(a, size);

    if (copy && size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

char *arena_text(struct arena *a, const char *text, size_t len)
{
    char *copy = len < SIZE_MAX ? arena_alloc(a, len + 1) : NULL;

    if (copy && len > 0)
        memcpy(copy, text, len);
    return copy;
}
