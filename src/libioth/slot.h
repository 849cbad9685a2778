/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTH_SLOT_H
#define LIBIOTH_SLOT_H
/* One pointer that travels with a stack: libiothconf keeps there what it has configured, so that it needs no
   table of stacks of its own and its data ends when the stack ends. */

#include <stdatomic.h>

struct ioth;

struct slot {
    _Atomic(void *) data; /* NULL: nothing attached */
    void (*destroy)(void *data);
};

#pragma GCC visibility push(default)

/* Attaches data to a stack that has none attached yet, and returns what is attached then: `data`, or what
   another thread attached before (the caller disposes of his own). With data NULL it only looks; NULL then
   means that nothing is attached. stack: NULL for the default stack. destroy: called once with the data when
   the stack is deleted. Exported by libioth for libiothconf; this header is not installed. */
void *ioth_slot_attach(struct ioth *stack, void *data, void (*destroy)(void *data));

#pragma GCC visibility pop

/* The same on a slot, and its end. */
void *slot_attach(struct slot *slot, void *data, void (*destroy)(void *data));
void slot_fini(struct slot *slot);

#endif
