/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is wrong with a configuration, each with its place: all of it is collected, then reported in one go.
 */
#ifndef IOTHNAMED_DIAG_H
#define IOTHNAMED_DIAG_H

#include "base/arena.h"
#include "io/text.h"
#include <stdbool.h>

/* A place in the configuration file, both counted from 1; 0: the file as a whole. */
struct place {
    unsigned line, column;
};

struct diag {
    struct diag *next;
    struct place at;
    const char *path; /* of another file than the configuration, or NULL */
    bool warning;
    const char *text; /* "what is wrong, what was expected" */
};

/* The most that one check reports; a file of another kind given by mistake may have one a line. */
#define DIAGS_MAX 1000

struct diags {
    struct arena arena;
    struct diag *first, *last; /* in order of report; diags_sort orders them by place */
    unsigned errors, warnings; /* counted beyond DIAGS_MAX too */
};

void diags_fini(struct diags *d);
void diag_error(struct diags *d, struct place at, const char *format, ...) PRINTF_LIKE(3, 4);
void diag_warning(struct diags *d, struct place at, const char *format, ...) PRINTF_LIKE(3, 4);
/* About another file, at that line of it; line 0: the file as a whole. */
void diag_error_in(struct diags *d, const char *path, unsigned line, const char *format, ...)
    PRINTF_LIKE(4, 5);
void diag_warning_in(struct diags *d, const char *path, unsigned line, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* By file, the configuration first, and place. */
void diags_sort(struct diags *d);
/* In compiler style, so that editors can jump to the places; path: how the configuration is called. */
void diags_put(const struct diags *d, const char *path, struct text *out);

#endif
