/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Record types: the table, RDATA out of messages, RDATA out of presentation form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/dname.h"
#include "wire/rrtype.h"
#include "wire/vector.h"

static int code_of(const char *text)
{
    return rrtype_from_text(text, strlen(text));
}

static void every_row_is_sound(void **state)
{
    unsigned n = 0;

    (void)state;
    for (unsigned code = 0; code <= UINT16_MAX; code++) {
        const struct rrtype *row = rrtype_by_code((uint16_t)code);
        char buffer[RRTYPE_TEXT_MAX], lower[32];
        const char *text = rrtype_to_text((uint16_t)code, buffer);
        assert_int_equal(code_of(text), code);
        if (!row)
            continue;
        n++;
        assert_int_equal(row->code, code);
        assert_true(row->shape[0] != '\0');
        assert_int_equal(row->shape[strspn(row->shape, "Nn124a6sS*")], '\0');
        const char *to_the_end = strpbrk(row->shape, "S*");
        assert_true(!to_the_end || to_the_end[1] == '\0');
        if (strchr(row->shape, 'N')) /* the writer of messages counts on it */
            assert_int_equal(row->shape[strspn(row->shape, "N124")], '\0');
        size_t len = strlen(text);
        for (size_t i = 0; i <= len; i++)
            lower[i] = (char)tolower((unsigned char)text[i]);
        assert_int_equal(code_of(lower), code);
    }
    assert_true(n > 60);
}

static void mnemonics(void **state)
{
    static const char *const unknown[] = {"",
                                          "AA",
                                          "AAAAA",
                                          "A ",
                                          "TYPE",
                                          "TYPE65536",
                                          "TYPE-1",
                                          "TYPE01",
                                          "TYPEx",
                                          "TYPE1x",
                                          "TYPE999999999999",
                                          "BOGUS"};
    char buffer[RRTYPE_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        assert_int_equal(code_of(unknown[i]), -ENOENT);
    assert_int_equal(code_of("aAaA"), RR_AAAA);
    assert_int_equal(code_of("type28"), RR_AAAA);
    assert_int_equal(code_of("TYPE0"), 0);
    assert_int_equal(code_of("nsap-ptr"), 23);
    assert_int_equal(rrtype_from_text("MXX", 2), RR_MX);
    assert_string_equal(rrtype_to_text(65535, buffer), "TYPE65535");
    assert_string_equal(rrtype_to_text(0, buffer), "TYPE0");
    assert_true(rrtype_is_meta(RR_OPT) && rrtype_is_meta(RR_ANY) && rrtype_is_meta(RR_AXFR) &&
                rrtype_is_meta(RR_TSIG));
    assert_false(rrtype_is_meta(RR_A) || rrtype_is_meta(RR_DNSKEY) || rrtype_is_meta(256));
}

/* --- out of messages --- */

/* A message of "\3com\0" at 0, then the RDATA, then a byte that does not belong to it; all of it at its exact
 * size. */
static int read_rdata(uint16_t type, const void *rdata, size_t rdlen, uint8_t *out, size_t size)
{
    uint8_t *message = malloc(5 + rdlen + 1);

    assert_non_null(message);
    memcpy(message, "\3com", 5);
    memcpy(message + 5, rdata, rdlen);
    message[5 + rdlen] = 0;
    struct reader r = reader_of(message, 5 + rdlen + 1);
    r.pos = 5;
    int len = rrtype_read_rdata(&r, type, (uint16_t)rdlen, out, size);
    assert_false(r.bad);
    assert_int_equal(r.pos, 5 + rdlen);
    free(message);
    return len;
}

struct rdata_row {
    uint16_t type;
    const char *rdata;
    size_t rdlen;
    const char *expected;
    int len;
};

#define ROW(type, rdata, expected)                                                                           \
    {                                                                                                        \
        type, rdata, sizeof(rdata) - 1, expected, sizeof(expected) - 1                                       \
    }
#define BAD(type, rdata)                                                                                     \
    {                                                                                                        \
        type, rdata, sizeof(rdata) - 1, NULL, -EBADMSG                                                       \
    }

static const struct rdata_row rdata_rows[] = {
    ROW(RR_A, "\1\2\3\4", "\1\2\3\4"),
    BAD(RR_A, ""),
    BAD(RR_A, "\1\2\3"),
    BAD(RR_A, "\1\2\3\4\5"),
    ROW(RR_AAAA, "0123456789abcdef", "0123456789abcdef"),
    BAD(RR_AAAA, "0123456789abcde"),
    BAD(RR_AAAA, "0123456789abcdefg"),
    ROW(RR_NS, "\2ns\xc0\0", "\2ns\3com\0"),
    ROW(RR_NS, "\0", "\0"),
    ROW(RR_CNAME, "\xc0\0", "\3com\0"),
    BAD(RR_NS, ""),
    BAD(RR_NS, "\2ns"),        /* the root label stands behind the RDATA */
    BAD(RR_NS, "\2ns\xc0"),    /* half a pointer */
    BAD(RR_NS, "\2ns\xc0\5"),  /* to itself */
    BAD(RR_NS, "\2ns\xc0\0x"), /* a byte too many */
    BAD(RR_NS, "\2ns\0\0"),
    ROW(RR_MX, "\0\12\2mx\xc0\0", "\0\12\2mx\3com\0"),
    BAD(RR_MX, "\0\12"),
    BAD(RR_MX, "\0"),
    ROW(RR_SOA,
        "\1a\xc0\0\1b\xc0\0"
        "aaaabbbbccccddddeeee",
        "\1a\3com\0\1b\3com\0"
        "aaaabbbbccccddddeeee"),
    BAD(RR_SOA, "\1a\xc0\0\1b\xc0\0"
                "aaaabbbbccccddddeee"),
    BAD(RR_SOA, "\1a\xc0\0\1b\xc0\0"
                "aaaabbbbccccddddeeeef"),
    ROW(RR_TXT, "\2ab", "\2ab"),
    ROW(RR_TXT, "\2ab\0\1c", "\2ab\0\1c"),
    ROW(RR_TXT, "\0", "\0"),
    BAD(RR_TXT, ""),
    BAD(RR_TXT, "\2a"),
    BAD(RR_TXT, "\2ab\1"),
    ROW(RR_HINFO, "\1a\0", "\1a\0"),
    BAD(RR_HINFO, "\1a"),
    BAD(RR_HINFO, "\1a\0\0"),
    ROW(RR_SRV, "\0\1\0\2\0\3\1s\xc0\0", "\0\1\0\2\0\3\1s\3com\0"),
    ROW(RR_NAPTR, "\0\1\0\2\1u\3sip\0\0", "\0\1\0\2\1u\3sip\0\0"),
    BAD(RR_NAPTR, "\0\1\0\2\1u\3sip\0"),
    ROW(24,
        "\0\1\5\2"
        "ttttuuuuvvvvkk"
        "\xc0\0"
        "sig",
        "\0\1\5\2"
        "ttttuuuuvvvvkk"
        "\3com\0"
        "sig"),
    ROW(RR_RRSIG, "\xc0\0", "\xc0\0"), /* opaque: never has pointers */
    ROW(257, "", ""),
    ROW(65280, "\xc0\xff", "\xc0\xff"),
    ROW(54, "x", "x"), /* a number inside the table that nobody has */
};

#undef ROW
#undef BAD

static void rdata_fits_its_shape_or_not(void **state)
{
    uint8_t out[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rdata_rows); i++) {
        const struct rdata_row *row = &rdata_rows[i];
        assert_int_equal(read_rdata(row->type, row->rdata, row->rdlen, out, sizeof(out)), row->len);
        if (row->len > 0)
            assert_memory_equal(out, row->expected, (size_t)row->len);
        for (int size = 0; size < row->len; size++) {
            uint8_t *exact = malloc((size_t)size + 1);
            assert_int_equal(read_rdata(row->type, row->rdata, row->rdlen, exact, (size_t)size), -ENOSPC);
            free(exact);
        }
    }
}

static void rdata_beyond_the_message(void **state)
{
    uint8_t message[10] = {0}, out[64];
    struct reader r = reader_of(message, sizeof(message));

    (void)state;
    r.pos = 7;
    assert_int_equal(rrtype_read_rdata(&r, RR_A, 4, out, sizeof(out)), -EBADMSG);
    assert_true(r.bad);
    assert_int_equal(rrtype_read_rdata(&r, 65280, 0, out, sizeof(out)), -EBADMSG); /* the error sticks */
}

static void decompressed_rdata_is_at_most_65535(void **state)
{
    static uint8_t message[0x10000 + 300], out[0x10000 + 300];
    struct reader r = reader_of(message, sizeof(message));

    (void)state;
    memcpy(message, "\3com", 5);
    memcpy(message + 5 + 18, "\xc0\0", 2); /* SIG: 18 bytes, signer, the rest */
    r.pos = 5;
    assert_int_equal(rrtype_read_rdata(&r, 24, 65532, out, sizeof(out)), 65535);
    r.pos = 5;
    assert_int_equal(rrtype_read_rdata(&r, 24, 65533, out, sizeof(out)), -ENOSPC);
}

/* --- out of presentation form --- */

enum { FIELDS_MAX = 10 };

/* Fields of a text, separated by single blanks. */
static unsigned split(const char *text, struct text_field *fields)
{
    unsigned n = 0;

    if (text[0] == '\0')
        return 0;
    for (;;) {
        size_t len = strcspn(text, " ");
        assert_true(n < FIELDS_MAX);
        fields[n++] = (struct text_field){text, len};
        if (text[len] == '\0')
            return n;
        text += len + 1;
    }
}

static void presentation_form(void **state)
{
#define ROW(type, text, rdata)                                                                               \
    {                                                                                                        \
        type, text, rdata, sizeof(rdata) - 1                                                                 \
    }
    static const struct {
        uint16_t type;
        const char *text, *rdata;
        size_t len;
    } rows[] = {
        ROW(RR_A, "192.0.2.1", "\300\0\2\1"),
        ROW(RR_AAAA, "2001:db8::1", "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"),
        ROW(RR_AAAA, "::ffff:1.2.3.4", "\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4"),
        ROW(RR_NS, "ns.example", "\2ns\7example\0"),
        ROW(RR_PTR, ".", "\0"),
        ROW(RR_MX, "10 mx.x.", "\0\12\2mx\1x\0"),
        ROW(RR_MX, "65535 .", "\xff\xff\0"),
        ROW(RR_SOA, "n h.x 1 2 3 4 4294967295",
            "\1n\0\1h\1x\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\xff\xff\xff\xff"),
        ROW(RR_TXT, "a\\032b \\\"\\\\ \\255\\000x", "\3a b\2\"\\\3\xff\0x"),
        ROW(RR_TXT, "a  b", "\1a\0\1b"), /* two blanks: an empty field */
        ROW(RR_SRV, "0 5 5060 y", "\0\0\0\5\x13\xc4\1y\0"),
        ROW(RR_NAPTR, "100 50 s SIP+D2U  r.x", "\0\144\0\62\1s\7SIP+D2U\0\1r\1x\0"),
        ROW(17, "a b", "\1a\0\1b\0"),
        ROW(105, "10 10.1.2.0", "\0\12\12\1\2\0"),
    };
#undef ROW
    struct text_field fields[FIELDS_MAX];
    uint8_t out[64];
    unsigned field;
    const char *expected;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned n = split(rows[i].text, fields);
        for (size_t size = 0; size < rows[i].len; size++) {
            uint8_t *exact = malloc(size + 1);
            assert_int_equal(rrtype_rdata_from_text(rows[i].type, fields, n, exact, size, &field, &expected),
                             -ENOSPC);
            free(exact);
        }
        assert_int_equal(rrtype_rdata_from_text(rows[i].type, fields, n, out, sizeof(out), &field, &expected),
                         rows[i].len);
        assert_memory_equal(out, rows[i].rdata, rows[i].len);
    }
}

static void mistakes_in_presentation_form(void **state)
{
    static const struct {
        uint16_t type;
        const char *text;
        unsigned field;
        const char *expected;
    } rows[] = {
        {RR_A, "", 0, "an IPv4 address"},
        {RR_A, "1.2.3", 0, "an IPv4 address"},
        {RR_A, "::ffff:1.2.3.4", 0, "an IPv4 address"},
        {RR_A, "1.2.3.4 5", 1, "nothing more"},
        {RR_AAAA, "1.2.3.4", 0, "an IPv6 address"},
        {RR_NS, "a..b", 0, "a domain name"},
        {RR_MX, "mx.x", 0, "a number from 0 to 65535"},
        {RR_MX, "65536 mx.x", 0, "a number from 0 to 65535"},
        {RR_MX, "-1 mx.x", 0, "a number from 0 to 65535"},
        {RR_MX, "99999999999999999999 mx.x", 0, "a number from 0 to 65535"},
        {RR_MX, "10", 1, "a domain name"},
        {RR_MX, "10 mx.x more", 2, "nothing more"},
        {RR_SOA, "a b 1 2 3 4 4294967296", 6, "a number from 0 to 4294967295"},
        {RR_SOA, "a b 1 2 3 4", 6, "a number from 0 to 4294967295"},
        {RR_TXT, "", 0, "a text of at most 255 bytes"},
        {RR_TXT, "a b\\", 1, "a text of at most 255 bytes"},
        {RR_TXT, "a b\\256 c", 1, "a text of at most 255 bytes"},
        {RR_HINFO, "a", 1, "a text of at most 255 bytes"},
    };
    struct text_field fields[FIELDS_MAX];
    uint8_t out[64];
    unsigned field = 99;
    const char *expected = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned n = split(rows[i].text, fields);
        assert_int_equal(rrtype_rdata_from_text(rows[i].type, fields, n, out, sizeof(out), &field, &expected),
                         -EINVAL);
        assert_int_equal(field, rows[i].field);
        assert_string_equal(expected, rows[i].expected);
    }
    assert_int_equal(rrtype_rdata_from_text(257, fields, 0, out, sizeof(out), &field, &expected),
                     -EOPNOTSUPP);
    assert_int_equal(rrtype_rdata_from_text(24, fields, 0, out, sizeof(out), &field, &expected), -EOPNOTSUPP);
    assert_int_equal(rrtype_rdata_from_text(65280, fields, 0, out, sizeof(out), &field, &expected),
                     -EOPNOTSUPP);
}

static void strings_of_255_bytes_and_no_more(void **state)
{
    char text[256];
    const struct text_field fits = {text, 255}, too_long = {text, 256};
    uint8_t out[300];
    unsigned field;
    const char *expected;

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_int_equal(rrtype_rdata_from_text(RR_TXT, &fits, 1, out, sizeof(out), &field, &expected), 256);
    assert_int_equal(out[0], 255);
    assert_int_equal(rrtype_rdata_from_text(RR_TXT, &too_long, 1, out, sizeof(out), &field, &expected),
                     -EINVAL);
    memcpy(text, "\\120", 4); /* an escape counts as one byte */
    assert_int_equal(rrtype_rdata_from_text(RR_TXT, &too_long, 1, out, sizeof(out), &field, &expected), 254);
    assert_int_equal(out[1], 'x');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_sound),
        cmocka_unit_test(mnemonics),
        cmocka_unit_test(rdata_fits_its_shape_or_not),
        cmocka_unit_test(rdata_beyond_the_message),
        cmocka_unit_test(decompressed_rdata_is_at_most_65535),
        cmocka_unit_test(presentation_form),
        cmocka_unit_test(mistakes_in_presentation_form),
        cmocka_unit_test(strings_of_255_bytes_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
