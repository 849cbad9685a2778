/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The heap of deadlines against a plain sort and against a plain search, and without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "base/heap.h"

void *__real_reallocarray(void *array, size_t n, size_t size);
void *__wrap_reallocarray(void *array, size_t n, size_t size);

static bool no_memory;

void *__wrap_reallocarray(void *array, size_t n, size_t size)
{
    return no_memory ? NULL : __real_reallocarray(array, n, size);
}

enum { N = 2000 };

/* A small generator, so that each run does the same. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static int by_value(const void *a, const void *b)
{
    nsec_t x = *(const nsec_t *)a, y = *(const nsec_t *)b;
    return (x > y) - (x < y);
}

static void order_is_that_of_a_sort(void **state)
{
    static struct heap_node nodes[N];
    static nsec_t sorted[N];
    struct heap h = {0};
    uint32_t seed = 1;

    (void)state;
    assert_null(heap_first(&h));
    assert_true(heap_deadline(&h) == NSEC_NEVER);
    for (size_t i = 0; i < N; i++) {
        sorted[i] = (nsec_t)(next_random(&seed) % 1000) - 500; /* many alike, some negative */
        assert_int_equal(heap_set(&h, &nodes[i], sorted[i]), 0);
    }
    qsort(sorted, N, sizeof(sorted[0]), by_value);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(heap_deadline(&h), sorted[i]);
        struct heap_node *first = heap_first(&h);
        heap_remove(&h, first);
        assert_int_equal(first->slot, 0);
    }
    assert_int_equal(h.count, 0);
    heap_fini(&h);
}

static nsec_t earliest(const struct heap_node *nodes, size_t n)
{
    nsec_t first = NSEC_NEVER;

    for (size_t i = 0; i < n; i++) {
        if (nodes[i].slot > 0 && nodes[i].deadline < first)
            first = nodes[i].deadline;
    }
    return first;
}

static void random_sets_moves_and_removals(void **state)
{
    struct heap_node nodes[100] = {0};
    struct heap h = {0};
    uint32_t seed = 7;

    (void)state;
    for (int step = 0; step < 50000; step++) {
        struct heap_node *node = &nodes[next_random(&seed) % ARRAY_LEN(nodes)];
        if (next_random(&seed) % 3 == 0)
            heap_remove(&h, node);
        else
            assert_int_equal(heap_set(&h, node, (nsec_t)(next_random(&seed) % 500)), 0);
        assert_int_equal(heap_deadline(&h), earliest(nodes, ARRAY_LEN(nodes)));
    }
    heap_fini(&h);
}

static void out_of_memory_changes_nothing(void **state)
{
    struct heap_node a = {0}, b = {.deadline = 77};
    struct heap h = {0};

    (void)state;
    no_memory = true;
    assert_int_equal(heap_set(&h, &a, 5), -ENOMEM);
    assert_int_equal(heap_reserve(&h, 10), -ENOMEM);
    no_memory = false;
    assert_null(heap_first(&h));

    assert_int_equal(heap_reserve(&h, 1), 0);
    no_memory = true;
    assert_int_equal(heap_set(&h, &a, 5), 0);
    assert_int_equal(heap_set(&h, &b, 4), -ENOMEM);
    assert_int_equal(b.slot, 0);
    assert_int_equal(b.deadline, 77);
    assert_int_equal(heap_set(&h, &a, 3), 0); /* moving needs no memory */
    assert_int_equal(heap_deadline(&h), 3);
    heap_remove(&h, &b);
    heap_remove(&h, &a);
    no_memory = false;
    heap_fini(&h);
    heap_fini(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_that_of_a_sort),
        cmocka_unit_test(random_sets_moves_and_removals),
        cmocka_unit_test(out_of_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
