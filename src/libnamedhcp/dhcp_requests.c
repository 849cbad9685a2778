/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Places are made as they are needed and kept for the next; a request is of one size, so nothing is allocated for a packet
 * once a server has seen its busiest second.
 */
#include "libnamedhcp/dhcp_requests.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

int dhcp_requests_init(struct dhcp_requests *q, size_t size, unsigned max)
{
    unsigned buckets = 1;

    while (buckets < max)
        buckets *= 2;
    *q = (struct dhcp_requests){.size = size, .max = max, .bucket_mask = buckets - 1};
    TAILQ_INIT(&q->todo);
    TAILQ_INIT(&q->waiting);
    TAILQ_INIT(&q->free);
    q->slots = calloc(max, sizeof(*q->slots));
    q->buckets = calloc(buckets, sizeof(*q->buckets));
    return q->slots && q->buckets ? 0 : -ENOMEM;
}

void dhcp_requests_fini(struct dhcp_requests *q)
{
    for (unsigned i = 0; i < q->n_slots; i++)
        free(q->slots[i]);
    heap_fini(&q->deadlines);
    free(q->slots);
    free(q->buckets);
}

static struct dhcp_request_bucket *bucket_of(const struct dhcp_requests *q, uint64_t hash)
{
    return &q->buckets[hash & q->bucket_mask];
}

static bool is_under_way(const struct dhcp_requests *q, uint64_t hash)
{
    const struct dhcp_request *r;

    LIST_FOREACH(r, bucket_of(q, hash), in_bucket)
    if (r->hash == hash)
        return true;
    return false;
}

static void leave_queue(struct dhcp_requests *q, struct dhcp_request *r)
{
    heap_remove(&q->deadlines, &r->until);
    if (r->queue)
        TAILQ_REMOVE(r->queue, r, in_queue);
    r->queue = NULL;
}

static void enter_queue(struct dhcp_requests *q, struct dhcp_request *r, struct dhcp_request_queue *queue)
{
    leave_queue(q, r);
    TAILQ_INSERT_TAIL(queue, r, in_queue);
    r->queue = queue;
}

/* A place that is free, or becomes so. NULL: no memory, or something is to be said about all of them at once. */
static struct dhcp_request *find_place(struct dhcp_requests *q)
{
    struct dhcp_request *r = TAILQ_FIRST(&q->free);

    if (r)
        return r;
    if (q->n_slots < q->max) {
        r = heap_reserve(&q->deadlines, q->n_slots + 1u) == 0 ? calloc(1, q->size) : NULL;
        if (r) {
            r->question = q->n_slots;
            q->slots[q->n_slots++] = r;
        }
        return r;
    }
    r = TAILQ_FIRST(&q->waiting);
    if (r) {
        dhcp_requests_end(q, r);
        q->overflowed++;
    }
    return r;
}

struct dhcp_request *dhcp_requests_new(struct dhcp_requests *q, uint64_t hash,
                                       const struct server_packet *packet)
{
    struct dhcp_request *r = is_under_way(q, hash) ? NULL : find_place(q);

    if (!r)
        return NULL;
    leave_queue(q, r);
    memset((uint8_t *)r + sizeof(*r), 0, q->size - sizeof(*r));
    q->generation = q->generation < UINT32_MAX / q->max - 1 ? q->generation + 1 : 1;
    r->question = q->generation * q->max + r->question % q->max;
    r->hash = hash;
    r->from = packet->from;
    r->link = (uint8_t)packet->link;
    memcpy(r->from_mac, packet->from_mac, sizeof(r->from_mac));
    r->len = (uint16_t)packet->len;
    memcpy(r->bytes, packet->bytes, packet->len);
    LIST_INSERT_HEAD(bucket_of(q, hash), r, in_bucket);
    return r;
}

void dhcp_requests_end(struct dhcp_requests *q, struct dhcp_request *r)
{
    LIST_REMOVE(r, in_bucket);
    r->question %= q->max; /* of no generation */
    enter_queue(q, r, &q->free);
}

struct dhcp_request *dhcp_requests_find(const struct dhcp_requests *q, uint32_t question)
{
    uint32_t slot = question % q->max;
    struct dhcp_request *r = slot < q->n_slots ? q->slots[slot] : NULL;

    return r && r->question == question && r->queue == &q->waiting ? r : NULL;
}

void dhcp_requests_do(struct dhcp_requests *q, struct dhcp_request *r)
{
    enter_queue(q, r, &q->todo);
}

void dhcp_requests_wait(struct dhcp_requests *q, struct dhcp_request *r, nsec_t until)
{
    enter_queue(q, r, &q->waiting);
    if (heap_set(&q->deadlines, &r->until, until) < 0) /* cannot be: there is room for all places */
        dhcp_requests_do(q, r);
}

struct dhcp_request *dhcp_requests_todo(struct dhcp_requests *q)
{
    if (q->said)
        dhcp_requests_end(q, q->said);
    q->said = NULL;
    return TAILQ_FIRST(&q->todo);
}

struct dhcp_request *dhcp_requests_due(const struct dhcp_requests *q, nsec_t now)
{
    struct heap_node *first = heap_first(&q->deadlines);

    if (!first || first->deadline > now)
        return NULL;
    return (struct dhcp_request *)(void *)((uint8_t *)first - offsetof(struct dhcp_request, until));
}

nsec_t dhcp_requests_deadline(const struct dhcp_requests *q)
{
    return heap_deadline(&q->deadlines);
}
