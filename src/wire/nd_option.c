/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options of neighbour discovery (RFC 4861 s4.6): those of the RFC itself and those that others have added.
 *
 * An option type is a row of `rows`: how its body is read and how it is written. The head, the length and the
 * padding are written by nd_write_option() for all. Reserved fields are written as 0 and not looked at.
 *
 * What is wrong inside of an option (a prefix of 129 bits, a name that does not end) makes that option invisible, as
 * if its type were unknown: RFC 4861 s4.6 wants unknown ones skipped, RFC 8106 s5.3.1, RFC 4191 s2.3 and RFC 8781 s4
 * want wrong ones ignored, and the rest of the message may be what keeps a host connected.
 *
 * Names in options are never compressed (RFC 8106 s5.2, RFC 9463 s6.1), and dname_read() would follow pointers; so
 * they are read here, label by label.
 */
#include "wire/nd_parts.h"

enum { UNIT = 8, OPTION_HEAD = 2 };

/* --- names --- */

/* A name in wire form without pointers; its length, or 0 with r->bad. */
static size_t read_name(struct reader *r, uint8_t name[static DNAME_MAX])
{
    size_t len = 0;
    uint8_t label;

    do {
        label = reader_u8(r);
        if (label > DNAME_LABEL_MAX || len + 1 + label > DNAME_MAX)
            r->bad = true;
        const uint8_t *bytes = reader_take(r, label);
        if (!bytes)
            return 0;
        name[len++] = label;
        memcpy(name + len, bytes, label);
        len += label;
    } while (label > 0);
    return len;
}

bool nd_next_name(struct reader *names, uint8_t name[static DNAME_MAX])
{
    if (reader_left(names) == 0)
        return false;
    size_t len = read_name(names, name);
    if (len <= 1) { /* the root's name is the padding */
        names->pos = names->len;
        return false;
    }
    dname_lower(name, name, len);
    return true;
}

/* At least one name, and all of them whole. */
static bool are_names(struct reader names)
{
    uint8_t name[DNAME_MAX];
    unsigned n = 0;

    while (nd_next_name(&names, name))
        n++;
    return n > 0 && !names.bad;
}

/* --- the options --- */

static bool read_mac(struct reader *r, struct nd_option *ret)
{
    const uint8_t *mac = reader_take(r, sizeof(ret->mac));

    if (!mac || reader_left(r) > 0)
        return false; /* of another kind of link */
    memcpy(ret->mac, mac, sizeof(ret->mac));
    return true;
}

static void write_mac(struct writer *w, const struct nd_option *option)
{
    writer_put(w, option->mac, sizeof(option->mac));
}

static bool read_prefix(struct reader *r, struct nd_option *ret)
{
    struct nd_prefix *p = &ret->prefix;

    p->bits = reader_u8(r);
    p->flags = reader_u8(r) & ND_PREFIX_FLAGS;
    p->valid_s = reader_u32(r);
    p->preferred_s = reader_u32(r);
    reader_u32(r);
    p->prefix = read_addr(r, sizeof(p->prefix));
    return p->bits <= 128 && reader_left(r) == 0;
}

static void write_prefix(struct writer *w, const struct nd_option *option)
{
    const struct nd_prefix *p = &option->prefix;

    w->bad |= p->bits > 128;
    writer_u8(w, p->bits);
    writer_u8(w, p->flags & ND_PREFIX_FLAGS);
    writer_u32(w, p->valid_s);
    writer_u32(w, p->preferred_s);
    writer_u32(w, 0);
    writer_put(w, &p->prefix, sizeof(p->prefix));
}

static bool read_mtu(struct reader *r, struct nd_option *ret)
{
    reader_u16(r);
    ret->mtu = reader_u32(r);
    return reader_left(r) == 0;
}

static void write_mtu(struct writer *w, const struct nd_option *option)
{
    writer_u16(w, 0);
    writer_u32(w, option->mtu);
}

static bool read_nonce(struct reader *r, struct nd_option *ret)
{
    ret->nonce.len = reader_left(r);
    ret->nonce.bytes = reader_take(r, ret->nonce.len);
    return ret->nonce.len >= ND_NONCE_MIN;
}

static void write_nonce(struct writer *w, const struct nd_option *option)
{
    w->bad |= option->nonce.len < ND_NONCE_MIN || (option->nonce.len + OPTION_HEAD) % UNIT != 0;
    writer_put(w, option->nonce.bytes, option->nonce.len);
}

/* The bytes of a prefix of so many bits in a route: 0, 8 or 16 (RFC 4191 s2.3). */
static size_t route_bytes(uint8_t bits)
{
    return bits == 0 ? 0 : bits <= 64 ? 8 : 16;
}

static bool read_route(struct reader *r, struct nd_option *ret)
{
    struct nd_route *route = &ret->route;
    unsigned preference;

    route->bits = reader_u8(r);
    preference = preference_bits(reader_u8(r));
    route->lifetime_s = reader_u32(r);
    size_t len = reader_left(r);
    if (route->bits > 128 || len > 16 || len < route_bytes(route->bits) || preference == PREFERENCE_RESERVED)
        return false;
    route->preference = preference_of(preference);
    route->prefix = read_addr(r, len);
    ipaddr_mask(&route->prefix, route->bits);
    return true;
}

static void write_route(struct writer *w, const struct nd_option *option)
{
    const struct nd_route *route = &option->route;
    struct ipaddr prefix = route->prefix;

    if (route->bits > 128) {
        w->bad = true;
        return;
    }
    ipaddr_mask(&prefix, route->bits);
    writer_u8(w, route->bits);
    writer_u8(w, preference_byte(route->preference));
    writer_u32(w, route->lifetime_s);
    writer_put(w, &prefix, route_bytes(route->bits));
}

/* Addresses that fill `len` bytes. An address is 16 bytes without alignment, so the message's own serve. */
static bool read_addrs(struct reader *r, size_t len, unsigned *ret_n, const struct ipaddr **ret)
{
    const uint8_t *bytes = reader_take(r, len);

    *ret_n = (unsigned)(len / sizeof(struct ipaddr));
    *ret = (const struct ipaddr *)bytes;
    return bytes && len % sizeof(struct ipaddr) == 0;
}

static bool read_rdnss(struct reader *r, struct nd_option *ret)
{
    reader_u16(r);
    ret->rdnss.lifetime_s = reader_u32(r);
    return read_addrs(r, reader_left(r), &ret->rdnss.n, &ret->rdnss.servers) && ret->rdnss.n > 0;
}

static void write_rdnss(struct writer *w, const struct nd_option *option)
{
    w->bad |= option->rdnss.n == 0;
    writer_u16(w, 0);
    writer_u32(w, option->rdnss.lifetime_s);
    writer_put(w, option->rdnss.servers, option->rdnss.n * sizeof(struct ipaddr));
}

/* The rest of r as a reader of its own. */
static struct reader rest_of(struct reader *r)
{
    size_t len = reader_left(r);

    return reader_of(reader_take(r, len), len);
}

static bool read_dnssl(struct reader *r, struct nd_option *ret)
{
    reader_u16(r);
    ret->dnssl.lifetime_s = reader_u32(r);
    ret->dnssl.names = rest_of(r);
    return are_names(ret->dnssl.names);
}

static void write_dnssl(struct writer *w, const struct nd_option *option)
{
    struct reader names = option->dnssl.names;
    size_t len = reader_left(&names);

    w->bad |= !are_names(names);
    writer_u16(w, 0);
    writer_u32(w, option->dnssl.lifetime_s);
    writer_put(w, reader_take(&names, len), len);
}

static bool read_portal(struct reader *r, struct nd_option *ret)
{
    size_t len = reader_left(r);

    ret->portal.bytes = reader_take(r, len);
    const uint8_t *end = memchr(ret->portal.bytes, 0, len);
    ret->portal.len = end ? (size_t)(end - ret->portal.bytes) : len;
    return ret->portal.len > 0;
}

static void write_portal(struct writer *w, const struct nd_option *option)
{
    const struct nd_bytes *uri = &option->portal;

    w->bad |= uri->len == 0 || uri->len > ND_PORTAL_MAX || memchr(uri->bytes, 0, uri->len);
    writer_put(w, uri->bytes, uri->len);
}

/* The lengths of a prefix for NAT64 by their codes (RFC 8781 s4.1). */
static const uint8_t pref64_bits[] = {96, 64, 56, 48, 40, 32};

enum { PREF64_CODE_MASK = 7, PREF64_PREFIX_BYTES = 12, PREF64_LIFETIME_MAX = 0xfff8 };

static bool read_pref64(struct reader *r, struct nd_option *ret)
{
    struct nd_pref64 *p = &ret->pref64;
    uint16_t scaled = reader_u16(r);
    unsigned code = scaled & PREF64_CODE_MASK;

    p->lifetime_s = scaled & (uint16_t)~PREF64_CODE_MASK; /* its 13 bits count units of 8 s */
    p->prefix = read_addr(r, PREF64_PREFIX_BYTES);
    if (code >= sizeof(pref64_bits) || reader_left(r) > 0)
        return false;
    p->bits = pref64_bits[code];
    ipaddr_mask(&p->prefix, p->bits);
    return true;
}

static void write_pref64(struct writer *w, const struct nd_option *option)
{
    const struct nd_pref64 *p = &option->pref64;
    struct ipaddr prefix = p->prefix;
    uint32_t lifetime_s = p->lifetime_s > PREF64_LIFETIME_MAX ? PREF64_LIFETIME_MAX : p->lifetime_s;
    unsigned code = 0;

    while (code < sizeof(pref64_bits) && pref64_bits[code] != p->bits)
        code++;
    if (code == sizeof(pref64_bits)) {
        w->bad = true;
        return;
    }
    ipaddr_mask(&prefix, p->bits);
    writer_u16(w, (uint16_t)(((lifetime_s + PREF64_CODE_MASK) & ~(uint32_t)PREF64_CODE_MASK) | code));
    writer_put(w, &prefix, PREF64_PREFIX_BYTES);
}

/* A whole name that takes exactly len bytes. */
static bool is_name(const uint8_t *bytes, size_t len)
{
    struct reader r = reader_of(bytes, len);
    uint8_t name[DNAME_MAX];

    return read_name(&r, name) == len && len > 1;
}

/* What follows the name may be missing: then it is padding, or nothing. */
static bool read_encrypted_dns(struct reader *r, struct nd_option *ret)
{
    struct nd_encrypted_dns *dns = &ret->encrypted_dns;

    dns->priority = reader_u16(r);
    dns->lifetime_s = reader_u32(r);
    uint16_t name_len = reader_u16(r);
    dns->name = reader_take(r, name_len);
    if (!dns->name || !is_name(dns->name, name_len))
        return false;
    uint16_t addrs_len = reader_left(r) >= 2 ? reader_u16(r) : 0;
    if (!read_addrs(r, addrs_len, &dns->n, &dns->addrs))
        return false;
    dns->params_len = reader_left(r) >= 2 ? reader_u16(r) : 0;
    dns->params = reader_take(r, dns->params_len);
    return dns->params != NULL;
}

static void write_encrypted_dns(struct writer *w, const struct nd_option *option)
{
    const struct nd_encrypted_dns *dns = &option->encrypted_dns;
    size_t name_len = dname_len(dns->name), addrs_len = dns->n * sizeof(struct ipaddr);

    if (name_len <= 1 || addrs_len > ND_OPTION_MAX || dns->params_len > ND_OPTION_MAX) {
        w->bad = true;
        return;
    }
    writer_u16(w, dns->priority);
    writer_u32(w, dns->lifetime_s);
    writer_u16(w, (uint16_t)name_len);
    writer_put(w, dns->name, name_len);
    if (dns->n == 0 && dns->params_len == 0)
        return;
    writer_u16(w, (uint16_t)addrs_len);
    writer_put(w, dns->addrs, addrs_len);
    writer_u16(w, (uint16_t)dns->params_len);
    writer_put(w, dns->params, dns->params_len);
}

/* read: false if the body, which is 6 bytes at least, is wrong. write: the body, without padding. */
static const struct row {
    uint8_t type;
    bool (*read)(struct reader *body, struct nd_option *ret);
    void (*write)(struct writer *w, const struct nd_option *option);
} rows[] = {
    {ND_SOURCE_MAC, read_mac, write_mac},
    {ND_TARGET_MAC, read_mac, write_mac},
    {ND_PREFIX, read_prefix, write_prefix},
    {ND_MTU, read_mtu, write_mtu},
    {ND_NONCE, read_nonce, write_nonce},
    {ND_ROUTE, read_route, write_route},
    {ND_RDNSS, read_rdnss, write_rdnss},
    {ND_DNSSL, read_dnssl, write_dnssl},
    {ND_CAPTIVE_PORTAL, read_portal, write_portal},
    {ND_PREF64, read_pref64, write_pref64},
    {ND_ENCRYPTED_DNS, read_encrypted_dns, write_encrypted_dns},
};

static const struct row *row_of(unsigned type)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].type == type)
            return &rows[i];
    }
    return NULL;
}

bool nd_next_body(struct reader *options, uint8_t *ret_type, struct reader *ret_body)
{
    if (reader_left(options) == 0)
        return false;
    uint8_t type = reader_u8(options);
    size_t len = (size_t)reader_u8(options) * UNIT;
    options->bad |= len == 0;
    const uint8_t *body = reader_take(options, len - OPTION_HEAD);
    if (!body)
        return false;
    *ret_type = type;
    *ret_body = reader_of(body, len - OPTION_HEAD);
    return true;
}

bool nd_next_option(struct reader *options, struct nd_option *ret)
{
    struct reader body;
    uint8_t type;

    while (nd_next_body(options, &type, &body)) {
        const struct row *row = row_of(type);
        struct nd_option option = {.type = type};
        if (row && row->read(&body, &option) && !body.bad) {
            *ret = option;
            return true;
        }
    }
    return false;
}

void nd_write_option(struct writer *w, const struct nd_option *option)
{
    const struct row *row = row_of(option->type);
    size_t begin = w->pos;
    uint8_t *head = writer_reserve(w, OPTION_HEAD);

    if (!row)
        w->bad = true;
    if (w->bad)
        return;
    row->write(w, option);
    size_t padding = (UNIT - (w->pos - begin) % UNIT) % UNIT;
    uint8_t *at = writer_reserve(w, padding);
    if (w->pos - begin > ND_OPTION_MAX)
        w->bad = true;
    if (!at || w->bad)
        return;
    memset(at, 0, padding);
    head[0] = (uint8_t)option->type;
    head[1] = (uint8_t)((w->pos - begin) / UNIT);
}
