/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* DUIDs: of a MAC address, of a name, as text, as DHCPv4 has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "iothaddr.h"
#include "libiothconf/duid.h"

static const uint8_t mac[6] = {2, 0, 0x5e, 0x10, 0xab, 1};

static void test_of_a_mac_address(void **state)
{
    struct duid duid = duid_from_mac(mac);

    (void)state;
    assert_int_equal(duid.len, 10);
    assert_memory_equal(duid.bytes, "\0\3\0\1\2\0\x5e\x10\xab\1", 10);
    assert_int_equal(duid_iaid(mac), 0x5e10ab01);
}

static void test_of_a_name(void **state)
{
    uint8_t hashed[6];
    struct duid duid = duid_from_name("host.example.org"), same = duid_from_name("Host.Example.ORG."),
                other = duid_from_name("host2.example.org");

    (void)state;
    iothaddr_hashmac(hashed, "host.example.org", NULL);
    assert_memory_equal(duid.bytes, "\0\3\0\1", 4);
    assert_memory_equal(duid.bytes + 4, hashed, 6);
    assert_true(duid_equal(&duid, &same));
    assert_false(duid_equal(&duid, &other));
}

static void test_of_bytes(void **state)
{
    uint8_t bytes[DUID_MAX + 1] = {1, 2, 3};
    struct duid duid = {.len = 77};

    (void)state;
    assert_int_equal(duid_from_bytes(bytes, 2, &duid), -EINVAL);
    assert_int_equal(duid_from_bytes(bytes, DUID_MAX + 1, &duid), -EINVAL);
    assert_int_equal(duid.len, 77);
    assert_int_equal(duid_from_bytes(bytes, DUID_MAX, &duid), 0);
    assert_int_equal(duid.len, DUID_MAX);
}

static void test_text(void **state)
{
    char text[DUID_TEXT_MAX];
    struct duid duid = duid_from_mac(mac), none = {0}, longest = {.len = DUID_MAX}, again;

    (void)state;
    assert_string_equal(duid_format(&duid, text), "00:03:00:01:02:00:5e:10:ab:01");
    assert_int_equal(duid_parse(text, strlen(text), &again), 0);
    assert_true(duid_equal(&duid, &again));
    assert_string_equal(duid_format(&none, text), "");
    memset(longest.bytes, 0xf7, DUID_MAX);
    assert_int_equal(strlen(duid_format(&longest, text)), DUID_TEXT_MAX - 1);
    assert_int_equal(duid_parse(text, strlen(text), &again), 0);
    assert_true(duid_equal(&longest, &again));
}

static void test_text_as_people_write_it(void **state)
{
    static const char *const good[] = {"0003000102005E10ab01", "00-03-00-01-02-00-5e-10-ab-01",
                                       " 00:03:00:01:02:00:5e:10:ab:01\r\n"};
    static const char *const bad[] = {"",          " ",         "0",           "00",         "00:03",
                                      "00:03:0",   "00:03:00:", "00:03-00:01", "0003:00:01", "00:0300:01",
                                      "000300 01", "00:03:0g",  ":00:03:00",   "0x000300"};
    struct duid expected = duid_from_mac(mac), duid = {.len = 77};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(duid_parse(good[i], strlen(good[i]), &duid), 0);
        assert_true(duid_equal(&duid, &expected));
    }
    duid.len = 77;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(duid_parse(bad[i], strlen(bad[i]), &duid), -EINVAL);
    assert_int_equal(duid.len, 77);

    char too_long[2 * (DUID_MAX + 1)];
    memset(too_long, 'a', sizeof(too_long));
    assert_int_equal(duid_parse(too_long, sizeof(too_long), &duid), -EINVAL);
    assert_int_equal(duid_parse(too_long, 2 * DUID_MAX, &duid), 0);
}

static void test_as_a_client_identifier_of_dhcpv4(void **state)
{
    uint8_t id[DUID_CLIENT_ID_MAX];
    struct duid duid = duid_from_mac(mac);

    (void)state;
    assert_int_equal(duid_client_id(&duid, 0x01020304, id), 15);
    assert_memory_equal(id, "\xff\1\2\3\4\0\3\0\1\2\0\x5e\x10\xab\1", 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_a_mac_address),
        cmocka_unit_test(test_of_a_name),
        cmocka_unit_test(test_of_bytes),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_as_people_write_it),
        cmocka_unit_test(test_as_a_client_identifier_of_dhcpv4),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
