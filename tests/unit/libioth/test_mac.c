/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MAC addresses as text, both ways. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <ioth.h>

static const uint8_t mac[6] = {0x80, 0x01, 0x0a, 0xbc, 0xde, 0xff};

static void test_to_text(void **state)
{
    char text[MAC_ADDRSTRLEN];

    (void)state;
    assert_ptr_equal(ioth_ntomac(mac, text, sizeof(text)), text);
    assert_string_equal(text, "80:01:0a:bc:de:ff");
    assert_null(ioth_ntomac(mac, text, sizeof(text) - 1));
    assert_int_equal(errno, ENOSPC);
}

static void test_from_text(void **state)
{
    static const char *const good[] = {"80:01:0a:bc:de:ff", "80:1:A:BC:DE:FF", "80-01-0a-bc-de-ff"};
    uint8_t got[6];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        memset(got, 0, sizeof(got));
        assert_int_equal(ioth_macton(good[i], got), 1);
        assert_memory_equal(got, mac, sizeof(mac));
    }
}

static void test_what_is_no_mac(void **state)
{
    static const char *const bad[] = {
        "",
        "80",
        "80:01:0a:bc:de",
        "80:01:0a:bc:de:",
        "80:01:0a:bc:de:ff:00",
        "80:01:0a:bc:de:ff ",
        " 80:01",
        "80:01:0a:bc:de:fg",
        "800:1:0a:bc:de:ff",
        "80:01-0a:bc:de:ff",
        "80.01.0a.bc.de.ff",
        "::::::",
    };
    uint8_t got[6], untouched[6];
    size_t i;

    (void)state;
    memset(untouched, 0x55, sizeof(untouched));
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(got, 0x55, sizeof(got));
        assert_int_equal(ioth_macton(bad[i], got), 0);
        assert_memory_equal(got, untouched, sizeof(got));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_text),
        cmocka_unit_test(test_from_text),
        cmocka_unit_test(test_what_is_no_mac),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
