/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading messages: every vector, every truncation and many mutations of it, and what a server makes of
 * queries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/dnsmsg.h"
#include "wire/roundtrip.h"
#include "wire/vector.h"

/* The vectors are compressed as we compress, but for two: pointers where today none may be, and one to a
 * label of the question that is too far behind to be remembered. */
static bool is_written_otherwise(const struct vector *vector)
{
    return strcmp(vector->name, "answer-old-types.hex") == 0 ||
           strcmp(vector->name, "answer-labels-127.hex") == 0;
}

static void each_roundtrip(const struct vector *vector)
{
    static uint8_t rewritten[DNS_MSG_MAX], again[DNS_MSG_MAX];
    size_t len, again_len;

    uint8_t *copy = exact_copy(vector->bytes, vector->len);
    assert_int_equal(roundtrip(copy, vector->len, rewritten, sizeof(rewritten), &len), ROUNDTRIP_SAME);
    free(copy);
    /* What we write is as small as we can make it: a second time changes nothing. */
    assert_int_equal(roundtrip(rewritten, len, again, sizeof(again), &again_len), ROUNDTRIP_SAME);
    assert_int_equal(len, again_len);
    assert_memory_equal(rewritten, again, len);
    assert_int_equal(len == vector->len && memcmp(rewritten, vector->bytes, len) == 0,
                     !is_written_otherwise(vector));
}

static void vectors_survive_a_round_trip(void **state)
{
    (void)state;
    vectors_for_each(each_roundtrip);
}

static void each_truncation(const struct vector *vector)
{
    static uint8_t rewritten[DNS_MSG_MAX];
    struct dns_query query;
    size_t ignored;

    for (size_t len = 0; len < vector->len; len++) {
        uint8_t *copy = exact_copy(vector->bytes, len);
        assert_int_equal(roundtrip(copy, len, rewritten, sizeof(rewritten), &ignored), ROUNDTRIP_UNREADABLE);
        bool is_response = vector->bytes[2] & 0x80;
        assert_int_equal(dns_parse_query(copy, len, &query), len < 12 || is_response ? -EBADMSG : -EPROTO);
        if (len >= 12) /* parse answers too */
            copy[2] &= 0x7f;
        assert_int_equal(dns_parse_query(copy, len, &query), len < 12 ? -EBADMSG : -EPROTO);
        free(copy);
    }
}

static void every_truncation_of_every_vector_is_refused(void **state)
{
    (void)state;
    vectors_for_each(each_truncation);
}

static void each_mutation(const struct vector *vector)
{
    static const uint8_t values[] = {0x00, 0x01, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
    static uint8_t rewritten[DNS_MSG_MAX];
    uint8_t *copy = exact_copy(vector->bytes, vector->len);
    struct dns_query query;
    size_t ignored;

    for (size_t at = 0; at < vector->len; at++) {
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
            copy[at] = values[i];
            int result = dns_parse_query(copy, vector->len, &query);
            assert_true(result == 0 || result == -EBADMSG || result == -EPROTO);
            assert_int_not_equal(roundtrip(copy, vector->len, rewritten, sizeof(rewritten), &ignored),
                                 ROUNDTRIP_DIFFERENT);
        }
        copy[at] = vector->bytes[at];
    }
    free(copy);
}

static void mutations_of_every_vector_are_harmless(void **state)
{
    (void)state;
    vectors_for_each(each_mutation);
}

/* --- what a server makes of a query --- */

static int parse(const char *name, struct dns_query *query)
{
    struct vector vector;
    char path[256];

    snprintf(path, sizeof(path), "%s/tests/vectors/dns/%s.hex", SOURCE_DIR, name);
    vector_load(path, &vector);
    uint8_t *copy = exact_copy(vector.bytes, vector.len);
    int result = dns_parse_query(copy, vector.len, query);
    free(copy);
    return result;
}

static void well_formed_queries(void **state)
{
    struct dns_query query;

    (void)state;
    assert_int_equal(parse("query-plain", &query), 0);
    assert_int_equal(query.header.id, 0x1234);
    assert_int_equal(query.header.flags, DNS_RD);
    assert_true(query.has_question);
    assert_int_equal(query.question.name_len, 17);
    assert_memory_equal(query.question.name, "\3www\7example\3com", 17);
    assert_int_equal(query.question.type, RR_A);
    assert_int_equal(query.question.class, CLASS_IN);
    assert_false(query.edns.present);

    assert_int_equal(parse("query-mixed-case", &query), 0);
    assert_memory_equal(query.question.name, "\3wWw\7eXAmple\3CoM", 17);
    assert_int_equal(query.header.flags, DNS_RD | DNS_CD);

    assert_int_equal(parse("query-root", &query), 0);
    assert_int_equal(query.question.name_len, 1);

    assert_int_equal(parse("query-edns", &query), 0);
    assert_true(query.edns.present && query.edns.dnssec_ok);
    assert_int_equal(query.edns.udp_size, 1232);
    assert_int_equal(query.edns.version, 0);
    assert_int_equal(query.edns.options_len, 19);
    assert_int_equal(query.edns.options_off, 64 - 19);

    assert_int_equal(parse("query-tsig", &query), 0); /* TSIG is stepped over */
    assert_int_equal(query.edns.udp_size, 4096);
    assert_int_equal(parse("query-ixfr", &query), 0);
    assert_int_equal(query.question.type, RR_IXFR);
}

/* A query put together from pieces: flags, counts, and what stands behind the header. */
static int parse_pieces(uint16_t flags, const uint16_t counts[static 4], const char *body, size_t len,
                        struct dns_query *query)
{
    uint8_t message[512];
    struct writer w = writer_of(message, sizeof(message));

    writer_u16(&w, 7);
    writer_u16(&w, flags);
    for (unsigned i = 0; i < 4; i++)
        writer_u16(&w, counts[i]);
    writer_put(&w, body, len);
    assert_false(w.bad);
    uint8_t *copy = exact_copy(message, w.pos);
    int result = dns_parse_query(copy, w.pos, query);
    free(copy);
    return result;
}

#define QUESTION  "\1a\0\0\1\0\1"
#define OPT       "\0\0\51\2\0\0\0\0\0\0\0"
#define OPT_V1    "\0\0\51\2\0\0\1\0\0\0\3xyz"
#define OPT_BAD   "\0\0\51\2\0\0\0\0\0\0\3xyz"
#define OPT_EXT   "\0\0\51\2\0\xff\0\x80\0\0\0"
#define OPT_OWNED "\1a\0\0\51\2\0\0\0\0\0\0\0"
#define A_RECORD  "\xc0\14\0\1\0\1\0\0\0\0\0\4\1\2\3\4"

static void malformed_queries(void **state)
{
    static const struct {
        uint16_t flags, counts[4];
        const char *body;
        size_t len;
        int result;
        bool has_question, has_edns;
    } rows[] = {
#define ROW(flags, qd, an, ns, ar, body, ...) {flags, {qd, an, ns, ar}, body, sizeof(body) - 1, __VA_ARGS__}
        ROW(0, 1, 0, 0, 0, QUESTION, 0, true, false),
        ROW(0, 1, 0, 0, 1, QUESTION OPT, 0, true, true),
        ROW(DNS_QR, 1, 0, 0, 0, QUESTION, -EBADMSG, false, false),
        ROW(0, 0, 0, 0, 0, "", -EPROTO, false, false),
        ROW(0, 0, 0, 0, 1, OPT, -EPROTO, false, true), /* a cookie alone, RFC 7873 s5.4 */
        ROW(0, 2, 0, 0, 0, QUESTION QUESTION, -EPROTO, false, false),
        ROW(0, 2, 0, 0, 1, QUESTION QUESTION OPT, -EPROTO, false, false),
        ROW(0, 1, 0, 0, 9, QUESTION OPT, -EPROTO, true, false),
        ROW(0, 0xffff, 0, 0, 0, QUESTION, -EPROTO, false, false),
        ROW(0, 1, 0xffff, 0xffff, 0xffff, QUESTION, -EPROTO, true, false),
        ROW(0, 1, 0, 0, 0, QUESTION "x", -EPROTO, true, false),
        ROW(0, 1, 0, 0, 1, QUESTION OPT "x", -EPROTO, true, true),
        ROW(0, 1, 0, 0, 2, QUESTION OPT OPT, -EPROTO, true, true),
        ROW(0, 1, 0, 0, 1, QUESTION OPT_BAD, -EPROTO, true, false),
        ROW(0, 1, 0, 0, 2, QUESTION OPT_BAD OPT, -EPROTO, true, false),
        ROW(0, 1, 0, 0, 1, QUESTION OPT_OWNED, -EPROTO, true, false),
        ROW(0, 1, 1, 0, 0, QUESTION OPT, -EPROTO, true, false),
        ROW(0, 1, 1, 0, 0, QUESTION A_RECORD, -EPROTO, true, false),
        ROW(0, 1, 0, 1, 0, QUESTION A_RECORD, -EPROTO, true, false),
        ROW(0, 1, 0, 0, 1, QUESTION A_RECORD, 0, true, false),
        ROW(0, 1, 1, 0, 1, QUESTION A_RECORD OPT, -EPROTO, true, true),
        ROW(0, 1, 0, 0, 0, "\xc0\14\0\1\0\1", -EPROTO, false, false), /* a name that points to itself */
        ROW(0, 1, 0, 0, 0, "\100a\0\0\1\0\1", -EPROTO, false, false),
        ROW(0, 1, 0, 0, 1, QUESTION OPT_V1, 0, true, true),
        ROW(OPCODE_NOTIFY << 11, 1, 1, 0, 0, "whatever", 0, false, false),
        ROW(OPCODE_UPDATE << 11, 0, 0, 0, 0, "", 0, false, false),
        ROW(15 << 11, 9, 9, 9, 9, "", 0, false, false),
#undef ROW
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dns_query query = {0};
        assert_int_equal(parse_pieces(rows[i].flags, rows[i].counts, rows[i].body, rows[i].len, &query),
                         rows[i].result);
        assert_int_equal(query.has_question, rows[i].has_question);
        assert_int_equal(query.edns.present, rows[i].has_edns);
        if (rows[i].result != -EBADMSG)
            assert_int_equal(query.header.id, 7);
    }
}

static void edns_fields(void **state)
{
    static const uint16_t counts[4] = {1, 0, 0, 1};
    struct dns_query query;

    (void)state;
    assert_int_equal(parse_pieces(0, counts, QUESTION OPT_V1, sizeof(QUESTION OPT_V1) - 1, &query), 0);
    assert_int_equal(query.edns.version, 1);
    assert_int_equal(query.edns.udp_size, 512);
    assert_int_equal(parse_pieces(0, counts, QUESTION OPT_EXT, sizeof(QUESTION OPT_EXT) - 1, &query), 0);
    assert_int_equal(query.edns.ext_rcode, 255); /* the top bit of a TTL means something else in OPT */
    assert_true(query.edns.dnssec_ok);
}

static void a_ttl_with_its_top_bit_set_is_0(void **state)
{
    static const uint8_t record[] = {0, 0, 1, 0, 1, 0x80, 0,    0,    9,    0, 0,
                                     0, 0, 1, 0, 1, 0x7f, 0xff, 0xff, 0xff, 0, 0};
    struct reader r = reader_of(record, sizeof(record));
    struct dns_rr rr;

    (void)state;
    dns_read_rr(&r, &rr);
    assert_int_equal(rr.ttl, 0);
    dns_read_rr(&r, &rr);
    assert_int_equal(rr.ttl, 0x7fffffff);
    assert_false(r.bad);
    assert_int_equal(reader_left(&r), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_survive_a_round_trip),
        cmocka_unit_test(every_truncation_of_every_vector_is_refused),
        cmocka_unit_test(mutations_of_every_vector_are_harmless),
        cmocka_unit_test(well_formed_queries),
        cmocka_unit_test(malformed_queries),
        cmocka_unit_test(edns_fields),
        cmocka_unit_test(a_ttl_with_its_top_bit_set_is_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
