/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing messages: what is compressed and what is not, byte by byte; no room at every size; taking back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/dnsmsg.h"

#define NAME(text) ((const uint8_t *)(text))

static const uint8_t a_rdata[4] = {192, 0, 2, 1};

/* The counts in the header: questions, answers, authority, additional. */
static void assert_counts(const uint8_t *message, unsigned qd, unsigned an, unsigned ns, unsigned ar)
{
    assert_int_equal(get_be16(message + 4), qd);
    assert_int_equal(get_be16(message + 6), an);
    assert_int_equal(get_be16(message + 8), ns);
    assert_int_equal(get_be16(message + 10), ar);
}

static void put(struct dns_writer *dw, enum dns_section section, const char *name, uint16_t type,
                const char *rdata, size_t rdlen)
{
    assert_int_equal(dns_put_rr(dw, section, NAME(name), type, CLASS_IN, 60, NAME(rdata), rdlen), 0);
}

#define PUT(dw, section, name, type, rdata) put(dw, section, name, type, rdata, sizeof(rdata) - 1)
#define FIXED(type)                         "\0" type "\0\1\0\0\0\74\0"

static void an_answer_byte_by_byte(void **state)
{
    static const char expected[] =
        "\x12\x34\x85\x80\0\1\0\3\0\1\0\1"
        "\3wWw\2Ex\3com\0\0\1\0\1"             /* 12 */
        "\xc0\14" FIXED("\5") "\6\3wEb\xc0\20" /* 28, RDATA at 40: the name of the question ends at 16 */
                              "\xc0\50" FIXED("\1") "\4\300\0\2\1" /* 46 */
                                                    "\1x\xc0\14" FIXED(
                                                        "\17") "\4\0\12\xc0\50" /* 62 */
                                                               "\xc0\20" FIXED(
                                                                   "\2") "\5\2ns\xc0\20" /* 80 */
                                                                         "\0\0\51\4\xd0\0\0\x80\0\0\0";
    uint8_t buffer[DNS_UDP_EDNS];
    struct dns_writer dw;

    (void)state;
    dns_writer_init(&dw, buffer, sizeof(buffer), 0x1234, DNS_QR | DNS_AA | DNS_RD | DNS_RA);
    dns_reserve_opt(&dw, 0);
    assert_int_equal(dns_put_question(&dw, NAME("\3wWw\2Ex\3com"), RR_A, CLASS_IN), 0);
    PUT(&dw, DNS_ANSWER, "\3www\2ex\3com", RR_CNAME, "\3wEb\2ex\3com\0");
    PUT(&dw, DNS_ANSWER, "\3WEB\2ex\3com", RR_A, "\300\0\2\1");
    PUT(&dw, DNS_ANSWER, "\1x\3www\2ex\3com", RR_MX, "\0\12\3web\2EX\3com\0");
    PUT(&dw, DNS_AUTHORITY, "\2ex\3com", RR_NS, "\2ns\2ex\3com\0");
    assert_int_equal(dns_put_opt(&dw, 0, true, NULL, 0), 0);
    assert_int_equal(dns_finish(&dw), sizeof(expected) - 1);
    assert_memory_equal(buffer, expected, sizeof(expected) - 1);
}

static void names_that_are_never_compressed(void **state)
{
    static const struct {
        uint16_t type;
        const char *rdata;
        size_t len;
    } rows[] = {
        {RR_SRV, "\0\1\0\2\0\3\2ex\3com", 14},
        {RR_DNAME, "\2ex\3com", 8},
        {RR_NAPTR, "\0\1\0\1\0\0\0\2ex\3com", 15},
        {17, "\2ex\3com\0\2ex\3com", 16},
        {RR_RRSIG, "\2ex\3com", 8},
        {65280, "\2ex\3com", 8},
        {RR_TXT, "\2ex\3com", 7},
    };
    uint8_t buffer[512];
    struct dns_writer dw;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        dns_writer_init(&dw, buffer, sizeof(buffer), 0, 0);
        dns_put_question(&dw, NAME("\2ex\3com"), RR_ANY, CLASS_IN);
        size_t before = dw.w.pos;
        put(&dw, DNS_ANSWER, "\2ex\3com", rows[i].type, rows[i].rdata, rows[i].len);
        assert_int_equal(dw.w.pos, before + 12 + rows[i].len);
        assert_memory_equal(buffer + before + 12, rows[i].rdata, rows[i].len);
    }
}

static void the_root_is_never_a_pointer(void **state)
{
    uint8_t buffer[512];
    struct dns_writer dw;

    (void)state;
    dns_writer_init(&dw, buffer, sizeof(buffer), 0, 0);
    dns_put_question(&dw, NAME(""), RR_NS, CLASS_IN);
    PUT(&dw, DNS_ANSWER, "", RR_NS, "\0");
    assert_int_equal(dns_finish(&dw), 12 + 5 + 11 + 1);
    assert_int_equal(buffer[17], 0);
    assert_int_equal(buffer[28], 0);
}

static void only_offsets_of_14_bits_are_pointed_to(void **state)
{
    static uint8_t buffer[DNS_MSG_MAX], filler[0x4000];
    struct dns_writer dw;

    (void)state;
    for (size_t at = 0x3ffd; at <= 0x4001; at++) { /* where the name will stand */
        dns_writer_init(&dw, buffer, sizeof(buffer), 0, 0);
        size_t fill = at - DNS_HEADER_LEN - 11;
        assert_int_equal(dns_put_rr(&dw, DNS_ANSWER, NAME(""), 65280, CLASS_IN, 0, filler, fill), 0);
        assert_int_equal(dw.w.pos, at);
        PUT(&dw, DNS_ANSWER, "\1a", RR_A, "\1\2\3\4");
        size_t second = dw.w.pos;
        PUT(&dw, DNS_ANSWER, "\1a", RR_A, "\1\2\3\4");
        assert_int_equal(dw.w.pos - second, at <= 0x3fff ? 16 : 17);
        if (at <= 0x3fff)
            assert_int_equal(get_be16(buffer + second), 0xc000 | at);

        struct reader r = reader_of(buffer, dw.w.pos);
        struct dns_rr rr;
        r.pos = second;
        dns_read_rr(&r, &rr);
        assert_false(r.bad);
        assert_memory_equal(rr.owner, "\1a", 3);
    }
}

static void more_names_than_are_remembered(void **state)
{
    static uint8_t buffer[DNS_MSG_MAX];
    struct dns_writer dw;
    char name[32];

    (void)state;
    dns_writer_init(&dw, buffer, sizeof(buffer), 0, 0);
    dns_put_question(&dw, NAME("\2ex"), RR_A, CLASS_IN);
    for (int i = 0; i < 3 * DNS_COMPRESS_MAX; i++) {
        snprintf(name, sizeof(name), "\4h%03d\2ex", i);
        assert_int_equal(dns_put_rr(&dw, DNS_ANSWER, NAME(name), RR_A, CLASS_IN, 0, a_rdata, 4), 0);
    }
    assert_int_equal(dw.n_names, DNS_COMPRESS_MAX);
    struct reader r = reader_of(buffer, dns_finish(&dw));
    struct dns_question question;
    struct dns_rr rr;
    dns_read_header(&r);
    dns_read_question(&r, &question);
    for (int i = 0; i < 3 * DNS_COMPRESS_MAX; i++) {
        snprintf(name, sizeof(name), "\4h%03d\2ex", i);
        dns_read_rr(&r, &rr);
        assert_false(r.bad);
        assert_memory_equal(rr.owner, name, 9);
    }
}

static void a_question_of_127_labels(void **state)
{
    uint8_t buffer[1024], name[DNAME_MAX] = {0}, other[DNAME_MAX];
    struct dns_writer dw;

    (void)state;
    for (unsigned i = 0; i < 127; i++)
        memcpy(name + 2 * i, (uint8_t[]){1, (uint8_t)('a' + i % 26)}, 2);
    memcpy(other, name, sizeof(name));
    other[1] = 'x'; /* its first label alone differs */
    dns_writer_init(&dw, buffer, sizeof(buffer), 0, 0);
    assert_int_equal(dns_put_question(&dw, name, RR_A, CLASS_IN), 0);
    assert_int_equal(dw.w.pos, 12 + 255 + 4);
    assert_int_equal(dns_put_rr(&dw, DNS_ANSWER, name, RR_A, CLASS_IN, 0, a_rdata, 4), 0);
    assert_int_equal(dw.w.pos, 271 + 16);
    assert_int_equal(dns_put_rr(&dw, DNS_ANSWER, other, RR_A, CLASS_IN, 0, a_rdata, 4), 0);
    assert_memory_equal(buffer + 287, "\1x\xc0\16", 4);
}

/* --- no room --- */

/* A sample answer into a buffer of `size` bytes. Each step that finds no room must leave everything as it
 * was. Returns how many of its six steps found room. */
static unsigned write_sample(uint8_t *buffer, size_t size, struct dns_writer *dw)
{
    static const struct {
        const char *name, *rdata;
        uint16_t type;
        size_t rdlen;
    } records[] = {
        {"\3www\2ex\3com", "\1c\4web1\2ex\3com", RR_CNAME, 15},
        {"\1c\4web1\2ex\3com", "192.", RR_A, 4},
        {"\2ex\3com", "\2ns\2ex\3com\0\4root\2ex\3com\0aaaabbbbccccddddeeee", RR_SOA, 44},
        {"\2ex\3com", "\0\1\0\2\0\3\3web\2ex\3com", RR_SRV, 18},
    };
    unsigned done = 0;

    dns_writer_init(dw, buffer, size, 1, DNS_QR);
    dns_reserve_opt(dw, 3);
    if (dns_put_question(dw, NAME("\3www\2ex\3com"), RR_AAAA, CLASS_IN) == 0)
        done++;
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        struct dns_writer before = *dw;
        int result = dns_put_rr(dw, DNS_ANSWER, NAME(records[i].name), records[i].type, CLASS_IN, 60,
                                NAME(records[i].rdata), records[i].rdlen);
        assert_false(dw->w.bad);
        assert_int_equal(dw->w.size, before.w.size);
        if (result == 0) {
            assert_true(dw->w.pos + 14 <= size);
            done++;
            continue;
        }
        assert_int_equal(result, -ENOSPC);
        assert_int_equal(dw->w.pos, before.w.pos);
        assert_true(dw->n_names >= before.n_names); /* the question's may be known by now */
        assert_memory_equal(dw->names, before.names, before.n_names * sizeof(before.names[0]));
        for (unsigned k = before.n_names; k < dw->n_names; k++)
            assert_true(dw->names[k] < dw->records);
        assert_memory_equal(dw->count, before.count, sizeof(before.count));
    }
    if (dns_put_opt(dw, 0, false, NAME("\0\17x"), 3) == 0)
        done++;
    return done;
}

static void assert_reads_back(const uint8_t *buffer, size_t len, unsigned questions, unsigned records)
{
    struct reader r = reader_of(buffer, len);
    struct dns_header header = dns_read_header(&r);

    assert_int_equal(header.qdcount, questions);
    assert_int_equal(header.count[DNS_ANSWER] + header.count[DNS_ADDITIONAL], records);
    if (questions > 0) {
        struct dns_question question;
        dns_read_question(&r, &question);
    }
    for (; records > 0; records--) {
        struct dns_rr rr;
        uint8_t rdata[64];
        dns_read_rr(&r, &rr);
        assert_false(r.bad);
        struct reader at = r;
        at.pos = rr.rdata;
        assert_true(rrtype_read_rdata(&at, rr.type, rr.rdlen, rdata, sizeof(rdata)) >= 0);
    }
    assert_false(r.bad);
    assert_int_equal(reader_left(&r), 0);
}

static void no_room_at_every_size(void **state)
{
    uint8_t large[512];
    struct dns_writer dw;

    (void)state;
    assert_int_equal(write_sample(large, sizeof(large), &dw), 6);
    size_t whole = dns_finish(&dw);
    for (size_t size = DNS_HEADER_LEN; size <= whole; size++) {
        uint8_t *exact = malloc(size);
        unsigned done = write_sample(exact, size, &dw);
        assert_int_equal(done == 6, size == whole);
        size_t len = dns_finish(&dw);
        assert_true(len <= size);
        unsigned questions = dw.question_len > 0;
        assert_reads_back(exact, len, questions, done - questions);
        free(exact);
    }
}

static void a_name_taken_back_is_not_pointed_to(void **state)
{
    uint8_t buffer[12 + 3 + 4 + 40];
    static const uint8_t long_rdata[100];
    struct dns_writer dw;

    (void)state;
    dns_writer_init(&dw, buffer, sizeof(buffer), 0, 0);
    dns_put_question(&dw, NAME("\1q"), RR_A, CLASS_IN);
    assert_int_equal(dns_put_rr(&dw, DNS_ANSWER, NAME("\1x"), 65280, CLASS_IN, 0, long_rdata, 100), -ENOSPC);
    PUT(&dw, DNS_ANSWER, "\1y", RR_A, "\1\2\3\4");
    PUT(&dw, DNS_ANSWER, "\1x", RR_A, "\1\2\3\4");
    assert_int_equal(dns_finish(&dw), 19 + 17 + 17);
    assert_memory_equal(buffer + 19 + 17, "\1x", 3);
}

static void records_too_long_for_any_message(void **state)
{
    static uint8_t buffer[2 * 65536], rdata[2 * 65536];
    struct dns_writer dw;

    (void)state;
    dns_writer_init(&dw, buffer, sizeof(buffer), 0, 0);
    assert_int_equal(dns_put_rr(&dw, DNS_ANSWER, NAME(""), 65280, CLASS_IN, 0, rdata, sizeof(rdata)),
                     -ENOSPC);
    assert_int_equal(dns_put_rr(&dw, DNS_ANSWER, NAME(""), 65280, CLASS_IN, 0, rdata, 65535 - 12 - 11 + 1),
                     -ENOSPC);
    assert_int_equal(dns_put_rr(&dw, DNS_ANSWER, NAME(""), 65280, CLASS_IN, 0, rdata, 65535 - 12 - 11), 0);
    assert_int_equal(dns_finish(&dw), 65535);
    dns_reserve_opt(&dw, UINT16_MAX);
    assert_int_equal(dns_put_rr(&dw, DNS_ANSWER, NAME(""), 65280, CLASS_IN, 0, rdata, 0), -ENOSPC);
}

/* --- header, OPT, truncation --- */

static void truncation_keeps_the_question(void **state)
{
    uint8_t buffer[512];
    struct dns_writer dw;

    (void)state;
    dns_writer_init(&dw, buffer, sizeof(buffer), 7, DNS_QR | DNS_RD);
    dns_reserve_opt(&dw, 0);
    dns_put_question(&dw, NAME("\1q\2ex"), RR_A, CLASS_IN);
    PUT(&dw, DNS_ANSWER, "\1x\2ex", RR_A, "\1\2\3\4");
    PUT(&dw, DNS_AUTHORITY, "\2ex", RR_NS, "\2ns\2ex\0");
    dns_truncate(&dw);
    assert_int_equal(dns_get_flags(&dw), DNS_QR | DNS_RD | DNS_TC);
    assert_int_equal(dw.n_names, 2);
    assert_int_equal(dns_put_opt(&dw, RCODE_BADVERS, false, NULL, 0), 0);
    assert_int_equal(dns_finish(&dw), 12 + 6 + 4 + 11);
    assert_counts(buffer, 1, 0, 0, 1);
    assert_memory_equal(buffer + 22, "\0\0\51\4\xd0\1\0\0\0\0\0", 11);
}

static void flags_and_empty_messages(void **state)
{
    uint8_t buffer[DNS_HEADER_LEN];
    struct dns_writer dw;

    (void)state;
    memset(buffer, 0xff, sizeof(buffer));
    dns_writer_init(&dw, buffer, sizeof(buffer), 0xabcd, DNS_QR | RCODE_FORMERR);
    assert_int_equal(dns_put_question(&dw, NAME(""), RR_A, CLASS_IN), -ENOSPC);
    assert_int_equal(dns_put_opt(&dw, 0, false, NULL, 0), -ENOSPC);
    assert_int_equal(dns_finish(&dw), DNS_HEADER_LEN);
    assert_memory_equal(buffer, "\xab\xcd\x80\1\0\0\0\0\0\0\0\0", 12);
    dns_set_flags(&dw, DNS_QR | RCODE_REFUSED);
    assert_int_equal(dns_get_flags(&dw), DNS_QR | RCODE_REFUSED);
    assert_int_equal(buffer[3], 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_byte_by_byte),
        cmocka_unit_test(names_that_are_never_compressed),
        cmocka_unit_test(the_root_is_never_a_pointer),
        cmocka_unit_test(only_offsets_of_14_bits_are_pointed_to),
        cmocka_unit_test(more_names_than_are_remembered),
        cmocka_unit_test(a_question_of_127_labels),
        cmocka_unit_test(no_room_at_every_size),
        cmocka_unit_test(a_name_taken_back_is_not_pointed_to),
        cmocka_unit_test(records_too_long_for_any_message),
        cmocka_unit_test(truncation_keeps_the_question),
        cmocka_unit_test(flags_and_empty_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
