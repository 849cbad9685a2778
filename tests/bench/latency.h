/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long things took, counted: what the benchmarks take their medians and 99th percentiles from. */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <stdint.h>

enum {
    LATENCY_BUCKETS = 4096, /* 64 for each doubling, so what is read back is right to 1.6 percent */
};

/* All zero: nothing counted yet. */
struct latency {
    uint64_t count;
    uint64_t buckets[LATENCY_BUCKETS];
};

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t now_ns(void);

void latency_add(struct latency *latency, uint64_t ns);

/* The latency that `share` (0 to 1) of all stayed below, in microseconds; 0 if nothing was counted. */
double latency_us(const struct latency *latency, double share);

#endif
