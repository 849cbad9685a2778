/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * MAC addresses to text and back, for command lines and configurations: what inet_ntop and inet_pton are for
 * IP.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <ioth.h>

enum { MAC_BYTES = 6 };

const char *ioth_ntomac(const void *src, char *dst, size_t size)
{
    const uint8_t *mac = src;

    if (size < MAC_ADDRSTRLEN) {
        errno = ENOSPC;
        return NULL;
    }
    snprintf(dst, size, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    return dst;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Reads one or two hexadecimal digits at *text and moves on behind them; -1 if there are none. */
static int read_byte(const char **text)
{
    int value = hex_digit(**text), low;

    if (value < 0)
        return -1;
    low = hex_digit(*++*text);
    if (low < 0)
        return value;
    ++*text;
    return value << 4 | low;
}

int ioth_macton(const char *src, void *dst)
{
    uint8_t mac[MAC_BYTES];
    char separator = '\0';
    int i, value;

    for (i = 0; i < MAC_BYTES; i++) {
        value = read_byte(&src);
        if (value < 0)
            return 0;
        mac[i] = (uint8_t)value;
        if (i == 0)
            separator = *src;
        if (i < MAC_BYTES - 1 && ((separator != ':' && separator != '-') || *src++ != separator))
            return 0;
    }
    if (*src != '\0')
        return 0;
    memcpy(dst, mac, sizeof(mac));
    return 1;
}
