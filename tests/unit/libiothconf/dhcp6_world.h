/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What stands around a DHCPv6 client in a test: time, chance, the stack that does what the events say, and
 * the last messages that were sent. After every call what must hold always is checked by WORLD_ASSERT, which
 * whoever includes this defines: no address stands at or after its end, none is taken away that does not
 * stand, a deadline comes before each end, all that is sent is well formed and says who we are.
 */
#ifndef TEST_DHCP6_WORLD_H
#define TEST_DHCP6_WORLD_H

#include "libiothconf/dhcp6_client.h"
#include "wire/dhcp6.h"

#include <string.h>

enum {
    WORLD_STANDS = 16,
    WORLD_SENT = 64, /* kept; a ring */
    WORLD_MESSAGE = 1280,
    WORLD_SAVED = 8192,
};

struct world_address {
    struct ipaddr addr;
    nsec_t preferred_until, valid_until;
};

struct world_sent {
    nsec_t at;
    struct ipaddr from;
    size_t len;
    uint8_t bytes[WORLD_MESSAGE];
};

struct world {
    struct dhcp6_client *x;
    struct dhcp6_client_settings settings;
    struct client_env env;
    nsec_t now;
    struct ipaddr to; /* where packets go to, as the client is told; all zero: not */
    uint64_t random;
    bool stopped;
    unsigned n_stands;
    struct world_address stands[WORLD_STANDS];
    bool bound; /* BOUND was said, and LOST was not */
    unsigned n_bound, n_lost, n_names, n_saves, n_adds, n_dels;
    uint8_t saved[WORLD_SAVED];
    size_t saved_len;
    unsigned n_sent;
    struct world_sent sent[WORLD_SENT];
    void (*on_send)(struct world *w, const struct world_sent *sent); /* may be NULL */
    void *arg;
};

static inline void world_random(void *arg, void *bytes, size_t len)
{
    struct world *w = arg;

    for (size_t i = 0; i < len; i++) {
        w->random = w->random * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)bytes)[i] = (uint8_t)(w->random >> 56);
    }
}

static inline struct world_address *world_find(struct world *w, const struct ipaddr *addr)
{
    for (unsigned i = 0; i < w->n_stands; i++) {
        if (ipaddr_equal(&w->stands[i].addr, addr))
            return &w->stands[i];
    }
    return NULL;
}

static inline void world_on_add(struct world *w, const struct client_event *e)
{
    struct world_address *a = world_find(w, &e->addr);

    WORLD_ASSERT(e->bits == 128 && e->valid_until > w->now && e->preferred_until <= e->valid_until);
    if (!a) {
        WORLD_ASSERT(w->n_stands < WORLD_STANDS);
        a = &w->stands[w->n_stands++];
    }
    *a = (struct world_address){e->addr, e->preferred_until, e->valid_until};
    w->n_adds++;
}

static inline void world_on_del(struct world *w, const struct client_event *e)
{
    struct world_address *a = world_find(w, &e->addr);

    WORLD_ASSERT(a);
    *a = w->stands[--w->n_stands];
    w->n_dels++;
}

static inline void world_on_send(struct world *w, const struct client_packet *p)
{
    static struct dhcp6_message m;
    struct world_sent *s = &w->sent[w->n_sent++ % WORLD_SENT];

    WORLD_ASSERT(p->way == CLIENT_UDP && p->len > 0 && p->len <= WORLD_MESSAGE);
    WORLD_ASSERT(p->to.port == DHCP6_SERVER_PORT && ipaddr_equal(&p->to.addr, &DHCP6_ALL_AGENTS));
    WORLD_ASSERT(p->from.port == DHCP6_CLIENT_PORT);
    s->at = w->now;
    s->from = p->from.addr;
    s->len = p->len;
    memcpy(s->bytes, p->bytes, p->len);
    WORLD_ASSERT(dhcp6_read(s->bytes, s->len, &m) == 0 && m.malformed == 0 && m.others.n == 0);
    WORLD_ASSERT(m.has & DHCP6_HAS_CLIENT_ID && m.has & DHCP6_HAS_ELAPSED);
    WORLD_ASSERT(m.client_id.len == w->settings.duid.len);
    WORLD_ASSERT(memcmp(m.client_id.at, w->settings.duid.bytes, m.client_id.len) == 0);
    if (w->on_send)
        w->on_send(w, s);
}

static inline void world_on_save(struct world *w, const struct client_event *e)
{
    WORLD_ASSERT(e->len <= WORLD_SAVED);
    if (e->len > 0)
        memcpy(w->saved, e->bytes, e->len);
    w->saved_len = e->len;
    w->n_saves++;
}

static inline void world_take(struct world *w, const struct client_event *e)
{
    switch (e->kind) {
    case CLIENT_SEND:
        world_on_send(w, &e->packet);
        break;
    case CLIENT_ADDR_ADD:
        world_on_add(w, e);
        break;
    case CLIENT_ADDR_DEL:
        world_on_del(w, e);
        break;
    case CLIENT_NAMES:
        w->n_names++;
        break;
    case CLIENT_BOUND:
        w->bound = true;
        w->n_bound++;
        break;
    case CLIENT_LOST:
        WORLD_ASSERT(w->bound && w->n_stands == 0);
        w->bound = false;
        w->n_lost++;
        break;
    case CLIENT_SAVE:
        world_on_save(w, e);
        break;
    default:
        WORLD_ASSERT(e->kind == CLIENT_NONE); /* this client has no others */
    }
}

/* Takes all events; then what must hold is looked at. */
static inline void world_drain(struct world *w)
{
    struct client_event e;

    while (dhcp6_client_next(w->x, &e) != CLIENT_NONE)
        world_take(w, &e);
    for (unsigned i = 0; i < w->n_stands; i++) {
        WORLD_ASSERT(w->stands[i].valid_until > w->now);
        WORLD_ASSERT(dhcp6_client_deadline(w->x) <= w->stands[i].valid_until);
    }
    WORLD_ASSERT(!w->stopped || w->n_stands == 0);
}

static inline void world_timeout(struct world *w)
{
    dhcp6_client_timeout(w->x, w->now);
    world_drain(w);
}

/* Lets time pass, with a stop at each deadline. A deadline that has come is served at once, and then is
 * another. */
static inline void world_wait_until(struct world *w, nsec_t until)
{
    unsigned at_once = 0;

    while (dhcp6_client_deadline(w->x) <= until) {
        nsec_t due = dhcp6_client_deadline(w->x);
        at_once = due > w->now ? 0 : at_once + 1;
        WORLD_ASSERT(at_once < 16);
        if (due > w->now)
            w->now = due;
        world_timeout(w);
    }
    if (until > w->now)
        w->now = until;
}

static inline void world_wait(struct world *w, nsec_t span)
{
    world_wait_until(w, w->now + span);
}

/* Hands bytes to the client, in a block of their own size, so that a sanitizer sees a read beyond. */
static inline void world_input(struct world *w, const void *bytes, size_t len)
{
    uint8_t *copy = malloc(len + !len);
    struct client_packet p = {.way = CLIENT_UDP,
                              .from.port = DHCP6_SERVER_PORT,
                              .to = {.addr = w->to, .port = DHCP6_CLIENT_PORT},
                              .bytes = copy,
                              .len = len};

    WORLD_ASSERT(copy);
    memcpy(copy, bytes, len);
    dhcp6_client_input(w->x, &p, w->now);
    free(copy);
    world_drain(w);
}

static inline void world_give(struct world *w, const struct dhcp6_message *m)
{
    static uint8_t bytes[UINT16_MAX];
    struct writer out = writer_of(bytes, sizeof(bytes));

    WORLD_ASSERT(dhcp6_write(&out, m) == 0);
    world_input(w, bytes, out.pos);
}

static inline const struct world_sent *world_last(const struct world *w)
{
    WORLD_ASSERT(w->n_sent > 0);
    return &w->sent[(w->n_sent - 1) % WORLD_SENT];
}

/* A client at rest, with a MAC address and perhaps a name in wire form. */
static inline void world_init(struct world *w, enum dhcp6_mode mode, const uint8_t *fqdn)
{
    static const uint8_t mac[6] = {2, 0, 0x5e, 0x10, 0, 1};

    memset(w, 0, sizeof(*w));
    w->now = 1000 * NSEC_PER_SEC;
    w->env = (struct client_env){.mtu = 1500, .ifindex = 2, .fqdn = fqdn, .random = world_random, .arg = w};
    memcpy(w->env.mac, mac, sizeof(mac));
    w->settings.duid = duid_from_mac(mac);
    w->settings.iaid = duid_iaid(mac);
    w->settings.mode = mode;
}

static inline void world_open(struct world *w)
{
    int made = dhcp6_client_new(&w->env, &w->settings, &w->x);

    WORLD_ASSERT(made == 0);
}

static inline void world_start(struct world *w)
{
    w->stopped = false;
    dhcp6_client_start(w->x, w->now);
    world_drain(w);
}

static inline void world_stop(struct world *w)
{
    w->stopped = true;
    dhcp6_client_stop(w->x, w->now);
    w->bound = false;
    world_drain(w);
}

#endif
