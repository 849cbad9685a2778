/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A port of a virtual Ethernet that is there again when its network is. Used by one thread. */
#ifndef IO_VDE_VDEPORT_H
#define IO_VDE_VDEPORT_H

#include "base/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VDEPORT_FRAME_ROOM (9216 + 18) /* what a network may carry */
#define VDEPORT_FDS_MAX    2

struct vdeport {
    char *vnl;
    char descr[32]; /* whose port it is, for people who look at a switch */
    void *conn;
    bool is_connected, data_is_socket;
    int data, control; /* control -1: none of its own */
    nsec_t retry_at;   /* NSEC_NEVER while it is connected */
};

/* 0 or negative errno: -ENOMEM, what vde_open(3) says. On failure nothing is to be closed. */
MUST_CHECK int vdeport_open(struct vdeport *p, const char *vnl, const char *descr);
void vdeport_close(struct vdeport *p);
/* It is not connected, and retry_at has come: tries again. 0: it is connected anew; or negative errno, and a later retry_at. */
MUST_CHECK int vdeport_reconnect(struct vdeport *p, nsec_t now);
/* Descriptors that are to be watched for input; returns how many. They change with any call. */
unsigned vdeport_fds(const struct vdeport *p, int fds[static VDEPORT_FDS_MAX]);
/* The next frame: its length, which may be 0; -EAGAIN: none for the moment, or it is not connected; -ENETDOWN: the network has
 * gone away just now. */
MUST_CHECK int vdeport_receive(struct vdeport *p, uint8_t frame[static VDEPORT_FRAME_ROOM], nsec_t now);
/* 0 or negative errno: the frame is lost. */
MUST_CHECK int vdeport_send(struct vdeport *p, const uint8_t *frame, size_t len);

#endif
