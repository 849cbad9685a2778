/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DHCPv4 messages: those of another implementation read and written again, every truncation of them; long
 * options and overloaded fields; each shape of option, good and bad; examples of the RFCs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "wire/dhcp4_roundtrip.h"
#include "wire/vector.h"

enum { OPTIONS_AT = 240, SNAME_AT = 44, FILE_AT = 108, HEADER = OPTIONS_AT };

static const uint8_t mac[6] = {2, 0, 0, 0, 10, 1};

/* ---- vectors ---- */

static void load(const char *name, struct vector *ret)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/tests/vectors/dhcp4/%s.hex", SOURCE_DIR, name);
    vector_load(path, ret);
}

static void read_vector(const char *name, struct dhcp4_message *ret)
{
    struct vector v;

    load(name, &v);
    assert_int_equal(dhcp4_read(v.bytes, v.len, ret), 0);
}

static void assert_name(const uint8_t *name, const char *text)
{
    char buffer[DNAME_TEXT_MAX];

    assert_string_equal(dname_to_text(name, buffer), text);
}

static void a_discover_is_read(void **state)
{
    struct dhcp4_message m;
    uint32_t addr;
    uint16_t size;
    size_t len;

    (void)state;
    read_vector("discover", &m);
    assert_int_equal(m.type, DHCP4_DISCOVER);
    assert_int_equal(m.header.op, DHCP4_BOOTREQUEST);
    assert_int_equal(m.header.xid, 0x3903f326);
    assert_int_equal(m.header.secs, 3);
    assert_true(m.header.broadcast);
    assert_int_equal(m.header.hlen, 6);
    assert_memory_equal(m.header.chaddr, mac, sizeof(mac));
    assert_true(dhcp4_u32(&m, DHCP4_REQUESTED_ADDRESS, &addr));
    assert_int_equal(addr, 0xc0a8014d);
    assert_true(dhcp4_u16(&m, DHCP4_MAX_SIZE, &size));
    assert_int_equal(size, 1500);
    const uint8_t *list = dhcp4_option(&m, DHCP4_PARAMETER_LIST, &len);
    assert_int_equal(len, 6);
    assert_memory_equal(list, "\1\171\3\6\17\167", 6);

    const uint8_t *id =
        dhcp4_option(&m, DHCP4_CLIENT_ID, &len); /* RFC 4361: IAID 1, DUID of the MAC address */
    assert_int_equal(len, 15);
    assert_memory_equal(id, "\377\0\0\0\1\0\3\0\1\2\0\0\0\12\1", len);
    assert_false(dhcp4_has(&m, DHCP4_SERVER_ID));
}

static void an_ack_is_read(void **state)
{
    struct dhcp4_message m;
    struct dhcp4_route routes[4];
    struct dhcp4_fqdn fqdn;
    uint8_t names[4][DNAME_MAX];
    uint32_t v, addrs[4];
    size_t len;

    (void)state;
    read_vector("ack", &m);
    assert_int_equal(m.type, DHCP4_ACK);
    assert_int_equal(m.header.yiaddr, 0xc0a8014d);
    assert_int_equal(m.header.siaddr, 0xc0a80101);
    assert_int_equal(m.header.giaddr, 0xc0a80102);
    assert_string_equal((const char *)m.header.sname, "boot.example");
    assert_string_equal((const char *)m.header.file, "pxelinux.0");
    assert_true(dhcp4_u32(&m, DHCP4_LEASE_TIME, &v));
    assert_int_equal(v, 86400);
    assert_int_equal(dhcp4_addrs(&m, DHCP4_ROUTERS, addrs, 4), 2);
    assert_int_equal(addrs[1], 0xc0a801fe);
    assert_int_equal(dhcp4_addrs(&m, DHCP4_ROUTERS, addrs, 1), 1);
    assert_int_equal(dhcp4_classless_routes(&m, routes, 4), 2);
    assert_int_equal(routes[0].dest, 0x0a010200);
    assert_int_equal(routes[0].bits, 24);
    assert_int_equal(routes[0].gateway, 0xc0a801fe);
    assert_int_equal(routes[1].bits, 0);
    assert_int_equal(routes[1].gateway, 0xc0a80101);
    assert_int_equal(dhcp4_domains(&m, names, 4), 2); /* the example of RFC 3397 s2 */
    assert_name(names[0], "eng.apple.com");
    assert_name(names[1], "marketing.apple.com");
    assert_true(dhcp4_fqdn(&m, &fqdn));
    assert_true(fqdn.server_updates && fqdn.wire && fqdn.complete && !fqdn.overridden && !fqdn.no_updates);
    assert_int_equal(fqdn.rcode1, 255);
    assert_name(fqdn.name, "node.example.org");
    const uint8_t *relay = dhcp4_option(&m, DHCP4_RELAY_INFORMATION, &len);
    assert_non_null(relay);
    const uint8_t *remote = dhcp4_suboption(relay, len, 2, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(remote, "abc", 3);
    assert_null(dhcp4_suboption(relay, 3, 2, &len));
}

/* In memory of exactly its size: no byte outside is read. Cut within an option, it is no message. */
static void truncations_are_survived(void **state)
{
    static const char *const names[] = {"discover", "ack", "nak"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct vector v;
        load(names[i], &v);
        assert_int_equal(dhcp4_roundtrip(v.bytes, v.len), DHCP4_SAME);
        for (size_t len = 0; len < v.len; len++) {
            struct dhcp4_message m;
            uint8_t *copy = exact_copy(v.bytes, len);
            int result = dhcp4_read(copy, len, &m);
            assert_true(len >= HEADER || result == -EBADMSG);
            if (result == 0)
                assert_true(dhcp4_values_survive(&m) && dhcp4_roundtrip(copy, len) == DHCP4_SAME);
            free(copy);
        }
    }
}

/* Each byte changed to each of a few values: read or refused, and what is read survives. */
static void changed_bytes_are_survived(void **state)
{
    static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xc0, 0xff};
    struct vector v;

    (void)state;
    load("ack", &v);
    for (size_t at = 0; at < v.len; at++) {
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
            struct dhcp4_message m;
            uint8_t *copy = exact_copy(v.bytes, v.len);
            copy[at] = values[i];
            if (dhcp4_read(copy, v.len, &m) == 0)
                assert_true(dhcp4_values_survive(&m) && dhcp4_roundtrip(copy, v.len) == DHCP4_SAME);
            free(copy);
        }
    }
}

/* ---- the frame of a message ---- */

/* A message with these bytes as its options; in `sname` and `file` if they are not NULL. */
static int read_options(const char *options, size_t len, const char *sname, const char *file,
                        struct dhcp4_message *ret)
{
    static const uint8_t cookie[4] = {99, 130, 83, 99};
    uint8_t bytes[DHCP4_MESSAGE_MAX + 1] = {DHCP4_BOOTREPLY, 1, 6};

    memcpy(bytes + HEADER - 4, cookie, sizeof(cookie));
    memcpy(bytes + HEADER, options, len);
    if (sname)
        memcpy(bytes + SNAME_AT, sname, strlen(sname));
    if (file)
        memcpy(bytes + FILE_AT, file, strlen(file));
    uint8_t *copy = exact_copy(bytes, HEADER + len);
    int result = dhcp4_read(copy, HEADER + len, ret);
    free(copy);
    return result;
}

#define READ_OPTIONS(options, ret) read_options(options, sizeof(options) - 1, NULL, NULL, ret)

static void what_is_no_message_is_refused(void **state)
{
    static const struct {
        size_t at;
        uint8_t byte;
    } changes[] = {{0, 0}, {0, 3}, {2, 17}, {HEADER - 1, 98}, {HEADER - 4, 0}};
    struct dhcp4_message m;
    uint8_t large[DHCP4_MESSAGE_MAX + 1] = {0};
    struct vector v;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        load("ack", &v);
        v.bytes[changes[i].at] = changes[i].byte;
        assert_int_equal(dhcp4_read(v.bytes, v.len, &m), -EBADMSG);
    }
    load("ack", &v);
    memcpy(large, v.bytes, v.len);
    assert_int_equal(dhcp4_read(large, sizeof(large) - 1, &m), 0);
    assert_int_equal(dhcp4_read(large, sizeof(large), &m), -EMSGSIZE);
    assert_int_equal(READ_OPTIONS("\65\1", &m), -EBADMSG);
    assert_int_equal(READ_OPTIONS("\65", &m), -EBADMSG);
    assert_int_equal(READ_OPTIONS("\65\1\2", &m), 0); /* the end is missing, and that is forgiven */
    assert_int_equal(m.type, DHCP4_OFFER);
    assert_int_equal(READ_OPTIONS("", &m), 0);
    assert_int_equal(m.type, DHCP4_NO_TYPE);
    assert_int_equal(READ_OPTIONS("\0\0\65\1\2\377\66\4", &m), 0); /* nothing counts behind the end */
    assert_false(dhcp4_has(&m, DHCP4_SERVER_ID));
}

static void pieces_are_put_together(void **state)
{
    struct dhcp4_message m;
    size_t len;

    (void)state;
    /* 250: "ab", 251: "x", 250: "", 250: "cd" */
    assert_int_equal(READ_OPTIONS("\372\2ab\373\1x\372\0\372\2cd\377", &m), 0);
    const uint8_t *value = dhcp4_option(&m, 250, &len);
    assert_int_equal(len, 4);
    assert_memory_equal(value, "abcd", 4);
    value = dhcp4_option(&m, 251, &len);
    assert_int_equal(len, 1);
    assert_memory_equal(value, "x", 1);
    /* a number that stands twice is none */
    assert_int_equal(READ_OPTIONS("\63\4\0\0\0\1\63\4\0\0\0\2\377", &m), 0);
    assert_null(dhcp4_option(&m, DHCP4_LEASE_TIME, &len));
}

static void overloaded_fields_are_read(void **state)
{
    struct dhcp4_message m;
    size_t len;
    uint8_t v;

    (void)state;
    /* the order is options, file, sname (RFC 3396 s5); OVERLOAD may come last */
    assert_int_equal(read_options("\372\1a\64\1\3\377", 7, "\372\1c\377", "\372\1b\65\1\5\377", &m), 0);
    const uint8_t *value = dhcp4_option(&m, 250, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(value, "abc", 3);
    assert_int_equal(m.type, DHCP4_ACK);
    assert_int_equal(m.header.file[0], 0);
    assert_int_equal(m.header.sname[0], 0);
    assert_true(dhcp4_u8(&m, DHCP4_OVERLOAD, &v));
    assert_int_equal(v, 3);
    /* one of them alone */
    assert_int_equal(read_options("\372\1a\64\1\1\377", 7, "name", "\372\1b\377", &m), 0);
    assert_string_equal((const char *)m.header.sname, "name");
    assert_non_null(dhcp4_option(&m, 250, &len));
    assert_int_equal(len, 2);
    assert_int_equal(read_options("\372\1a\64\1\2\377", 7, "\372\1c", "name", &m), 0);
    assert_string_equal((const char *)m.header.file, "name");
    /* an option that goes on in the next field does not */
    assert_int_equal(read_options("\64\1\2\377", 4, "\372\77", NULL, &m), -EBADMSG);
    assert_int_equal(READ_OPTIONS("\64\1\4\377", &m), -EBADMSG);
    assert_int_equal(READ_OPTIONS("\64\1\0\377", &m), -EBADMSG);
    assert_int_equal(READ_OPTIONS("\64\2\1\1\377", &m), -EBADMSG);
    assert_int_equal(READ_OPTIONS("\64\1\1\64\1\1\377", &m), -EBADMSG);
}

/* ---- writing ---- */

static const struct dhcp4_header reply_header = {.op = DHCP4_BOOTREPLY, .htype = 1, .hlen = 6, .xid = 7};

static void a_small_message_has_300_bytes(void **state)
{
    uint8_t bytes[512];
    struct dhcp4_writer dw;

    (void)state;
    memset(bytes, 0xaa, sizeof(bytes));
    dhcp4_begin(&dw, bytes, sizeof(bytes), &reply_header, NULL);
    dhcp4_put_u8(&dw, DHCP4_MESSAGE_TYPE, DHCP4_ACK);
    assert_int_equal(dhcp4_end(&dw), DHCP4_MESSAGE_MIN);
    assert_memory_equal(bytes + HEADER, "\65\1\5\377\0\0", 6);
    assert_int_equal(bytes[DHCP4_MESSAGE_MIN - 1], 0);
    assert_int_equal(bytes[DHCP4_MESSAGE_MIN], 0xaa);
    dhcp4_begin(&dw, bytes, DHCP4_MESSAGE_MIN - 1, &reply_header, NULL);
    assert_int_equal(dhcp4_end(&dw), -EMSGSIZE);
    dhcp4_begin(&dw, bytes, 0, &reply_header, NULL);
    dhcp4_put_u8(&dw, DHCP4_MESSAGE_TYPE, DHCP4_ACK);
    assert_int_equal(dhcp4_end(&dw), -EMSGSIZE);
}

/* Writes n bytes of option 250 and 20 of 251 into a message of `size` bytes at the most. Whatever fits reads as it
 * was written, and no byte is written outside. */
static int write_long(size_t n, size_t size, const struct dhcp4_layout *layout, struct dhcp4_message *ret)
{
    uint8_t value[DHCP4_MESSAGE_MAX], *bytes = malloc(size);
    struct dhcp4_writer dw;
    size_t len;

    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        value[i] = (uint8_t)(i * 7);
    dhcp4_begin(&dw, bytes, size, &reply_header, layout);
    dhcp4_put(&dw, 250, value, n);
    dhcp4_put(&dw, 251, value, 20);
    int result = dhcp4_end(&dw);
    if (result >= 0) {
        assert_int_equal(dhcp4_read(bytes, (size_t)result, ret), 0);
        const uint8_t *back = dhcp4_option(ret, 250, &len);
        assert_non_null(back);
        assert_int_equal(len, n);
        assert_memory_equal(back, value, n);
        assert_non_null(dhcp4_option(ret, 251, &len));
        assert_int_equal(len, 20);
        if (layout && layout->relay) {
            back = dhcp4_option(ret, DHCP4_RELAY_INFORMATION, &len);
            assert_int_equal(len, layout->relay_len);
            assert_memory_equal(back, layout->relay, len);
            if (result > DHCP4_MESSAGE_MIN) /* nothing but the end behind it */
                assert_memory_equal(bytes + result - 1 - len, layout->relay, len);
        }
    }
    free(bytes);
    return result;
}

static void long_options_fill_all_fields(void **state)
{
    static const struct dhcp4_layout plain = {0}, overloaded = {.overload = true},
                                     relayed = {.overload = true,
                                                .relay = (const uint8_t *)"\1\3abc",
                                                .relay_len = 5};
    struct dhcp4_message m;
    int most_plain = 0, most_overloaded = 0;

    (void)state;
    for (int n = 0; n <= 1100; n++) {
        if (write_long((size_t)n, 800, &plain, &m) >= 0)
            most_plain = n;
        if (write_long((size_t)n, 800, &overloaded, &m) >= 0)
            most_overloaded = n;
        (void)write_long((size_t)n, 800, &relayed, &m);
    }
    assert_int_equal(most_plain,
                     800 - HEADER - 1 - 22 - 3 * 2); /* end, the other option, three pieces' heads */
    assert_true(most_overloaded > most_plain + 10);  /* the other option went to another field */
    assert_int_equal(write_long(200, 300, &plain, &m), -EMSGSIZE);
    /* room for no option at all in the first field */
    assert_true(write_long(0, 300, &relayed, &m) > 0);
    assert_int_equal(write_long(1400, DHCP4_MESSAGE_MAX, &overloaded, &m), -EMSGSIZE);
}

static void taken_fields_hold_no_options(void **state)
{
    struct dhcp4_header header = reply_header;
    struct dhcp4_layout layout = {.overload = true};
    struct dhcp4_writer dw;
    struct dhcp4_message m;
    uint8_t bytes[300], value[40] = {0};

    (void)state;
    header.file[0] = 'x';
    dhcp4_begin(&dw, bytes, sizeof(bytes), &header, &layout);
    dhcp4_put(&dw, 250, value, sizeof(value));
    dhcp4_put(&dw, 251, value, sizeof(value));
    int len = dhcp4_end(&dw);
    assert_int_equal(len, 300);
    assert_int_equal(dhcp4_read(bytes, (size_t)len, &m), 0);
    assert_int_equal(m.header.file[0], 'x');
    assert_true(m.at[251] != 0);
    header.sname[0] = 'y';
    dhcp4_begin(&dw, bytes, sizeof(bytes), &header, &layout);
    dhcp4_put(&dw, 250, value, sizeof(value));
    dhcp4_put(&dw, 251, value, sizeof(value));
    assert_int_equal(dhcp4_end(&dw), -EMSGSIZE);
}

/* ---- options ---- */

static void the_table_is_in_order(void **state)
{
    unsigned n = 0;

    (void)state;
    for (unsigned code = 0; code < 256; code++) {
        const struct dhcp4_option_kind *kind = dhcp4_kind_of((uint8_t)code);
        if (!kind)
            continue;
        char upper[64];
        size_t i = 0;
        for (; kind->name[i] != '\0'; i++)
            upper[i] = (char)toupper((unsigned char)kind->name[i]);
        upper[i] = '\0';
        assert_int_equal(kind->code, code);
        assert_ptr_equal(dhcp4_kind_named(upper), kind);
        n++;
    }
    assert_true(n >= 90);
    assert_null(dhcp4_kind_of(DHCP4_PAD));
    assert_null(dhcp4_kind_of(DHCP4_END));
    assert_null(dhcp4_kind_named("no-such-option"));
}

static void shapes_are_checked(void **state)
{
#define VALUE(text) (const uint8_t *)(text), sizeof(text) - 1
    static const struct {
        uint8_t code;
        const uint8_t *bytes;
        size_t len;
        bool fits;
    } cases[] = {
        {DHCP4_SUBNET_MASK, VALUE("\377\377\377\0"), true},
        {DHCP4_SUBNET_MASK, VALUE("\377\377\377"), false},
        {DHCP4_SUBNET_MASK, VALUE("\377\377\377\0\0"), false},
        {DHCP4_ROUTERS, VALUE(""), false},
        {DHCP4_ROUTERS, VALUE("\1\1\1\1\2\2\2\2"), true},
        {DHCP4_ROUTERS, VALUE("\1\1\1\1\2\2\2"), false},
        {DHCP4_STATIC_ROUTES, VALUE("\1\1\1\1"), false},
        {DHCP4_STATIC_ROUTES, VALUE("\1\1\1\1\2\2\2\2"), true},
        {DHCP4_MTU, VALUE("\5\334"), true},
        {DHCP4_MTU, VALUE("\5"), false},
        {19, VALUE("\1"), true},
        {19, VALUE("\2"), false},
        {25, VALUE("\1\2\3"), false},
        {25, VALUE("\1\2\3\4"), true},
        {DHCP4_HOST_NAME, VALUE(""), false},
        {DHCP4_HOST_NAME, VALUE("a"), true},
        {DHCP4_CLIENT_ID, VALUE("\1"), false},
        {DHCP4_RAPID_COMMIT, VALUE(""), true},
        {DHCP4_RAPID_COMMIT, VALUE("\0"), false},
        {DHCP4_IPV6_ONLY, VALUE("\0\0\7\10"), true},
        {DHCP4_DOMAIN_SEARCH, VALUE("\1a\0\1b\300\0"), true},
        {DHCP4_DOMAIN_SEARCH, VALUE("\1a\0\1b\300\3"), false}, /* points at itself */
        {DHCP4_DOMAIN_SEARCH, VALUE("\1a"), false},
        {DHCP4_DOMAIN_SEARCH, VALUE(""), false},
        {DHCP4_CLASSLESS_ROUTES, VALUE("\0\1\1\1\1"), true},
        {DHCP4_CLASSLESS_ROUTES, VALUE("\41\1\1\1\1\1\2\2\2\2"), false}, /* 33 bits */
        {DHCP4_CLASSLESS_ROUTES, VALUE("\30\1\1\1"), false},
        {DHCP4_RELAY_INFORMATION, VALUE("\1\1a\2\0"), true},
        {DHCP4_RELAY_INFORMATION, VALUE("\1\2a"), false},
        {DHCP4_FQDN, VALUE("\4\0"), false},
        {DHCP4_FQDN, VALUE("\4\0\0"), true},
        {DHCP4_FQDN, VALUE("\4\0\0\1a\0"), true},
        {DHCP4_FQDN, VALUE("\4\0\0\1a"), true}, /* a part */
        {DHCP4_FQDN, VALUE("\4\0\0\2a"), false},
        {DHCP4_FQDN, VALUE("\4\0\0\1a\0\1"), false}, /* something behind the root */
        {DHCP4_FQDN, VALUE("\4\0\0\300\0"), false},  /* no compression (RFC 4702 s2.3) */
        {DHCP4_FQDN, VALUE("\0\0\0a.b"), true},
        {DHCP4_FQDN, VALUE("\0\0\0a..b"), false},
        {250, VALUE(""), true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t *copy = exact_copy(cases[i].bytes, cases[i].len);
        if (dhcp4_fits(cases[i].code, copy, cases[i].len) != cases[i].fits)
            fail_msg("case %zu, option %u", i, cases[i].code);
        free(copy);
    }
}

static void a_name_as_long_as_names_are(void **state)
{
    uint8_t value[3 + 256] = {4, 0, 0};
    struct dhcp4_message m;
    struct dhcp4_fqdn fqdn;

    (void)state;
    for (size_t at = 3; at < 3 + 254; at += 2) { /* 127 labels of one byte */
        value[at] = 1;
        value[at + 1] = 'a';
    }
    assert_true(dhcp4_fits(DHCP4_FQDN, value, 3 + 255));
    assert_true(dhcp4_fits(DHCP4_FQDN, value, 3 + 254)); /* the root is missing */
    struct writer w = {.base = value, .pos = 3 + 255, .size = sizeof(value)};
    assert_true(dhcp4_one_option(DHCP4_FQDN, &w, &m)); /* in two pieces */
    assert_true(dhcp4_fqdn(&m, &fqdn));
    assert_int_equal(dname_len(fqdn.name), DNAME_MAX);
    assert_true(dhcp4_values_survive(&m));
    value[3 + 254] = 1; /* one label more */
    value[3 + 255] = 'a';
    assert_false(dhcp4_fits(DHCP4_FQDN, value, 3 + 256));
}

static void names_in_ascii(void **state)
{
    struct dhcp4_message m;
    struct dhcp4_fqdn fqdn;

    (void)state;
    assert_int_equal(READ_OPTIONS("\121\7\10\0\0node\377", &m), 0);
    assert_true(dhcp4_fqdn(&m, &fqdn));
    assert_true(fqdn.no_updates && !fqdn.wire && !fqdn.complete);
    assert_name(fqdn.name, "node");
    assert_true(dhcp4_values_survive(&m));
    assert_int_equal(READ_OPTIONS("\121\11\2\0\0a.org.\377", &m), 0);
    assert_true(dhcp4_fqdn(&m, &fqdn));
    assert_true(fqdn.overridden && fqdn.complete);
    assert_name(fqdn.name, "a.org");
    assert_true(dhcp4_values_survive(&m));
    assert_int_equal(READ_OPTIONS("\121\3\0\0\0\377", &m), 0); /* no name at all */
    assert_true(dhcp4_fqdn(&m, &fqdn));
    assert_true(dhcp4_values_survive(&m));
}

static void domains_share_their_ends(void **state)
{
    static const char *const texts[] = {"eng.apple.com", "marketing.apple.com", "apple.com", "org", "com"};
    uint8_t names[ARRAY_LEN(texts)][DNAME_MAX], bytes[64];
    static const uint8_t expected[] = "\3eng\5apple\3com\0\11marketing\300\4\300\4\3org\0\300\12";
    struct writer w = writer_of(bytes, sizeof(bytes));
    struct dhcp4_message m;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_true(dname_from_text(texts[i], strlen(texts[i]), names[i]) > 0);
    dhcp4_write_domains(&w, (const uint8_t(*)[DNAME_MAX])names, ARRAY_LEN(texts));
    assert_int_equal(w.pos, sizeof(expected) - 1);
    assert_memory_equal(bytes, expected, w.pos);
    assert_true(dhcp4_one_option(DHCP4_DOMAIN_SEARCH, &w, &m));
    assert_int_equal(dhcp4_domains(&m, names, ARRAY_LEN(texts)), ARRAY_LEN(texts));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_name(names[i], texts[i]);
    for (size_t size = 0; size < sizeof(expected) - 1; size++) {
        w = writer_of(bytes, size);
        dhcp4_write_domains(&w, (const uint8_t(*)[DNAME_MAX])names, ARRAY_LEN(texts));
        assert_true(w.bad);
    }
}

/* The table of destination descriptors in RFC 3442. */
static void classless_routes_are_short(void **state)
{
    static const struct {
        struct dhcp4_route route;
        const char *descriptor;
        size_t len;
    } cases[] = {
        {{0, 0, 1}, "\0", 1},
        {{0x0a000000, 8, 1}, "\10\12", 2},
        {{0x0a000000, 24, 1}, "\30\12\0\0", 4},
        {{0x0a110000, 16, 1}, "\20\12\21", 3},
        {{0x0a1b8100, 24, 1}, "\30\12\33\201", 4},
        {{0x0ae50080, 25, 1}, "\31\12\345\0\200", 5},
        {{0x0ac67a2f, 32, 1}, "\40\12\306\172\57", 5},
    };
    struct dhcp4_route all[ARRAY_LEN(cases)];
    uint8_t bytes[128];
    struct dhcp4_message m;
    struct writer w;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        w = writer_of(bytes, sizeof(bytes));
        dhcp4_write_routes(&w, &cases[i].route, 1);
        assert_int_equal(w.pos, cases[i].len + 4);
        assert_memory_equal(bytes, cases[i].descriptor, cases[i].len);
        all[i] = cases[i].route;
    }
    w = writer_of(bytes, sizeof(bytes));
    dhcp4_write_routes(&w, all, ARRAY_LEN(all));
    assert_true(dhcp4_one_option(DHCP4_CLASSLESS_ROUTES, &w, &m));
    assert_true(dhcp4_values_survive(&m));
    assert_int_equal(dhcp4_classless_routes(&m, all, 2), 2);
    /* bits beyond the prefix do not count */
    assert_int_equal(READ_OPTIONS("\171\7\14\12\37\1\2\3\4\377", &m), 0);
    assert_int_equal(dhcp4_classless_routes(&m, all, 1), 1);
    assert_int_equal(all[0].dest, 0x0a100000);
}

static void static_routes_go_by_class(void **state)
{
    struct dhcp4_message m;
    struct dhcp4_route routes[4];

    (void)state;
    assert_int_equal(
        READ_OPTIONS("\41\40\12\0\0\0\1\1\1\1\0\0\0\0\1\1\1\1\300\250\1\5\1\1\1\1\300\250\2\0\1\1\1\1\377",
                     &m),
        0);
    assert_int_equal(dhcp4_static_routes(&m, routes, 4), 3);
    assert_int_equal(routes[0].bits, 8);
    assert_int_equal(routes[1].bits, 32);
    assert_int_equal(routes[1].dest, 0xc0a80105);
    assert_int_equal(routes[2].bits, 24);
}

static void masks(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= 32; bits++)
        assert_int_equal(dhcp4_mask_bits(dhcp4_mask_of(bits)), bits);
    assert_int_equal(dhcp4_mask_of(24), 0xffffff00);
    assert_int_equal(dhcp4_mask_bits(0xff00ff00), -EINVAL);
    assert_int_equal(dhcp4_mask_bits(1), -EINVAL);
    assert_int_equal(dhcp4_class_bits(0xac100001), 16);
    assert_int_equal(dhcp4_class_bits(0xe0000001), 32);
}

static void addresses_are_written(void **state)
{
    static const uint32_t addrs[] = {0x01020304, 0x05060708};
    static const uint32_t many[DHCP4_MESSAGE_MAX / 4 + 1];
    uint8_t bytes[DHCP4_MESSAGE_MAX];
    struct dhcp4_writer dw;
    struct dhcp4_message m;
    uint32_t back[3];

    (void)state;
    dhcp4_begin(&dw, bytes, sizeof(bytes), &reply_header, NULL);
    dhcp4_put_addrs(&dw, DHCP4_ROUTERS, addrs, 2);
    dhcp4_put_u16(&dw, DHCP4_MTU, 1400);
    int len = dhcp4_end(&dw);
    assert_true(len > 0);
    assert_int_equal(dhcp4_read(bytes, (size_t)len, &m), 0);
    assert_int_equal(dhcp4_addrs(&m, DHCP4_ROUTERS, back, 3), 2);
    assert_memory_equal(back, addrs, sizeof(addrs));
    dhcp4_begin(&dw, bytes, sizeof(bytes), &reply_header, NULL);
    dhcp4_put_addrs(&dw, DHCP4_ROUTERS, many, ARRAY_LEN(many));
    assert_int_equal(dhcp4_end(&dw), -EMSGSIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_discover_is_read),
        cmocka_unit_test(an_ack_is_read),
        cmocka_unit_test(truncations_are_survived),
        cmocka_unit_test(changed_bytes_are_survived),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(pieces_are_put_together),
        cmocka_unit_test(overloaded_fields_are_read),
        cmocka_unit_test(a_small_message_has_300_bytes),
        cmocka_unit_test(long_options_fill_all_fields),
        cmocka_unit_test(taken_fields_hold_no_options),
        cmocka_unit_test(the_table_is_in_order),
        cmocka_unit_test(shapes_are_checked),
        cmocka_unit_test(a_name_as_long_as_names_are),
        cmocka_unit_test(names_in_ascii),
        cmocka_unit_test(domains_share_their_ends),
        cmocka_unit_test(classless_routes_are_short),
        cmocka_unit_test(static_routes_go_by_class),
        cmocka_unit_test(masks),
        cmocka_unit_test(addresses_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
