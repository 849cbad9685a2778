/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_LOOP_H
#define LWIP_LOOP_H
/* The one thread of all lwip stacks of the process: frames in, timers. */

#include <stdint.h>

struct stack;

/* Enters a stack, before its first wire; the first one starts the thread. 0 or a negative errno. */
__attribute__((warn_unused_result)) int loop_enter(struct stack *stack);
/* Takes a stack out and calls end(stack), which may close its wires, while the thread keeps off; the last one
 * ends the thread. Both are called without the stack's lock. */
void loop_leave(struct stack *stack, void (*end)(struct stack *stack));

/* Watches a descriptor for epoll events, or changes for which; `watched` goes to wire_event. */
int loop_watch(int fd, uint32_t events, void *watched);
void loop_unwatch(int fd);
/* The thread shall look after the wires of that stack, at once. With its lock held, by any thread. */
void loop_tend(struct stack *stack);

#endif
