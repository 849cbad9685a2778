/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The Internet checksum (RFC 1071): the complement of a sum of 16-bit words. Summing it with what it covers gives ffff. */
#ifndef WIRE_INETSUM_H
#define WIRE_INETSUM_H

#include "base/cursor.h"

/* Adds bytes to a sum that is not folded yet, zero at first; what odd bytes lack is zero. 65535 bytes do not overflow it. */
static inline uint32_t inetsum_add(uint32_t sum, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += get_be16(bytes + i);
    return len % 2 != 0 ? sum + ((uint32_t)bytes[len - 1] << 8) : sum;
}

static inline uint16_t inetsum_fold(uint32_t sum)
{
    while (sum > UINT16_MAX)
        sum = (sum & UINT16_MAX) + (sum >> 16);
    return (uint16_t)sum;
}

#endif
