/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A call that fails as system calls do. Behind cmocka.h. */
#ifndef TESTS_FAILS_H
#define TESTS_FAILS_H

#include <errno.h>

#define assert_fails(call, error)                                                                            \
    do {                                                                                                     \
        errno = 0;                                                                                           \
        assert_int_equal(call, -1);                                                                          \
        assert_int_equal(errno, error);                                                                      \
    } while (0)

#endif
