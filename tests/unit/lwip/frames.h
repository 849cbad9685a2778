/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_FRAMES_H
#define LWIP_FRAMES_H
/* A stack of lwip without libioth around it, into which frames are put as if they came from the wire. */
#include <stddef.h>
#include <stdint.h>

enum { FRAME_BYTES = 1600 };

struct target;

/* A stack on a network that swallows everything, with addresses 10.0.0.1 and fc00::1, MAC 02:00:00:00:00:01, and
 * sockets of all kinds that listen and wait. Aborts when it cannot be made. */
struct target *target_new(void);
void target_free(struct target *target);
/* Puts a frame in. Returns 0, or -1 if the stack has died of it. */
int target_input(struct target *target, const uint8_t *frame, size_t len);
/* Lets its sockets read what came, and its timers run. */
void target_rest(struct target *target);
/* How many connections it has accepted. */
unsigned target_connections(const struct target *target);

/* Writes seed number n, a frame that means something to the target; its length, or 0: there is none. */
size_t frame_seed(unsigned n, uint8_t frame[static FRAME_BYTES]);
/* If the frame is a TCP segment: a SYN gets another source port than the last had, any other one becomes part of
 * the connection that the target answered last. */
void target_acknowledge(struct target *target, uint8_t *frame, size_t len);

/* Makes the checksums of IPv4, TCP, UDP and ICMP right, so that what is behind them is reached. */
void frame_fix_checksums(uint8_t *frame, size_t len);

#endif
