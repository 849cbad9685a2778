/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The router's side of router discovery on one interface (RFC 4861 s6.2): a pure core. ICMPv6 messages and time go in,
 * messages, remarks and a deadline come out. It opens nothing, reads no clock, draws no random number but by env.random.
 *
 *   ra_new(env, settings, now, &ra)   makes one, at rest; 0 or negative errno
 *   ra_start(ra, at, now)             the interface can send: begins to advertise, or goes on from another address
 *   ra_rest(ra)                       it cannot: says nothing, and forgets who asked
 *   ra_change(ra, settings, now)      other settings; withdraws what is gone. 0, or -ENOMEM: nothing has changed
 *   ra_set_own(ra, own, n, now)       the prefixes of the interface's own addresses. 0 or -ENOMEM
 *   ra_input(ra, packet, now)         a router solicitation or advertisement came in
 *   ra_timeout(ra, now)               the deadline has come
 *   ra_deadline(ra)                   when; NSEC_NEVER
 *   ra_stop(ra, now)                  says that this router is one no longer, and rests
 *   ra_next(ra, &event)               what is to be done, until RA_NOTHING; after each of the functions above
 */
#ifndef IOTHRADVD_RA_CORE_H
#define IOTHRADVD_RA_CORE_H

#include "libiothradvd/ra_entries.h"

#include <iothradvd.h>

/* RFC 4861 s10, router constants. */
#define RA_INITIAL_COUNT    3
#define RA_INITIAL_INTERVAL (16 * NSEC_PER_SEC)
#define RA_MIN_DELAY        (3 * NSEC_PER_SEC) /* between advertisements to all */
#define RA_MAX_ANSWER_DELAY (500 * NSEC_PER_MSEC)

/* An advertisement fits every link, so that nobody must know the MTU of it. What does not fit goes into another one (RFC
 * 4861 s6.2.3). */
#define RA_MESSAGE_MAX (ND_IPV6_MTU_MIN - 40)

/* Hosts whose answer waits for its delay of half a second at most. When more ask, all get one advertisement together. */
#define RA_ASKERS_MAX 64
/* Answers to single hosts in a row, and a second in the long run. A flood of solicitations, with source addresses made
 * up, gets no more than these and one advertisement to all each RA_MIN_DELAY. */
#define RA_ANSWERS_BURST 40
#define RA_ANSWERS_RATE  20
/* Other routers that are remembered. A link has two or three; when more are heard, or made up, the one that was silent
 * longest is forgotten. */
#define RA_ROUTERS_MAX 16
/* Remarks that wait to be fetched; more are dropped. They end up in a log, and whoever is on the link can cause them, by
 * sources made up: so many at once, and one a second in the long run. */
#define RA_REMARKS_MAX 32

struct ra_env {
    void (*random)(void *arg, void *bytes, size_t len); /* unpredictable bytes */
    void *arg;
};

/* Where it sends from. */
struct ra_place {
    struct ipaddr addr; /* link-local */
    uint8_t mac[6];     /* all zero: the link has none */
};

struct ra_packet {
    struct ipaddr from, to;
    uint8_t from_mac[6]; /* of the frame; all zero: not known */
    uint8_t hop_limit;
    const uint8_t *bytes; /* an ICMPv6 message from its type on, whose checksum was right */
    size_t len;
};

/* In what another router is at odds with us (RFC 4861 s6.2.7), one bit each. */
enum ra_difference {
    RA_DIFFERS_HOP_LIMIT,
    RA_DIFFERS_MANAGED,
    RA_DIFFERS_OTHER,
    RA_DIFFERS_REACHABLE,
    RA_DIFFERS_RETRANS,
    RA_DIFFERS_MTU,
    RA_DIFFERS_VALID,
    RA_DIFFERS_PREFERRED,
    RA_DIFFERENCES,
};

struct ra_router {
    struct ipaddr addr;
    nsec_t heard; /* last */
    uint16_t lifetime_s;
    uint64_t messages;
    uint32_t differs; /* bits of 1 << ra_difference, of its last advertisement */
};

enum ra_event_kind {
    RA_NOTHING,
    RA_SEND,       /* bytes to `to`, hop limit 255, from our address; the checksum is 0 */
    RA_NEW_ROUTER, /* from: another router is heard for the first time */
    RA_DIFFERENT,  /* from: it says something else than we do, and did not before */
};

struct ra_event {
    enum ra_event_kind kind;
    struct ipaddr to;
    uint8_t to_mac[6];    /* of who asked; all zero: not known, or to is a group */
    const uint8_t *bytes; /* valid until the next call of the core */
    size_t len;
    struct ipaddr from;
    enum ra_difference what;
    uint64_t theirs, ours;
    struct ipaddr prefix; /* RA_DIFFERS_VALID, RA_DIFFERS_PREFERRED */
    uint8_t bits;
};

struct ra_core;

MUST_CHECK int ra_new(const struct ra_env *env, const struct ra_settings *settings, nsec_t now,
                      struct ra_core **ret);
void ra_free(struct ra_core *ra); /* takes NULL; says nothing to anybody */
void ra_start(struct ra_core *ra, const struct ra_place *at, nsec_t now);
void ra_rest(struct ra_core *ra);
MUST_CHECK int ra_change(struct ra_core *ra, const struct ra_settings *settings, nsec_t now);
MUST_CHECK int ra_set_own(struct ra_core *ra, const struct ra_own *own, unsigned n, nsec_t now);
void ra_input(struct ra_core *ra, const struct ra_packet *packet, nsec_t now);
void ra_timeout(struct ra_core *ra, nsec_t now);
nsec_t ra_deadline(const struct ra_core *ra);
void ra_stop(struct ra_core *ra, nsec_t now);
enum ra_event_kind ra_next(struct ra_core *ra, struct ra_event *event);

/* What it did. The driver adds send_errors. */
const struct iothradvd_stats *ra_stats(const struct ra_core *ra);
/* The other routers that were heard; returns how many. */
unsigned ra_routers(const struct ra_core *ra, const struct ra_router **ret);
const struct ra_entries *ra_entries(const struct ra_core *ra);
const struct ra_settings *ra_settings(const struct ra_core *ra);
bool ra_is_advertising(const struct ra_core *ra);
const struct ra_place *ra_place(const struct ra_core *ra); /* meaningful while it advertises */
const char *ra_difference_name(enum ra_difference what);

#endif
