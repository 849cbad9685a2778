/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DNS cookies: the examples of RFC 9018, appendix A, and what must not pass for a cookie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libiothnamed/cookie.h"

/* e5e973e5a6b2a43f48e7dc849e37bfcf, as the two little-endian words of SipHash */
static const struct siphash_key secret = {{0x3fa4b2a6e573e9e5, 0xcfbf379e84dce748}};
static const uint8_t client_part[8] = {0x24, 0x64, 0xc4, 0xab, 0xcf, 0x10, 0xc9, 0x57};
static const uint8_t server_part[16] = {0x01, 0x00, 0x00, 0x00, 0x5c, 0xf7, 0x9f, 0x11,
                                        0x1f, 0x81, 0x30, 0xc3, 0xee, 0xe2, 0x94, 0x80};
#define MADE_S 1559731985

/* The cookie option of `len` bytes in a packet of its own. */
static enum cookie_state take(const uint8_t *cookie, size_t len, const char *from, int64_t wall_s,
                              uint8_t *ret_opt)
{
    uint8_t packet[100] = {0, 10, 0, (uint8_t)len};
    memcpy(packet + 4, cookie, len);
    struct dns_edns edns = {.present = true, .options_off = 0, .options_len = (uint16_t)(4 + len)};
    struct ipaddr client;
    assert_int_equal(ipaddr_parse(from, strlen(from), &client), 0);
    return cookie_take(packet, &edns, &secret, &client, wall_s, ret_opt);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_cookie),
        cmocka_unit_test(a_good_cookie_stays_for_half_an_hour),
        cmocka_unit_test(a_bad_cookie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
