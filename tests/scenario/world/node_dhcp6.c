/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `dhcp6 NAME on LINK address A`: the DHCPv6 server of libnamedhcp. Its words:
 *
 *   asks A[,A...]     the name servers that know its clients' addresses
 *   dns A[,A...], domain NAME   what clients are told
 *   prefix P          addresses of names outside are not given
 *   lifetime TIME     of addresses, at the most (1h); at the least it is an eighth of that
 *   rapid             two messages do
 */
#include "dhcp.h"
#include "words.h"

#include "libnamedhcp/dhcp6_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SOL_MAX_RT_S                                                                                         \
    300 /* clients that got nothing ask again after five minutes at the latest, not after an hour */
#define WAITING_MAX 64

struct dhcp6_node {
    struct dhcp_node d; /* first member */
    bool rapid;
    nsec_t lifetime;
    unsigned n_prefixes, bits;
    struct ipaddr prefix;
    struct dhcp6_server *core;
};

static struct dhcp6_node *of(struct node *n)
{
    return (struct dhcp6_node *)n;
}

static int take_word(struct node *n, const char *word, const char *value, char why[static WORLD_WHY_MAX])
{
    struct dhcp6_node *s = of(n);
    int taken = dhcp_option(&s->d, word, value, why);

    if (taken != 0)
        return taken;
    if (strcmp(word, "rapid") == 0) {
        s->rapid = true;
        return 0;
    }
    if (strcmp(word, "lifetime") == 0 && value)
        return word_time(value, &s->lifetime) < 0 ? word_is_no(value, "time, such as 1h", why) : 1;
    if (strcmp(word, "prefix") != 0 || !value)
        return word_is_no(word, "word of a DHCPv6 server, or its value is missing", why);
    if (word_prefix(value, &s->prefix, &s->bits) < 0)
        return word_is_no(value, "prefix, such as fd00::/64", why);
    s->n_prefixes = 1;
    return 1;
}

static void pump(struct dhcp6_node *s)
{
    struct server_event e;

    while (dhcp6_server_next(s->core, &e) != SERVER_NONE) {
        if (dhcp_obey(&s->d, &e) || e.kind != SERVER_SEND)
            continue;
        struct packet p = {.way = WAY_UDP,
                           .from = {.addr = s->d.node.local, .port = DHCP6_SERVER_PORT},
                           .to = e.packet.to,
                           .bytes = e.packet.bytes,
                           .len = e.packet.len};
        world_say(&s->d.node, "DHCPv6 %s", dhcp6_type_name(p.bytes[0]));
        world_send(&s->d.node, &p);
    }
}

static void on_answer(struct dhcp_node *d, const struct server_answer *answer)
{
    struct dhcp6_node *s = (struct dhcp6_node *)d;

    dhcp6_server_answer(s->core, answer, dhcp_now(d));
    node_changed(&d->node);
}

static void give(struct dhcp6_node *s, struct dhcp6_message *given)
{
    struct dhcp_node *d = &s->d;

    given->has = DHCP6_HAS_SOL_MAX_RT;
    given->sol_max_rt_s = SOL_MAX_RT_S;
    if (d->n_dns > 0) {
        given->has |= DHCP6_HAS_DNS;
        given->n_dns = d->n_dns;
        memcpy(given->dns, d->dns, d->n_dns * sizeof(d->dns[0]));
    }
    if (d->domain[0]) {
        given->has |= DHCP6_HAS_DOMAINS;
        given->n_domains = 1;
        memcpy(given->domains[0], d->domain, sizeof(d->domain));
    }
}

static void dhcp6_start(struct node *n)
{
    struct dhcp6_node *s = of(n);
    const struct server_env env = {.random = node_random, .arg = n};
    uint8_t duid[] = {0, 3, 0, 1, n->mac[0], n->mac[1], n->mac[2], n->mac[3], n->mac[4], n->mac[5]};
    uint32_t lifetime_s = s->lifetime ? (uint32_t)(s->lifetime / NSEC_PER_SEC) : 3600;

    s->d.answered = on_answer;
    dhcp_open(&s->d);
    struct dhcp6_server_settings settings = {.names = s->d.names,
                                             .duid = duid,
                                             .duid_len = sizeof(duid),
                                             .rapid_commit = s->rapid,
                                             .lifetime_min_s = lifetime_s / 8,
                                             .lifetime_max_s = lifetime_s,
                                             .n_prefixes = s->n_prefixes,
                                             .waiting_max = WAITING_MAX};
    settings.prefixes[0].prefix = s->prefix;
    settings.prefixes[0].bits = s->bits;
    give(s, &settings.given);
    if (dhcp6_server_new(&env, &settings, &s->core) < 0)
        abort();
}

static void dhcp6_kill(struct node *n)
{
    dhcp6_server_free(of(n)->core);
    of(n)->core = NULL;
    dhcp_close(&of(n)->d);
}

static void dhcp6_hear(struct node *n, const struct packet *p)
{
    struct dhcp6_node *s = of(n);
    struct server_packet packet = {.from = p->from, .to = p->to, .bytes = p->bytes, .len = p->len};

    if (p->way == WAY_UDP && p->to.port == DHCP6_SERVER_PORT) {
        memcpy(packet.from_mac, p->from_mac, 6);
        dhcp6_server_input(s->core, &packet, dhcp_now(&s->d));
    } else {
        (void)lookups_hear(&s->d.lookups, p);
    }
    pump(s);
}

static void dhcp6_timeout(struct node *n)
{
    struct dhcp6_node *s = of(n);

    lookups_timeout(&s->d.lookups);
    dhcp6_server_timeout(s->core, dhcp_now(&s->d));
    pump(s);
}

static nsec_t dhcp6_deadline(struct node *n)
{
    return sooner(dhcp6_server_deadline(of(n)->core), lookups_deadline(&of(n)->d.lookups));
}

const struct node_kind kind_dhcp6 = {
    .word = "dhcp6",
    .size = sizeof(struct dhcp6_node),
    .hears = HEARS_DHCP6,
    .option = take_word,
    .start = dhcp6_start,
    .kill = dhcp6_kill,
    .hear = dhcp6_hear,
    .timeout = dhcp6_timeout,
    .deadline = dhcp6_deadline,
    .fini = dhcp_fini,
};
