/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a DHCPv6 message, writes it anew, reads that and writes it again: both writings must be the same. For
 * unit tests and fuzzers. */
#ifndef TEST_DHCP6_ROUNDTRIP_H
#define TEST_DHCP6_ROUNDTRIP_H

#include "wire/dhcp6.h"

#include <string.h>

enum dhcp6_roundtrip { DHCP6_UNREADABLE, DHCP6_NO_ROOM, DHCP6_DIFFERENT, DHCP6_SAME };

/* A message that is not relayed. What it is written as comes to `buffer`, `*ret_len` bytes. */
static inline enum dhcp6_roundtrip dhcp6_roundtrip(const void *bytes, size_t len, uint8_t *buffer,
                                                   size_t size, size_t *ret_len)
{
    static struct dhcp6_message first, second;
    static uint8_t again[1 << 17];
    struct writer w = writer_of(buffer, size), w2 = writer_of(again, sizeof(again));

    if (dhcp6_read(bytes, len, &first) < 0)
        return DHCP6_UNREADABLE;
    if (dhcp6_write(&w, &first) < 0)
        return DHCP6_NO_ROOM;
    *ret_len = w.pos;
    if (dhcp6_read(buffer, w.pos, &second) < 0 || dhcp6_write(&w2, &second) < 0)
        return DHCP6_DIFFERENT;
    return w.pos == w2.pos && memcmp(buffer, again, w.pos) == 0 ? DHCP6_SAME : DHCP6_DIFFERENT;
}

#endif
