/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which plug-ins load, and which errno tells why one does not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <ioth.h>

static int use_test_plugins(void **state)
{
    (void)state;
    return setenv("IOTH_PLUGIN_PATH", "/nowhere::" PLUGIN_DIR, 1);
}

static void test_what_does_not_load(void **state)
{
    static const struct {
        const char *name;
        int error;
    } cases[] = {
        {"absent", ENOENT},
        {"", EINVAL},
        {",option", EINVAL},
        {"../" PLUGIN_DIR "/minimal", EINVAL},
        {"a_name_that_is_longer_than_what_fits_into_the_buffers_for_symbols_of_plug_ins", EINVAL},
        {"foreign", ENOEXEC},
        {"short", ENOEXEC},
        {"incomplete", ELIBBAD},
        {"misnamed", ELIBBAD},
        {"garbage", ELIBACC},
        {"gpl", ENOKEY},
        {"refusing", ENOTUNIQ},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        errno = 0;
        if (ioth_newstack(cases[i].name, NULL) != NULL || errno != cases[i].error)
            fail_msg("%s: %s instead of %s", cases[i].name, strerror(errno), strerror(cases[i].error));
    }
    errno = 0;
    assert_null(ioth_newstack(NULL, NULL));
    assert_int_equal(errno, EINVAL);
}

static void assert_loads(const char *name)
{
    struct ioth *stack = ioth_newstack(name, NULL);

    if (stack == NULL)
        fail_msg("%s: %s", name, strerror(errno));
    assert_int_equal(ioth_delstack(stack), 0);
}

static void test_what_loads(void **state)
{
    (void)state;
    assert_loads("kernel");
    assert_loads("minimal");
    assert_loads("minimal,some=option");
    assert_loads("early");
}

static void test_license_of_the_program(void **state)
{
    (void)state;
    ioth_set_license("GPL-3.0-or-later");
    assert_loads("gpl");
    ioth_set_license("GPL-2.0-only");
    assert_null(ioth_newstack("gpl", NULL));
    assert_int_equal(errno, ENOKEY);
    ioth_set_license(NULL);
    assert_null(ioth_newstack("gpl", NULL));
    assert_int_equal(errno, ENOKEY);
}

/* Whatever is in the file. */
static void test_what_is_found(void **state)
{
    static const char *const there[] = {"kernel", "minimal", "minimal,some=option", "garbage", "gpl"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(there) / sizeof(there[0]); i++)
        if (ioth_checkstack(there[i]) != 0)
            fail_msg("%s: %s", there[i], strerror(errno));
    assert_int_equal(ioth_checkstack("absent,some=option"), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(ioth_checkstack("../" PLUGIN_DIR "/minimal"), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(ioth_checkstack(NULL), -1);
    assert_int_equal(errno, EINVAL);
}

/* A link to itself, into which not even root can look. */
static void test_what_may_be_there(void **state)
{
    char dir[] = "/tmp/ioth-loader-XXXXXX", loop[64], path[256];

    assert_non_null(mkdtemp(dir));
    snprintf(loop, sizeof(loop), "%s/loop", dir);
    assert_int_equal(symlink("loop", loop), 0);
    snprintf(path, sizeof(path), "%s:%s", loop, PLUGIN_DIR);
    setenv("IOTH_PLUGIN_PATH", path, 1);
    assert_int_equal(ioth_checkstack("minimal"), 0);
    assert_int_equal(ioth_checkstack("absent"), -1);
    assert_int_equal(errno, EACCES);
    assert_null(ioth_newstack("absent", NULL));
    assert_int_equal(errno, ENOENT);
    unlink(loop);
    rmdir(dir);
    use_test_plugins(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_does_not_load),     cmocka_unit_test(test_what_loads),
        cmocka_unit_test(test_what_is_found),          cmocka_unit_test(test_what_may_be_there),
        cmocka_unit_test(test_license_of_the_program),
    };

    return cmocka_run_group_tests(tests, use_test_plugins, NULL);
}
