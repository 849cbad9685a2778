/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the driver is told: the difference between what should stand (`want`) and what it was told before
 * (`told`), one step at each call, and what waits to be sent.
 *
 *   RELEASE                          while the address from which it goes still stands
 *   routes, then the address that are not wanted any more
 *   the address, then the routes, that are wanted and do not stand, or not until then
 *   MTU, names, what is to be saved
 *   BOUND or LOST                    if any of the above was news
 *   other messages                   an announcement speaks of an address that stands
 *
 * So an address is added only when no other one stands, whatever happened between two calls.
 */
#include "libiothconf/dhcp4_client_core.h"

enum { V4_BITS = 96 }; /* of the 128-bit form, before those of IPv4 */

/* ---- the stack ---- */

static enum client_event_kind tell_addr(enum client_event_kind kind, const struct dhcp4_standing *s,
                                        struct client_event *e)
{
    e->addr = ipaddr_of_v4(s->addr);
    e->bits = V4_BITS + s->bits;
    e->preferred_until = e->valid_until = s->until;
    return kind;
}

static enum client_event_kind tell_route(enum client_event_kind kind, const struct dhcp4_standing *s,
                                         unsigned i, struct client_event *e)
{
    e->addr = ipaddr_of_v4(s->routes[i].dest);
    e->bits = V4_BITS + s->routes[i].bits;
    if (s->routes[i].gateway != 0)
        e->gateway = ipaddr_of_v4(s->routes[i].gateway);
    e->valid_until = s->route_until[i];
    return kind;
}

/* The number of a route in `s`; n_routes: it is not there. */
static unsigned find_route(const struct dhcp4_standing *s, const struct dhcp4_route *route)
{
    unsigned i = 0;

    while (i < s->n_routes && (s->routes[i].dest != route->dest || s->routes[i].bits != route->bits ||
                               s->routes[i].gateway != route->gateway))
        i++;
    return i;
}

static enum client_event_kind take_down(struct dhcp4_client *c, struct client_event *e)
{
    struct dhcp4_standing *told = &c->told;
    bool keeps_addr = told->addr == c->want.addr && told->bits == c->want.bits;

    for (unsigned i = told->n_routes; i-- > 0;) { /* a router's own route comes after those that need it */
        if (keeps_addr && find_route(&c->want, &told->routes[i]) < c->want.n_routes)
            continue;
        tell_route(CLIENT_ROUTE_DEL, told, i, e);
        told->n_routes--;
        memmove(&told->routes[i], &told->routes[i + 1], (told->n_routes - i) * sizeof(told->routes[0]));
        memmove(&told->route_until[i], &told->route_until[i + 1],
                (told->n_routes - i) * sizeof(told->route_until[0]));
        return CLIENT_ROUTE_DEL;
    }
    if (told->addr == 0 || keeps_addr)
        return CLIENT_NONE;
    tell_addr(CLIENT_ADDR_DEL, told, e);
    told->addr = 0;
    return CLIENT_ADDR_DEL;
}

static enum client_event_kind put_up_route(struct dhcp4_client *c, unsigned i, struct client_event *e)
{
    struct dhcp4_standing *told = &c->told;
    unsigned at = find_route(told, &c->want.routes[i]);

    if (at < told->n_routes && told->route_until[at] == c->want.route_until[i])
        return CLIENT_NONE;
    if (at == told->n_routes) { /* there is room: all that it has are wanted */
        told->routes[told->n_routes++] = c->want.routes[i];
        c->news = true;
    }
    told->route_until[at] = c->want.route_until[i];
    return tell_route(CLIENT_ROUTE_ADD, &c->want, i, e);
}

static enum client_event_kind put_up(struct dhcp4_client *c, struct client_event *e)
{
    if (c->want.addr == 0)
        return CLIENT_NONE;
    if (c->told.addr == 0 || c->told.until != c->want.until) {
        c->news |= c->told.addr == 0;
        c->told.addr = c->want.addr;
        c->told.bits = c->want.bits;
        c->told.until = c->want.until;
        return tell_addr(CLIENT_ADDR_ADD, &c->want, e);
    }
    for (unsigned i = 0; i < c->want.n_routes; i++) {
        if (put_up_route(c, i, e) != CLIENT_NONE)
            return CLIENT_ROUTE_ADD;
    }
    return CLIENT_NONE;
}

/* Everything but messages. */
static enum client_event_kind change(struct dhcp4_client *c, struct client_event *e)
{
    enum client_event_kind kind = take_down(c, e);

    if (kind != CLIENT_NONE) {
        c->news = true;
        return kind;
    }
    kind = put_up(c, e);
    if (kind != CLIENT_NONE)
        return kind;
    if (c->told.mtu != c->want.mtu) {
        c->told.mtu = e->mtu = c->want.mtu;
        c->news = true;
        return CLIENT_MTU;
    }
    if (c->names_changed) {
        c->names_changed = false;
        c->news = true;
        return CLIENT_NAMES;
    }
    if (c->save_changed) {
        c->save_changed = false;
        dhcp4_client_save(c, c->saved);
        e->bytes = c->saved;
        e->len = c->hint.addr != 0 ? sizeof(c->saved) : 0;
        return CLIENT_SAVE;
    }
    if (!c->news)
        return CLIENT_NONE;
    c->news = false;
    if (c->want.addr != 0)
        return CLIENT_BOUND;
    return c->phase != DHCP4_RESTING ? CLIENT_LOST : CLIENT_NONE;
}

/* ---- messages ---- */

static enum client_event_kind send_packet(struct dhcp4_client *c, struct client_event *e)
{
    c->packet_waits = c->releases = false;
    e->packet = c->packet;
    return CLIENT_SEND;
}

static enum client_event_kind send_arp(struct dhcp4_client *c, struct client_event *e)
{
    c->arp_waits = false;
    arp_write(&c->arp, c->arp_bytes);
    e->packet = (struct client_packet){.way = CLIENT_ARP, .bytes = c->arp_bytes, .len = sizeof(c->arp_bytes)};
    memset(e->packet.to_mac, 0xff, sizeof(e->packet.to_mac));
    return CLIENT_SEND;
}

enum client_event_kind dhcp4_client_next(struct dhcp4_client *c, struct client_event *ret)
{
    *ret = (struct client_event){.kind = CLIENT_NONE};
    if (c->packet_waits && c->releases)
        ret->kind = send_packet(c, ret);
    else
        ret->kind = change(c, ret);
    if (ret->kind != CLIENT_NONE)
        return ret->kind;
    if (c->arp_waits)
        ret->kind = send_arp(c, ret);
    else if (c->packet_waits)
        ret->kind = send_packet(c, ret);
    return ret->kind;
}
