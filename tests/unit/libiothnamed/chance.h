/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers by chance that are the same in every run (xorshift64*, Marsaglia and Vigna), for tests with an
 * oracle. */
#ifndef TESTS_CHANCE_H
#define TESTS_CHANCE_H

#include <stdint.h>

struct chance {
    uint64_t state; /* not 0 */
};

static inline uint64_t chance_next(struct chance *c)
{
    c->state ^= c->state >> 12;
    c->state ^= c->state << 25;
    c->state ^= c->state >> 27;
    return c->state * UINT64_C(0x2545f4914f6cdd1d);
}

/* 0..n-1 */
static inline unsigned chance_below(struct chance *c, unsigned n)
{
    return (unsigned)((chance_next(c) >> 32) * n >> 32);
}

#endif
