/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * otip.conf(5), read line by line.
 *
 * A line is words between blanks: a keyword, a name, a base address, and pairs of a word and its argument. '#' begins a
 * comment at the beginning of a line or behind a blank. Two tables say all: KINDS, what a keyword takes; TAILS, the words of
 * the pairs. What is wrong is said with line and column, and with the nearest known word, so that the checker can point at it;
 * the module for the C library skips such a line and goes on, since a slip in one line must not take the other names away.
 *
 * Nothing is copied: a line is views into the text. So a look-up needs no memory beyond the text of the file, and there is no
 * table that would have to be kept, shared between threads, and freed.
 *
 * Numbers are decimal digits and nothing else. A base is an IPv6 address; "/64" may follow it. For otip2 it may be another
 * length, since that is part of what is hashed.
 */
#include "libnss_otip/otip_conf.h"

#include "base/edits.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN  253 /* text of a domain name without final dot, RFC 1035 s2.3.4 */
#define LABEL_MAX_LEN 63

struct word {
    const char *at;
    size_t len;
    unsigned column;
};

static const struct kind {
    const char *keyword;
    const char *file_word; /* what a file is called; NULL: there is none */
    uint32_t prefix_min, prefix_max;
} kinds[] = {
    [OTIP_CONF_HASH] = {"hash", NULL, OTIP_PREFIX_LEN, OTIP_PREFIX_LEN},
    [OTIP_CONF_OTIP] = {"otip", "secret", OTIP_PREFIX_LEN, OTIP_PREFIX_LEN},
    [OTIP_CONF_OTIP2] = {"otip2", "key", OTIP_PREFIX_LEN_MIN, OTIP_PREFIX_LEN_MAX},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_control(char c)
{
    return (c >= 0 && c < ' ') || c == 0x7f;
}

static bool word_is(const struct word *w, const char *text)
{
    return w->len == strlen(text) && memcmp(w->at, text, w->len) == 0;
}

__attribute__((format(printf, 4, 5))) static int wrong(struct otip_conf_error *error, unsigned line,
                                                       const struct word *w, const char *format, ...)
{
    va_list args;

    error->line = line;
    error->column = w->column;
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    for (char *c = error->text; *c != '\0'; c++)
        if (*c < ' ' || *c >= 0x7f)
            *c = '?'; /* it may go to a terminal, which may take any other byte for a command */
    return -EINVAL;
}

/* For "%.*s" in messages: no more of a word than a reader needs. */
static int shown(const struct word *w)
{
    return w->len < 40 ? (int)w->len : 40;
}

/* Cuts [at, end) into words. Returns how many there are; one more than the maximum: too many. */
static unsigned split(const char *at, const char *end, struct word words[static OTIP_CONF_WORDS_MAX])
{
    const char *begin = at;
    unsigned count = 0;

    for (;;) {
        while (at < end && is_blank(*at))
            at++;
        if (at == end || *at == '#')
            return count;
        if (count == OTIP_CONF_WORDS_MAX)
            return count + 1;
        const char *from = at;
        while (at < end && !is_blank(*at))
            at++;
        words[count++] = (struct word){from, (size_t)(at - from), (unsigned)(from - begin) + 1};
    }
}

size_t otip_conf_name_len(const char *name, size_t len)
{
    size_t label = 0;

    if (len > 0 && name[len - 1] == '.')
        len--;
    if (len == 0 || len > NAME_MAX_LEN)
        return 0;
    for (size_t i = 0; i <= len; i++) {
        if (i == len || name[i] == '.') {
            if (label == 0 || label > LABEL_MAX_LEN)
                return 0;
            label = 0;
            continue;
        }
        unsigned char c = (unsigned char)name[i];
        if (c <= ' ' || c == 0x7f || c == '/' || c == '\\')
            return 0;
        label++;
    }
    return len;
}

static int read_kind(struct otip_conf_line *line, const struct word *w, struct otip_conf_error *error)
{
    const char *near = NULL;

    for (size_t i = 0; i < KINDS; i++) {
        if (word_is(w, kinds[i].keyword)) {
            line->kind = (enum otip_conf_kind)i;
            line->keyword = kinds[i].keyword;
            return 0;
        }
        if (!near &&
            edits_between(w->at, w->len, kinds[i].keyword, strlen(kinds[i].keyword)) <= edits_near(w->len))
            near = kinds[i].keyword;
    }
    if (near)
        return wrong(error, line->number, w, "unknown keyword '%.*s', did you mean '%s'?", shown(w), w->at,
                     near);
    return wrong(error, line->number, w, "unknown keyword '%.*s': expected hash, otip or otip2", shown(w),
                 w->at);
}

static int read_name(struct otip_conf_line *line, const struct word *w, struct otip_conf_error *error)
{
    line->below = w->at[0] == '.';
    line->name = w->at + line->below;
    line->name_len = otip_conf_name_len(line->name, w->len - line->below);
    if (line->name_len > 0)
        return 0;
    return wrong(error, line->number, w, "'%.*s' is no domain name: at most 253 bytes, its labels 1 to 63",
                 shown(w), w->at);
}

/* A whole decimal number; false: it is none, or above `max`. */
static bool read_number(const char *at, size_t len, uint32_t max, uint32_t *ret)
{
    uint64_t n = 0;

    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        n = n * 10 + (uint64_t)(at[i] - '0');
        if (n > max)
            return false;
    }
    *ret = (uint32_t)n;
    return true;
}

static int read_base(struct otip_conf_line *line, const struct word *w, struct otip_conf_error *error)
{
    const char *slash = memchr(w->at, '/', w->len);
    size_t len = slash ? (size_t)(slash - w->at) : w->len;
    const struct kind *kind = &kinds[line->kind];
    uint32_t bits = OTIP_PREFIX_LEN;

    if (ipaddr_parse(w->at, len, &line->base) < 0 || ipaddr_is_v4(&line->base))
        return wrong(error, line->number, w,
                     "'%.*s' is no IPv6 address: expected one such as fd00::", shown(w), w->at);
    if (slash &&
        (!read_number(slash + 1, w->len - len - 1, kind->prefix_max, &bits) || bits < kind->prefix_min)) {
        if (kind->prefix_min == kind->prefix_max)
            return wrong(error, line->number, w,
                         "%s changes the last 64 bits: the prefix of its base has length 64", line->keyword);
        return wrong(error, line->number, w, "'%.*s': the length of a prefix is %u to %u", shown(w), w->at,
                     kind->prefix_min, kind->prefix_max);
    }
    line->prefix_len = bits;
    return 0;
}

static int read_period(struct otip_conf_line *line, const struct word *w, struct otip_conf_error *error)
{
    if (read_number(w->at, w->len, OTIP_CONF_PERIOD_MAX, &line->period_s) && line->period_s > 0)
        return 0;
    return wrong(error, line->number, w, "period '%.*s': expected whole seconds, 1 to %d", shown(w), w->at,
                 OTIP_CONF_PERIOD_MAX);
}

static int read_file_word(struct otip_conf_line *line, const struct word *w, struct otip_conf_error *error)
{
    for (size_t i = 0; i < w->len; i++)
        if (is_control(w->at[i]))
            return wrong(error, line->number, w, "there is a control character in this word");
    line->file = w->at;
    line->file_len = w->len;
    return 0;
}

/* One pair of a word and its argument. */
static int read_pair(struct otip_conf_line *line, const struct word *w, struct otip_conf_error *error)
{
    const char *file_word = kinds[line->kind].file_word;

    if (word_is(w, "period") && line->period_s == 0)
        return read_period(line, w + 1, error);
    if (word_is(w, file_word) && !line->file)
        return read_file_word(line, w + 1, error);
    if (word_is(w, "period") || word_is(w, file_word))
        return wrong(error, line->number, w, "'%.*s' stands here a second time", shown(w), w->at);
    return wrong(error, line->number, w, "unknown word '%.*s': expected %s FILE or period SECONDS", shown(w),
                 w->at, file_word);
}

static int read_tail(struct otip_conf_line *line, const struct word *words, unsigned count,
                     struct otip_conf_error *error)
{
    const char *file_word = kinds[line->kind].file_word;
    int result = 0;

    if (!file_word)
        return count == 0
                   ? 0
                   : wrong(error, line->number, words, "hash takes a name and a base and nothing else");
    for (unsigned i = 0; i < count && result == 0; i += 2) {
        if (i + 1 == count)
            return wrong(error, line->number, &words[i],
                         "'%.*s' has no argument: expected %s FILE or period SECONDS", shown(&words[i]),
                         words[i].at, file_word);
        result = read_pair(line, &words[i], error);
    }
    if (result == 0 && !line->file)
        return wrong(error, line->number, &words[-1], "%s FILE is missing", file_word);
    if (line->period_s == 0)
        line->period_s = OTIP_PERIOD_S;
    return result;
}

static int read_line(struct otip_conf_line *line, const struct word *words, unsigned count,
                     struct otip_conf_error *error)
{
    int result = read_kind(line, &words[0], error);

    if (result == 0 && count < 3)
        return wrong(error, line->number, &words[count - 1], "expected %s NAME BASE ...", line->keyword);
    if (result == 0 && count > OTIP_CONF_WORDS_MAX)
        return wrong(error, line->number, &words[OTIP_CONF_WORDS_MAX - 1],
                     "there are too many words in this line");
    if (result == 0)
        result = read_name(line, &words[1], error);
    if (result == 0)
        result = read_base(line, &words[2], error);
    if (result == 0)
        result = read_tail(line, words + 3, count - 3, error);
    if (result == 0 && !otip_can_be_base(&line->base))
        return wrong(error, line->number, &words[2], "'%.*s': " OTIP_NO_BASE, shown(&words[2]), words[2].at);
    return result;
}

int otip_conf_next(struct otip_conf *c, struct otip_conf_line *ret, struct otip_conf_error *ret_error)
{
    struct word words[OTIP_CONF_WORDS_MAX];
    unsigned count = 0;

    while (count == 0) {
        if (c->at == c->end)
            return 0;
        const char *newline = memchr(c->at, '\n', (size_t)(c->end - c->at));
        const char *end = newline ? newline : c->end;
        count = split(c->at, end, words);
        c->at = newline ? newline + 1 : c->end;
        c->number++;
    }
    struct otip_conf_line line = {.number = c->number};
    int result = read_line(&line, words, count, ret_error);
    if (result < 0)
        return result;
    *ret = line;
    return 1;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool otip_conf_match(const struct otip_conf_line *line, const char *name, size_t name_len)
{
    if (line->below) {
        if (name_len <= line->name_len + 1 || name[name_len - line->name_len - 1] != '.')
            return false;
        name += name_len - line->name_len;
        name_len = line->name_len;
    }
    if (name_len != line->name_len)
        return false;
    for (size_t i = 0; i < name_len; i++)
        if (lower(name[i]) != lower(line->name[i]))
            return false;
    return true;
}
