/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the exchanges learn about the servers they ask, and whom it makes them ask first. Inside the exchange
 * core. */
#ifndef IOTHDNS_EXCHANGE_SERVERS_H
#define IOTHDNS_EXCHANGE_SERVERS_H

#include "base/ipaddr.h"

/* How many servers are remembered: configurations name a handful; beyond that the least recently used is
 * forgotten and starts anew as a server of which nothing is known. */
#define SERVERS_MAX 64

struct server_state {
    struct ipendpoint endpoint;
    nsec_t srtt;       /* smoothed round trip; 0: not known */
    unsigned failures; /* in a row */
    nsec_t hold;       /* length of the last hold-down; 0: none since its last answer */
    nsec_t held_until;
    bool probed; /* a question is out to see whether it is back */
};

/* Zeroed: nothing known. */
struct server_states {
    struct server_state state[SERVERS_MAX];
    uint8_t recent[SERVERS_MAX]; /* indices of `state`, the most recently used first */
    unsigned count;
};

/* The first `max` of `count` servers (both at least 1) in the order in which to ask: that of the list, but
 * those held down last. Returns how many. */
unsigned servers_order(struct server_states *s, const struct ipendpoint *list, unsigned count, nsec_t now,
                       struct ipendpoint *ret, unsigned max);
/* Its smoothed round trip, or 0: not known. */
nsec_t servers_srtt(struct server_states *s, const struct ipendpoint *endpoint);
/* It answered, whatever it said; rtt 0: no measurement. */
void servers_answered(struct server_states *s, const struct ipendpoint *endpoint, nsec_t rtt);
/* It was silent for as long as we care to wait, or its socket failed. */
void servers_failed(struct server_states *s, const struct ipendpoint *endpoint, nsec_t now);

#endif
