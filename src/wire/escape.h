/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The escapes of presentation forms (RFC 1035 s5.1), which names and character-strings share. */
#ifndef WIRE_ESCAPE_H
#define WIRE_ESCAPE_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

static inline unsigned decimal_digit(char c)
{
    return (unsigned)(unsigned char)c - '0'; /* above 9: not a digit */
}

/* The byte that stands at text[*pos] (*pos < len), as itself, as \X or as \DDD, and steps over it. Returns
 * 0..255, or -EINVAL: nothing behind the backslash, fewer than three digits, or a number above 255. */
static inline int escape_read(const char *text, size_t len, size_t *pos)
{
    if (text[*pos] != '\\')
        return (uint8_t)text[(*pos)++];
    size_t left = len - ++*pos;
    if (left == 0)
        return -EINVAL;
    if (decimal_digit(text[*pos]) > 9)
        return (uint8_t)text[(*pos)++];
    if (left < 3 || decimal_digit(text[*pos + 1]) > 9 || decimal_digit(text[*pos + 2]) > 9)
        return -EINVAL;
    unsigned value =
        decimal_digit(text[*pos]) * 100 + decimal_digit(text[*pos + 1]) * 10 + decimal_digit(text[*pos + 2]);
    *pos += 3;
    return value <= UINT8_MAX ? (int)value : -EINVAL;
}

#endif
