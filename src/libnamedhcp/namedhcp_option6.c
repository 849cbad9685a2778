/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Options of DHCPv6 as a person writes them, as namedhcp_option.c has those of DHCPv4: "NAME_or_NUMBER VALUE". A value is read
 * by the shape in the table; an option with a number that is not known is hexadecimal digits, or a text in quotes. They are
 * given to clients that ask for them (RFC 9915 s18.3.10). What has a row of its own in the table of settings is said there.
 *
 *   bootfile-url http://10.0.0.1/boot      sntp-servers fd00:1::123      65001 "text"
 */
#include "libnamedhcp/namedhcp_config.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define VALUE_MAX 1024 /* bytes of one value; a message has some 1,200 */

enum shape { BYTES, TEXT, U8, U32, ADDRS, NAMES, NAME, PARAMS };

static const struct option6 {
    uint16_t code;
    enum shape shape;
    const char *name;
} options[] = {
    {21, NAMES, "sip-server-dns"}, /* RFC 3319 */
    {22, ADDRS, "sip-server-addr"},
    {27, ADDRS, "nis-servers"}, /* RFC 3898 */
    {28, ADDRS, "nisp-servers"},
    {29, NAME, "nis-domain-name"},
    {30, NAME, "nisp-domain-name"},
    {31, ADDRS, "sntp-servers"},     /* RFC 4075 */
    {33, NAMES, "bcmcs-server-dns"}, /* RFC 4280 */
    {34, ADDRS, "bcmcs-server-addr"},
    {36, BYTES, "geoconf-civic"},     /* RFC 4776 */
    {40, ADDRS, "pana-agent"},        /* RFC 5192 */
    {41, TEXT, "new-posix-timezone"}, /* RFC 4833 */
    {42, TEXT, "new-tzdb-timezone"},
    {51, NAME, "v6-lost"},       /* RFC 5223 */
    {52, ADDRS, "capwap-ac-v6"}, /* RFC 5417 */
    {59, TEXT, "bootfile-url"},  /* RFC 5970 */
    {60, PARAMS, "bootfile-param"},
    {64, NAME, "aftr-name"}, /* RFC 6334 */
    {82, U32, "sol-max-rt"}, /* RFC 9915 s21.24 */
    {83, U32, "inf-max-rt"},
    {94, BYTES, "s46-cont-mape"}, /* RFC 7598 */
    {95, BYTES, "s46-cont-mapt"},
    {96, BYTES, "s46-cont-lw"},
    {103, TEXT, "captive-portal"},      /* RFC 8910 */
    {136, PARAMS, "v6-sztp-redirect"},  /* RFC 8572 */
    {143, ADDRS, "ipv6-address-andsf"}, /* RFC 6153 */
};

static const struct option6 *named(const char *name, size_t len)
{
    for (unsigned i = 0; i < ARRAY_LEN(options); i++)
        if (strlen(options[i].name) == len && strncasecmp(options[i].name, name, len) == 0)
            return &options[i];
    return NULL;
}

static const struct option6 *numbered(uint32_t code)
{
    for (unsigned i = 0; i < ARRAY_LEN(options); i++)
        if (options[i].code == code)
            return &options[i];
    return NULL;
}

/* What the server says by itself, or by a setting of another name; "": by itself. NULL: neither. */
static const char *said_by(uint32_t code)
{
    static const struct {
        uint16_t first, last;
        const char *setting;
    } taken[] = {
        {1, 9, ""},        {11, 15, ""},           {18, 20, ""}, {23, 23, "dns"}, {24, 24, "dnssearch"},
        {25, 26, ""},      {32, 32, "refresh"},    {37, 39, ""}, {56, 56, "ntp"}, {79, 79, ""},
        {144, 144, "dnr"}, {148, 148, "register"},
    };

    for (unsigned i = 0; i < ARRAY_LEN(taken); i++)
        if (code >= taken[i].first && code <= taken[i].last)
            return taken[i].setting;
    return NULL;
}

/* --- values --- */

static bool put_addrs(struct writer *w, const char *value)
{
    const char *piece;
    size_t len;
    struct ipaddr addr;

    while (namedhcp_piece(&value, &piece, &len)) {
        if (ipaddr_parse(piece, len, &addr) < 0 || ipaddr_is_v4(&addr))
            return false;
        writer_put(w, addr.b, sizeof(addr.b));
    }
    return w->pos > 0;
}

/* Uncompressed (RFC 9915 s10). */
static bool put_names(struct writer *w, const char *value)
{
    uint8_t name[DNAME_MAX];
    const char *piece;
    size_t len;

    while (namedhcp_piece(&value, &piece, &len)) {
        int name_len = dname_from_text(piece, len, name);
        if (name_len <= 1)
            return false;
        writer_put(w, name, (size_t)name_len);
    }
    return w->pos > 0;
}

/* Texts between commas, each behind its length. */
static bool put_params(struct writer *w, const char *value)
{
    const char *piece;
    size_t len;

    while (namedhcp_piece(&value, &piece, &len)) {
        writer_u16(w, (uint16_t)len);
        writer_put(w, piece, len);
    }
    return w->pos > 0;
}

static bool put_number(struct writer *w, const char *value, bool is_byte)
{
    uint32_t n;

    if (!rc_number(value, strlen(value), 0, is_byte ? UINT8_MAX : UINT32_MAX, &n))
        return false;
    if (is_byte)
        writer_u8(w, (uint8_t)n);
    else
        writer_u32(w, n);
    return true;
}

static bool put_value(struct writer *w, enum shape shape, const char *value)
{
    switch (shape) {
    case TEXT:
        return namedhcp_put_text(w, value);
    case U8:
    case U32:
        return put_number(w, value, shape == U8);
    case ADDRS:
        return put_addrs(w, value);
    case NAMES:
        return put_names(w, value);
    case NAME:
        return !strpbrk(value, " \t,") && put_names(w, value);
    case PARAMS:
        return put_params(w, value);
    case BYTES:
        break;
    }
    return namedhcp_put_bytes(w, value);
}

static const char *expected(enum shape shape)
{
    static const char *const texts[] = {
        [BYTES] = "hexadecimal digits, or a text in quotes",
        [TEXT] = "a text",
        [U8] = "a number up to 255",
        [U32] = "a number up to 4294967295",
        [ADDRS] = "IPv6 addresses, with commas between",
        [NAMES] = "domain names, with commas between",
        [NAME] = "a domain name",
        [PARAMS] = "texts, with commas between",
    };

    return texts[shape];
}

/* --- options --- */

int namedhcp_set_option6(struct namedhcp_draft *d, uint16_t code, const uint8_t *bytes, size_t len)
{
    struct dhcp6_message *given = &d->config->v6.given;
    struct dhcp6_others *others = &given->others;
    const uint8_t *copy = arena_copy(&d->config->arena, bytes, len > 0 ? len : 1);
    unsigned i = 0;

    if (!copy)
        return -ENOMEM;
    while (i < others->n && others->option[i].code != code)
        i++;
    if (i == DHCP6_OTHERS_MAX)
        return namedhcp_wrong(d, "too many options of DHCPv6, expected at most %d", DHCP6_OTHERS_MAX);
    others->n += i == others->n;
    others->option[i] = (struct dhcp6_other){code, {copy, (uint16_t)len}}; /* what is said again counts */
    given->has |= DHCP6_HAS_OTHERS;
    return 0;
}

/* Those of the protocol itself that a message has members for. */
static bool set_member(struct dhcp6_message *given, uint32_t code, const uint8_t *bytes)
{
    if (code != DHCP6_OPT_SOL_MAX_RT && code != DHCP6_OPT_INF_MAX_RT)
        return false;
    bool sol = code == DHCP6_OPT_SOL_MAX_RT;
    given->has |= sol ? DHCP6_HAS_SOL_MAX_RT : DHCP6_HAS_INF_MAX_RT;
    *(sol ? &given->sol_max_rt_s : &given->inf_max_rt_s) = get_be32(bytes);
    return true;
}

int namedhcp_read_option6(struct namedhcp_draft *d, const char *value)
{
    uint8_t bytes[VALUE_MAX];
    struct writer w = writer_of(bytes, sizeof(bytes));
    const char *name = value;
    size_t len = strcspn(value, " \t=");
    uint32_t code;

    const struct option6 *option = named(name, len);
    if (!option && !rc_number(name, len, 1, UINT16_MAX, &code))
        return namedhcp_wrong(
            d, "'%.*s' is no option of DHCPv6, expected a name such as 'bootfile-url', or 1 to 65535",
            len < 40 ? (int)len : 40, name);
    option = option ? option : numbered(code);
    code = option ? option->code : code;
    const char *setting = said_by(code);
    if (setting)
        return namedhcp_wrong(d, "option %u is %s%s%s, expected another one", code,
                              setting[0] ? "said by '" : "the server's own", setting, setting[0] ? "'" : "");
    value += len;
    value += strspn(value, " \t=");
    enum shape shape = option ? option->shape : BYTES;
    if (!put_value(&w, shape, value) || w.bad)
        return namedhcp_wrong(d, "'%.60s' is no value of option '%.*s', expected %s", value,
                              len < 40 ? (int)len : 40, name, expected(shape));
    return set_member(&d->config->v6.given, code, bytes)
               ? 0
               : namedhcp_set_option6(d, (uint16_t)code, bytes, w.pos);
}
