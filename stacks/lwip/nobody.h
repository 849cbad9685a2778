/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_NOBODY_H
#define LWIP_NOBODY_H

#include "lwip/stack.h"

/* Takes an IPv4 packet of a frame that came in, if it is one that lwIP refuses for want of an address; false: it
 * is not, and goes the usual way. `packet` is len bytes of anything. */
bool nobody_input(struct port *port, const uint8_t *packet, size_t len);

#endif
