/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See rc_rows.h. A line of a file and an option of the command line are the same thing said in two places: a name that has a
 * row, and a value where the row wants one. What is wrong with either is found here, so every service says it in the same
 * words, with the place and, where a name is nearly one of the table, with that one.
 */
#include "io/rc_rows.h"

#include "base/edits.h"
#include "io/rcfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const struct rc_row *rc_row_at(struct rc_rows rows, size_t i)
{
    const struct rc_row *row =
        (const struct rc_row *)(const void *)((const char *)rows.first + i * rows.stride);

    return row->name ? row : NULL;
}

const struct rc_row *rc_row_named(struct rc_rows rows, const char *name, size_t len)
{
    const struct rc_row *row;

    for (size_t i = 0; (row = rc_row_at(rows, i)); i++)
        if (strlen(row->name) == len && strncasecmp(row->name, name, len) == 0)
            return row;
    return NULL;
}

/* NULL: none is near. */
static const char *nearest_to(struct rc_rows rows, const char *name, size_t len)
{
    const char *nearest = NULL;
    size_t least = edits_near(len) + 1;
    const struct rc_row *row;

    for (size_t i = 0; (row = rc_row_at(rows, i)); i++) {
        size_t edits = edits_between(row->name, strlen(row->name), name, len);
        if (edits < least) {
            least = edits;
            nearest = row->name;
        }
    }
    return nearest;
}

static int no_such_row(const struct rc_reader *reader, const char *place, const char *name, size_t len,
                       char *why, size_t why_size)
{
    const char *nearest = nearest_to(reader->rows, name, len);
    char shown[EDITS_WORD_MAX + 1];
    size_t n = len < EDITS_WORD_MAX ? len : EDITS_WORD_MAX;

    for (size_t i = 0; i < n; i++)
        shown[i] = name[i] > 32 && name[i] < 127 ? name[i] : '?';
    shown[n] = '\0';
    if (nearest)
        snprintf(why, why_size, "%s: there is no option '%s', did you mean '%s'?", place, shown, nearest);
    else
        snprintf(why, why_size, "%s: there is no option '%s', expected one such as %s", place, shown,
                 reader->such_as);
    return -EINVAL;
}

static bool is_separator(char c)
{
    return c == '\0' || strchr(" \t,/=-", c);
}

/* Where the word stands by itself; where it does not, such as a letter among others, where it stands. NULL: nowhere. */
static const char *find_word(const char *value, const char *word, size_t len)
{
    const char *anywhere = NULL;

    for (const char *at = value; strlen(at) >= len; at++) {
        if (strncmp(at, word, len) != 0)
            continue;
        if ((at == value || is_separator(at[-1])) && is_separator(at[len]))
            return at;
        anywhere = anywhere ? anywhere : at;
    }
    return anywhere;
}

void rc_place_word(char place[static RC_PLACE_MAX], const char *value, const char *sentence)
{
    char *column = strrchr(place, ':');
    size_t len = sentence[0] == '\'' ? strcspn(sentence + 1, "'") : 0;
    const char *at = len > 0 ? find_word(value, sentence + 1, len) : NULL;

    if (at && column)
        snprintf(column, RC_PLACE_MAX - (size_t)(column - place), ":%lu",
                 strtoul(column + 1, NULL, 10) + (unsigned long)(at - value));
}

static int take(const struct rc_reader *reader, const struct rc_row *row, const char *value,
                const struct rc_place *place, char *why, size_t why_size)
{
    struct rc_place at = *place;

    if (!row->value && value[0]) {
        snprintf(why, why_size, "%s: '%s' takes no value, expected the end of the line", place->text,
                 row->name);
        return -EINVAL;
    }
    if (row->value && !value[0]) {
        snprintf(why, why_size, "%s: the value of '%s' is missing, expected %s", place->text, row->name,
                 row->value);
        return -EINVAL;
    }
    why[0] = '\0';
    int e = reader->take(reader->arg, row, value, place, why, why_size);
    if (e == 0) {
        why[0] = '\0';
        return 0;
    }
    if (!why[0])
        snprintf(why, why_size, "%s", strerror(-e));
    if (place->file)
        rc_place_word(at.text, value, why);
    return rc_say_place(at.text, e, why, why_size);
}

static bool is_rcfile(const struct rc_row *row)
{
    return strcmp(row->name, "rcfile") == 0;
}

/* value: a buffer that is long enough. */
static int read_line(const struct rc_reader *reader, const char *path, const struct rc_line *line,
                     char *value, char *why, size_t why_size)
{
    const struct rc_row *row = rc_row_named(reader->rows, line->tag, line->tag_len);
    struct rc_place place = {.file = path};

    snprintf(place.text, sizeof(place.text), "%.200s:%u:%u", path, line->number,
             row && !is_rcfile(row) ? line->value_column : line->tag_column);
    if (!row)
        return no_such_row(reader, place.text, line->tag, line->tag_len, why, why_size);
    if (is_rcfile(row)) {
        snprintf(why, why_size, "%s: 'rcfile' is for the command line, expected an option of the service",
                 place.text);
        return -EINVAL;
    }
    memcpy(value, line->value, line->value_len);
    value[line->value_len] = '\0';
    return take(reader, row, value, &place, why, why_size);
}

int rc_read_text(const struct rc_reader *reader, const char *path, const char *text, size_t len, char *why,
                 size_t why_size)
{
    struct rc_text rc = {.at = text, .end = text + len};
    struct rc_line line;
    char *value = malloc(len + 1); /* no line is longer than all */
    int e = value ? 0 : -ENOMEM;

    if (memchr(text, '\0', len)) {
        snprintf(why, why_size, "%s: there is a NUL in it, expected lines of text", path);
        e = -EINVAL;
    }
    while (e == 0 && rc_next(&rc, &line))
        e = read_line(reader, path, &line, value, why, why_size);
    free(value);
    return e;
}

int rc_read_option(const struct rc_reader *reader, const char *name, const char *value, char *why,
                   size_t why_size)
{
    const struct rc_row *row = rc_row_named(reader->rows, name, strlen(name));
    struct rc_place place = {.file = NULL};

    if (!row)
        return no_such_row(reader, "command line", name, strlen(name), why, why_size);
    snprintf(place.text, sizeof(place.text), "--%.40s", name);
    return take(reader, row, value ? value : "", &place, why, why_size);
}

const char *rc_file_named(const struct rc_place *place, struct arena *arena, const char *name)
{
    const char *slash = place->file && name[0] != '/' ? strrchr(place->file, '/') : NULL;
    size_t folder_len = slash ? (size_t)(slash - place->file) + 1 : 0, name_len = strlen(name);
    char *path = arena_alloc(arena, folder_len + name_len + 1);

    if (path) {
        memcpy(path, place->file ? place->file : "", folder_len);
        memcpy(path + folder_len, name, name_len);
    }
    return path;
}

int rc_say_place(const char *place, int e, char *why, size_t why_size)
{
    size_t len = place ? strlen(place) + 2 : 0;

    if (len == 0 || len >= why_size)
        return e;
    memmove(why + len, why, why_size - len);
    why[why_size - 1] = '\0';
    memcpy(why, place, len - 2);
    memcpy(why + len - 2, ": ", 2);
    return e;
}

bool rc_number(const char *text, size_t len, uint32_t least, uint32_t most, uint32_t *ret)
{
    uint64_t n = 0;

    if (len == 0 || len > 10)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(text[i] - '0');
    }
    if (n < least || n > most)
        return false;
    *ret = (uint32_t)n;
    return true;
}
