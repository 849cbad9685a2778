/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See edits.h. d[i][j] is the distance of the first i letters of one word from the first j of the other. */
#include "base/edits.h"

#include <stdint.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t edits_between(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t d[EDITS_WORD_MAX + 1][EDITS_WORD_MAX + 1];

    if (a_len > EDITS_WORD_MAX || b_len > EDITS_WORD_MAX)
        return SIZE_MAX;
    for (size_t i = 0; i <= a_len; i++)
        d[i][0] = i;
    for (size_t j = 0; j <= b_len; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        for (size_t j = 1; j <= b_len; j++) {
            size_t replace = d[i - 1][j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));

            d[i][j] = min(replace, min(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                d[i][j] = min(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a_len][b_len];
}
