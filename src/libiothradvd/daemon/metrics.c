/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The page that is scraped (OpenMetrics): each turn is one family, over all interfaces, made of the status that each router
 * publishes of itself; nobody is kept waiting for it. The label is the interface, and of two stacks that have one of the same
 * name the number says which; so nothing that a peer chooses becomes a label.
 */
#include "io/openmetrics.h"
#include "libiothradvd/daemon/state.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "iothradvd_"

struct counter_row {
    struct openmetrics_family family;
    const char *label; /* beside the interface; "": none */
    size_t offset;     /* in struct iothradvd_stats, of a uint64_t */
};

#define COUNTER(name_, label_, member_, help_)                                                               \
    {                                                                                                        \
        .family = {PREFIX name_, OPENMETRICS_COUNTER, NULL, help_}, .label = label_,                         \
        .offset = offsetof(struct iothradvd_stats, member_)                                                  \
    }

/* Rows of one family stand together. */
static const struct counter_row rows[] = {
    COUNTER("sent", ",to=\"all\"", sent_multicast, "Advertisements that were sent"),
    COUNTER("sent", ",to=\"one\"", sent_unicast, ""),
    COUNTER("send_errors", "", send_errors, "Advertisements that the network did not take"),
    COUNTER("solicitations", "", solicitations, "Solicitations of hosts"),
    COUNTER("solicitations_alike", "", solicitations_alike,
            "Solicitations that were answered together with others"),
    COUNTER("heard", "", advertisements, "Advertisements of other routers"),
    COUNTER("inconsistent", "", inconsistent, "Advertisements of others that contradict ours"),
    COUNTER("invalid", "", invalid, "Messages that were malformed, or not from this link"),
};

static const char *labels_of(const struct radvd_service *s, unsigned i, const char *more,
                             char labels[static 256])
{
    struct text t = {0};

    openmetrics_label(&t, true, "iface", s->ifaces[i].config->name);
    snprintf(labels, 256, "%.*s,number=\"%u\"%s", (int)(t.len < 200 ? t.len : 200), t.bytes ? t.bytes : "", i,
             more);
    text_fini(&t);
    return labels;
}

static void put_counter(struct radvd_service *s, const struct counter_row *row, struct text *out)
{
    struct router_status status;
    char labels[256];
    uint64_t value;

    if (row == rows || strcmp(row->family.name, row[-1].family.name) != 0)
        openmetrics_begin(out, &row->family);
    for (unsigned i = 0; i < s->n_ifaces; i++) {
        router_status(s->ifaces[i].router, &status);
        memcpy(&value, (const char *)&status.stats + row->offset, sizeof(value));
        openmetrics_number(out, &row->family, "_total", labels_of(s, i, row->label, labels), value);
    }
}

static uint64_t is_advertising(const struct router_status *s)
{
    return s->advertising;
}

static uint64_t has_duplicate(const struct router_status *s)
{
    return s->link == LINK_DUPLICATE;
}

static uint64_t other_routers(const struct router_status *s)
{
    return s->n_routers;
}

static const struct {
    struct openmetrics_family family;
    uint64_t (*value)(const struct router_status *s);
} gauges[] = {
    {{PREFIX "advertising", OPENMETRICS_GAUGE, NULL, "Whether this interface is advertised on"},
     is_advertising},
    {{PREFIX "address_taken", OPENMETRICS_GAUGE, NULL, "Whether somebody else has its address"},
     has_duplicate},
    {{PREFIX "routers", OPENMETRICS_GAUGE, NULL, "Other routers that are heard"}, other_routers},
};

static void put_gauge(struct radvd_service *s, unsigned row, struct text *out)
{
    struct router_status status;
    char labels[256];

    openmetrics_begin(out, &gauges[row].family);
    for (unsigned i = 0; i < s->n_ifaces; i++) {
        router_status(s->ifaces[i].router, &status);
        openmetrics_number(out, &gauges[row].family, "", labels_of(s, i, "", labels),
                           gauges[row].value(&status));
    }
}

static void put_reloads(struct radvd_service *s, struct text *out)
{
    static const struct openmetrics_family reloads = {PREFIX "reloads", OPENMETRICS_COUNTER, NULL, "Reloads"},
                                           failed = {PREFIX "failed_reloads", OPENMETRICS_COUNTER, NULL,
                                                     "Reloads that left the old configuration"};

    openmetrics_begin(out, &reloads);
    openmetrics_number(out, &reloads, "_total", "", s->reloads);
    openmetrics_begin(out, &failed);
    openmetrics_number(out, &failed, "_total", "", s->failed_reloads);
}

bool radvd_page(void *arg, unsigned turn, struct text *out)
{
    struct radvd_service *s = arg;

    if (turn < ARRAY_LEN(rows)) {
        put_counter(s, &rows[turn], out);
        return true;
    }
    turn -= (unsigned)ARRAY_LEN(rows);
    if (turn < ARRAY_LEN(gauges)) {
        put_gauge(s, turn, out);
        return true;
    }
    put_reloads(s, out);
    return false;
}
