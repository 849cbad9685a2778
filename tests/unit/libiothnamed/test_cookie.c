/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DNS cookies: the examples of RFC 9018, appendix A, and what must not pass for a cookie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/base.h"
#include "libiothnamed/cookie.h"

/* e5e973e5a6b2a43f48e7dc849e37bfcf, as the two little-endian words of SipHash */
#define SECRET                                                                                               \
    {                                                                                                        \
        {                                                                                                    \
            0x3fa4b2a6e573e9e5, 0xcfbf379e84dce748                                                           \
        }                                                                                                    \
    }
static const struct cookie_secrets secrets = {.count = 1, .list = {SECRET}};
static const uint8_t client_part[8] = {0x24, 0x64, 0xc4, 0xab, 0xcf, 0x10, 0xc9, 0x57};
static const uint8_t server_part[16] = {0x01, 0x00, 0x00, 0x00, 0x5c, 0xf7, 0x9f, 0x11,
                                        0x1f, 0x81, 0x30, 0xc3, 0xee, 0xe2, 0x94, 0x80};
#define MADE_S 1559731985

static enum cookie_state take_by(const struct cookie_secrets *by, const uint8_t *cookie, size_t len,
                                 const char *from, int64_t wall_s, uint8_t *ret_opt)
{
    struct ipaddr client;
    assert_int_equal(ipaddr_parse(from, strlen(from), &client), 0);
    return cookie_take(cookie, len, by, &client, wall_s, ret_opt);
}

static enum cookie_state take(const uint8_t *cookie, size_t len, const char *from, int64_t wall_s,
                              uint8_t *ret_opt)
{
    return take_by(&secrets, cookie, len, from, wall_s, ret_opt);
}

static void whole(uint8_t cookie[static 24])
{
    memcpy(cookie, client_part, 8);
    memcpy(cookie + 8, server_part, 16);
}

static void a_new_cookie(void **state)
{
    (void)state;
    uint8_t opt[COOKIE_OPT_LEN];
    assert_int_equal(take(client_part, 8, "198.51.100.100", MADE_S, opt), COOKIE_CLIENT);
    assert_memory_equal(opt + 4, client_part, 8);
    assert_memory_equal(opt + 12, server_part, 16);
}

static void a_good_cookie_stays_for_half_an_hour(void **state)
{
    (void)state;
    uint8_t opt[COOKIE_OPT_LEN], cookie[40] = {0};
    whole(cookie);
    assert_int_equal(take(cookie, 24, "198.51.100.100", MADE_S + 1799, opt), COOKIE_GOOD);
    assert_memory_equal(opt + 12, server_part, 16);
    assert_int_equal(take(cookie, 24, "198.51.100.100", MADE_S + 1800, opt), COOKIE_GOOD);
    assert_memory_not_equal(opt + 12, server_part, 16);
    assert_int_equal(take(opt + 4, 24, "198.51.100.100", MADE_S + 1800, opt), COOKIE_GOOD);
}

static void a_bad_cookie(void **state)
{
    (void)state;
    uint8_t opt[COOKIE_OPT_LEN], cookie[40] = {0};
    whole(cookie);
    assert_int_equal(take(cookie, 24, "198.51.100.101", MADE_S, opt), COOKIE_BAD);
    assert_int_equal(take(cookie, 24, "2001:db8::1", MADE_S, opt), COOKIE_BAD);
    assert_int_equal(take(cookie, 24, "198.51.100.100", MADE_S + 3601, opt), COOKIE_BAD);
    assert_int_equal(take(cookie, 24, "198.51.100.100", MADE_S - 301, opt), COOKIE_BAD);
    assert_int_equal(take(cookie, 16, "198.51.100.100", MADE_S, opt), COOKIE_BAD);
    cookie[23] ^= 1;
    assert_int_equal(take(cookie, 24, "198.51.100.100", MADE_S, opt), COOKIE_BAD);
    for (size_t len = 0; len <= 41; len++) {
        uint8_t bytes[41] = {0};
        bool allowed = len == 8 || (len >= 16 && len <= 40);
        assert_int_equal(take(bytes, len, "198.51.100.100", MADE_S, opt) == COOKIE_MALFORMED, !allowed);
    }
}

/* RFC 9018, appendix A.4: an IPv6 client, a cookie by the old secret and one by the new. */
static void a_change_of_secret(void **state)
{
    static const uint8_t cookie[24] = {0x22, 0x68, 0x1a, 0xb9, 0x7d, 0x52, 0xc2, 0x98,
                                       0x01, 0x00, 0x00, 0x00, 0x5c, 0xf7, 0xc5, 0x79,
                                       0x26, 0x55, 0x6b, 0xd0, 0x93, 0x4c, 0x72, 0xf8};
    static const uint8_t renewed[16] = {0x01, 0x00, 0x00, 0x00, 0x5c, 0xf7, 0xc6, 0x09,
                                        0xa6, 0xbb, 0x79, 0xd1, 0x66, 0x25, 0x50, 0x7a};
    /* dd3bdf9344b678b185a6f5cb60fca715 and then 445536bcd2513298075a5d379663c962 */
    static const struct siphash_key old = {{0xb178b64493df3bdd, 0x15a7fc60cbf5a685}},
                                    new = {{0x983251d2bc365544, 0x62c96396375d5a07}};
    const struct cookie_secrets after = {.count = 2, .list = {new, old}},
                                before = {.count = 1, .list = {old}};
    const char *client = "2001:db8:220:1:59de:d0f4:8769:82b8";
    uint8_t opt[COOKIE_OPT_LEN];
    (void)state;
    assert_int_equal(take_by(&before, cookie, 24, client, 1559741817, opt), COOKIE_GOOD);
    assert_memory_equal(opt + 4, cookie, 24);
    assert_int_equal(take_by(&after, cookie, 24, client, 1559741961, opt), COOKIE_GOOD);
    assert_memory_equal(opt + 12, renewed, 16);
    const struct cookie_secrets later = {.count = 1, .list = {new}};
    assert_int_equal(take_by(&later, cookie, 24, client, 1559741961, opt), COOKIE_BAD);
}

static void a_secret_of_the_day(void **state)
{
    static const struct siphash_key master = {{1, 2}};
    const int64_t midnight = INT64_C(1700006400);
    struct cookie_secrets today, tomorrow, later;
    uint8_t opt[COOKIE_OPT_LEN];
    (void)state;
    cookie_secrets_at(&master, midnight - 1, &today);
    assert_int_equal(today.until_s, midnight);
    cookie_secrets_at(&master, midnight, &tomorrow);
    assert_memory_equal(&tomorrow.list[1], &today.list[0], sizeof(today.list[0]));
    assert_memory_not_equal(&tomorrow.list[0], &today.list[0], sizeof(today.list[0]));
    cookie_secrets_at(&master, midnight + 86400, &later);

    assert_int_equal(take_by(&today, client_part, 8, "192.0.2.1", midnight - 1, opt), COOKIE_CLIENT);
    assert_int_equal(take_by(&tomorrow, opt + 4, 24, "192.0.2.1", midnight + 60, opt), COOKIE_GOOD);
    assert_int_equal(take_by(&later, opt + 4, 24, "192.0.2.1", midnight + 61, opt), COOKIE_GOOD);
    assert_int_equal(take_by(&today, opt + 4, 24, "192.0.2.1", midnight + 62, opt), COOKIE_BAD);
}

static void secrets_from_text(void **state)
{
    static const struct {
        const char *text;
        int e;
        unsigned count, line;
    } rows[] = {
        {"e5e973e5a6b2a43f48e7dc849e37bfcf", 0, 1, 0},
        {"# ours\r\n\r\n  E5E973E5A6B2A43F48E7DC849E37BFCF \r\n00000000000000000000000000000000\n", 0, 2, 0},
        {"", -ENODATA, 0, 0},
        {"# none\n\n", -ENODATA, 0, 0},
        {"\ne5e973e5a6b2a43f48e7dc849e37bfc\n", -EINVAL, 0, 2},
        {"e5e973e5a6b2a43f48e7dc849e37bfcg", -EINVAL, 0, 1},
        {"e5e973e5a6b2a43f48e7dc849e37bfcf0", -EINVAL, 0, 1},
        {"00000000000000000000000000000000\n00000000000000000000000000000000\n0000000000000000000000000000000"
         "0\n"
         "00000000000000000000000000000000\n",
         -EINVAL, 0, 4},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct cookie_secrets got = {0};
        unsigned line = 0;
        assert_int_equal(cookie_secrets_parse(rows[i].text, strlen(rows[i].text), &got, &line), rows[i].e);
        assert_int_equal(got.count, rows[i].count);
        assert_int_equal(line, rows[i].line);
        if (got.count)
            assert_memory_equal(&got.list[0], &secrets.list[0], sizeof(got.list[0]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_cookie),        cmocka_unit_test(a_good_cookie_stays_for_half_an_hour),
        cmocka_unit_test(a_bad_cookie),        cmocka_unit_test(a_change_of_secret),
        cmocka_unit_test(a_secret_of_the_day), cmocka_unit_test(secrets_from_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
