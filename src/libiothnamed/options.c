/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * option: one table says of each option its name, where its value lies, its default, its range and its unit,
 * and whether a change needs a restart. Reading, defaults, printing and comparing walk that table; a new
 * option is a row here, a member of struct config_options and a paragraph in iothnamed.conf(5).
 *
 * An option given twice takes the last value, with a warning; `listen` gathers addresses instead. An alias is
 * a row with the same member as the row before it.
 */
#include "libiothconf/open/open_stack.h"
#include "libiothnamed/config_build.h"
#include "libiothnamed/data_file.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum option_kind {
    OPTION_NUMBER, /* uint32_t */
    OPTION_SIZE,   /* uint64_t, bytes */
    OPTION_CHOICE, /* uint32_t, or an enum: the index of a word in row->words */
    OPTION_NAME,
    OPTION_LISTEN,
    OPTION_ENDPOINT, /* struct ipendpoint, port 0: none */
    OPTION_TEXT,     /* struct config_text */
    OPTION_SECRETS,  /* a file of cookie secrets */
};

struct option_row {
    const char *name;
    enum option_kind kind;
    size_t member; /* offset in struct config_options */
    uint64_t initial, min, max;
    enum number_unit unit;
    bool restart, alias;
    const char *value;        /* for messages */
    const char *const *words; /* of a choice, the last one NULL */
};

#define ROW(name_, kind_, member_)                                                                           \
    .name = name_, .kind = kind_, .member = offsetof(struct config_options, member_)
/* Name, member, default, least, most. */
#define NUMBER(name_, member_, initial_, min_, max_)                                                         \
    ROW(name_, OPTION_NUMBER, member_), .initial = initial_, .min = min_, .max = max_

/* The words of choices, by their enums. */
static const char *const hrevmodes[] = {
    [HREV_ALWAYS] = "always", [HREV_NET] = "net", [HREV_SAME] = "same", [HREV_NEVER] = "never", NULL,
};
static const char *const loglevels[] = {"error", "warning", "info", "debug", NULL}; /* as enum log_level */
static const char *const switches[] = {"off", "on", NULL};

/* Why so much at most:
 *   cachettlmin       a day: what is kept longer against its owner's will is wrong too often
 *   servestale        a week, as RFC 8767 s5 has it
 *   cachesize         1 TiB: no machine of today has more to give to one cache
 *   hrevmax           16 million names take about 4 GiB
 *   leasemax          ten million leases take about 1 GiB
 *   otipperiod        a one-time address that lives longer than a day is none
 *   tcplistenbacklog  the kernel's own limit, net.core.somaxconn, is 16 bits wide
 *   tcptimeout        RFC 7766 s6.2.3 speaks of seconds; an hour serves any client
 *   tcpmax            connections cost a few KB each, most of it in the kernel
 *   fwdclientmax      as many as one worker keeps in all
 *   rrl               more than any server answers: 0 says it better
 *   workers           threads, each with sockets of its own: as many as the largest machines have cores */
static const struct option_row rows[] = {
    {ROW("cachesize", OPTION_SIZE, cachesize), .initial = UINT64_C(64) << 20, .max = UINT64_C(1) << 40,
     .unit = UNIT_BYTES, .value = "BYTES"},
    {NUMBER("cachettlmax", cachettlmax_s, 86400, 1, TTL_MAX), .unit = UNIT_SECONDS, .value = "SECS"},
    {NUMBER("cachettlmin", cachettlmin_s, 0, 0, 86400), .unit = UNIT_SECONDS, .value = "SECS"},
    {ROW("chaosid", OPTION_TEXT, chaosid), .value = "TEXT"},
    {ROW("chaosversion", OPTION_TEXT, chaosversion), .value = "TEXT"},
    {ROW("control", OPTION_TEXT, control), .restart = true, .value = "PATH"},
    {ROW("controlgroup", OPTION_TEXT, controlgroup), .restart = true, .value = "GROUP"},
    {ROW("cookiesecret", OPTION_SECRETS, cookiesecret), .value = "FILE"},
    {NUMBER("fwdclientmax", fwdclientmax, 1000, 1, 10000), .value = "N"},
    {NUMBER("hashttl", hashttl_s, 600, 0, TTL_MAX), .unit = UNIT_SECONDS, .value = "SECS"},
    {ROW("hrevdb", OPTION_TEXT, hrevdb), .restart = true, .value = "FILE"},
    {NUMBER("hrevmax", hrevmax, 65536, 1, 16 << 20), .value = "NAMES"},
    {NUMBER("leasettl", leasettl_s, 60, 0, TTL_MAX), .unit = UNIT_SECONDS, .value = "SECS"},
    {NUMBER("leasemax", leasemax, 100000, 1, 10000000), .value = "LEASES"},
    {ROW("hrevmode", OPTION_CHOICE, hrevmode), .initial = HREV_ALWAYS, .words = hrevmodes,
     .value = "always|net|same|never"},
    {ROW("listen", OPTION_LISTEN, listen), .restart = true, .value = "ADDR"},
    {ROW("loglevel", OPTION_CHOICE, loglevel), .initial = 2, .words = loglevels,
     .value = "error|warning|info|debug"},
    {ROW("metrics", OPTION_ENDPOINT, metrics), .restart = true, .value = "ADDR@PORT"},
    {ROW("nsid", OPTION_TEXT, nsid), .value = "TEXT"},
    {ROW("nsname", OPTION_NAME, nsname), .value = "NAME"},
    {NUMBER("otipperiod", otipperiod_s, 32, 1, 86400), .unit = UNIT_SECONDS, .value = "SECS"},
    {NUMBER("port", port, DNS_PORT, 1, UINT16_MAX), .restart = true, .value = "PORT"},
    {ROW("prefetch", OPTION_CHOICE, prefetch), .initial = 1, .words = switches, .value = "on|off"},
    {NUMBER("rrl", rrl, 200, 0, 1000000), .value = "N"},
    {NUMBER("rrlslip", rrlslip, 2, 0, 10), .value = "N"},
    {ROW("sandbox", OPTION_CHOICE, sandbox), .restart = true, .initial = 1, .words = switches,
     .value = "on|off"},
    {NUMBER("servestale", servestale_s, 86400, 0, 604800), .unit = UNIT_SECONDS, .value = "SECS|0"},
    {NUMBER("staticttl", staticttl_s, 3600, 0, TTL_MAX), .unit = UNIT_SECONDS, .value = "SECS"},
    {NUMBER("tcpclientmax", tcpclientmax, 50, 1, 1000000), .value = "N"},
    {NUMBER("tcplistenbacklog", tcplistenbacklog, 5, 1, UINT16_MAX), .value = "N"},
    {NUMBER("tcplisten", tcplistenbacklog, 5, 1, UINT16_MAX), .alias = true, .value = "N"},
    {NUMBER("tcpmax", tcpmax, 10000, 1, 1000000), .value = "N"},
    {NUMBER("tcptimeout", tcptimeout_s, 60, 1, 3600), .unit = UNIT_SECONDS, .value = "SECS"},
    {ROW("user", OPTION_TEXT, user), .restart = true, .value = "NAME[:GROUP]"},
    {NUMBER("workers", workers, 0, 0, 1024), .restart = true, .value = "N"},
};

#undef ROW
#undef NUMBER

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
        if (rows[i].kind == OPTION_NUMBER || rows[i].kind == OPTION_SIZE || rows[i].kind == OPTION_CHOICE)
            set_number(&b->config->options, &rows[i], rows[i].initial);
    }
    b->config->option_places =
        arena_alloc(&b->config->arena, ARRAY_LEN(rows) * sizeof(*b->config->option_places));
    got_memory(b, b->config->option_places);
}

/* --- reading --- */

static void read_choice(struct builder *b, const struct option_row *row, struct piece p)
{
    struct suggestion known;

    suggestion_init(&known, p.text, p.len);
    for (unsigned i = 0; row->words[i]; i++) {
        if (word_is(p, row->words[i])) {
            set_number(&b->config->options, row, i);
            return;
        }
        suggestion_offer(&known, row->words[i]);
    }
    report_unknown(b, row->name, p, &known);
}

/* With its port: there is no customary one. */
static void read_service_endpoint(struct builder *b, struct piece p, struct ipendpoint *ret)
{
    char shown[SHOWN_MAX];

    if (memchr(p.text, '@', p.len))
        read_endpoint(b, p, ret);
    else
        diag_error(b->diags, p.at, "%s has no port, expected ADDR@PORT", show(p, shown));
}

static void read_listen(struct builder *b, struct piece p)
{
    struct config_options *o = &b->config->options;
    struct ipaddr addr;
    char shown[SHOWN_MAX];

    if (!read_addr(b, p, &addr))
        return;
    if (addr.b[0] == 0xff) {
        diag_error(b->diags, p.at, "%s is an address of a group, expected one of this host", show(p, shown));
        return;
    }
    for (unsigned i = 0; i < o->n_listen; i++) {
        if (ipaddr_equal(&o->listen[i], &addr)) {
            diag_warning(b->diags, p.at, "listen address %s is there already, this one is dropped",
                         show(p, shown));
            return;
        }
    }
    if (o->n_listen == LISTEN_MAX) {
        diag_error(b->diags, p.at, "listen address %s is one too many, expected %d at most", show(p, shown),
                   LISTEN_MAX);
        return;
    }
    struct ipaddr *old =
        (struct ipaddr *)(uintptr_t)o->listen; /* ours until the configuration is handed out */
    struct ipaddr *more = array_more(&b->config->arena, old, o->n_listen, sizeof(*more));
    if (!got_memory(b, more))
        return;
    b->listen_at[o->n_listen] = p.at;
    more[o->n_listen++] = addr;
    o->listen = more;
}

static void read_text(struct builder *b, const struct word *word, struct config_text *ret)
{
    const char *text = plain_text(b, word);
    if (!text)
        return;
    size_t len = strlen(text);
    if (len == 0 || len > CONFIG_TEXT_MAX)
        diag_error(b->diags, word->value.at, "a text of %zu bytes, expected 1 to %d", len, CONFIG_TEXT_MAX);
    else
        *ret = (struct config_text){text, (uint8_t)len};
}

/* The bytes of a small file into text; their number, or -errno. */
static ssize_t read_small_file(const char *path, char *text, size_t size)
{
    struct file_mark mark;
    int fd = data_file_open(path, size, &mark);
    if (fd < 0)
        return fd;
    ssize_t len = read(fd, text, size);
    int e = len < 0 ? -errno : 0;
    close(fd);
    return e < 0 ? e : len;
}

/* Room for the secrets and a comment or two. */
#define SECRETS_FILE_MAX 4096

static void read_secrets(struct builder *b, const struct word *word)
{
    struct config_options *o = &b->config->options;
    const char *written = plain_text(b, word), *path = written ? path_of(b, written) : NULL;
    char text[SECRETS_FILE_MAX];
    unsigned line = 0;
    if (!path)
        return;
    ssize_t len = read_small_file(path, text, sizeof(text));
    int e = len < 0 ? (int)len : cookie_secrets_parse(text, (size_t)len, &o->cookies, &line);
    if (e == -EINVAL)
        diag_error(b->diags, word->value.at,
                   "line %u of %s is no secret, expected up to %d lines of 32 hexadecimal digits", line, path,
                   COOKIE_SECRETS_MAX);
    else if (e == -ENODATA)
        diag_error(b->diags, word->value.at,
                   "there is no secret in %s, expected a line of 32 hexadecimal digits", path);
    else if (e < 0)
        diag_error(b->diags, word->value.at, "cannot read %s: %s%s", path, data_file_fault(e),
                   written[0] == '@' ? ": a file stands here without '@'" : "");
    o->cookiesecret = written;
    explicit_bzero(text, sizeof(text));
}

static void read_value(struct builder *b, const struct option_row *row, const struct word *word)
{
    struct config_options *o = &b->config->options;
    struct piece p = word->value;
    uint64_t value;

    switch (row->kind) {
    case OPTION_NUMBER:
    case OPTION_SIZE:
        if (read_number(b, row->name, p, row->unit, row->min, row->max, &value))
            set_number(o, row, value);
        break;
    case OPTION_CHOICE:
        read_choice(b, row, p);
        break;
    case OPTION_NAME:
        read_name(b, p, member_of(o, row));
        break;
    case OPTION_LISTEN:
        read_listen(b, p);
        break;
    case OPTION_ENDPOINT:
        read_service_endpoint(b, p, member_of(o, row));
        break;
    case OPTION_TEXT:
        read_text(b, word, member_of(o, row));
        break;
    case OPTION_SECRETS:
        read_secrets(b, word);
        break;
    }
}

/* Remembers where the value of an option was given. */
static void note_place(struct builder *b, const struct option_row *row, const struct line *line)
{
    const struct option_row *first = row->alias ? row - 1 : row;
    struct place *before = &b->config->option_places[first - rows];

    if (before->line > 0 && row->kind != OPTION_LISTEN)
        diag_warning(b->diags, line->words[1].raw.at, "option %s stands in line %u already, this one counts",
                     first->name, before->line);
    *before = line->words[2].value.at;
}

struct place config_option_at(const struct config *c, const char *name)
{
    size_t i = 0;

    while (strcmp(rows[i].name, name) != 0)
        i++;
    return c->option_places ? c->option_places[i] : (struct place){0};
}

const char *options_place(struct builder *b, const char *name)
{
    struct place at = config_option_at(b->config, name);
    char text[PATH_MAX + 32];

    if (at.line == 0)
        return NULL;
    snprintf(text, sizeof(text), "%s:%u:%u", b->config->path, at.line, at.column);
    const char *place = arena_text(&b->config->arena, text, strlen(text));
    got_memory(b, place);
    return place;
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
    note_place(b, row, line);
    read_value(b, row, &line->words[2]);
}

/* --- what one option says of another, and of the stack --- */

/* The kernel wants the interface of a link-local address, which cannot be said; other stacks have one alone, or want it too. */
static void check_listen(struct builder *b)
{
    const struct config_options *o = &b->config->options;
    char text[IPADDR_STRLEN];

    for (unsigned i = 0; i < o->n_listen; i++) {
        const struct ipaddr *a = &o->listen[i];
        if (a->b[0] != 0xfe || (a->b[1] & 0xc0) != 0x80)
            continue;
        if (open_stack_is_system(b->config->rstack))
            diag_error(b->diags, b->listen_at[i],
                       "%s is a link-local address, whose interface cannot be said, expected another one",
                       ipaddr_format(a, text));
        else
            diag_warning(b->diags, b->listen_at[i],
                         "%s is a link-local address without its interface, which not every stack can serve",
                         ipaddr_format(a, text));
    }
}

/* Who has the first has no room for the second. */
static bool takes(const struct ipaddr *a, const struct ipaddr *other)
{
    static const struct ipaddr all = {{0}};
    const struct ipaddr all_v4 = ipaddr_of_v4(0);

    return ipaddr_equal(a, other) || ipaddr_equal(a, &all) ||
           (ipaddr_equal(a, &all_v4) && ipaddr_is_v4(other));
}

/* Questions come over TCP there too. */
static bool is_taken(const struct config_options *o, const struct ipendpoint *at)
{
    for (unsigned i = 0; i < o->n_listen; i++)
        if (takes(&o->listen[i], &at->addr) || takes(&at->addr, &o->listen[i]))
            return true;
    return o->n_listen == 0;
}

static void check_metrics(struct builder *b)
{
    const struct config_options *o = &b->config->options;
    char text[IPENDPOINT_STRLEN];

    if (o->metrics.port == o->port && open_stack_is_system(b->config->rstack) && is_taken(o, &o->metrics))
        diag_error(b->diags, config_option_at(b->config, "metrics"),
                   "questions come to %s too, expected another port for metrics",
                   ipendpoint_format(&o->metrics, text));
}

void options_finish(struct builder *b)
{
    check_listen(b);
    check_metrics(b);
}

/* --- printing and comparing --- */

/* In quotes, as plain_text reads it. */
static void print_text(const char *key, const char *text, FILE *out)
{
    fprintf(out, "option %s \"", key);
    for (; *text; text++)
        fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    fprintf(out, "\"\n");
}

static void print_endpoint(const char *key, const struct ipendpoint *e, FILE *out)
{
    char text[IPENDPOINT_STRLEN];

    if (e->port)
        fprintf(out, "option %s %s\n", key, ipendpoint_format(e, text));
}

static void print_row(const struct config_options *o, const struct option_row *row, FILE *out)
{
    const struct config_text *said =
        (const struct config_text *)(const void *)((const char *)o + row->member);
    char text[IPADDR_STRLEN];

    switch (row->kind) {
    case OPTION_NUMBER:
    case OPTION_SIZE:
        fprintf(out, "option %s %" PRIu64 "\n", row->name, number_of(o, row));
        break;
    case OPTION_CHOICE:
        fprintf(out, "option %s %s\n", row->name, row->words[number_of(o, row)]);
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
    case OPTION_ENDPOINT:
        print_endpoint(row->name, (const struct ipendpoint *)(const void *)said, out);
        break;
    case OPTION_TEXT:
        if (said->len)
            print_text(row->name, said->text, out);
        break;
    case OPTION_SECRETS:
        if (o->cookiesecret)
            print_text(row->name, o->cookiesecret, out);
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

static bool same_value(const struct config_options *a, const struct config_options *b,
                       const struct option_row *row)
{
    const void *in_a = (const char *)a + row->member, *in_b = (const char *)b + row->member;
    const struct config_text *text_a = in_a, *text_b = in_b;

    switch (row->kind) {
    case OPTION_LISTEN:
        return same_listen(a, b);
    case OPTION_ENDPOINT:
        return ((const struct ipendpoint *)in_a)->port == ((const struct ipendpoint *)in_b)->port &&
               ipaddr_equal(in_a, in_b);
    case OPTION_TEXT:
        return text_a->len == text_b->len &&
               (text_a->len == 0 || memcmp(text_a->text, text_b->text, text_a->len) == 0);
    default:
        return number_of(a, row) == number_of(b, row);
    }
}

const char *options_restart_needed(const struct config_options *a, const struct config_options *b,
                                   unsigned *row)
{
    while (*row < ARRAY_LEN(rows)) {
        const struct option_row *r = &rows[(*row)++];
        if (r->restart && !same_value(a, b, r))
            return r->name;
    }
    return NULL;
}
