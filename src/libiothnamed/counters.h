/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a worker counts. Its thread alone writes, without a lock or a locked instruction; anybody reads, at
 * any time. The rows are in counter_table.h.
 */
#ifndef IOTHNAMED_COUNTERS_H
#define IOTHNAMED_COUNTERS_H

#include "base/base.h"
#include <stdatomic.h>
#include <stdbool.h>

/* Places of the arrays. Response codes in use are 0..23; whatever is above shares the last place. Rules: more
 * than there are types of them, and three that are none. */
enum { RCODE_SLOTS = 25, SOURCE_SLOTS = 32 };

/* Answers that no rule gave, by their places in `answers`; types of rules follow in the order of source_table.h. */
enum answered_by {
    ANSWERED_BY_FORM, /* the message alone decided: FORMERR, NOTIMP, BADVERS, a cookie, ... */
    ANSWERED_BY_NONE, /* no rule: REFUSED, or an alias that leads away */
    ANSWERED_BY_APEX, /* SOA and NS of a domain of ours that no rule names */
    ANSWERED_BY_RULE, /* the first type */
};

/* How long forwarded questions waited, in seconds: the upper ends of the buckets; the last has none. From a
 * server in the same room to the end of an exchange (EXCHANGE_TOTAL). */
#define LATENCY_BOUNDS                                                                                       \
    {                                                                                                        \
        0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5                  \
    }
enum { LATENCY_BUCKETS = 15 };

struct latency_histogram {
    atomic_ullong bucket[LATENCY_BUCKETS]; /* each counts what is not in one before it */
    atomic_ullong sum_ns;
};

struct worker_counters {
#define COUNTER(member, family, labels, help)         atomic_ullong member;
#define GAUGE(member, family, labels, help)           atomic_ullong member;
#define COUNTERS(member, length, family, value, help) atomic_ullong member[length];
#include "libiothnamed/counter_table.h"
#undef COUNTER
#undef GAUGE
#undef COUNTERS
    struct latency_histogram forward_latency;
};

/* By the thread that owns the counter alone. */
static inline void count(atomic_ullong *counter, unsigned n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline void count_down(atomic_ullong *gauge, unsigned n)
{
    atomic_store_explicit(gauge, atomic_load_explicit(gauge, memory_order_relaxed) - n, memory_order_relaxed);
}

static inline void count_rcode(struct worker_counters *c, unsigned rcode)
{
    count(&c->responses[rcode < RCODE_SLOTS ? rcode : RCODE_SLOTS - 1], 1);
}

/* A forwarded question has waited that long. */
void count_latency(struct latency_histogram *h, nsec_t waited);

/* --- the table, for who shows it --- */

struct counter_row {
    const char *family, *help;
    const char *labels;                   /* "" or NAME="VALUE"; of an array NULL */
    const char *label;                    /* of an array: the label's name */
    const char *(*value)(unsigned index); /* of an array: the label's value; NULL: not in use */
    unsigned offset;                      /* in struct worker_counters */
    unsigned length;                      /* 1, or of the array */
    bool gauge;
};

extern const struct counter_row counter_rows[];
extern const unsigned n_counter_rows;

/* The value of a row (index: below its length) in the counters of a worker. */
static inline uint64_t counter_read(const struct worker_counters *c, const struct counter_row *row,
                                    unsigned index)
{
    const atomic_ullong *at = (const atomic_ullong *)(const void *)((const char *)c + row->offset);
    return atomic_load_explicit(&at[index], memory_order_relaxed);
}

#endif
