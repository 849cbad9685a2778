/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Words to values: names, addresses, prefixes, numbers. Each function reports what is wrong with the word and
 * what was expected, at the column of what is wrong, so that directives need only say which value they want.
 *
 * Names are absolute, with or without a final dot, and are kept in lower case. The codec says of a name only
 * that it is wrong; a second look (name_fault) finds out where and why.
 */
#include "libiothnamed/config_build.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

bool got_memory(struct builder *b, const void *p)
{
    if (!p)
        b->out_of_memory = true;
    return p;
}

const char *show(struct piece p, char text[static SHOWN_MAX])
{
    static const char more[] = "...";
    size_t room = SHOWN_MAX - sizeof(more) - 1, at = 0; /* the rest: more, the closing quote, NUL */

    text[at++] = '\'';
    for (size_t i = 0; i < p.len; i++) {
        unsigned char byte = (unsigned char)p.text[i];
        bool printable = byte >= ' ' && byte < 0x7f;
        if (at + (printable ? 1 : strlen("\\ddd")) > room) {
            at += (size_t)sprintf(text + at, "%s", more);
            break;
        }
        at += (size_t)sprintf(text + at, printable ? "%c" : "\\%03u", byte);
    }
    text[at++] = '\'';
    text[at] = '\0';
    return text;
}

bool word_is(struct piece p, const char *keyword)
{
    return strlen(keyword) == p.len && strncasecmp(p.text, keyword, p.len) == 0;
}

const char *plain_text(struct builder *b, const struct word *word)
{
    struct piece p = word->value;
    char *text = arena_text(&b->config->arena, p.text, p.len);
    size_t len = 0;

    if (!got_memory(b, text) || !word->quote)
        return text;
    for (size_t i = 0; i < p.len; i++) {
        if (p.text[i] == '\\' && i + 1 < p.len && (p.text[i + 1] == '\\' || p.text[i + 1] == word->quote))
            i++;
        text[len++] = p.text[i];
    }
    text[len] = '\0';
    return text;
}

const char *path_of(struct builder *b, const char *written)
{
    const char *config = b->config->path, *slash = strrchr(config, '/');
    size_t folder_len = written[0] != '/' && slash ? (size_t)(slash - config) + 1 : 0;
    size_t len = strlen(written);
    char *path = arena_alloc(&b->config->arena, folder_len + len + 1);

    if (!got_memory(b, path))
        return NULL;
    memcpy(path, config, folder_len);
    memcpy(path + folder_len, written, len + 1);
    return path;
}

void report_unknown(struct builder *b, const char *what, struct piece word, const struct suggestion *known)
{
    char shown[SHOWN_MAX], text[SUGGESTION_TEXT_MAX];

    diag_error(b->diags, word.at, "unknown %s %s%s", what, show(word, shown), suggestion_text(known, text));
}

bool count_words(struct builder *b, const struct line *line, unsigned min, unsigned max, const char *synopsis)
{
    char shown[SHOWN_MAX];

    if (line->n_words < min) {
        diag_error(b->diags, line->end, "the line ends too early, expected '%s'", synopsis);
        return false;
    }
    if (line->n_words > max) {
        struct piece extra = line->words[max].raw;
        diag_error(b->diags, extra.at, "%s is one word too many, expected '%s'", show(extra, shown),
                   synopsis);
        return false;
    }
    return true;
}

/* --- names --- */

/* The length of the character at p.text[i], an escape maybe; 0: the escape is wrong. */
static size_t character_len(struct piece p, size_t i)
{
    unsigned value = 0;

    if (p.text[i] != '\\')
        return 1;
    if (i + 1 == p.len)
        return 0;
    if (p.text[i + 1] < '0' || p.text[i + 1] > '9')
        return 2;
    for (size_t digit = i + 1; digit < i + 4; digit++) {
        if (digit >= p.len || p.text[digit] < '0' || p.text[digit] > '9')
            return 0;
        value = value * 10 + (unsigned)(p.text[digit] - '0');
    }
    return value <= UINT8_MAX ? 4 : 0;
}

/* Says what is wrong with a name that the codec did not take. */
static void report_name_fault(struct builder *b, struct piece p)
{
    size_t label_at = 0;
    unsigned label_len = 0;

    for (size_t i = 0; i < p.len;) {
        size_t len = character_len(p, i);
        if (len == 0) {
            diag_error(b->diags, place_right(p.at, i),
                       "wrong escape in a name, expected \\ and three digits up to 255, "
                       "or \\ and another character");
            return;
        }
        if (p.text[i] == '.' && label_len == 0) {
            diag_error(b->diags, place_right(p.at, i),
                       "empty label in a name, expected something before the dot");
            return;
        }
        label_len = p.text[i] == '.' ? 0 : label_len + 1;
        i += len;
        if (label_len == 0)
            label_at = i;
        if (label_len > DNAME_LABEL_MAX) {
            diag_error(b->diags, place_right(p.at, label_at), "label of more than %d bytes in a name",
                       DNAME_LABEL_MAX);
            return;
        }
    }
    diag_error(b->diags, p.at,
               p.len == 0 ? "empty name, expected a domain name" : "name of more than 255 bytes");
}

bool read_name(struct builder *b, struct piece p, struct config_name *ret)
{
    uint8_t name[DNAME_MAX];
    int len = dname_from_text(p.text, p.len, name);

    if (len < 0) {
        report_name_fault(b, p);
        return false;
    }
    dname_lower(name, name, (size_t)len);
    uint8_t *wire = arena_copy(&b->config->arena, name, (size_t)len);
    if (!got_memory(b, wire))
        return false;
    *ret = (struct config_name){.wire = wire, .len = (uint8_t)len};
    return true;
}

/* --- addresses --- */

bool looks_like_addr(struct piece p)
{
    bool dots = false;

    if (memchr(p.text, ':', p.len))
        return true;
    for (size_t i = 0; i < p.len; i++) {
        if ((p.text[i] < '0' || p.text[i] > '9') && p.text[i] != '.')
            return false;
        dots |= p.text[i] == '.';
    }
    return dots && p.text[p.len - 1] != '.';
}

bool read_addr(struct builder *b, struct piece p, struct ipaddr *ret)
{
    char shown[SHOWN_MAX];

    if (ipaddr_parse(p.text, p.len, ret) == 0)
        return true;
    diag_error(b->diags, p.at, "%s is not an address, expected one such as 192.0.2.1 or 2001:db8::1",
               show(p, shown));
    return false;
}

bool read_endpoint(struct builder *b, struct piece p, struct ipendpoint *ret)
{
    char shown[SHOWN_MAX];
    const char *at_sign = memchr(p.text, '@', p.len);
    size_t addr_len = at_sign ? (size_t)(at_sign - p.text) : p.len;
    struct ipaddr addr;

    if (ipendpoint_parse(p.text, p.len, DNS_PORT, ret) == 0)
        return true;
    if (ipaddr_parse(p.text, addr_len, &addr) < 0) {
        diag_error(
            b->diags, p.at,
            "%s is not an address, expected one such as 192.0.2.1 or 2001:db8::1, a port behind it as @53",
            show(piece_part(p, 0, addr_len), shown));
        return false;
    }
    p = piece_part(p, addr_len + 1, p.len - addr_len - 1);
    diag_error(b->diags, p.at, "%s is not a port, expected a number from 1 to 65535", show(p, shown));
    return false;
}

bool read_prefix(struct builder *b, struct piece p, struct ipaddr *ret, unsigned *ret_bits)
{
    char shown[SHOWN_MAX], text[IPADDR_STRLEN];
    const char *slash = memchr(p.text, '/', p.len);
    size_t addr_len = slash ? (size_t)(slash - p.text) : p.len;
    struct ipaddr addr, masked;
    unsigned bits;

    if (!read_addr(b, piece_part(p, 0, addr_len), &addr))
        return false;
    bool is_v4 = !memchr(p.text, ':', addr_len);
    if (!slash) {
        diag_error(b->diags, place_right(p.at, p.len),
                   "prefix length missing, expected ADDR/LEN with a LEN from 0 to %d", is_v4 ? 32 : 128);
        return false;
    }
    if (ipaddr_parse_prefix(p.text, p.len, &addr, &bits) < 0) {
        p = piece_part(p, addr_len + 1, p.len - addr_len - 1);
        diag_error(b->diags, p.at, "%s is not a prefix length, expected a number from 0 to %d",
                   show(p, shown), is_v4 ? 32 : 128);
        return false;
    }
    masked = addr;
    ipaddr_mask(&masked, bits);
    if (!ipaddr_equal(&masked, &addr))
        diag_warning(b->diags, p.at, "%s has bits behind its prefix length, taken as %s%.*s", show(p, shown),
                     ipaddr_format(&masked, text), (int)(p.len - addr_len), slash);
    *ret = masked;
    *ret_bits = bits;
    return true;
}

/* For the check, which knows at the end what this server's own addresses are. */
static void note_server(struct builder *b, const struct ipendpoint *server, struct place at)
{
    struct server_mention *more = array_more(&b->scratch, b->servers, b->n_servers, sizeof(*more));

    if (!got_memory(b, more))
        return;
    more[b->n_servers++] = (struct server_mention){.server = *server, .at = at};
    b->servers = more;
}

void add_server(struct builder *b, struct ipendpoint **servers, unsigned *count,
                const struct ipendpoint *server, struct piece p)
{
    char shown[SHOWN_MAX];

    for (unsigned i = 0; i < *count; i++) {
        if ((*servers)[i].port == server->port && ipaddr_equal(&(*servers)[i].addr, &server->addr)) {
            diag_warning(b->diags, p.at, "server %s is there already, this one is dropped", show(p, shown));
            return;
        }
    }
    struct ipendpoint *more = array_more(&b->config->arena, *servers, *count, sizeof(*more));
    if (!got_memory(b, more))
        return;
    more[(*count)++] = *server;
    *servers = more;
    note_server(b, server, p.at);
}

/* --- numbers --- */

/* The factor of a unit letter, or 0. */
static uint64_t unit_factor(enum number_unit unit, char letter)
{
    static const struct {
        enum number_unit unit;
        char letter;
        uint64_t factor;
    } units[] = {
        {UNIT_SECONDS, 's', 1},
        {UNIT_SECONDS, 'm', 60},
        {UNIT_SECONDS, 'h', 3600},
        {UNIT_SECONDS, 'd', 86400},
        {UNIT_SECONDS, 'w', 604800},
        {UNIT_BYTES, 'k', UINT64_C(1) << 10},
        {UNIT_BYTES, 'm', UINT64_C(1) << 20},
        {UNIT_BYTES, 'g', UINT64_C(1) << 30},
    };

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (units[i].unit == unit && units[i].letter == (letter | 0x20))
            return units[i].factor;
    }
    return 0;
}

/* Numbers above this are all the same to us: too large. Far enough from overflow for a factor and a sum. */
static const uint64_t huge = UINT64_C(1) << 60;

/* One or more digits, and steps over them. */
static bool take_digits(struct piece p, size_t *pos, uint64_t *ret)
{
    size_t start = *pos;
    uint64_t value = 0;

    for (; *pos < p.len && p.text[*pos] >= '0' && p.text[*pos] <= '9'; ++*pos) {
        if (value < huge)
            value = value * 10 + (uint64_t)(p.text[*pos] - '0');
    }
    *ret = value;
    return *pos > start;
}

static uint64_t scaled(uint64_t value, uint64_t factor)
{
    return value > huge / factor ? huge : value * factor;
}

/* DIGITS [UNIT], for seconds several of them. */
static bool parse_number(struct piece p, enum number_unit unit, uint64_t *ret)
{
    uint64_t sum = 0, value;
    size_t pos = 0;

    do {
        uint64_t factor = 1;
        if (!take_digits(p, &pos, &value))
            return false;
        if (pos < p.len)
            factor = unit_factor(unit, p.text[pos++]);
        if (factor == 0)
            return false;
        sum += scaled(value, factor);
        if (sum > huge)
            sum = huge;
    } while (pos < p.len && unit == UNIT_SECONDS);
    *ret = sum;
    return pos == p.len;
}

bool read_number(struct builder *b, const char *what, struct piece p, enum number_unit unit, uint64_t min,
                 uint64_t max, uint64_t *ret)
{
    static const char *const hint[] = {
        [UNIT_NONE] = "",
        [UNIT_SECONDS] = " (seconds, or with units s m h d w)",
        [UNIT_BYTES] = " (bytes, or with a unit k M G)",
    };
    char shown[SHOWN_MAX];
    uint64_t value;

    if (!parse_number(p, unit, &value)) {
        diag_error(b->diags, p.at, "%s %s is not a number, expected one from %" PRIu64 " to %" PRIu64 "%s",
                   what, show(p, shown), min, max, hint[unit]);
        return false;
    }
    if (value < min || value > max) {
        diag_error(b->diags, p.at,
                   "%s %s is out of range, expected a number from %" PRIu64 " to %" PRIu64 "%s", what,
                   show(p, shown), min, max, hint[unit]);
        return false;
    }
    *ret = value;
    return true;
}
