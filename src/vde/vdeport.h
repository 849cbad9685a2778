/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A port of a virtual Ethernet that is there again when its network is. Used by one thread at a time. */
#ifndef VDE_VDEPORT_H
#define VDE_VDEPORT_H

#include "base/base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VDEPORT_FRAME_ROOM (9216 + 18) /* what a network may carry */
#define VDEPORT_FDS_MAX    2
/* Who asks for a port waits so long: switches of this machine answer at once, a name server within this. */
#define VDEPORT_PATIENCE   (5 * NSEC_PER_SEC)
#define VDEPORT_UNANSWERED "no answer within 5 s"
#define VDEPORT_CLOSED                                                                                       \
    "is not open for this user: who starts its hub may open it for all, as hub:///tmp/hub[mode=0666] is"
#define VDEPORT_UNKNOWN "there is no such kind of virtual network, expected one such as vde:///tmp/hub"

struct vdeport {
    char *vnl;
    char descr[32];          /* whose port it is, for people who look at a switch */
    void *conn;              /* while the network is away: the one that was lost */
    struct opening *opening; /* the attempt to get back that is under way; NULL: none */
    nsec_t tried_at, retry_at;
    bool is_connected, data_is_socket;
    int data,
        control; /* descriptors, to be watched for input while it is connected; control -1: none of its own */
};

/* 0 or negative errno: -ENOMEM, -EAGAIN (no thread), what vde_open(3) says, -ETIMEDOUT: the network has not answered within
 * VDEPORT_PATIENCE. On failure nothing is to be closed. */
MUST_CHECK int vdeport_open(struct vdeport *p, const char *vnl, const char *descr);
/* What an error of vdeport_open means to people. */
const char *vdeport_strerror(int error);
/* Closing what is closed does nothing. */
void vdeport_close(struct vdeport *p);

/* The next frame: its length, 0 for what is none; -EAGAIN: there is none; -ENETDOWN: the network has gone away just now. */
MUST_CHECK int vdeport_receive(struct vdeport *p, uint8_t frame[static VDEPORT_FRAME_ROOM]);
/* Something happened at `control`. -EAGAIN: nothing that matters; -ENETDOWN. */
MUST_CHECK int vdeport_look(struct vdeport *p);
/* Both, for who does not know where something happened. It need not be connected. */
MUST_CHECK int vdeport_next(struct vdeport *p, uint8_t frame[static VDEPORT_FRAME_ROOM]);
/* 0 or negative errno: the frame is lost; if it is -EAGAIN it may be sent when `data` is writable. */
int vdeport_send(struct vdeport *p, const uint8_t *frame, size_t len);

/* The caller has seen that the network is gone: it is not connected any more. */
void vdeport_lose(struct vdeport *p);
/* Tries to get back, if it is away and it is time for that; never waits. Whether it is connected anew, just now. */
MUST_CHECK bool vdeport_reconnect(struct vdeport *p, nsec_t now);
/* When to call that; NSEC_NEVER while it is connected. */
nsec_t vdeport_deadline(const struct vdeport *p);
/* Its descriptors that are to be watched; returns how many. They change with any call. */
unsigned vdeport_fds(const struct vdeport *p, int fds[static VDEPORT_FDS_MAX]);

#endif
