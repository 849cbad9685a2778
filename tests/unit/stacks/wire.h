/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STACKS_WIRE_H
#define STACKS_WIRE_H
/* The other end of a stack's network, for frames as they are. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct vdeconn;

struct wire {
    struct vdeconn *conn; /* of a hub; NULL: a tap */
    int fd;
};

/* Connects to a virtual network. */
void wire_open_vde(struct wire *wire, const char *vnl);
/* Makes the tap `ifname` in the network namespace of the calling thread; false, and says why, if it must not. */
bool wire_open_tap(struct wire *wire, const char *ifname);
void wire_close(struct wire *wire);

void wire_send(struct wire *wire, const uint8_t *frame, size_t len);
/* The next frame, or -1: none comes within wait_ms. */
ssize_t wire_recv(struct wire *wire, uint8_t *frame, size_t size, int wait_ms);

#endif
