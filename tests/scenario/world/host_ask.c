/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a host asks of the DNS: of its own accord now and then (the address of another host, the name of an address that it found,
 * something of the outer world), because a scenario expects an answer, or to be examined at the end.
 *
 * Properties of each answer, whenever and by whatever way it came: an address of a host is that of its name, in a prefix that there
 * is or was; a name of an address leads back to it; what comes from the outer world is the one truth (node_upstream.c), no older than
 * it may be, and nothing of it is the forger's. In the examination silence and failures are wrong as well.
 */
#include "host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL      SECONDS(300)
#define PATIENCE      SECONDS(8) /* for a search; stub resolvers give up at five to thirty */
#define PATIENCE_EXAM SECONDS(6)

enum { OUTER_NAMES = 40 };

/* What a look-up is for; the lower bits of its tag. Above: the line of an expectation, or the number of a name server. */
enum purpose { FOR_LIFE, FOR_EXAM, FOR_SCENARIO };

static uint64_t tag_of(enum purpose purpose, uint64_t number)
{
    return purpose | number << 8;
}

static enum purpose purpose_of(const struct lookup *l)
{
    return (enum purpose)(l->tag & 0xff);
}

/* --- the properties --- */

static const char *type_name(uint16_t type)
{
    return type == RR_AAAA ? "AAAA" : type == RR_PTR ? "PTR" : "A";
}

static bool is_outer(const char *name)
{
    static const char apex[] = ".example.org";
    size_t len = strlen(name);

    return len > strlen(apex) && strcmp(name + len - strlen(apex), apex) == 0;
}

/* The name as it was answered: with the search list's domain, in lower case. */
static void full_name(const struct lookup *l, char text[static DNAME_TEXT_MAX])
{
    uint8_t lower[DNAME_MAX];

    dname_lower(lower, l->search.wire, dname_len(l->search.wire));
    dname_to_text(lower, text);
}

/* How old an answer of the outer world may be: its TTL, more where some server tells what has expired, and the way. */
static nsec_t age_max(const struct world *w)
{
    nsec_t stale = 0;

    for (unsigned i = 0; i < w->n_nodes; i++)
        if (w->nodes[i]->kind == &kind_named && named_stale_max(w->nodes[i]) > stale)
            stale = named_stale_max(w->nodes[i]);
    return UPSTREAM_TTL_MAX + stale + PATIENCE;
}

static bool is_outer_truth(const struct world *w, const struct ipaddr *addr, const char *name)
{
    nsec_t oldest = w->now > age_max(w) ? w->now - age_max(w) : 0;

    for (nsec_t at = w->now; at >= oldest; at -= SECONDS(60)) {
        struct ipaddr truth = upstream_truth(name, at);
        if (ipaddr_equal(addr, &truth))
            return true;
    }
    return false;
}

static bool is_true(const struct world *w, const struct ipaddr *addr, const char *name)
{
    return is_outer(name) ? is_outer_truth(w, addr, name) : world_is_of_name(w, addr, name);
}

static void check_answer(struct host_node *h, const struct lookup *l)
{
    struct world *w = h->node.world;
    char name[DNAME_TEXT_MAX], text[IPADDR_STRLEN];
    struct ipaddr asked;

    full_name(l, name);
    for (unsigned i = 0; i < l->n_addrs; i++) {
        if (world_is_forged(&l->addrs[i]))
            world_break(w, "%s believes a forged reply about %s: %s", h->node.name, name,
                        ipaddr_format(&l->addrs[i], text));
        else if (!is_true(w, &l->addrs[i], name))
            world_break(w, "%s is told that %s has the address %s", h->node.name, name,
                        ipaddr_format(&l->addrs[i], text));
    }
    if (l->type != RR_PTR || l->error != 0)
        return;
    if (dname_reverse_addr(l->search.wire, &asked) == 128 && !world_is_of_name(w, &asked, l->target))
        world_break(w, "%s is told that %s is the name of %s", h->node.name, l->target,
                    ipaddr_format(&asked, text));
}

/* --- asking --- */

/* 0 or negative errno: it cannot be asked. */
static int wish(struct host_node *h, const char *name, uint16_t type, const struct ipaddr *server,
                uint64_t tag)
{
    struct ipaddr servers[HOST_SERVERS_MAX];
    char search[DNAME_TEXT_MAX];
    unsigned n = host_servers(h, servers, search);
    struct lookup_wish wish = {.name = name,
                               .type = type,
                               .servers = server ? server : servers,
                               .n_servers = server ? 1 : n,
                               .search = search[0] && !server ? search : NULL,
                               .patience = server ? PATIENCE_EXAM : PATIENCE,
                               .tag = tag};

    world_say(&h->node, "asks for %s %s", name, type_name(type));
    int error = wish.n_servers > 0 ? lookup_begin(&h->lookups, &wish) : -EDESTADDRREQ;
    if (error < 0 && (tag & 0xff) == FOR_EXAM)
        world_break(h->node.world, "%s cannot ask for %s: %s", h->node.name, name, strerror(-error));
    return error;
}

static void reverse_text(const struct ipaddr *addr, char text[static DNAME_TEXT_MAX])
{
    uint8_t name[DNAME_MAX];

    dname_reverse(addr, 128, name);
    dname_to_text(name, text);
}

/* One of the hosts, maybe itself. */
static const struct node *some_host(struct host_node *h)
{
    const struct world *w = h->node.world;
    unsigned first = (unsigned)world_below(&h->node.chance, w->n_nodes);

    while (w->nodes[first]->kind != &kind_host)
        first = (unsigned)world_below(&h->node.chance, w->n_nodes);
    return w->nodes[first];
}

static bool has_outer_world(const struct world *w)
{
    for (unsigned i = 0; i < w->n_nodes; i++)
        if (w->nodes[i]->kind == &kind_upstream && w->nodes[i]->up)
            return true;
    return false;
}

static void outer_name(struct host_node *h, bool exists, char text[static WORLD_NAME_MAX])
{
    snprintf(text, WORLD_NAME_MAX, "%s%u.some.where.example.org", exists ? "service" : "nobody",
             (unsigned)world_below(&h->node.chance, OUTER_NAMES));
}

static void ask_something(struct host_node *h)
{
    char text[DNAME_TEXT_MAX];
    uint64_t chance = world_below(&h->node.chance, 10);

    if (chance < 3) {
        outer_name(h, chance > 0, text);
        (void)wish(h, text, RR_AAAA, NULL, tag_of(FOR_LIFE, 0));
    } else if (chance < 5 && !ipaddr_equal(&h->found, &(struct ipaddr){{0}})) {
        reverse_text(&h->found, text);
        (void)wish(h, text, RR_PTR, NULL, tag_of(FOR_LIFE, 0));
    } else {
        snprintf(text, sizeof(text), "%s", some_host(h)->name);
        struct ipaddr servers[HOST_SERVERS_MAX];
        char search[DNAME_TEXT_MAX];
        (void)host_servers(h, servers, search);
        char *dot = strchr(text, '.');
        if (chance < 7 && search[0] && dot && strcmp(dot + 1, search) == 0)
            *dot = '\0'; /* by its short name */
        (void)wish(h, text, RR_AAAA, NULL, tag_of(FOR_LIFE, 0));
    }
}

/* --- what must be answered --- */

static struct ipaddr server_of(const struct host_node *h, uint64_t number)
{
    const struct node *s = h->node.world->nodes[number];

    for (unsigned i = 0; i < s->n_addrs; i++) {
        struct ipaddr source;
        if (host_source(&h->node, &s->addrs[i], &source))
            return s->addrs[i];
    }
    return s->addrs[0];
}

void host_examine(struct node *n)
{
    struct host_node *h = host_of(n);
    char text[WORLD_NAME_MAX];

    for (const struct node *s = world_neighbour(n, &kind_named, NULL); s;
         s = world_neighbour(n, &kind_named, s)) {
        const struct ipaddr server = server_of(h, s->number);
        struct ipaddr source;
        if (!host_source(n, &server, &source))
            continue;
        (void)wish(h, some_host(h)->name, RR_AAAA, &server, tag_of(FOR_EXAM, s->number));
        if (!has_outer_world(n->world))
            continue;
        outer_name(h, true, text);
        (void)wish(h, text, RR_AAAA, &server, tag_of(FOR_EXAM, s->number));
    }
    node_changed(n);
}

static void after_exam(struct host_node *h, const struct lookup *l)
{
    uint64_t number = l->tag >> 8;
    char text[DNAME_TEXT_MAX];

    if (l->error < 0) {
        world_break(h->node.world, "%s does not find %s (%s) at %s: %s", h->node.name, l->name,
                    type_name(l->type), h->node.world->nodes[number]->name, strerror(-l->error));
        return;
    }
    if (l->type != RR_AAAA || is_outer(l->name))
        return;
    const struct ipaddr server = server_of(h, number);
    reverse_text(&l->addrs[0], text);
    (void)wish(h, text, RR_PTR, &server, tag_of(FOR_EXAM, number));
}

void host_must_find(struct node *n, const char *name, const char *expected, unsigned line)
{
    struct host_node *h = host_of(n);
    struct ipaddr addr;
    char text[DNAME_TEXT_MAX];
    int error;
    struct host_expectation *e = &h->expectations[h->n_expectations++ % ARRAY_LEN(h->expectations)];

    e->line = line;
    snprintf(e->expected, sizeof(e->expected), "%s", expected);
    if (ipaddr_parse(name, strlen(name), &addr) == 0) {
        reverse_text(&addr, text);
        error = wish(h, text, RR_PTR, NULL, tag_of(FOR_SCENARIO, line));
    } else {
        error = wish(h, name, RR_AAAA, NULL, tag_of(FOR_SCENARIO, line));
    }
    if (error < 0 && strcmp(expected, "failure") != 0) {
        n->world->line = line;
        world_break(n->world, "%s cannot ask for %s: %s", n->name, name, strerror(-error));
    }
    node_changed(n);
}

static bool is_expected(const struct lookup *l, const char *expected)
{
    struct ipaddr addr;

    if (strcmp(expected, "truth") == 0) /* that it is true is a property of every answer */
        return l->error == 0 && l->n_addrs > 0;
    if (strcmp(expected, "nothing") == 0)
        return l->error == -ENOENT || l->error == -ENODATA;
    if (strcmp(expected, "failure") == 0)
        return l->error < 0 && l->error != -ENOENT && l->error != -ENODATA;
    if (l->error < 0 || ipaddr_parse(expected, strlen(expected), &addr) < 0)
        return l->error == 0 && strcmp(l->target, expected) == 0;
    for (unsigned i = 0; i < l->n_addrs; i++)
        if (ipaddr_equal(&l->addrs[i], &addr))
            return true;
    return false;
}

static void after_expectation(struct host_node *h, const struct lookup *l)
{
    unsigned line = (unsigned)(l->tag >> 8);
    char found[IPADDR_STRLEN] = "nothing";

    for (unsigned i = 0; i < ARRAY_LEN(h->expectations); i++) {
        const struct host_expectation *e = &h->expectations[i];
        if (e->line != line || is_expected(l, e->expected))
            continue;
        if (l->n_addrs > 0)
            ipaddr_format(&l->addrs[0], found);
        h->node.world->line = line;
        world_break(h->node.world, "%s finds %s for %s (%s), and was to find %s", h->node.name,
                    l->target[0] ? l->target : found, l->name,
                    l->error < 0 ? strerror(-l->error) : "an answer", e->expected);
    }
}

static void on_ended(struct node *n, const struct lookup *l)
{
    struct host_node *h = host_of(n);

    world_say(n, "%s %s: %s", l->name, type_name(l->type), l->error < 0 ? strerror(-l->error) : "found");
    check_answer(h, l);
    if (l->type == RR_AAAA && l->error == 0 && !is_outer(l->name))
        h->found = l->addrs[0];
    if (purpose_of(l) == FOR_EXAM)
        after_exam(h, l);
    if (purpose_of(l) == FOR_SCENARIO)
        after_expectation(h, l);
    node_changed(n);
}

/* --- its life --- */

static nsec_t next_question(struct host_node *h)
{
    if (h->interval == NSEC_NEVER)
        return NSEC_NEVER;
    nsec_t interval = h->interval ? h->interval : INTERVAL;
    return h->node.world->now + 1 + (nsec_t)world_below(&h->node.chance, 2 * (uint64_t)interval);
}

void host_ask_open(struct host_node *h)
{
    h->lookups.asking.node = &h->node;
    h->lookups.asking.source = host_source;
    h->lookups.ended = on_ended;
    if (lookups_open(&h->lookups) < 0)
        abort();
    h->ask_at = next_question(h);
}

void host_ask_close(struct host_node *h)
{
    lookups_close(&h->lookups);
}

void host_ask_timeout(struct host_node *h)
{
    lookups_timeout(&h->lookups);
    if (h->ask_at > h->node.world->now)
        return;
    h->ask_at = next_question(h);
    ask_something(h);
}

nsec_t host_ask_deadline(const struct host_node *h)
{
    return sooner(h->ask_at, lookups_deadline(&h->lookups));
}
