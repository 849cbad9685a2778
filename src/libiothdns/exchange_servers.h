/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the exchanges learn about the servers they ask: how fast they are, whether they are there, what they
 * understand; and whom that makes them ask first. Inside the exchange core. */
#ifndef IOTHDNS_EXCHANGE_SERVERS_H
#define IOTHDNS_EXCHANGE_SERVERS_H

#include "base/ipaddr.h"

/* How many servers are remembered: configurations name a handful; beyond that the least recently used is
 * forgotten and starts anew as a server of which nothing is known. */
#define SERVERS_MAX 64

/* RFC 7873 s4: lengths of a client's cookie and, at the most, of a server's. */
#define CLIENT_COOKIE_LEN     8
#define SERVER_COOKIE_LEN_MIN 8
#define SERVER_COOKIE_LEN_MAX 32

struct server_state {
    struct ipendpoint endpoint;
    nsec_t srtt, rttvar; /* smoothed round trip and its variation (RFC 6298 s2); 0: not known */
    unsigned failures;   /* in a row */
    nsec_t hold;         /* length of the last hold-down; 0: none since its last answer */
    nsec_t held_until;
    unsigned edns_faults, case_faults; /* signs that it does not understand EDNS, does not keep letter case */
    nsec_t plain_until;                /* no EDNS until then */
    nsec_t lower_until;                /* names in lower case until then */
    bool shows_edns;                   /* its last reply had an OPT record */
    bool shows_cookies;                /* and in it our cookie */
    uint8_t client_cookie[CLIENT_COOKIE_LEN];
    uint8_t server_cookie[SERVER_COOKIE_LEN_MAX];
    uint8_t server_cookie_len; /* 0: none yet */
};

/* Zeroed, but for make_cookie and its arg: nothing known. */
struct server_states {
    void (*make_cookie)(void *arg, uint8_t cookie[static CLIENT_COOKIE_LEN]); /* a new one */
    void *arg;
    struct server_state state[SERVERS_MAX];
    uint8_t recent[SERVERS_MAX]; /* indices of `state`, the most recently used first */
    unsigned count;
};

/* Its state, made if there is none; valid until the next state that is made. */
struct server_state *server_state(struct server_states *s, const struct ipendpoint *endpoint);

struct server_order {
    unsigned count;
    bool trial; /* the first is not the best, but asked to see what it is worth */
};
/* The first `max` of `count` servers (both at least 1) in the order in which to ask: those of which round trips are
 * known, the fastest first; those of which nothing is known, as listed; those held down, as listed. But now
 * and then, as `random` (32 bits) decides, or when a hold-down has ended, another comes first on trial. */
struct server_order servers_order(struct server_states *s, const struct ipendpoint *list, unsigned count,
                                  uint32_t random, nsec_t now, struct ipendpoint *ret, unsigned max);
/* The same as they are listed, but those held down last; one whose hold-down has ended is asked at its place in the list, on
 * trial if that is the first. */
struct server_order servers_listed(struct server_states *s, const struct ipendpoint *list, unsigned count,
                                   nsec_t now, struct ipendpoint *ret, unsigned max);
/* How long to wait for it before somebody else is asked: within SERVER_WAIT_MIN..MAX. */
#define SERVER_WAIT_MIN     (150 * NSEC_PER_MSEC) /* resolvers upstream take that long when they must ask */
#define SERVER_WAIT_MAX     (400 * NSEC_PER_MSEC)
#define SERVER_WAIT_UNKNOWN (300 * NSEC_PER_MSEC)
nsec_t server_wait(const struct server_state *state);
/* How long one on trial may keep the best one, `best`, waiting: about as long as that one would take. */
nsec_t server_trial_wait(const struct server_state *best);

/* It answered; rtt 0: no measurement. */
void server_answered(struct server_state *state, nsec_t rtt);
/* It said that it will not or cannot answer: it is there, but whoever answers is preferred. */
void server_refused(struct server_state *state, nsec_t rtt);
/* It was silent for `waited`, or (0) its socket failed. */
void server_failed(struct server_state *state, nsec_t waited, nsec_t now);

/* EDNS is of no use with it (now). */
bool server_is_plain(const struct server_state *state, nsec_t now);
/* Its reply had an OPT record. */
void server_showed_edns(struct server_state *state);
/* It answered without EDNS what it had not answered with EDNS; told: with EDNS it had said FORMERR or the like. */
void server_fault_edns(struct server_state *state, bool told, nsec_t now);

/* It does not keep letter case (now). */
bool server_is_caseless(const struct server_state *state, nsec_t now);
/* Its reply had the letter case of the question, or had not. */
void server_kept_case(struct server_state *state, bool kept, nsec_t now);

/* It gave back our cookie, with one of its own (RFC 7873 s5.3); cookie NULL: it gave none. */
void server_gave_cookie(struct server_state *state, const uint8_t *cookie, size_t len);

#endif
