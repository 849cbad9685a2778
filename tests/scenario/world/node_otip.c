/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `otip NAME on LINK base A password P`: a server whose address changes with each epoch, by the window core of libotip. Its words:
 * period TIME (32s), before TIME, after TIME (8s): for how long around its epoch an address is open.
 *
 * `caller NAME on LINK address A calls NODE password P`: a client that computes the address of the moment by its own clock and sends
 * there, `every` TIME (1m). A call is a flow of FLOW, which keeps its address while it lasts.
 *
 * Properties: while clocks differ by no more than before and after, the address that a caller computes is open; by another password
 * it never is; an address whose time is over is open no more; there are no more open addresses than epochs that overlap.
 */
#include "words.h"

#include "libotip/proxy_window.h"

#include <errno.h>
#include <iothaddr.h>
#include <stdlib.h>
#include <string.h>

#define FLOW SECONDS(50)
enum { FLOWS_MAX = 32, CALL_PORT = 7, ADDRESSES = 16 };

struct flow {
    nsec_t until;
    struct window_address *place;
};

struct otip_node {
    struct node node; /* first member */
    struct ipaddr base;
    char password[WORLD_NAME_MAX];
    nsec_t period, before, after;
    struct window *window;
    unsigned n_flows;
    struct flow flows[FLOWS_MAX];
};

struct caller_node {
    struct node node; /* first member */
    struct node *server;
    char password[WORLD_NAME_MAX];
    nsec_t every, call_at;
};

static struct otip_node *of(struct node *n)
{
    return (struct otip_node *)n;
}

static struct caller_node *caller_of(struct node *n)
{
    return (struct caller_node *)n;
}

static nsec_t wall(const struct node *n)
{
    return SECONDS(WORLD_WALL_S + n->wall_step_s) + n->world->now;
}

static struct ipaddr address_of(const struct otip_node *o, const char *password, uint64_t epoch)
{
    struct ipaddr addr = o->base;

    iothaddr_hash(addr.b, o->node.name, password, (uint32_t)epoch);
    return addr;
}

static void window_address_of(void *arg, uint64_t epoch, struct ipaddr *ret)
{
    const struct otip_node *o = arg;

    *ret = address_of(o, o->password, epoch);
}

/* --- the server --- */

static int otip_option(struct node *n, const char *word, const char *value, char why[static WORLD_WHY_MAX])
{
    struct otip_node *o = of(n);
    nsec_t *time = strcmp(word, "period") == 0   ? &o->period
                   : strcmp(word, "before") == 0 ? &o->before
                   : strcmp(word, "after") == 0  ? &o->after
                                                 : NULL;

    if (!value)
        return word_is_no(word, "word of a server with one-time addresses, or its value is missing", why);
    if (time)
        return word_time(value, time) < 0 ? word_is_no(value, "time, such as 32s", why) : 1;
    if (strcmp(word, "base") == 0)
        return word_addrs(value, &o->base, 1) < 0 ? word_is_no(value, "address", why) : 1;
    if (strcmp(word, "password") != 0)
        return word_is_no(word, "word of a server with one-time addresses", why);
    snprintf(o->password, sizeof(o->password), "%s", value);
    return 1;
}

static void settle(struct otip_node *o)
{
    while (window_next(o->window, wall(&o->node)).step != WINDOW_STANDS)
        continue;
}

static void otip_start(struct node *n)
{
    struct otip_node *o = of(n);

    o->period = o->period ? o->period : SECONDS(32);
    o->before = o->before ? o->before : SECONDS(8);
    o->after = o->after ? o->after : SECONDS(8);
    o->n_flows = 0;
    o->window = calloc(1, sizeof(*o->window));
    if (!o->window)
        abort();
    const struct window_settings settings = {.period_s = (uint32_t)(o->period / NSEC_PER_SEC),
                                             .before = o->before,
                                             .after = o->after,
                                             .capacity = ADDRESSES,
                                             .address_of = window_address_of,
                                             .arg = o};
    window_init(o->window, &settings);
    settle(o);
}

static void otip_kill(struct node *n)
{
    free(of(n)->window);
    of(n)->window = NULL;
}

static void otip_hear(struct node *n, const struct packet *p)
{
    struct otip_node *o = of(n);
    struct window_address *place = window_find(o->window, &p->to.addr);

    if (p->way != WAY_UDP || !place || place->state != WINDOW_OPEN || o->n_flows == FLOWS_MAX)
        return;
    window_flow_begins(place);
    o->flows[o->n_flows++] = (struct flow){.until = n->world->now + FLOW, .place = place};
    const struct packet reply = {
        .way = WAY_UDP, .from = p->to, .to = p->from, .bytes = p->bytes, .len = p->len};
    world_send(n, &reply);
}

static void otip_timeout(struct node *n)
{
    struct otip_node *o = of(n);

    for (unsigned i = 0; i < o->n_flows;) {
        if (o->flows[i].until > n->world->now) {
            i++;
            continue;
        }
        window_flow_ends(o->flows[i].place);
        o->flows[i] = o->flows[--o->n_flows];
    }
    settle(o);
}

static nsec_t otip_deadline(struct node *n)
{
    const struct otip_node *o = of(n);
    nsec_t at = window_deadline(o->window, wall(n));

    at = at == NSEC_NEVER ? at : n->world->now + (at - wall(n));
    for (unsigned i = 0; i < o->n_flows; i++)
        at = sooner(at, o->flows[i].until);
    return at;
}

static bool otip_holds(const struct node *n, const struct ipaddr *addr)
{
    return window_find(((const struct otip_node *)n)->window, addr) != NULL;
}

static bool is_open(const struct otip_node *o, const struct ipaddr *addr)
{
    const struct window_address *place = window_find(o->window, addr);

    return place && place->state == WINDOW_OPEN;
}

static void otip_check(struct node *n)
{
    const struct otip_node *o = of(n);
    uint64_t first, last;

    if (o->window->n > window_breadth(&o->window->settings) + o->n_flows)
        world_break(n->world, "%s has more addresses than epochs that overlap, and flows", n->name);
    window_span(&o->window->settings, wall(n), &first, &last);
    for (uint64_t back = 1; back < 4 && first >= back; back++) {
        const struct ipaddr over = address_of(o, o->password, first - back);
        if (is_open(o, &over))
            world_break(n->world, "%s has an address whose time is over", n->name);
    }
}

const struct node_kind kind_otip = {
    .word = "otip",
    .size = sizeof(struct otip_node),
    .option = otip_option,
    .start = otip_start,
    .kill = otip_kill,
    .hear = otip_hear,
    .timeout = otip_timeout,
    .deadline = otip_deadline,
    .holds = otip_holds,
    .check = otip_check,
};

/* --- the client --- */

static int caller_option(struct node *n, const char *word, const char *value, char why[static WORLD_WHY_MAX])
{
    struct caller_node *c = caller_of(n);

    if (!value)
        return word_is_no(word, "word of a caller, or its value is missing", why);
    if (strcmp(word, "every") == 0)
        return word_time(value, &c->every) < 0 || c->every == 0 ? word_is_no(value, "time, such as 1m", why)
                                                                : 1;
    if (strcmp(word, "password") == 0) {
        snprintf(c->password, sizeof(c->password), "%s", value);
        return 1;
    }
    c->server = world_node(n->world, value);
    if (strcmp(word, "calls") != 0 || !c->server || c->server->kind != &kind_otip)
        return word_is_no(value, "server with one-time addresses that was said before", why);
    return 1;
}

static void check_call(const struct caller_node *c, const struct ipaddr *to)
{
    const struct otip_node *o = (const struct otip_node *)c->server;
    nsec_t skew = SECONDS(c->node.wall_step_s - c->server->wall_step_s);
    bool knows = strcmp(c->password, o->password) == 0;

    if (!c->server->up)
        return;
    if (knows && skew <= o->before && -skew <= o->after && !is_open(o, to))
        world_break(c->node.world, "the address of %s that %s computes is not open", c->server->name,
                    c->node.name);
    if (!knows && is_open(o, to))
        world_break(c->node.world, "%s reaches %s without its password", c->node.name, c->server->name);
}

static void call(struct caller_node *c)
{
    const struct otip_node *o = (const struct otip_node *)c->server;
    static const uint8_t hello[] = "hello";
    nsec_t period = o->period ? o->period : SECONDS(32);
    const struct ipaddr to = address_of(o, c->password, (uint64_t)(wall(&c->node) / period));
    const struct packet p = {
        .way = WAY_UDP,
        .from = {.addr = c->node.n_addrs > 0 ? c->node.addrs[0] : c->node.local, .port = 40000},
        .to = {.addr = to, .port = CALL_PORT},
        .bytes = hello,
        .len = sizeof(hello)};

    check_call(c, &to);
    world_send(&c->node, &p);
}

static void caller_start(struct node *n)
{
    struct caller_node *c = caller_of(n);

    c->every = c->every ? c->every : SECONDS(60);
    c->call_at = n->world->now + 1 + (nsec_t)world_below(&n->chance, 2 * (uint64_t)c->every);
}

static void caller_kill(struct node *n)
{
    (void)n;
}

static void caller_hear(struct node *n, const struct packet *p)
{
    (void)p;
    world_say(n, "is answered");
}

static void caller_timeout(struct node *n)
{
    struct caller_node *c = caller_of(n);

    if (c->call_at > n->world->now)
        return;
    caller_start(n);
    if (c->server)
        call(c);
}

static nsec_t caller_deadline(struct node *n)
{
    return caller_of(n)->call_at;
}

const struct node_kind kind_caller = {
    .word = "caller",
    .size = sizeof(struct caller_node),
    .option = caller_option,
    .start = caller_start,
    .kill = caller_kill,
    .hear = caller_hear,
    .timeout = caller_timeout,
    .deadline = caller_deadline,
};
