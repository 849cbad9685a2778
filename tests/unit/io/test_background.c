/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A daemon's start as the process that a person started sees it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/background.h"

/* What the parent of a daemon exits with, which says that it has begun, or ends before. */
static int exit_of_start(bool begins)
{
    int status;
    pid_t starter = fork();
    assert_true(starter >= 0);
    if (starter == 0) {
        int parent = background_enter();
        if (parent < 0 || getsid(0) != getpid())
            _exit(99);
        _exit(begins ? background_begun(parent) : 3);
    }
    assert_int_equal(waitpid(starter, &status, 0), starter);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_start_that_succeeds(void **state)
{
    (void)state;
    assert_int_equal(exit_of_start(true), EXIT_SUCCESS);
}

static void a_start_that_fails(void **state)
{
    (void)state;
    assert_int_equal(exit_of_start(false), EXIT_FAILURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_that_succeeds),
        cmocka_unit_test(a_start_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
