/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See rrl.h. Networks are /24 of IPv4 and /56 of IPv6: what one customer or one site has at least.
 *
 * For each network one number is kept, the time at which its account is even: each answer moves it on by the
 * time that an answer stands for (1/rate), and it is never before now. An answer is over the limit if that
 * time lies more than a second ahead (the "generic cell rate algorithm", the leaky bucket as one number). So
 * nothing is counted down and nothing expires: an old number is an empty account. What is not sent costs
 * nothing, so a network under forged fire keeps its share of answers.
 *
 * The table has buckets of eight slots, one cache line each. A slot is one word: a tag of the network's hash,
 * a count for the slip, the time in ticks of 64 ns. It is changed by compare-and-swap, so no worker waits for
 * another. The hash is keyed, so nobody can aim at a bucket; two networks in one bucket share a slot once in
 * 2^20 pairs. When a bucket is full, the account nearest to even gives way, which loses the least.
 *
 * Workers look at the clock once for a batch of questions, and may be stopped behind that; so the time that one of them
 * brings may be earlier than the one that another has used on the same account, which then lies ahead by more than a
 * second. Such an account is over the limit, and stays as it is: it must not be taken for an old one.
 *
 * 40 bits of ticks come around in 19 hours; a number left from the last time round is taken for the present
 * only if it hits the seconds that lie ahead.
 */
#include "libiothnamed/rrl.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS   (1u << 14) /* 131,072 networks with answers in the same second */
#define SLOTS     8
#define TAG_BITS  20
#define TIME_BITS 40
#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)
#define TICK_NS   64
#define BURST     ((uint64_t)(NSEC_PER_SEC / TICK_NS)) /* how far ahead an account may be */
#define LATE      (8 * BURST) /* and how far behind others a worker: longer than a busy machine stops a thread */

struct bucket {
    _Alignas(64) _Atomic uint64_t slots[SLOTS];
};

struct rrl {
    struct siphash_key key;
    struct bucket *buckets; /* within memory, at the beginning of a cache line */
    void *memory;
};

int rrl_new(const struct siphash_key *key, struct rrl **ret)
{
    struct rrl *r = malloc(sizeof(*r));
    if (!r)
        return -ENOMEM;
    r->key = *key;
    r->memory = calloc(BUCKETS + 1, sizeof(struct bucket)); /* pages of zeros, not touched yet */
    if (!r->memory) {
        free(r);
        return -ENOMEM;
    }
    uintptr_t line = _Alignof(struct bucket);
    r->buckets = (struct bucket *)(((uintptr_t)r->memory + line - 1) / line * line);
    *ret = r;
    return 0;
}

void rrl_free(struct rrl *r)
{
    if (!r)
        return;
    free(r->memory);
    free(r);
}

/* --- slots --- */

static uint64_t make_slot(uint64_t tag, uint64_t slips, uint64_t time)
{
    return tag << (64 - TAG_BITS) | slips << TIME_BITS | (time & TIME_MASK);
}

static uint64_t tag_of(uint64_t slot)
{
    return slot >> (64 - TAG_BITS);
}

static uint64_t slips_of(uint64_t slot)
{
    return slot >> TIME_BITS & RRL_SLIP_MAX;
}

/* Ticks by which the account is ahead of now, more than BURST if now is a late worker's; 0: it is even. */
static uint64_t ahead_of(uint64_t slot, uint64_t now)
{
    uint64_t ahead = (slot - now) & TIME_MASK;
    return ahead <= BURST + LATE ? ahead : 0;
}

static uint64_t hash_network(const struct rrl *r, const struct ipaddr *client)
{
    uint8_t network[8] = {0}; /* 7 bytes: /56, or of ::ffff:a.b.c.d what stands before d */
    memcpy(network, client->b + (ipaddr_is_v4(client) ? 8 : 0), 7);
    return siphash(&r->key, network, sizeof(network));
}

/* The slot nearest to even. */
static _Atomic uint64_t *least_ahead(struct bucket *b, uint64_t now, uint64_t *ret_seen)
{
    unsigned least = 0;
    uint64_t smallest = UINT64_MAX;
    for (unsigned i = 0; i < SLOTS; i++) {
        uint64_t slot = atomic_load_explicit(&b->slots[i], memory_order_relaxed);
        uint64_t ahead = ahead_of(slot, now);
        if (ahead < smallest) {
            smallest = ahead;
            least = i;
            *ret_seen = slot;
        }
    }
    return &b->slots[least];
}

/* The slot of the network, or the one that gives way to it; *ret_seen: what stood there. */
static _Atomic uint64_t *find_slot(struct bucket *b, uint64_t tag, uint64_t now, uint64_t *ret_seen)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        *ret_seen = atomic_load_explicit(&b->slots[i], memory_order_relaxed);
        if (tag_of(*ret_seen) == tag)
            return &b->slots[i];
    }
    return least_ahead(b, now, ret_seen);
}

/* What becomes of an answer to the network whose slot is `seen`, and what then stands in the slot. */
static enum rrl_verdict decide(uint64_t seen, uint64_t tag, const struct rrl_limit *limit, uint64_t now,
                               uint64_t *ret_next)
{
    bool known = tag_of(seen) == tag;
    uint64_t ahead = known ? ahead_of(seen, now) : 0, cost = BURST / limit->rate;
    uint64_t slips = known ? slips_of(seen) : 0;
    if (ahead + cost <= BURST) {
        *ret_next = make_slot(tag, slips, now + ahead + cost);
        return RRL_SEND;
    }
    bool slip = limit->slip && ++slips >= limit->slip;
    *ret_next = make_slot(tag, slip ? 0 : slips & RRL_SLIP_MAX, now + ahead);
    return slip ? RRL_SLIP : RRL_DROP;
}

enum rrl_verdict rrl_take(struct rrl *r, const struct ipaddr *client, const struct rrl_limit *limit,
                          nsec_t now)
{
    uint64_t hash = hash_network(r, client), tag = tag_of(hash), ticks = (uint64_t)now / TICK_NS;
    struct bucket *b = &r->buckets[hash % BUCKETS];
    uint64_t seen, next;
    for (;;) {
        _Atomic uint64_t *slot = find_slot(b, tag, ticks, &seen);
        enum rrl_verdict verdict = decide(seen, tag, limit, ticks, &next);
        if (atomic_compare_exchange_strong_explicit(slot, &seen, next, memory_order_relaxed,
                                                    memory_order_relaxed))
            return verdict; /* else another worker was here: look again */
    }
}
