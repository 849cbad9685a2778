/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* struct otip of both generations: otip1 against the vectors of libiothaddr, epochs and their starts, what a setup may
 * not say, passwords, users, and that otip1 and otip2 have each their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>

#include "libotip/otip_key.h"
#include "libotip/otip_password.h"

#define VECTORS SOURCE_DIR "/tests/vectors/iothaddr.json"
#define NAME    "renzo.otip.example"

static const uint8_t key[OTIP_KEY_LEN] = {1, 2, 3};

static struct ipaddr address(const char *written)
{
    struct ipaddr a;

    assert_int_equal(ipaddr_parse(written, strlen(written), &a), 0);
    return a;
}

static struct otip_setup setup1(void)
{
    return (struct otip_setup){
        .generation = OTIP1, .name = NAME, .base = address("fc00::"), .password = "secret"};
}

static struct otip_setup setup2(void)
{
    return (struct otip_setup){.generation = OTIP2, .name = NAME, .base = address("fc00::"), .key = key};
}

static struct otip *made(const struct otip_setup *setup)
{
    struct otip *o = NULL;

    assert_int_equal(otip_new(setup, &o), 0);
    assert_non_null(o);
    return o;
}

static struct ipaddr address_of(const struct otip_setup *setup, uint64_t epoch)
{
    struct otip *o = made(setup);
    struct ipaddr a;

    otip_address(o, epoch, &a);
    otip_free(o);
    return a;
}

static void otip1_vectors(void **state)
{
    json_error_t error;
    json_t *vectors = json_load_file(VECTORS, 0, &error), *list = json_object_get(vectors, "otip"), *v;
    size_t i;
    (void)state;

    assert_true(json_array_size(list) > 0);
    json_array_foreach(list, i, v)
    {
        struct otip_setup s = setup1();
        uint64_t epoch = (uint64_t)json_integer_value(json_object_get(v, "counter"));
        char written[IPADDR_STRLEN];

        s.name = json_string_value(json_object_get(v, "name"));
        s.base = address(json_string_value(json_object_get(v, "base")));
        s.password = json_string_value(json_object_get(v, "password"));
        struct ipaddr a = address_of(&s, epoch);
        assert_string_equal(ipaddr_format(&a, written), json_string_value(json_object_get(v, "addr")));
        a = address_of(&s, epoch + (UINT64_C(1) << 32)); /* its number has 32 bits */
        assert_string_equal(ipaddr_format(&a, written), json_string_value(json_object_get(v, "addr")));
    }
    json_decref(vectors);
}

static void epochs(void **state)
{
    struct otip_setup s = setup2();
    struct otip *o = made(&s);
    (void)state;

    assert_int_equal(otip_period(o), 32);
    assert_int_equal(otip_epoch(o, 0), 0);
    assert_int_equal(otip_epoch(o, 31), 0);
    assert_int_equal(otip_epoch(o, 32), 1);
    assert_int_equal(otip_epoch(o, -1), 0);
    assert_int_equal(otip_epoch(o, INT64_MIN), 0);
    assert_int_equal(otip_epoch_start(o, 0), 0);
    assert_int_equal(otip_epoch_start(o, 1), 32);
    assert_true(otip_epoch_start(o, UINT64_MAX) == INT64_MAX);
    uint64_t last = otip_epoch(o, INT64_MAX);
    assert_true(otip_epoch_start(o, last) <= INT64_MAX && otip_epoch_start(o, last) > INT64_MAX - 32);
    assert_true(otip_epoch_start(o, last + 1) == INT64_MAX);
    otip_free(o);
}

static void periods(void **state)
{
    static const uint32_t list[] = {1, 2, 31, 3600, UINT32_MAX};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        struct otip_setup s = setup2();

        s.period_s = list[i];
        struct otip *o = made(&s);
        for (int64_t t = 1795303094; t < 1795303100; t++) {
            uint64_t epoch = otip_epoch(o, t);
            assert_true(otip_epoch_start(o, epoch) <= t && t < otip_epoch_start(o, epoch + 1));
        }
        otip_free(o);
    }
}

/* A setup of either generation with one thing wrong. */
#define WRONG(generation, expected, ...)                                                                     \
    do {                                                                                                     \
        struct otip_setup s = setup##generation();                                                           \
        struct otip *o = (struct otip *)&s;                                                                  \
        __VA_ARGS__;                                                                                         \
        assert_int_equal(otip_new(&s, &o), expected);                                                        \
        assert_ptr_equal(o, &s); /* ret_ outputs stay as they were */                                        \
    } while (0)

static void what_a_setup_may_not_say(void **state)
{
    char long_password[OTIP_PASSWORD_MAX + 2], long_user[OTIP_USER_MAX + 2];
    (void)state;

    memset(long_password, 'x', sizeof(long_password));
    memset(long_user, 'x', sizeof(long_user));
    long_password[sizeof(long_password) - 1] = long_user[sizeof(long_user) - 1] = '\0';

    WRONG(1, -EINVAL, s.name = NULL);
    WRONG(1, -EINVAL, s.name = "");
    WRONG(1, -EINVAL, s.name = ".");
    WRONG(2, -EINVAL, s.name = "a..b");
    WRONG(1, -EINVAL, s.base = address("192.0.2.1"));
    WRONG(2, -EINVAL, s.base = address("192.0.2.1"));
    WRONG(1, -EINVAL, s.password = NULL);
    WRONG(1, -EINVAL, s.password = "");
    WRONG(1, -EINVAL, s.password = long_password);
    WRONG(1, -EINVAL, s.key = key);
    WRONG(1, -EINVAL, s.user = "renzo");
    WRONG(2, -EINVAL, s.key = NULL);
    WRONG(2, -EINVAL, s.password = "secret");
    WRONG(2, -ENOTSUP, s.key = NULL, s.password = "secret");
    WRONG(2, -EINVAL, s.user = "");
    WRONG(2, -EINVAL, s.user = "a\nb");
    WRONG(2, -EINVAL, s.user = "a\x7f");
    WRONG(2, -EINVAL, s.user = long_user);
    WRONG(2, -EINVAL, s.prefix_len = OTIP_PREFIX_LEN_MAX + 1);
    WRONG(2, -EINVAL, s.prefix_len = UINT_MAX);
    WRONG(2, -EINVAL, s.generation = 0);
    WRONG(2, -EINVAL, s.generation = 3);
    otip_free(NULL);
}

static void a_user_has_a_key_of_its_own(void **state)
{
    struct otip_setup master = setup2(), user = setup2();
    uint8_t own[OTIP_KEY_LEN];
    (void)state;

    user.user = "renzo";
    struct ipaddr a = address_of(&user, 7), b = address_of(&master, 7);
    assert_false(ipaddr_equal(&a, &b));
    assert_int_equal(otip_key_of_user(key, "renzo", own), 0);
    master.key = own;
    b = address_of(&master, 7);
    assert_true(ipaddr_equal(&a, &b));
}

static void a_password_of_otip2(void **state)
{
    struct otip_setup by_password = setup2(), by_key = setup2();
    struct otip *o = NULL;
    uint8_t own[OTIP_KEY_LEN];
    struct ipaddr a, b;
    (void)state;

    by_password.key = NULL;
    by_password.password = "secret";
    assert_int_equal(otip_new_from_password(&by_password, &o), 0);
    otip_address(o, 7, &a);
    otip_free(o);
    assert_int_equal(otip_key_of_password("secret", NAME, own), 0);
    by_key.key = own;
    b = address_of(&by_key, 7);
    assert_true(ipaddr_equal(&a, &b));

    assert_int_equal(otip_key_of_password("", NAME, own), -EINVAL);
    assert_int_equal(otip_key_of_password("secret", "a..b", own), -EINVAL);
    assert_int_equal(otip_key_of_password("secret", ".", own), -EINVAL);
    by_password.user = "renzo";
    assert_int_equal(otip_new_from_password(&by_password, &o), -EINVAL);
    by_password.user = NULL, by_password.key = key;
    assert_int_equal(otip_new_from_password(&by_password, &o), -EINVAL);
}

/* What needs no Argon2 goes on to otip_new(). */
static void other_secrets_pass_through(void **state)
{
    struct otip_setup one = setup1(), two = setup2();
    struct otip *o = NULL;
    (void)state;

    assert_int_equal(otip_new_from_password(&one, &o), 0);
    otip_free(o);
    assert_int_equal(otip_new_from_password(&two, &o), 0);
    otip_free(o);
}

/* The weak points of otip1, and that otip2 has them not: no separators, the prefix not bound. */
static void fields_are_kept_apart(void **state)
{
    struct otip_setup a = setup1(), b = setup1();
    struct ipaddr one, other;
    (void)state;

    a.name = "a.otip", a.password = "x1";
    b.name = "a.otipx", b.password = "1";
    one = address_of(&a, 7), other = address_of(&b, 7);
    assert_true(ipaddr_equal(&one, &other));

    a = setup2(), b = setup2();
    b.base = address("fc00:1::");
    one = address_of(&a, 7), other = address_of(&b, 7);
    assert_memory_not_equal(one.b + 8, other.b + 8, 8);
}

/* At another base it is as if it had been made there, whatever the generation. */
static void another_base(void **state)
{
    struct otip_setup setups[] = {setup1(), setup2()};
    const struct ipaddr four = address("10.0.0.1"), base = address("fc00:1::5");
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(setups); i++) {
        struct otip *here, *there = NULL;
        struct ipaddr moved, made, stays;
        assert_int_equal(otip_new(&setups[i], &here), 0);
        otip_address(here, 7, &stays);
        assert_int_equal(otip_rebase(here, &four, &there), -EINVAL);
        assert_null(there);
        assert_int_equal(otip_rebase(here, &base, &there), 0);
        otip_free(here);
        otip_address(there, 7, &moved);
        assert_int_equal(otip_period(there), setups[i].period_s ? setups[i].period_s : OTIP_PERIOD_S);
        otip_free(there);
        assert_memory_not_equal(&moved, &stays, sizeof(moved));
        setups[i].base = base;
        made = address_of(&setups[i], 7);
        assert_true(ipaddr_equal(&moved, &made));
    }
}

/* Linked in place of calloc, also in the libraries of the sanitizers. */
static bool memory_is_out;
#pragma GCC visibility push(default)
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return memory_is_out ? NULL : __real_calloc(n, size);
}
#pragma GCC visibility pop

static void out_of_memory(void **state)
{
    struct otip_setup s = setup2();
    struct otip *o = (struct otip *)&s;
    int err;
    (void)state;

    memory_is_out = true;
    err = otip_new(&s, &o);
    memory_is_out = false;
    assert_int_equal(err, -ENOMEM);
    assert_ptr_equal(o, &s);

    struct otip *made, *moved = (struct otip *)&s;
    assert_int_equal(otip_new(&s, &made), 0);
    memory_is_out = true;
    err = otip_rebase(made, &s.base, &moved);
    memory_is_out = false;
    assert_int_equal(err, -ENOMEM);
    assert_ptr_equal(moved, &s);
    otip_free(made);
}

/* Argon2 takes 64 MiB; a process that may not have them gets no key. */
static void no_memory_for_argon2(void **state)
{
#ifdef IOTH_SANITIZED
    (void)state;
    print_message("the sanitizers' own memory has no limit: skipped\n");
    skip();
#else
    struct rlimit before, narrow = {32 << 20, RLIM_INFINITY};
    uint8_t own[OTIP_KEY_LEN] = {42};
    int err;
    (void)state;

    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    narrow.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_AS, &narrow), 0);
    err = otip_key_of_password("secret", NAME, own);
    assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
    assert_int_equal(err, -ENOMEM);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(otip1_vectors),
        cmocka_unit_test(epochs),
        cmocka_unit_test(periods),
        cmocka_unit_test(what_a_setup_may_not_say),
        cmocka_unit_test(a_user_has_a_key_of_its_own),
        cmocka_unit_test(a_password_of_otip2),
        cmocka_unit_test(other_secrets_pass_through),
        cmocka_unit_test(fields_are_kept_apart),
        cmocka_unit_test(another_base),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(no_memory_for_argon2),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
