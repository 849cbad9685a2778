/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses of both families: texts that are and that are not one, prefixes, endpoints, socket addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "base/ipaddr.h"

static struct ipaddr addr_of(const char *text)
{
    struct ipaddr addr;

    assert_int_equal(ipaddr_parse(text, strlen(text), &addr), 0);
    return addr;
}

static void text_and_back(void **state)
{
    static const struct {
        const char *text, *formatted;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::ffff:c000:201", "192.0.2.1"},
        {"::", "::"},
        {"::1", "::1"},
        {"FC00::1", "fc00::1"},
        {"2001:0db8:0:0:0:0:0:1", "2001:db8::1"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    char text[IPADDR_STRLEN];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ipaddr addr = addr_of(rows[i].text);
        assert_string_equal(ipaddr_format(&addr, text), rows[i].formatted);
        assert_int_equal(ipaddr_is_v4(&addr), strchr(rows[i].formatted, ':') == NULL);
    }
}

static void numbers_of_ipv4(void **state)
{
    struct ipaddr addr = ipaddr_of_v4(0x0a000102), parsed;

    (void)state;
    assert_int_equal(ipaddr_parse("10.0.1.2", 8, &parsed), 0);
    assert_true(ipaddr_is_v4(&addr) && ipaddr_equal(&addr, &parsed));
    assert_int_equal(ipaddr_to_v4(&addr), 0x0a000102);
}

static void what_is_no_address(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.4 ",
        " 1.2.3.4",
        ":",
        ":::",
        "1::2::3",
        "fe80::1%1",
        "g::",
        "12345::",
        "1:2:3:4:5:6:7:8:9",
        "::1.2.3",
        "x.y",
        "1.2.3.4/8",
        "::/0",
        "-1.2.3.4",
        "0x1.2.3.4",
        "1,2,3,4",
        "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
    };
    struct ipaddr addr, before;

    (void)state;
    memset(&addr, 0x55, sizeof(addr));
    before = addr;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(ipaddr_parse(texts[i], strlen(texts[i]), &addr), -EINVAL);
    assert_int_equal(ipaddr_parse("1.2.3.4\0", 8, &addr), -EINVAL);
    assert_true(ipaddr_equal(&addr, &before));
    assert_int_equal(ipaddr_parse("1.2.3.45", 7, &addr), 0); /* the length ends it, not a NUL */
    before = addr_of("1.2.3.4");
    assert_true(ipaddr_equal(&addr, &before));
}

static void prefixes(void **state)
{
    static const struct {
        const char *text;
        unsigned bits;
    } good[] = {{"10.0.0.0/8", 104}, {"0.0.0.0/0", 96}, {"1.2.3.4/32", 128},         {"::/0", 0},
                {"fc00::/7", 7},     {"::1/128", 128},  {"::ffff:10.0.0.0/104", 104}};
    static const char *const bad[] = {
        "10.0.0.0", "10.0.0.0/", "10.0.0.0/33",   "10.0.0.0/-1", "10.0.0.0/08",  "::/129", "::/1x",
        "/8",       "::/ 8",     "::/4294967297", "1.2.3/8",     "10.0.0.0/8/8", "::/+8",  "fc00::/0x7"};
    struct ipaddr addr;
    unsigned bits = 777;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(ipaddr_parse_prefix(bad[i], strlen(bad[i]), &addr, &bits), -EINVAL);
    assert_int_equal(bits, 777);
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(ipaddr_parse_prefix(good[i].text, strlen(good[i].text), &addr, &bits), 0);
        assert_int_equal(bits, good[i].bits);
    }
}

/* The first `bits` bits are the same, one by one. */
static bool same_bits(const struct ipaddr *a, const struct ipaddr *b, unsigned bits)
{
    for (unsigned i = 0; i < bits; i++) {
        if ((a->b[i / 8] ^ b->b[i / 8]) >> (7 - i % 8) & 1)
            return false;
    }
    return true;
}

static void masks_and_comparisons_at_every_length(void **state)
{
    const struct ipaddr ones = addr_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), zero = {0};

    (void)state;
    for (unsigned bits = 0; bits <= 128; bits++) {
        struct ipaddr masked = ones;
        assert_int_equal(ipaddr_mask(&masked, bits), bits < 128);
        assert_false(ipaddr_mask(&masked, bits));
        assert_true(same_bits(&masked, &ones, bits));
        for (unsigned other = 0; other <= 128; other++) {
            assert_int_equal(ipaddr_same_prefix(&masked, &ones, other), other <= bits);
            assert_int_equal(ipaddr_same_prefix(&masked, &zero, other), other == 0 || bits == 0);
        }
        assert_int_equal(ipaddr_equal(&masked, &ones), bits == 128);
    }
}

static void endpoints(void **state)
{
    static const char *const bad[] = {"",          "1.2.3.4@", "1.2.3.4@0", "1.2.3.4@65536",
                                      "1.2.3.4@x", "@53",      "::1@053",   "1.2.3.4:53"};
    struct ipendpoint endpoint;
    char text[IPENDPOINT_STRLEN];

    (void)state;
    assert_int_equal(ipendpoint_parse("8.8.8.8", 7, 53, &endpoint), 0);
    assert_string_equal(ipendpoint_format(&endpoint, text), "8.8.8.8@53");
    assert_int_equal(ipendpoint_parse("2001:db8::53@65535", 18, 53, &endpoint), 0);
    assert_string_equal(ipendpoint_format(&endpoint, text), "2001:db8::53@65535");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(ipendpoint_parse(bad[i], strlen(bad[i]), 53, &endpoint), -EINVAL);
    assert_int_equal(endpoint.port, 65535);
}

static void assert_same_endpoint(const struct ipendpoint *a, const struct ipendpoint *b)
{
    assert_memory_equal(&a->addr, &b->addr, sizeof(a->addr));
    assert_int_equal(a->port, b->port);
    assert_int_equal(a->scope, b->scope);
}

static void socket_addresses(void **state)
{
    struct ipendpoint v4 = {.addr = addr_of("192.0.2.1"), .port = 53},
                      v6 = {.addr = addr_of("fe80::1"), .port = 5300, .scope = 3}, back;
    struct sockaddr_storage storage;
    const struct sockaddr *sa = (const struct sockaddr *)&storage;
    const struct sockaddr_un un = {.sun_family = AF_UNIX};

    (void)state;
    assert_int_equal(ipendpoint_to_sockaddr(&v4, false, &storage), sizeof(struct sockaddr_in));
    assert_int_equal(sa->sa_family, AF_INET);
    assert_int_equal(ipendpoint_from_sockaddr(sa, &back), 0);
    assert_same_endpoint(&back, &v4);

    assert_int_equal(ipendpoint_to_sockaddr(&v4, true, &storage), sizeof(struct sockaddr_in6));
    assert_int_equal(sa->sa_family, AF_INET6);
    assert_int_equal(ipendpoint_from_sockaddr(sa, &back), 0);
    assert_same_endpoint(&back, &v4);

    assert_int_equal(ipendpoint_to_sockaddr(&v6, false, &storage), sizeof(struct sockaddr_in6));
    assert_int_equal(((const struct sockaddr_in6 *)sa)->sin6_port, htons(5300));
    assert_int_equal(((const struct sockaddr_in6 *)sa)->sin6_scope_id, 3);
    assert_int_equal(ipendpoint_from_sockaddr(sa, &back), 0);
    assert_same_endpoint(&back, &v6);

    assert_int_equal(ipendpoint_from_sockaddr((const struct sockaddr *)&un, &back), -EAFNOSUPPORT);
    assert_same_endpoint(&back, &v6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_back),
        cmocka_unit_test(numbers_of_ipv4),
        cmocka_unit_test(what_is_no_address),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(masks_and_comparisons_at_every_length),
        cmocka_unit_test(endpoints),
        cmocka_unit_test(socket_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
