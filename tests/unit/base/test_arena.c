/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The arena: alignment, zeroes, objects of all sizes side by side, and no memory left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "base/arena.h"

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static bool no_memory;

void *__wrap_calloc(size_t n, size_t size)
{
    return no_memory ? NULL : __real_calloc(n, size);
}

static void assert_all(const uint8_t *bytes, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++)
        assert_int_equal(bytes[i], value);
}

static void objects_are_zeroed_aligned_and_apart(void **state)
{
    static const size_t sizes[] = {1, 3, 16, 0, 17, 8191, 8192, 8193, 100000, 40, 32768, 5, 9000, 2};
    enum { N = ARRAY_LEN(sizes) * 20 };
    uint8_t *objects[N];
    struct arena a = {0};

    (void)state;
    for (size_t i = 0; i < N; i++) {
        size_t size = sizes[i % ARRAY_LEN(sizes)];
        objects[i] = arena_alloc(&a, size);
        assert_non_null(objects[i]);
        assert_int_equal((uintptr_t)objects[i] % _Alignof(max_align_t), 0);
        assert_all(objects[i], size, 0);
        memset(objects[i], (int)i & 0xff, size);
    }
    for (size_t i = 0; i < N; i++)
        assert_all(objects[i], sizes[i % ARRAY_LEN(sizes)], (uint8_t)i);
    assert_true(a.total >= 20 * (8191 + 8192 + 8193 + 100000 + 32768 + 9000));
    arena_fini(&a);
    assert_null(a.blocks);
    assert_int_equal(a.total, 0);
}

static void many_small_objects_share_blocks(void **state)
{
    struct arena a = {0};

    (void)state;
    for (int i = 0; i < 10000; i++)
        assert_non_null(arena_alloc(&a, 16));
    assert_true(a.total < 10000 * 16 + 2 * 33000);
    arena_fini(&a);
}

static void a_large_object_leaves_the_newest_block_in_use(void **state)
{
    struct arena a = {0};

    (void)state;
    uint8_t *before = arena_alloc(&a, 16);
    assert_non_null(arena_alloc(&a, 1000000));
    uint8_t *after = arena_alloc(&a, 16);
    assert_ptr_equal(after, before + 16);
    arena_fini(&a);
}

static void copies(void **state)
{
    struct arena a = {0};

    (void)state;
    assert_memory_equal(arena_copy(&a, "a\0b", 3), "a\0b", 3);
    assert_string_equal(arena_text(&a, "hash.local", 4), "hash");
    assert_string_equal(arena_text(&a, "", 0), "");
    assert_string_equal(arena_text(&a, NULL, 0), "");
    assert_non_null(arena_copy(&a, NULL, 0));
    arena_fini(&a);
}

static void without_memory_the_arena_stays_as_it_was(void **state)
{
    struct arena a = {0};

    (void)state;
    no_memory = true;
    assert_null(arena_alloc(&a, 1));
    assert_null(arena_alloc(&a, 100000));
    no_memory = false;
    char *text = arena_text(&a, "stays", 5);
    size_t total = a.total;
    no_memory = true;
    assert_null(arena_alloc(&a, 100000));
    assert_null(arena_copy(&a, text, 20000));
    no_memory = false;
    assert_string_equal(text, "stays");
    assert_int_equal(a.total, total);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 20));
    assert_null(arena_text(&a, text, SIZE_MAX));
    assert_non_null(arena_alloc(&a, 16));
    arena_fini(&a);
    arena_fini(&a);
    arena_fini(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_zeroed_aligned_and_apart),
        cmocka_unit_test(many_small_objects_share_blocks),
        cmocka_unit_test(a_large_object_leaves_the_newest_block_in_use),
        cmocka_unit_test(copies),
        cmocka_unit_test(without_memory_the_arena_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
