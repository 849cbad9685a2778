/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See text.h: a growing array, doubled when it is full. */
#include "io/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for `more` bytes. */
static bool reserve(struct text *t, size_t more)
{
    if (t->failed || more > TEXT_MAX - t->len) {
        t->failed = true;
        return false;
    }
    if (t->size - t->len >= more)
        return true;
    size_t size = t->size < 512 ? 1024 : t->size * 2;
    while (size < t->len + more)
        size *= 2;
    char *grown = realloc(t->bytes, size);
    if (!grown) {
        t->failed = true;
        return false;
    }
    t->bytes = grown;
    t->size = size;
    return true;
}

void text_put(struct text *t, const char *bytes, size_t len)
{
    if (len == 0 || !reserve(t, len))
        return;
    memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
}

void text_puts(struct text *t, const char *s)
{
    text_put(t, s, strlen(s));
}

void text_printf(struct text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    if (len >= 0 && reserve(t, (size_t)len + 1)) {
        vsnprintf(t->bytes + t->len, (size_t)len + 1, format, again);
        t->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

void text_json(struct text *t, const char *s)
{
    text_puts(t, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            text_printf(t, "\\%c", c);
        else if (c < ' ' || c > 126)
            text_printf(t, "\\u%04x", c);
        else
            text_put(t, s, 1);
    }
    text_puts(t, "\"");
}

void text_drop(struct text *t, size_t len)
{
    if (len == 0)
        return;
    t->len -= len;
    memmove(t->bytes, t->bytes + len, t->len);
}

void text_fini(struct text *t)
{
    free(t->bytes);
    *t = (struct text){0};
}
