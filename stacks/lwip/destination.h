/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_DESTINATION_H
#define LWIP_DESTINATION_H

#include "lwip/sock.h"

struct destination {
    ip_addr_t ip, source;
    uint16_t port_number;
    struct port *port;
    uint8_t hop_limit; /* unless the socket says another */
};

/* Of a message to be sent on a UDP or raw socket: 0 or a negative errno. */
int destination_read(struct sock *sock, const struct msghdr *msg, struct destination *to);
/* Completes a destination of which ip is set, source is set or "any", port is set or NULL. */
int destination_find_way(struct sock *sock, struct destination *to);

#endif
