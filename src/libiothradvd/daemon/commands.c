/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a person asks a running router by iothradvdctl(8): a function that writes lines, and a row of the table at the end.
 * All that is told is the status that each router publishes of itself; nobody is kept waiting for it.
 */
#include "libiothradvd/daemon/state.h"

#include <inttypes.h>
#include <string.h>

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
        text_printf(out, " next_seconds %" PRId64, s.next_in / NSEC_PER_SEC);
    if (s.lacks)
        text_printf(out, " reason \"%s\"", s.lacks);
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
    text_printf(
        out,
        ",\"state\":\"%s\",\"reason\":\"%s\",\"from\":\"%s\",\"next_seconds\":%" PRId64 ",\"prefixes\":[",
        state_name(&s), s.lacks ? s.lacks : "", s.advertising ? ipaddr_format(&s.place.addr, addr) : "",
        s.next_in == NSEC_NEVER ? -1 : s.next_in / NSEC_PER_SEC);
    for (unsigned i = 0; i < s.n_prefixes; i++) {
        text_printf(out, "%s{\"prefix\":\"", i ? "," : "");
        put_prefix(out, &s.prefixes[i].prefix);
        text_printf(out, "\",\"withdrawn\":%s}", s.prefixes[i].retired ? "true" : "false");
    }
    text_puts(out, "]}");
}

void radvd_status(void *arg, struct pairs *p)
{
    struct radvd_service *s = arg;
    pairs_number(p, "reloads", s->reloads);
    pairs_number(p, "failed_reloads", s->failed_reloads);
    if (p->json)
        pairs_key(p, "interfaces");
    text_puts(p->out, p->json ? "[" : "");
    for (unsigned i = 0; i < s->n_ifaces; i++) {
        if (p->json)
            put_iface_json(p->out, &s->ifaces[i], i == 0);
        else
            put_iface(p->out, &s->ifaces[i]);
    }
    text_puts(p->out, p->json ? "]" : "");
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

/* {"eth0":{"sent_multicast":1}}; as lines, "eth0 sent_multicast 1". */
void radvd_counters(void *arg, struct pairs *p)
{
    struct radvd_service *s = arg;
    struct router_status status;
    for (unsigned i = 0; i < s->n_ifaces; i++) {
        const char *name = s->ifaces[i].config->name;
        struct pairs own = {.out = p->out, .json = p->json};
        router_status(s->ifaces[i].router, &status);
        if (p->json)
            pairs_key(p, name);
        for (size_t c = 0; c < ARRAY_LEN(counters); c++) {
            if (!p->json)
                text_printf(p->out, "%s ", name);
            pairs_number(&own, counters[c].name, counter_of(&status.stats, c));
        }
        text_puts(p->out, p->json ? "}" : "");
    }
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
            text_printf(&call->out, "%s %s heard_seconds_ago %" PRId64 " lifetime %u advertisements %" PRIu64,
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

const struct control_command radvd_commands[] = {
    {"routers", "", "the other routers that are heard, and in what they differ", 0, 0, run_routers, NULL},
    {0},
};
