/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words for a base: addresses, names, lengths, and what is none of them. Look-ups are tested with a server,
 * tests/net/test_otipaddr.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libotip/otip_base.h"

static void words_for_a_base(void **state)
{
    static const struct {
        const char *text, *name, *addr;
        unsigned prefix_len;
    } rows[] = {
        {"fc00::", "", "fc00::", 0},
        {"2001:db8::1/56", "", "2001:db8::1", 56},
        {"::/96", "", "::", 96},
        {"base.example", "base.example", "::", 0},
        {"Base.Example./1", "Base.Example.", "::", 1},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char why[OTIP_WHY_MAX], text[IPADDR_STRLEN];
        struct otip_base base;

        assert_int_equal(otip_base_parse(rows[i].text, &base, why), 0);
        assert_string_equal(base.name, rows[i].name);
        assert_string_equal(ipaddr_format(&base.addr, text), rows[i].addr);
        assert_int_equal(base.prefix_len, rows[i].prefix_len);
    }
}

static void words_for_none(void **state)
{
    static const struct {
        const char *text, *said;
    } rows[] = {
        {"", "neither an IPv6 address nor a name"},
        {"/64", "neither an IPv6 address nor a name"},
        {"fc00:::1", "neither an IPv6 address nor a name"},
        {"a..b", "neither an IPv6 address nor a name"},
        {"192.0.2.1", "this is an IPv4 address"},
        {"192.0.2.1/24", "this is an IPv4 address"},
        {"fc00::/", "a length from 1 to 96"},
        {"fc00::/0", "a length from 1 to 96"},
        {"fc00::/97", "a length from 1 to 96"},
        {"fc00::/6x", "a length from 1 to 96"},
        {"fc00::/-1", "a length from 1 to 96"},
        {"fc00::/99999999999999999999", "a length from 1 to 96"},
        {"a/64/64", "a length from 1 to 96"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char why[OTIP_WHY_MAX] = "";
        struct otip_base base = {.prefix_len = 42};

        assert_int_equal(otip_base_parse(rows[i].text, &base, why), -EINVAL);
        assert_non_null(strstr(why, rows[i].said));
        assert_int_equal(base.prefix_len, 42);
    }
}

static void names(void **state)
{
    char longest[OTIP_NAME_MAX + 2], label[65];
    (void)state;

    memset(longest, 'a', 253);
    longest[63] = longest[127] = longest[191] = '.'; /* three labels of 63 bytes, and one of 61 */
    longest[253] = '\0';
    assert_true(otip_is_name(longest));
    strcat(longest, ".");
    assert_true(otip_is_name(longest));
    strcpy(longest + 253, "a");
    assert_false(otip_is_name(longest));
    memset(label, 'a', 64);
    label[64] = '\0';
    assert_false(otip_is_name(label));
    assert_false(otip_is_name(""));
    assert_false(otip_is_name("."));
    assert_false(otip_is_name(".a"));
    assert_true(otip_is_name("a."));
}

static void an_address_is_found_without_asking(void **state)
{
    char why[OTIP_WHY_MAX];
    struct otip_base base;
    (void)state;

    assert_int_equal(otip_base_parse("fc00::", &base, why), 0);
    assert_int_equal(otip_base_find(&base, NULL, "192.0.2.1", why), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_for_a_base),
        cmocka_unit_test(words_for_none),
        cmocka_unit_test(names),
        cmocka_unit_test(an_address_is_found_without_asking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
