/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See ra_config.h. Reading goes in two steps, since a line of the file may come before the interface is known that it is
 * about, and the command line after both.
 *
 *   1. Lines and options are gathered, each with its row of the table, its value, its place, its layer (file or command
 *      line) and its section: 0 before the first `iface`, else the number of the `iface` before it.
 *   2. The interfaces are those of the command line if it names any, else those of the file, else vde0. For each one the
 *      lines that concern it are read in this order: file, before all sections; file, its section; command line, before
 *      all sections; command line, its section. What is read later wins; what may repeat adds up, but for two lines about
 *      the same thing (the same prefix), of which the later one stands.
 *
 * A section of the file belongs to the interface of its name. Where there is one section and the command line names one
 * interface, it belongs to that one, so `-i` may say where a file is used.
 *
 * Lines that concern no interface of this run are read all the same, for their errors.
 */
#include "libiothradvd/ra_config.h"

#include "base/edits.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum layer { IN_FILE, ON_COMMAND_LINE, LAYERS };

#define LINES_MAX 4096 /* of all kinds: a larger file is none of ours */

struct line {
    const struct ra_row *row;
    const char *value; /* NULL: none */
    const char *place;
    unsigned section; /* 0: before the first */
};

struct section {
    const char *name, *place;
};

struct lines {
    unsigned n, n_sections; /* sections are numbered from 1 */
    struct line *at;
    struct section sections[RA_INTERFACES_MAX + 1];
};

struct ra_draft {
    struct arena arena;
    struct lines lines[LAYERS];
    char why[RA_CONFIG_WHY_MAX];
    bool out_of_memory;
};

static const char iface_row[] = "iface";

/* --- messages --- */

static void say(struct ra_draft *d, const char *place, const char *format, va_list args)
{
    if (d->why[0])
        return; /* the first one counts */
    int n = place[0] ? snprintf(d->why, sizeof(d->why), "%s: ", place) : 0;
    if (n >= 0 && (size_t)n < sizeof(d->why))
        vsnprintf(d->why + n, sizeof(d->why) - (size_t)n, format, args);
}

static PRINTF_LIKE(3, 4) int wrong(struct ra_draft *d, const char *place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(d, place, format, args);
    va_end(args);
    return -EINVAL;
}

bool ra_fail(struct ra_reading *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(r->draft, r->place, format, args);
    va_end(args);
    return false;
}

void ra_warn(struct ra_reading *r, const char *format, ...)
{
    char text[RA_CONFIG_WHY_MAX];
    struct ra_config *c = r->config;
    va_list args;
    if (c->n_warnings == RA_WARNINGS_MAX)
        return;
    int n = snprintf(text, sizeof(text), "%s: ", r->place);
    va_start(args, format);
    if (n >= 0 && (size_t)n < sizeof(text))
        vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
    va_end(args);
    for (unsigned i = 0; i < c->n_warnings; i++)
        if (strcmp(c->warnings[i], text) == 0)
            return; /* a line of several interfaces is read for each */
    const char *copy = arena_text(&c->arena, text, strlen(text));
    if (copy)
        c->warnings[c->n_warnings++] = copy;
}

const char *ra_draft_error(const struct ra_draft *draft)
{
    return draft->why;
}

/* --- gathering --- */

int ra_draft_new(struct ra_draft **ret)
{
    struct ra_draft *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    *ret = d;
    return 0;
}

void ra_draft_free(struct ra_draft *d)
{
    if (!d)
        return;
    for (enum layer l = 0; l < LAYERS; l++)
        free(d->lines[l].at);
    arena_fini(&d->arena);
    free(d);
}

static const struct ra_row *find_row(const char *name, size_t len)
{
    for (const struct ra_row *row = ra_rows; row->name; row++)
        if (strlen(row->name) == len && strncasecmp(row->name, name, len) == 0)
            return row;
    return NULL;
}

static int no_such_row(struct ra_draft *d, const char *place, const char *name, size_t len)
{
    const char *nearest = NULL;
    size_t least = edits_near(len) + 1;
    for (const struct ra_row *row = ra_rows; row->name; row++) {
        size_t edits = edits_between(row->name, strlen(row->name), name, len);
        if (edits < least) {
            least = edits;
            nearest = row->name;
        }
    }
    char shown[EDITS_WORD_MAX + 1];
    size_t n = len < EDITS_WORD_MAX ? len : EDITS_WORD_MAX;
    for (size_t i = 0; i < n; i++)
        shown[i] = name[i] > 32 && name[i] < 127 ? name[i] : '?';
    shown[n] = '\0';
    if (nearest)
        return wrong(d, place, "there is no option '%s', did you mean '%s'?", shown, nearest);
    return wrong(d, place, "there is no option '%s', expected one such as 'period' or 'prefix'", shown);
}

static int begin_section(struct ra_draft *d, struct lines *lines, const struct line *line)
{
    if (lines->n_sections == RA_INTERFACES_MAX)
        return wrong(d, line->place, "too many interfaces, expected at most %d", RA_INTERFACES_MAX);
    if (!line->value || !line->value[0])
        return wrong(d, line->place, "the name of the interface is missing, expected 'iface NAME'");
    lines->sections[++lines->n_sections] = (struct section){.name = line->value, .place = line->place};
    return 0;
}

static int add_line(struct ra_draft *d, enum layer layer, struct line line)
{
    struct lines *lines = &d->lines[layer];
    if (!line.row->value && line.value && line.value[0])
        return wrong(d, line.place, "'%s' takes no value, expected the end of the line", line.row->name);
    if (line.row->value && (!line.value || !line.value[0]))
        return wrong(d, line.place, "the value of '%s' is missing, expected %s", line.row->name,
                     line.row->value);
    if (strcmp(line.row->name, iface_row) == 0)
        return begin_section(d, lines, &line);
    if (lines->n == LINES_MAX)
        return wrong(d, line.place, "too many lines, expected at most %d", LINES_MAX);
    if ((lines->n & (lines->n - 1)) == 0) { /* a power of two: full */
        struct line *more = reallocarray(lines->at, lines->n ? 2 * lines->n : 1, sizeof(*more));
        if (!more)
            return -ENOMEM;
        lines->at = more;
    }
    line.section = lines->n_sections;
    lines->at[lines->n++] = line;
    return 0;
}

/* --- the file --- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The length without a comment, which begins with a '#' at the beginning or behind a blank, and without the blanks
 * before it. */
static size_t without_comment(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] == '#' && (i == 0 || is_blank(text[i - 1]))) {
            len = i;
            break;
        }
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    return len;
}

static size_t skip(const char *text, size_t len, size_t from, bool blanks)
{
    while (from < len && is_blank(text[from]) == blanks)
        from++;
    return from;
}

static const char *place_in(struct ra_draft *d, const char *path, unsigned line, size_t column)
{
    char text[32];
    snprintf(text, sizeof(text), ":%u:%zu", line, column + 1);
    size_t path_len = strlen(path), len = strlen(text);
    char *place = arena_alloc(&d->arena, path_len + len + 1);
    if (place) {
        memcpy(place, path, path_len);
        memcpy(place + path_len, text, len);
    }
    return place;
}

static int read_line(struct ra_draft *d, const char *path, unsigned number, const char *text, size_t len)
{
    len = without_comment(text, len);
    size_t tag = skip(text, len, 0, true), tag_end = skip(text, len, tag, false);
    size_t value = skip(text, len, tag_end, true);
    if (tag == len)
        return 0;
    const char *tag_place = place_in(d, path, number, tag);
    struct line line = {.place = place_in(d, path, number, value < len ? value : tag)};
    line.value = arena_text(&d->arena, text + value, len - value);
    if (!tag_place || !line.place || !line.value)
        return -ENOMEM;
    line.row = find_row(text + tag, tag_end - tag);
    if (!line.row)
        return no_such_row(d, tag_place, text + tag, tag_end - tag);
    if (strcmp(line.row->name, "rcfile") == 0)
        return wrong(d, tag_place, "'rcfile' is for the command line, expected an option for the service");
    return add_line(d, IN_FILE, line);
}

int ra_draft_text(struct ra_draft *d, const char *path, const char *text, size_t len)
{
    if (len > RA_CONFIG_TEXT_MAX)
        return wrong(d, path, "too long, expected at most %d bytes", RA_CONFIG_TEXT_MAX);
    if (memchr(text, '\0', len))
        return wrong(d, path, "there is a NUL in it, expected lines of text");
    const char *end = text + len;
    for (unsigned number = 1; text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline ? newline : end;
        int e = read_line(d, path, number, text, (size_t)(stop - text));
        if (e < 0)
            return e;
        text = newline ? newline + 1 : end;
    }
    return 0;
}

int ra_draft_option(struct ra_draft *d, const char *name, const char *value)
{
    char place[64];
    snprintf(place, sizeof(place), "--%s", name);
    struct line line = {.row = find_row(name, strlen(name)),
                        .place = arena_text(&d->arena, place, strlen(place))};
    if (value)
        line.value = arena_text(&d->arena, value, strlen(value));
    if (!line.place || (value && !line.value))
        return -ENOMEM;
    if (!line.row)
        return no_such_row(d, "command line", name, strlen(name));
    return add_line(d, ON_COMMAND_LINE, line);
}

/* --- reading --- */

static int read_row(struct ra_draft *d, struct ra_config *c, struct ra_interface *interface,
                    const struct line *line)
{
    struct ra_reading r = {.draft = d, .config = c, .interface = interface, .place = line->place};
    if (line->row->of_interface != (interface != NULL))
        return 0;
    if (line->row->read(&r, line->value))
        return 0;
    return r.out_of_memory ? -ENOMEM : -EINVAL;
}

/* Does that section of the layer concern the interface? */
static bool concerns(const struct ra_draft *d, enum layer layer, unsigned section, const char *name,
                     unsigned n_interfaces)
{
    const struct lines *lines = &d->lines[layer];
    if (section == 0)
        return true;
    if (layer == IN_FILE && lines->n_sections == 1 && n_interfaces == 1)
        return true;
    return strcmp(lines->sections[section].name, name) == 0;
}

static int read_layer(struct ra_draft *d, enum layer layer, bool of_sections, struct ra_config *c,
                      struct ra_interface *interface, unsigned own_section)
{
    const struct lines *lines = &d->lines[layer];
    for (unsigned i = 0; i < lines->n; i++) {
        const struct line *line = &lines->at[i];
        if ((line->section != 0) != of_sections)
            continue;
        if (own_section ? line->section != 0 && line->section != own_section
                        : !concerns(d, layer, line->section, interface->name, c->n_interfaces))
            continue;
        int e = read_row(d, c, interface, line);
        if (e < 0)
            return e;
    }
    return 0;
}

static bool names_a_stack(const char *text)
{
    static const char option[] = "stack=";
    for (const char *at = text; at; at = strchr(at, ',')) {
        at += strspn(at, ", \t");
        if (strncasecmp(at, option, strlen(option)) == 0)
            return true;
    }
    return false;
}

/* What follows from the rest when nobody said it. */
static int complete(struct ra_draft *d, struct ra_config *c, struct ra_interface *it, const char *place)
{
    struct ra_settings *s = &it->settings;
    struct ra_reading r = {.draft = d, .config = c, .interface = it, .place = place};
    uint32_t period_s = (uint32_t)(s->interval_max / NSEC_PER_SEC), three = 3 * period_s;
    it->is_port = it->stack && !names_a_stack(it->stack);
    if (!it->has_interval_min)
        s->interval_min = ra_interval_min(s->interval_max);
    if (s->interval_min > s->interval_max * 3 / 4)
        return wrong(
            d, place,
            "the minimal period is longer than three quarters of the period of %u s, expected at most that",
            period_s);
    if (!it->has_lifetime)
        s->router.lifetime_s = (uint16_t)(three < UINT16_MAX ? three : UINT16_MAX);
    if (s->router.lifetime_s && s->router.lifetime_s < period_s)
        ra_warn(&r, "a router lifetime of %u s is shorter than the period of %u s: hosts lose their router",
                s->router.lifetime_s, period_s);
    for (unsigned i = 0; i < s->n_options; i++)
        if (it->lifetime_is_default[i])
            *ra_lifetime_of(&s->options[i].nd) = three;
    if (it->is_port && ra_wants_own_prefixes(s))
        return wrong(d, place,
                     "a port without a stack has no addresses to take prefixes from, expected "
                     "prefixes written out");
    return 0;
}

/* own_section: of the layer that names the interfaces; 0: there is none. */
static int read_interface(struct ra_draft *d, enum layer naming, unsigned own_section, struct ra_config *c,
                          struct ra_interface *it)
{
    int e = 0;
    ra_settings_init(&it->settings);
    for (enum layer l = 0; l < LAYERS && e == 0; l++) {
        e = read_layer(d, l, false, c, it, 0);
        if (e == 0)
            e = read_layer(d, l, true, c, it, l == naming ? own_section : 0);
    }
    const char *place = own_section ? d->lines[naming].sections[own_section].place : "interface vde0";
    return e < 0 ? e : complete(d, c, it, place);
}

static int check_places(struct ra_draft *d, const struct ra_config *c)
{
    for (unsigned i = 0; i < c->n_interfaces; i++)
        for (unsigned j = 0; j < i; j++) {
            const struct ra_interface *a = &c->interfaces[j], *b = &c->interfaces[i];
            if (strcmp(a->stack ? a->stack : "", b->stack ? b->stack : "") != 0)
                continue;
            if (a->is_port)
                return wrong(d, b->name,
                             "a port without a stack is one interface, and '%s' has it already; "
                             "expected another stack",
                             a->name);
            if (strcmp(a->name, b->name) == 0)
                return wrong(d, b->name, "this interface stands here twice, expected each of a stack once");
        }
    return 0;
}

static int read_program(struct ra_draft *d, struct ra_config *c)
{
    for (enum layer l = 0; l < LAYERS; l++)
        for (unsigned i = 0; i < d->lines[l].n; i++) {
            int e = read_row(d, c, NULL, &d->lines[l].at[i]);
            if (e < 0)
                return e;
        }
    return 0;
}

/* Every line once, whomever it concerns. */
static int read_for_errors(struct ra_draft *d, struct ra_config *c, struct ra_interface *scratch)
{
    for (enum layer l = 0; l < LAYERS; l++)
        for (unsigned i = 0; i < d->lines[l].n; i++) {
            ra_settings_init(&scratch->settings);
            int e = read_row(d, c, scratch, &d->lines[l].at[i]);
            if (e < 0)
                return e;
        }
    return 0;
}

static int read_all(struct ra_draft *d, struct ra_config *c)
{
    enum layer naming = d->lines[ON_COMMAND_LINE].n_sections ? ON_COMMAND_LINE : IN_FILE;
    unsigned n_sections = d->lines[naming].n_sections, n = n_sections ? n_sections : 1;
    c->interfaces = arena_alloc(&c->arena, n * sizeof(*c->interfaces));
    if (!c->interfaces)
        return -ENOMEM;
    c->n_interfaces = n;
    int e = read_program(d, c);
    if (e == 0)
        e = read_for_errors(d, c, &c->interfaces[0]);
    for (unsigned i = 0; i < n && e == 0; i++) {
        struct ra_interface *it = &c->interfaces[i];
        const char *name = n_sections ? d->lines[naming].sections[i + 1].name : RA_INTERFACE_DEFAULT;
        memset(it, 0, sizeof(*it));
        it->name = arena_text(&c->arena, name, strlen(name));
        e = it->name ? read_interface(d, naming, n_sections ? i + 1 : 0, c, it) : -ENOMEM;
    }
    return e < 0 ? e : check_places(d, c);
}

int ra_draft_finish(struct ra_draft *d, struct ra_config **ret)
{
    struct ra_config *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->sandbox = true;
    int e = read_all(d, c);
    if (e < 0)
        ra_config_free(c);
    else
        *ret = c;
    return e;
}

void ra_config_free(struct ra_config *c)
{
    if (!c)
        return;
    arena_fini(&c->arena);
    free(c);
}
