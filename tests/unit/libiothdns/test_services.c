/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* services(5): both protocols, aliases, reverse, odd text, no memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "libiothdns/services.h"

#pragma GCC visibility push(default) /* shared libraries are linked with these as well */
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static int allocations_left = -1; /* -1: any number */

void *__wrap_calloc(size_t n, size_t size)
{
    if (allocations_left >= 0 && allocations_left-- == 0)
        return NULL;
    return __real_calloc(n, size);
}
#pragma GCC visibility pop

static const char usual[] =
    "tcpmux\t\t1/tcp\t\t\t# TCP port service multiplexer\n"
    "domain\t\t53/tcp\n"
    "domain\t\t53/udp\n"
    "http\t\t80/tcp\t\twww www-http\t# WorldWideWeb\n"
    "other\t\t80/tcp\n"
    "other\t\t8080/tcp www\n"
    "sip\t\t5060/sctp\n"
    "max 65535/udp\nzero 0/tcp\n"
    "more 65536/tcp\nless -1/tcp\nnone /tcp\nnoproto 7/\nnoproto 7\nword x/tcp\nalone\n"
    "hex 0x10/tcp\n# commented 9/tcp\n  blank\t9/tcp";

static void ports_and_names(void **state)
{
    static const struct {
        const char *name, *protocol;
        int port;
    } rows[] = {
        {"tcpmux", "tcp", 1},          {"tcpmux", "udp", -ENOENT}, {"domain", "tcp", 53},
        {"domain", "udp", 53},         {"http", "tcp", 80},        {"www", "tcp", 80},
        {"www-http", "tcp", 80},       {"other", "tcp", 80},       {"sip", "sctp", 5060},
        {"max", "udp", 65535},         {"zero", "tcp", 0},         {"blank", "tcp", 9},
        {"HTTP", "tcp", -ENOENT},      {"http", "TCP", -ENOENT},   {"more", "tcp", -ENOENT},
        {"less", "tcp", -ENOENT},      {"none", "tcp", -ENOENT},   {"noproto", "", -ENOENT},
        {"word", "tcp", -ENOENT},      {"hex", "tcp", -ENOENT},    {"alone", "", -ENOENT},
        {"commented", "tcp", -ENOENT}, {"", "tcp", -ENOENT},
    };
    struct services *s;

    (void)state;
    assert_int_equal(services_parse(usual, sizeof(usual) - 1, &s), 0);
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(services_port(s, rows[i].name, rows[i].protocol), rows[i].port);
    assert_string_equal(services_name(s, 80, "tcp"), "http");
    assert_string_equal(services_name(s, 8080, "tcp"), "other");
    assert_string_equal(services_name(s, 53, "udp"), "domain");
    assert_string_equal(services_name(s, 0, "tcp"), "zero");
    assert_null(services_name(s, 80, "udp"));
    assert_null(services_name(s, 2, "tcp"));
    services_free(s);
    services_free(NULL);
}

static void no_text_and_too_much(void **state)
{
    struct services *s;

    (void)state;
    assert_int_equal(services_parse(NULL, 0, &s), 0);
    assert_int_equal(services_port(s, "http", "tcp"), -ENOENT);
    assert_null(services_name(s, 80, "tcp"));
    services_free(s);
    assert_int_equal(services_parse(usual, SERVICES_FILE_MAX + 1, &s), -EFBIG);
}

static void no_memory(void **state)
{
    struct services *s = NULL;

    (void)state;
    for (int n = 0; n < 3; n++) {
        allocations_left = n;
        int error = services_parse(usual, sizeof(usual) - 1, &s);
        allocations_left = -1;
        assert_int_equal(error, -ENOMEM);
        assert_null(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_and_names),
        cmocka_unit_test(no_text_and_too_much),
        cmocka_unit_test(no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
