/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where exchanges live and how they are found: by what they ask, to let equal questions wait together, and by
 * their attempts, to find whom a reply concerns.
 *
 * Exchanges live in chunks that are allocated as they are needed, up to `max`, and never move or go back. An
 * attempt_id is generation, slot and attempt: an id comes again after 2^36 exchanges in the same slot, when
 * nobody remembers it.
 */
#include "libiothdns/exchange_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK = 64,       /* exchanges allocated at once */
    ATTEMPT_BITS = 4, /* of an attempt_id */
    SLOT_BITS = 24,
};

_Static_assert(EXCHANGE_ATTEMPTS_MAX <= 1 << ATTEMPT_BITS, "attempts are numbered in an attempt_id");

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static int grow_pool(struct exchange_table *t)
{
    uint32_t first = t->n_chunks * CHUNK;

    if (first >= t->settings.max)
        return -EAGAIN;
    struct exchange **chunks = reallocarray(t->chunks, t->n_chunks + 1, sizeof(struct exchange *));
    if (!chunks)
        return -ENOMEM;
    t->chunks = chunks;
    uint32_t count = min_u32(CHUNK, t->settings.max - first);
    struct exchange *chunk = calloc(count, sizeof(struct exchange));
    if (!chunk)
        return -ENOMEM;
    t->chunks[t->n_chunks++] = chunk;
    for (uint32_t i = count; i-- > 0;) {
        chunk[i] = (struct exchange){.slot = first + i, .next = t->free};
        t->free = &chunk[i];
    }
    return 0;
}

int pool_take(struct exchange_table *t, struct exchange **ret)
{
    if (!t->free) {
        int error = grow_pool(t);
        if (error < 0)
            return error;
    }
    struct exchange *x = t->free;
    t->free = x->next;
    *x = (struct exchange){.slot = x->slot, .generation = x->generation + 1};
    *ret = x;
    return 0;
}

void pool_give(struct exchange_table *t, struct exchange *x)
{
    x->next = t->free;
    t->free = x;
}

void pool_fini(struct exchange_table *t)
{
    for (uint32_t i = 0; i < t->n_chunks; i++)
        free(t->chunks[i]);
    free(t->chunks);
}

attempt_id id_of(const struct exchange *x, const struct attempt *a)
{
    return x->generation << (SLOT_BITS + ATTEMPT_BITS) | (uint64_t)x->slot << ATTEMPT_BITS |
           (uint64_t)(a - x->attempts);
}

struct attempt *attempt_of(struct exchange_table *t, attempt_id id, struct exchange **ret)
{
    uint32_t slot = (uint32_t)(id >> ATTEMPT_BITS) & ((1U << SLOT_BITS) - 1);
    unsigned number = (unsigned)id & ((1U << ATTEMPT_BITS) - 1);

    if (slot / CHUNK >= t->n_chunks || slot >= t->settings.max)
        return NULL;
    struct exchange *x = &t->chunks[slot / CHUNK][slot % CHUNK];
    if (number >= x->n_attempts)
        return NULL;
    struct attempt *a = &x->attempts[number];
    if (x->ended || id_of(x, a) != id || a->state != ATTEMPT_OPEN)
        return NULL;
    *ret = x;
    return a;
}

/* --- by question --- */

struct exchange **bucket_of(const struct exchange_table *t, const struct exchange_question *q,
                            uint32_t servers_id)
{
    uint8_t key[DNAME_MAX + 9];
    struct writer w = writer_of(key, sizeof(key));

    writer_put(&w, q->name, q->name_len);
    writer_u32(&w, servers_id);
    writer_u16(&w, q->type);
    writer_u16(&w, q->class);
    writer_u8(&w, (uint8_t)(q->dnssec_ok | q->checking_disabled << 1 | q->authentic_data << 2));
    return &t->buckets[siphash(&t->key, key, w.pos) & t->bucket_mask];
}

static bool asks(const struct exchange *x, const struct exchange_question *q, uint32_t servers_id)
{
    const struct exchange_question *own = &x->question;

    return x->servers_id == servers_id && own->type == q->type && own->class == q->class &&
           own->dnssec_ok == q->dnssec_ok && own->checking_disabled == q->checking_disabled &&
           own->authentic_data == q->authentic_data && own->name_len == q->name_len &&
           memcmp(own->name, q->name, q->name_len) == 0;
}

struct exchange *find_exchange(struct exchange *const *bucket, const struct exchange_question *q,
                               uint32_t servers_id)
{
    struct exchange *x = *bucket;

    while (x && !asks(x, q, servers_id))
        x = x->next;
    return x;
}

void forget_question(struct exchange *x)
{
    struct exchange **at = x->bucket;

    while (*at != x)
        at = &(*at)->next;
    *at = x->next;
}
