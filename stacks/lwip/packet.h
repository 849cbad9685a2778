/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_PACKET_H
#define LWIP_PACKET_H
/* Sockets of AF_PACKET. */

#include "lwip/stack.h"

/* A frame came in; a frame goes out. */
void packet_input(struct port *port, const uint8_t *frame, size_t len);
void packet_output(struct port *port, const uint8_t *frame, size_t len);

#endif
