/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The attendant of a proxy (io/attendant.h): what a person or a program asks of it while it runs. What is told are the counters
 * and the copy of the addresses that the proxy's thread makes; nobody is kept waiting for it.
 *
 * Metrics have no label that a client chooses: their number is fixed.
 */
#include "io/openmetrics.h"
#include "libotip/proxy_state.h"

#include <inttypes.h>
#include <string.h>

/* ---- the figures ---- */

struct figure {
    struct openmetrics_family family;
    const char *name;
    size_t offset; /* in struct otip_proxy_stats */
};

#define FIGURE(name_, kind_, help_)                                                                          \
    {                                                                                                        \
        {"otip_rproxy_" #name_, OPENMETRICS_##kind_, NULL, help_}, #name_,                                   \
            offsetof(struct otip_proxy_stats, name_)                                                         \
    }
#define COUNTER(name_, help_) FIGURE(name_, COUNTER, help_),

static const struct figure figures[] = {
    FIGURE(addresses, GAUGE, "addresses that stand, those for old flows included"),
    FIGURE(addresses_open, GAUGE, "addresses that are open to new flows"),
    FIGURE(tcp_flows, GAUGE, "connections"),
    FIGURE(udp_flows, GAUGE, "UDP flows"),
    FIGURE(sources, GAUGE, "networks of clients that have flows"),
    PROXY_COUNTERS(COUNTER)};

static uint64_t value_of(const struct otip_proxy_stats *stats, size_t i)
{
    uint64_t value;

    memcpy(&value, (const char *)stats + figures[i].offset, sizeof(value));
    return value;
}

static void put_reloads(const struct otip_proxy *p, struct text *out)
{
    static const struct openmetrics_family reloads = {"otip_rproxy_reloads", OPENMETRICS_COUNTER, NULL,
                                                      "reloads"},
                                           failed = {"otip_rproxy_failed_reloads", OPENMETRICS_COUNTER, NULL,
                                                     "reloads that left the old configuration"};

    openmetrics_begin(out, &reloads);
    openmetrics_number(out, &reloads, "_total", "", p->reloads);
    openmetrics_begin(out, &failed);
    openmetrics_number(out, &failed, "_total", "", p->failed_reloads);
}

static bool put_metrics(void *arg, unsigned turn, struct text *out)
{
    struct otip_proxy *p = arg;
    struct otip_proxy_stats stats;

    (void)turn;
    otip_proxy_stats(p, &stats);
    for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
        const struct openmetrics_family *family = &figures[i].family;
        openmetrics_begin(out, family);
        openmetrics_number(out, family, family->kind == OPENMETRICS_COUNTER ? "_total" : "", "",
                           value_of(&stats, i));
    }
    put_reloads(p, out);
    return false;
}

/* ---- commands ---- */

static bool is_served(void *arg, nsec_t now)
{
    const struct otip_proxy *p = arg;

    (void)now;
    return !atomic_load_explicit(&p->is_cut_off, memory_order_relaxed);
}

static void put_status(void *arg, struct pairs *out)
{
    struct otip_proxy *p = arg;
    struct otip_proxy_stats stats;

    otip_proxy_stats(p, &stats);
    pairs_text(out, "interface", p->addresses.iface);
    pairs_yes(out, "interface_is_served", is_served(p, 0));
    pairs_number(out, "addresses_open", stats.addresses_open);
    pairs_number(out, "tcp_flows", stats.tcp_flows);
    pairs_number(out, "udp_flows", stats.udp_flows);
    pairs_number(out, "reloads", p->reloads);
    pairs_number(out, "failed_reloads", p->failed_reloads);
}

static void put_counters(void *arg, struct pairs *out)
{
    struct otip_proxy_stats stats;

    otip_proxy_stats(arg, &stats);
    for (size_t i = 0; i < ARRAY_LEN(figures); i++)
        pairs_number(out, figures[i].name, value_of(&stats, i));
}

/* Sorted by nothing: the order of their places. */
static enum control_result run_addresses(struct control_call *call)
{
    struct otip_proxy *p = call->arg;
    char addr[IPADDR_STRLEN];

    pthread_mutex_lock(&p->lock);
    for (unsigned i = 0; i < p->n_standing; i++) {
        const struct window_address *a = &p->standing[i];
        text_printf(&call->out, "%s epoch %" PRIu64 " %s flows %" PRIu64 "\n", ipaddr_format(&a->addr, addr),
                    a->epoch, a->state == WINDOW_OPEN ? "open" : "muted", a->flows);
    }
    pthread_mutex_unlock(&p->lock);
    return CONTROL_DONE;
}

static const struct control_command commands[] = {
    {"addresses", "", "the addresses that stand, and how many flows each has", 0, 0, run_addresses, NULL},
    {0},
};

/* ---- its life ---- */

static bool goes_round(void *arg, nsec_t now)
{
    (void)now;
    return proxy_is_alive(arg);
}

static int check_config(void *arg, struct text *out, char *why, size_t why_size)
{
    const struct otip_proxy *p = arg;

    return attendant_check_config(&p->host, otip_proxy_check, otip_proxy_free, out, why, why_size);
}

int proxy_attend(struct otip_proxy *p, char *why, size_t why_size)
{
    const struct attendant_settings settings = {
        .host = &p->host,
        .config = &p->settings.config->process,
        .log = &p->log,
        .who = "proxy",
        .is_well = goes_round,
        .well = "flows are served again",
        .ill = "flows are not served any more",
        .is_served = is_served,
        .unserved = "the interface is not served: it is down, or its network is away",
        .prefix = "otip_rproxy",
        .page = put_metrics,
        .status = put_status,
        .counters = put_counters,
        .check = check_config,
        .reload = otip_proxy_reload,
        .commands = commands,
        .arg = p,
    };

    return attendant_open(&settings, &p->attendant, why, why_size);
}
