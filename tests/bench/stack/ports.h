/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stack_serve and stack_client agree on. */
#ifndef BENCH_STACK_PORTS_H
#define BENCH_STACK_PORTS_H

enum {
    PORT_ECHO = 7,
    PORT_SINK = 9,
    PORT_SOURCE = 19,
    PIECE = 64 << 10, /* bytes of one read or write on a connection */
};

#endif
