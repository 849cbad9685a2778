/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A slot for one pointer; see slot.h.
 *
 * The first who attaches wins, by compare and exchange, and only he writes the destructor. Nobody else reads
 * that before the stack is deleted, which is not to happen while another thread still uses the stack.
 */
#include "libioth/slot.h"

#include <stddef.h>

void *slot_attach(struct slot *slot, void *data, void (*destroy)(void *data))
{
    void *attached = NULL;

    if (data == NULL)
        return atomic_load(&slot->data);
    if (!atomic_compare_exchange_strong(&slot->data, &attached, data))
        return attached;
    slot->destroy = destroy;
    return data;
}

void slot_fini(struct slot *slot)
{
    void *data = atomic_exchange(&slot->data, NULL);

    if (data != NULL)
        slot->destroy(data);
}
