/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTH_SLOT_H
#define LIBIOTH_SLOT_H
/* One pointer that travels with a stack: libiothconf keeps there what it has configured and who renews it, so that
   it needs no table of stacks of its own, and its data, its sockets on the stack and its thread end when the
   stack ends. */

#include <stdatomic.h>

struct ioth;

/* What ioth_delstack() tells the data of a stack, in this order: `hold`, and then either `resume`, since the
   stack cannot go yet, or `finish` and `destroy`. */
struct slot_hooks {
    /* Stands still until resume or finish: opens and closes no socket on the stack. Returns how many it has
       open, which are not in the way of the stack's end; or a negative errno, with nothing to resume: it cannot
       now, so the stack stays. */
    int (*hold)(void *data);
    void (*resume)(void *data);
    /* The stack ends: closes its sockets on it. */
    void (*finish)(void *data);
    /* The stack has ended. Frees the data. */
    void (*destroy)(void *data);
};

struct slot {
    _Atomic(void *) data; /* NULL: nothing attached */
    const struct slot_hooks *hooks;
};

#pragma GCC visibility push(default)

/* Attaches data to a stack that has none attached yet, and returns what is attached then: `data`, or what
   another thread attached before (the caller disposes of his own). With data NULL it only looks; NULL then
   means that nothing is attached. stack: NULL for the default stack. Exported by libioth for libiothconf; this
   header is not installed. */
void *ioth_slot_attach(struct ioth *stack, void *data, const struct slot_hooks *hooks);

#pragma GCC visibility pop

/* The same on a slot, and the hooks of what is attached; where nothing is, hold returns 0. */
void *slot_attach(struct slot *slot, void *data, const struct slot_hooks *hooks);
int slot_hold(struct slot *slot);
void slot_resume(struct slot *slot);
void slot_finish(struct slot *slot);
void slot_destroy(struct slot *slot);

#endif
