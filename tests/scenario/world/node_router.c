/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `router NAME on LINK`: the core of libiothradvd, and the way to other links. Its words:
 *
 *   prefix P[,P...]   hosts make themselves addresses in it     dns A[,A...], domain NAME   what it tells of the DNS
 *   managed, other    the flags M and O                          no-slaac    no addresses of one's own making
 *   period TIME       between advertisements (10m)               valid TIME, preferred TIME  of the prefixes
 *
 * Killed, it says nothing any more; leaving, it says that it is a router no longer.
 */
#include "words.h"

#include "libiothradvd/ra_core.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PREFIXES_MAX = 4, DNS_MAX = 4 };

struct router_node {
    struct node node;
    struct ra_settings settings;
    nsec_t period, valid, preferred;
    bool no_slaac;
    unsigned n_prefixes, n_dns;
    struct ipaddr prefixes[PREFIXES_MAX], dns[DNS_MAX];
    uint8_t domain[DNAME_MAX]; /* wire form; empty: none */
    size_t domain_len;
    struct ra_core *core;
};

static struct router_node *of(struct node *n)
{
    return (struct router_node *)n;
}

/* --- what it says --- */

static void add_option(struct ra_settings *s, struct nd_option nd)
{
    s->options[s->n_options++] = (struct ra_option){.nd = nd};
}

static void settle(struct router_node *r)
{
    struct ra_settings *s = &r->settings;
    uint32_t names_s = (uint32_t)(3 * r->period / NSEC_PER_SEC);
    uint8_t flags = (uint8_t)(ND_PREFIX_ON_LINK | (r->no_slaac ? 0 : ND_PREFIX_AUTONOMOUS));

    s->interval_max = r->period;
    s->interval_min = ra_interval_min(r->period);
    s->router.lifetime_s = (uint16_t)names_s;
    s->n_options = 0;
    for (unsigned i = 0; i < r->n_prefixes; i++)
        add_option(s, (struct nd_option){.type = ND_PREFIX,
                                         .prefix = {.prefix = r->prefixes[i],
                                                    .bits = 64,
                                                    .flags = flags,
                                                    .valid_s = (uint32_t)(r->valid / NSEC_PER_SEC),
                                                    .preferred_s = (uint32_t)(r->preferred / NSEC_PER_SEC)}});
    if (r->n_dns > 0)
        add_option(s, (struct nd_option){.type = ND_RDNSS,
                                         .rdnss = {.lifetime_s = names_s, .n = r->n_dns, .servers = r->dns}});
    if (r->domain_len > 0)
        add_option(s, (struct nd_option){
                          .type = ND_DNSSL,
                          .dnssl = {.lifetime_s = names_s, .names = reader_of(r->domain, r->domain_len)}});
}

/* --- its words --- */

static int take_prefixes(struct router_node *r, const char *value, char why[static WORLD_WHY_MAX])
{
    char text[IPADDR_STRLEN + 8];
    unsigned bits, n = 0;

    for (const char *at = value; *at; at += strspn(at, ",")) {
        size_t len = strcspn(at, ",");
        if (n == PREFIXES_MAX || len >= sizeof(text))
            return word_is_no(value, "list of at most four prefixes", why);
        snprintf(text, sizeof(text), "%.*s", (int)len, at);
        if (word_prefix(text, &r->prefixes[n], &bits) < 0 || bits != 64)
            return word_is_no(text, "prefix of 64 bits, such as fd00::/64", why);
        world_add_base(r->node.world, &r->prefixes[n++]);
        at += len;
    }
    r->n_prefixes = n;
    return 0;
}

static int take_time(const char *value, nsec_t *ret, char why[static WORLD_WHY_MAX])
{
    return word_time(value, ret) < 0 ? word_is_no(value, "time, such as 30s or 1h30m", why) : 0;
}

static int take_names(struct router_node *r, const char *word, const char *value,
                      char why[static WORLD_WHY_MAX])
{
    if (strcmp(word, "dns") == 0) {
        int n = word_addrs(value, r->dns, DNS_MAX);
        if (n < 0)
            return word_is_no(value, "list of at most four addresses", why);
        r->n_dns = (unsigned)n;
        return 0;
    }
    int len = dname_from_text(value, strlen(value), r->domain);
    if (len < 0)
        return word_is_no(value, "domain", why);
    r->domain_len = (size_t)len;
    return 0;
}

static int take_word(struct router_node *r, const char *word, const char *value,
                     char why[static WORLD_WHY_MAX])
{
    struct ra_settings *s = &r->settings;

    if (r->period == 0) {
        ra_settings_init(s);
        r->period = SECONDS(600);
        r->valid = SECONDS(86400);
        r->preferred = SECONDS(14400);
    }
    if (strcmp(word, "managed") == 0)
        s->router.flags |= ND_RA_MANAGED;
    else if (strcmp(word, "other") == 0)
        s->router.flags |= ND_RA_OTHER;
    else if (strcmp(word, "no-slaac") == 0)
        r->no_slaac = true;
    else if (!value)
        return word_is_no(word, "word of a router", why);
    else if (strcmp(word, "prefix") == 0)
        return take_prefixes(r, value, why) < 0 ? -EINVAL : 1;
    else if (strcmp(word, "dns") == 0 || strcmp(word, "domain") == 0)
        return take_names(r, word, value, why) < 0 ? -EINVAL : 1;
    else if (strcmp(word, "period") == 0)
        return take_time(value, &r->period, why) < 0 ? -EINVAL : 1;
    else if (strcmp(word, "valid") == 0)
        return take_time(value, &r->valid, why) < 0 ? -EINVAL : 1;
    else if (strcmp(word, "preferred") == 0)
        return take_time(value, &r->preferred, why) < 0 ? -EINVAL : 1;
    else
        return word_is_no(word, "word of a router", why);
    return 0;
}

static void pump(struct router_node *r);

static int router_option(struct node *n, const char *word, const char *value, char why[static WORLD_WHY_MAX])
{
    struct router_node *r = of(n);
    int taken = take_word(r, word, value, why);

    if (taken < 0)
        return taken;
    settle(r);
    if (r->core) {
        if (ra_change(r->core, &r->settings, n->world->now) < 0)
            abort();
        pump(r);
        node_changed(n);
    }
    return taken;
}

/* --- its life --- */

static void send_message(struct router_node *r, const struct ra_event *e)
{
    uint8_t bytes[RA_MESSAGE_MAX];
    struct packet p = {.way = WAY_ICMP6,
                       .from.addr = r->node.local,
                       .to.addr = e->to,
                       .hop_limit = ND_HOP_LIMIT,
                       .bytes = bytes,
                       .len = e->len};

    memcpy(bytes, e->bytes, e->len);
    memcpy(p.to_mac, e->to_mac, 6);
    world_say(&r->node, "advertises");
    world_send(&r->node, &p);
}

static void pump(struct router_node *r)
{
    struct ra_event e;

    while (ra_next(r->core, &e) != RA_NOTHING)
        if (e.kind == RA_SEND)
            send_message(r, &e);
}

static void router_start(struct node *n)
{
    const struct ra_env env = {.random = node_random, .arg = n};
    struct ra_place at = {.addr = n->local};
    struct router_node *r = of(n);

    memcpy(at.mac, n->mac, 6);
    if (ra_new(&env, &r->settings, n->world->now, &r->core) < 0)
        abort();
    ra_start(r->core, &at, n->world->now);
    pump(r);
}

static void router_kill(struct node *n)
{
    ra_free(of(n)->core);
    of(n)->core = NULL;
}

static void router_leave(struct node *n)
{
    ra_stop(of(n)->core, n->world->now);
    pump(of(n));
    router_kill(n);
    n->up = false;
}

static void router_hear(struct node *n, const struct packet *p)
{
    struct ra_packet packet = {
        .from = p->from.addr, .to = p->to.addr, .hop_limit = p->hop_limit, .bytes = p->bytes, .len = p->len};

    if (p->way != WAY_ICMP6)
        return;
    memcpy(packet.from_mac, p->from_mac, 6);
    ra_input(of(n)->core, &packet, n->world->now);
    pump(of(n));
}

static void router_timeout(struct node *n)
{
    ra_timeout(of(n)->core, n->world->now);
    pump(of(n));
}

static nsec_t router_deadline(struct node *n)
{
    return ra_deadline(of(n)->core);
}

static void router_check(struct node *n)
{
    const struct ra_router *others;

    if (ra_routers(of(n)->core, &others) > RA_ROUTERS_MAX)
        world_break(n->world, "%s remembers more than %d routers", n->name, RA_ROUTERS_MAX);
}

const struct node_kind kind_router = {
    .word = "router",
    .size = sizeof(struct router_node),
    .hears = HEARS_SOLICITS,
    .option = router_option,
    .start = router_start,
    .kill = router_kill,
    .leave = router_leave,
    .hear = router_hear,
    .timeout = router_timeout,
    .deadline = router_deadline,
    .check = router_check,
};

/* What is true of the network, for the properties of hosts. */
bool router_gives(const struct node *n, struct ipaddr *ret, unsigned i, bool *ret_slaac, bool *ret_managed)
{
    const struct router_node *r = (const struct router_node *)n;

    if (i >= r->n_prefixes)
        return false;
    *ret = r->prefixes[i];
    *ret_slaac = !r->no_slaac;
    *ret_managed = r->settings.router.flags & ND_RA_MANAGED;
    return true;
}
