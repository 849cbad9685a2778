/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHCONF_CLIENTIO_H
#define LIBIOTHCONF_CLIENTIO_H
/* The sockets of the clients of one interface: their packets (client.h) to and from the network. */

#include "libiothconf/client.h"

#include <ioth.h>

enum clientio_kind {
    CLIENTIO_UDP4,   /* port 68: DHCPv4 with an address */
    CLIENTIO_FRAMES, /* what comes to port 68 before there is one; all that is sent as frames */
    CLIENTIO_ARP,
    CLIENTIO_UDP6,  /* port 546 */
    CLIENTIO_ICMP6, /* router advertisements */
    CLIENTIO_LINK,  /* netlink: the link has changed */
    CLIENTIO_KINDS
};

struct clientio {
    struct ioth *stack; /* NULL: the kernel's */
    unsigned ifindex;
    uint8_t mac[6];
    int fd[CLIENTIO_KINDS]; /* -1: not open */
};

void clientio_init(struct clientio *io, struct ioth *stack, unsigned ifindex);

/* Opens one, non-blocking, bound to the interface; 0 if it is open already. Negative errno: -EPERM, -EACCES,
 * -EADDRINUSE, ..., -EOPNOTSUPP for CLIENTIO_LINK on a stack that tells nothing unasked. */
MUST_CHECK int clientio_open(struct clientio *io, enum clientio_kind kind);
void clientio_close(struct clientio *io, enum clientio_kind kind);
/* How many are open. */
int clientio_count(const struct clientio *io);

#define CLIENTIO_PACKET_MAX                                                                                  \
    9216 /* bytes; the messages of these protocols fit the link, whose largest frames are these */

struct clientio_buffer {
    _Alignas(8) uint8_t bytes[CLIENTIO_PACKET_MAX];
};

/* Receives what came in by one of them (not CLIENTIO_LINK). 1 and *ret, which points into the buffer (from_mac is told of
 * frames and ARP); 0: something
 * that is of no use, or broken; -EAGAIN: nothing is there; another negative errno: the socket is of no use. */
MUST_CHECK int clientio_receive(const struct clientio *io, enum clientio_kind kind,
                                struct clientio_buffer *buffer, struct client_packet *ret);

/* Receives a message of CLIENTIO_LINK, and says whether the link was down by it. 0 or -EAGAIN. */
MUST_CHECK int clientio_link_message(const struct clientio *io, struct clientio_buffer *buffer,
                                     bool *ret_down);

/* Sends a packet. Negative errno: it was not sent, which is as if it had been lost. */
int clientio_send(const struct clientio *io, const struct client_packet *packet);

#endif
