/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What must always hold of the DHCPv4 client, whatever it hears: watched at each of its events, in unit
 * tests, in the simulation and by the fuzzer, which say beforehand what WATCH_ASSERT is.
 *
 *   one address at a time, never a doubtful one, and never beyond its end; nothing is taken down that does
 *   not stand routes lead through routers that can be reached messages are whole and have what RFC 2131
 *   tables 4 and 5 say; their source is an address that stands, or none a deadline lies in the future once
 *   everything has been said
 */
#ifndef TEST_DHCP4_WATCH_H
#define TEST_DHCP4_WATCH_H

#include <string.h>

#include "libiothconf/dhcp4_client.h"
#include "wire/arp.h"

enum { WATCH_ROUTES_MAX = 64, WATCH_EVENTS_MAX = 200, WATCH_SENT_MAX = 8 };

struct watch_route {
    struct ipaddr dest, gateway;
    unsigned bits;
};

struct watch_sent {
    bool is_arp;
    struct client_packet packet; /* its bytes: the copy */
    uint8_t bytes[DHCP4_MESSAGE_MAX];
    struct dhcp4_message message;
    struct arp_packet arp;
};

struct watch {
    uint8_t mac[6];
    uint32_t addr; /* 0: none stands */
    unsigned bits;
    nsec_t until;
    unsigned n_routes;
    struct watch_route routes[WATCH_ROUTES_MAX];
    uint16_t mtu;
    unsigned counts[CLIENT_SAVE + 1]; /* events since the beginning, by kind */
    uint8_t saved[64];
    size_t saved_len;
    unsigned n_sent; /* in the last drain */
    struct watch_sent sent[WATCH_SENT_MAX];
    bool is_stopped;
};

/* ---- what stands ---- */

static inline bool watch_is_zero(const void *bytes, size_t len)
{
    static const uint8_t zero[16];

    return memcmp(bytes, zero, len) == 0;
}

static inline void watch_addr(struct watch *w, const struct client_event *e, nsec_t now)
{
    uint32_t addr = ipaddr_to_v4(&e->addr), first = addr >> 24;

    WATCH_ASSERT(ipaddr_is_v4(&e->addr) && e->bits > 96 && e->bits <= 128);
    if (e->kind == CLIENT_ADDR_DEL) {
        WATCH_ASSERT(w->addr == addr && w->bits == e->bits && w->n_routes == 0);
        w->addr = 0;
        return;
    }
    WATCH_ASSERT(w->addr == 0 || (w->addr == addr && w->bits == e->bits));
    WATCH_ASSERT(first != 0 && first != 127 && first < 224);
    WATCH_ASSERT(e->valid_until > now && e->preferred_until == e->valid_until);
    w->addr = addr;
    w->bits = e->bits;
    w->until = e->valid_until;
}

static inline bool watch_is_on_link(const struct watch *w, const struct ipaddr *gateway)
{
    struct ipaddr own = ipaddr_of_v4(w->addr);

    if (ipaddr_same_prefix(&own, gateway, w->bits))
        return true;
    for (unsigned i = 0; i < w->n_routes; i++) {
        if (watch_is_zero(w->routes[i].gateway.b, 16) &&
            ipaddr_same_prefix(&w->routes[i].dest, gateway, w->routes[i].bits))
            return true;
    }
    return false;
}

static inline unsigned watch_find_route(const struct watch *w, const struct client_event *e)
{
    unsigned i = 0;

    while (i < w->n_routes && (w->routes[i].bits != e->bits || !ipaddr_equal(&w->routes[i].dest, &e->addr)))
        i++;
    return i;
}

static inline void watch_route(struct watch *w, const struct client_event *e)
{
    unsigned i = watch_find_route(w, e);

    WATCH_ASSERT(w->addr != 0 && ipaddr_is_v4(&e->addr) && e->bits >= 96 && e->bits <= 128);
    if (e->kind == CLIENT_ROUTE_DEL) {
        WATCH_ASSERT(i < w->n_routes && ipaddr_equal(&w->routes[i].gateway, &e->gateway));
        w->routes[i] = w->routes[--w->n_routes];
        return;
    }
    WATCH_ASSERT(watch_is_zero(e->gateway.b, 16) || watch_is_on_link(w, &e->gateway));
    WATCH_ASSERT(e->valid_until == w->until);
    if (i < w->n_routes) {
        WATCH_ASSERT(ipaddr_equal(&w->routes[i].gateway, &e->gateway));
        return;
    }
    WATCH_ASSERT(w->n_routes < WATCH_ROUTES_MAX);
    w->routes[w->n_routes++] = (struct watch_route){.dest = e->addr, .gateway = e->gateway, .bits = e->bits};
}

/* ---- what is sent ---- */

static inline void watch_message(const struct watch *w, const struct client_packet *p,
                                 const struct dhcp4_message *m)
{
    uint32_t from = ipaddr_to_v4(&p->from.addr), to = ipaddr_to_v4(&p->to.addr), server = 0;
    bool has_server = dhcp4_u32(m, DHCP4_SERVER_ID, &server);
    bool has_requested = dhcp4_has(m, DHCP4_REQUESTED_ADDRESS);
    bool is_frame = !watch_is_zero(p->to_mac, 6);

    WATCH_ASSERT(p->len >= DHCP4_MESSAGE_MIN && p->from.port == 68 && p->to.port == 67);
    WATCH_ASSERT(m->header.op == DHCP4_BOOTREQUEST && m->header.htype == 1 && m->header.hlen == 6);
    WATCH_ASSERT(memcmp(m->header.chaddr, w->mac, 6) == 0 && m->header.yiaddr == 0 && m->header.giaddr == 0);
    WATCH_ASSERT(dhcp4_has(m, DHCP4_CLIENT_ID) && !dhcp4_has(m, DHCP4_HOST_NAME));
    WATCH_ASSERT(from == m->header.ciaddr && (from == 0 || from == w->addr));
    WATCH_ASSERT(is_frame == (to == UINT32_MAX) && (is_frame || from != 0));
    switch (m->type) {
    case DHCP4_DISCOVER:
        WATCH_ASSERT(from == 0 && !has_server && dhcp4_has(m, DHCP4_PARAMETER_LIST));
        break;
    case DHCP4_REQUEST:
        WATCH_ASSERT(from == 0 ? has_requested : !has_server && !has_requested);
        break;
    case DHCP4_DECLINE:
        WATCH_ASSERT(from == 0 && has_server && has_requested);
        break;
    case DHCP4_RELEASE:
        WATCH_ASSERT(from != 0 && has_server && to == server && !has_requested);
        break;
    default:
        WATCH_ASSERT(m->type == DHCP4_DISCOVER); /* a message that clients do not send */
    }
}

static inline void watch_send(struct watch *w, const struct client_packet *p)
{
    WATCH_ASSERT(w->n_sent < WATCH_SENT_MAX);
    struct watch_sent *sent = &w->sent[w->n_sent++];
    sent->packet = *p;
    WATCH_ASSERT(p->len <= sizeof(sent->bytes));
    memcpy(sent->bytes, p->bytes, p->len);
    sent->packet.bytes = sent->bytes;
    sent->is_arp = p->way == CLIENT_ARP;
    if (!sent->is_arp) {
        WATCH_ASSERT(p->way == CLIENT_UDP && dhcp4_read(p->bytes, p->len, &sent->message) == 0);
        watch_message(w, p, &sent->message);
        return;
    }
    WATCH_ASSERT(arp_read(p->bytes, p->len, &sent->arp) == 0 && sent->arp.operation == ARP_REQUEST);
    WATCH_ASSERT(memcmp(sent->arp.sender_mac, w->mac, 6) == 0 && sent->arp.target != 0);
    WATCH_ASSERT(sent->arp.sender == 0 || (sent->arp.sender == w->addr && sent->arp.target == w->addr));
}

/* ---- the driver ---- */

static inline void watch_event(struct watch *w, const struct client_event *e, nsec_t now)
{
    w->counts[e->kind]++;
    switch (e->kind) {
    case CLIENT_SEND:
        watch_send(w, &e->packet);
        break;
    case CLIENT_ADDR_ADD:
    case CLIENT_ADDR_DEL:
        watch_addr(w, e, now);
        break;
    case CLIENT_ROUTE_ADD:
    case CLIENT_ROUTE_DEL:
        watch_route(w, e);
        break;
    case CLIENT_MTU:
        WATCH_ASSERT(e->mtu == 0 || e->mtu >= 576);
        w->mtu = e->mtu;
        break;
    case CLIENT_BOUND:
        WATCH_ASSERT(w->addr != 0);
        break;
    case CLIENT_LOST:
        WATCH_ASSERT(w->addr == 0 && w->n_routes == 0 && w->mtu == 0 && !w->is_stopped);
        break;
    case CLIENT_SAVE:
        WATCH_ASSERT(e->len <= sizeof(w->saved));
        memcpy(w->saved, e->bytes, e->len);
        w->saved_len = e->len;
        break;
    case CLIENT_NAMES:
        break;
    default:
        WATCH_ASSERT(e->kind == CLIENT_NONE); /* an event that DHCPv4 does not know */
    }
}

/* After each call of the core: takes its events, and looks whether all is well. */
static inline void watch_drain(struct watch *w, struct dhcp4_client *c, nsec_t now)
{
    struct client_event e;
    unsigned n = 0;

    w->n_sent = 0;
    while (dhcp4_client_next(c, &e) != CLIENT_NONE) {
        watch_event(w, &e, now);
        WATCH_ASSERT(++n < WATCH_EVENTS_MAX);
    }
    WATCH_ASSERT(dhcp4_client_deadline(c) > now);
    WATCH_ASSERT(w->addr == 0 || w->until > now);
    WATCH_ASSERT((w->addr != 0) == (dhcp4_client_granted(c) != NULL));
    if (w->addr == 0)
        WATCH_ASSERT(dhcp4_client_names(c)->n_servers == 0 && dhcp4_client_names(c)->n_domains == 0);
    if (w->is_stopped)
        WATCH_ASSERT(dhcp4_client_deadline(c) == NSEC_NEVER && w->addr == 0);
}

#endif
