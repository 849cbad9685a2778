/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hosts(5): names of several lines and letter cases, addresses, odd text, no memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libiothdns/hosts.h"

#pragma GCC visibility push(default) /* shared libraries are linked with these as well */
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

static int allocations_left = -1; /* -1: any number */

static bool may_allocate(void)
{
    if (allocations_left < 0)
        return true;
    return allocations_left-- > 0;
}

void *__wrap_calloc(size_t n, size_t size)
{
    return may_allocate() ? __real_calloc(n, size) : NULL;
}

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}
#pragma GCC visibility pop

static struct hosts *parsed(const char *text, size_t len)
{
    struct hosts *h = NULL;

    assert_int_equal(hosts_parse(text, len, &h), 0);
    assert_non_null(h);
    return h;
}

/* The addresses of the name in that family (0: each in its own), in their order, separated by blanks. */
static void expect(const struct hosts *h, const char *name, int family, const char *wanted)
{
    struct hosts_walk walk = hosts_find(h, name);
    char got[512] = "", text[INET6_ADDRSTRLEN];
    uint8_t addr[16];

    for (const struct hosts_line *line; (line = hosts_next(&walk));) {
        int as = family ? family : line->family;
        if (!hosts_address(line, as, addr))
            continue;
        assert_non_null(inet_ntop(as, addr, text, sizeof(text)));
        assert_true(strlen(got) + strlen(text) + 2 < sizeof(got));
        strcat(strcat(got, got[0] ? " " : ""), text);
    }
    assert_string_equal(got, wanted);
}

static void expect_reverse(const struct hosts *h, const char *text, const char *wanted)
{
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;
    uint8_t addr[16];

    assert_int_equal(inet_pton(family, text, addr), 1);
    const char *name = hosts_reverse(h, family, addr);
    if (!wanted) {
        assert_null(name);
    } else {
        assert_non_null(name);
        assert_string_equal(name, wanted);
    }
}

static const char usual[] = "127.0.0.1\tlocalhost\n"
                            "::1     localhost ip6-localhost   ip6-loopback # the other one\n"
                            "# 10.0.0.9 commented\n"
                            "\n"
                            "10.0.0.1 Alpha.Example alpha ALPHA a\n"
                            "10.0.0.2 beta.example alpha\r\n"
                            "2001:db8::1 alpha.example\n"
                            "10.0.0.1 other.example alpha.example\n"
                            "::ffff:10.0.0.7 mapped\n"
                            "   10.0.0.5   last#comment at once";

static void names_and_addresses(void **state)
{
    struct hosts *h = parsed(usual, sizeof(usual) - 1);

    (void)state;
    expect(h, "localhost", 0, "127.0.0.1 ::1");
    expect(h, "alpha", 0, "10.0.0.1 10.0.0.2");
    expect(h, "aLPHA.eXAMPLE", 0, "10.0.0.1 2001:db8::1 10.0.0.1");
    expect(h, "alpha.example", AF_INET, "10.0.0.1 10.0.0.1");
    expect(h, "alpha.example", AF_INET6, "2001:db8::1");
    expect(h, "beta.example", 0, "10.0.0.2");
    expect(h, "last", 0, "10.0.0.5");
    expect(h, "mapped", 0, "::ffff:10.0.0.7");
    expect(h, "ip6-loopback", AF_INET, "127.0.0.1");
    expect(h, "mapped", AF_INET, "10.0.0.7");
    expect(h, "commented", 0, "");
    expect(h, "alph", 0, "");
    expect(h, "alpha.", 0, "");
    expect(h, "", 0, "");
    struct hosts_walk walk = hosts_find(h, "a");
    assert_string_equal(hosts_next(&walk)->canonical, "Alpha.Example");
    assert_null(hosts_next(&walk));
    hosts_free(h);
    hosts_free(NULL);
}

static void reverse(void **state)
{
    struct hosts *h = parsed(usual, sizeof(usual) - 1);

    (void)state;
    expect_reverse(h, "10.0.0.1", "Alpha.Example");
    expect_reverse(h, "10.0.0.2", "beta.example");
    expect_reverse(h, "2001:db8::1", "alpha.example");
    expect_reverse(h, "::1", "localhost");
    expect_reverse(h, "10.0.0.7", "mapped");
    expect_reverse(h, "::ffff:10.0.0.7", "mapped");
    expect_reverse(h, "10.0.0.9", NULL);
    expect_reverse(h, "::ffff:10.0.0.1", NULL);
    hosts_free(h);
}

static void odd_text(void **state)
{
    static const char odd[] = "10.0.0.1\n10.0.0 short\n010.0.0.2 octal\nfe80::1%eth0 scoped\nname 10.0.0.3\n"
                              "10.0.0.4 nul\0 after\n10.0.0.5\vtab\fb\n#\n \t \n10.0.0.6 \xff\xfe\n";
    struct hosts *h = parsed(odd, sizeof(odd) - 1);

    (void)state;
    expect(h, "short", 0, "");
    expect(h, "octal", 0, "");
    expect(h, "scoped", 0, "");
    expect(h, "nul", 0, "10.0.0.4");
    expect(h, "after", 0, "");
    expect(h, "b", 0, "10.0.0.5");
    expect(h, "\xff\xfe", 0, "10.0.0.6");
    expect_reverse(h, "10.0.0.1", NULL);
    hosts_free(h);
    h = parsed("", 0);
    expect(h, "a", 0, "");
    hosts_free(h);
    h = parsed(NULL, 0);
    hosts_free(h);
    assert_int_equal(hosts_parse(odd, HOSTS_FILE_MAX + 1, &h), -EFBIG);
}

static void many_lines(void **state)
{
    enum { LINES = 50000, LINE_MAX = 64 };
    char *text = malloc(LINES * LINE_MAX);
    size_t len = 0;
    char name[32];

    (void)state;
    assert_non_null(text);
    for (unsigned i = 0; i < LINES; i++)
        len += (size_t)snprintf(text + len, LINE_MAX, "0.0.0.0 ads%u.example\n", i * 7919 % LINES);
    struct hosts *h = parsed(text, len);
    for (unsigned i = 0; i < LINES; i += 13) {
        snprintf(name, sizeof(name), "ADS%u.example", i);
        expect(h, name, 0, "0.0.0.0");
    }
    hosts_free(h);
    free(text);
}

static void no_memory(void **state)
{
    struct hosts *h = NULL;

    (void)state;
    for (int n = 0; n < 4; n++) {
        allocations_left = n;
        int error = hosts_parse(usual, sizeof(usual) - 1, &h);
        allocations_left = -1;
        assert_int_equal(error, -ENOMEM);
        assert_null(h);
    }
    allocations_left = 4;
    int error = hosts_parse(usual, sizeof(usual) - 1, &h);
    allocations_left = -1;
    assert_int_equal(error, 0);
    hosts_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_addresses), cmocka_unit_test(reverse),   cmocka_unit_test(odd_text),
        cmocka_unit_test(many_lines),          cmocka_unit_test(no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
