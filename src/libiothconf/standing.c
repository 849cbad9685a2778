/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the clients have made of the stack; see standing.h.

   Each address and route that a client has said to add is an item here until it says to remove it. The table is
   needed for five things: to undo what is undone without the client's help, to put back what Linux drops when a link
   goes down, to watch duplicate address detection, to tell what is ours from what others have put there, and to
   remember which metric a route has got.

   What was there before is left alone, an address that the string configured or that has no end: it counts as
   standing, and its removal as done. One with an end is a leftover of our own, from before a restart, and taken over.

   A route wants a metric of its own, since two of the same destination and metric are one to a stack (lwIP would let the
   second replace the first, Linux refuses it): where there is one already the next higher is tried. Metrics
   begin above those of static routes, which go first.

   What fails for want of descriptors or memory is done later. An item that cannot be taken off for that reason stays in
   the table, `leaving`: on a stack that knows no lifetimes nobody else would take it off.

   Lists are short: cores have maxima for what they hold. */
#include "libiothconf/standing.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

enum {
    METRIC_BASE = 1024, /* Linux gives static routes of IPv6 this metric, those of IPv4 0 */
    METRIC_TRIES = 32,  /* as many routers as one believes to be on a link */
};

enum trial {
    TRIAL_NONE, /* of IPv4, of a route: the stack makes none */
    TRIAL_RUNS,
    TRIAL_PASSED, /* a verdict that waits to be told */
    TRIAL_FAILED,
    TRIAL_TOLD,
};

/* On the stack, by a look at all its addresses. */
enum sight { SEEN_NOT, SEEN_TRYING, SEEN_GOOD, SEEN_BAD };

struct standing_item {
    struct standing_item *next;
    enum conf_source source;
    bool is_route;
    struct ipaddr addr, gateway; /* gateway: of a route, else all zero */
    unsigned bits;
    uint8_t hop_limit;   /* of a route, as the client says it */
    uint32_t metric;     /* as the client says it */
    uint32_t got_metric; /* of a route that is there */
    nsec_t preferred_until, valid_until;
    bool ours;    /* we have added it; else somebody has, or it failed */
    bool leaving; /* nobody wants it any more, but it is there still */
    enum trial trial;
    enum sight seen; /* while it looks */
    int error;
};

void standing_fini(struct standing *s)
{
    while (s->first != NULL) {
        struct standing_item *item = s->first;

        s->first = item->next;
        free(item);
    }
}

/* --- towards the stack --- */

/* Rounded up: a stack that removes it before the client says so would take it away in use. */
static uint32_t seconds_until(nsec_t until, nsec_t now)
{
    nsec_t left;

    if (until == NSEC_NEVER)
        return NETCONF_FOREVER;
    left = until > now ? (until - now + NSEC_PER_SEC - 1) / NSEC_PER_SEC : 0;
    return left < NETCONF_FOREVER ? (uint32_t)left : NETCONF_FOREVER - 1;
}

static struct netconf_addr addr_of(const struct standing_item *item, nsec_t now)
{
    struct netconf_addr addr = {
        .addr = item->addr,
        .bits = item->bits,
        .preferred_s = seconds_until(item->preferred_until, now),
        .valid_s = seconds_until(item->valid_until, now),
        .no_subnet = true,
    };

    if (addr.valid_s == 0)
        addr.valid_s = 1; /* 0 is refused; the client is about to remove it */
    if (addr.preferred_s > addr.valid_s)
        addr.preferred_s = addr.valid_s;
    return addr;
}

static struct netconf_route route_of(const struct standing_item *item, nsec_t now)
{
    uint32_t valid_s = seconds_until(item->valid_until, now);

    return (struct netconf_route){.dst = item->addr,
                                  .bits = item->bits,
                                  .gateway = item->gateway,
                                  .metric = item->got_metric,
                                  .valid_s = valid_s > 0 ? valid_s : 1,
                                  .hop_limit = item->hop_limit,
                                  .protocol = item->source == CONF_RD ? RTPROT_RA : RTPROT_DHCP};
}

struct search {
    const struct ipaddr *addr;
    bool found, permanent;
};

static void search_addr(const struct netconf_addr_state *addr, void *arg)
{
    struct search *search = arg;

    if (!ipaddr_equal(&addr->addr, search->addr))
        return;
    search->found = true;
    search->permanent = addr->permanent;
}

/* Whose is an address that was there before? */
static bool is_leftover(const struct standing *s, const struct standing_item *item)
{
    struct search search = {.addr = &item->addr};

    return netconf_addrs(&s->net, search_addr, &search) == 0 && search.found && !search.permanent;
}

/* What has been renewed in vain is still there, if it failed for a reason that passes. */
static bool is_ours_after(const struct standing_item *item, int rc)
{
    return rc == 0 || (item->ours && netconf_is_for_now(rc));
}

static void begin_trial(struct standing_item *item)
{
    if (!ipaddr_is_v4(&item->addr) && item->trial != TRIAL_TOLD)
        item->trial = TRIAL_RUNS;
}

static void put_addr(struct standing *s, struct standing_item *item, nsec_t now)
{
    struct netconf_addr addr = addr_of(item, now);
    int rc = netconf_addr_add(&s->net, &addr, item->ours ? NETCONF_RENEW : NETCONF_NEW);

    if (rc == -EEXIST && is_leftover(s, item))
        rc = netconf_addr_add(&s->net, &addr, NETCONF_RENEW);
    item->ours = is_ours_after(item, rc);
    item->error = rc == -EEXIST ? 0 : rc;
    if (item->error == 0)
        begin_trial(item);
}

static int add_route(struct standing *s, struct standing_item *item, nsec_t now)
{
    int rc = -EEXIST;

    for (uint32_t i = 0; i < METRIC_TRIES && rc == -EEXIST; i++) {
        struct netconf_route route;

        item->got_metric = METRIC_BASE + item->metric + i;
        route = route_of(item, now);
        rc = netconf_route_add(&s->net, &route, NETCONF_NEW);
    }
    return rc;
}

static void put_route(struct standing *s, struct standing_item *item, nsec_t now)
{
    struct netconf_route route = route_of(item, now);

    if (!item->ours)
        item->error = add_route(s, item, now);
    else if (!ipaddr_is_v4(&item->addr)) /* those of IPv4 have no end */
        item->error = netconf_route_add(&s->net, &route, NETCONF_RENEW);
    item->ours = is_ours_after(item, item->error);
}

static void put(struct standing *s, struct standing_item *item, nsec_t now)
{
    bool stood = item->ours;

    if (item->is_route)
        put_route(s, item, now);
    else
        put_addr(s, item, now);
    s->changes += stood != item->ours;
}

/* Takes it off the stack if we have put it there. An error means that it is gone with its link, but for those that pass:
 * false. */
static bool take_off(struct standing *s, struct standing_item *item)
{
    int rc;

    if (!item->ours)
        return true;
    if (item->is_route) {
        struct netconf_route route = route_of(item, 0);

        rc = netconf_route_del(&s->net, &route);
    } else {
        struct netconf_addr addr = addr_of(item, 0);

        rc = netconf_addr_del(&s->net, &addr);
    }
    if (netconf_is_for_now(rc))
        return false;
    item->ours = false;
    s->changes++;
    return true;
}

/* --- items --- */

/* The same to a stack, whoever wants it. */
static bool is_same(const struct standing_item *a, const struct standing_item *b)
{
    return a->is_route == b->is_route && ipaddr_equal(&a->addr, &b->addr) && a->bits == b->bits &&
           ipaddr_equal(&a->gateway, &b->gateway);
}

static struct standing_item **find(struct standing *s, const struct standing_item *like)
{
    struct standing_item **at = &s->first;

    while (*at != NULL && !((*at)->source == like->source && is_same(*at, like)))
        at = &(*at)->next;
    return at;
}

/* Removes an item; false: not yet. If another source wants the same, it is put back for that. */
static bool remove_item(struct standing *s, struct standing_item **at, nsec_t now)
{
    struct standing_item *item = *at;
    bool ours = item->ours;

    item->leaving = !take_off(s, item);
    if (item->leaving)
        return false;
    *at = item->next;
    for (struct standing_item *other = s->first; ours && other != NULL; other = other->next)
        if (!other->is_route && !other->leaving && is_same(other, item))
            put(s, other, now);
    free(item);
    return true;
}

static struct standing_item item_of(enum conf_source source, const struct client_event *event)
{
    bool is_route = event->kind == CLIENT_ROUTE_ADD || event->kind == CLIENT_ROUTE_DEL;

    return (struct standing_item){.source = source,
                                  .is_route = is_route,
                                  .addr = event->addr,
                                  .gateway = is_route ? event->gateway : (struct ipaddr){.b = {0}},
                                  .bits = event->bits,
                                  .hop_limit = event->hop_limit,
                                  .metric = event->metric,
                                  .preferred_until = event->preferred_until,
                                  .valid_until = event->valid_until};
}

static void add_item(struct standing *s, const struct standing_item *like, nsec_t now)
{
    struct standing_item **at = find(s, like);

    if (*at == NULL) {
        *at = malloc(sizeof(**at));
        if (*at == NULL)
            return; /* as if it had been refused; the next renewal tries again */
        **at = *like;
    } else if ((*at)->is_route && (*at)->metric != like->metric && !take_off(s, *at)) {
        return; /* a router's preference has changed, which waits for its next word */
    }
    (*at)->leaving = false;
    (*at)->hop_limit = like->hop_limit;
    (*at)->metric = like->metric;
    (*at)->preferred_until = like->preferred_until;
    (*at)->valid_until = like->valid_until;
    put(s, *at, now);
}

void standing_event(struct standing *s, enum conf_source source, const struct client_event *event, nsec_t now)
{
    struct standing_item like = item_of(source, event);

    if (event->kind == CLIENT_ADDR_ADD || event->kind == CLIENT_ROUTE_ADD) {
        add_item(s, &like, now);
    } else {
        struct standing_item **at = find(s, &like);

        if (*at != NULL)
            (void)remove_item(s, at, now);
    }
}

/* Addresses first: routes need them. */
void standing_restore(struct standing *s, nsec_t now)
{
    for (int routes = 0; routes <= 1; routes++)
        for (struct standing_item *item = s->first; item != NULL; item = item->next)
            if (item->is_route == (routes == 1) && !item->leaving) {
                item->trial = item->trial == TRIAL_NONE ? TRIAL_NONE : TRIAL_RUNS;
                item->ours = item->ours && !item->is_route; /* may be gone, and comes back by a new request */
                put(s, item, now);
            }
}

void standing_drop(struct standing *s, enum conf_source source, nsec_t now)
{
    struct standing_item **at = &s->first;

    while (*at != NULL) {
        if ((*at)->source != source || !remove_item(s, at, now))
            at = &(*at)->next;
    }
}

static bool waits(const struct standing_item *item)
{
    return item->leaving || netconf_is_for_now(item->error);
}

bool standing_waits(const struct standing *s)
{
    for (const struct standing_item *item = s->first; item != NULL; item = item->next)
        if (waits(item))
            return true;
    return false;
}

void standing_retry(struct standing *s, nsec_t now)
{
    struct standing_item **at = &s->first;

    while (*at != NULL) {
        if ((*at)->leaving && remove_item(s, at, now))
            continue;
        if (!(*at)->leaving && waits(*at))
            put(s, *at, now);
        at = &(*at)->next;
    }
}

/* --- duplicate address detection --- */

bool standing_is_trying(const struct standing *s, enum conf_source source)
{
    for (const struct standing_item *item = s->first; item != NULL; item = item->next)
        if (item->trial == TRIAL_RUNS && !item->leaving && (source == CONF_STATIC || item->source == source))
            return true;
    return false;
}

static void see(const struct netconf_addr_state *addr, void *arg)
{
    struct standing *s = arg;

    for (struct standing_item *item = s->first; item != NULL; item = item->next)
        if (ipaddr_equal(&addr->addr, &item->addr))
            item->seen = addr->duplicate ? SEEN_BAD : addr->tentative ? SEEN_TRYING : SEEN_GOOD;
}

/* Linux marks an address that has failed if it has no end, and removes it if it has one. */
void standing_look(struct standing *s)
{
    for (struct standing_item *item = s->first; item != NULL; item = item->next)
        item->seen = SEEN_NOT;
    if (!standing_is_trying(s, CONF_STATIC) || netconf_addrs(&s->net, see, s) < 0)
        return;
    for (struct standing_item *item = s->first; item != NULL; item = item->next) {
        if (item->trial != TRIAL_RUNS || item->leaving)
            continue;
        if (item->seen == SEEN_GOOD)
            item->trial = TRIAL_PASSED;
        else if (item->seen != SEEN_TRYING)
            item->trial = TRIAL_FAILED;
        s->changes += item->trial != TRIAL_RUNS;
    }
}

bool standing_verdict(struct standing *s, enum conf_source *ret_source, struct ipaddr *ret_addr,
                      bool *ret_duplicate)
{
    for (struct standing_item *item = s->first; item != NULL; item = item->next) {
        if (item->leaving || (item->trial != TRIAL_PASSED && item->trial != TRIAL_FAILED))
            continue;
        *ret_duplicate = item->trial == TRIAL_FAILED;
        *ret_source = item->source;
        *ret_addr = item->addr;
        item->trial = TRIAL_TOLD;
        return true;
    }
    return false;
}

bool standing_next_address(const struct standing *s, enum conf_source source, const struct standing_item **at,
                           struct standing_address *ret)
{
    const struct standing_item *item = *at == NULL ? s->first : (*at)->next;

    while (item != NULL && (item->is_route || item->leaving || item->source != source || item->error != 0 ||
                            item->trial == TRIAL_RUNS || item->trial == TRIAL_FAILED))
        item = item->next;
    if (item == NULL)
        return false;
    *at = item;
    *ret = (struct standing_address){item->addr, item->preferred_until, item->valid_until};
    return true;
}

int standing_error(const struct standing *s, enum conf_source source)
{
    for (const struct standing_item *item = s->first; item != NULL; item = item->next)
        if (item->source == source && !item->is_route && !item->leaving && item->error < 0)
            return item->error;
    return 0;
}
