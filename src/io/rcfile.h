/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lines of an rc file: "tag argument", one a line; a '#' at the beginning of a line or behind a blank begins a comment. */
#ifndef IO_RCFILE_H
#define IO_RCFILE_H

#include "base/base.h"

#include <stdbool.h>

#define RC_TEXT_MAX (4 << 20) /* bytes: a person, or a script of his, wrote it */

struct rc_text {
    const char *at, *end;
    unsigned number; /* of the line that was read last, from 1 */
};

/* A line that says something. Views into the text. */
struct rc_line {
    unsigned number, tag_column, value_column; /* from 1; without an argument both columns are the tag's */
    const char *tag, *value;
    size_t tag_len, value_len;
};

/* The next line that says something; false: there is none. `rc` begins as {text, text + len, 0}. */
bool rc_next(struct rc_text *rc, struct rc_line *ret);

/* Reads a file whole; *ret is to be freed and is not NUL-terminated. 0, or -errno; -EFBIG: longer than RC_TEXT_MAX;
 * -EBADMSG: there is a NUL in it; -ETIMEDOUT: a pipe that nobody writes to. */
MUST_CHECK int rc_read_file(const char *path, char **ret, size_t *ret_len);

#endif
