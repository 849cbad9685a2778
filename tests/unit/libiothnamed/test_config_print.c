/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The print of a configuration: what it looks like, and that it is valid input that prints the same again. */
#include "config_world.h"

#include <glob.h>

static void expect_print(const char *text, const char *expected)
{
    struct config *c = parse_good(text), *empty = parse_good("");
    char *print = print_of(c), *options = print_of(empty);
    size_t len = strlen(options);

    assert_memory_equal(print, options, len); /* none of these sets an option */
    assert_string_equal(print + len, expected);
    free(print);
    free(options);
    config_free(c);
    config_free(empty);
}

static void expect_round_trip(const struct config *c)
{
    char *print = print_of(c);
    struct config *again = parse_good(print);
    char *print_again = print_of(again);

    assert_string_equal(print, print_again);
    config_free(again);
    free(print_again);
    free(print);
}

static void test_options(void **state)
{
    struct config *c = parse_good("option listen 127.0.0.1\noption nsname Ns.test.\noption hrevmode net\n"
                                  "option cachesize 1M\noption hashttl 1m\n");
    char *print = print_of(c);
    (void)state;

    /* What was given, and what was not. */
    static const char *const lines[] = {
        "option cachesize 1048576\n", "option hashttl 60\n",     "option hrevmode net\n",
        "option listen 127.0.0.1\n",  "option nsname ns.test\n", "option port 53\n",
        "option staticttl 3600\n",    "option tcptimeout 60\n",  "option tcplistenbacklog 5\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_non_null(strstr(print, lines[i]));
    assert_null(strstr(print, "option tcplisten ")); /* an alias */
    expect_round_trip(c);
    free(print);
    config_free(c);
}

static void test_understood(void **state)
{
    (void)state;

    expect_print(
        "auth otip n .O.test 2001:DB8:0::0 'secret word'\n"
        "auth error n bad\nauth error n b nxdomain\n"
        "auth hrev n Base/64\nauth fwd n . 1.1.1.1@54 ::1\nauth accept n,m\n"
        "static 1h PTR 10.1.2.3 Some.Test.\ndns 8.8.8.8@53\ndns ::1@5300\nnet m 10.0.0.0/8\nnet n ::/0\n",
        "dns 8.8.8.8\ndns ::1@5300\nnet n ::/0\nnet m 10.0.0.0/8\n"
        "auth otip n .o.test 2001:db8:: ***\n"
        "auth error n bad refused\nauth error n b nxdomain\n"
        "auth hrev n base/64\nauth fwd n . 1.1.1.1@54 ::1\nauth accept n,m\n"
        "static 3600 PTR 3.2.1.10.in-addr.arpa Some.Test\n");
    expect_print("rstack stack=kernel\nrstack eth\n", "rstack stack=kernel,eth\n");
    expect_print("stack stack=kernel", "stack stack=kernel\n");
}

static void test_round_trips(void **state)
{
    static const char *const texts[] = {
        "",
        "rstack \"stack=kernel,vnl=vde:///tmp/a b\" # x\nfstack stack=kernel,vnl='a, #b'\n",
        "net n ::/0\nnet n 0.0.0.0/0\nnet n ::ffff:0:0/90\nnet n ::ffff:0:0/96\nauth static n ::/0\n"
        "auth static n 0.0.0.0/0\n",
        "net n ::/0\nauth static n a/24.\nauth static n .a/24.\nauth static n a/24./64\nauth static n "
        "1.2.3.4.\n"
        "auth static n 1.2.3.4./64\nauth static n \\@x\nauth static n a\\058b\nauth static n \\.a\n"
        "auth static n \"#a\"\nauth static n .\\#a\nauth static n \\'a\nauth static n a=\\\"b\nauth static n "
        "\\032\\000.x\n"
        "auth static n .\nauth hash n a 1.2.3.4.\nauth static n a\\058b/24.\n",
        "net n ::/0\nauth error n @a.txt\nauth error n @/b.txt refused\nauth error n \"@c d#\\\"e\\\\\" "
        "nxdomain\n"
        "auth error n @a.txt nxdomain\n",
        "static TXT x \"a \\\"b\\\" \\\\ \\200\" 'c' \"\" #comment\nstatic TXT y \"\"\n"
        "static SOA z a.b c\\.d.e 1 2 3 4 5\nstatic MX z 10 1.2.3.4.\nstatic AAAA z ::ffff:1.2.3.4\n"
        "static NAPTR z 1 2 \"s\" \"x\" \"!^.*$!\\\\1!\" .\nstatic HINFO z a b\n"
        "static DS z 12345 8 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
        "static TYPE65280 z \\# 0\nstatic NULL z \\# 2 abcd\nstatic A \\# 1.1.1.1\nstatic A \"#\" 1.1.1.2\n"
        "static HTTPS z 1 . alpn='h2,h3' port=8443\nstatic LOC z 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m "
        "10000m 10m\n",
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct config *c = parse_good(texts[i]);
        expect_round_trip(c);
        config_free(c);
    }
}

static void test_examples(void **state)
{
    glob_t found;
    (void)state;

    assert_int_equal(glob(SOURCE_DIR "/examples/scenarios/*.rc", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct config *c = NULL;
        struct diags d = {0};
        assert_int_equal(config_load(found.gl_pathv[i], &c, &d), 0);
        expect_round_trip(c);
        config_free(c);
        diags_fini(&d);
    }
    globfree(&found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_understood),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_examples),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
