/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Walks through the answer cache and the reverse table: everything is met once, names and trees are forgotten and
 * nothing else, and what happens meanwhile does no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libiothnamed/cache.h"
#include "libiothnamed/hrev.h"

#define NOW    (1000 * NSEC_PER_SEC)
#define NAMES  5000
#define VALUES 64

static const struct siphash_key secret = {{1, 2}};

static size_t wire(const char *text, uint8_t name[static DNAME_MAX])
{
    int len = dname_from_text(text, strlen(text), name);

    assert_true(len > 0);
    return (size_t)len;
}

static void put(struct cache *c, const char *text, uint16_t type, uint32_t ttl_s)
{
    uint8_t name[DNAME_MAX];
    size_t len = wire(text, name);
    struct cache_key key = {.upstreams = 1, .type = type, .class = 1, .name = name, .name_len = (uint8_t)len};

    cache_put(c, &key, text, strlen(text), NOW, ttl_s);
}

static unsigned number_of(const uint8_t *value, size_t len)
{
    unsigned n = 0;
    char text[VALUES + 1] = "";

    memcpy(text, value, len);
    assert_int_equal(sscanf(text, "n%u.", &n), 1);
    assert_true(n < NAMES);
    return n;
}

static void fill(struct cache *c)
{
    char text[32];

    for (unsigned i = 0; i < NAMES; i++) {
        snprintf(text, sizeof(text), "n%u.example", i);
        put(c, text, 1, 300);
    }
}

/* Meets every value at most once; returns how many. at: NOW plus seconds. */
static unsigned met(struct cache *c, unsigned after_s)
{
    struct cache_cursor at = {0};
    struct cache_copy copy;
    enum cache_step step;
    uint8_t value[VALUES], seen[NAMES] = {0};
    unsigned n = 0;

    while ((step = cache_next(c, &at, NOW + after_s * NSEC_PER_SEC, &copy, value, sizeof(value))) !=
           CACHE_END) {
        if (step == CACHE_STEP)
            continue;
        assert_int_equal(copy.age_s, after_s);
        assert_int_equal(copy.ttl_s, 300);
        unsigned i = number_of(value, copy.len);
        assert_int_equal(seen[i]++, 0);
        n++;
    }
    return n;
}

static void everything_is_met_once(void **state)
{
    struct cache *c;
    (void)state;

    assert_int_equal(cache_new(8 << 20, &secret, &c), 0);
    assert_int_equal(met(c, 0), 0);
    fill(c);
    assert_int_equal(met(c, 7), NAMES);
    assert_int_equal(met(c, 300), 0); /* expired */
    cache_flush(c);
    assert_int_equal(met(c, 0), 0);
    cache_free(c);

    assert_int_equal(cache_new(0, &secret, &c), 0);
    assert_int_equal(met(c, 0), 0);
    cache_free(c);
}

static void long_values_are_passed_over(void **state)
{
    struct cache_cursor at = {0};
    struct cache_copy copy;
    enum cache_step step;
    uint8_t value[4];
    struct cache *c;
    (void)state;

    assert_int_equal(cache_new(1 << 20, &secret, &c), 0);
    put(c, "n1.x", 1, 300); /* its value has four bytes */
    put(c, "n22.x", 1, 300);
    unsigned n = 0;
    while ((step = cache_next(c, &at, NOW, &copy, value, sizeof(value))) != CACHE_END)
        n += step == CACHE_FOUND;
    assert_int_equal(n, 1);
    cache_free(c);
}

static uint64_t forget(struct cache *c, const char *text, bool tree)
{
    struct cache_cursor at = {0};
    uint8_t name[DNAME_MAX];
    uint64_t n = 0;
    size_t len = wire(text, name);

    while (cache_flush_step(c, &at, name, len, tree, &n))
        ;
    return n;
}

static void names_and_trees_are_forgotten(void **state)
{
    static const char *const names[] = {"a.example", "b.a.example", "c.b.a.example", "ba.example",
                                        "example",   "a.example.x", "xample",        "."};
    struct cache *c;
    (void)state;

    assert_int_equal(cache_new(1 << 20, &secret, &c), 0);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        put(c, names[i], 1, 300);
        put(c, names[i], 28, 300);
    }
    assert_int_equal(forget(c, "nobody.example", true), 0);
    assert_int_equal(forget(c, "ample", true), 0);
    assert_int_equal(forget(c, "b.a.example", false), 2);
    assert_int_equal(forget(c, "a.example", true), 4);
    assert_int_equal(forget(c, "example", true), 4);
    assert_int_equal(forget(c, ".", false), 2);
    assert_int_equal(forget(c, ".", true), 4);
    assert_int_equal(forget(c, ".", true), 0);
    struct cache_stats stats;
    cache_stats(c, &stats);
    assert_int_equal(stats.entries, 0);
    put(c, "a.example", 1, 300); /* it works on */
    assert_int_equal(forget(c, "a.example", false), 1);
    cache_free(c);
}

/* The cache turns over many times under a walk: it ends, and gives nothing twice that stood there all the time. */
static void a_walk_while_the_cache_changes(void **state)
{
    struct cache_cursor at = {0};
    struct cache_copy copy;
    enum cache_step step;
    uint8_t value[VALUES];
    unsigned steps = 0, i = 0;
    struct cache *c;
    (void)state;

    assert_int_equal(cache_new(256 << 10, &secret, &c), 0);
    fill(c);
    while ((step = cache_next(c, &at, NOW, &copy, value, sizeof(value))) != CACHE_END) {
        char text[32];
        if (step == CACHE_FOUND)
            number_of(value, copy.len);
        for (unsigned k = 0; k < 20; k++, i++) {
            snprintf(text, sizeof(text), "n%u.example", i * 7 % NAMES);
            put(c, text, (uint16_t)(1 + i % 3), 300);
        }
        assert_true(++steps < 100000);
    }
    cache_free(c);
}

static void all_names_of_the_reverse_table(void **state)
{
    struct hrev *h;
    struct hrev_cursor at = {0};
    struct ipaddr addr = {.b = {0xfc}}, asker = {.b = {0xfd}};
    uint8_t name[DNAME_MAX], seen[NAMES] = {0};
    enum hrev_step step;
    nsec_t left;
    unsigned n = 0;
    (void)state;

    assert_int_equal(hrev_new(2 * NAMES, &secret, &h), 0);
    assert_int_equal(hrev_next(h, &at, NOW, &addr, name, &left), HREV_END);
    for (unsigned i = 0; i < NAMES; i++) {
        char text[32];
        snprintf(text, sizeof(text), "n%u.example", i);
        size_t len = wire(text, name);
        put_be32(addr.b + 12, i);
        /* Every tenth ends before the walk. */
        hrev_learn(h, &addr, name, len, &asker, NOW, NOW + (i % 10 ? 60 : 5) * NSEC_PER_SEC);
    }
    at = (struct hrev_cursor){0};
    while ((step = hrev_next(h, &at, NOW + 10 * NSEC_PER_SEC, &addr, name, &left)) != HREV_END) {
        if (step == HREV_STEP)
            continue;
        char text[DNAME_TEXT_MAX];
        uint32_t i = get_be32(addr.b + 12);
        dname_to_text(name, text);
        assert_int_equal(number_of((const uint8_t *)text, strlen(text)), i);
        assert_true(left == 50 * NSEC_PER_SEC);
        assert_int_not_equal(i % 10, 0);
        assert_int_equal(seen[i]++, 0);
        n++;
    }
    assert_int_equal(n, NAMES - NAMES / 10);
    hrev_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_met_once),         cmocka_unit_test(long_values_are_passed_over),
        cmocka_unit_test(names_and_trees_are_forgotten),  cmocka_unit_test(a_walk_while_the_cache_changes),
        cmocka_unit_test(all_names_of_the_reverse_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
