/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a person asks a running router by iothradvdctl(8): a function that writes lines, and a row of the table at the end.
 * All that is told is the status that each router publishes of itself; nobody is kept waiting for it.
 */
#include "libiothradvd/daemon/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static enum control_result fail(struct control_call *call, const char *why)
{
    snprintf(call->why, sizeof(call->why), "%s", why);
    return CONTROL_FAILED;
}

static bool json_wanted(const struct control_call *call, bool *ret)
{
    *ret = call->n_words > 1;
    return !*ret || strcmp(call->words[1], "json") == 0;
}

/* --- status --- */

static const char *state_name(const struct router_status *s)
{
    return s->link == LINK_DUPLICATE ? "address-taken" : s->advertising ? "advertising" : "waiting";
}

static void put_flags(struct text *out, uint8_t flags)
{
    static const struct {
        uint8_t bit;
        char letter;
    } letters[] = {{ND_PREFIX_ON_LINK, 'L'},
                   {ND_PREFIX_AUTONOMOUS, 'A'},
                   {ND_PREFIX_ROUTER, 'R'},
                   {ND_PREFIX_DELEGATED, 'P'}};
    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        if (flags & letters[i].bit)
            text_put(out, &letters[i].letter, 1);
}

static void put_lifetime(struct text *out, uint32_t lifetime_s)
{
    if (lifetime_s == ND_INFINITE)
        text_puts(out, "infinity");
    else
        text_printf(out, "%" PRIu32, lifetime_s);
}

/* As the configuration would say it. */
static void put_prefix(struct text *out, const struct nd_prefix *p)
{
    char addr[IPADDR_STRLEN];
    text_printf(out, "%s/%u/", ipaddr_format(&p->prefix, addr), p->bits);
    put_flags(out, p->flags);
    text_puts(out, "/");
    put_lifetime(out, p->valid_s);
    text_puts(out, "/");
    put_lifetime(out, p->preferred_s);
}

static void put_iface(struct text *out, const struct radvd_iface *f)
{
    struct router_status s;
    char addr[IPADDR_STRLEN];
    router_status(f->router, &s);
    text_printf(out, "iface %s %s", f->config->name, state_name(&s));
    if (s.advertising)
        text_printf(out, " from %s", ipaddr_format(&s.place.addr, addr));
    if (s.next_in != NSEC_NEVER)
        text_printf(out, " next-seconds %" PRId64, s.next_in / NSEC_PER_SEC);
    text_puts(out, "\n");
    for (unsigned i = 0; i < s.n_prefixes; i++) {
        text_printf(out, "prefix %s ", f->config->name);
        put_prefix(out, &s.prefixes[i].prefix);
        text_puts(out, s.prefixes[i].retired ? " withdrawn\n" : "\n");
    }
}

static void put_iface_json(struct text *out, const struct radvd_iface *f, bool first)
{
    struct router_status s;
    char addr[IPADDR_STRLEN];
    router_status(f->router, &s);
    text_puts(out, first ? "{\"iface\":" : ",{\"iface\":");
    text_json(out, f->config->name);
    text_printf(out, ",\"state\":\"%s\",\"from\":\"%s\",\"next-seconds\":%" PRId64 ",\"prefixes\":[",
                state_name(&s), s.advertising ? ipaddr_format(&s.place.addr, addr) : "",
                s.next_in == NSEC_NEVER ? -1 : s.next_in / NSEC_PER_SEC);
    for (unsigned i = 0; i < s.n_prefixes; i++) {
        text_printf(out, "%s{\"prefix\":\"", i ? "," : "");
        put_prefix(out, &s.prefixes[i].prefix);
        text_printf(out, "\",\"withdrawn\":%s}", s.prefixes[i].retired ? "true" : "false");
    }
    text_puts(out, "]}");
}

static enum control_result run_status(struct control_call *call)
{
    struct radvd_service *s = call->arg;
    struct text *out = &call->out;
    bool json;
    if (!json_wanted(call, &json))
        return fail(call, "usage: status [json]");
    int64_t uptime_s = (router_now() - s->started_at) / NSEC_PER_SEC;
    pthread_mutex_lock(&s->reload_lock);
    uint64_t reloads = s->reloads, failed = s->failed_reloads;
    pthread_mutex_unlock(&s->reload_lock);
    text_printf(out,
                json ? "{\"version\":\"%s\",\"uptime-seconds\":%" PRId64 ",\"reloads\":%" PRIu64
                       ",\"failed-reloads\":%" PRIu64 ",\"interfaces\":["
                     : "version %s\nuptime-seconds %" PRId64 "\nreloads %" PRIu64 "\nfailed-reloads %" PRIu64
                       "\n",
                s->host.version, uptime_s, reloads, failed);
    for (unsigned i = 0; i < s->n_ifaces; i++) {
        if (json)
            put_iface_json(out, &s->ifaces[i], i == 0);
        else
            put_iface(out, &s->ifaces[i]);
    }
    text_puts(out, json ? "]}\n" : "");
    return CONTROL_DONE;
}

/* --- counters --- */

#define COUNTER(name)                                                                                        \
    {                                                                                                        \
#name, offsetof(struct iothradvd_stats, name)                                                        \
    }

static const struct {
    const char *name;
    size_t offset;
} counters[] = {
    COUNTER(sent_multicast),      COUNTER(sent_unicast),   COUNTER(send_errors),  COUNTER(solicitations),
    COUNTER(solicitations_alike), COUNTER(advertisements), COUNTER(inconsistent), COUNTER(invalid),
};

static uint64_t counter_of(const struct iothradvd_stats *stats, size_t i)
{
    uint64_t value;
    memcpy(&value, (const char *)stats + counters[i].offset, sizeof(value));
    return value;
}

static enum control_result run_counters(struct control_call *call)
{
    struct radvd_service *s = call->arg;
    struct router_status status;
    bool json;
    if (!json_wanted(call, &json))
        return fail(call, "usage: counters [json]");
    text_puts(&call->out, json ? "{" : "");
    for (unsigned i = 0; i < s->n_ifaces; i++) {
        const char *name = s->ifaces[i].config->name;
        router_status(s->ifaces[i].router, &status);
        if (json) {
            text_puts(&call->out, i ? "," : "");
            text_json(&call->out, name);
            text_puts(&call->out, ":{");
        }
        for (size_t c = 0; c < ARRAY_LEN(counters); c++) {
            uint64_t value = counter_of(&status.stats, c);
            if (json)
                text_printf(&call->out, "%s\"%s\":%" PRIu64, c ? "," : "", counters[c].name, value);
            else
                text_printf(&call->out, "%s %s %" PRIu64 "\n", name, counters[c].name, value);
        }
        text_puts(&call->out, json ? "}" : "");
    }
    text_puts(&call->out, json ? "}\n" : "");
    return CONTROL_DONE;
}

/* --- routers --- */

static enum control_result run_routers(struct control_call *call)
{
    struct radvd_service *s = call->arg;
    char addr[IPADDR_STRLEN];
    for (unsigned i = 0; i < s->n_ifaces; i++) {
        struct router_status status;
        router_status(s->ifaces[i].router, &status);
        for (unsigned n = 0; n < status.n_routers; n++) {
            const struct ra_router *r = &status.routers[n];
            text_printf(&call->out, "%s %s heard-seconds-ago %" PRId64 " lifetime %u advertisements %" PRIu64,
                        s->ifaces[i].config->name, ipaddr_format(&r->addr, addr),
                        (status.now - r->heard) / NSEC_PER_SEC, r->lifetime_s, r->messages);
            for (unsigned d = 0; d < RA_DIFFERENCES; d++)
                if (r->differs & UINT32_C(1) << d)
                    text_printf(&call->out, " differs \"%s\"", ra_difference_name((enum ra_difference)d));
            text_puts(&call->out, "\n");
        }
    }
    return CONTROL_DONE;
}

/* --- reload --- */

static enum control_result run_reload(struct control_call *call)
{
    struct radvd_service *s = call->arg;
    log_event(&s->log, LOG_LEVEL_INFO, "command", LOG_TEXT("name", call->words[0]),
              LOG_NUMBER("uid", call->uid));
    return radvd_service_reload(s, call->why, sizeof(call->why)) < 0 ? CONTROL_FAILED : CONTROL_DONE;
}

const struct control_command radvd_commands[] = {
    {"status", "[json]", "what is advertised where, and when next", 0, 1, run_status, NULL},
    {"counters", "[json]", "what was sent and heard, for each interface", 0, 1, run_counters, NULL},
    {"routers", "", "the other routers that are heard, and in what they differ", 0, 0, run_routers, NULL},
    {"reload", "", "load the configuration again", 0, 0, run_reload, NULL},
    {0},
};
