/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options of DHCPv4: one table of those that are known, and their values read and written by shape.
 *
 * The table is ordered by code; a new option is a row. Names are those that configurations of DHCP servers
 * use. A value of the wrong shape is as if it were not there, so whoever asks for a number or an address gets
 * one.
 *
 * Domain names of a search list point at labels that stand before them in the same option (RFC 3397 s2),
 * which is what dname_read wants when the option is its message. Written, a name ends in a pointer to the
 * longest end that it has in common with one before.
 */
#include "wire/dhcp4.h"

#include <errno.h>
#include <strings.h>

#define ROW(code, name, shape)                                                                               \
    {                                                                                                        \
        code, name, DHCP4_IS_##shape, 0                                                                      \
    }
#define BYTES_ROW(code, name, at_least)                                                                      \
    {                                                                                                        \
        code, name, DHCP4_IS_BYTES, at_least                                                                 \
    }

static const struct dhcp4_option_kind kinds[] = {
    ROW(1, "subnet-mask", ADDR),
    ROW(2, "time-offset", U32),
    ROW(3, "routers", ADDRS),
    ROW(4, "time-servers", ADDRS),
    ROW(5, "ien116-name-servers", ADDRS),
    ROW(6, "domain-name-servers", ADDRS),
    ROW(7, "log-servers", ADDRS),
    ROW(8, "cookie-servers", ADDRS),
    ROW(9, "lpr-servers", ADDRS),
    ROW(10, "impress-servers", ADDRS),
    ROW(11, "resource-location-servers", ADDRS),
    ROW(12, "host-name", TEXT),
    ROW(13, "boot-size", U16),
    ROW(14, "merit-dump", TEXT),
    ROW(15, "domain-name", TEXT),
    ROW(16, "swap-server", ADDR),
    ROW(17, "root-path", TEXT),
    ROW(18, "extensions-path", TEXT),
    ROW(19, "ip-forwarding", FLAG),
    ROW(20, "non-local-source-routing", FLAG),
    ROW(21, "policy-filter", PAIRS),
    ROW(22, "max-dgram-reassembly", U16),
    ROW(23, "default-ip-ttl", U8),
    ROW(24, "path-mtu-aging-timeout", U32),
    ROW(25, "path-mtu-plateau-table", U16S),
    ROW(26, "interface-mtu", U16),
    ROW(27, "all-subnets-local", FLAG),
    ROW(28, "broadcast-address", ADDR),
    ROW(29, "perform-mask-discovery", FLAG),
    ROW(30, "mask-supplier", FLAG),
    ROW(31, "router-discovery", FLAG),
    ROW(32, "router-solicitation-address", ADDR),
    ROW(33, "static-routes", PAIRS),
    ROW(34, "trailer-encapsulation", FLAG),
    ROW(35, "arp-cache-timeout", U32),
    ROW(36, "ieee802-3-encapsulation", FLAG),
    ROW(37, "default-tcp-ttl", U8),
    ROW(38, "tcp-keepalive-interval", U32),
    ROW(39, "tcp-keepalive-garbage", FLAG),
    ROW(40, "nis-domain", TEXT),
    ROW(41, "nis-servers", ADDRS),
    ROW(42, "ntp-servers", ADDRS),
    BYTES_ROW(43, "vendor-encapsulated-options", 1),
    ROW(44, "netbios-name-servers", ADDRS),
    ROW(45, "netbios-dd-server", ADDRS),
    ROW(46, "netbios-node-type", U8),
    ROW(47, "netbios-scope", TEXT),
    ROW(48, "font-servers", ADDRS),
    ROW(49, "x-display-manager", ADDRS),
    ROW(50, "dhcp-requested-address", ADDR),
    ROW(51, "dhcp-lease-time", U32),
    ROW(52, "dhcp-option-overload", U8),
    ROW(53, "dhcp-message-type", U8),
    ROW(54, "dhcp-server-identifier", ADDR),
    BYTES_ROW(55, "dhcp-parameter-request-list", 1),
    ROW(56, "dhcp-message", TEXT),
    ROW(57, "dhcp-max-message-size", U16),
    ROW(58, "dhcp-renewal-time", U32),
    ROW(59, "dhcp-rebinding-time", U32),
    BYTES_ROW(60, "vendor-class-identifier", 1),
    BYTES_ROW(61, "dhcp-client-identifier", 2),
    ROW(62, "nwip-domain", TEXT),
    BYTES_ROW(63, "nwip-suboptions", 1),
    ROW(64, "nisplus-domain", TEXT),
    ROW(65, "nisplus-servers", ADDRS),
    ROW(66, "tftp-server-name", TEXT),
    ROW(67, "bootfile-name", TEXT),
    BYTES_ROW(68, "mobile-ip-home-agent", 0),
    ROW(69, "smtp-server", ADDRS),
    ROW(70, "pop-server", ADDRS),
    ROW(71, "nntp-server", ADDRS),
    ROW(72, "www-server", ADDRS),
    ROW(73, "finger-server", ADDRS),
    ROW(74, "irc-server", ADDRS),
    ROW(75, "streettalk-server", ADDRS),
    ROW(76, "streettalk-directory-assistance-server", ADDRS),
    BYTES_ROW(77, "user-class", 1),
    ROW(80, "rapid-commit", EMPTY),
    ROW(81, "fqdn", FQDN),
    ROW(82, "relay-agent-information", SUBOPTIONS),
    BYTES_ROW(90, "authentication", 11),
    ROW(91, "client-last-transaction-time", U32),
    ROW(92, "associated-ip", ADDRS),
    ROW(93, "client-arch", U16S),
    BYTES_ROW(94, "client-interface-id", 3),
    BYTES_ROW(97, "client-machine-id", 1),
    ROW(100, "tz-posix", TEXT),
    ROW(101, "tz-name", TEXT),
    ROW(108, "ipv6-only-preferred", U32),
    ROW(114, "captive-portal", TEXT),
    ROW(116, "auto-configure", FLAG),
    BYTES_ROW(117, "name-service-search", 2),
    ROW(118, "subnet-selection", ADDR),
    ROW(119, "domain-search", NAMES),
    BYTES_ROW(120, "sip-servers", 2),
    ROW(121, "classless-static-routes", ROUTES),
    BYTES_ROW(124, "vendor-class", 5),
    BYTES_ROW(125, "vendor-options", 5),
    ROW(138, "capwap-ac", ADDRS),
    ROW(150, "tftp-servers", ADDRS),
    BYTES_ROW(162, "dnr", 5),
};

const struct dhcp4_option_kind *dhcp4_kind_of(uint8_t code)
{
    size_t low = 0, high = ARRAY_LEN(kinds);

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (kinds[middle].code == code)
            return &kinds[middle];
        if (kinds[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct dhcp4_option_kind *dhcp4_kind_named(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcasecmp(kinds[i].name, name) == 0)
            return &kinds[i];
    }
    return NULL;
}

/* ---- shapes ---- */

static bool is_multiple(size_t len, size_t unit)
{
    return len > 0 && len % unit == 0;
}

static struct dhcp4_route read_route(struct reader *r)
{
    uint8_t dest[4] = {0}, bits = reader_u8(r);

    r->bad |= bits > 32;
    const uint8_t *p = reader_take(r, (bits + 7u) / 8);
    if (p)
        memcpy(dest, p, (bits + 7u) / 8);
    uint32_t gateway = reader_u32(r);
    return (struct dhcp4_route){
        .dest = r->bad ? 0 : get_be32(dest) & dhcp4_mask_of(bits), .bits = bits, .gateway = gateway};
}

static bool are_routes(const uint8_t *bytes, size_t len)
{
    struct reader r = reader_of(bytes, len);

    while (reader_left(&r) > 0)
        (void)read_route(&r);
    return !r.bad && len > 0;
}

static bool are_names(const uint8_t *bytes, size_t len)
{
    struct reader r = reader_of(bytes, len);
    uint8_t name[DNAME_MAX];

    while (reader_left(&r) > 0)
        (void)dname_read(&r, name);
    return !r.bad && len > 0;
}

static bool are_suboptions(const uint8_t *bytes, size_t len)
{
    struct reader r = reader_of(bytes, len);

    while (reader_left(&r) > 0) {
        (void)reader_u8(&r);
        reader_take(&r, reader_u8(&r));
    }
    return !r.bad && len > 0;
}

static bool read_fqdn(const uint8_t *bytes, size_t len, struct dhcp4_fqdn *ret);

bool dhcp4_fits(uint8_t code, const uint8_t *bytes, size_t len)
{
    const struct dhcp4_option_kind *kind = dhcp4_kind_of(code);
    struct dhcp4_fqdn fqdn;

    if (!kind)
        return true;
    switch (kind->shape) {
    case DHCP4_IS_BYTES:
        return len >= kind->min;
    case DHCP4_IS_EMPTY:
        return len == 0;
    case DHCP4_IS_FLAG:
        return len == 1 && bytes[0] <= 1;
    case DHCP4_IS_U8:
        return len == 1;
    case DHCP4_IS_U16:
        return len == 2;
    case DHCP4_IS_U32:
    case DHCP4_IS_ADDR:
        return len == 4;
    case DHCP4_IS_U16S:
        return is_multiple(len, 2);
    case DHCP4_IS_ADDRS:
        return is_multiple(len, 4);
    case DHCP4_IS_PAIRS:
        return is_multiple(len, 8);
    case DHCP4_IS_TEXT:
        return len >= 1;
    case DHCP4_IS_NAMES:
        return are_names(bytes, len);
    case DHCP4_IS_ROUTES:
        return are_routes(bytes, len);
    case DHCP4_IS_FQDN:
        return read_fqdn(bytes, len, &fqdn);
    case DHCP4_IS_SUBOPTIONS:
        return are_suboptions(bytes, len);
    }
    return false;
}

/* ---- numbers and addresses ---- */

/* The value of an option if it has that many bytes. */
static const uint8_t *exactly(const struct dhcp4_message *m, uint8_t code, size_t n)
{
    size_t len;
    const uint8_t *value = dhcp4_option(m, code, &len);

    return value && len == n ? value : NULL;
}

bool dhcp4_u8(const struct dhcp4_message *m, uint8_t code, uint8_t *ret)
{
    const uint8_t *value = exactly(m, code, 1);

    if (value)
        *ret = value[0];
    return value != NULL;
}

bool dhcp4_u16(const struct dhcp4_message *m, uint8_t code, uint16_t *ret)
{
    const uint8_t *value = exactly(m, code, 2);

    if (value)
        *ret = get_be16(value);
    return value != NULL;
}

bool dhcp4_u32(const struct dhcp4_message *m, uint8_t code, uint32_t *ret)
{
    const uint8_t *value = exactly(m, code, 4);

    if (value)
        *ret = get_be32(value);
    return value != NULL;
}

/* The value of an option as a reader, empty if there is none. */
static struct reader reader_of_option(const struct dhcp4_message *m, uint8_t code)
{
    size_t len = 0;
    const uint8_t *value = dhcp4_option(m, code, &len);

    return reader_of(value, len);
}

size_t dhcp4_addrs(const struct dhcp4_message *m, uint8_t code, uint32_t *ret, size_t max)
{
    struct reader r = reader_of_option(m, code);
    size_t n = 0;

    while (reader_left(&r) >= 4 && n < max)
        ret[n++] = reader_u32(&r);
    return n;
}

void dhcp4_put_u8(struct dhcp4_writer *dw, uint8_t code, uint8_t v)
{
    dhcp4_put(dw, code, &v, 1);
}

void dhcp4_put_u16(struct dhcp4_writer *dw, uint8_t code, uint16_t v)
{
    uint8_t bytes[2];

    put_be16(bytes, v);
    dhcp4_put(dw, code, bytes, sizeof(bytes));
}

void dhcp4_put_u32(struct dhcp4_writer *dw, uint8_t code, uint32_t v)
{
    uint8_t bytes[4];

    put_be32(bytes, v);
    dhcp4_put(dw, code, bytes, sizeof(bytes));
}

void dhcp4_put_addrs(struct dhcp4_writer *dw, uint8_t code, const uint32_t *addrs, size_t n)
{
    uint8_t bytes[DHCP4_MESSAGE_MAX];
    struct writer w = writer_of(bytes, sizeof(bytes));

    for (size_t i = 0; i < n; i++)
        writer_u32(&w, addrs[i]);
    if (w.bad)
        dw->field.bad = true;
    else
        dhcp4_put(dw, code, bytes, w.pos);
}

/* ---- routes ---- */

size_t dhcp4_classless_routes(const struct dhcp4_message *m, struct dhcp4_route *ret, size_t max)
{
    struct reader r = reader_of_option(m, DHCP4_CLASSLESS_ROUTES);
    size_t n = 0;

    while (reader_left(&r) > 0 && n < max)
        ret[n++] = read_route(&r);
    return n;
}

size_t dhcp4_static_routes(const struct dhcp4_message *m, struct dhcp4_route *ret, size_t max)
{
    struct reader r = reader_of_option(m, DHCP4_STATIC_ROUTES);
    size_t n = 0;

    while (reader_left(&r) >= 8 && n < max) {
        uint32_t dest = reader_u32(&r), gateway = reader_u32(&r);
        unsigned bits = dhcp4_class_bits(dest);
        if ((dest & ~dhcp4_mask_of(bits)) != 0)
            bits = 32;
        if (dest != 0) /* the default route is not said so (RFC 2132 s5.8) */
            ret[n++] = (struct dhcp4_route){.dest = dest, .bits = bits, .gateway = gateway};
    }
    return n;
}

void dhcp4_write_routes(struct writer *w, const struct dhcp4_route *routes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t dest[4];
        put_be32(dest, routes[i].dest & dhcp4_mask_of(routes[i].bits));
        writer_u8(w, (uint8_t)routes[i].bits);
        writer_put(w, dest, (routes[i].bits + 7) / 8);
        writer_u32(w, routes[i].gateway);
    }
}

int dhcp4_mask_bits(uint32_t mask)
{
    unsigned bits = 0;

    while (bits < 32 && (mask & UINT32_C(0x80000000) >> bits) != 0)
        bits++;
    return mask == dhcp4_mask_of(bits) ? (int)bits : -EINVAL;
}

uint32_t dhcp4_mask_of(unsigned bits)
{
    return bits == 0 ? 0 : UINT32_MAX << (32 - bits);
}

unsigned dhcp4_class_bits(uint32_t addr)
{
    if (addr < UINT32_C(0x80000000))
        return 8;
    if (addr < UINT32_C(0xc0000000))
        return 16;
    return addr < UINT32_C(0xe0000000) ? 24 : 32;
}

/* ---- names ---- */

size_t dhcp4_domains(const struct dhcp4_message *m, uint8_t (*ret)[DNAME_MAX], size_t max)
{
    struct reader r = reader_of_option(m, DHCP4_DOMAIN_SEARCH);
    size_t n = 0;

    while (reader_left(&r) > 0 && n < max) {
        if (dname_read(&r, ret[n]) > 0)
            n++;
    }
    return n;
}

/* Where in the bytes from `begin` on a name stands that is equal to `suffix`; false: nowhere that a pointer reaches.
 * Each label of what is there begins a name. */
static bool find_name(const struct writer *w, size_t begin, const uint8_t *suffix, uint16_t *ret)
{
    enum { POINTER_MAX = 0x3fff, POINTER = 0xc0 };
    uint8_t name[DNAME_MAX];
    size_t suffix_len = dname_len(suffix);
    struct reader r = reader_of(w->base + begin, w->pos - begin);

    while (reader_left(&r) > 0 && r.pos <= POINTER_MAX) {
        struct reader at = r;
        size_t len = dname_read(&at, name);
        if (len > 0 && dname_equal(name, len, suffix, suffix_len)) {
            *ret = (uint16_t)r.pos;
            return true;
        }
        uint8_t length = reader_u8(&r);
        reader_take(&r, length >= POINTER ? 1 : length);
    }
    return false;
}

void dhcp4_write_domains(struct writer *w, const uint8_t (*names)[DNAME_MAX], size_t n)
{
    size_t begin = w->pos;

    for (size_t i = 0; i < n && !w->bad; i++) {
        const uint8_t *label = names[i];
        size_t names_end = w->pos; /* whole names alone are looked at */
        uint16_t at = 0;
        bool found = false;
        while (*label != 0 && !found) {
            struct writer before = *w;
            before.pos = names_end;
            found = find_name(&before, begin, label, &at);
            if (!found) {
                writer_put(w, label, 1u + *label);
                label += 1u + *label;
            }
        }
        if (found)
            writer_u16(w, (uint16_t)(0xc000 | at));
        else
            writer_u8(w, 0);
    }
}

enum { FQDN_S = 1, FQDN_O = 2, FQDN_E = 4, FQDN_N = 8 };

/* The name of an FQDN in wire form, perhaps without its end. */
static bool read_wire_name(const uint8_t *bytes, size_t len, struct dhcp4_fqdn *ret)
{
    size_t at = 0;

    while (at < len && bytes[at] != 0) {
        if (bytes[at] > DNAME_LABEL_MAX || at + 1 + bytes[at] > len)
            return false;
        at += 1u + bytes[at];
    }
    if (at + (at == len ? 0 : 1) != len || at + 1 > DNAME_MAX) /* nothing behind the root */
        return false;
    ret->complete = at < len;
    if (at > 0)
        memcpy(ret->name, bytes, at);
    ret->name[at] = 0;
    return true;
}

/* In ASCII (RFC 4702 s2.3.1, deprecated): a final dot ends a whole name. Servers are seen that end it by a NUL. */
static bool read_ascii_name(const uint8_t *bytes, size_t len, struct dhcp4_fqdn *ret)
{
    while (len > 0 && bytes[len - 1] == '\0')
        len--;
    ret->complete = len > 0 && bytes[len - 1] == '.';
    ret->name[0] = 0;
    return len == 0 || dname_from_text((const char *)bytes, len, ret->name) > 0;
}

static bool read_fqdn(const uint8_t *bytes, size_t len, struct dhcp4_fqdn *ret)
{
    struct reader r = reader_of(bytes, len);
    uint8_t flags = reader_u8(&r);
    struct dhcp4_fqdn fqdn = {
        .server_updates = flags & FQDN_S,
        .overridden = flags & FQDN_O,
        .wire = flags & FQDN_E,
        .no_updates = flags & FQDN_N,
    };

    fqdn.rcode1 = reader_u8(&r);
    fqdn.rcode2 = reader_u8(&r);
    if (r.bad)
        return false;
    size_t name_len = reader_left(&r);
    const uint8_t *name = reader_take(&r, name_len);
    if (!(fqdn.wire ? read_wire_name(name, name_len, &fqdn) : read_ascii_name(name, name_len, &fqdn)))
        return false;
    *ret = fqdn;
    return true;
}

bool dhcp4_fqdn(const struct dhcp4_message *m, struct dhcp4_fqdn *ret)
{
    size_t len;
    const uint8_t *value = dhcp4_option(m, DHCP4_FQDN, &len);

    return value && read_fqdn(value, len, ret);
}

void dhcp4_write_fqdn(struct writer *w, const struct dhcp4_fqdn *fqdn)
{
    char text[DNAME_TEXT_MAX];
    size_t len = dname_len(fqdn->name);

    writer_u8(w, (uint8_t)((fqdn->server_updates ? FQDN_S : 0) | (fqdn->overridden ? FQDN_O : 0) |
                           (fqdn->wire ? FQDN_E : 0) | (fqdn->no_updates ? FQDN_N : 0)));
    writer_u8(w, fqdn->rcode1);
    writer_u8(w, fqdn->rcode2);
    if (fqdn->wire) {
        writer_put(w, fqdn->name, fqdn->complete ? len : len - 1);
        return;
    }
    if (len > 1) {
        dname_to_text(fqdn->name, text);
        writer_put(w, text, strlen(text));
    }
    if (fqdn->complete)
        writer_u8(w, '.');
}

/* ---- suboptions ---- */

const uint8_t *dhcp4_suboption(const uint8_t *bytes, size_t len, uint8_t code, size_t *ret_len)
{
    struct reader r = reader_of(bytes, len);

    while (reader_left(&r) > 0) {
        uint8_t found = reader_u8(&r);
        size_t value_len = reader_u8(&r);
        const uint8_t *value = reader_take(&r, value_len);
        if (value && found == code) {
            *ret_len = value_len;
            return value;
        }
    }
    return NULL;
}
