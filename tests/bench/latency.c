/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Latencies are counted in buckets as floating point numbers are stored: below 64 ns one bucket each, above it
 * 64 for each doubling. Counting costs a few instructions whatever the number, and a run of any length takes
 * the same memory.
 */
#include "latency.h"

#include <time.h>

uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void latency_add(struct latency *latency, uint64_t ns)
{
    const unsigned doublings = ns < 64 ? 0 : 58u - (unsigned)__builtin_clzll(ns);
    const unsigned bucket =
        doublings == 0 ? (unsigned)ns : doublings * 64 + (unsigned)(ns >> (doublings - 1)) - 64;

    latency->buckets[bucket]++;
    latency->count++;
}

static uint64_t bucket_ns(unsigned bucket)
{
    const unsigned doublings = bucket / 64;

    return doublings == 0 ? bucket : (uint64_t)(64 + bucket % 64) << (doublings - 1);
}

double latency_us(const struct latency *latency, double share)
{
    const uint64_t rank = (uint64_t)((double)latency->count * share);
    uint64_t seen = 0;

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        seen += latency->buckets[i];
        if (seen > rank)
            return (double)bucket_ns(i) / 1e3;
    }
    return 0;
}
