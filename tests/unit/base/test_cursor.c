/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The cursor: big-endian, and an error that sticks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cursor.h"

static void reads_to_the_end_and_no_further(void **state)
{
    const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 0xff, 0xfe};
    struct reader r = reader_of(bytes, sizeof(bytes));

    (void)state;
    assert_int_equal(reader_u8(&r), 1);
    assert_int_equal(reader_u16(&r), 0x0203);
    assert_int_equal(reader_u32(&r), 0x04050607);
    assert_int_equal(reader_left(&r), 2);
    assert_int_equal(reader_u32(&r), 0);
    assert_true(r.bad);
    assert_int_equal(r.pos, 7);
    assert_int_equal(reader_u8(&r), 0); /* there is a byte, but the error sticks */
    assert_null(reader_take(&r, 0));
    assert_int_equal(reader_left(&r), 0);
    assert_int_equal(r.pos, 7);

    r = reader_of(bytes, sizeof(bytes));
    assert_null(reader_take(&r, SIZE_MAX));
    assert_true(r.bad);
}

static void writes_to_the_end_and_no_further(void **state)
{
    uint8_t buffer[8] = {0};
    struct writer w = writer_of(buffer, 7);

    (void)state;
    writer_u8(&w, 1);
    writer_u16(&w, 0x0203);
    writer_put(&w, "ab", 2);
    assert_int_equal(writer_left(&w), 2);
    writer_u32(&w, 0xffffffff);
    assert_true(w.bad);
    writer_u8(&w, 9);
    writer_put(&w, "x", 1);
    assert_null(writer_reserve(&w, 0));
    assert_int_equal(w.pos, 5);
    assert_int_equal(writer_left(&w), 0);
    assert_memory_equal(buffer, "\1\2\3ab\0\0\0", 8);

    w = writer_of(buffer, 8);
    writer_put(&w, NULL, 0);
    writer_u32(&w, 0x01020304);
    writer_u32(&w, 0xf0f1f2f3);
    assert_false(w.bad);
    assert_int_equal(get_be32(buffer + 4), 0xf0f1f2f3);
    assert_int_equal(get_be16(buffer), 0x0102);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_to_the_end_and_no_further),
        cmocka_unit_test(writes_to_the_end_and_no_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
