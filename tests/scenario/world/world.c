/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The loop goes from moment to moment: what arrives then, in the order in which it was sent; what the scenario says; whose
 * deadline has come, in the order of a heap. After a node was called its deadline is asked for anew. Nothing but the seed
 * decides what comes first, so a run can be played again.
 *
 * A link carries what is sent to many to those who hear such (enum hears), and what is sent to an address to whoever has it, on
 * this link or, while a router on the way is up, on another. Ends of a partition hear nothing of each other.
 * What was spoilt on its way fails its checksum, as with UDP and ICMPv6, and is dropped by whom it reaches; TCP sends again.
 *
 * Each node has its own chance, drawn from the seed and its number: one that is added disturbs no other.
 */
#include "world.h"

#include "wire/arp.h"
#include "wire/dhcp6.h"
#include "wire/nd.h"

#include <iothaddr.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_INTERVAL SECONDS(30)
#define TCP_LATER      SECONDS(1) /* a segment was lost, and is sent again */

const struct ipaddr world_forged = {{0x20, 0x01, 0x0d, 0xb8, 0x0b, 0xad}};

/* What goes before each packet on a simulated link. */
struct head {
    struct packet packet; /* without its bytes */
    uint64_t checksum;
};

/* --- chance --- */

uint64_t world_random(uint64_t *chance)
{
    uint64_t z = *chance += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t world_below(uint64_t *chance, uint64_t n)
{
    return world_random(chance) % n;
}

void node_random(void *arg, void *bytes, size_t len)
{
    struct node *n = arg;
    uint8_t *at = bytes;

    for (size_t i = 0; i < len; i += 8) {
        uint64_t drawn = world_random(&n->chance);
        memcpy(at + i, &drawn, len - i < 8 ? len - i : 8);
    }
}

static uint64_t mix(uint64_t sum, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ at[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    return sum;
}

/* --- words --- */

void world_break(struct world *w, const char *format, ...)
{
    va_list args;

    if (w->broken)
        return;
    w->broken = true;
    int at = snprintf(w->why, sizeof(w->why), "%.3f s: ", (double)w->now / 1e9);
    va_start(args, format);
    vsnprintf(w->why + at, sizeof(w->why) - (size_t)at, format, args);
    va_end(args);
    if (w->trace)
        fprintf(w->trace, "BROKEN %s\n", w->why);
}

void world_trace(const struct node *n, const char *format, ...)
{
    FILE *out = n->world->trace;
    va_list args;

    fprintf(out, "%12.6f %-16s ", (double)n->world->now / 1e9, n->name);
    va_start(args, format);
    vfprintf(out, format, args);
    va_end(args);
    fputc('\n', out);
}

/* --- nodes --- */

int64_t node_wall_s(const struct node *n)
{
    return WORLD_WALL_S + n->world->now / NSEC_PER_SEC + n->wall_step_s;
}

void node_changed(struct node *n)
{
    nsec_t at = n->up ? n->kind->deadline(n) : NSEC_NEVER;

    if (at == NSEC_NEVER)
        heap_remove(&n->world->due, &n->due);
    else if (heap_set(&n->world->due, &n->due, at < n->world->now ? n->world->now : at) < 0)
        abort();
}

void node_start(struct node *n)
{
    if (n->up)
        return;
    world_say(n, "starts");
    n->up = true;
    n->kind->start(n);
    node_changed(n);
}

void node_kill(struct node *n)
{
    if (!n->up)
        return;
    world_say(n, "is killed");
    n->kind->kill(n);
    n->up = false;
    node_changed(n);
}

void node_leave(struct node *n)
{
    if (!n->kind->leave) {
        node_kill(n);
        return;
    }
    if (!n->up)
        return;
    world_say(n, "leaves");
    n->kind->leave(n);
    node_changed(n);
}

bool node_holds(const struct node *n, const struct ipaddr *addr)
{
    for (unsigned i = 0; i < n->n_addrs; i++)
        if (ipaddr_equal(&n->addrs[i], addr))
            return true;
    return ipaddr_equal(&n->local, addr) || (n->up && n->kind->holds && n->kind->holds(n, addr));
}

bool nodes_are_neighbours(const struct node *a, const struct node *b)
{
    return a->up && b->up && a->link == b->link && a->side == b->side;
}

struct node *world_neighbour(const struct node *n, const struct node_kind *kind, const struct node *last)
{
    const struct world *w = n->world;

    for (unsigned i = last ? last->number + 1 : 0; i < w->n_nodes; i++)
        if (w->nodes[i] != n && w->nodes[i]->kind == kind && nodes_are_neighbours(n, w->nodes[i]))
            return w->nodes[i];
    return NULL;
}

struct link *world_add_link(struct world *w, const char *name)
{
    if (w->n_links == WORLD_LINKS_MAX)
        return NULL;
    struct link *link = &w->links[w->n_links];
    link->sim = simlink_new(world_random(&w->chance));
    if (!link->sim)
        return NULL;
    snprintf(link->name, sizeof(link->name), "%s", name);
    link->calm = (struct simlink_faults){.delay_min = NSEC_PER_MSEC, .delay_max = NSEC_PER_MSEC};
    link->faults = link->calm;
    simlink_set_faults(link->sim, &link->faults);
    w->n_links++;
    return link;
}

struct node *world_add_node(struct world *w, const struct node_kind *kind, const char *name,
                            struct link *link)
{
    struct node *n = w->n_nodes < WORLD_NODES_MAX ? calloc(1, kind->size) : NULL;

    if (!n)
        return NULL;
    n->kind = kind;
    n->world = w;
    n->number = w->n_nodes;
    n->link = link;
    n->chance = mix(w->seed ^ UINT64_C(0xcbf29ce484222325), &n->number, sizeof(n->number));
    snprintf(n->name, sizeof(n->name), "%s", name);
    iothaddr_hashmac(n->mac, name, NULL);
    n->local = (struct ipaddr){{0xfe, 0x80}};
    iothaddr_eui64(n->local.b, n->mac);
    w->nodes[w->n_nodes++] = n;
    return n;
}

struct link *world_link(struct world *w, const char *name)
{
    for (unsigned i = 0; i < w->n_links; i++)
        if (strcmp(w->links[i].name, name) == 0)
            return &w->links[i];
    return NULL;
}

struct node *world_node(struct world *w, const char *name)
{
    size_t len = strlen(name);

    for (unsigned i = 0; i < w->n_nodes; i++) {
        const char *own = w->nodes[i]->name;
        if (strncmp(own, name, len) == 0 && (own[len] == '\0' || own[len] == '.'))
            return w->nodes[i];
    }
    return NULL;
}

/* --- names and their addresses --- */

void world_add_base(struct world *w, const struct ipaddr *base)
{
    for (unsigned i = 0; i < w->n_bases; i++)
        if (ipaddr_equal(&w->bases[i], base))
            return;
    if (w->n_bases < WORLD_BASES_MAX)
        w->bases[w->n_bases++] = *base;
}

struct ipaddr world_hash(const struct ipaddr *base, const char *name)
{
    struct ipaddr addr = *base;

    iothaddr_hash(addr.b, name, NULL, 0);
    return addr;
}

bool world_is_of_name(const struct world *w, const struct ipaddr *addr, const char *name)
{
    for (unsigned i = 0; i < w->n_bases; i++) {
        struct ipaddr due = world_hash(&w->bases[i], name);
        if (ipaddr_equal(&due, addr))
            return true;
    }
    return false;
}

bool world_is_forged(const struct ipaddr *addr)
{
    return ipaddr_same_prefix(addr, &world_forged, 48);
}

/* --- packets --- */

static bool is_zero_mac(const uint8_t *mac)
{
    static const uint8_t zero[6];

    return memcmp(mac, zero, 6) == 0;
}

static bool is_to_many(const struct packet *p)
{
    return (p->to_mac[0] & 1) != 0 || (!ipaddr_is_v4(&p->to.addr) && nd_is_multicast(&p->to.addr)) ||
           (p->way == WAY_UDP && ipaddr_to_v4(&p->to.addr) == UINT32_MAX);
}

/* Who hears such, of those to whom it is sent. */
static unsigned hearers(const struct packet *p)
{
    if (p->way == WAY_ARP)
        return HEARS_ARP;
    if (p->way == WAY_ICMP6)
        return ipaddr_equal(&p->to.addr, &nd_all_nodes) ? HEARS_ADVERTS | HEARS_SOLICITS : HEARS_SOLICITS;
    return p->to.port == DHCP6_SERVER_PORT ? HEARS_DHCP6
           : p->to.port == 67              ? HEARS_DHCP4
                                           : HEARS_DHCP4_CLIENT;
}

/* Some router forwards for it. */
static bool has_way_out(const struct node *n)
{
    bool any = false;

    for (unsigned i = 0; i < n->world->n_nodes; i++) {
        const struct node *r = n->world->nodes[i];
        if (r->kind != &kind_router || r->link != n->link)
            continue;
        any = true;
        if (r->up && r->side == n->side)
            return true;
    }
    return !any; /* a link without routers is a network of its own that somebody else routes */
}

static bool there_is_a_way(const struct node *from, const struct node *to)
{
    return from->link == to->link ? from->side == to->side : has_way_out(from) && has_way_out(to);
}

/* TCP: what is lost is sent again, later. */
static void send_reliably(struct link *link, nsec_t now, unsigned from, unsigned to, const struct head *head,
                          const struct packet *p)
{
    struct simlink_faults later = {.delay_min = link->faults.delay_min, .delay_max = link->faults.delay_max};

    if (simlink_random(link->sim) % 1000 < link->faults.loss)
        later.delay_max += TCP_LATER;
    simlink_set_faults(link->sim, &later);
    simlink_send(link->sim, now, from, to, head, sizeof(*head), p->bytes, p->len);
    simlink_set_faults(link->sim, &link->faults);
}

static void send_to(struct node *from, struct node *to, const struct head *head, const struct packet *p)
{
    struct link *link = from->link;
    nsec_t now = from->world->now;

    if (!to->up || !there_is_a_way(from, to))
        return;
    if (to->link != link)
        now += link->calm.delay_min; /* it has crossed this link too */
    if (p->way == WAY_TCP)
        send_reliably(to->link, now, from->number, to->number, head, p);
    else
        simlink_send(to->link->sim, now, from->number, to->number, head, sizeof(*head), p->bytes, p->len);
}

void world_send(struct node *n, const struct packet *p)
{
    struct world *w = n->world;
    struct head head;

    memset(&head, 0, sizeof(head)); /* its padding is part of the digest */
    head.packet.way = p->way;
    head.packet.from = p->from;
    head.packet.to = p->to;
    head.packet.hop_limit = p->hop_limit;
    memcpy(head.packet.from_mac, n->mac, 6);
    memcpy(head.packet.to_mac, p->to_mac, 6);
    head.checksum = mix(1, p->bytes, p->len);
    bool many = is_to_many(p);
    for (unsigned i = 0; i < w->n_nodes; i++) {
        struct node *to = w->nodes[i];
        if (to == n || !to->up)
            continue;
        if (many                     ? to->link == n->link && (to->kind->hears & hearers(p)) != 0
            : is_zero_mac(p->to_mac) ? node_holds(to, &p->to.addr)
                                     : memcmp(to->mac, p->to_mac, 6) == 0)
            send_to(n, to, &head, p);
    }
}

static void deliver(struct world *w, const struct simlink_message *m)
{
    struct node *to = w->nodes[m->to];
    struct head head;

    memcpy(&head, m->bytes, sizeof(head));
    struct packet p = head.packet;
    p.bytes = m->bytes + sizeof(head);
    p.len = m->len - sizeof(head);
    if (!to->up || mix(1, p.bytes, p.len) != head.checksum)
        return;
    w->delivered++;
    w->digest = mix(w->digest ^ (uint64_t)w->now ^ m->to, p.bytes, p.len);
    to->kind->hear(to, &p);
    node_changed(to);
}

/* --- time --- */

static nsec_t next_moment(const struct world *w)
{
    nsec_t at = sooner(heap_deadline(&w->due), w->checked + CHECK_INTERVAL);

    for (unsigned i = 0; i < w->n_links; i++)
        at = sooner(at, simlink_due(w->links[i].sim));
    if (w->next_action < w->n_actions)
        at = sooner(at, w->actions[w->next_action]->at.deadline);
    return at;
}

static void deliver_all(struct world *w)
{
    for (unsigned i = 0; i < w->n_links; i++) {
        struct simlink_message *m;
        while (!w->broken && (m = simlink_take(w->links[i].sim, w->now))) {
            deliver(w, m);
            free(m);
        }
    }
}

static void act_all(struct world *w)
{
    while (!w->broken && w->next_action < w->n_actions && w->actions[w->next_action]->at.deadline <= w->now) {
        struct action *a = w->actions[w->next_action++];
        a->act(w, a);
    }
}

static void time_out_all(struct world *w)
{
    struct heap_node *first;
    unsigned turns = 0;

    while (!w->broken && (first = heap_first(&w->due)) && first->deadline <= w->now) {
        struct node *n = (struct node *)((char *)first - offsetof(struct node, due));
        n->kind->timeout(n);
        node_changed(n);
        if (++turns > 100000)
            world_break(w, "%s has a deadline that never passes", n->name);
    }
}

static void check_all(struct world *w)
{
    if (w->now < w->checked + CHECK_INTERVAL)
        return;
    w->checked = w->now;
    for (unsigned i = 0; i < w->n_nodes; i++)
        if (w->nodes[i]->up && w->nodes[i]->kind->check)
            w->nodes[i]->kind->check(w->nodes[i]);
}

void world_run(struct world *w)
{
    for (unsigned i = 0; i < w->n_nodes; i++)
        node_start(w->nodes[i]);
    while (!w->broken) {
        nsec_t at = next_moment(w);
        if (at > w->end)
            break;
        w->now = at > w->now ? at : w->now;
        deliver_all(w);
        act_all(w);
        time_out_all(w);
        check_all(w);
    }
}

/* --- its life --- */

struct world *world_new(uint64_t seed)
{
    struct world *w = calloc(1, sizeof(*w));

    if (w) {
        w->seed = w->chance = seed;
        w->end = SECONDS(3600);
    }
    return w;
}

void world_free(struct world *w)
{
    if (!w)
        return;
    for (unsigned i = 0; i < w->n_nodes; i++) {
        struct node *n = w->nodes[i];
        w->trace = NULL;
        node_kill(n);
        if (n->kind->fini)
            n->kind->fini(n);
        free(n);
    }
    for (unsigned i = 0; i < w->n_links; i++)
        simlink_free(w->links[i].sim);
    for (unsigned i = 0; i < w->n_actions; i++) {
        free(w->actions[i]->text);
        free(w->actions[i]->more);
        free(w->actions[i]);
    }
    free(w->actions);
    heap_fini(&w->due);
    free(w);
}
