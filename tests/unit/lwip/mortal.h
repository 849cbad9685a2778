/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_MORTAL_H
#define LWIP_MORTAL_H
/* The plug-in `mortal` is lwip, but setsockopt(fd, MORTAL_LEVEL, way, NULL, 0) has an assertion of lwIP fail in the
 * stack of fd. */
enum { MORTAL_LEVEL = 0x6d6f7274 };

enum mortal_way {
    MORTAL_NOW,         /* within this call */
    MORTAL_ON_DATAGRAM, /* when the next datagram arrives at this UDP socket: in the loop's thread */
    MORTAL_ON_ARRIVALS, /* when what has arrived at this socket is taken, by recv or close */
    MORTAL_ON_TIMER,    /* when lwIP's timer looks at this TCP connection: in the loop's thread */
};

#endif
