/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See rcfile.h. Blanks are spaces, tabs and the carriage return of a file that came from elsewhere. What an argument means,
 * quotes included, is for whoever reads it: here it is all that stands behind the tag, without the blanks around it.
 */
#include "io/rcfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The length without a comment and the blanks before it. */
static size_t without_comment(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] == '#' && (i == 0 || is_blank(text[i - 1]))) {
            len = i;
            break;
        }
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    return len;
}

static size_t skip(const char *text, size_t len, size_t from, bool blanks)
{
    while (from < len && is_blank(text[from]) == blanks)
        from++;
    return from;
}

/* False: it says nothing. */
static bool read_line(const char *text, size_t len, struct rc_line *ret)
{
    len = without_comment(text, len);
    size_t tag = skip(text, len, 0, true), tag_end = skip(text, len, tag, false);
    size_t value = skip(text, len, tag_end, true);

    ret->tag = text + tag;
    ret->tag_len = tag_end - tag;
    ret->tag_column = (unsigned)tag + 1;
    ret->value = text + value;
    ret->value_len = len - value;
    ret->value_column = value < len ? (unsigned)value + 1 : ret->tag_column;
    return tag < len;
}

bool rc_next(struct rc_text *rc, struct rc_line *ret)
{
    while (rc->at < rc->end) {
        const char *line = rc->at, *newline = memchr(line, '\n', (size_t)(rc->end - line));
        const char *stop = newline ? newline : rc->end;

        rc->at = newline ? newline + 1 : rc->end;
        ret->number = ++rc->number;
        if (read_line(line, (size_t)(stop - line), ret))
            return true;
    }
    return false;
}

static int read_all(FILE *in, char **ret, size_t *ret_len)
{
    size_t size = 4096, len = 0;
    char *text = NULL;

    for (;;) {
        char *more = realloc(text, size);
        if (!more) {
            free(text);
            return -ENOMEM;
        }
        text = more;
        len += fread(text + len, 1, size - len, in);
        if (len < size || size > RC_TEXT_MAX)
            break;
        size *= 2;
    }
    int e = ferror(in) ? -EIO : len > RC_TEXT_MAX ? -EFBIG : memchr(text, '\0', len) ? -EBADMSG : 0;
    if (e < 0) {
        free(text);
        return e;
    }
    *ret = text;
    *ret_len = len;
    return 0;
}

int rc_read_file(const char *path, char **ret, size_t *ret_len)
{
    FILE *in = fopen(path, "re");

    if (!in)
        return -errno;
    int e = read_all(in, ret, ret_len);
    fclose(in);
    return e;
}
