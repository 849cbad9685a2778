/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stack for a measurement, and sockets on it. What fails ends the program, after a message. */
#ifndef BENCH_STACK_END_H
#define BENCH_STACK_END_H

#include <netinet/in.h>

#include <ioth.h>

/* The address of host 1 to 65534 on the network of the measurement, 10.99.0.0/16. */
struct sockaddr_in end_address(unsigned host, uint16_t port);

/* A stack `kind` whose interface is up with the address of `host`. `vnl`: where it is connected; "-" for the
 * kernel's stack, whose interface 2 is there already. */
struct ioth *end_open(const char *kind, const char *vnl, unsigned host);

/* A socket bound to the address of `host`, non-blocking. */
int end_socket(struct ioth *stack, int type, unsigned host, uint16_t port);

/* Prints why and ends the program. */
void end_die(const char *what);

#endif
