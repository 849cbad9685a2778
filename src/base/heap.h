/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A heap of deadlines. Its nodes are embedded in the objects that wait, so nothing is allocated when an
 * object starts or stops waiting but the array of pointers, which grows by doubling (heap_reserve ahead of
 * time makes that explicit).
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/base.h"
#include <stdbool.h>

struct heap_node {
    nsec_t deadline;
    size_t slot; /* 1-based place in the heap; 0: not in it */
};

struct heap {
    struct heap_node **nodes;
    size_t count, size;
};

void heap_fini(struct heap *h); /* the nodes are the caller's */
/* Room for `count` nodes in all; 0 or -ENOMEM. */
MUST_CHECK int heap_reserve(struct heap *h, size_t count);
/* Puts a node in, or moves it to its new deadline; 0, or -ENOMEM (only when the array had to grow: then
 * unchanged). */
MUST_CHECK int heap_set(struct heap *h, struct heap_node *node, nsec_t deadline);
void heap_remove(struct heap *h, struct heap_node *node); /* no-op when it is not in */
/* The node with the earliest deadline, or NULL. */
struct heap_node *heap_first(const struct heap *h);

static inline nsec_t heap_deadline(const struct heap *h)
{
    const struct heap_node *n = heap_first(h);
    return n ? n->deadline : NSEC_NEVER;
}

#endif
