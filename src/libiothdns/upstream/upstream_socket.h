/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A socket to a DNS server that is asked. */
#ifndef IOTHDNS_UPSTREAM_SOCKET_H
#define IOTHDNS_UPSTREAM_SOCKET_H

#include "base/ipaddr.h"

#include <errno.h>
#include <ioth.h>

/* Where its ports come from: unpredictable bytes. */
struct upstream_draw {
    void (*random)(void *arg, void *bytes, size_t len);
    void *arg;
};

/* A non-blocking socket of the stack, UDP: connected, at a random port; TCP: connecting, or connected already. The descriptor, below
 * fd_max; -EMFILE: it would not be; or another negative errno. */
MUST_CHECK int upstream_socket(struct ioth *stack, const struct ipendpoint *server, bool tcp, int fd_max,
                               const struct upstream_draw *draw);

/* The error of a call on such a socket that failed for want of room, or of something to read. */
static inline bool must_wait(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

#endif
