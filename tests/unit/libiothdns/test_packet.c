/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages put together and taken apart by the public functions: a round trip, limits, and hostile bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/dnsmsg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <iothdns.h>
#include <stdlib.h>
#include <string.h>

static struct iothdns_header question_of(const char *name, uint16_t type)
{
    return (struct iothdns_header){.id = 0x1234,
                                   .flags = IOTHDNS_RESPONSE | IOTHDNS_RD,
                                   .qname = name,
                                   .qtype = type,
                                   .qclass = IOTHDNS_CLASS_IN};
}

static struct iothdns_rr rr_of(const char *name, uint16_t type)
{
    return (struct iothdns_rr){.name = name, .type = type, .class = IOTHDNS_CLASS_IN, .ttl = 300};
}

/* A reply with a bit of everything. */
static struct iothdns_pkt *rich_packet(void)
{
    struct iothdns_header h = question_of("www.Example.org", IOTHDNS_TYPE_MX);
    struct iothdns_pkt *pkt = iothdns_put_header(&h);
    struct iothdns_rr rr = rr_of("www.example.org", IOTHDNS_TYPE_MX);

    assert_non_null(pkt);
    assert_int_equal(iothdns_put_rr(IOTHDNS_SEC_ANSWER, pkt, &rr), 0);
    assert_int_equal(iothdns_put_int16(pkt, 10), 0);
    assert_int_equal(iothdns_put_name(pkt, "mail.example.org"), 0);
    rr = rr_of("www.example.org.", IOTHDNS_TYPE_TXT);
    assert_int_equal(iothdns_put_rr(IOTHDNS_SEC_ANSWER, pkt, &rr), 0);
    assert_int_equal(iothdns_put_string(pkt, "hello"), 0);
    assert_int_equal(iothdns_put_string(pkt, ""), 0);
    rr = rr_of("example.org", IOTHDNS_TYPE_NS);
    assert_int_equal(iothdns_put_rr(IOTHDNS_SEC_AUTH, pkt, &rr), 0);
    assert_int_equal(iothdns_put_name_uncompressed(pkt, "ns.example.org"), 0);
    rr = rr_of("mail.example.org", IOTHDNS_TYPE_A);
    assert_int_equal(iothdns_put_rr(IOTHDNS_SEC_ADDITIONAL, pkt, &rr), 0);
    assert_int_equal(iothdns_put_a(pkt, &(struct in_addr){.s_addr = htonl(0xc0000201)}), 0);
    rr = rr_of("mail.example.org", IOTHDNS_TYPE_AAAA);
    assert_int_equal(iothdns_put_rr(IOTHDNS_SEC_ADDITIONAL, pkt, &rr), 0);
    assert_int_equal(iothdns_put_aaaa(pkt, &in6addr_loopback), 0);
    rr = rr_of(".", 65280);
    assert_int_equal(iothdns_put_rr(IOTHDNS_SEC_ADDITIONAL, pkt, &rr), 0);
    assert_int_equal(iothdns_put_int8(pkt, 7), 0);
    assert_int_equal(iothdns_put_int32(pkt, 0xdeadbeef), 0);
    assert_int_equal(iothdns_put_data(pkt, "xyz", 3), 0);
    return pkt;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct iothdns_pkt *out = rich_packet();
    struct iovec message = iothdns_getbuf(out);
    char name[IOTHDNS_MAXNAME], text[IOTHDNS_MAXSTRING];
    struct iothdns_header h;
    struct iothdns_rr rr;
    struct in6_addr in6;
    struct in_addr in;

    struct iothdns_pkt *in_pkt = iothdns_get_header(&h, message.iov_base, message.iov_len, name);
    assert_non_null(in_pkt);
    assert_int_equal(h.id, 0x1234);
    assert_int_equal(h.flags, IOTHDNS_RESPONSE | IOTHDNS_RD);
    assert_string_equal(h.qname, "www.Example.org");
    assert_int_equal(h.qtype, IOTHDNS_TYPE_MX);

    assert_int_equal(iothdns_get_rr(in_pkt, &rr, name), IOTHDNS_SEC_ANSWER);
    assert_int_equal(rr.type, IOTHDNS_TYPE_MX);
    assert_int_equal(rr.class, IOTHDNS_CLASS_IN);
    assert_int_equal(rr.ttl, 300);
    assert_int_equal(iothdns_get_int16(in_pkt), 10);
    assert_string_equal(iothdns_get_name(in_pkt, name),
                        "mail.Example.org"); /* compressed: spelled as there */
    assert_int_equal(rr.rdlength, 2 + 1 + 4 + 2);

    assert_int_equal(iothdns_get_rr(in_pkt, &rr, name), IOTHDNS_SEC_ANSWER);
    assert_string_equal(iothdns_get_string(in_pkt, text), "hello");
    assert_string_equal(iothdns_get_string(in_pkt, text), "");
    assert_int_equal(iothdns_pkt_error(in_pkt), 0);
    assert_null(iothdns_get_string(in_pkt, text));
    assert_int_equal(errno, EBADMSG);
    assert_int_equal(iothdns_pkt_error(in_pkt), EBADMSG);

    assert_int_equal(iothdns_get_rr(in_pkt, &rr, name), IOTHDNS_SEC_AUTH);
    assert_int_equal(iothdns_pkt_error(in_pkt), 0);
    assert_int_equal(rr.rdlength, strlen("ns.example.org") + 2);
    assert_string_equal(iothdns_get_name(in_pkt, name), "ns.example.org");

    assert_int_equal(iothdns_get_rr(in_pkt, &rr, name), IOTHDNS_SEC_ADDITIONAL);
    assert_non_null(iothdns_get_a(in_pkt, &in));
    assert_int_equal(in.s_addr, htonl(0xc0000201));
    assert_int_equal(iothdns_get_rr(in_pkt, &rr, name), IOTHDNS_SEC_ADDITIONAL);
    assert_non_null(iothdns_get_aaaa(in_pkt, &in6));
    assert_memory_equal(&in6, &in6addr_loopback, sizeof(in6));
    assert_int_equal(iothdns_get_rr(in_pkt, &rr, name), IOTHDNS_SEC_ADDITIONAL);
    assert_string_equal(rr.name, ".");
    assert_int_equal(iothdns_get_int8(in_pkt), 7);
    assert_int_equal(iothdns_get_int32(in_pkt), 0xdeadbeef);
    assert_ptr_equal(iothdns_get_data(in_pkt, text, 3), text);
    assert_memory_equal(text, "xyz", 3);
    assert_int_equal(iothdns_get_rr(in_pkt, &rr, name), 0);
    assert_int_equal(iothdns_pkt_error(in_pkt), 0);
    iothdns_free(in_pkt);
    iothdns_free(out);
}

static void test_header_is_rewritten(void **state)
{
    (void)state;
    struct iothdns_pkt *pkt = rich_packet();
    uint16_t id, flags;

    iothdns_rewrite_header(pkt, 0xbeef, IOTHDNS_RESPONSE | IOTHDNS_RCODE_ENOENT);
    iothdns_retrieve_header(pkt, &id, &flags);
    assert_int_equal(id, 0xbeef);
    assert_true(IOTHDNS_IS_RESPONSE(flags) && !IOTHDNS_IS_QUERY(flags));
    assert_int_equal(IOTHDNS_GET_RCODE(flags), IOTHDNS_RCODE_ENOENT);
    assert_int_equal(get_be16(iothdns_getbuf(pkt).iov_base), 0xbeef);
    iothdns_free(pkt);
}

/* Every beginning of a message, as a message of its own (and memory: nothing behind it may be read). */
static void test_truncated(void **state)
{
    (void)state;
    struct iothdns_pkt *whole = rich_packet();
    struct iovec message = iothdns_getbuf(whole);

    for (size_t len = 0; len < message.iov_len; len++) {
        uint8_t *copy = malloc(len + 1);
        char name[IOTHDNS_MAXNAME];
        struct iothdns_header h;
        struct iothdns_rr rr;
        unsigned n = 0;
        memcpy(copy, message.iov_base, len);
        copy = realloc(copy, len > 0 ? len : 1);
        struct iothdns_pkt *pkt = iothdns_get_header(&h, copy, len, name);
        assert_true(pkt || errno == EBADMSG);
        while (pkt && iothdns_get_rr(pkt, &rr, name) > 0)
            n++;
        assert_true(n < 6);
        assert_true(!pkt || iothdns_pkt_error(pkt) == EBADMSG);
        iothdns_free(pkt);
        free(copy);
    }
    iothdns_free(whole);
}

static void test_names_in_circles(void **state)
{
    (void)state;
    uint8_t message[] = {0, 1, 0x80, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1};
    /* A good question; an owner that points at itself; RDATA whose name points forward. */
    uint8_t record[] = {0, 1, 0x80, 0,  0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1,
                        0, 1, 0xc0, 17, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0};
    uint8_t rdata[] = {0, 1, 0x80, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0,    1,
                       0, 1, 0,    0, 5, 0, 1, 0, 0, 0, 0, 0, 2, 0xc0, 28};
    char name[IOTHDNS_MAXNAME];
    struct iothdns_header h;
    struct iothdns_rr rr;

    assert_null(iothdns_get_header(&h, message, sizeof(message), name));
    assert_int_equal(errno, EBADMSG);

    struct iothdns_pkt *pkt = iothdns_get_header(&h, record, sizeof(record), name);
    assert_non_null(pkt);
    assert_int_equal(iothdns_get_rr(pkt, &rr, name), 0);
    assert_int_equal(iothdns_pkt_error(pkt), EBADMSG);
    iothdns_free(pkt);

    pkt = iothdns_get_header(&h, rdata, sizeof(rdata), name);
    assert_non_null(pkt);
    assert_int_equal(iothdns_get_rr(pkt, &rr, name), IOTHDNS_SEC_ANSWER);
    assert_null(iothdns_get_name(pkt, name));
    assert_int_equal(iothdns_get_rr(pkt, &rr, name), 0);
    assert_int_equal(iothdns_pkt_error(pkt), 0);
    iothdns_free(pkt);
}

static void test_odd_counts_of_questions(void **state)
{
    (void)state;
    uint8_t message[] = {0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    char name[IOTHDNS_MAXNAME] = "x";
    struct iothdns_header h;
    struct iothdns_rr rr;

    struct iothdns_pkt *pkt = iothdns_get_header(&h, message, sizeof(message), name);
    assert_non_null(pkt);
    assert_string_equal(h.qname, "");
    assert_int_equal(h.qtype, 0);
    assert_int_equal(iothdns_get_rr(pkt, &rr, NULL), 0);
    assert_int_equal(iothdns_pkt_error(pkt), 0);
    iothdns_free(pkt);
    message[5] = 2;
    assert_null(iothdns_get_header(&h, message, sizeof(message), name));
    assert_null(iothdns_get_header(&h, message, 0, name));
    assert_null(iothdns_get_header(&h, NULL, 0, name));
}

/* Names that need more room than the old interface has. */
static void test_long_names(void **state)
{
    (void)state;
    char escaped[DNAME_TEXT_MAX] = "", name[IOTHDNS_MAXNAME], full[DNAME_TEXT_MAX];
    struct iothdns_header h = question_of("a", IOTHDNS_TYPE_NS);
    struct iothdns_pkt *pkt = iothdns_put_header(&h);

    for (unsigned i = 0; i < 4; i++) {
        for (unsigned j = 0; j < 60; j++)
            strcat(escaped, "\\200");
        strcat(escaped, i < 3 ? "." : "");
    }
    struct iothdns_rr rr = rr_of("a", IOTHDNS_TYPE_NS), long_rr = rr_of(escaped, IOTHDNS_TYPE_NS), got;
    iothdns_put_rr(IOTHDNS_SEC_ANSWER, pkt, &rr);
    assert_int_equal(iothdns_put_name(pkt, escaped), 0);
    assert_int_equal(iothdns_put_rr(IOTHDNS_SEC_ANSWER, pkt, &long_rr), 0);
    struct iovec message = iothdns_getbuf(pkt);

    struct iothdns_pkt *in = iothdns_get_header(&h, message.iov_base, message.iov_len, NULL);
    assert_null(h.qname);
    assert_int_equal(iothdns_get_rr(in, &got, name), IOTHDNS_SEC_ANSWER);
    assert_null(iothdns_get_name(in, name));
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(iothdns_get_rr(in, &got, name), 0);
    assert_int_equal(iothdns_pkt_error(in), EMSGSIZE);
    iothdns_free(in);

    in = iothdns_get_header(&h, message.iov_base, message.iov_len, name);
    assert_int_equal(iothdns_get_rr(in, &got, NULL), IOTHDNS_SEC_ANSWER);
    assert_int_equal(iothdns_get_fullname(in, full, sizeof(full)), strlen(escaped));
    assert_string_equal(full, escaped);
    assert_int_equal(iothdns_get_rr(in, &got, NULL), IOTHDNS_SEC_ANSWER);
    iothdns_free(in);
    iothdns_free(pkt);
}

static void test_long_strings(void **state)
{
    (void)state;
    char longest[257], got[256], guarded[IOTHDNS_MAXSTRING + 1];
    struct iothdns_header h = question_of("a", IOTHDNS_TYPE_TXT);
    struct iothdns_pkt *pkt = iothdns_put_header(&h);
    struct iothdns_rr rr = rr_of("a", IOTHDNS_TYPE_TXT);

    memset(longest, 'x', 256);
    longest[255] = '\0';
    iothdns_put_rr(IOTHDNS_SEC_ANSWER, pkt, &rr);
    assert_int_equal(iothdns_put_string(pkt, longest), 0);
    assert_int_equal(iothdns_put_string(pkt, longest + 1), 0);
    struct iovec message = iothdns_getbuf(pkt);

    struct iothdns_pkt *in = iothdns_get_header(&h, message.iov_base, message.iov_len, NULL);
    guarded[IOTHDNS_MAXSTRING] = '!';
    iothdns_get_rr(in, &rr, NULL);
    assert_null(
        iothdns_get_string(in, guarded)); /* 255 bytes and a NUL are more than the buffer is said to have */
    assert_int_equal(errno, EMSGSIZE);
    assert_non_null(iothdns_get_string(in, guarded));
    assert_int_equal(strlen(guarded), 254);
    assert_int_equal(guarded[IOTHDNS_MAXSTRING], '!');
    iothdns_free(in);
    in = iothdns_get_header(&h, message.iov_base, message.iov_len, NULL);
    iothdns_get_rr(in, &rr, NULL);
    assert_int_equal(iothdns_get_text(in, got, sizeof(got)), 255);
    assert_string_equal(got, longest);
    iothdns_free(in);

    longest[255] = 'x';
    longest[256] = '\0';
    assert_int_equal(iothdns_put_string(pkt, longest), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(iothdns_getbuf(pkt).iov_len, 0);
    iothdns_free(pkt);
}

static void test_errors_of_putting(void **state)
{
    (void)state;
    struct iothdns_header bad = question_of("a..b", 1), h = question_of("a", 1);
    struct iothdns_rr rr = rr_of("a", 1), no_name = rr_of("", 1), none = rr_of(NULL, 1);
    struct iothdns_pkt *pkt;

    assert_null(iothdns_put_header(&bad));
    assert_int_equal(errno, EINVAL);
    pkt = iothdns_put_header(&h);
    assert_int_equal(iothdns_put_int8(pkt, 1), -1); /* of no record */
    assert_int_equal(iothdns_pkt_error(pkt), EINVAL);
    assert_int_equal(iothdns_put_rr(IOTHDNS_SEC_ANSWER, pkt, &rr), -1); /* it sticks */
    iothdns_free(pkt);

    const struct iothdns_rr *wrong[] = {&no_name, &none};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        pkt = iothdns_put_header(&h);
        assert_int_equal(iothdns_put_rr(IOTHDNS_SEC_ANSWER, pkt, (struct iothdns_rr *)wrong[i]), -1);
        assert_int_equal(errno, EINVAL);
        iothdns_free(pkt);
    }
    pkt = iothdns_put_header(&h);
    assert_int_equal(iothdns_put_rr(IOTHDNS_SEC_AUTH, pkt, &rr), 0);
    assert_int_equal(iothdns_put_rr(IOTHDNS_SEC_ANSWER, pkt, &rr), -1); /* out of order */
    iothdns_free(pkt);
    pkt = iothdns_put_header(&h);
    assert_int_equal(iothdns_put_rr(IOTHDNS_SEC_QUERY, pkt, &rr), -1);
    iothdns_free(pkt);
    pkt = iothdns_put_header(&h);
    assert_int_equal(iothdns_put_rr(4, pkt, &rr), -1);
    assert_int_equal(iothdns_get_int8(pkt), 0); /* nor is it one to read */
    assert_int_equal(iothdns_get_rr(pkt, &rr, NULL), 0);
    iothdns_free(pkt);
    iothdns_free(NULL);
}

static void test_too_long_a_message(void **state)
{
    (void)state;
    struct iothdns_header h = question_of("a", IOTHDNS_TYPE_NULL);
    struct iothdns_pkt *pkt = iothdns_put_header(&h);
    struct iothdns_rr rr = rr_of("a", IOTHDNS_TYPE_NULL);
    static uint8_t data[65535];

    assert_int_equal(iothdns_put_rr(IOTHDNS_SEC_ANSWER, pkt, &rr), 0);
    assert_int_equal(iothdns_put_data(pkt, data, 65500 - 64), 0);
    assert_true(iothdns_getbuf(pkt).iov_len <= IOTHDNS_TCP_MAXBUF);
    assert_int_equal(iothdns_put_data(pkt, data, 200), -1);
    assert_int_equal(errno, EMSGSIZE);
    assert_int_equal(iothdns_getbuf(pkt).iov_len, 0);
    iothdns_free(pkt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_header_is_rewritten),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_names_in_circles),
        cmocka_unit_test(test_odd_counts_of_questions),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_long_strings),
        cmocka_unit_test(test_errors_of_putting),
        cmocka_unit_test(test_too_long_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
