/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The small tables of /etc: hosts(5), services(5), gai.conf(5). Lines of fields between blanks; '#' begins a comment
 * anywhere, and a NUL ends what its line says, as for the C library, which reads lines as strings. The text is cut up in
 * place: it needs one byte more than it has, for a NUL, and fields point into it.
 */
#ifndef IOTHDNS_HOSTS_LINES_H
#define IOTHDNS_HOSTS_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct lines {
    char *at, *end; /* what is not read yet; *end is ours to overwrite */
};

static inline struct lines lines_of(char *text, size_t len)
{
    return (struct lines){text, text + len};
}

/* ASCII alone, whatever the locale. */
static inline bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* strcmp of both in lower case. */
static inline int ascii_casecmp(const char *a, const char *b)
{
    while (*a != '\0' && ascii_lower(*a) == ascii_lower(*b)) {
        a++;
        b++;
    }
    return (unsigned char)ascii_lower(*a) - (unsigned char)ascii_lower(*b);
}

/* The next line as a string without its comment, maybe empty; NULL: there is none. */
static inline char *lines_next(struct lines *l)
{
    if (l->at >= l->end)
        return NULL;
    char *line = l->at;
    char *newline = memchr(line, '\n', (size_t)(l->end - line));
    if (!newline)
        newline = l->end;
    *newline = '\0';
    l->at = newline + 1;
    line[strcspn(line, "#")] = '\0';
    return line;
}

/* The next field of a line as a string, and steps over it; NULL: there is none. */
static inline char *lines_field(char **line)
{
    char *field = *line;

    while (is_blank(*field))
        field++;
    if (*field == '\0')
        return NULL;
    char *end = field;
    while (*end != '\0' && !is_blank(*end))
        end++;
    *line = *end == '\0' ? end : end + 1;
    *end = '\0';
    return field;
}

/* How many lines and fields the text has at the most. */
static inline void lines_count(const char *text, size_t len, size_t *ret_lines, size_t *ret_fields)
{
    size_t lines = 1, fields = 0;
    bool in_field = false;

    for (size_t i = 0; i < len; i++) {
        bool blank = is_blank(text[i]);
        lines += text[i] == '\n';
        fields += !blank && !in_field;
        in_field = !blank;
    }
    *ret_lines = lines;
    *ret_fields = fields;
}

#endif
