/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The frame of netlink: a vector, every truncation of it, and lengths that lie. Bytes stand in buffers of
 * their exact size, so that the sanitizers see a step too far. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/netlink.h"

/* A message of 16 + 4 + 8 + 5 bytes without its last padding, as many senders leave it. */
static size_t write_message(uint32_t *bytes, size_t size)
{
    const struct nlmsghdr head = {.nlmsg_len = 33, .nlmsg_type = 20, .nlmsg_seq = 9};
    struct writer w = writer_of(bytes, size);

    netlink_put(&w, &head, sizeof(head));
    netlink_put(&w, "h", 1);
    netlink_put_attr(&w, 3, "abcd", 4);
    netlink_put_attr(&w, 2 | NLA_F_NESTED, "z", 1);
    assert_false(w.bad);
    assert_int_equal(w.pos, 36);
    return 33;
}

static void check_whole(struct reader *r)
{
    const struct nlmsghdr *msg = netlink_next_message(r);
    const struct nlattr *table[4];

    assert_non_null(msg);
    assert_int_equal(msg->nlmsg_seq, 9);
    assert_int_equal(netlink_table(netlink_attrs_of(msg, 1), table, 4), 0);
    assert_null(table[0]);
    assert_null(table[1]);
    struct reader payload = netlink_payload(table[3]);
    assert_int_equal(reader_left(&payload), 4);
    assert_memory_equal(reader_take(&payload, 4), "abcd", 4);
    payload = netlink_payload(table[2]);
    assert_int_equal(reader_left(&payload), 1);
    assert_int_equal(reader_u8(&payload), 'z');
}

static void test_vector(void **state)
{
    uint32_t bytes[18];
    struct reader r;

    (void)state;
    size_t len = write_message(bytes, 36);
    write_message(bytes + 9, 36);
    r = reader_of(bytes, 36 + len);
    check_whole(&r);
    check_whole(&r);
    assert_null(netlink_next_message(&r));
    assert_false(r.bad);
}

static void test_truncations(void **state)
{
    uint32_t bytes[9];
    size_t len = write_message(bytes, sizeof(bytes)), cut;

    (void)state;
    for (cut = 1; cut < len; cut++) {
        uint32_t *exact = malloc(cut);
        struct reader r = reader_of(exact, cut);

        memcpy(exact, bytes, cut);
        assert_null(netlink_next_message(&r));
        assert_true(r.bad);
        if (cut >= sizeof(struct nlmsghdr)) { /* the same, with a length that has been made right */
            const struct nlattr *table[4];

            exact[0] = (uint32_t)cut;
            r = reader_of(exact, cut);
            const struct nlmsghdr *msg = netlink_next_message(&r);
            assert_non_null(msg);
            int result = netlink_table(netlink_attrs_of(msg, 1), table, 4);
            bool fits = cut == 17 || (cut >= 17 && cut <= 23) || (cut >= 28 && cut <= 31);
            assert_int_equal(result, fits ? 0 : -EBADMSG);
        }
        free(exact);
    }
}

static void test_lengths_that_lie(void **state)
{
    const uint32_t lengths[] = {0, 1, 15, 34, 37, 0x7fffffff, 0xfffffffd, 0xffffffff};
    uint32_t bytes[9];
    size_t i, len = write_message(bytes, sizeof(bytes));

    (void)state;
    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct reader r = reader_of(bytes, len);

        bytes[0] = lengths[i];
        assert_null(netlink_next_message(&r));
        assert_true(r.bad);
    }
}

static void test_what_does_not_fit_is_not_written(void **state)
{
    static const uint8_t much[65536];
    uint8_t buffer[8];
    struct writer w = writer_of(buffer, sizeof(buffer));

    (void)state;
    netlink_put_attr(&w, 1, much, 5);
    assert_true(w.bad);
    w = writer_of(buffer, sizeof(buffer));
    netlink_put_attr(&w, 1, much, 65532);
    assert_true(w.bad);
    assert_int_equal(w.pos, 0);
    assert_int_equal(netlink_attr_space(0), 4);
    assert_int_equal(netlink_attr_space(5), 12);
}

/* 0, or what is an errno; a DONE may have none. */
static void test_codes(void **state)
{
    static const struct {
        uint16_t type;
        int code;
        uint32_t len;
        int expected;
    } rows[] = {
        {NLMSG_ERROR, 0, 20, 0},
        {NLMSG_ERROR, -ENODEV, 20, -ENODEV},
        {NLMSG_ERROR, -4095, 20, -4095},
        {NLMSG_ERROR, -4096, 20, -EBADMSG},
        {NLMSG_ERROR, INT32_MIN, 20, -EBADMSG},
        {NLMSG_ERROR, 1, 20, -EBADMSG},
        {NLMSG_ERROR, 0, 19, -EBADMSG},
        {NLMSG_DONE, -ENOBUFS, 20, -ENOBUFS},
        {NLMSG_DONE, -ENOBUFS, 16, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct {
            struct nlmsghdr head;
            int code;
        } msg = {{.nlmsg_len = rows[i].len, .nlmsg_type = rows[i].type}, rows[i].code};

        assert_int_equal(netlink_code(&msg.head), rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector),
        cmocka_unit_test(test_truncations),
        cmocka_unit_test(test_lengths_that_lie),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_what_does_not_fit_is_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
