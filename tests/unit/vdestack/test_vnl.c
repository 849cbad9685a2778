/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interface names before Virtual Network Locators. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vdestack/vnl.h"

static void test_names_and_locators(void **state)
{
    static const struct {
        const char *text, *name, *locator;
    } cases[] = {
        {"vde:///tmp/hub", "vde7", "vde:///tmp/hub"},
        {"vde://", "vde7", "vde://"},
        {"eth0:vde:///tmp/hub", "eth0", "vde:///tmp/hub"},
        {"eth0:vde://", "eth0", "vde://"},
        {"eth0:vxvde://234.0.0.1", "eth0", "vxvde://234.0.0.1"},
        {"vde:vde://", "vde", "vde://"},
        {"vde:ptp:///tmp/ptp", "vde", "ptp:///tmp/ptp"},
        {"fifteen_bytes_1:tap://tap0", "fifteen_bytes_1", "tap://tap0"},
        {"/tmp/hub", "vde7", "/tmp/hub"},
        {"/tmp/a:b", "vde7", "/tmp/a:b"},
        {"eth0:/tmp/hub", "vde7", "eth0:/tmp/hub"},
        {"udp://5000->192.168.1.1:5001", "vde7", "udp://5000->192.168.1.1:5001"},
        {"cmd://ssh host vde_plug vde://", "vde7", "cmd://ssh host vde_plug vde://"},
        {"", "vde7", ""},
        {":", "vde7", ":"},
    };
    char name[IFNAMSIZ];
    const char *locator;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(vnl_parse(cases[i].text, 7, name, &locator), 0);
        assert_string_equal(name, cases[i].name);
        assert_string_equal(locator, cases[i].locator);
    }
}

static void test_what_no_interface_can_be_called(void **state)
{
    static const char *const bad[] = {
        ":vde://",     "sixteen_bytes_16:vde://", "a b:vde://", "a/b:vde://", "..:vde://", ".:vde://",
        "eth%d:vde://"};
    char name[IFNAMSIZ] = "untouched";
    const char *locator = NULL;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(vnl_parse(bad[i], 0, name, &locator), -EINVAL);
        assert_string_equal(name, "untouched");
        assert_null(locator);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_locators),
        cmocka_unit_test(test_what_no_interface_can_be_called),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
