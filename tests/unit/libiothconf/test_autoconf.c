/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Linux's own autoconfiguration is off while ours runs, and as it was before afterwards; in a network namespace of this
   process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ioth.h>

#include "libiothconf/autoconf.h"

enum { SKIPPED = 77 };

#define SETTING "/proc/sys/net/ipv6/conf/vde0/accept_ra"

static void set(char value)
{
    FILE *file = fopen(SETTING, "w");

    assert_non_null(file);
    fputc(value, file);
    assert_int_equal(fclose(file), 0);
}

static int get(void)
{
    FILE *file = fopen(SETTING, "r");
    int value;

    assert_non_null(file);
    value = fgetc(file);
    fclose(file);
    return value;
}

static void test_off_and_on(void **state)
{
    struct autoconf a = {0};

    (void)state;
    for (char before = '0'; before <= '2'; before++) {
        set(before);
        autoconf_suspend(&a, NULL, "vde0");
        autoconf_suspend(&a, NULL, "vde0");
        assert_int_equal(get(), '0');
        autoconf_resume(&a);
        assert_int_equal(get(), before);
        autoconf_resume(&a);
        assert_int_equal(get(), before);
    }
}

/* What somebody has set meanwhile stays. */
static void test_somebody_else(void **state)
{
    struct autoconf a = {0};

    (void)state;
    set('1');
    autoconf_suspend(&a, NULL, "vde0");
    set('2');
    autoconf_resume(&a);
    assert_int_equal(get(), '2');
}

/* A stack of libioth in this namespace is the same; one elsewhere has a vde0 of its own. */
static void test_other_stacks(void **state)
{
    struct ioth *here = ioth_newstack("kernel", NULL), *there = ioth_newstack("vdestack", NULL);
    struct autoconf a = {0};

    (void)state;
    set('1');
    assert_non_null(here);
    autoconf_suspend(&a, here, "vde0");
    assert_int_equal(get(), '0');
    autoconf_resume(&a);
    assert_int_equal(get(), '1');
    ioth_delstack(here);
    if (there == NULL)
        return; /* this machine has no vdestack */
    autoconf_suspend(&a, there, "vde0");
    assert_false(a.suspended);
    assert_int_equal(get(), '1');
    ioth_delstack(there);
}

static void test_no_such_interface(void **state)
{
    struct autoconf a = {0};

    (void)state;
    autoconf_suspend(&a, NULL, "nowhere0");
    assert_false(a.suspended);
    autoconf_resume(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_off_and_on),
        cmocka_unit_test(test_somebody_else),
        cmocka_unit_test(test_other_stacks),
        cmocka_unit_test(test_no_such_interface),
    };

    if (unshare(CLONE_NEWNET) < 0 || nlinline_iplink_add("vde0", 0, "veth", NULL, 0) < 0 ||
        access(SETTING, W_OK) < 0) {
        printf("skipped: no network namespace with IPv6 and a writable /proc/sys: %s\n", strerror(errno));
        return SKIPPED;
    }
    return cmocka_run_group_tests_name("Linux's own autoconfiguration", tests, NULL, NULL);
}
