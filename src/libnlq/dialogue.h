/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBNLQ_DIALOGUE_H
#define LIBNLQ_DIALOGUE_H
/* An answer while it comes in, message by message, from a socket or from a queue. */

#include <stdbool.h>

#include <libnlq.h>

#include "base/cursor.h"

struct dialogue {
    nlq_doit_f cb;
    const void *argin;
    void *argout, *argenv;
    uint32_t seq; /* of the request; 0: any */
    int value;    /* the last one of cb, or the first error */
    bool complete;
};

/* Takes messages up to the end of the answer; bytes that are no message end it with -EBADMSG. */
void dialogue_take(struct dialogue *d, struct reader messages);

#endif
