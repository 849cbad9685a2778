/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * option: one table says of each option its name, where its value lies, its default, its range and its unit,
 * and whether a change needs a restart. Reading, defaults, printing and comparing walk that table; a new
 * option is a row here, a member of struct config_options and a paragraph in iothnamed.conf(5).
 *
 * An option given twice takes the last value, with a warning; `listen` gathers addresses instead. An alias is
 * a row with the same member as the row before it.
 */
#include "libiothnamed/config_build.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum option_kind {
    OPTION_NUMBER, /* uint32_t */
    OPTION_SIZE,   /* uint64_t, bytes */
    OPTION_HREVMODE,
    OPTION_NAME,
    OPTION_LISTEN,
};

struct option_row {
    const char *name;
    enum option_kind kind;
    size_t member; /* offset in struct config_options */
    uint64_t initial, min, max;
    enum number_unit unit;
    bool restart, alias;
    const char *value; /* for messages */
};

#define ROW(name_, kind_, member_)                                                                           \
    .name = name_, .kind = kind_, .member = offsetof(struct config_options, member_)
/* Name, member, default, least, most. */
#define NUMBER(name_, member_, initial_, min_, max_)                                                         \
    ROW(name_, OPTION_NUMBER, member_), .initial = initial_, .min = min_, .max = max_

/* Why so much at most:
 *   cachesize         1 TiB: no machine of today has more to give to one cache
 *   hrevmax           16 million names take about 4 GiB
 *   otipperiod        a one-time address that lives longer than a day is none
 *   tcplistenbacklog  the kernel's own limit, net.core.somaxconn, is 16 bits wide
 *   tcptimeout        RFC 7766 s6.2.3 speaks of seconds; an hour serves any client
 *   workers           threads, each with sockets of its own: as many as the largest machines have cores */
static const struct option_row rows[] = {
    {ROW("cachesize", OPTION_SIZE, cachesize), .initial = UINT64_C(64) << 20, .max = UINT64_C(1) << 40,
     .unit = UNIT_BYTES, .value = "BYTES"},
    {NUMBER("hashttl", hashttl_s, 600, 0, TTL_MAX), .unit = UNIT_SECONDS, .value = "SECS"},
    {NUMBER("hrevmax", hrevmax, 65536, 1, 16 << 20), .value = "NAMES"},
    {ROW("hrevmode", OPTION_HREVMODE, hrevmode), .value = "always|net|same|never"},
    {ROW("listen", OPTION_LISTEN, listen), .restart = true, .value = "ADDR"},
    {ROW("nsname", OPTION_NAME, nsname), .value = "NAME"},
    {NUMBER("otipperiod", otipperiod_s, 32, 1, 86400), .unit = UNIT_SECONDS, .value = "SECS"},
    {NUMBER("port", port, DNS_PORT, 1, UINT16_MAX), .restart = true, .value = "PORT"},
    {NUMBER("staticttl", staticttl_s, 3600, 0, TTL_MAX), .unit = UNIT_SECONDS, .value = "SECS"},
    {NUMBER("tcplistenbacklog", tcplistenbacklog, 5, 1, UINT16_MAX), .value = "N"},
    {NUMBER("tcplisten", tcplistenbacklog, 5, 1, UINT16_MAX), .alias = true, .value = "N"},
    {NUMBER("tcptimeout", tcptimeout_s, 60, 1, 3600), .unit = UNIT_SECONDS, .value = "SECS"},
    {NUMBER("workers", workers, 0, 0, 1024), .restart = true, .value = "N"},
};

#undef ROW
#undef NUMBER

static const char *const hrevmodes[] = {
    [HREV_ALWAYS] = "always",
    [HREV_NET] = "net",
    [HREV_SAME] = "same",
    [HREV_NEVER] = "never",
};

static void *member_of(struct config_options *o, const struct option_row *row)
{
    return (char *)o + row->member;
}

/* The value of a row of numbers. */
static uint64_t number_of(const struct config_options *o, const struct option_row *row)
{
    const char *member = (const char *)o + row->member;
    uint32_t number;
    uint64_t size;

    if (row->kind == OPTION_SIZE) {
        memcpy(&size, member, sizeof(size));
        return size;
    }
    memcpy(&number, member, sizeof(number));
    return number;
}

static void set_number(struct config_options *o, const struct option_row *row, uint64_t value)
{
    uint32_t number = (uint32_t)value;

    if (row->kind == OPTION_SIZE)
        memcpy(member_of(o, row), &value, sizeof(value));
    else
        memcpy(member_of(o, row), &number, sizeof(number));
}

void options_set_defaults(struct builder *b)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].kind == OPTION_NUMBER || rows[i].kind == OPTION_SIZE)
            set_number(&b->config->options, &rows[i], rows[i].initial);
    }
    b->config->options.hrevmode = HREV_ALWAYS;
    b->option_places = arena_alloc(&b->scratch, ARRAY_LEN(rows) * sizeof(*b->option_places));
    got_memory(b, b->option_places);
}

/* --- reading --- */

static void read_hrevmode(struct builder *b, struct piece p)
{
    struct suggestion known;

    suggestion_init(&known, p.text, p.len);
    for (unsigned i = 0; i < ARRAY_LEN(hrevmodes); i++) {
        if (word_is(p, hrevmodes[i])) {
            b->config->options.hrevmode = (enum hrevmode)i;
            return;
        }
        suggestion_offer(&known, hrevmodes[i]);
    }
    report_unknown(b, "hrevmode", p, &known);
}

static void read_listen(struct builder *b, struct piece p)
{
    struct config_options *o = &b->config->options;
    struct ipaddr addr;
    char shown[SHOWN_MAX];

    if (!read_addr(b, p, &addr))
        return;
    for (unsigned i = 0; i < o->n_listen; i++) {
        if (ipaddr_equal(&o->listen[i], &addr)) {
            diag_warning(b->diags, p.at, "listen address %s is there already, this one is dropped",
                         show(p, shown));
            return;
        }
    }
    struct ipaddr *old =
        (struct ipaddr *)(uintptr_t)o->listen; /* ours until the configuration is handed out */
    struct ipaddr *more = array_more(&b->config->arena, old, o->n_listen, sizeof(*more));
    if (!got_memory(b, more))
        return;
    more[o->n_listen++] = addr;
    o->listen = more;
}

static void read_value(struct builder *b, const struct option_row *row, struct piece p)
{
    struct config_options *o = &b->config->options;
    uint64_t value;

    switch (row->kind) {
    case OPTION_NUMBER:
    case OPTION_SIZE:
        if (read_number(b, row->name, p, row->unit, row->min, row->max, &value))
            set_number(o, row, value);
        break;
    case OPTION_HREVMODE:
        read_hrevmode(b, p);
        break;
    case OPTION_NAME:
        read_name(b, p, member_of(o, row));
        break;
    case OPTION_LISTEN:
        read_listen(b, p);
        break;
    }
}

/* Remembers where an option was given. */
static void note_place(struct builder *b, const struct option_row *row, struct place at)
{
    const struct option_row *first = row->alias ? row - 1 : row;
    struct place *before = &b->option_places[first - rows];

    if (before->line > 0 && row->kind != OPTION_LISTEN)
        diag_warning(b->diags, at, "option %s stands in line %u already, this one counts", first->name,
                     before->line);
    *before = at;
}

static const struct option_row *find_row(struct builder *b, struct piece key)
{
    struct suggestion known;

    suggestion_init(&known, key.text, key.len);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (word_is(key, rows[i].name))
            return &rows[i];
        suggestion_offer(&known, rows[i].name);
    }
    report_unknown(b, "option", key, &known);
    return NULL;
}

void directive_option(struct builder *b, const struct line *line)
{
    char synopsis[64];

    if (line->n_words < 2) {
        count_words(b, line, 3, 3, "option KEY VALUE");
        return;
    }
    const struct option_row *row = find_row(b, line->words[1].value);
    if (!row)
        return;
    snprintf(synopsis, sizeof(synopsis), "option %s %s", row->name, row->value);
    if (!count_words(b, line, 3, 3, synopsis))
        return;
    note_place(b, row, line->words[1].raw.at);
    read_value(b, row, line->words[2].value);
}

/* --- printing and comparing --- */

static void print_row(const struct config_options *o, const struct option_row *row, FILE *out)
{
    char text[IPADDR_STRLEN];

    switch (row->kind) {
    case OPTION_NUMBER:
    case OPTION_SIZE:
        fprintf(out, "option %s %" PRIu64 "\n", row->name, number_of(o, row));
        break;
    case OPTION_HREVMODE:
        fprintf(out, "option %s %s\n", row->name, hrevmodes[o->hrevmode]);
        break;
    case OPTION_NAME:
        if (!o->nsname.wire)
            break;
        fprintf(out, "option %s ", row->name);
        name_print("", &o->nsname, "", out);
        fputc('\n', out);
        break;
    case OPTION_LISTEN:
        for (unsigned i = 0; i < o->n_listen; i++)
            fprintf(out, "option %s %s\n", row->name, ipaddr_format(&o->listen[i], text));
        break;
    }
}

void options_print(const struct config_options *o, FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!rows[i].alias)
            print_row(o, &rows[i], out);
    }
}

/* The order of the addresses does not matter: each of them has a socket. */
static bool same_listen(const struct config_options *a, const struct config_options *b)
{
    unsigned common = 0;

    for (unsigned i = 0; i < a->n_listen; i++) {
        for (unsigned k = 0; k < b->n_listen; k++)
            common += ipaddr_equal(&a->listen[i], &b->listen[k]);
    }
    return common == a->n_listen && common == b->n_listen;
}

const char *options_restart_needed(const struct config_options *a, const struct config_options *b,
                                   unsigned *row)
{
    while (*row < ARRAY_LEN(rows)) {
        const struct option_row *r = &rows[(*row)++];
        bool same = r->kind == OPTION_LISTEN ? same_listen(a, b) : number_of(a, r) == number_of(b, r);
        if (r->restart && !same)
            return r->name;
    }
    return NULL;
}
