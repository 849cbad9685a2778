/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text of otip.conf(5): what each line says, where and why one is wrong, and which names it is about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "libnss_otip/otip_conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct otip_conf conf_of(const char *text)
{
    return (struct otip_conf){text, text + strlen(text), 0};
}

static struct otip_conf_line line_of(const char *text)
{
    struct otip_conf conf = conf_of(text);
    struct otip_conf_line line;
    struct otip_conf_error error;

    if (otip_conf_next(&conf, &line, &error) != 1)
        fail_msg("%s: %u:%u: %s", text, error.line, error.column, error.text);
    return line;
}

/* All that a line says, as text: one comparison for all of it. */
static const char *told(const char *text)
{
    static char out[512];
    struct otip_conf_line l = line_of(text);
    char base[IPADDR_STRLEN];

    snprintf(out, sizeof(out), "%s %s%.*s %s/%u file=%.*s period=%u", l.keyword, l.below ? "." : "",
             (int)l.name_len, l.name, ipaddr_format(&l.base, base), l.prefix_len, (int)l.file_len,
             l.file ? l.file : "", l.period_s);
    return out;
}

static void every_kind_of_line(void **state)
{
    (void)state;
    assert_string_equal(told("hash .hash.local fd00::/64"), "hash .hash.local fd00::/64 file= period=0");
    assert_string_equal(told("  hash\tone.local.\tfd00::1  # mine\r\n"),
                        "hash one.local fd00::1/64 file= period=0");
    assert_string_equal(told("otip renzo.otip fd00:: secret s"),
                        "otip renzo.otip fd00::/64 file=s period=32");
    assert_string_equal(told("otip .otip fd00::/64 period 5 secret /a/b"),
                        "otip .otip fd00::/64 file=/a/b period=5");
    assert_string_equal(told("otip2 Renzo.OTIP 2001:db8::/48 key k period 86400"),
                        "otip2 Renzo.OTIP 2001:db8::/48 file=k period=86400");
    assert_string_equal(told("otip2 x 2001:db8::/96 key k"), "otip2 x 2001:db8::/96 file=k period=32");
    assert_string_equal(told("otip2 x 2001:db8:: key a#b"), "otip2 x 2001:db8::/64 file=a#b period=32");
}

static void comments_and_empty_lines_are_counted(void **state)
{
    struct otip_conf conf = conf_of("# first\n\n   \nhash a fd00::/64 # x\nhsh b fd00::\nhash c fd00::");
    struct otip_conf_line line;
    struct otip_conf_error error;

    (void)state;
    assert_int_equal(otip_conf_next(&conf, &line, &error), 1);
    assert_int_equal(line.number, 4);
    assert_int_equal(otip_conf_next(&conf, &line, &error), -EINVAL);
    assert_int_equal(error.line, 5);
    assert_int_equal(otip_conf_next(&conf, &line, &error), 1); /* a wrong line does not stop the others */
    assert_int_equal(line.number, 6);
    assert_int_equal(otip_conf_next(&conf, &line, &error), 0);
    assert_int_equal(otip_conf_next(&conf, &line, &error), 0);
}

static const struct {
    const char *text;
    unsigned column;
    const char *error;
} mistakes[] = {
    {"hsh a ::", 1, "unknown keyword 'hsh', did you mean 'hash'?"},
    {"static a ::", 1, "unknown keyword 'static': expected hash, otip or otip2"},
    {"otip", 1, "expected otip NAME BASE ..."},
    {"otip a", 6, "expected otip NAME BASE ..."},
    {"hash a..b ::", 6, "'a..b' is no domain name"},
    {"hash . ::", 6, "'.' is no domain name"},
    {"hash ..a ::", 6, "'..a' is no domain name"},
    {"hash a/b ::", 6, "'a/b' is no domain name"},
    {"hash a 10.0.0.1", 8, "'10.0.0.1' is no IPv6 address: expected one such as fd00::"},
    {"hash a base.example", 8, "'base.example' is no IPv6 address"},
    {"hash a /64", 8, "'/64' is no IPv6 address"},
    {"hash a ::/48", 8, "hash changes the last 64 bits: the prefix of its base has length 64"},
    {"otip a ::/ secret s", 8, "otip changes the last 64 bits"},
    {"otip2 a ::/97 key s", 9, "'::/97': the length of a prefix is 1 to 96"},
    {"otip2 a ::/0 key s", 9, "'::/0': the length of a prefix is 1 to 96"},
    {"otip2 a ::/6x key s", 9, "the length of a prefix is 1 to 96"},
    {"otip2 a ::/99999999999999999999 key s", 9, "the length of a prefix is 1 to 96"},
    {"hash a :: secret s", 11, "hash takes a name and a base and nothing else"},
    {"otip a ::", 8, "secret FILE is missing"},
    {"otip2 a ::/64 period 3", 9, "key FILE is missing"},
    {"otip a :: secret", 11, "'secret' has no argument: expected secret FILE or"},
    {"otip a :: key k", 11, "unknown word 'key': expected secret FILE or period SECONDS"},
    {"otip2 a :: secret k", 12, "unknown word 'secret': expected key FILE or period SECONDS"},
    {"otip a :: secret s secret t", 20, "'secret' stands here a second time"},
    {"otip a :: period 1 period 2", 20, "'period' stands here a second time"},
    {"otip a :: secret s period 0", 27, "period '0': expected whole seconds, 1 to 86400"},
    {"otip a :: secret s period 86401", 27, "expected whole seconds"},
    {"otip a :: secret s period 1.5", 27, "expected whole seconds"},
    {"otip a :: secret s period -1", 27, "expected whole seconds"},
    {"otip a :: secret s\033[1m", 18, "there is a control character in this word"},
    {"x\033[1m", 1, "unknown keyword 'x?[1m'"},
    {"otip a :: secret s period 9 a b", 29, "there are too many words in this line"},
    {"hash a ::1", 8,
     "'::1': no node can have an address of its prefix, expected no multicast and not 64 zero bits"},
    {"otip a ff02::/64 secret s", 8, "'ff02::/64': no node can have an address of its prefix"},
    {"otip2 a ::/96 key s", 9, "'::/96': no node can have"},
    {"h\xff\x9b"
     "31m",
     1, "unknown keyword 'h??31m'"},
};

static void every_mistake_is_pointed_at(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        struct otip_conf conf = conf_of(mistakes[i].text);
        struct otip_conf_line line;
        struct otip_conf_error error;

        memset(&line, 0x55, sizeof(line));
        assert_int_equal(otip_conf_next(&conf, &line, &error), -EINVAL);
        assert_int_equal(line.number, 0x55555555); /* untouched */
        if (!strstr(error.text, mistakes[i].error) || error.column != mistakes[i].column)
            fail_msg("%s: %u: %s", mistakes[i].text, error.column, error.text);
    }
}

static void names_that_match(void **state)
{
    struct otip_conf_line one = line_of("hash one.Local fd00::"), below = line_of("hash .hash.local fd00::");

    (void)state;
    assert_true(otip_conf_match(&one, "ONE.local", 9));
    assert_false(otip_conf_match(&one, "x.one.local", 11));
    assert_false(otip_conf_match(&one, "one.loca", 8));
    assert_true(otip_conf_match(&below, "a.HASH.local", 12));
    assert_true(otip_conf_match(&below, "a.b.hash.local", 14));
    assert_false(otip_conf_match(&below, "hash.local", 10));
    assert_false(otip_conf_match(&below, ".hash.local", 11) && otip_conf_name_len(".hash.local", 11) > 0);
    assert_false(otip_conf_match(&below, "xhash.local", 11));
    assert_false(otip_conf_match(&below, "local", 5));
    assert_false(otip_conf_match(&below, "", 0));
}

static void what_a_name_is(void **state)
{
    char long_name[300];

    (void)state;
    assert_int_equal(otip_conf_name_len("a.b", 3), 3);
    assert_int_equal(otip_conf_name_len("a.b.", 4), 3);
    assert_int_equal(otip_conf_name_len("hic_sunt", 8), 8);
    assert_int_equal(otip_conf_name_len("\xc3\xa8.it", 5), 5);
    const char *none[] = {"", ".", "a..b", ".a", "a..", "a b", "a\\b", "a/b", "a\tb", "a\x7f"};
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_int_equal(otip_conf_name_len(none[i], strlen(none[i])), 0);
    memset(long_name, 'a', sizeof(long_name));
    assert_int_equal(otip_conf_name_len(long_name, 63), 63);
    assert_int_equal(otip_conf_name_len(long_name, 64), 0);
    for (size_t i = 63; i < sizeof(long_name); i += 64)
        long_name[i] = '.';
    assert_int_equal(otip_conf_name_len(long_name, 253), 253);
    assert_int_equal(otip_conf_name_len(long_name, 254), 0);
}

static void every_beginning_of_a_file(void **state)
{
    static const char text[] = "hash .h fd00::/64\notip a 1::2 secret s period 9 # c\notip2 b 1::/9 key k\n";

    (void)state;
    for (size_t len = 0; len < sizeof(text); len++) {
        char *copy = malloc(len + 1); /* so that a sanitizer sees what is read behind it */
        assert_non_null(copy);
        memcpy(copy, text, len);
        char *exact = realloc(copy, len > 0 ? len : 1);
        assert_non_null(exact);
        struct otip_conf conf = {exact, exact + len, 0};
        struct otip_conf_line line;
        struct otip_conf_error error;
        while (otip_conf_next(&conf, &line, &error) != 0)
            assert_true(conf.number <= 3);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_line),
        cmocka_unit_test(comments_and_empty_lines_are_counted),
        cmocka_unit_test(every_mistake_is_pointed_at),
        cmocka_unit_test(names_that_match),
        cmocka_unit_test(what_a_name_is),
        cmocka_unit_test(every_beginning_of_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
