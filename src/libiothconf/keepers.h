/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHCONF_KEEPERS_H
#define LIBIOTHCONF_KEEPERS_H
/* The keepers of a stack's interfaces, and who lets them run: a thread of the library, the program's own loop, or
   whoever waits for a configuration. */

#include "base/base.h"
#include "libiothconf/keeper.h"
#include "libiothconf/state.h"

struct keepers;

/* stack: NULL is the kernel's. 0 or negative errno. */
MUST_CHECK int keepers_new(struct ioth *stack, struct conf_state *state, struct keepers **ret);
/* Ends the thread, closes all sockets. Nobody is inside any more: it is held, or was never used. Takes NULL. */
void keepers_free(struct keepers *ks);

/* The end of the stack (struct slot_hooks); NULL: nothing to hold. -EBUSY: a call waits inside. */
MUST_CHECK int keepers_hold(struct keepers *ks);
void keepers_resume(struct keepers *ks);

/* keeper_begin and keeper_end on the keeper of an interface, which is made for the first. */
MUST_CHECK int keepers_begin(struct keepers *ks, unsigned ifindex, enum conf_source source,
                             const struct keeper_wish *wish);
void keepers_end(struct keepers *ks, unsigned ifindex, enum conf_source source);

/* The link of an interface may have gone up or down. */
void keepers_look(struct keepers *ks, unsigned ifindex);

/* Waits until each of the `sources` (bits 1 << CONF_x) of an interface stands or has nothing to do, `timeout_s` at the
 * most. Returns the bits of those that stand, or negative errno: what keeper_result says. */
MUST_CHECK int keepers_wait(struct keepers *ks, unsigned ifindex, unsigned sources, unsigned timeout_s);

/* 0 or negative errno; 0 also if it runs, or does not run, already. */
MUST_CHECK int keepers_start(struct keepers *ks);
void keepers_stop(struct keepers *ks);

/* For a loop of the program's: ready when there is something to do. */
int keepers_fd(struct keepers *ks);
/* Milliseconds until something is due, rounded up; -1: never. */
int keepers_timeout_ms(struct keepers *ks);
/* Does what there is to do. Returns 1 if addresses, routes or names have changed, else 0. */
int keepers_dispatch(struct keepers *ks);
unsigned keepers_changes(struct keepers *ks);
/* How many clients run. */
int keepers_clients(struct keepers *ks);

#endif
