/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text that grows as it is written, up to TEXT_MAX. Its error sticks: it is looked at once, at the end. */
#ifndef IO_TEXT_H
#define IO_TEXT_H

#include "base/base.h"
#include <stdbool.h>

/* Pages are made piece by piece and records one by one; the longest piece is the data of one record, 64 KiB
 * with up to four characters a byte. */
#define TEXT_MAX (512 << 10)

struct text {
    char *bytes; /* not NUL-terminated; NULL while empty */
    size_t len, size;
    bool failed; /* out of memory, or longer than TEXT_MAX: something is missing */
};

void text_put(struct text *t, const char *bytes, size_t len);
void text_puts(struct text *t, const char *s);
void text_printf(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);
/* A JSON string (RFC 8259 s7) in its quotes; bytes that are no ASCII become \u00XX, as if they were Latin-1. */
void text_json(struct text *t, const char *s);
/* Takes the first `len` bytes away. */
void text_drop(struct text *t, size_t len);
void text_fini(struct text *t); /* and empty again */

#endif
