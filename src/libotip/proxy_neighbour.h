/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_PROXY_NEIGHBOUR_H
#define LIBOTIP_PROXY_NEIGHBOUR_H
/*
 * Neighbour discovery (RFC 4861) for one-time addresses, on one Ethernet of a stack: new ones are announced, muted ones, which
 * the stack does not have any more, are answered for.
 */
#include "base/ipaddr.h"

#include <ioth.h>

struct proxy_neighbour;

/* 0 and *ret, NULL for an interface without neighbours; negative errno. */
MUST_CHECK int proxy_neighbour_open(struct proxy_neighbour **ret, struct ioth *stack, unsigned ifindex);
void proxy_neighbour_close(struct proxy_neighbour *n);
/* To wait for, with poll; -1: n is NULL. */
int proxy_neighbour_fd(const struct proxy_neighbour *n);

/* All take n NULL. */
/* The address is new here: asks whether somebody else has it (RFC 4862 s5.4, optimistically: RFC 4429) and tells all nodes
 * (RFC 4861 s7.2.6). */
void proxy_neighbour_announce(struct proxy_neighbour *n, const struct ipaddr *addr);
/* From now on solicitations for that address are answered. 0 or negative errno. */
MUST_CHECK int proxy_neighbour_answer_for(struct proxy_neighbour *n, const struct ipaddr *addr);
/* No longer. */
void proxy_neighbour_forget(struct proxy_neighbour *n, const struct ipaddr *addr);
/* The interface is another one now: its number, its MAC address. Groups are joined again. 0 or negative errno. */
MUST_CHECK int proxy_neighbour_move(struct proxy_neighbour *n, unsigned ifindex);
/* Takes in what has come and answers it. How many messages said that somebody else has an address that was announced or is
 * answered for; the last such address is in *ret_taken. Negative errno: the socket has failed for ever. */
MUST_CHECK int proxy_neighbour_input(struct proxy_neighbour *n, struct ipaddr *ret_taken);

#endif
