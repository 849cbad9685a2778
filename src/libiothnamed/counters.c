/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of counters, made of the rows of counter_table.h, and what the places of their arrays are called.
 * The names of rules come from the table of sources, so a new source is counted without a line here.
 */
#include "libiothnamed/counters.h"
#include "libiothnamed/source.h"

_Static_assert(ARRAY_LEN(((double[])LATENCY_BOUNDS)) == LATENCY_BUCKETS - 1, "one bucket has no end");

/* RFC 1035 s4.1.1, RFC 2136 s2.2, RFC 6891 s9, RFC 7873 s8 */
static const char *const rcodes[RCODE_SLOTS] = {
    [0] = "NOERROR",    [1] = "FORMERR",
    [2] = "SERVFAIL",   [3] = "NXDOMAIN",
    [4] = "NOTIMP",     [5] = "REFUSED",
    [6] = "YXDOMAIN",   [7] = "YXRRSET",
    [8] = "NXRRSET",    [9] = "NOTAUTH",
    [10] = "NOTZONE",   [16] = "BADVERS",
    [23] = "BADCOOKIE", [RCODE_SLOTS - 1] = "other",
};

static const char *value_of_rcode(unsigned index)
{
    return rcodes[index];
}

static const char *value_of_source(unsigned index)
{
    static const char *const others[] = {
        [ANSWERED_BY_FORM] = "form", [ANSWERED_BY_NONE] = "none", [ANSWERED_BY_APEX] = "apex"};
    if (index < ARRAY_LEN(others))
        return others[index];
    unsigned n = 0;
    while (source_table[n] && n < index - ANSWERED_BY_RULE)
        n++;
    const struct source *source = source_table[n];
    return source && source->answer ? source->keyword : NULL;
}

#define ROW(member_, family_, help_)                                                                         \
    .family = family_, .help = help_, .offset = offsetof(struct worker_counters, member_)

const struct counter_row counter_rows[] = {
#define COUNTER(member_, family_, labels_, help_)                                                            \
    {ROW(member_, family_, help_), .labels = labels_, .length = 1},
#define GAUGE(member_, family_, labels_, help_)                                                              \
    {ROW(member_, family_, help_), .labels = labels_, .length = 1, .gauge = true},
#define COUNTERS(member_, length_, family_, value_, help_)                                                   \
    {ROW(member_, family_, help_), .label = #value_, .value = value_of_##value_, .length = length_},
#include "libiothnamed/counter_table.h"
#undef COUNTER
#undef GAUGE
#undef COUNTERS
};

const unsigned n_counter_rows = ARRAY_LEN(counter_rows);

void count_latency(struct latency_histogram *h, nsec_t waited)
{
    static const double bounds[] = LATENCY_BOUNDS;
    double seconds = (double)waited / (double)NSEC_PER_SEC;
    unsigned i = 0;
    while (i < ARRAY_LEN(bounds) && seconds > bounds[i])
        i++;
    count(&h->bucket[i], 1);
    atomic_store_explicit(&h->sum_ns,
                          atomic_load_explicit(&h->sum_ns, memory_order_relaxed) + (uint64_t)waited,
                          memory_order_relaxed);
}
