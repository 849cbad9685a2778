/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VDESTACK_RELAY_H
#define VDESTACK_RELAY_H

#include <stddef.h>

struct relay;

/* A relay for up to `capacity` interfaces; NULL if out of memory or descriptors (errno). */
struct relay *relay_new(size_t capacity);

/* Connects to the network `locator`, for the next interface. 0, or -errno of vdeport_open. To be called before relay_start. */
__attribute__((warn_unused_result)) int relay_connect(struct relay *relay, const char *locator);

/* Gives interface number `number`, connected already, its tap, which belongs to the relay from then on. 0 or
 * -errno. */
__attribute__((warn_unused_result)) int relay_attach(struct relay *relay, size_t number, int tap);

/* Starts the thread that moves the frames. 0 or -errno. */
__attribute__((warn_unused_result)) int relay_start(struct relay *relay);

/* Ends the thread, leaves the networks, closes the taps. NULL is fine. */
void relay_free(struct relay *relay);

#endif
