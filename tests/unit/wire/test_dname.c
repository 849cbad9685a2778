/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names: read from messages with pointers good and bad, at the limits of labels, names and offsets; text both
 * ways; comparing; reverse names both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/dname.h"
#include "wire/vector.h"

/* Reads the name at `at` of the message, in memory of exactly its size. Returns dname_read's value, and how
 * the cursor stands behind it. */
static size_t read_at(const uint8_t *message, size_t len, size_t at, uint8_t *name, size_t *ret_pos)
{
    uint8_t *copy = exact_copy(message, len);
    struct reader r = reader_of(copy, len);

    r.pos = at;
    size_t name_len = dname_read(&r, name);
    assert_int_equal(r.bad, name_len == 0);
    *ret_pos = r.pos;
    free(copy);
    return name_len;
}

#define READ(message, at, name, pos) read_at((const uint8_t *)(message), sizeof(message) - 1, at, name, pos)

static void assert_unreadable(const uint8_t *message, size_t len, size_t at)
{
    uint8_t name[DNAME_MAX];
    size_t pos;

    assert_int_equal(read_at(message, len, at, name, &pos), 0);
    assert_int_equal(pos, at); /* an error does not move the cursor */
}

#define UNREADABLE(message, at) assert_unreadable((const uint8_t *)(message), sizeof(message) - 1, at)

static void reads_names_with_and_without_pointers(void **state)
{
    static const char message[] = "\1A\2bC\0" /* 0: A.bC. */
                                  "\1x\xc0\2" /* 6: x.bC. */
                                  "\xc0\6"    /* 10: a pointer to a name that ends in a pointer */
                                  "\xc0\5"    /* 12: the root by pointer */
                                  "\0";       /* 14: the root */
    uint8_t name[DNAME_MAX];
    size_t pos;

    (void)state;
    assert_int_equal(READ(message, 0, name, &pos), 6);
    assert_memory_equal(name, "\1A\2bC", 6);
    assert_int_equal(pos, 6);
    assert_int_equal(READ(message, 6, name, &pos), 6);
    assert_memory_equal(name, "\1x\2bC", 6);
    assert_int_equal(pos, 10);
    assert_int_equal(READ(message, 10, name, &pos), 6);
    assert_memory_equal(name, "\1x\2bC", 6);
    assert_int_equal(pos, 12);
    assert_int_equal(READ(message, 12, name, &pos), 1);
    assert_int_equal(name[0], 0);
    assert_int_equal(pos, 14);
    assert_int_equal(READ(message, 14, name, &pos), 1);
    assert_int_equal(pos, 15);
}

static void pointers_only_go_backwards(void **state)
{
    (void)state;
    UNREADABLE("\xc0\0", 0);       /* to itself */
    UNREADABLE("\1a\xc0\0", 0);    /* to the name that it ends */
    UNREADABLE("\1a\xc0\2", 0);    /* to itself, behind a label */
    UNREADABLE("\xc0\2\0", 0);     /* forward */
    UNREADABLE("\1a\xc0\4\0", 0);  /* forward, behind a label */
    UNREADABLE("\xc0\2\xc0\0", 0); /* two that point to each other */
    UNREADABLE("\xc0\2\xc0\0", 2);
    UNREADABLE("\1a\1b\xc0\0\xc0\2", 6); /* back, and from there to and fro */
    UNREADABLE("\1a\xc0\5\0\1b\xc0\0", 5);
    UNREADABLE("\xc0\xff", 0); /* out of the message */
    UNREADABLE("\0\xc0", 1);   /* half a pointer */
}

static void other_label_types_are_refused(void **state)
{
    uint8_t message[256];

    (void)state;
    memset(message, 1, sizeof(message));
    for (unsigned type = 0x40; type < 0xc0; type++) {
        message[200] = (uint8_t)type;
        assert_unreadable(message, sizeof(message), 200);
    }
}

static void every_truncation_of_a_name_is_refused(void **state)
{
    static const char name[] = "\3www\7example\3com";

    (void)state;
    for (size_t len = 0; len < sizeof(name); len++)
        assert_unreadable((const uint8_t *)name, len, 0);
    UNREADABLE("\77short", 0);
}

/* Puts labels of the given length until `len` bytes are there; the last one takes what is left. Without a
 * root. */
static size_t put_labels(uint8_t *at, size_t len, size_t label_len)
{
    size_t done = 0;

    while (done < len) {
        size_t n = len - done > label_len ? label_len : len - done - 1;
        at[done] = (uint8_t)n;
        memset(at + done + 1, 'a', n);
        done += n + 1;
    }
    return done;
}

static void names_of_255_bytes_and_no_more(void **state)
{
    uint8_t message[600] = {0}, name[DNAME_MAX];
    size_t pos;

    (void)state;
    assert_int_equal(put_labels(message, 254, 63), 254);
    assert_int_equal(read_at(message, sizeof(message), 0, name, &pos), 255);
    assert_int_equal(pos, 255);
    assert_int_equal(dname_len(name), 255);
    assert_int_equal(dname_labels(name), 4);
    for (size_t len = 256; len < 300; len++) {
        memset(message, 0, sizeof(message));
        put_labels(message, len - 1, 63);
        assert_unreadable(message, sizeof(message), 0);
    }

    /* The same limit when a pointer puts the name together: 1 + 61 bytes, then a name of 193. */
    memset(message, 0, sizeof(message));
    put_labels(message, 192, 63);
    message[200] = 61;
    memset(message + 201, 'b', 61);
    memcpy(message + 262, "\xc0\0", 2);
    assert_int_equal(read_at(message, sizeof(message), 200, name, &pos), 255);
    assert_int_equal(pos, 264);
    message[200] = 62;
    memcpy(message + 263, "\xc0\0", 2);
    assert_unreadable(message, sizeof(message), 200);
}

static void labels_of_one_byte_127_and_no_more(void **state)
{
    uint8_t message[300] = {0}, name[DNAME_MAX], offsets[DNAME_LABELS_MAX + 1];
    size_t pos;

    (void)state;
    put_labels(message, 254, 1);
    assert_int_equal(read_at(message, sizeof(message), 0, name, &pos), 255);
    assert_int_equal(dname_labels(name), 127);
    assert_int_equal(dname_offsets(name, offsets), 127);
    for (unsigned i = 0; i <= 127; i++)
        assert_int_equal(offsets[i], 2 * i);
    assert_ptr_equal(dname_suffix(name, 0), name + 254);
    assert_ptr_equal(dname_suffix(name, 127), name);
    put_labels(message, 256, 1);
    assert_unreadable(message, sizeof(message), 0);
}

static void pointer_chains_end(void **state)
{
    uint8_t message[2 * 1000] = {0}, name[DNAME_MAX];
    size_t pos;

    (void)state;
    for (size_t at = 2; at < sizeof(message);
         at += 2) { /* the root at 0, then each points to the one before */
        message[at] = (uint8_t)(0xc0 | (at - 2) >> 8);
        message[at + 1] = (uint8_t)(at - 2);
    }
    assert_int_equal(read_at(message, sizeof(message), 2 * 128, name, &pos), 1);
    assert_int_equal(pos, 2 * 128 + 2);
    assert_unreadable(message, sizeof(message), 2 * 129);
    assert_unreadable(message, sizeof(message), sizeof(message) - 2);
}

static void a_pointer_after_each_label(void **state)
{
    uint8_t message[1 + 4 * 128] = {0}, name[DNAME_MAX];
    size_t pos;

    (void)state;
    for (size_t i = 0, target = 0; i < 128; i++) {
        size_t at = 1 + 4 * i;
        memcpy(message + at, (uint8_t[]){1, 'a', (uint8_t)(0xc0 | target >> 8), (uint8_t)target}, 4);
        target = at;
    }
    assert_int_equal(read_at(message, sizeof(message), 1 + 4 * 126, name, &pos), 255);
    assert_int_equal(dname_labels(name), 127);
    assert_unreadable(message, sizeof(message), 1 + 4 * 127);
}

static void offsets_of_14_bits(void **state)
{
    static uint8_t message[0x4100];
    uint8_t name[DNAME_MAX];
    size_t pos;

    (void)state;
    memcpy(message + 0x3fff, "\2zz", 4);
    memcpy(message + 0x4003, "\1y\xff\xff", 4);
    assert_int_equal(read_at(message, sizeof(message), 0x4003, name, &pos), 6);
    assert_memory_equal(name, "\1y\2zz", 6);
    assert_int_equal(pos, 0x4007);
}

static int from_text(const char *text, uint8_t *name)
{
    return dname_from_text(text, strlen(text), name);
}

static void text_to_wire(void **state)
{
    static const struct {
        const char *text, *wire;
        int len;
    } rows[] = {
        {".", "", 1},
        {"a", "\1a", 3},
        {"a.", "\1a", 3},
        {"WWW.Example.com", "\3WWW\7Example\3com", 17},
        {"hic_sunt_leones.x", "\17hic_sunt_leones\1x", 19},
        {"a\\.b.c", "\3a.b\1c", 7},
        {"\\097\\065\\000", "\3aA\0", 5},
        {"\\a\\\\", "\2a\\", 4},
        {"\\255", "\1\xff", 3},
        {"a b", "\3a b", 5},
    };
    uint8_t name[DNAME_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(from_text(rows[i].text, name), rows[i].len);
        assert_memory_equal(name, rows[i].wire, (size_t)rows[i].len);
    }
}

static void what_is_no_name(void **state)
{
    static const char *const texts[] = {"",    "..",   ".a",   "a..b",  "a..",    "\\",      "a\\",
                                        "\\1", "\\12", "\\1a", "\\256", "\\999x", "a.\\25x", "a\\.b.."};
    uint8_t name[DNAME_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(from_text(texts[i], name), -EINVAL);
}

/* A text of n labels of len letters, without a final dot. */
static char *repeat(size_t n, size_t len)
{
    char *text = malloc(n * (len + 1)), *at = text;

    assert_non_null(text);
    for (size_t i = 0; i < n; i++, at += len + 1) {
        memset(at, 'a', len);
        at[len] = i + 1 < n ? '.' : '\0';
    }
    return text;
}

static void limits_of_text(void **state)
{
    static const struct {
        size_t labels, len;
        int result;
    } rows[] = {{1, 63, 65},
                {1, 64, -ENAMETOOLONG},
                {127, 1, 255},
                {128, 1, -ENAMETOOLONG},
                {3, 63, 193},
                {4, 63, -ENAMETOOLONG},
                {4, 62, 253},
                {1, 100000, -ENAMETOOLONG},
                {5, 50, -ENAMETOOLONG},
                {2, 126, -ENAMETOOLONG}};
    uint8_t name[DNAME_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *text = repeat(rows[i].labels, rows[i].len);
        assert_int_equal(from_text(text, name), rows[i].result);
        free(text);
    }
}

static void wire_to_text(void **state)
{
    char text[DNAME_TEXT_MAX];
    uint8_t name[DNAME_MAX], back[DNAME_MAX];

    (void)state;
    assert_string_equal(dname_to_text((const uint8_t *)"", text), ".");
    assert_string_equal(dname_to_text((const uint8_t *)"\3a.b\1C", text), "a\\.b.C");
    assert_string_equal(dname_to_text((const uint8_t *)"\7 \"();@$\2\\~", text),
                        "\\032\\\"\\(\\)\\;\\@\\$.\\\\~");

    for (unsigned first = 0; first < 256; first++) { /* each byte value, and the longest text of all */
        for (unsigned i = 0; i < 254; i++)
            name[i] = (uint8_t)(first + i);
        name[0] = name[64] = name[128] = 63;
        name[192] = 61;
        name[254] = 0;
        dname_to_text(name, text);
        assert_true(strlen(text) < DNAME_TEXT_MAX);
        assert_int_equal(from_text(text, back), 255);
        assert_memory_equal(name, back, 255);
    }
}

static void lower_case_is_ascii(void **state)
{
    uint8_t all[256], lower[256];

    (void)state;
    for (unsigned shift = 0; shift < 9; shift++) { /* every byte value at every place of a word */
        for (unsigned i = 0; i < 256; i++)
            all[i] = (uint8_t)(i + shift);
        dname_lower(lower, all, 256 - shift);
        for (unsigned i = 0; i < 256 - shift; i++)
            assert_int_equal(lower[i], all[i] >= 'A' && all[i] <= 'Z' ? all[i] + 32 : all[i]);
        assert_true(dname_equal(all, 256 - shift, lower, 256 - shift));
    }
    dname_lower(all, all, sizeof(all));
    assert_false(dname_equal(all, 255, all, 254));
    for (unsigned i = 0; i < 256; i++) { /* a difference anywhere is seen */
        memcpy(lower, all, sizeof(all));
        lower[i] ^= 0x01;
        assert_false(dname_equal(all, 256, lower, 256));
        lower[i] ^= 0x01 ^ 0x80;
        assert_false(dname_equal(all, 256, lower, 256));
    }
}

static void within(void **state)
{
    static const struct {
        const char *name, *ancestor;
        bool within;
    } rows[] = {
        {"a.example.com", "example.com", true},
        {"example.com", "EXAMPLE.com", true},
        {"A.EXAMPLE.COM", "example.com", true},
        {"example.com", "a.example.com", false},
        {"aexample.com", "example.com", false},
        {"com", ".", true},
        {".", ".", true},
        {".", "com", false},
        {"a.b\\.example.com", "b.example.com", false},
        {"a.example.org", "example.com", false},
    };
    uint8_t name[DNAME_MAX], ancestor[DNAME_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(from_text(rows[i].name, name) > 0);
        assert_true(from_text(rows[i].ancestor, ancestor) > 0);
        assert_int_equal(dname_within(name, ancestor), rows[i].within);
    }
}

static const struct {
    const char *addr;
    unsigned bits;
    const char *name;
} reverse_rows[] = {
    {"192.0.2.1", 128, "1.2.0.192.in-addr.arpa"},
    {"255.10.100.0", 128, "0.100.10.255.in-addr.arpa"},
    {"10.0.0.0", 104, "10.in-addr.arpa"},
    {"0.0.0.0", 96, "in-addr.arpa"},
    {"2001:db8::abcd", 128, "d.c.b.a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"},
    {"fc00::", 64, "0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.f.ip6.arpa"},
    {"f000::", 4, "f.ip6.arpa"},
    {"::", 0, "ip6.arpa"},
};

static void reverse_names_both_ways(void **state)
{
    uint8_t name[DNAME_MAX], expected[DNAME_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reverse_rows); i++) {
        struct ipaddr addr, back;
        int len = from_text(reverse_rows[i].name, expected);
        assert_int_equal(ipaddr_parse(reverse_rows[i].addr, strlen(reverse_rows[i].addr), &addr), 0);
        assert_int_equal(dname_reverse(&addr, reverse_rows[i].bits, name), len);
        assert_memory_equal(name, expected, (size_t)len);
        assert_int_equal(dname_reverse_addr(name, &back), reverse_rows[i].bits);
        assert_true(ipaddr_equal(&addr, &back));
    }
}

static void every_octet_and_nibble(void **state)
{
    uint8_t name[DNAME_MAX];
    struct ipaddr back;

    (void)state;
    for (unsigned octet = 0; octet < 256; octet++) {
        struct ipaddr v4 = {
            {[10] = 0xff, [11] = 0xff, [12] = (uint8_t)octet, [15] = (uint8_t)(octet ^ 0xff)}};
        struct ipaddr v6 = {{(uint8_t)octet, [15] = (uint8_t)octet}};
        assert_true(dname_reverse(&v4, 128, name) > 0);
        assert_int_equal(dname_reverse_addr(name, &back), 128);
        assert_true(ipaddr_equal(&v4, &back));
        assert_int_equal(dname_reverse(&v6, 128, name), 74);
        assert_int_equal(dname_reverse_addr(name, &back), 128);
        assert_true(ipaddr_equal(&v6, &back));
    }
}

static void what_is_no_reverse_name(void **state)
{
    static const char *const texts[] = {
        ".",
        "arpa",
        "example.com",
        "1.2.3.4.5.in-addr.arpa",
        "01.in-addr.arpa",
        "00.in-addr.arpa",
        "256.in-addr.arpa",
        "999.in-addr.arpa",
        "1000.in-addr.arpa",
        "x.in-addr.arpa",
        "1x.in-addr.arpa",
        "0/25.2.0.192.in-addr.arpa",
        "g.ip6.arpa",
        "00.ip6.arpa",
        "10.ip6.arpa",
        "\\000.ip6.arpa",
        "in-addr",
        "1.in-addr.arpa.com",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
    };
    uint8_t name[DNAME_MAX];
    struct ipaddr addr = {{1, 2, 3}}, before = addr;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_true(from_text(texts[i], name) > 0);
        assert_int_equal(dname_reverse_addr(name, &addr), -ENOENT);
    }
    assert_true(ipaddr_equal(&addr, &before));
    assert_true(from_text("F.E.IP6.ARPA", name) > 0); /* letter case does not matter */
    assert_int_equal(dname_reverse_addr(name, &addr), 8);
    assert_int_equal(addr.b[0], 0xef);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_names_with_and_without_pointers),
        cmocka_unit_test(pointers_only_go_backwards),
        cmocka_unit_test(other_label_types_are_refused),
        cmocka_unit_test(every_truncation_of_a_name_is_refused),
        cmocka_unit_test(names_of_255_bytes_and_no_more),
        cmocka_unit_test(labels_of_one_byte_127_and_no_more),
        cmocka_unit_test(pointer_chains_end),
        cmocka_unit_test(a_pointer_after_each_label),
        cmocka_unit_test(offsets_of_14_bits),
        cmocka_unit_test(text_to_wire),
        cmocka_unit_test(what_is_no_name),
        cmocka_unit_test(limits_of_text),
        cmocka_unit_test(wire_to_text),
        cmocka_unit_test(lower_case_is_ascii),
        cmocka_unit_test(within),
        cmocka_unit_test(reverse_names_both_ways),
        cmocka_unit_test(every_octet_and_nibble),
        cmocka_unit_test(what_is_no_reverse_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
