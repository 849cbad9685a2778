/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See rcfile.h. Blanks are spaces, tabs and the carriage return of a file that came from elsewhere. What an argument means,
 * quotes included, is for whoever reads it: here it is all that stands behind the tag, without the blanks around it.
 */
#include "io/rcfile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIPE_WAIT_MS 5000 /* for who writes to a pipe that we read from */

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

/* A pipe that nobody writes to would hold up a reload for ever. */
static int wait_for_more(int fd)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    int n = poll(&readable, 1, PIPE_WAIT_MS);

    return n > 0 ? 0 : n == 0 ? -ETIMEDOUT : -errno;
}

/* Reads until there is no more, or `size` bytes are there. How many in all; negative errno. */
static ssize_t fill(int fd, char *text, size_t len, size_t size)
{
    while (len < size) {
        int e = wait_for_more(fd);
        ssize_t n = e == 0 ? read(fd, text + len, size - len) : e;
        if (n == 0)
            break;
        if (n < 0 && (e < 0 || (errno != EINTR && errno != EAGAIN)))
            return e < 0 ? e : -errno;
        if (n > 0)
            len += (size_t)n;
    }
    return (ssize_t)len;
}

static int read_all(int fd, char **ret, size_t *ret_len)
{
    size_t size = 4096;
    ssize_t len = 0;
    char *text = NULL;

    for (;;) {
        char *more = realloc(text, size);
        len = more ? fill(fd, more, (size_t)len, size) : -ENOMEM;
        text = more ? more : text;
        if (len < (ssize_t)size || size > RC_TEXT_MAX)
            break;
        size *= 2;
    }
    int e = len < 0 ? (int)len : len > RC_TEXT_MAX ? -EFBIG : memchr(text, '\0', (size_t)len) ? -EBADMSG : 0;
    if (e < 0) {
        free(text);
        return e;
    }
    *ret = text;
    *ret_len = (size_t)len;
    return 0;
}

int rc_read_file(const char *path, char **ret, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return -errno;
    int e = read_all(fd, ret, ret_len);
    close(fd);
    return e;
}
