/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libiothaddr against tests/vectors/iothaddr.json, every entry in each of its spellings: as it stands, with a
   final dot, in upper case. Then what has no vector: names that are not C strings, empty and long names, the
   epoch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iothaddr.h"
#include "libiothaddr/hashname.h"

#define VECTORS SOURCE_DIR "/tests/vectors/iothaddr.json"

enum { SPELLINGS = 4, NAME_SIZE = 1024 };

/* Writes the spelling number `which` of name. */
static void spell(char out[static NAME_SIZE], const char *name, int which)
{
    snprintf(out, NAME_SIZE, "%s%s", name, which & 1 ? "." : "");
    if (which & 2) {
        for (char *c = out; *c != '\0'; c++)
            *c = (char)toupper((unsigned char)*c);
    }
}

static const char *text(const json_t *entry, const char *key)
{
    const char *value = json_string_value(json_object_get(entry, key));

    assert_non_null(value);
    return value;
}

static void parse_addr(uint8_t addr[static 16], const char *text_form)
{
    assert_int_equal(inet_pton(AF_INET6, text_form, addr), 1);
}

static void assert_addr(const uint8_t addr[static 16], const char *expected)
{
    char printed[INET6_ADDRSTRLEN];

    assert_non_null(inet_ntop(AF_INET6, addr, printed, sizeof(printed)));
    assert_string_equal(printed, expected);
}

static void assert_mac(const uint8_t mac[static 6], const char *expected)
{
    char printed[18];

    snprintf(printed, sizeof(printed), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
             mac[4], mac[5]);
    assert_string_equal(printed, expected);
}

/* Calls check(entry, name) for each spelling of each entry of one list, which must have `count` entries. */
static void each_spelling(void **state, const char *list_name, size_t count,
                          void (*check)(const json_t *entry, const char *name))
{
    const json_t *list = json_object_get(*state, list_name);
    const json_t *entry;
    size_t i;

    assert_int_equal(json_array_size(list), count);
    json_array_foreach(list, i, entry)
    {
        for (int which = 0; which < SPELLINGS; which++) {
            char name[NAME_SIZE];

            spell(name, text(entry, "name"), which);
            check(entry, name);
        }
    }
}

static void check_hash(const json_t *entry, const char *name)
{
    size_t len = strlen(name);
    uint8_t addr[16];

    parse_addr(addr, text(entry, "base"));
    iothaddr_hash(addr, name, NULL, 0);
    assert_addr(addr, text(entry, "addr"));

    parse_addr(addr, text(entry, "base"));
    iothaddr_hash_bytes(addr, name, name[len - 1] == '.' ? len - 1 : len, "", 0);
    assert_addr(addr, text(entry, "addr"));
}

static void check_otip(const json_t *entry, const char *name)
{
    json_int_t when = json_integer_value(json_object_get(entry, "time")) +
                      json_integer_value(json_object_get(entry, "offset"));
    json_int_t counter = when / json_integer_value(json_object_get(entry, "period"));
    uint8_t addr[16];

    assert_int_equal(counter, json_integer_value(json_object_get(entry, "counter")));
    parse_addr(addr, text(entry, "base"));
    iothaddr_hash(addr, name, text(entry, "password"), (uint32_t)counter);
    assert_addr(addr, text(entry, "addr"));
}

static void check_mac(const json_t *entry, const char *name)
{
    uint8_t mac[6];

    iothaddr_hashmac(mac, name, json_string_value(json_object_get(entry, "password")));
    assert_mac(mac, text(entry, "mac"));
}

static void check_eui64(const json_t *entry, const char *name)
{
    uint8_t mac[6];
    uint8_t addr[16];

    parse_addr(addr, text(entry, "base"));
    iothaddr_hasheui64(addr, name, NULL);
    assert_addr(addr, text(entry, "addr"));

    iothaddr_hashmac(mac, name, NULL);
    parse_addr(addr, text(entry, "base"));
    iothaddr_eui64(addr, mac);
    assert_addr(addr, text(entry, "addr"));
}

static void test_hash_vectors(void **state)
{
    each_spelling(state, "hash", 45, check_hash);
}

static void test_otip_vectors(void **state)
{
    each_spelling(state, "otip", 60, check_otip);
}

static void test_mac_vectors(void **state)
{
    each_spelling(state, "mac", 9, check_mac);
    each_spelling(state, "mac_password", 3, check_mac);
}

static void test_eui64_vectors(void **state)
{
    each_spelling(state, "eui64_of_hashed_mac", 8, check_eui64);
}

/* The universal/local bit is inverted (RFC 4291 appendix A) and the last bytes of the prefix are kept by XOR.
 */
static void test_eui64_of_given_mac(void **state)
{
    uint8_t mac[6] = {0x80, 0x01, 0x01, 0x01, 0x01, 0x02};
    uint8_t addr[16];

    (void)state;
    parse_addr(addr, "2001:db8::ff:ff:ff:3");
    iothaddr_eui64(addr, mac);
    assert_addr(addr, "2001:db8::8201:1ff:fefe:101");
}

static void hash_bytes(uint8_t addr[static 16], const void *name, size_t len)
{
    parse_addr(addr, "fc00::");
    iothaddr_hash_bytes(addr, name, len, NULL, 0);
}

/* MD5("") begins with d41d8cd98f00b204. */
static void test_empty_name(void **state)
{
    static const char *const spellings[] = {"", "."};
    uint8_t addr[16];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        parse_addr(addr, "fc00::");
        iothaddr_hash(addr, spellings[i], NULL, 0);
        assert_addr(addr, "fc00::d41d:8cd9:8f00:b204");
    }
    hash_bytes(addr, "", 0);
    assert_addr(addr, "fc00::d41d:8cd9:8f00:b204");
}

/* Each byte of a label counts: 0, bytes above 127 (which are not letters), a dot at the end. */
static void test_any_byte(void **state)
{
    uint8_t with_zero[16];
    uint8_t cut[16];
    uint8_t high[16];
    uint8_t high_lowered[16];

    (void)state;
    hash_bytes(with_zero, "a\0b", 3);
    hash_bytes(cut, "a", 1);
    assert_memory_not_equal(with_zero, cut, 16);
    hash_bytes(high, "\xc0X", 2);
    hash_bytes(high_lowered, "\xe0x", 2);
    assert_memory_not_equal(high, high_lowered, 16);
    hash_bytes(with_zero, "a.", 2);
    assert_memory_not_equal(with_zero, cut, 16);
}

/* Around the block size of the digest and far beyond the longest domain name, letter case must not matter. */
static void test_long_names(void **state)
{
    enum { LONGEST = 100000 };
    char *upper = malloc(LONGEST);
    char *lower = malloc(LONGEST);

    (void)state;
    assert_true(upper != NULL && lower != NULL);
    memset(upper, 'Q', LONGEST);
    memset(lower, 'q', LONGEST);
    for (size_t len = 1; len <= LONGEST; len += len < 300 ? 1 : 33233) {
        uint8_t a[16];
        uint8_t b[16];

        hash_bytes(a, upper, len);
        hash_bytes(b, lower, len);
        assert_memory_equal(a, b, 16);
        assert_int_equal(a[8] & 3, 0);
    }
    free(upper);
    free(lower);
}

/* An epoch of 0 and an empty password add nothing to the digest. */
static void test_nothing_added(void **state)
{
    uint8_t plain[16] = {0};
    uint8_t empty_password[16] = {0};
    uint8_t otip[16] = {0};

    (void)state;
    iothaddr_hash(plain, "one.hash.local", NULL, 0);
    iothaddr_hash(empty_password, "one.hash.local", "", 0);
    iothaddr_hash(otip, "one.hash.local", NULL, 1);
    assert_memory_equal(plain, empty_password, 16);
    assert_memory_not_equal(plain, otip, 16);
}

static void test_otiptime(void **state)
{
    int64_t before = time(NULL);
    int64_t now = iothaddr_otiptime(1, 0);

    (void)state;
    assert_in_range(now, before, time(NULL));
    assert_in_range(iothaddr_otiptime(1, -1000), before - 1000, time(NULL) - 1000);
    assert_in_range(iothaddr_otiptime(32, 64), (before + 64) / 32, (time(NULL) + 64) / 32);
    assert_int_equal(iothaddr_otiptime(0, 0), 0);
    assert_int_equal(iothaddr_otiptime(-32, 0), 0);
}

static int load_vectors(void **state)
{
    json_error_t error;

    *state = json_load_file(VECTORS, 0, &error);
    if (*state == NULL)
        print_error("%s:%d: %s\n", VECTORS, error.line, error.text);
    return *state == NULL ? -1 : 0;
}

static int free_vectors(void **state)
{
    json_decref(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_vectors),  cmocka_unit_test(test_otip_vectors),
        cmocka_unit_test(test_mac_vectors),   cmocka_unit_test(test_eui64_vectors),
        cmocka_unit_test(test_empty_name),    cmocka_unit_test(test_eui64_of_given_mac),
        cmocka_unit_test(test_any_byte),      cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_nothing_added), cmocka_unit_test(test_otiptime),
    };

    return cmocka_run_group_tests_name("iothaddr", tests, load_vectors, free_vectors);
}
