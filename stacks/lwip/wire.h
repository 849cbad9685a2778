/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_WIRE_H
#define LWIP_WIRE_H
/* The connection of an interface to its virtual network. */

#include <sys/types.h>

#include "lwip/stack.h"
#include "vde/vdeport.h"

/* Connects to the network at `locator`: within VDEPORT_PATIENCE. 0 or a negative errno. */
__attribute__((warn_unused_result)) int wire_open(const char *locator, struct wire **ret_wire);
/* It is of that interface from now on, and the loop watches it. 0 or a negative errno; the loop may know the wire even then, so
 * it ends as every wire does, in loop_leave. */
__attribute__((warn_unused_result)) int wire_join(struct wire *wire, struct port *port);
void wire_close(struct wire *wire);

/* Sends a frame, or queues it while the network is busy. 0 or a negative errno: the frame is lost. -ENOBUFS: there is no
 * room for this segment of ours in the queue, and TCP, which has kept what it wanted to send, is told when there is
 * (tcp_resume), unless the network goes away before. */
int wire_send(struct wire *wire, const uint8_t *frame, size_t len);
/* Is the network there? */
bool wire_is_connected(const struct wire *wire);
/* Has the network fallen behind with what TCP does not keep? */
bool wire_is_busy(const struct wire *wire);

/* What the loop calls, with the stack's lock held: something happened at a descriptor of the wire (which: the
 * pointer that was watched); the time has come to look after the wires. */
struct stack *wire_stack(void *watched);
void wire_event(void *watched, uint32_t events);
/* Disconnects the wires of a dead stack. */
void wire_abandon_all(struct stack *stack);
/* Tries lost networks again, and takes back what is lent for too long. Returns when to look again, in ms; UINT64_MAX: no need. */
uint64_t wire_tend_all(struct stack *stack);

/* The reader of a socket of datagrams has taken the last one: if a wire is lent, he receives its next frames. With the stack's
 * lock held, in stack_run, by any thread. */
void wire_borrow(struct sock *sock);

#endif
