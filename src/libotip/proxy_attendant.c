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
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static bool put_metrics(void *arg, unsigned turn, struct text *out)
{
    struct otip_proxy_stats stats;

    (void)turn;
    otip_proxy_stats(arg, &stats);
    for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
        const struct openmetrics_family *family = &figures[i].family;
        openmetrics_begin(out, family);
        openmetrics_number(out, family, family->kind == OPENMETRICS_COUNTER ? "_total" : "", "",
                           value_of(&stats, i));
    }
    return false;
}

/* ---- commands ---- */

static enum control_result fail(struct control_call *call, const char *why)
{
    snprintf(call->why, sizeof(call->why), "%s", why);
    return CONTROL_FAILED;
}

static void log_command(const struct control_call *call)
{
    const struct otip_proxy *p = call->arg;

    log_event(&p->log, LOG_LEVEL_INFO, "command", LOG_TEXT("name", call->words[0]),
              LOG_NUMBER("uid", call->uid));
}

static enum control_result run_status(struct control_call *call)
{
    struct otip_proxy *p = call->arg;
    struct otip_proxy_stats stats;
    bool json = call->n_words > 1;

    if (json && strcmp(call->words[1], "json") != 0)
        return fail(call, "usage: status [json]");
    otip_proxy_stats(p, &stats);
    text_printf(&call->out,
                json ? "{\"version\":\"%s\",\"pid\":%d,\"healthy\":\"%s\",\"addresses-open\":%" PRIu64
                       ",\"tcp-flows\":%" PRIu64 ",\"udp-flows\":%" PRIu64 ",\"loglevel\":\"%s\"}\n"
                     : "version %s\npid %d\nhealthy %s\naddresses-open %" PRIu64 "\ntcp-flows %" PRIu64
                       "\nudp-flows %" PRIu64 "\nloglevel %s\n",
                p->host.version, (int)getpid(), proxy_is_alive(p) ? "yes" : "no", stats.addresses_open,
                stats.tcp_flows, stats.udp_flows,
                log_level_name((enum log_level)atomic_load(&p->log_control.level)));
    return CONTROL_DONE;
}

static enum control_result run_counters(struct control_call *call)
{
    struct otip_proxy_stats stats;
    bool json = call->n_words > 1;

    if (json && strcmp(call->words[1], "json") != 0)
        return fail(call, "usage: counters [json]");
    otip_proxy_stats(call->arg, &stats);
    for (size_t i = 0; i < ARRAY_LEN(figures); i++)
        text_printf(&call->out, json ? "%s\"%s\":%" PRIu64 : "%s%s %" PRIu64 "\n",
                    !json    ? ""
                    : i == 0 ? "{"
                             : ",",
                    figures[i].name, value_of(&stats, i));
    text_puts(&call->out, json ? "}\n" : "");
    return CONTROL_DONE;
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

static enum control_result run_reload(struct control_call *call)
{
    struct otip_proxy *p = call->arg;

    log_command(call);
    return otip_proxy_reload(p, call->why, sizeof(call->why)) < 0 ? CONTROL_FAILED : CONTROL_DONE;
}

static enum control_result run_loglevel(struct control_call *call)
{
    struct otip_proxy *p = call->arg;

    if (call->n_words == 1) {
        text_printf(&call->out, "%s\n", log_level_name((enum log_level)atomic_load(&p->log_control.level)));
        return CONTROL_DONE;
    }
    int level = log_level_by_name(call->words[1]);
    if (level < 0)
        return fail(call, "usage: loglevel [error|warning|info|debug]");
    log_command(call);
    atomic_store(&p->log_control.level, level);
    return CONTROL_DONE;
}

static const struct control_command commands[] = {
    {"status", "[json]", "what runs, and whether it serves", 0, 1, run_status, NULL},
    {"counters", "[json]", "what there is at the moment, and what was since the start", 0, 1, run_counters,
     NULL},
    {"addresses", "", "the addresses that stand, and how many flows each has", 0, 0, run_addresses, NULL},
    {"reload", "", "load the configuration again", 0, 0, run_reload, NULL},
    {"loglevel", "[LEVEL]", "show or change the level until the next restart", 0, 1, run_loglevel, NULL},
    {0},
};

/* ---- its life ---- */

static bool goes_round(void *arg, nsec_t now)
{
    (void)now;
    return proxy_is_alive(arg);
}

int proxy_attend(struct otip_proxy *p, char *why, size_t why_size)
{
    const struct proxy_config *c = p->settings.config;
    const struct attendant_settings settings = {
        .control = c->control ? c->control : p->host.control,
        .controlgroup = c->controlgroup,
        .metrics = c->metrics,
        .commands = commands,
        .page = put_metrics,
        .who = "proxy",
        .is_well = goes_round,
        .well = "flows are served again",
        .ill = "flows are not served any more",
        .alive = p->host.alive,
        .alive_interval = p->host.alive_interval,
        .alive_arg = p->host.arg,
        .log = &p->log,
        .arg = p,
    };

    return attendant_open(&settings, &p->attendant, why, why_size);
}
