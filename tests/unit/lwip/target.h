/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_TARGET_H
#define LWIP_TARGET_H
/* A stack of lwip without libioth around it, into which frames are put as if they came from the wire. */
#include "lab/frames.h"

struct target;

/* A stack on a network that swallows everything, with the addresses and sockets that the frames of lab/frames.h are for,
 * and raw and packet sockets besides. Aborts when it cannot be made. */
struct target *target_new(void);
void target_free(struct target *target);
/* The context of its stack, for the calls of ioth_plugin.h. */
void *target_stack(const struct target *target);
/* Puts a frame in. Returns 0, or -1 if the stack has died of it. */
int target_input(struct target *target, const uint8_t *frame, size_t len);
/* Has the peer hear what it sent, its sockets read what came, and its timers run. */
void target_rest(struct target *target, struct frame_peer *peer);
/* How many connections it has accepted. */
unsigned target_connections(const struct target *target);

#endif
