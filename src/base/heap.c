/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A binary heap in an array of pointers: the parent of slot s is slot s / 2, its children are 2s and 2s + 1,
 * and no node is later than its children. Slots count from 1, so that 0 can mean "not in the heap"; slot s
 * lives at nodes[s - 1].
 *
 * Each node knows its slot, so an object that stops waiting, or waits for something else, is found without a
 * search and moved in O(log n). Two nodes with one deadline come out in no stated order.
 *
 * The array only grows. heap_set of a node that is in already, heap_remove and heap_first cannot fail.
 */
#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_SIZE = 16 };

static struct heap_node *node_at(const struct heap *h, size_t slot)
{
    return h->nodes[slot - 1];
}

static void place(struct heap *h, size_t slot, struct heap_node *node)
{
    h->nodes[slot - 1] = node;
    node->slot = slot;
}

/* Moves the hole at `slot` towards the root until the node fits there. */
static void sift_up(struct heap *h, size_t slot, struct heap_node *node)
{
    while (slot > 1 && node_at(h, slot / 2)->deadline > node->deadline) {
        place(h, slot, node_at(h, slot / 2));
        slot /= 2;
    }
    place(h, slot, node);
}

static void sift_down(struct heap *h, size_t slot, struct heap_node *node)
{
    size_t child;

    while ((child = slot * 2) <= h->count) {
        if (child < h->count && node_at(h, child + 1)->deadline < node_at(h, child)->deadline)
            child++;
        if (node_at(h, child)->deadline >= node->deadline)
            break;
        place(h, slot, node_at(h, child));
        slot = child;
    }
    place(h, slot, node);
}

/* Fills the hole at `slot` with a node of any deadline. */
static void settle(struct heap *h, size_t slot, struct heap_node *node)
{
    if (slot > 1 && node_at(h, slot / 2)->deadline > node->deadline)
        sift_up(h, slot, node);
    else
        sift_down(h, slot, node);
}

void heap_fini(struct heap *h)
{
    if (!h)
        return;
    free(h->nodes);
    *h = (struct heap){0};
}

int heap_reserve(struct heap *h, size_t count)
{
    if (count <= h->size)
        return 0;
    struct heap_node **nodes = reallocarray(h->nodes, count, sizeof(struct heap_node *));
    if (!nodes)
        return -ENOMEM;
    h->nodes = nodes;
    h->size = count;
    return 0;
}

static int make_room(struct heap *h)
{
    if (h->count < h->size)
        return 0;
    if (h->size > SIZE_MAX / 2)
        return -ENOMEM;
    return heap_reserve(h, h->size > 0 ? h->size * 2 : FIRST_SIZE);
}

int heap_set(struct heap *h, struct heap_node *node, nsec_t deadline)
{
    if (node->slot > 0) {
        node->deadline = deadline;
        settle(h, node->slot, node);
        return 0;
    }
    int error = make_room(h);
    if (error < 0)
        return error;
    node->deadline = deadline;
    sift_up(h, ++h->count, node);
    return 0;
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    size_t slot = node->slot;

    if (slot == 0)
        return;
    struct heap_node *last = node_at(h, h->count--);
    if (last != node)
        settle(h, slot, last);
    node->slot = 0;
}

struct heap_node *heap_first(const struct heap *h)
{
    return h->count > 0 ? h->nodes[0] : NULL;
}
