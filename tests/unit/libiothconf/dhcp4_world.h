/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A DHCPv4 client, a clock, and hand-made replies: what the unit tests of its transitions share. */
#ifndef TEST_DHCP4_WORLD_H
#define TEST_DHCP4_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#define WATCH_ASSERT(condition) assert_true(condition)
#include "dhcp4_reply.h"
#include "dhcp4_watch.h"

struct world {
    struct dhcp4_client *client;
    struct client_env env;
    struct watch watch;
    nsec_t now;
    uint64_t random;
    struct dhcp4_message last; /* the last message that was sent */
    struct client_packet last_packet;
    nsec_t last_at;
    unsigned messages, arps; /* sent */
    struct arp_packet last_arp;
    nsec_t last_arp_at;
};

static inline void world_random(void *arg, void *bytes, size_t len)
{
    struct world *w = arg;
    uint8_t *at = bytes;

    while (len-- > 0) {
        w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        *at++ = (uint8_t)(w->random >> 56);
    }
}

static inline void world_drain(struct world *w)
{
    watch_drain(&w->watch, w->client, w->now);
    for (unsigned i = 0; i < w->watch.n_sent; i++) {
        const struct watch_sent *sent = &w->watch.sent[i];
        if (sent->is_arp) {
            w->last_arp = sent->arp;
            w->last_arp_at = w->now;
            w->arps++;
        } else {
            w->last = sent->message;
            w->last_packet = sent->packet;
            w->last_at = w->now;
            w->messages++;
        }
    }
}

static inline void world_open(struct world *w, const struct dhcp4_client_settings *settings)
{
    static const struct dhcp4_client_settings plain;

    *w = (struct world){.now = 1000 * SEC, .random = 1};
    w->env = (struct client_env){
        .mac = {2, 0, 0, 0, 0, 1}, .mtu = 1500, .ifindex = 1, .random = world_random, .arg = w};
    memcpy(w->watch.mac, w->env.mac, 6);
    assert_int_equal(dhcp4_client_new(&w->env, settings ? settings : &plain, &w->client), 0);
    assert_int_equal(dhcp4_client_deadline(w->client), NSEC_NEVER);
    world_drain(w);
}

static inline void world_close(struct world *w)
{
    dhcp4_client_free(w->client);
}

static inline void world_start(struct world *w)
{
    w->watch.is_stopped = false;
    dhcp4_client_start(w->client, w->now);
    world_drain(w);
}

static inline void world_stop(struct world *w)
{
    w->watch.is_stopped = true;
    dhcp4_client_stop(w->client, w->now);
    world_drain(w);
}

/* To the next deadline; false: there is none by `end`, and it is `end` now. */
static inline bool world_step(struct world *w, nsec_t end)
{
    nsec_t deadline = dhcp4_client_deadline(w->client);

    if (deadline > end) {
        w->now = end;
        return false;
    }
    assert_true(deadline >= w->now);
    w->now = deadline;
    dhcp4_client_timeout(w->client, w->now);
    world_drain(w);
    return true;
}

static inline void world_run(struct world *w, nsec_t time)
{
    nsec_t end = w->now + time;

    while (world_step(w, end))
        ;
}

/* Runs until the next message is sent, at most for `time`; its type, DHCP4_NO_TYPE: none. */
static inline enum dhcp4_type world_hear(struct world *w, nsec_t time)
{
    unsigned messages = w->messages;
    nsec_t end = w->now + time;

    while (w->messages == messages) {
        if (!world_step(w, end))
            return DHCP4_NO_TYPE;
    }
    return w->last.type;
}

/* ---- what comes in ---- */

static inline void world_input(struct world *w, enum client_way way, const void *bytes, size_t len,
                               uint16_t port)
{
    struct client_packet p = {.way = way, .bytes = bytes, .len = len};

    p.from.port = 67;
    p.to.port = port;
    dhcp4_client_input(w->client, &p, w->now);
    world_drain(w);
}

/* A reply to the last message that was sent. */
static inline void world_reply(struct world *w, struct reply r)
{
    uint8_t bytes[DHCP4_MESSAGE_MAX];
    int len = write_reply(&w->last, &r, bytes, sizeof(bytes));

    assert_true(len > 0);
    world_input(w, CLIENT_UDP, bytes, (size_t)len, r.port ? r.port : 68);
}

#define REPLY(w, ...) world_reply(w, (struct reply){__VA_ARGS__})

static inline void world_arp(struct world *w, struct arp_packet arp)
{
    uint8_t bytes[ARP_LEN];

    arp_write(&arp, bytes);
    world_input(w, CLIENT_ARP, bytes, sizeof(bytes), 0);
}

/* DISCOVER, OFFER, REQUEST, DHCPACK with those values, and probing: an address stands. */
static inline void world_bind(struct world *w, struct reply grant)
{
    struct reply offer = grant;

    world_start(w);
    assert_int_equal(world_hear(w, SEC), DHCP4_DISCOVER);
    offer.type = DHCP4_OFFER;
    world_reply(w, offer);
    assert_int_equal(w->last.type, DHCP4_REQUEST);
    grant.type = DHCP4_ACK;
    world_reply(w, grant);
    assert_int_equal(w->watch.addr, 0);
    while (w->watch.addr == 0)
        assert_true(world_step(w, w->now + 5 * SEC));
}

#define BIND(w, ...) world_bind(w, (struct reply){__VA_ARGS__})

#endif
