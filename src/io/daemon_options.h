/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command line of a daemon: its options are rows (rc_rows.h), beside --check, --help and --version, which all have.
 * What was said is kept as words, so that a reload reads file and command line again.
 *
 * For programs: it prints and exits.
 */
#ifndef IO_DAEMON_OPTIONS_H
#define IO_DAEMON_OPTIONS_H

#include "io/rc_rows.h"

#define DAEMON_WORDS_MAX 1024 /* options of one command line */

enum { EXIT_USAGE = 2 };

/* An option of the command line as it was given. */
struct daemon_word {
    const char *name, *value; /* value NULL: the row takes none */
};

struct daemon_options {
    const char *program; /* as it was called, without its folder */
    bool check;
    const char *secret;
    char *rcfile; /* of the row "rcfile"; absolute, for reloads; NULL: none */
    unsigned n_words;
    struct daemon_word words[DAEMON_WORDS_MAX]; /* all others, in their order */
};

/* What --help and the messages say, and what is allowed. */
struct daemon_usage {
    const char *version;
    const char *synopsis; /* behind the program's name: "[OPTION...]" */
    const char *summary;  /* one line: what the program does */
    const char *notes;    /* lines behind the options */
    struct rc_rows rows;
    /* The row whose values are hidden from other users, who can see arguments; NULL: none. */
    const char *secret;
    char check_letter; /* short for --check; 0: none */
    /* What stands behind the options, n_operands >= 0 words; may call daemon_add_word. NULL, or one sentence that says what
     * is wrong. The function NULL: nothing may stand there. */
    const char *(*operands)(struct daemon_options *o, int n_operands, char **operands);
};

/* Reads the command line; once in a process. Exits on --help, --version, and on a wrong command line. */
void daemon_options_read(const struct daemon_usage *usage, int argc, char **argv, struct daemon_options *ret);
void daemon_options_fini(struct daemon_options *o);
/* One word more; false: too many. */
MUST_CHECK bool daemon_add_word(struct daemon_options *o, const char *name, const char *value);
/* Whether an option without a value was given. */
bool daemon_says(const struct daemon_options *o, const char *name);
/* The value given last; NULL: none. */
const char *daemon_value(const struct daemon_options *o, const char *name);

/* Gives all that was said to the reader: the file of the option rcfile as it is now, then the command line. 0, or negative
 * errno and one sentence in why, with its place. After 0 why says that memory is out, for the caller who may find so next. */
MUST_CHECK int daemon_options_load(const struct daemon_options *o, const struct rc_reader *reader, char *why,
                                   size_t why_size);

#endif
