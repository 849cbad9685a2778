/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom a daemon is to become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "io/privilege.h"

static void users_are_found_by_name_and_number(void **state)
{
    struct identity who = {0};
    char why[256] = "";

    (void)state;
    assert_int_equal(identity_of("root", &who, why, sizeof(why)), 0);
    assert_true(who.change && who.uid == 0 && strcmp(who.name, "root") == 0);
    assert_int_equal(identity_of("0:0", &who, why, sizeof(why)), 0);
    assert_int_equal(identity_of("no-such-user-is-here", &who, why, sizeof(why)), -ENOENT);
    assert_string_equal(why, "there is no user 'no-such-user-is-here'");
    assert_int_equal(identity_of("root:no-such-group", &who, why, sizeof(why)), -ENOENT);
}

/* Without descriptors the table cannot be read: that is no word about who is in it. (root is known without the table.) */
static void a_table_that_cannot_be_read(void **state)
{
    struct identity who = {0};
    struct rlimit before, none;
    char why[256] = "";

    (void)state;
    if (identity_of("daemon", &who, why, sizeof(why)) < 0)
        skip(); /* not everybody has that one */
    who = (struct identity){0};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int e = identity_of("daemon", &who, why, sizeof(why));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(e, -EMFILE);
    assert_string_equal(why, "cannot look up the user 'daemon': Too many open files");
    assert_false(who.change);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_are_found_by_name_and_number),
        cmocka_unit_test(a_table_that_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
