/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Options of DHCPv4 as a person writes them: "NAME_or_NUMBER VALUE". The names and the shapes are those of wire/dhcp4.h; a
 * value is read by its shape, and what has no better one (or has a number that is not known) is hexadecimal digits, or a text
 * in quotes.
 *
 *   routers 10.0.0.1,10.0.0.2        domain-search lan,example.org     classless-static-routes 10.7.0.0/16=10.0.0.2
 *   interface-mtu 1400               224 00:1f:a0                      224 "text"
 */
#include "libnamedhcp/namedhcp_config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define VALUE_MAX  1024 /* bytes of one value; the options of a message have some 1,200 */
#define ROUTES_MAX 64
#define NAMES_MAX  32
#define PIECE_MAX  300 /* a name is not longer; what is, is wrong anyway */

static bool read_addr(const char *text, size_t len, uint32_t *ret)
{
    struct ipaddr addr;

    if (ipaddr_parse(text, len, &addr) < 0 || !ipaddr_is_v4(&addr))
        return false;
    *ret = ipaddr_to_v4(&addr);
    return true;
}

static bool put_addrs(struct writer *w, const char *value, unsigned multiple)
{
    const char *piece;
    size_t len;
    uint32_t addr;
    unsigned n = 0;

    while (namedhcp_piece(&value, &piece, &len)) {
        if (!read_addr(piece, len, &addr))
            return false;
        writer_u32(w, addr);
        n++;
    }
    return n > 0 && n % multiple == 0;
}

static bool put_number(struct writer *w, const char *piece, size_t len, unsigned bytes)
{
    uint32_t n, most = bytes == 1 ? UINT8_MAX : bytes == 2 ? UINT16_MAX : UINT32_MAX;

    if (!rc_number(piece, len, 0, most, &n))
        return false;
    if (bytes == 1)
        writer_u8(w, (uint8_t)n);
    else if (bytes == 2)
        writer_u16(w, (uint16_t)n);
    else
        writer_u32(w, n);
    return true;
}

static bool put_numbers(struct writer *w, const char *value)
{
    const char *piece;
    size_t len;
    unsigned n = 0;

    for (; namedhcp_piece(&value, &piece, &len); n++)
        if (!put_number(w, piece, len, 2))
            return false;
    return n > 0;
}

static bool put_names(struct writer *w, const char *value)
{
    uint8_t names[NAMES_MAX][DNAME_MAX];
    const char *piece;
    size_t len, n = 0;

    while (namedhcp_piece(&value, &piece, &len)) {
        if (n == NAMES_MAX || dname_from_text(piece, len, names[n]) <= 1)
            return false;
        n++;
    }
    dhcp4_write_domains(w, (const uint8_t(*)[DNAME_MAX])names, n);
    return n > 0;
}

/* DESTINATION/LEN=GATEWAY,... */
static bool put_routes(struct writer *w, const char *value)
{
    struct dhcp4_route routes[ROUTES_MAX];
    const char *piece;
    size_t len, n = 0;

    while (namedhcp_piece(&value, &piece, &len)) {
        const char *is = memchr(piece, '=', len);
        struct ipaddr dest;
        unsigned bits;
        if (n == ROUTES_MAX || !is || ipaddr_parse_prefix(piece, (size_t)(is - piece), &dest, &bits) < 0 ||
            !ipaddr_is_v4(&dest) || bits < 96 ||
            !read_addr(is + 1, len - (size_t)(is - piece) - 1, &routes[n].gateway))
            return false;
        ipaddr_mask(&dest, bits);
        routes[n].bits = bits - 96;
        routes[n++].dest = ipaddr_to_v4(&dest);
    }
    dhcp4_write_routes(w, routes, n);
    return n > 0;
}

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Pairs of hexadecimal digits, colons between them or not; or a text in quotes. */
bool namedhcp_put_bytes(struct writer *w, const char *value)
{
    size_t len = strlen(value);

    if (len >= 2 && (value[0] == '"' || value[0] == '\'') && value[len - 1] == value[0]) {
        writer_put(w, value + 1, len - 2);
        return true;
    }
    while (*value) {
        int high = digit(value[0]), low = high < 0 ? -1 : digit(value[1]);
        if (low < 0)
            return false;
        writer_u8(w, (uint8_t)(high << 4 | low));
        value += 2;
        value += *value == ':' && value[1];
    }
    return true;
}

bool namedhcp_put_text(struct writer *w, const char *value)
{
    if (value[0] == '"' || value[0] == '\'')
        return namedhcp_put_bytes(w, value);
    writer_put(w, value, strlen(value));
    return true;
}

static bool put_flag(struct writer *w, const char *value)
{
    bool on = strcasecmp(value, "on") == 0 || strcmp(value, "1") == 0;

    writer_u8(w, on);
    return on || strcasecmp(value, "off") == 0 || strcmp(value, "0") == 0;
}

static bool put_value(struct writer *w, enum dhcp4_shape shape, const char *value)
{
    switch (shape) {
    case DHCP4_IS_EMPTY:
        return value[0] == '\0';
    case DHCP4_IS_FLAG:
        return put_flag(w, value);
    case DHCP4_IS_U8:
        return put_number(w, value, strlen(value), 1);
    case DHCP4_IS_U16:
        return put_number(w, value, strlen(value), 2);
    case DHCP4_IS_U32:
        return put_number(w, value, strlen(value), 4);
    case DHCP4_IS_U16S:
        return put_numbers(w, value);
    case DHCP4_IS_ADDR:
        return put_addrs(w, value, 1) && w->pos == 4;
    case DHCP4_IS_ADDRS:
        return put_addrs(w, value, 1);
    case DHCP4_IS_PAIRS:
        return put_addrs(w, value, 2);
    case DHCP4_IS_TEXT:
        return namedhcp_put_text(w, value);
    case DHCP4_IS_NAMES:
        return put_names(w, value);
    case DHCP4_IS_ROUTES:
        return put_routes(w, value);
    case DHCP4_IS_BYTES:
    case DHCP4_IS_FQDN:
    case DHCP4_IS_SUBOPTIONS:
        break;
    }
    return namedhcp_put_bytes(w, value);
}

/* Of a list whose pieces each have a meaning by themselves, the first one that has none; of all else the whole. */
static const char *wrong_piece(enum dhcp4_shape shape, const char *value, char piece[static PIECE_MAX])
{
    uint8_t bytes[VALUE_MAX];
    const char *at = value, *text;
    size_t len;

    if (shape != DHCP4_IS_ADDRS && shape != DHCP4_IS_U16S && shape != DHCP4_IS_NAMES &&
        shape != DHCP4_IS_ROUTES)
        return value;
    while (namedhcp_piece(&at, &text, &len)) {
        struct writer alone = writer_of(bytes, sizeof(bytes));
        snprintf(piece, PIECE_MAX, "%.*s", len < PIECE_MAX ? (int)len : PIECE_MAX - 1, text);
        if (!put_value(&alone, shape, piece))
            return piece;
    }
    return value;
}

static const char *expected(enum dhcp4_shape shape)
{
    static const char *const texts[] = {
        [DHCP4_IS_BYTES] = "hexadecimal digits, or a text in quotes",
        [DHCP4_IS_EMPTY] = "no value",
        [DHCP4_IS_FLAG] = "on or off",
        [DHCP4_IS_U8] = "a number up to 255",
        [DHCP4_IS_U16] = "a number up to 65535",
        [DHCP4_IS_U32] = "a number up to 4294967295",
        [DHCP4_IS_U16S] = "numbers up to 65535, with commas between",
        [DHCP4_IS_ADDR] = "an IPv4 address",
        [DHCP4_IS_ADDRS] = "IPv4 addresses, with commas between",
        [DHCP4_IS_PAIRS] = "pairs of IPv4 addresses, with commas between",
        [DHCP4_IS_TEXT] = "a text",
        [DHCP4_IS_NAMES] = "domain names, with commas between",
        [DHCP4_IS_ROUTES] = "routes such as 10.7.0.0/16=10.0.0.2, with commas between",
        [DHCP4_IS_FQDN] = "hexadecimal digits",
        [DHCP4_IS_SUBOPTIONS] = "hexadecimal digits",
    };

    return texts[shape];
}

/* What the server says by itself. */
static bool is_ours(uint8_t code)
{
    return code == DHCP4_PAD || code == DHCP4_END || code == DHCP4_FQDN || code == DHCP4_RAPID_COMMIT ||
           code == DHCP4_RELAY_INFORMATION ||
           (code >= DHCP4_REQUESTED_ADDRESS && code <= DHCP4_CLIENT_ID && code != DHCP4_VENDOR_CLASS &&
            code != DHCP4_MESSAGE);
}

static struct dhcp4_server_option *place_for(struct dhcp4_subnet *s, uint8_t code)
{
    for (unsigned i = 0; i < s->n_options; i++)
        if (s->options[i].code == code)
            return &s->options[i]; /* what is said again counts */
    return s->n_options < DHCP4_SUBNET_OPTIONS_MAX ? &s->options[s->n_options++] : NULL;
}

static int add_option(struct namedhcp_draft *d, uint8_t code, const struct writer *w)
{
    struct namedhcp_config *c = d->config;
    struct dhcp4_subnet *s = d->subnet ? &c->subnets[d->subnet - 1] : &c->common;
    struct dhcp4_server_option *option = place_for(s, code);
    const uint8_t *copy = arena_copy(&c->arena, w->base, w->pos);

    if (!option)
        return namedhcp_wrong(d, "too many options of a subnet, expected at most %d",
                              DHCP4_SUBNET_OPTIONS_MAX);
    if (!copy)
        return -ENOMEM;
    *option = (struct dhcp4_server_option){.code = code, .bytes = copy, .len = w->pos};
    return 0;
}

int namedhcp_read_option(struct namedhcp_draft *d, const char *value)
{
    char name[40], piece[PIECE_MAX];
    uint8_t bytes[VALUE_MAX];
    struct writer w = writer_of(bytes, sizeof(bytes));
    size_t len = strcspn(value, " \t=");
    uint32_t number;

    if (len >= sizeof(name))
        return namedhcp_wrong(d, "'%.40s' is no option of DHCPv4, expected a name or a number", value);
    memcpy(name, value, len);
    name[len] = '\0';
    value += len;
    value += strspn(value, " \t=");
    const struct dhcp4_option_kind *kind = dhcp4_kind_named(name);
    if (kind)
        number = kind->code;
    else if (!rc_number(name, len, 1, 254, &number))
        return namedhcp_wrong(
            d, "'%s' is no option of DHCPv4, expected a name such as 'routers', or 1 to 254", name);
    else
        kind = dhcp4_kind_of((uint8_t)number);
    if (is_ours((uint8_t)number))
        return namedhcp_wrong(d, "option '%s' is the server's own, expected another one", name);
    enum dhcp4_shape shape = kind ? kind->shape : DHCP4_IS_BYTES;
    if (!put_value(&w, shape, value) || w.bad || !dhcp4_fits((uint8_t)number, bytes, w.pos))
        return namedhcp_wrong(d, "'%.60s' is no value of option '%s', expected %s",
                              wrong_piece(shape, value, piece), name, expected(shape));
    return add_option(d, (uint8_t)number, &w);
}
