/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text of a configuration as lines of words, each of which knows where it stands. */
#ifndef IOTHNAMED_CONFIG_LEX_H
#define IOTHNAMED_CONFIG_LEX_H

#include "libiothnamed/diag.h"

/* Bytes of a line. The longest that makes sense is a record of 65535 bytes with every byte written as \DDD
 * and in quoted strings of 255. */
#define CONFIG_LINE_MAX 300000

/* A piece of the text and its place. */
struct piece {
    const char *text; /* not NUL-terminated */
    size_t len;
    struct place at;
};

struct word {
    struct piece value; /* quotes around it taken off, escapes left as they are */
    struct piece raw;   /* as it stands there */
    char quote;         /* ' or " around it, or 0 */
};

struct line {
    const struct word *words; /* at least one; valid until the next line is read */
    unsigned n_words;
    struct place end; /* behind the last word */
};

struct lexer {
    const char *text;
    size_t len, pos;
    unsigned number;     /* of the line read last */
    struct arena *arena; /* for the words */
    struct word *words;
    unsigned words_size;
};

struct lexer lexer_of(const char *text, size_t len, struct arena *arena);
/* The next line that has a word. Lines that are no text or have unbalanced quotes are reported and skipped.
 * 1; 0: the end; -ENOMEM. */
MUST_CHECK int lexer_next(struct lexer *lexer, struct diags *diags, struct line *ret);

static inline struct place place_right(struct place at, size_t bytes)
{
    at.column += (unsigned)bytes;
    return at;
}

/* The part of p from `from`, `len` bytes. */
static inline struct piece piece_part(struct piece p, size_t from, size_t len)
{
    return (struct piece){p.text + from, len, place_right(p.at, from)};
}

/* From the first word from `first` on to the last, blanks between them included. */
struct piece line_rest(const struct line *line, unsigned first);

#endif
