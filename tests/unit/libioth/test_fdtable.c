/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The owner of each descriptor number, alone and with many threads at once. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libioth/fdtable.h"

/* Stacks are only addresses here. */
static char stack_a, stack_b;
#define A ((struct ioth *)&stack_a)
#define B ((struct ioth *)&stack_b)

static void test_unowned_numbers(void **state)
{
    const int numbers[] = {-1, INT_MIN, 0, 1, 65535, 65536, 1 << 30, INT_MAX};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_null(fdtable_get(numbers[i]));
        assert_null(fdtable_take(numbers[i]));
    }
}

static void test_set_replace_take(void **state)
{
    const int numbers[] = {0, 3, 65535, 65536, 1000000, INT_MAX};
    struct ioth *previous = A;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_int_equal(fdtable_set(numbers[i], A, &previous), 0);
        assert_null(previous);
        assert_ptr_equal(fdtable_get(numbers[i]), A);
        assert_int_equal(fdtable_set(numbers[i], B, &previous), 0);
        assert_ptr_equal(previous, A);
        assert_ptr_equal(fdtable_take(numbers[i]), B);
        assert_null(fdtable_take(numbers[i]));
    }
}

static void test_negative_number_has_no_owner(void **state)
{
    struct ioth *previous = B;

    (void)state;
    assert_int_equal(fdtable_set(-1, A, &previous), -EBADF);
    assert_ptr_equal(previous, B);
}

enum { THREADS = 4, ROUNDS = 20000, NUMBERS = 8, FIRST = 5 << 16 };

/* Owners that are in the table: each set adds one, each take or displacement removes the one it reports. */
static atomic_int balance;

static void *churn(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    struct ioth *previous;
    int i;

    for (i = 0; i < ROUNDS; i++) {
        int fd;

        seed = seed * 1664525 + 1013904223;
        fd = FIRST + (int)(seed >> 16) % NUMBERS * (1 << 15); /* pages that nobody has made yet */
        if ((seed & 0x80) != 0) {
            if (fdtable_set(fd, A, &previous) != 0)
                return NULL;
            atomic_fetch_add(&balance, previous == NULL ? 1 : 0);
        } else if (fdtable_take(fd) != NULL) {
            atomic_fetch_sub(&balance, 1);
        }
        previous = fdtable_get(fd);
        if (previous != NULL && previous != A)
            return NULL;
    }
    return &balance;
}

static void test_threads_lose_nothing(void **state)
{
    pthread_t threads[THREADS];
    void *result;
    int i, left = 0;

    (void)state;
    for (i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(uintptr_t)(i + 1)), 0);
    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, &balance);
    }
    for (i = 0; i < NUMBERS; i++)
        left += fdtable_take(FIRST + i * (1 << 15)) != NULL;
    assert_int_equal(left, balance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unowned_numbers),
        cmocka_unit_test(test_set_replace_take),
        cmocka_unit_test(test_negative_number_has_no_owner),
        cmocka_unit_test(test_threads_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
