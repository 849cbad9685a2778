/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What messages and options have in common: for the sources nd*.c alone. */
#ifndef WIRE_ND_PARTS_H
#define WIRE_ND_PARTS_H

#include "wire/nd.h"

/* The preference in a byte of flags: two bits, signed; 10 is reserved (RFC 4191 s2.1). */
enum { PREFERENCE_SHIFT = 3, PREFERENCE_MASK = 3 << PREFERENCE_SHIFT, PREFERENCE_RESERVED = 2 };

static inline unsigned preference_bits(uint8_t byte)
{
    return (unsigned)(byte & PREFERENCE_MASK) >> PREFERENCE_SHIFT;
}

static inline enum nd_preference preference_of(unsigned bits)
{
    return bits == 1 ? ND_HIGH : bits == 3 ? ND_LOW : ND_MEDIUM;
}

static inline uint8_t preference_byte(enum nd_preference preference)
{
    return (uint8_t)(((unsigned)preference << PREFERENCE_SHIFT) & PREFERENCE_MASK);
}

/* An address of which the first len bytes (up to 16) are there. */
static inline struct ipaddr read_addr(struct reader *r, size_t len)
{
    struct ipaddr addr = {{0}};
    const uint8_t *bytes = reader_take(r, len);

    if (bytes)
        memcpy(addr.b, bytes, len);
    return addr;
}

#endif
