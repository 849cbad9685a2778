/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A slot for one pointer; see slot.h.
 *
 * The first who attaches wins, by compare and exchange, and only he writes the hooks. Nobody else reads
 * that before the stack is deleted, which is not to happen while another thread still uses the stack.
 */
#include "libioth/slot.h"

#include <stddef.h>

void *slot_attach(struct slot *slot, void *data, const struct slot_hooks *hooks)
{
    void *attached = NULL;

    if (data == NULL)
        return atomic_load(&slot->data);
    if (!atomic_compare_exchange_strong(&slot->data, &attached, data))
        return attached;
    slot->hooks = hooks;
    return data;
}

int slot_hold(struct slot *slot)
{
    void *data = atomic_load(&slot->data);

    return data == NULL ? 0 : slot->hooks->hold(data);
}

void slot_resume(struct slot *slot)
{
    void *data = atomic_load(&slot->data);

    if (data != NULL)
        slot->hooks->resume(data);
}

void slot_finish(struct slot *slot)
{
    void *data = atomic_load(&slot->data);

    if (data != NULL)
        slot->hooks->finish(data);
}

void slot_destroy(struct slot *slot)
{
    void *data = atomic_exchange(&slot->data, NULL);

    if (data != NULL)
        slot->hooks->destroy(data);
}
