/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* otip2 against tests/vectors/otip2.json, which tests/oracle/otip2.py makes from the definition without any of this
 * code: addresses, keys of users and of passwords, fingerprints, reserved identifiers. Each name in its spellings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libotip/otip2.h"
#include "libotip/otip_key.h"
#include "libotip/otip_password.h"
#include "wire/dname.h"

#define VECTORS SOURCE_DIR "/tests/vectors/otip2.json"

enum { SPELLINGS = 4, NAME_SIZE = 1024 };

/* Calls check(entry) for each entry of one list, which is not empty. */
static void each(void **state, const char *list_name, void (*check)(const json_t *entry))
{
    const json_t *list = json_object_get(*state, list_name), *entry;
    size_t i;

    assert_true(json_array_size(list) > 0);
    json_array_foreach(list, i, entry)
    {
        check(entry);
    }
}

static const char *text(const json_t *entry, const char *key)
{
    const char *value = json_string_value(json_object_get(entry, key));

    assert_non_null(value);
    return value;
}

static uint64_t number(const json_t *entry, const char *key)
{
    const json_t *value = json_object_get(entry, key);

    return json_is_string(value) ? strtoull(json_string_value(value), NULL, 10)
                                 : (uint64_t)json_integer_value(value);
}

static void read_hex(const char *hex, uint8_t *ret, size_t len)
{
    assert_int_equal(strlen(hex), 2 * len);
    for (size_t i = 0; i < len; i++) {
        const char digits[] = {hex[2 * i], hex[2 * i + 1], '\0'};
        ret[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
}

static struct ipaddr address(const char *written)
{
    struct ipaddr a;

    assert_int_equal(ipaddr_parse(written, strlen(written), &a), 0);
    return a;
}

static void assert_address(const struct ipaddr *a, const char *expected)
{
    char written[IPADDR_STRLEN];

    assert_string_equal(ipaddr_format(a, written), expected);
}

/* Writes the spelling number `which` of a name. */
static void spell(char out[static NAME_SIZE], const char *name, int which)
{
    size_t len = strlen(name);

    snprintf(out, NAME_SIZE, "%s%s", name, which & 1 && name[len - 1] != '.' ? "." : "");
    if (which & 2) {
        for (char *c = out; *c != '\0'; c++)
            *c = (char)toupper((unsigned char)*c);
    }
}

static void check_address(const json_t *v)
{
    uint8_t key[OTIP_KEY_LEN];
    char name[NAME_SIZE];

    read_hex(text(v, "key"), key, sizeof(key));
    for (int which = 0; which < SPELLINGS; which++) {
        struct otip_setup setup = {
            .generation = OTIP2,
            .name = name,
            .base = address(text(v, "base")),
            .prefix_len = (unsigned)number(v, "prefix_len"),
            .period_s = (uint32_t)number(v, "period"),
            .key = key,
        };
        struct ipaddr got;
        struct otip *o;

        spell(name, text(v, "name"), which);
        assert_int_equal(otip_new(&setup, &o), 0);
        otip_address(o, number(v, "epoch"), &got);
        assert_address(&got, text(v, "address"));
        otip_free(o);
    }
}

static void addresses(void **state)
{
    each(state, "address", check_address);
}

/* The same by the functions for many names to one key. */
static void check_series(const json_t *v)
{
    const char *name = text(v, "name");
    struct ipaddr base = address(text(v, "base")), got;
    uint8_t bytes[OTIP_KEY_LEN], wire[DNAME_MAX];
    struct otip2_series series;
    struct otip2_key key;

    read_hex(text(v, "key"), bytes, sizeof(bytes));
    assert_true(dname_from_text(name, strlen(name), wire) > 0);
    otip2_key_init(&key, bytes);
    otip2_series_init(&series, &key, wire, &base, (unsigned)number(v, "prefix_len"),
                      (uint32_t)number(v, "period"));
    otip2_key_wipe(&key);
    otip2_address(&series, number(v, "epoch"), &got);
    assert_address(&got, text(v, "address"));
    otip2_series_wipe(&series);
    for (size_t i = 0; i < sizeof(series); i++)
        assert_int_equal(((const uint8_t *)&series)[i], 0);
}

static void addresses_of_a_series(void **state)
{
    each(state, "address", check_series);
}

static void check_user(const json_t *v)
{
    uint8_t master[OTIP_KEY_LEN], key[OTIP_KEY_LEN], expected[OTIP_KEY_LEN];

    read_hex(text(v, "master"), master, sizeof(master));
    read_hex(text(v, "key"), expected, sizeof(expected));
    assert_int_equal(otip_key_of_user(master, text(v, "user"), key), 0);
    assert_memory_equal(key, expected, sizeof(key));
    assert_int_equal(otip_key_of_user(master, text(v, "user"), master), 0); /* in place */
    assert_memory_equal(master, expected, sizeof(key));
}

static void keys_of_users(void **state)
{
    each(state, "user", check_user);
}

static void check_password(const json_t *v)
{
    uint8_t key[OTIP_KEY_LEN], expected[OTIP_KEY_LEN];

    read_hex(text(v, "key"), expected, sizeof(expected));
    assert_int_equal(otip_key_of_password(text(v, "password"), text(v, "name"), key), 0);
    assert_memory_equal(key, expected, sizeof(key));
}

static void keys_of_passwords(void **state)
{
    each(state, "password", check_password);
}

static void check_fingerprint(const json_t *v)
{
    char got[OTIP_FINGERPRINT_LEN + 1];
    uint8_t key[OTIP_KEY_LEN];

    read_hex(text(v, "key"), key, sizeof(key));
    otip_key_fingerprint(key, got);
    assert_string_equal(got, text(v, "fingerprint"));
}

static void fingerprints(void **state)
{
    each(state, "fingerprint", check_fingerprint);
}

static void check_reserved(const json_t *v)
{
    struct ipaddr a = address(text(v, "address"));

    if (otip2_is_reserved(&a, (unsigned)number(v, "prefix_len")) !=
        json_is_true(json_object_get(v, "reserved")))
        fail_msg("%s/%u", text(v, "address"), (unsigned)number(v, "prefix_len"));
}

static void reserved_identifiers(void **state)
{
    each(state, "reserved", check_reserved);
}

/* Where every identifier is reserved (ISATAP's, within a prefix of 96 bits) it ends, too. */
static void a_prefix_without_a_good_identifier(void **state)
{
    static const uint8_t bytes[OTIP_KEY_LEN] = {1};
    struct ipaddr base = address("2001:db8::5efe:0:0"), got;
    struct otip2_series series;
    struct otip2_key key;
    (void)state;

    otip2_key_init(&key, bytes);
    otip2_series_init(&series, &key, (const uint8_t *)"\1a", &base, 96, 32);
    otip2_address(&series, 1, &got);
    assert_true(ipaddr_same_prefix(&got, &base, 96));
}

static int load(void **state)
{
    json_error_t error;

    *state = json_load_file(VECTORS, 0, &error);
    if (*state == NULL)
        print_error("%s:%d: %s\n", VECTORS, error.line, error.text);
    return *state == NULL ? -1 : 0;
}

static int unload(void **state)
{
    json_decref(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(addresses_of_a_series),
        cmocka_unit_test(keys_of_users),
        cmocka_unit_test(keys_of_passwords),
        cmocka_unit_test(fingerprints),
        cmocka_unit_test(reserved_identifiers),
        cmocka_unit_test(a_prefix_without_a_good_identifier),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
