/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which one-time addresses stand at a moment. Pure: time goes in, what is to be done to the addresses comes out.
 *
 * The address of epoch e is open to new flows from `before` ahead of the epoch's start to `after` behind its end:
 *
 *     e * period - before  <=  now  <  (e + 1) * period + after
 *
 * After that it is gone at once if it has no flow, else muted: it stays for the flows that it has, and goes with the last
 * one. Where there is no room for an address that must open, the muted one with the fewest flows gives way, flows and all.
 *
 * Time is the wall clock's, in nanoseconds since 1970. It may step, by any amount, both ways: what stands is a function of
 * `now` and of the flows, of nothing else.
 */
#ifndef LIBOTIP_PROXY_WINDOW_H
#define LIBOTIP_PROXY_WINDOW_H

#include "base/ipaddr.h"

/* Addresses at once, those that old flows keep included. The kernel's tables take far more; each costs a place in the
 * listeners' search here, some nanoseconds of each new flow. */
#define WINDOW_ADDRESSES_MAX 1024
/* A failed address is tried again after this. */
#define WINDOW_RETRY NSEC_PER_SEC

struct window_settings {
    uint32_t period_s;    /* > 0 */
    nsec_t before, after; /* >= 0 */
    unsigned capacity;    /* addresses, 1..WINDOW_ADDRESSES_MAX */
    /* The address of an epoch. */
    void (*address_of)(void *arg, uint64_t epoch, struct ipaddr *ret);
    void *arg;
};

enum window_state {
    WINDOW_FREE,
    WINDOW_OPEN,
    WINDOW_MUTED,
};

/* An address. It stays where it is in memory as long as it stands. */
struct window_address {
    enum window_state state;
    bool dropped;        /* it gives way: its flows are to end */
    uint32_t generation; /* of the settings that it was made by */
    uint64_t epoch, flows;
    struct ipaddr addr;
};

struct window {
    struct window_settings settings;
    uint32_t generation;
    unsigned n;   /* addresses that stand */
    unsigned top; /* no place from here on was ever used */
    nsec_t retry; /* nothing is added before this; 0: at once */
    uint64_t opened, muted, removed, given_way;
    struct window_address places[WINDOW_ADDRESSES_MAX];
};

enum window_step {
    WINDOW_STANDS,  /* nothing is to be done */
    WINDOW_ADD,     /* the address is new: make it, and open it */
    WINDOW_REOPEN,  /* it was muted, and the clock has gone back: open it again */
    WINDOW_MUTE,    /* it stays for its flows alone */
    WINDOW_REMOVE,  /* it has no flow: take it away */
    WINDOW_GIVE_WAY /* end its flows, then take it away: there is no room for it */
};

/* What is to be done, and to which address. Of REMOVE and GIVE_WAY the place is free already and `at` what stood there: the
 * flows that point at the place are to end before the next step. */
struct window_event {
    enum window_step step;
    struct window_address *place; /* NULL for STANDS */
    struct window_address at;
};

void window_init(struct window *w, const struct window_settings *settings);
/* Other settings from now on. Addresses made by the old ones are closed; with `same` they count as made by the new ones:
 * then address_of and the period say the same as before. */
void window_set(struct window *w, const struct window_settings *settings, bool same);

/* The epoch of a moment. */
uint64_t window_epoch(const struct window_settings *s, nsec_t now);
/* The first and last epoch whose addresses are open at a moment. */
void window_span(const struct window_settings *s, nsec_t now, uint64_t *ret_first, uint64_t *ret_last);
/* How many addresses are open at once at the most. */
uint64_t window_breadth(const struct window_settings *s);

/* The next thing to do; it counts as done. To be called until nothing is. What is closed comes before what opens. */
struct window_event window_next(struct window *w, nsec_t now);
/* What is to be done now was ADD or REOPEN, and failed: it is tried again in a second. */
void window_failed(struct window *w, struct window_address *place, nsec_t now);
/* The same, for want of room in the stack: the next steps make some, if an address may give way. False: none may. */
bool window_crowded(struct window *w, struct window_address *place, nsec_t now);
/* When window_next will have something to do, if no flow ends before. Always later than now once window_next had nothing. */
nsec_t window_deadline(const struct window *w, nsec_t now);
/* Closes all: the next steps remove, mute or give way (`flows_too`) all addresses. Nothing is added any more. */
struct window_event window_close(struct window *w);

/* The address that is open or muted, or NULL. */
struct window_address *window_find(struct window *w, const struct ipaddr *addr);
/* A flow begins on an open address, or ends on any; flows that end may free the place at the next window_next. */
void window_flow_begins(struct window_address *place);
void window_flow_ends(struct window_address *place);

#endif
