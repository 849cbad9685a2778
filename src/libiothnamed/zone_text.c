/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Zone files are read by libzscanner, record by record. Its records are checked before they are believed: class
 * IN, a type of data, an owner within the zone, a TTL that is one (RFC 2181 s8), data that fit the shape of their
 * type, since data in the generic form (RFC 3597) may be anything.
 *
 * $INCLUDE (RFC 1035 s5.1) is done here, so that messages tell the file: the included text has a scanner of its
 * own, with the origin that the directive names or that was in force there. $ORIGIN, $TTL and the last owner of
 * the including file are as before afterwards.
 *
 * The scanner goes on after a wrong record, with the next one, but not after a wrong directive.
 */
#include "libiothnamed/zone_text.h"

#include <errno.h>
#include <libzscanner/scanner.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
    TEXT_MAX = 512,
    WORD_MAX = 80,
    DEFAULT_TTL = 3600, /* of records before the first that says one, without $TTL: customary */
};

/* A file that is being read. */
struct input {
    struct zone_text *to;
    zs_scanner_t *scanner;
    const char *text;
    size_t len;
    uint16_t file;
    unsigned depth;
    uint8_t *rdata; /* RDATA_MAX bytes */
};

static void say(const struct input *in, bool warning, const char *text)
{
    in->to->errors += !warning;
    in->to->report(in->to->arg, warning, in->file, (uint32_t)in->scanner->line_counter, text);
}

/* --- records --- */

static bool is_within(const uint8_t *name, size_t len, const uint8_t *apex)
{
    size_t apex_len = dname_len(apex);

    return len >= apex_len && dname_within(name, apex);
}

/* What is wrong with the head of a record, or NULL. */
static const char *head_fault(const zs_scanner_t *s)
{
    if (s->r_class != CLASS_IN)
        return "a record of another class than IN";
    if (s->r_type == 0 || rrtype_is_meta(s->r_type))
        return "a type that no record can have";
    if (s->r_ttl > INT32_MAX)
        return "the TTL is above 2147483647";
    return NULL;
}

static void say_outside(const struct input *in, const uint8_t *owner)
{
    char name[DNAME_TEXT_MAX], apex[DNAME_TEXT_MAX], text[2 * DNAME_TEXT_MAX + 64];

    snprintf(text, sizeof(text), "%s is not within %s: the record is left out", dname_to_text(owner, name),
             dname_to_text(in->to->apex, apex));
    say(in, true, text);
}

/* 0 or -ENOMEM. */
static int take_record(struct input *in)
{
    const zs_scanner_t *s = in->scanner;
    struct reader data = reader_of(s->r_data, s->r_data_length);
    uint8_t owner[DNAME_MAX];
    const char *fault = head_fault(s);

    if (fault) {
        say(in, false, fault);
        return 0;
    }
    dname_lower(owner, s->r_owner, s->r_owner_length);
    if (!is_within(owner, s->r_owner_length, in->to->apex)) {
        say_outside(in, owner);
        return 0;
    }
    int len = rrtype_read_rdata(&data, s->r_type, (uint16_t)s->r_data_length, in->rdata, RDATA_MAX);
    if (len < 0) {
        say(in, false, "the data do not have the form of their type");
        return 0;
    }
    struct zone_record record = {.owner = owner,
                                 .rdata = in->rdata,
                                 .ttl = s->r_ttl,
                                 .line = (uint32_t)s->line_counter,
                                 .file = in->file,
                                 .type = s->r_type,
                                 .rdlen = (uint16_t)len};
    return zone_builder_add(in->to->builder, &record);
}

/* --- errors --- */

/* Line `number` of the text, counted from 1; its length. */
static size_t find_line(const struct input *in, uint64_t number, const char **ret)
{
    const char *at = in->text, *end = in->text + in->len;

    for (; number > 1 && at < end; number--) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline ? newline + 1 : end;
    }
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    *ret = at;
    return (size_t)((newline ? newline : end) - at);
}

static bool is_generate(const struct input *in)
{
    static const char directive[] = "$GENERATE";
    const char *line;
    size_t len = find_line(in, in->scanner->line_counter, &line);

    return len >= strlen(directive) && strncasecmp(line, directive, strlen(directive)) == 0;
}

/* What would have been right, where the scanner's own words do not tell. */
static const struct {
    int code;
    const char *expected;
} expectations[] = {
    {ZS_UNCLOSED_MULTILINE, "a ')'"},
    {ZS_UNSUPPORTED_TYPE, "one such as AAAA, or TYPE with its number"},
    {ZS_BAD_OWNER, "NAME [TTL] [IN] TYPE DATA"},
    {ZS_BAD_PREVIOUS_OWNER, "a record with a name before those without one"},
    {ZS_LABEL_OVERFLOW, "63 bytes at the most"},
    {ZS_DNAME_OVERFLOW, "255 bytes at the most"},
    {ZS_BAD_DNAME_CHAR, "a name such as www, or www.example.org. with a dot at its end"},
    {ZS_BAD_NUMBER, "decimal digits"},
    {ZS_BAD_HEX_CHAR, "an even number of hexadecimal digits"},
    {ZS_BAD_ADDRESS_CHAR, "an address such as 192.0.2.1 or 2001:db8::1"},
    {ZS_BAD_IPV4, "one such as 192.0.2.1"},
    {ZS_BAD_IPV6, "one such as 2001:db8::1"},
    {ZS_BAD_RDATA, "the fields of its type"},
    {ZS_BAD_REST, "nothing more"},
    {ZS_BAD_TIME_UNIT, "s, m, h, d or w"},
    {ZS_BAD_DIRECTIVE, "$ORIGIN, $TTL or $INCLUDE"},
    {ZS_BAD_TTL, "seconds, or a time such as 1h"},
    {ZS_BAD_ORIGIN, "a name with a dot at its end"},
    {ZS_BAD_INCLUDE_ORIGIN, "a name with a dot at its end"},
    {ZS_BAD_RDATA_LENGTH, "the number of bytes that follow"},
};

static const char *expected(const struct input *in)
{
    int code = in->scanner->error.code;

    if (code == ZS_BAD_DIRECTIVE && is_generate(in))
        return "the records of $GENERATE written out";
    for (size_t i = 0; i < ARRAY_LEN(expectations); i++)
        if (expectations[i].code == code)
            return expectations[i].expected;
    return NULL;
}

/* "'word': " for the word in which the scanner gave up, which it tells by keeping the rest of that line; "" if it is not one. */
static const char *wrong_word(const struct input *in, char text[static WORD_MAX])
{
    static const char blanks[] = " \t\r()\";";
    const char *rest = (const char *)in->scanner->buffer, *line;
    size_t len = find_line(in, in->scanner->line_counter, &line), rest_len = in->scanner->buffer_length, from,
           to;

    text[0] = '\0';
    if (len > 0 && line[len - 1] == '\r')
        len--;
    if (rest_len == 0 || --rest_len > len || memcmp(line + len - rest_len, rest, rest_len) != 0)
        return text; /* its NUL is counted */
    for (from = to = len - rest_len; from > 0 && !strchr(blanks, line[from - 1]);)
        from--;
    while (to < len && !strchr(blanks, line[to]))
        to++;
    if (to == from || to - from >= WORD_MAX - strlen("'': "))
        return text;
    snprintf(text, WORD_MAX, "'%.*s': ", (int)(to - from), line + from);
    for (char *c = text; *c; c++)
        if (*c < ' ' || *c >= 0x7f)
            *c = '?'; /* it may go to a terminal */
    return text;
}

static void say_error(const struct input *in)
{
    const zs_scanner_t *s = in->scanner;
    const char *right = expected(in);
    char text[TEXT_MAX], word[WORD_MAX];

    snprintf(text, sizeof(text), "%s%s%s%s%s", wrong_word(in, word), zs_strerror(s->error.code),
             right ? ", expected " : "", right ? right : "",
             s->error.fatal ? "; the rest of the file is not read" : "");
    say(in, false, text);
}

/* --- files --- */

static int read_input(struct zone_text *to, uint16_t file, const char *text, size_t len, const char *origin,
                      unsigned depth);

/* $INCLUDE. 0 or -ENOMEM. */
static int read_include(struct input *in)
{
    const zs_scanner_t *s = in->scanner;
    const char *path = s->include_filename;
    struct zone_include included = {0};

    if (strncmp(path, "./", 2) == 0) /* the scanner puts it before relative paths */
        path += 2;
    if (!in->to->include || in->depth == ZONE_INCLUDES_MAX) {
        say(in, false, in->to->include ? "too many files include each other" : "$INCLUDE has no place here");
        return 0;
    }
    int e = in->to->include(in->to->arg, in->file, (uint32_t)s->line_counter, path, &included);
    if (e == 0)
        e = read_input(in->to, included.file, included.text, included.len, (const char *)s->buffer,
                       in->depth + 1);
    else if (e == -EINVAL)
        in->to->errors++;
    free(included.text);
    return e == -EINVAL ? 0 : e;
}

/* One record, error or directive. 1: there is more; 0: the end; -ENOMEM. */
static int step(struct input *in)
{
    zs_scanner_t *s = in->scanner;

    (void)zs_parse_record(s); /* what it found says more than what it returns */
    switch (s->state) {
    case ZS_STATE_DATA:
        return take_record(in) < 0 ? -ENOMEM : 1;
    case ZS_STATE_INCLUDE:
        return read_include(in) < 0 ? -ENOMEM : 1;
    case ZS_STATE_ERROR:
        say_error(in);
        return !s->error.fatal;
    default:
        return 0;
    }
}

static int read_input(struct zone_text *to, uint16_t file, const char *text, size_t len, const char *origin,
                      unsigned depth)
{
    struct input in = {.to = to,
                       .scanner = malloc(sizeof(*in.scanner)),
                       .text = text,
                       .len = len,
                       .file = file,
                       .depth = depth,
                       .rdata = malloc(RDATA_MAX)};
    int more = -ENOMEM;

    if (len == 0) {
        more = 0;
    } else if (in.scanner && in.rdata && zs_init(in.scanner, origin, CLASS_IN, DEFAULT_TTL) == 0) {
        if (zs_set_input_string(in.scanner, text, len) == 0)
            while ((more = step(&in)) > 0)
                ;
        zs_deinit(in.scanner);
    }
    free(in.scanner);
    free(in.rdata);
    return more;
}

int zone_text_read(struct zone_text *t, uint16_t file, const char *text, size_t len)
{
    char origin[DNAME_TEXT_MAX + 1];

    dname_to_text(t->apex, origin);
    if (t->apex[0])
        strcat(origin, ".");
    return read_input(t, file, text, len, origin, 0);
}
