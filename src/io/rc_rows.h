/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options of a service as rows of a table, of which its rc file, its command line and its help are made. A service has
 * rows of its own type whose first member is the part that all have in common:
 *
 *   struct proxy_row {
 *       struct rc_row row;
 *       int (*read)(struct proxy_draft *d, const char *value);
 *   };
 *   static const struct proxy_row proxy_rows[] = {
 *       {{"rcfile", 'f', "FILE", "read further options there, one a line"}, NULL},
 *       ...
 *       {{0}, NULL},
 *   };
 *
 *   struct rc_reader reader = {.rows = RC_ROWS(proxy_rows), .such_as = "'tcp' or 'udp'", .take = take, .arg = draft};
 *   int take(void *arg, const struct rc_row *row, const char *value, const struct rc_place *place)
 *   {
 *       return ((const struct proxy_row *)row)->read(arg, value);
 *   }
 *
 * A row named "rcfile" is for the command line alone: the file that is read.
 */
#ifndef IO_RC_ROWS_H
#define IO_RC_ROWS_H

#include "base/arena.h"

#include <stdbool.h>

#define RC_PLACE_MAX 256 /* bytes of a place; a longer path is cut */

struct rc_row {
    const char *name;  /* long, as the file has it; NULL: the end of the table */
    char letter;       /* short, for the command line; 0: none */
    const char *value; /* what it takes, as the help says it; NULL: nothing */
    const char *help;
};

/* A table of rows, whatever their type. */
struct rc_rows {
    const struct rc_row *first;
    size_t stride; /* from one to the next, bytes */
};

#define RC_ROWS(table) ((struct rc_rows){.first = &(table)[0].row, .stride = sizeof((table)[0])})

/* NULL: there is none behind the last. */
const struct rc_row *rc_row_at(struct rc_rows rows, size_t i);
/* In any letter case; NULL: there is none. */
const struct rc_row *rc_row_named(struct rc_rows rows, const char *name, size_t len);

/* A number of the value of an option: decimal digits, at most ten, from least to most. */
MUST_CHECK bool rc_number(const char *text, size_t len, uint32_t least, uint32_t most, uint32_t *ret);

/* Where something was said. */
struct rc_place {
    const char *file;        /* its path; NULL: on the command line */
    char text[RC_PLACE_MAX]; /* "radvd.rc:3:8", "--prefix" */
};

/* A sentence about one word of a value begins with it, in quotes: the place, "FILE:LINE:COLUMN" of the value, moves on to that
 * word. It stays if the value has no such word. */
void rc_place_word(char place[static RC_PLACE_MAX], const char *value, const char *sentence);
/* A file that is named there: from the folder of the file that names it; on the command line, from the working directory.
 * NULL: no memory. */
const char *rc_file_named(const struct rc_place *place, struct arena *arena, const char *name);
/* Puts "PLACE: " before the sentence in why; place NULL: nothing. Returns e. */
int rc_say_place(const char *place, int e, char *why, size_t why_size);

struct rc_reader {
    struct rc_rows rows;
    const char *such_as; /* "'period' or 'prefix'": for who writes a word that is like no option */
    /* An option, in the order in which they come. value: NUL-terminated, and gone after the call; "": none, where the row takes
     * none. 0, or negative errno with what is wrong in `why`, without the place, and beginning with the word that it is about, in
     * quotes; an empty `why` becomes strerror's. */
    int (*take)(void *arg, const struct rc_row *row, const char *value, const struct rc_place *place,
                char *why, size_t why_size);
    void *arg;
};

/* The lines of a file; path: for messages. 0; -EINVAL, or what `take` returned, with "PLACE: sentence" in why; -ENOMEM. */
MUST_CHECK int rc_read_text(const struct rc_reader *reader, const char *path, const char *text, size_t len,
                            char *why, size_t why_size);
/* An option of the command line by its long name; value NULL: none was given. As above. */
MUST_CHECK int rc_read_option(const struct rc_reader *reader, const char *name, const char *value, char *why,
                              size_t why_size);

#endif
