/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A world around one client of router discovery: a virtual clock, advertisements made by hand, and a stack that
 * remembers what it was told. The stack checks at every step what must always hold: nothing is added twice as another
 * thing or taken back twice, every address and route that it has is within its lifetime, a deadline is in the future.
 */
#ifndef RD_WORLD_H
#define RD_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "libiothconf/rd_client.h"
#include "wire/nd.h"

#define SEC NSEC_PER_SEC

enum {
    HELD_MAX = RD_ADDRESSES_MAX * 2 + RD_ROUTERS_MAX * (RD_ROUTES_MAX + 1),
    ADVERT_MAX = 1400,
    LINK_MTU = 1500,
};

/* An address or a route that the stack has. */
struct held {
    bool used, is_addr;
    struct client_event event;
};

struct world {
    struct rd_client *client;
    nsec_t now;
    uint64_t chance;
    bool verdicts; /* the stack finds each address unique at once */
    void (*on_solicitation)(struct world *w, const struct client_packet *packet); /* NULL: nobody hears it */
    void *arg;                                                                    /* for that function */
    struct held held[HELD_MAX];
    unsigned counts[CLIENT_SAVE + 1]; /* of events by their kinds */
    uint16_t mtu;
    uint32_t reachable_ms, retrans_ms;
    bool managed, other;
    struct ipaddr duplicate; /* of the last CLIENT_DUPLICATE */
    struct client_names names;
    bool bound;
};

static inline struct ipaddr addr_of(const char *text)
{
    struct ipaddr addr;

    assert_int_equal(ipaddr_parse(text, strlen(text), &addr), 0);
    return addr;
}

static inline void world_random(void *arg, void *bytes, size_t len)
{
    struct world *w = arg;

    for (size_t i = 0; i < len; i++) {
        w->chance = w->chance * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)bytes)[i] = (uint8_t)(w->chance >> 56);
    }
}

static const uint8_t world_name[] = "\4node\4hash\5local";

static inline struct client_env world_env(struct world *w)
{
    return (struct client_env){.mac = {2, 0, 0, 0xaa, 0xbb, 0xcc},
                               .mtu = LINK_MTU,
                               .ifindex = 2,
                               .fqdn = world_name,
                               .random = world_random,
                               .arg = w};
}

/* --- the stack --- */

static inline struct held *held_find(struct world *w, bool is_addr, const struct client_event *e)
{
    for (unsigned i = 0; i < HELD_MAX; i++) {
        struct held *h = &w->held[i];
        if (h->used && h->is_addr == is_addr && h->event.bits == e->bits &&
            ipaddr_equal(&h->event.addr, &e->addr) &&
            (is_addr || (h->event.metric == e->metric && ipaddr_equal(&h->event.gateway, &e->gateway))))
            return h;
    }
    return NULL;
}

static inline void held_add(struct world *w, bool is_addr, const struct client_event *e)
{
    struct held *h = held_find(w, is_addr, e);

    assert_true(e->valid_until > w->now);
    for (unsigned i = 0; i < HELD_MAX && !h; i++)
        h = w->held[i].used ? NULL : &w->held[i];
    assert_non_null(h);
    *h = (struct held){.used = true, .is_addr = is_addr, .event = *e};
}

static inline void held_del(struct world *w, bool is_addr, const struct client_event *e)
{
    struct held *h = held_find(w, is_addr, e);

    assert_non_null(h);
    h->used = false;
}

static inline void world_solicited(struct world *w, const struct client_event *e)
{
    static const uint8_t solicitation[8] = {ND_ROUTER_SOLICIT};

    assert_int_equal(e->packet.way, CLIENT_ICMP6);
    assert_true(ipaddr_equal(&e->packet.to.addr, &nd_all_routers));
    assert_true(nd_is_unspecified(&e->packet.from.addr));
    assert_int_equal(e->packet.len, sizeof(solicitation));
    assert_memory_equal(e->packet.bytes, solicitation, sizeof(solicitation));
    if (w->on_solicitation)
        w->on_solicitation(w, &e->packet);
}

static inline void world_take(struct world *w, const struct client_event *e)
{
    w->counts[e->kind]++;
    switch (e->kind) {
    case CLIENT_SEND:
        world_solicited(w, e);
        break;
    case CLIENT_ADDR_ADD:
        held_add(w, true, e);
        break;
    case CLIENT_ADDR_DEL:
        held_del(w, true, e);
        break;
    case CLIENT_ROUTE_ADD:
        held_add(w, false, e);
        break;
    case CLIENT_ROUTE_DEL:
        held_del(w, false, e);
        break;
    case CLIENT_MTU:
        w->mtu = e->mtu;
        break;
    case CLIENT_TIMERS:
        w->reachable_ms = e->reachable_ms;
        w->retrans_ms = e->retrans_ms;
        break;
    case CLIENT_NAMES:
        rd_client_names(w->client, &w->names);
        break;
    case CLIENT_MANAGED:
        w->managed = e->managed;
        w->other = e->other;
        break;
    case CLIENT_DUPLICATE:
        w->duplicate = e->addr;
        break;
    case CLIENT_BOUND:
        w->bound = true;
        break;
    case CLIENT_LOST:
        assert_true(w->bound);
        w->bound = false;
        break;
    default:
        fail_msg("an event of kind %d", (int)e->kind);
    }
}

/* Takes all events; then looks whether what the stack has is within its lifetimes. */
static inline void world_drain(struct world *w)
{
    struct client_event e;

    while (rd_client_next(w->client, &e) != CLIENT_NONE) {
        world_take(w, &e);
        if (e.kind == CLIENT_ADDR_ADD && w->verdicts)
            rd_client_verdict(w->client, &e.addr, false, w->now);
    }
    for (unsigned i = 0; i < HELD_MAX; i++)
        assert_true(!w->held[i].used || w->held[i].event.valid_until > w->now);
    assert_true(rd_client_deadline(w->client) > w->now);
}

/* --- the clock --- */

static inline void world_run(struct world *w, nsec_t until)
{
    while (rd_client_deadline(w->client) <= until) {
        w->now = rd_client_deadline(w->client);
        rd_client_timeout(w->client, w->now);
        world_drain(w);
    }
    w->now = until;
}

static inline void world_wait(struct world *w, nsec_t span)
{
    world_run(w, w->now + span);
}

static inline void world_open_with(struct world *w, const struct rd_settings *settings)
{
    *w = (struct world){.now = 1000 * SEC, .chance = 1, .verdicts = true};
    struct client_env env = world_env(w);
    assert_int_equal(rd_client_new(&env, settings, &w->client), 0);
    assert_true(rd_client_deadline(w->client) == NSEC_NEVER);
    rd_client_start(w->client, w->now);
    world_drain(w);
}

static inline void world_open(struct world *w)
{
    world_open_with(w, &(struct rd_settings){.identifier = RD_HASHED});
}

/* Stops the client and sees that it has taken everything back. */
static inline void world_close(struct world *w)
{
    rd_client_stop(w->client, w->now);
    world_drain(w);
    assert_true(rd_client_deadline(w->client) == NSEC_NEVER);
    for (unsigned i = 0; i < HELD_MAX; i++)
        assert_false(w->held[i].used);
    assert_int_equal(w->mtu, 0);
    assert_int_equal(w->reachable_ms + w->retrans_ms, 0);
    assert_int_equal(w->names.n_servers + w->names.n_domains, 0);
    rd_client_free(w->client);
}

/* --- advertisements --- */

struct advert {
    uint8_t bytes[ADVERT_MAX];
    struct writer w;
};

static inline void advert_begin(struct advert *a, const struct nd_router *router)
{
    a->w = writer_of(a->bytes, sizeof(a->bytes));
    nd_write(&a->w, &(struct nd_message){.type = ND_ROUTER_ADVERT, .router = *router});
}

static inline void advert_put(struct advert *a, const struct nd_option *option)
{
    nd_write_option(&a->w, option);
    assert_false(a->w.bad);
}

static inline void advert_prefix(struct advert *a, const char *prefix, uint8_t bits, uint8_t flags,
                                 uint32_t valid_s, uint32_t preferred_s)
{
    advert_put(a, &(struct nd_option){.type = ND_PREFIX,
                                      .prefix = {.prefix = addr_of(prefix),
                                                 .bits = bits,
                                                 .flags = flags,
                                                 .valid_s = valid_s,
                                                 .preferred_s = preferred_s}});
}

static inline void advert_route(struct advert *a, const char *prefix, uint8_t bits,
                                enum nd_preference preference, uint32_t lifetime_s)
{
    advert_put(a, &(struct nd_option){.type = ND_ROUTE,
                                      .route = {.prefix = addr_of(prefix),
                                                .bits = bits,
                                                .preference = preference,
                                                .lifetime_s = lifetime_s}});
}

static inline void advert_server(struct advert *a, const char *addr, uint32_t lifetime_s)
{
    struct ipaddr server = addr_of(addr);

    advert_put(a, &(struct nd_option){.type = ND_RDNSS,
                                      .rdnss = {.n = 1, .servers = &server, .lifetime_s = lifetime_s}});
}

static inline void advert_domain(struct advert *a, const char *text, uint32_t lifetime_s)
{
    uint8_t name[DNAME_MAX];
    int len = dname_from_text(text, strlen(text), name);

    assert_true(len > 0);
    advert_put(
        a, &(struct nd_option){.type = ND_DNSSL,
                               .dnssl = {.names = reader_of(name, (size_t)len), .lifetime_s = lifetime_s}});
}

static inline void world_hear_bytes(struct world *w, const char *from, uint8_t hop_limit,
                                    const uint8_t *bytes, size_t len)
{
    struct client_packet packet = {.way = CLIENT_ICMP6,
                                   .from.addr = addr_of(from),
                                   .to.addr = nd_all_nodes,
                                   .hop_limit = hop_limit,
                                   .bytes = bytes,
                                   .len = len};

    rd_client_input(w->client, &packet, w->now);
    world_drain(w);
}

static inline void world_hear(struct world *w, const char *from, const struct advert *a)
{
    world_hear_bytes(w, from, ND_HOP_LIMIT, a->bytes, a->w.pos);
}

/* --- what most tests say --- */

#define LA (ND_PREFIX_ON_LINK | ND_PREFIX_AUTONOMOUS)

/* The address of "node.hash.local" in 2001:db8:1::/64, in 2001:db8:2::/64. */
#define HASHED_1 "2001:db8:1:0:b4d7:52d2:c0d4:92e7"
#define HASHED_2 "2001:db8:2:0:b4d7:52d2:c0d4:92e7"

static const struct nd_router usual = {.hop_limit = 64, .lifetime_s = 1800};
static const struct nd_router no_router = {.lifetime_s = 0};

/* One prefix, valid for a day, preferred for four hours. */
static inline void hear_usual(struct world *w, const char *from, const char *prefix)
{
    struct advert a;

    advert_begin(&a, &usual);
    advert_prefix(&a, prefix, 64, LA, 86400, 14400);
    world_hear(w, from, &a);
}

static inline void hear_prefix(struct world *w, const char *prefix, uint8_t bits, uint8_t flags,
                               uint32_t valid_s, uint32_t preferred_s)
{
    struct advert a;

    advert_begin(&a, &no_router);
    advert_prefix(&a, prefix, bits, flags, valid_s, preferred_s);
    world_hear(w, "fe80::1", &a);
}

static inline void hear_mtu(struct world *w, const char *from, uint32_t mtu)
{
    struct advert a;

    advert_begin(&a, &usual);
    advert_put(&a, &(struct nd_option){.type = ND_MTU, .mtu = mtu});
    world_hear(w, from, &a);
}

/* --- what stands --- */

static inline const struct client_event *world_has_addr(struct world *w, const char *addr, unsigned bits)
{
    struct client_event e = {.addr = addr_of(addr), .bits = bits};
    struct held *h = held_find(w, true, &e);

    return h ? &h->event : NULL;
}

/* Of any metric; NULL: there is none. */
static inline const struct client_event *world_has_route(struct world *w, const char *addr, unsigned bits,
                                                         const char *gateway)
{
    struct ipaddr prefix = addr_of(addr), by = addr_of(gateway);

    for (unsigned i = 0; i < HELD_MAX; i++) {
        const struct held *h = &w->held[i];
        if (h->used && !h->is_addr && h->event.bits == bits && ipaddr_equal(&h->event.addr, &prefix) &&
            ipaddr_equal(&h->event.gateway, &by))
            return &h->event;
    }
    return NULL;
}

static inline unsigned world_count(const struct world *w, bool is_addr)
{
    unsigned n = 0;

    for (unsigned i = 0; i < HELD_MAX; i++)
        n += w->held[i].used && w->held[i].is_addr == is_addr;
    return n;
}

static inline void assert_server(const struct world *w, unsigned i, const char *addr)
{
    struct ipaddr expected = addr_of(addr);

    assert_true(i < w->names.n_servers);
    assert_true(ipaddr_equal(&w->names.servers[i], &expected));
}

#endif
