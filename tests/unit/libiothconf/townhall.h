/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef UNIT_TOWNHALL_H
#define UNIT_TOWNHALL_H
/*
 * A very small DHCPv4 server and router in a thread, on a stack of its own (lwIP: no privilege), for tests of those who are
 * configured. It is 10.0.0.1/24 and fd00::1/64, gives 10.0.0.50 to everybody, and answers router solicitations with the
 * prefix fd00::/64.
 */
#include <stdatomic.h>
#include <stdint.h>

struct townhall_rules {
    uint32_t lease_s, renewal_s, rebinding_s; /* 0: no such option */
    uint16_t mtu;                             /* 0: no such option */
    uint8_t flags;                            /* of router advertisements, ND_RA_ */
    uint16_t router_lifetime_s;
};

struct townhall;

/* What it has heard. */
struct townhall_counts {
    atomic_uint discovers, requests, releases, declines, solicits;
};

/* Begins to serve on the network vnl. NULL: no stack, no thread. */
struct townhall *townhall_start(const char *vnl, const struct townhall_rules *rules);
void townhall_stop(struct townhall *hall);
struct townhall_counts *townhall_counts(struct townhall *hall);

/* Silence: nothing is answered until it is 0 again, but who has a lease may renew it. */
void townhall_set_silent(struct townhall *hall, int silent);
/* The next REQUEST is answered by a NAK, in silence too. */
void townhall_refuse_once(struct townhall *hall);
/* Sends a router advertisement unasked, with a router lifetime of that many seconds. */
void townhall_advertise(struct townhall *hall, uint16_t lifetime_s);
/* Sends a router advertisement with eight deprecated prefixes, other ones for each number. */
void townhall_renumber(struct townhall *hall, uint16_t number);

#endif
