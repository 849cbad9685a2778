/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each byte follows from its place alone, with no period that is a power of two: a piece that is lost, doubled or moved
 * shows. */
#include "lab/pattern.h"

static unsigned char byte_at(size_t at)
{
    return (unsigned char)((at * 2654435761U) >> 16);
}

void pattern_fill(unsigned char *buf, size_t len, size_t at)
{
    size_t i;

    for (i = 0; i < len; i++)
        buf[i] = byte_at(at + i);
}

bool pattern_holds(const unsigned char *buf, size_t len, size_t at)
{
    size_t i;

    for (i = 0; i < len; i++)
        if (buf[i] != byte_at(at + i))
            return false;
    return true;
}
