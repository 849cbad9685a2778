/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTH_STACK_H
#define LIBIOTH_STACK_H

#include <limits.h>
#include <stdatomic.h>

#include <ioth_plugin.h>

#include "libioth/loader.h"
#include "libioth/slot.h"

struct ioth {
    const struct ioth_ops *ops; /* complete: no member is NULL */
    void *ctx;                  /* of the plug-in, first argument of its operations */
    struct ioth_ops resolved;   /* what ops points to */
    struct loader_plugin loaded;
    struct slot slot;
    atomic_int nsockets; /* open ones, of the fd table; below 0 once delstack has begun */
};

enum { STACK_ENDING = INT_MIN / 2 }; /* far from 0: the last sockets are closed after it */

/* The stack to ask for a descriptor of that owner: the owner, or the stack of plain system calls for NULL. */
const struct ioth *stack_or_native(const struct ioth *owner);
/* The stack to ask for that descriptor. */
const struct ioth *stack_of(int fd);

/* Enters the new socket fd of `stack` (NULL: of no stack) in the fd table and returns it; if that fails
 * closes it and returns -1, errno. A failed call (fd < 0) passes through. A number that another stack owned
 * until now leaves it. */
int stack_adopt(struct ioth *stack, int fd);

/* The socket fd is about to be closed: it leaves the fd table, so that its number is free for a new owner; it
 * still counts as open. Returns its stack for stack_drop, NULL if nobody owns it. */
struct ioth *stack_disown(int fd);
/* One socket fewer. NULL is fine. */
void stack_drop(struct ioth *stack);

#endif
