/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `host NAME on LINK`: the clients of libiothconf as its keeper drives them, on a stack that is a list of addresses and routes. Its
 * words:
 *
 *   uses KIND[,KIND...]   of rd, dhcp6, dhcp4, auto (rd, and dhcp6 as the routers say); without: auto
 *   claims NAME           it says that this is its name, which is another host's
 *   asks TIME             it asks the DNS something about so often (5m); never
 *
 * An IPv6 address that was added is tried for a second, as stacks do; then the client hears the verdict.
 *
 * Properties, at any moment: an IPv6 address is that of its own name; no address or route is said to stand longer than a server or
 * router has granted it, and none stands beyond its end; no address is held by two hosts that hear each other.
 */
#include "host.h"

#include "words.h"

#include "libiothconf/dhcp6_client.h"
#include "wire/arp.h"
#include "wire/nd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TRYING          SECONDS(1)  /* duplicate address detection (RFC 4862 s5.1) */
#define ROUTER_PATIENCE SECONDS(12) /* as the keeper has it */
#define GRANT_SLACK     SECONDS(1)  /* servers count whole seconds */
#define USES(source)    (1u << (source))

static const enum conf_source sources[] = {CONF_RD, CONF_DHCP6, CONF_DHCP4};

/* --- its words --- */

static int take_uses(struct host_node *h, const char *value, char why[static WORLD_WHY_MAX])
{
    static const struct {
        const char *word;
        unsigned uses;
    } kinds[] = {{"rd", USES(CONF_RD)},
                 {"dhcp6", USES(CONF_DHCP6)},
                 {"dhcp4", USES(CONF_DHCP4)},
                 {"auto", USES(CONF_RD) | USES(CONF_DHCP6)}};

    h->uses = 0;
    for (const char *at = value; *at; at += strspn(at, ",")) {
        size_t len = strcspn(at, ",");
        unsigned i = 0;
        while (i < ARRAY_LEN(kinds) && (strlen(kinds[i].word) != len || memcmp(kinds[i].word, at, len) != 0))
            i++;
        if (i == ARRAY_LEN(kinds))
            return word_is_no(value, "list of rd, dhcp6, dhcp4, auto", why);
        h->uses |= kinds[i].uses;
        h->automatic |= strcmp(kinds[i].word, "auto") == 0;
        at += len;
    }
    return 1;
}

static int host_option(struct node *n, const char *word, const char *value, char why[static WORLD_WHY_MAX])
{
    struct host_node *h = host_of(n);

    if (strcmp(word, "uses") == 0 && value)
        return take_uses(h, value, why);
    if (strcmp(word, "claims") == 0 && value && strlen(value) < sizeof(h->claims)) {
        snprintf(h->claims, sizeof(h->claims), "%s", value);
        return 1;
    }
    if (strcmp(word, "asks") != 0 || !value)
        return word_is_no(word, "word of a host, or its value is missing", why);
    if (strcmp(value, "never") == 0)
        h->interval = NSEC_NEVER;
    else if (word_time(value, &h->interval) < 0 || h->interval < SECONDS(1))
        return word_is_no(value, "time of a second or more, nor 'never'", why);
    return 1;
}

/* --- what stands --- */

static bool is_same(const struct host_held *a, const struct host_held *b)
{
    return a->source == b->source && a->is_addr == b->is_addr && a->bits == b->bits &&
           ipaddr_equal(&a->addr, &b->addr) &&
           (a->is_addr || (a->metric == b->metric && ipaddr_equal(&a->gateway, &b->gateway)));
}

static struct host_held held_of(enum conf_source source, const struct client_event *e)
{
    return (struct host_held){.source = source,
                              .is_addr = e->kind == CLIENT_ADDR_ADD || e->kind == CLIENT_ADDR_DEL,
                              .addr = e->addr,
                              .gateway = e->gateway,
                              .bits = e->bits,
                              .metric = e->metric,
                              .valid_until = e->valid_until,
                              .tried_at = NSEC_NEVER};
}

/* It stands, by whatever source, and is not tentative. */
static bool is_settled(const struct host_node *h, const struct ipaddr *addr)
{
    for (unsigned i = 0; i < h->n_held; i++)
        if (h->held[i].is_addr && !h->held[i].tentative && ipaddr_equal(&h->held[i].addr, addr))
            return true;
    return false;
}

static struct node *other_holder(struct node *n, const struct ipaddr *addr)
{
    struct world *w = n->world;

    for (unsigned i = 0; i < w->n_nodes; i++)
        if (w->nodes[i] != n && nodes_are_neighbours(n, w->nodes[i]) && node_holds(w->nodes[i], addr))
            return w->nodes[i];
    return NULL;
}

/* By the records of the servers, those of DHCPv4; else by what was heard. A host that came back counts on from what it had: its
 * promises are as old as it. */
static nsec_t granted_until(const struct host_node *h, const struct host_held *held)
{
    const struct world *w = h->node.world;
    struct ipaddr prefix = held->addr;
    nsec_t granted = 0;

    if (held->source == CONF_DHCP6)
        return host_promised_until(h, CONF_DHCP6, &held->addr);
    if (held->source == CONF_RD && held->is_addr) {
        ipaddr_mask(&prefix, 64);
        return host_promised_until(h, CONF_RD, &prefix);
    }
    if (held->source == CONF_RD)
        return host_promised_until(h, CONF_RD, held->bits == 0 ? &held->gateway : &held->addr);
    for (unsigned i = 0; i < w->n_nodes; i++)
        if (w->nodes[i]->kind == &kind_dhcp4) {
            nsec_t until = dhcp4_granted_until(w->nodes[i], ipaddr_to_v4(&held->addr));
            granted = until > granted ? until : granted;
        }
    return granted;
}

static void check_held(struct host_node *h, const struct host_held *held)
{
    struct world *w = h->node.world;
    char text[IPADDR_STRLEN];
    bool of_lease = held->is_addr || held->source == CONF_RD; /* routes of DHCPv4 go with its address */

    ipaddr_format(&held->addr, text);
    if (held->is_addr && !ipaddr_is_v4(&held->addr) && !world_is_of_name(w, &held->addr, h->node.name))
        world_break(w, "%s has the address %s, which is not its name's", h->node.name, text);
    nsec_t granted = of_lease ? granted_until(h, held) : NSEC_NEVER;
    if (granted < NSEC_NEVER - GRANT_SLACK && held->valid_until > granted + GRANT_SLACK)
        world_break(w, "%s (%s): %s is to stand %.1f s longer than it was granted", h->node.name,
                    client_methods(held->source)->name, text, (double)(held->valid_until - granted) / 1e9);
    const struct node *other =
        held->is_addr && ipaddr_is_v4(&held->addr) ? other_holder(&h->node, &held->addr) : NULL;
    if (other)
        world_break(w, "%s and %s both have %s", h->node.name, other->name, text);
}

static void add_held(struct host_node *h, struct host_held held)
{
    nsec_t now = h->node.world->now;
    unsigned i = 0;

    while (i < h->n_held && !is_same(&h->held[i], &held))
        i++;
    if (i == HOST_HELD_MAX) {
        world_break(h->node.world, "%s is given more than %d addresses and routes", h->node.name,
                    HOST_HELD_MAX);
        return;
    }
    if (held.is_addr && !ipaddr_is_v4(&held.addr)) {
        bool settled = is_settled(h, &held.addr);
        held.tentative = !settled;
        held.tried_at = i < h->n_held && !settled ? h->held[i].tried_at : settled ? now : now + TRYING;
    }
    h->held[i] = held;
    h->n_held += i == h->n_held;
    check_held(h, &held);
}

static void del_held(struct host_node *h, const struct host_held *held)
{
    for (unsigned i = 0; i < h->n_held; i++)
        if (is_same(&h->held[i], held)) {
            h->held[i] = h->held[--h->n_held];
            return;
        }
}

static void say_held(struct host_node *h, enum conf_source source, const struct client_event *e)
{
    char addr[IPADDR_STRLEN], gateway[IPADDR_STRLEN];

    if (!h->node.world->trace)
        return;
    ipaddr_format(&e->addr, addr);
    if (e->kind == CLIENT_ADDR_ADD || e->kind == CLIENT_ADDR_DEL)
        world_say(&h->node, "%s: %s %s", client_methods(source)->name,
                  e->kind == CLIENT_ADDR_ADD ? "has" : "has no more", addr);
    else
        world_say(&h->node, "%s: %s %s/%u by %s", client_methods(source)->name,
                  e->kind == CLIENT_ROUTE_ADD ? "route to" : "no more route to", addr, e->bits,
                  ipaddr_format(&e->gateway, gateway));
}

/* --- what the clients say --- */

static void send_packet(struct host_node *h, const struct client_packet *c)
{
    static const struct ipaddr nothing;
    struct packet p = {
        .from = c->from, .to = c->to, .hop_limit = ND_HOP_LIMIT, .bytes = c->bytes, .len = c->len};

    p.way = c->way == CLIENT_ARP ? WAY_ARP : c->way == CLIENT_ICMP6 ? WAY_ICMP6 : WAY_UDP;
    memcpy(p.to_mac, c->to_mac, 6);
    if (ipaddr_equal(&p.from.addr, &nothing))
        p.from.addr = h->node.local;
    world_send(&h->node, &p);
}

static void save(struct host_node *h, enum conf_source source, const struct client_event *e)
{
    struct host_saved *s = &h->saved[source];

    if (e->len > sizeof(s->bytes)) {
        world_break(h->node.world, "%s wants %zu bytes to be kept", h->node.name, e->len);
        return;
    }
    s->len = e->len;
    s->at = h->node.world->now;
    if (e->len > 0)
        memcpy(s->bytes, e->bytes, e->len);
}

static void pump(struct host_node *h, enum conf_source source);

static enum dhcp6_mode mode_wanted(const struct host_node *h)
{
    bool may_be_off = h->automatic && (h->routers_said || h->patience_until != NSEC_NEVER);

    if (h->routers_said && h->other && !h->managed)
        return DHCP6_MODE_STATELESS;
    return may_be_off && !h->managed ? DHCP6_MODE_OFF : DHCP6_MODE_STATEFUL;
}

static bool has_address_by(const struct host_node *h, enum conf_source source)
{
    for (unsigned i = 0; i < h->n_held; i++)
        if (h->held[i].source == source && h->held[i].is_addr && !h->held[i].tentative)
            return true;
    return false;
}

/* What stands is not given up for a flag, as with the keeper. */
static void set_mode(struct host_node *h)
{
    enum dhcp6_mode mode = mode_wanted(h);

    if (!h->clients[CONF_DHCP6] || (mode != DHCP6_MODE_STATEFUL && has_address_by(h, CONF_DHCP6)))
        return;
    dhcp6_client_mode(h->clients[CONF_DHCP6], mode, h->node.world->now);
    pump(h, CONF_DHCP6);
}

static void take_event(struct host_node *h, enum conf_source source, const struct client_event *e)
{
    switch (e->kind) {
    case CLIENT_SEND:
        send_packet(h, &e->packet);
        break;
    case CLIENT_ADDR_ADD:
    case CLIENT_ROUTE_ADD:
        say_held(h, source, e);
        add_held(h, held_of(source, e));
        break;
    case CLIENT_ADDR_DEL:
    case CLIENT_ROUTE_DEL: {
        const struct host_held held = held_of(source, e);
        say_held(h, source, e);
        del_held(h, &held);
        break;
    }
    case CLIENT_NAMES:
        client_methods(source)->names(h->clients[source], &h->names[source]);
        break;
    case CLIENT_MANAGED:
        h->routers_said = true;
        h->managed = e->managed;
        h->other = e->other;
        h->patience_until = NSEC_NEVER;
        set_mode(h);
        break;
    case CLIENT_SAVE:
        save(h, source, e);
        break;
    case CLIENT_DUPLICATE:
        world_say(&h->node, "%s: an address is somebody else's", client_methods(source)->name);
        break;
    default:
        break;
    }
}

static void pump(struct host_node *h, enum conf_source source)
{
    struct client_event e;

    while (h->clients[source] && client_methods(source)->next(h->clients[source], &e) != CLIENT_NONE)
        take_event(h, source, &e);
}

/* --- trying addresses --- */

static void give_verdicts(struct host_node *h)
{
    nsec_t now = h->node.world->now;

    for (unsigned i = 0; i < h->n_held; i++) {
        struct host_held *held = &h->held[i];
        if (held->tried_at > now)
            continue;
        const struct host_held tried = *held;
        const struct node *other = other_holder(&h->node, &tried.addr);
        held->tried_at = NSEC_NEVER;
        held->tentative = other != NULL;
        client_methods(tried.source)->verdict(h->clients[tried.source], &tried.addr, other != NULL, now);
        pump(h, tried.source);
        i = UINT32_MAX; /* all may be different now: from the first */
    }
}

static void check_ends(struct host_node *h)
{
    char text[IPADDR_STRLEN];

    for (unsigned i = 0; i < h->n_held; i++)
        if (h->held[i].valid_until <= h->node.world->now)
            world_break(h->node.world, "%s (%s): %s %s stands beyond its end", h->node.name,
                        client_methods(h->held[i].source)->name, h->held[i].is_addr ? "address" : "route to",
                        ipaddr_format(&h->held[i].addr, text));
}

/* --- its life --- */

static void make_client(struct host_node *h, enum conf_source source)
{
    struct node *n = &h->node;
    struct client_env env = {.mtu = 1500, .ifindex = 1, .fqdn = h->fqdn, .random = node_random, .arg = n};
    const struct host_saved *saved = &h->saved[source];
    struct client_wish wish = {.duid = duid_from_name(n->name),
                               .mode = DHCP6_MODE_OFF,
                               .saved = saved->len > 0 ? saved->bytes : NULL,
                               .saved_len = saved->len,
                               .saved_age = n->world->now - saved->at};

    memcpy(env.mac, n->mac, 6);
    if (client_methods(source)->create(&env, &wish, &h->clients[source]) < 0)
        abort();
}

static void begin(struct host_node *h, enum conf_source source)
{
    if (!h->clients[source])
        return;
    if (source == CONF_DHCP6 && h->automatic && !h->routers_said)
        h->patience_until = h->node.world->now + ROUTER_PATIENCE;
    if (source == CONF_DHCP6)
        set_mode(h);
    client_methods(source)->start(h->clients[source], h->node.world->now);
    pump(h, source);
}

static void host_replug(struct node *n)
{
    for (unsigned i = 0; i < ARRAY_LEN(sources); i++)
        begin(host_of(n), sources[i]);
}

static void host_start(struct node *n)
{
    struct host_node *h = host_of(n);

    if (h->uses == 0) {
        h->uses = USES(CONF_RD) | USES(CONF_DHCP6);
        h->automatic = true;
    }
    const char *name = h->claims[0] ? h->claims : n->name;
    if (dname_from_text(name, strlen(name), h->fqdn) < 0)
        abort(); /* scenarios take names of hosts that are none for errors */
    h->n_held = 0;
    h->routers_said = h->managed = h->other = false;
    h->patience_until = NSEC_NEVER;
    memset(h->names, 0, sizeof(h->names));
    host_ask_open(h);
    for (unsigned i = 0; i < ARRAY_LEN(sources); i++)
        if (h->uses & USES(sources[i]))
            make_client(h, sources[i]);
    host_replug(n);
}

static void host_kill(struct node *n)
{
    struct host_node *h = host_of(n);

    for (unsigned i = 0; i < ARRAY_LEN(sources); i++) {
        client_methods(sources[i])->free(h->clients[sources[i]]);
        h->clients[sources[i]] = NULL;
    }
    h->n_held = 0;
    host_ask_close(h);
}

/* Who cannot wait for answers to a RELEASE sends one and goes. */
static void host_leave(struct node *n)
{
    struct host_node *h = host_of(n);

    for (unsigned i = 0; i < ARRAY_LEN(sources); i++)
        if (h->clients[sources[i]]) {
            client_methods(sources[i])->stop(h->clients[sources[i]], n->world->now);
            pump(h, sources[i]);
        }
    if (h->n_held > 0)
        world_break(n->world, "%s leaves and takes an address or a route with it", n->name);
    host_kill(n);
    n->up = false;
}

/* --- packets and time --- */

/* A stack answers who asks for an address of its own. */
static void answer_arp(struct host_node *h, const struct packet *p)
{
    struct arp_packet arp;
    uint8_t bytes[ARP_LEN];

    if (arp_read(p->bytes, p->len, &arp) < 0 || arp.operation != ARP_REQUEST || arp.sender == arp.target)
        return;
    const struct ipaddr target = ipaddr_of_v4(arp.target);
    if (!node_holds(&h->node, &target))
        return;
    struct arp_packet reply = {.operation = ARP_REPLY, .sender = arp.target, .target = arp.sender};
    memcpy(reply.sender_mac, h->node.mac, 6);
    memcpy(reply.target_mac, arp.sender_mac, 6);
    struct packet out = {.way = WAY_ARP, .bytes = bytes, .len = sizeof(bytes)};
    memcpy(out.to_mac, arp.sender_mac, 6);
    arp_write(&reply, bytes);
    world_send(&h->node, &out);
}

static void to_client(struct host_node *h, enum conf_source source, enum client_way way,
                      const struct packet *p)
{
    struct client_packet c = {.way = way,
                              .from = p->from,
                              .to = p->to,
                              .hop_limit = p->hop_limit,
                              .bytes = p->bytes,
                              .len = p->len};

    if (!h->clients[source])
        return;
    memcpy(c.from_mac, p->from_mac, 6);
    if (way == CLIENT_ICMP6)
        c.from.scope = 1;
    client_methods(source)->input(h->clients[source], &c, h->node.world->now);
    pump(h, source);
}

static void host_hear(struct node *n, const struct packet *p)
{
    struct host_node *h = host_of(n);

    host_hear_promise(h, p);
    if (p->way == WAY_ICMP6) {
        to_client(h, CONF_RD, CLIENT_ICMP6, p);
    } else if (p->way == WAY_ARP) {
        answer_arp(h, p);
        to_client(h, CONF_DHCP4, CLIENT_ARP, p);
    } else if (p->to.port == 546) {
        to_client(h, CONF_DHCP6, CLIENT_UDP, p);
    } else if (p->to.port == 68) {
        to_client(h, CONF_DHCP4, CLIENT_UDP, p);
    } else {
        (void)lookups_hear(&h->lookups, p);
    }
}

static void host_timeout(struct node *n)
{
    struct host_node *h = host_of(n);
    nsec_t now = n->world->now;

    for (unsigned i = 0; i < ARRAY_LEN(sources); i++) {
        const struct client_methods *m = client_methods(sources[i]);
        void *client = h->clients[sources[i]];
        if (client && m->deadline(client) <= now) {
            m->timeout(client, now);
            pump(h, sources[i]);
        }
    }
    if (h->patience_until <= now) {
        h->patience_until = NSEC_NEVER;
        set_mode(h);
    }
    give_verdicts(h);
    check_ends(h);
    host_ask_timeout(h);
}

static nsec_t host_deadline(struct node *n)
{
    struct host_node *h = host_of(n);
    nsec_t at = sooner(h->patience_until, host_ask_deadline(h));

    for (unsigned i = 0; i < ARRAY_LEN(sources); i++)
        if (h->clients[sources[i]])
            at = sooner(at, client_methods(sources[i])->deadline(h->clients[sources[i]]));
    for (unsigned i = 0; i < h->n_held; i++)
        at = sooner(at, sooner(h->held[i].valid_until, h->held[i].tried_at));
    return at;
}

static bool host_holds(const struct node *n, const struct ipaddr *addr)
{
    return is_settled((const struct host_node *)n, addr);
}

/* --- for others --- */

bool host_source(const struct node *n, const struct ipaddr *to, struct ipaddr *ret)
{
    const struct host_node *h = (const struct host_node *)n;

    for (unsigned i = 0; i < h->n_held; i++)
        if (h->held[i].is_addr && !h->held[i].tentative &&
            ipaddr_is_v4(&h->held[i].addr) == ipaddr_is_v4(to)) {
            *ret = h->held[i].addr;
            return true;
        }
    return false;
}

unsigned host_servers(const struct host_node *h, struct ipaddr ret[static HOST_SERVERS_MAX],
                      char search[static DNAME_TEXT_MAX])
{
    unsigned n = 0;

    search[0] = '\0';
    for (unsigned i = 0; i < ARRAY_LEN(sources); i++) {
        const struct client_names *names = &h->names[sources[i]];
        for (unsigned k = 0; k < names->n_servers && n < HOST_SERVERS_MAX; k++)
            ret[n++] = names->servers[k];
        if (names->n_domains > 0)
            dname_to_text(names->domains[0], search);
    }
    return n;
}

/* --- is it well? --- */

static bool lacks(char why[static WORLD_WHY_MAX], const struct host_node *h, const char *what)
{
    snprintf(why, WORLD_WHY_MAX, "%s has no %s", h->node.name, what);
    return false;
}

static bool has_default_route(const struct host_node *h)
{
    for (unsigned i = 0; i < h->n_held; i++)
        if (!h->held[i].is_addr && h->held[i].bits == 0)
            return true;
    return false;
}

static bool is_well_by_routers(const struct host_node *h, char why[static WORLD_WHY_MAX])
{
    struct ipaddr prefix;
    bool slaac, managed;

    for (const struct node *r = world_neighbour(&h->node, &kind_router, NULL); r;
         r = world_neighbour(&h->node, &kind_router, r)) {
        if (!has_default_route(h))
            return lacks(why, h, "default route");
        for (unsigned i = 0; router_gives(r, &prefix, i, &slaac, &managed); i++) {
            struct ipaddr due = world_hash(&prefix, h->node.name);
            char text[IPADDR_STRLEN];
            if (slaac && !is_settled(h, &due))
                return lacks(why, h, ipaddr_format(&due, text));
        }
    }
    return true;
}

bool host_has_address(const struct node *n)
{
    const struct host_node *h = (const struct host_node *)n;

    for (unsigned i = 0; i < h->n_held; i++)
        if (h->held[i].is_addr && !h->held[i].tentative)
            return true;
    return false;
}

bool host_is_well(const struct node *n, char why[static WORLD_WHY_MAX])
{
    const struct host_node *h = (const struct host_node *)n;
    struct ipaddr servers[HOST_SERVERS_MAX], source;
    char search[DNAME_TEXT_MAX];
    const struct ipaddr v4 = ipaddr_of_v4(0x0a000001);
    bool dhcp6 = h->uses & USES(CONF_DHCP6), dhcp4 = h->uses & USES(CONF_DHCP4);

    if (h->uses & USES(CONF_RD) && !is_well_by_routers(h, why))
        return false;
    if (dhcp6 && mode_wanted(h) == DHCP6_MODE_STATEFUL && world_neighbour(n, &kind_dhcp6, NULL) &&
        world_neighbour(n, &kind_named, NULL) && !has_address_by(h, CONF_DHCP6))
        return lacks(why, h, "address by DHCPv6");
    if (dhcp4 && world_neighbour(n, &kind_dhcp4, NULL) && !host_source(n, &v4, &source))
        return lacks(why, h, "IPv4 address");
    if (world_neighbour(n, &kind_router, NULL) && host_servers(h, servers, search) == 0)
        return lacks(why, h, "name server to ask");
    return true;
}

const struct node_kind kind_host = {
    .word = "host",
    .size = sizeof(struct host_node),
    .hears = HEARS_ADVERTS | HEARS_DHCP4_CLIENT | HEARS_ARP,
    .option = host_option,
    .start = host_start,
    .kill = host_kill,
    .leave = host_leave,
    .replug = host_replug,
    .hear = host_hear,
    .timeout = host_timeout,
    .deadline = host_deadline,
    .holds = host_holds,
};
