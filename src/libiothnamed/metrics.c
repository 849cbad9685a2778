/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See metrics.h. Reading changes nothing: counters only grow, and each scrape is the state of its moment. A page is
 * made family by family, so its size, which grows with the workers, is never in memory at once.
 *
 * Samples are labelled by worker, and nothing that a client chooses becomes a label: the number of series is fixed
 * by the configuration. Upstream servers are at most EXCHANGE_SERVERS_MAX.
 */
#include "libiothnamed/metrics.h"
#include "libiothnamed/attendant.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "io/openmetrics.h"

#define PREFIX "iothnamed_"

/* --- what the workers share --- */

struct totals {
    struct cache_stats cache;
    struct exchange_stats exchanges;
    uint64_t hrev_names;
};

static void add_exchanges(struct exchange_stats *sum, const struct exchange_stats *one)
{
    sum->asked += one->asked;
    sum->coalesced += one->coalesced;
    sum->sent_udp += one->sent_udp;
    sum->sent_tcp += one->sent_tcp;
    sum->answered += one->answered;
    sum->failed += one->failed;
    sum->disbelieved += one->disbelieved;
    sum->unsent += one->unsent;
    sum->guessed += one->guessed;
}

static void read_totals(struct iothnamed *s, struct totals *ret)
{
    struct snapshot *snap = service_snapshot(s);
    *ret = (struct totals){
        .hrev_names = hrev_count(snap->hrev),
    };
    cache_stats(snap->cache, &ret->cache);
    snapshot_unref(snap);
    for (unsigned i = 0; i < s->n_workers; i++) {
        struct worker_report report;
        worker_report(s->workers[i], &report);
        add_exchanges(&ret->exchanges, &report.exchanges);
    }
}

struct total_row {
    struct openmetrics_family family;
    const char *labels;
    size_t offset; /* in struct totals, of a uint64_t */
};

#define TOTAL(name_, kind_, unit_, labels_, member_, help_)                                                  \
    {                                                                                                        \
        .family = {PREFIX name_, OPENMETRICS_##kind_, unit_, help_}, .labels = labels_,                      \
        .offset = offsetof(struct totals, member_)                                                           \
    }

/* Rows of one family stand together. */
static const struct total_row total_rows[] = {
    TOTAL("cache_lookups", COUNTER, NULL, "result=\"hit\"", cache.hits, "Questions to the answer cache"),
    TOTAL("cache_lookups", COUNTER, NULL, "result=\"miss\"", cache.misses, ""),
    TOTAL("cache_inserts", COUNTER, NULL, "", cache.inserts, "Answers put into the cache"),
    TOTAL("cache_evictions", COUNTER, NULL, "", cache.evictions,
          "Answers that had to make room before their time"),
    TOTAL("cache_entries", GAUGE, NULL, "", cache.entries, "Answers in the cache, expired ones too"),
    TOTAL("cache_size_bytes", GAUGE, "bytes", "", cache.bytes, "Memory that the cache has taken"),
    TOTAL("hrev_names", GAUGE, NULL, "", hrev_names, "Names of hashed addresses that are known"),
    TOTAL("upstream_questions", COUNTER, NULL, "", exchanges.asked, "Questions asked of upstream servers"),
    TOTAL("upstream_coalesced", COUNTER, NULL, "", exchanges.coalesced,
          "Questions that waited for one that was being asked already"),
    TOTAL("upstream_sent", COUNTER, NULL, "transport=\"udp\"", exchanges.sent_udp,
          "Messages sent to upstream servers"),
    TOTAL("upstream_sent", COUNTER, NULL, "transport=\"tcp\"", exchanges.sent_tcp, ""),
    TOTAL("upstream_answers", COUNTER, NULL, "result=\"answered\"", exchanges.answered,
          "How questions to upstream ended"),
    TOTAL("upstream_answers", COUNTER, NULL, "result=\"failed\"", exchanges.failed, ""),
    TOTAL("upstream_disbelieved", COUNTER, NULL, "", exchanges.disbelieved,
          "Replies that were not to what was asked: forgeries, or servers that are confused"),
    TOTAL("upstream_unsent", COUNTER, NULL, "", exchanges.unsent,
          "Messages that could not be sent for reasons of our own"),
    TOTAL("upstream_guessed", COUNTER, NULL, "", exchanges.guessed,
          "Messages asked again over TCP, since somebody guessed at their replies"),
};

static uint64_t total_value(const struct totals *t, const struct total_row *row)
{
    uint64_t value;
    memcpy(&value, (const char *)t + row->offset, sizeof(value));
    return value;
}

static void put_totals(struct iothnamed *s, struct text *out)
{
    struct totals t;
    read_totals(s, &t);
    for (size_t i = 0; i < ARRAY_LEN(total_rows); i++) {
        const struct total_row *row = &total_rows[i];
        if (i == 0 || strcmp(row->family.name, row[-1].family.name) != 0)
            openmetrics_begin(out, &row->family);
        openmetrics_number(out, &row->family, row->family.kind == OPENMETRICS_COUNTER ? "_total" : "",
                           row->labels, total_value(&t, row));
    }
}

/* --- the workers' counters --- */

/* worker="3" and the labels of a row, at an index of it. */
static const char *labels_of(const struct counter_row *row, unsigned worker, unsigned index,
                             char labels[static 128])
{
    int n = snprintf(labels, 128, "worker=\"%u\"", worker);
    if (row->label)
        snprintf(labels + n, 128 - (size_t)n, ",%s=\"%s\"", row->label, row->value(index));
    else if (row->labels[0])
        snprintf(labels + n, 128 - (size_t)n, ",%s", row->labels);
    return labels;
}

static bool in_use(const struct counter_row *row, unsigned index)
{
    return !row->label || row->value(index);
}

static void put_row(struct iothnamed *s, const struct openmetrics_family *family,
                    const struct counter_row *row, struct text *out)
{
    char labels[128];
    for (unsigned w = 0; w < s->n_workers; w++)
        for (unsigned i = 0; i < row->length; i++)
            if (in_use(row, i))
                openmetrics_number(out, family, row->gauge ? "" : "_total", labels_of(row, w, i, labels),
                                   counter_read(&s->workers[w]->counters, row, i));
}

static bool begins_family(const struct counter_row *row)
{
    return row == counter_rows || strcmp(row->family, row[-1].family) != 0;
}

static void put_counter_row(struct iothnamed *s, const struct counter_row *row, struct text *out)
{
    char name[64];
    snprintf(name, sizeof(name), PREFIX "%s", row->family);
    struct openmetrics_family family = {
        .name = name, .kind = row->gauge ? OPENMETRICS_GAUGE : OPENMETRICS_COUNTER, .help = row->help};
    if (begins_family(row))
        openmetrics_begin(out, &family);
    put_row(s, &family, row, out);
}

static void put_latency(struct iothnamed *s, struct text *out)
{
    static const double bounds[] = LATENCY_BOUNDS;
    static const struct openmetrics_family family = {PREFIX "forward_latency_seconds", OPENMETRICS_HISTOGRAM,
                                                     "seconds",
                                                     "How long clients waited for answers from upstream"};
    openmetrics_begin(out, &family);
    for (unsigned w = 0; w < s->n_workers; w++) {
        const struct latency_histogram *h = &s->workers[w]->counters.forward_latency;
        uint64_t counts[LATENCY_BUCKETS];
        char labels[32];
        for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
            counts[i] = atomic_load(&h->bucket[i]);
        snprintf(labels, sizeof(labels), "worker=\"%u\"", w);
        openmetrics_histogram(out, &family, labels, ARRAY_LEN(bounds), bounds, counts,
                              (double)atomic_load(&h->sum_ns) / (double)NSEC_PER_SEC);
    }
}

/* --- upstream servers --- */

struct upstream {
    struct ipendpoint endpoint;
    nsec_t rtt_sum;
    unsigned measured, held_down; /* by how many workers */
};

static struct upstream *upstream_of(struct upstream *list, unsigned *n, const struct ipendpoint *endpoint)
{
    for (unsigned i = 0; i < *n; i++)
        if (list[i].endpoint.port == endpoint->port && ipaddr_equal(&list[i].endpoint.addr, &endpoint->addr))
            return &list[i];
    if (*n == EXCHANGE_SERVERS_MAX)
        return NULL;
    list[*n] = (struct upstream){.endpoint = *endpoint};
    return &list[(*n)++];
}

/* What the workers know of the servers, together. Returns how many there are. */
static unsigned read_upstreams(struct iothnamed *s, struct upstream list[static EXCHANGE_SERVERS_MAX])
{
    unsigned n = 0;
    for (unsigned w = 0; w < s->n_workers; w++) {
        struct worker_report report;
        worker_report(s->workers[w], &report);
        for (unsigned i = 0; i < report.n_servers; i++) {
            struct upstream *u = upstream_of(list, &n, &report.servers[i].endpoint);
            if (!u)
                continue;
            u->rtt_sum += report.servers[i].rtt;
            u->measured += report.servers[i].rtt > 0;
            u->held_down += report.servers[i].held_down;
        }
    }
    return n;
}

static double rtt_of(const struct upstream *u)
{
    return (double)u->rtt_sum / (double)NSEC_PER_SEC / u->measured;
}

static void put_upstreams(struct iothnamed *s, struct text *out)
{
    static const struct openmetrics_family rtt = {
        PREFIX "upstream_rtt_seconds", OPENMETRICS_GAUGE, "seconds",
        "Smoothed round trip to an upstream server, mean of the workers"};
    static const struct openmetrics_family held = {
        PREFIX "upstream_held_down", OPENMETRICS_GAUGE, NULL,
        "Workers that ask others first, since this server was silent"};
    struct upstream list[EXCHANGE_SERVERS_MAX];
    unsigned n = read_upstreams(s, list);
    char text[IPENDPOINT_STRLEN], labels[IPENDPOINT_STRLEN + 16];
    openmetrics_begin(out, &rtt);
    for (unsigned i = 0; i < n; i++) {
        snprintf(labels, sizeof(labels), "server=\"%s\"", ipendpoint_format(&list[i].endpoint, text));
        if (list[i].measured)
            openmetrics_real(out, &rtt, "", labels, rtt_of(&list[i]));
    }
    openmetrics_begin(out, &held);
    for (unsigned i = 0; i < n; i++) {
        snprintf(labels, sizeof(labels), "server=\"%s\"", ipendpoint_format(&list[i].endpoint, text));
        openmetrics_number(out, &held, "", labels, list[i].held_down);
    }
}

/* --- the page --- */

static void put_reloads(struct iothnamed *s, struct text *out)
{
    static const struct openmetrics_family reloads = {PREFIX "reloads", OPENMETRICS_COUNTER, NULL,
                                                      "How often the configuration was loaded again"};
    static const struct openmetrics_family good = {PREFIX "last_reload_successful", OPENMETRICS_GAUGE, NULL,
                                                   "1: there was no error in it, or none was loaded yet"};
    pthread_mutex_lock(&s->reloads.lock);
    unsigned ended = s->reloads.ended;
    bool failed = s->reloads.failed;
    pthread_mutex_unlock(&s->reloads.lock);
    openmetrics_begin(out, &reloads);
    openmetrics_number(out, &reloads, "_total", "", ended);
    openmetrics_begin(out, &good);
    openmetrics_number(out, &good, "", "", !failed);
}

bool metrics_page(void *arg, unsigned turn, struct text *out)
{
    struct iothnamed *s = arg;
    if (turn < n_counter_rows) {
        put_counter_row(s, &counter_rows[turn], out);
        return true;
    }
    static void (*const parts[])(struct iothnamed *, struct text *) = {put_latency, put_totals, put_upstreams,
                                                                       put_reloads};
    unsigned part = turn - n_counter_rows;
    parts[part](s, out);
    return part + 1 < ARRAY_LEN(parts);
}

/* --- for people --- */

/* FAMILY, or FAMILY.VALUE with the value of a label NAME="VALUE". */
static const char *plain_name(const char *family, const char *labels, char name[static 96])
{
    const char *value = strchr(labels, '"');
    if (value)
        snprintf(name, 96, "%s.%.*s", family, (int)strcspn(value + 1, "\""), value + 1);
    else
        snprintf(name, 96, "%s", family);
    return name;
}

static void list_row(struct iothnamed *s, struct pairs *p, const struct counter_row *row)
{
    char name[96];
    for (unsigned i = 0; i < row->length; i++) {
        uint64_t sum = 0;
        if (!in_use(row, i))
            continue;
        for (unsigned w = 0; w < s->n_workers; w++)
            sum += counter_read(&s->workers[w]->counters, row, i);
        if (row->label)
            snprintf(name, sizeof(name), "%s.%s", row->family, row->value(i));
        pairs_number(p, row->label ? name : plain_name(row->family, row->labels, name), sum);
    }
}

void metrics_list(void *arg, struct pairs *p)
{
    struct iothnamed *s = arg;
    struct upstream list[EXCHANGE_SERVERS_MAX];
    struct totals t;
    char name[96], text[IPENDPOINT_STRLEN];
    read_totals(s, &t);
    for (unsigned i = 0; i < n_counter_rows; i++)
        list_row(s, p, &counter_rows[i]);
    for (size_t i = 0; i < ARRAY_LEN(total_rows); i++)
        pairs_number(p, plain_name(total_rows[i].family.name + strlen(PREFIX), total_rows[i].labels, name),
                     total_value(&t, &total_rows[i]));
    unsigned n = read_upstreams(s, list);
    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "upstream_rtt_us.%s", ipendpoint_format(&list[i].endpoint, text));
        pairs_number(p, name, list[i].measured ? (uint64_t)(list[i].rtt_sum / 1000 / list[i].measured) : 0);
    }
}
