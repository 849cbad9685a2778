/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parser of configuration strings; iothconf.h has the grammar.

   It reads one option at a time from a string that it does not change, and allocates nothing: values are
   slices of the string. So whoever wants some of the options reads the string again from its beginning, which
   costs less than keeping them, and checking a string is reading it to its end.

   An option is cut out first: its keyword ends at '=' or ',', its value at the next comma outside of
   brackets, or after the closing quote. Then its keyword is looked up, its form (-keyword, with or without a
   value) is held against the row of the table, and its value goes to the parser of its kind. The first thing
   wrong ends it all: p->error says what, p->error_offset where the word begins: the option, if its keyword or
   form is wrong, else the value. */
#include "libiothconf/parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Words longer than this are cut in messages. */
#define SHOWN_MAX  40
#define SHOWN(s)   ((s).len < SHOWN_MAX ? (int)(s).len : SHOWN_MAX), (s).text
#define KNOWN_SIZE 160

struct slice {
    const char *text;
    size_t len;
};

void conf_parser_init(struct conf_parser *p, const char *config)
{
    *p = (struct conf_parser){.config = config != NULL ? config : ""};
}

PRINTF_LIKE(4, 5)
static int fail(struct conf_parser *p, const char *where, int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(p->error, sizeof(p->error), format, args);
    va_end(args);
    p->error_offset = (size_t)(where - p->config);
    return -error;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_blanks(const char *s)
{
    while (is_blank(*s))
        s++;
    return s;
}

static struct slice trimmed(const char *begin, const char *end)
{
    while (end > begin && is_blank(end[-1]))
        end--;
    return (struct slice){begin, (size_t)(end - begin)};
}

/* The end of a plain value: the comma or NUL outside of [...] and {...}; NULL: one stays open. */
static const char *plain_end(const char *s)
{
    int depth = 0;

    for (; *s != '\0' && (*s != ',' || depth > 0); s++) {
        if (*s == '[' || *s == '{')
            depth++;
        else if ((*s == ']' || *s == '}') && depth > 0)
            depth--;
    }
    return depth == 0 ? s : NULL;
}

/* The '}' that belongs to the '{' at s, or NULL. */
static const char *closing_brace(const char *s)
{
    int depth = 0;

    for (; *s != '\0'; s++) {
        if (*s == '{')
            depth++;
        else if (*s == '}' && --depth == 0)
            return s;
    }
    return NULL;
}

static bool ends_option(const char *s)
{
    return *s == ',' || *s == '\0';
}

/* Each cut_ function cuts out the value that begins at s and sets *ret_end to the comma or NUL behind it. */

static int cut_quoted(struct conf_parser *p, const char *s, struct slice *ret, const char **ret_end)
{
    const char *close = strchr(s + 1, *s);
    const char *end;

    if (close == NULL)
        return fail(p, s, EINVAL, "no closing %c for this %c", *s, *s);
    end = skip_blanks(close + 1);
    if (!ends_option(end))
        return fail(p, end, EINVAL, "expected a comma after the closing %c", *s);
    *ret = (struct slice){s + 1, (size_t)(close - s - 1)};
    *ret_end = end;
    return 0;
}

static int cut_plain(struct conf_parser *p, const char *s, struct slice *ret, const char **ret_end)
{
    const char *end = plain_end(s);

    if (end == NULL)
        return fail(p, s, EINVAL, "this value opens a bracket or a brace that it does not close");
    *ret = trimmed(s, end);
    *ret_end = end;
    return 0;
}

/* Braces are quotes only if they hold the whole value: "{a}b" is plain. */
static int cut_braced(struct conf_parser *p, const char *s, struct slice *ret, const char **ret_end)
{
    const char *close = closing_brace(s);

    if (close == NULL || !ends_option(skip_blanks(close + 1)))
        return cut_plain(p, s, ret, ret_end);
    *ret = (struct slice){s + 1, (size_t)(close - s - 1)};
    *ret_end = skip_blanks(close + 1);
    return 0;
}

/* Cuts out the value that begins at s, the first byte after '=' and blanks, and sets p->pos behind it. */
static int cut_value(struct conf_parser *p, const char *s, struct slice *ret)
{
    const char *end = s;
    int rc;

    if (*s == '\'' || *s == '"')
        rc = cut_quoted(p, s, ret, &end);
    else if (*s == '{')
        rc = cut_braced(p, s, ret, &end);
    else
        rc = cut_plain(p, s, ret, &end);
    p->pos = (size_t)(end - p->config);
    return rc;
}

static int unknown_keyword(struct conf_parser *p, const char *where, struct slice word)
{
    const struct conf_keyword *nearest = conf_keyword_nearest(word.text, word.len);
    char known[KNOWN_SIZE];

    if (memmem(word.text, word.len, "://", 3) != NULL)
        return fail(p, where, EINVAL,
                    "\"%.*s\" is a virtual network, expected vnl= before it, as in stack=vdestack,vnl=%.*s",
                    SHOWN(word), SHOWN(word));
    if (nearest != NULL)
        return fail(p, where, EINVAL, "unknown option \"%.*s\", the nearest known is \"%s%s\"", SHOWN(word),
                    nearest->forms & FORM_DO ? "" : "-", nearest->name);
    conf_keyword_list(known, sizeof(known));
    return fail(p, where, EINVAL, "unknown option \"%.*s\", known are: %s", SHOWN(word), known);
}

/* Holds the form of an option against its row in the table. */
static int check_form(struct conf_parser *p, const char *where, const struct conf_item *item)
{
    const struct conf_keyword *k = item->keyword;
    const char *minus = item->undo ? "-" : "";
    bool undo_all = item->undo && !item->has_value && k->forms & FORM_UNDO_ALL;

    if (item->undo && !(k->forms & FORM_UNDO))
        return fail(p, where, EINVAL, "\"%s\" has no form to undo it", k->name);
    if (!item->undo && !(k->forms & FORM_DO))
        return fail(p, where, EINVAL, "\"%s\" exists to undo only: \"-%s\"", k->name, k->name);
    if (k->value == VALUE_NONE && item->has_value)
        return fail(p, where, EINVAL, "\"%s%s\" takes no value", minus, k->name);
    if (k->value != VALUE_NONE && !item->has_value && !undo_all)
        return fail(p, where, EINVAL, "\"%s%s\" needs a value, e.g. %s%s", minus, k->name, minus, k->example);
    return 0;
}

/* Reads the option that begins at `begin`, whose keyword ends at `word_end` (at '=', ',' or NUL). */
static int parse_item(struct conf_parser *p, const char *begin, const char *word_end, struct conf_item *item)
{
    struct slice word = trimmed(begin, word_end);
    struct slice value = {0};
    const char *wrong;
    int rc;

    if (*word_end == '=') {
        rc = cut_value(p, skip_blanks(word_end + 1), &value);
        if (rc < 0)
            return rc;
    }
    item->undo = word.len > 0 && *word.text == '-';
    if (item->undo)
        word = (struct slice){word.text + 1, word.len - 1};
    item->keyword = conf_keyword_find(word.text, word.len);
    if (item->keyword == NULL)
        return unknown_keyword(p, begin, word);
    item->has_value = value.len > 0;
    rc = check_form(p, begin, item);
    if (rc < 0 || !item->has_value)
        return rc;
    wrong = conf_value_parse(item->keyword->value, value.text, value.len, &item->value);
    if (wrong != NULL)
        return fail(p, value.text, EINVAL, "\"%.*s\" %s; expected is e.g. %s", SHOWN(value), wrong,
                    item->keyword->example);
    return 0;
}

int conf_parser_next(struct conf_parser *p, struct conf_item *ret)
{
    const char *begin = p->config + p->pos;
    struct conf_item item = {0};
    int rc;

    while (is_blank(*begin) || *begin == ',')
        begin++;
    p->pos = (size_t)(begin - p->config) + strcspn(begin, "=,");
    if (*begin == '\0')
        return 0;
    rc = parse_item(p, begin, p->config + p->pos, &item);
    if (rc < 0)
        return rc;
    *ret = item;
    return 1;
}
