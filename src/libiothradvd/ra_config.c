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

#include "io/rc_stack.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum layer { IN_FILE, ON_COMMAND_LINE, LAYERS };

#define LINES_MAX 4096 /* of all kinds: a larger file is none of ours */

struct line {
    const struct ra_row *row;
    const char *value; /* "": none */
    const char *place;
    bool in_file;
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
    char place[RC_PLACE_MAX], text[RA_CONFIG_WHY_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    snprintf(place, sizeof(place), "%s", r->place);
    if (r->value)
        rc_place_word(place, r->value, text);
    wrong(r->draft, place, "%s", text);
    return false;
}

void ra_warn(struct ra_reading *r, const char *format, ...)
{
    char text[RA_CONFIG_WHY_MAX];
    struct ra_config *c = r->config;
    va_list args;
    int n = snprintf(text, sizeof(text), "%s: ", r->place);
    va_start(args, format);
    if (n >= 0 && (size_t)n < sizeof(text))
        vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
    va_end(args);
    r->out_of_memory |= daemon_config_warn(&c->process, &c->arena, text) < 0;
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

static int begin_section(struct lines *lines, const struct line *line, char *why, size_t why_size)
{
    if (lines->n_sections == RA_INTERFACES_MAX) {
        snprintf(why, why_size, "too many interfaces, expected at most %d", RA_INTERFACES_MAX);
        return -EINVAL;
    }
    lines->sections[++lines->n_sections] = (struct section){.name = line->value, .place = line->place};
    return 0;
}

static int add_line(struct lines *lines, const struct line *line, char *why, size_t why_size)
{
    if (strcmp(line->row->row.name, iface_row) == 0)
        return begin_section(lines, line, why, why_size);
    if (lines->n == LINES_MAX) {
        snprintf(why, why_size, "too many lines, expected at most %d", LINES_MAX);
        return -EINVAL;
    }
    if ((lines->n & (lines->n - 1)) == 0) { /* a power of two: full */
        struct line *more = reallocarray(lines->at, lines->n ? 2 * lines->n : 1, sizeof(*more));
        if (!more)
            return -ENOMEM;
        lines->at = more;
    }
    lines->at[lines->n] = *line;
    lines->at[lines->n++].section = lines->n_sections;
    return 0;
}

static int gather(void *arg, const struct rc_row *row, const char *value, const struct rc_place *place,
                  char *why, size_t why_size)
{
    struct ra_draft *d = arg;
    const struct line line = {
        .row = (const struct ra_row *)(const void *)row,
        .value = arena_text(&d->arena, value, strlen(value)),
        .place = arena_text(&d->arena, place->text, strlen(place->text)),
        .in_file = place->file != NULL,
    };
    if (!line.value || !line.place)
        return -ENOMEM;
    return add_line(&d->lines[line.in_file ? IN_FILE : ON_COMMAND_LINE], &line, why, why_size);
}

struct rc_reader ra_draft_reader(struct ra_draft *d)
{
    return (struct rc_reader){
        .rows = RC_ROWS(ra_rows), .such_as = "'period' or 'prefix'", .take = gather, .arg = d};
}

int ra_draft_text(struct ra_draft *d, const char *path, const char *text, size_t len)
{
    const struct rc_reader reader = ra_draft_reader(d);
    char why[RA_CONFIG_WHY_MAX];
    if (len > RA_CONFIG_TEXT_MAX)
        return wrong(d, path, "too long, expected at most %d bytes", RA_CONFIG_TEXT_MAX);
    int e = rc_read_text(&reader, path, text, len, why, sizeof(why));
    if (e == -EINVAL && !d->why[0])
        memcpy(d->why, why, sizeof(why));
    return e;
}

int ra_draft_option(struct ra_draft *d, const char *name, const char *value)
{
    const struct rc_reader reader = ra_draft_reader(d);
    char why[RA_CONFIG_WHY_MAX];
    int e = rc_read_option(&reader, name, value, why, sizeof(why));
    if (e == -EINVAL && !d->why[0])
        memcpy(d->why, why, sizeof(why));
    return e;
}

/* --- reading --- */

static int read_process(struct ra_reading *r, const struct line *line)
{
    char why[RA_CONFIG_WHY_MAX];
    int e = daemon_config_read(&r->config->process, &r->config->arena, line->row->row.name, line->value,
                               line->place, why, sizeof(why));
    if (e == -EINVAL)
        ra_fail(r, "%s", why);
    return e;
}

static int read_row(struct ra_draft *d, struct ra_config *c, struct ra_interface *interface,
                    const struct line *line)
{
    struct ra_reading r = {.draft = d, .config = c, .interface = interface, .place = line->place};
    r.value = line->in_file ? line->value : NULL;
    if (line->row->of_interface != (interface != NULL))
        return 0;
    if (!line->row->read)
        return read_process(&r, line);
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

/* What follows from the rest when nobody said it. */
static int complete(struct ra_draft *d, struct ra_config *c, struct ra_interface *it, const char *place)
{
    struct ra_settings *s = &it->settings;
    struct ra_reading r = {.draft = d, .config = c, .interface = it, .place = place};
    uint32_t period_s = (uint32_t)(s->interval_max / NSEC_PER_SEC), three = 3 * period_s;
    it->is_port = it->stack && !rc_names_stack(it->stack);
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
    it->at = arena_text(&c->arena, place, strlen(place));
    if (!it->at)
        return -ENOMEM;
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
                return wrong(d, b->at,
                             "'%s' is on the same port without a stack as '%s', which is one interface; "
                             "expected another stack",
                             b->name, a->name);
            if (strcmp(a->name, b->name) == 0)
                return wrong(d, b->at, "'%s' stands here twice, expected each interface of a stack once",
                             b->name);
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
    c->process.sandbox = true;
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
