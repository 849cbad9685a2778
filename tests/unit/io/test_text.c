/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text that grows: what was written stands there, its bound and a failure of memory stick, JSON is JSON. */
#include "io/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool no_memory;

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
    return no_memory ? NULL : __real_realloc(old, size);
}

static void expect(struct text *t, const char *expected)
{
    assert_false(t->failed);
    assert_int_equal(t->len, strlen(expected));
    assert_memory_equal(t->bytes, expected, t->len);
    text_fini(t);
}

static void what_is_written_stands_there(void **state)
{
    struct text t = {0};
    (void)state;

    text_drop(&t, 0);
    text_puts(&t, "");
    text_puts(&t, "one");
    text_printf(&t, " %s %d", "two", 3);
    text_put(&t, "\0four", 1);
    text_drop(&t, 4);
    assert_int_equal(t.len, 6);
    assert_memory_equal(t.bytes, "two 3", 6);
    text_drop(&t, 6);
    text_puts(&t, "five");
    expect(&t, "five");
}

static void json_strings(void **state)
{
    struct text t = {0};
    (void)state;

    text_json(&t, "a\"b\\c\n\x01\x7f\xe9 z");
    expect(&t, "\"a\\\"b\\\\c\\u000a\\u0001\\u007f\\u00e9 z\"");
    text_json(&t, "");
    expect(&t, "\"\"");
}

static void it_has_an_end(void **state)
{
    static char block[TEXT_MAX];
    struct text t = {0};
    (void)state;

    memset(block, 'x', sizeof(block));
    text_put(&t, block, TEXT_MAX - 1);
    assert_false(t.failed);
    text_put(&t, block, 2);
    assert_true(t.failed);
    assert_int_equal(t.len, TEXT_MAX - 1);
    text_put(&t, block, 1); /* sticks, though there would be room */
    assert_int_equal(t.len, TEXT_MAX - 1);
    text_fini(&t);
    assert_false(t.failed);
}

static void out_of_memory(void **state)
{
    struct text t = {0};
    (void)state;

    no_memory = true;
    text_printf(&t, "%d", 1);
    assert_true(t.failed);
    no_memory = false;
    text_puts(&t, "x");
    assert_int_equal(t.len, 0);
    text_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_stands_there),
        cmocka_unit_test(json_strings),
        cmocka_unit_test(it_has_an_end),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
