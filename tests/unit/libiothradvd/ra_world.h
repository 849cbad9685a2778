/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A router's core with a virtual clock, and what it has sent. */
#ifndef TEST_RA_WORLD_H
#define TEST_RA_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "libiothradvd/ra_config.h"
#include "libiothradvd/ra_core.h"

#define SECOND NSEC_PER_SEC
#define HOUR   (3600 * NSEC_PER_SEC)

enum { SENT_MAX = 4096, REMARKS_MAX = 256 };

struct sent {
    nsec_t at;
    struct ipaddr to;
    uint8_t to_mac[6];
    size_t len;
    uint8_t bytes[RA_MESSAGE_MAX];
};

struct world {
    struct ra_core *ra;
    struct ra_config *config;
    nsec_t now;
    uint64_t random;
    unsigned n_sent, n_remarks;
    struct sent *sent;
    struct ra_event remarks[REMARKS_MAX];
};

static inline void world_random(void *arg, void *bytes, size_t len)
{
    struct world *w = arg;
    for (size_t i = 0; i < len; i++) {
        w->random = w->random * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)bytes)[i] = (uint8_t)(w->random >> 56);
    }
}

static inline struct ipaddr addr_of(const char *text)
{
    struct ipaddr a;
    assert_int_equal(ipaddr_parse(text, strlen(text), &a), 0);
    return a;
}

static inline struct ra_config *config_of(const char *text)
{
    struct ra_draft *draft = NULL;
    struct ra_config *config = NULL;
    assert_int_equal(ra_draft_new(&draft), 0);
    int e = ra_draft_text(draft, "t.rc", text, strlen(text));
    if (e == 0)
        e = ra_draft_finish(draft, &config);
    if (e < 0)
        fail_msg("%s", ra_draft_error(draft));
    ra_draft_free(draft);
    return config;
}

static inline void world_drain(struct world *w)
{
    struct ra_event e;
    while (ra_next(w->ra, &e) != RA_NOTHING) {
        if (e.kind != RA_SEND) {
            assert_true(w->n_remarks < REMARKS_MAX);
            w->remarks[w->n_remarks++] = e;
            continue;
        }
        assert_true(w->n_sent < SENT_MAX && e.len <= RA_MESSAGE_MAX);
        struct sent *s = &w->sent[w->n_sent++];
        *s = (struct sent){.at = w->now, .to = e.to, .len = e.len};
        memcpy(s->to_mac, e.to_mac, 6);
        memcpy(s->bytes, e.bytes, e.len);
    }
}

/* Lets time pass, with a stop at each deadline. */
static inline void world_wait(struct world *w, nsec_t span)
{
    nsec_t until = w->now + span;
    while (ra_deadline(w->ra) <= until) {
        if (ra_deadline(w->ra) > w->now)
            w->now = ra_deadline(w->ra);
        ra_timeout(w->ra, w->now);
        world_drain(w);
    }
    w->now = until;
}

static inline struct ra_place world_place(void)
{
    return (struct ra_place){.addr = addr_of("fe80::1"), .mac = {2, 0, 0, 0, 0, 1}};
}

/* text: of a configuration. At rest. */
static inline void world_open(struct world *w, const char *text)
{
    *w = (struct world){.now = 1000 * SECOND, .random = 42, .config = config_of(text)};
    w->sent = calloc(SENT_MAX, sizeof(*w->sent));
    assert_non_null(w->sent);
    struct ra_env env = {.random = world_random, .arg = w};
    assert_int_equal(ra_new(&env, &w->config->interfaces[0].settings, w->now, &w->ra), 0);
}

static inline void world_start(struct world *w)
{
    struct ra_place place = world_place();
    ra_start(w->ra, &place, w->now);
    world_drain(w);
}

static inline void world_close(struct world *w)
{
    ra_free(w->ra);
    ra_config_free(w->config);
    free(w->sent);
}

static inline void world_change(struct world *w, const char *text)
{
    struct ra_config *config = config_of(text);
    assert_int_equal(ra_change(w->ra, &config->interfaces[0].settings, w->now), 0);
    ra_config_free(w->config);
    w->config = config;
    world_drain(w);
}

static inline void world_input(struct world *w, const char *from, const char *to, uint8_t hop_limit,
                               const void *bytes, size_t len)
{
    struct ra_packet p = {.from = addr_of(from),
                          .to = addr_of(to),
                          .from_mac = {2, 0, 0, 0, 0, 9},
                          .hop_limit = hop_limit,
                          .bytes = bytes,
                          .len = len};
    ra_input(w->ra, &p, w->now);
    world_drain(w);
}

static inline void world_solicit(struct world *w, const char *from)
{
    static const uint8_t solicitation[8] = {ND_ROUTER_SOLICIT};
    world_input(w, from, "ff02::2", 255, solicitation, sizeof(solicitation));
}

static inline bool is_to_all(const struct sent *s)
{
    return ipaddr_equal(&s->to, &nd_all_nodes);
}

/* The advertisement itself. */
static inline struct nd_message head_of(const struct sent *s)
{
    struct nd_message msg;
    assert_int_equal(nd_read(s->bytes, s->len, &msg), 0);
    assert_int_equal(msg.type, ND_ROUTER_ADVERT);
    return msg;
}

/* Option number n of that type. False: there are fewer. */
static inline bool option_of(const struct sent *s, enum nd_option_type type, unsigned n,
                             struct nd_option *ret)
{
    struct nd_message msg = head_of(s);
    while (nd_next_option(&msg.options, ret))
        if (ret->type == type && n-- == 0)
            return true;
    return false;
}

static inline const struct sent *last_sent(const struct world *w)
{
    assert_true(w->n_sent > 0);
    return &w->sent[w->n_sent - 1];
}

/* What is said of a prefix of 64 bits now, by the last advertisement. False: nothing. */
static inline bool said_of(const struct world *w, const char *prefix, struct nd_prefix *ret)
{
    struct nd_option o;
    struct ipaddr wanted = addr_of(prefix);
    for (unsigned i = 0; option_of(last_sent(w), ND_PREFIX, i, &o); i++)
        if (o.prefix.bits == 64 && ipaddr_equal(&o.prefix.prefix, &wanted)) {
            *ret = o.prefix;
            return true;
        }
    return false;
}

#endif
