/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The answer cache: keys, lifetimes, replacement, its bound in bytes, second chance, threads, and a long run
 * by chance against an oracle that remembers what was put last. Time is a number here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libiothnamed/cache.h"
#include "libiothnamed/chance.h"

#define START (1000 * NSEC_PER_SEC + 1)
#define KiB   1024u
#define MiB   (1024u * KiB)

static const struct siphash_key secret = {{1, 2}};

static struct cache *new_cache(uint64_t bytes)
{
    struct cache *c = NULL;

    assert_int_equal(cache_new(bytes, &secret, &c), 0);
    return c;
}

/* A key whose name is a number. */
struct numbered {
    uint8_t name[DNAME_MAX];
    struct cache_key key;
};

static const struct cache_key *numbered(struct numbered *n, unsigned number)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "n%u.example", number);

    len = dname_from_text(text, (size_t)len, n->name);
    n->key =
        (struct cache_key){.upstreams = 1, .type = 1, .class = 1, .name = n->name, .name_len = (uint8_t)len};
    return &n->key;
}

struct seen {
    unsigned calls;
    size_t len;
    uint32_t age_s;
    bool expired, refresh;
    uint8_t value[MiB];
};

static void see(void *arg, const struct cache_found *found)
{
    struct seen *seen = arg;

    seen->calls++;
    seen->len = found->len;
    seen->age_s = found->age_s;
    seen->expired = found->expired;
    seen->refresh = found->refresh;
    memcpy(seen->value, found->value, found->len);
}

static struct seen last;

static bool get_by(struct cache *c, const struct cache_key *key, const struct cache_terms *terms)
{
    last.calls = 0;
    bool hit = cache_get(c, key, terms, see, &last);
    assert_int_equal(last.calls, hit);
    return hit;
}

static bool get(struct cache *c, const struct cache_key *key, nsec_t now)
{
    const struct cache_terms terms = {.now = now};

    return get_by(c, key, &terms);
}

static bool has_number(struct cache *c, unsigned number, nsec_t now)
{
    struct numbered n;

    return get(c, numbered(&n, number), now);
}

/* A value of len bytes that tells its number. */
static void put_number(struct cache *c, unsigned number, size_t len, nsec_t now)
{
    static const uint8_t filling[1000];
    uint8_t value[1000];
    struct numbered n;

    memcpy(value, filling, sizeof(value));
    memcpy(value, &number, sizeof(number));
    cache_put(c, numbered(&n, number), value, len, now, 1000000);
}

static void a_cache_of_nothing(void **state)
{
    static const uint64_t sizes[] = {0, 1, 4096, 50000};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        struct cache *c = new_cache(sizes[i]);
        struct cache_stats stats;
        put_number(c, 1, 100, START);
        assert_false(has_number(c, 1, START));
        cache_flush(c);
        cache_stats(c, &stats);
        assert_int_equal(stats.entries, 0);
        cache_free(c);
    }
    cache_free(NULL);
}

static void keeps_a_copy_for_its_lifetime(void **state)
{
    struct cache *c = new_cache(MiB);
    struct numbered n;
    char value[] = "an answer";

    (void)state;
    numbered(&n, 1);
    assert_false(get(c, &n.key, START));
    cache_put(c, &n.key, value, sizeof(value), START, 5);
    memset(value, 'x', sizeof(value) - 1);
    assert_true(get(c, &n.key, START));
    assert_int_equal(last.len, sizeof(value));
    assert_string_equal((char *)last.value, "an answer");
    assert_int_equal(last.age_s, 0);
    assert_true(get(c, &n.key, START + NSEC_PER_SEC - 1));
    assert_int_equal(last.age_s, 0);
    assert_true(get(c, &n.key, START + NSEC_PER_SEC));
    assert_int_equal(last.age_s, 1);
    assert_true(get(c, &n.key, START - 10)); /* another thread's clock was read a little earlier */
    assert_int_equal(last.age_s, 0);
    assert_true(get(c, &n.key, START + 5 * NSEC_PER_SEC - 1));
    assert_int_equal(last.age_s, 4);
    assert_false(get(c, &n.key, START + 5 * NSEC_PER_SEC));
    cache_free(c);
}

static void the_longest_lifetime(void **state)
{
    struct cache *c = new_cache(MiB);
    struct numbered n;

    (void)state;
    cache_put(c, numbered(&n, 1), "", 0, START, INT32_MAX);
    assert_true(get(c, &n.key, START + (INT32_MAX - INT64_C(1)) * NSEC_PER_SEC));
    assert_int_equal(last.len, 0);
    assert_int_equal(last.age_s, INT32_MAX - 1);
    assert_false(get(c, &n.key, START + INT64_C(1) * INT32_MAX * NSEC_PER_SEC));
    cache_put(c, &n.key, "", 0, START, 0); /* not kept */
    cache_put(c, numbered(&n, 2), "", 0, START, 0);
    assert_false(has_number(c, 2, START));
    cache_free(c);
}

static void keys_that_differ_in_one_field(void **state)
{
    static const uint8_t name[] = "\3www\7example", longer[] = "\3www\7example\0", other[] = "\3wwv\7example";
    const struct cache_key key = {
        .upstreams = 1, .type = 1, .class = 1, .name = name, .name_len = sizeof(name)};
    struct cache_key keys[8];
    struct cache *c = new_cache(MiB);

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(keys); i++)
        keys[i] = key;
    keys[1].upstreams = 2;
    keys[2].type = 28;
    keys[3].class = 3;
    keys[4].dnssec_ok = true;
    keys[5].checking_disabled = true;
    keys[6].name = other;
    keys[7].name = longer;
    keys[7].name_len = sizeof(longer);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
            assert_int_equal(get(c, &keys[i], START), round);
            cache_put(c, &keys[i], &i, sizeof(i), START, 10);
        }
    }
    for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
        assert_true(get(c, &keys[i], START));
        assert_memory_equal(last.value, &i, sizeof(i));
    }
    cache_free(c);
}

static void a_new_value_replaces_the_old_one(void **state)
{
    struct cache *c = new_cache(MiB);
    struct cache_stats stats;
    struct numbered n;

    (void)state;
    numbered(&n, 1);
    for (unsigned i = 0; i < 1000; i++) {
        cache_put(c, &n.key, &i, sizeof(i), START + i, 10);
        assert_true(get(c, &n.key, START + i));
        assert_memory_equal(last.value, &i, sizeof(i));
    }
    cache_stats(c, &stats);
    assert_int_equal(stats.entries, 1);
    assert_int_equal(stats.inserts, 1000);
    assert_int_equal(stats.hits, 1000);
    assert_int_equal(stats.misses, 0);
    assert_int_equal(stats.evictions, 0);
    cache_put(c, &n.key, "short", 5, START, 1);
    assert_true(get(c, &n.key, START));
    assert_int_equal(last.len, 5);
    assert_false(get(c, &n.key, START + NSEC_PER_SEC)); /* and not an older one that would live on */
    cache_free(c);
}

static void flushed_it_is_empty_and_works_on(void **state)
{
    struct cache *c = new_cache(8 * MiB);
    struct cache_stats empty, full, flushed;

    (void)state;
    cache_stats(c, &empty);
    for (unsigned i = 0; i < 100000; i++)
        put_number(c, i, 100, START);
    cache_stats(c, &full);
    assert_true(full.entries > 10000 && full.bytes > empty.bytes);
    cache_flush(c);
    cache_stats(c, &flushed);
    assert_int_equal(flushed.entries, 0);
    assert_int_equal(flushed.bytes, empty.bytes);
    for (unsigned i = 0; i < 100000; i++)
        assert_false(has_number(c, i, START));
    put_number(c, 7, 100, START);
    assert_true(has_number(c, 7, START));
    cache_free(c);
}

static size_t resident_bytes(void)
{
    unsigned long size, resident;
    FILE *file = fopen("/proc/self/statm", "r");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &size, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* Sanitizers and valgrind keep books about the memory of a program, in its memory. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = true };
#elif defined(__has_feature)
enum { SANITIZED = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) };
#else
enum { SANITIZED = false };
#endif

static bool can_measure_memory(void)
{
    const char *preloaded = getenv("LD_PRELOAD");

    return !SANITIZED && !(preloaded && strstr(preloaded, "/vgpreload"));
}

static void flooded_it_stays_within_its_bytes(void **state)
{
    static const uint64_t sizes[] = {128 * KiB, 1 * MiB, 5 * MiB + 12345, 64 * MiB};

    (void)state;
    for (unsigned s = 0; s < ARRAY_LEN(sizes); s++) {
        size_t before = resident_bytes();
        struct cache *c = new_cache(sizes[s]);
        unsigned n = (unsigned)(sizes[s] / 100) + 10000; /* two and a half times what there is room for */
        struct cache_stats stats;
        cache_stats(c, &stats);
        assert_true(stats.bytes < sizes[s] / 10 + 64 * KiB);
        for (unsigned i = 0; i < n; i++)
            put_number(c, i, 40 + i % 300, START);
        size_t after = resident_bytes();
        cache_stats(c, &stats);
        assert_true(stats.bytes <= sizes[s]);
        assert_true(stats.bytes > sizes[s] / 10 * 9);
        if (can_measure_memory())
            assert_true(after - before <= sizes[s] + 256 * KiB); /* what the C library takes for a file */
        assert_int_equal(stats.inserts, n);
        assert_int_equal(stats.inserts, stats.entries + stats.evictions);
        /* 190 bytes of value on average, about 14 of name, and what an answer costs beside them */
        double overhead = (double)stats.bytes / (double)stats.entries - 190 - 14;
        printf("%zu KiB: %zu answers, %.1f bytes of overhead each\n", (size_t)(sizes[s] / KiB),
               (size_t)stats.entries, overhead);
        if (sizes[s] >= MiB)
            assert_true(overhead < 60);
        cache_free(c);
    }
}

static void what_is_too_large_is_not_kept(void **state)
{
    struct cache *c = new_cache(8 * MiB);
    uint8_t *large = calloc(1, 9 * MiB);
    struct numbered n;

    (void)state;
    assert_non_null(large);
    cache_put(c, numbered(&n, 1), large, 65535, START, 10);
    assert_true(get(c, &n.key, START));
    assert_int_equal(last.len, 65535);
    cache_put(c, numbered(&n, 2), large, 9 * MiB, START, 10);
    assert_false(get(c, &n.key, START));
    cache_put(c, numbered(&n, 3), large, MiB, START, 10);
    assert_false(get(c, &n.key, START));
    cache_put(c, numbered(&n, 4), large, SIZE_MAX, START, 10);
    assert_false(get(c, &n.key, START));
    free(large);
    cache_free(c);
}

/* Puts so many numbers, from *next on, that everything older has been at the tail once. */
static void flood_once(struct cache *c, unsigned *next, uint64_t bytes)
{
    for (uint64_t n = bytes / 1000; n > 0; n--)
        put_number(c, (*next)++, 1000, START);
}

static void what_was_asked_for_gets_a_second_chance(void **state)
{
    enum { BYTES = 512 * KiB };
    struct cache *c = new_cache(BYTES);
    unsigned next = 1000;

    (void)state;
    put_number(c, 1, 100, START);
    put_number(c, 2, 100, START);
    assert_true(has_number(c, 1, START));
    flood_once(c, &next, BYTES);
    assert_true(has_number(c, 1, START));
    assert_false(has_number(c, 2, START));
    for (unsigned round = 0; round < 5; round++) { /* asked for in each round, it stays */
        assert_true(has_number(c, 1, START));
        flood_once(c, &next, BYTES);
    }
    assert_true(has_number(c, 1, START));
    flood_once(c, &next, BYTES);
    flood_once(c, &next, BYTES);
    assert_false(has_number(c, 1, START));

    cache_free(c);
}

static void what_has_expired_gets_none(void **state)
{
    enum { BYTES = 512 * KiB };
    struct cache *c = new_cache(BYTES);
    unsigned next = 1000;
    struct numbered n;

    (void)state;
    put_number(c, 1, 100, START - 5 * NSEC_PER_SEC);
    cache_put(c, numbered(&n, 2), "x", 1, START - 5 * NSEC_PER_SEC, 5);
    assert_true(has_number(c, 1, START - 1));
    assert_true(has_number(c, 2, START - 1));
    flood_once(c, &next, BYTES);
    assert_true(has_number(c, 1, START - 1));
    assert_false(has_number(c, 2, START - 1));
    cache_free(c);
}

/* A cache of which everything was asked for makes room without turning over everything. */
static void second_chances_are_bounded(void **state)
{
    struct cache *c = new_cache(128 * KiB);
    struct cache_stats stats = {0};

    (void)state;
    for (unsigned i = 0; stats.evictions == 0; i++) {
        put_number(c, i, 1000, START);
        assert_true(has_number(c, i, START));
        cache_stats(c, &stats);
    }
    for (unsigned i = 0; i < 5; i++)
        assert_true(has_number(c, i, START));
    unsigned i = 5;
    while (has_number(c, i, START))
        i++;
    assert_in_range(i, 5, 20); /* the first one that was not rescued any more */
    cache_free(c);
}

/* With answers so small that the index is full before the ring, the oldest go too. */
static void a_full_index_gives_up_the_oldest(void **state)
{
    enum { N = 20000, RECENT = 60 };
    struct cache *c = new_cache(128 * KiB);
    struct cache_stats stats;

    (void)state;
    for (unsigned i = 0; i < N; i++) {
        put_number(c, i, 4, START);
        if (i % 100 == 0 && i >= RECENT)
            for (unsigned back = 0; back < RECENT; back++)
                assert_true(has_number(c, i - back, START));
    }
    cache_stats(c, &stats);
    assert_in_range(stats.entries, 600, 2000);
    cache_free(c);
}

/* ---- against an oracle */

enum { NAMES = 3000 };

struct oracle {
    nsec_t put_at;
    uint32_t ttl_s; /* 0: never put */
    size_t len;
    uint8_t byte;
};

static void assert_latest(const struct oracle *o, nsec_t now)
{
    assert_true(o->ttl_s > 0 && now < o->put_at + o->ttl_s * NSEC_PER_SEC);
    assert_int_equal(last.len, o->len);
    assert_int_equal(last.age_s, (now - o->put_at) / NSEC_PER_SEC);
    for (size_t i = 0; i < last.len; i++)
        assert_int_equal(last.value[i], o->byte);
}

static size_t random_len(struct chance *c)
{
    switch (chance_below(c, 100)) {
    case 0:
        return chance_below(c, 70000);
    case 1:
    case 2:
        return chance_below(c, 4000);
    default:
        return chance_below(c, 300);
    }
}

static void random_run(struct chance *c, uint64_t bytes, unsigned steps)
{
    static uint8_t value[70000];
    struct oracle *oracle = calloc(NAMES, sizeof(*oracle));
    struct cache *cache = new_cache(bytes);
    unsigned hits = 0;
    nsec_t now = START;

    assert_non_null(oracle);
    for (unsigned step = 0; step < steps; step++) {
        struct numbered n;
        unsigned a = chance_below(c, NAMES), b = chance_below(c, NAMES);
        unsigned number = a < b ? a : b; /* some more often than others */
        struct oracle *o = &oracle[number];
        numbered(&n, number);
        now += chance_below(c, 1000000000) / 100;
        if (get(cache, &n.key, now)) {
            assert_latest(o, now);
            hits++;
        }
        if (chance_below(c, 3) == 0) {
            struct oracle new = {now, 1 + chance_below(c, 60), random_len(c), (uint8_t)chance_next(c)};
            memset(value, new.byte, new.len);
            cache_put(cache, &n.key, value, new.len, now, new.ttl_s);
            bool hit = get(cache, &n.key, now);
            assert_true((hit && last.len == new.len) ||
                        new.len > bytes / 8); /* larger ones may not be kept */
            if (hit && last.len == new.len)
                *o = new;
            if (hit)
                assert_latest(o, now);
        }
    }
    assert_true(hits > steps / 100);
    cache_free(cache);
    free(oracle);
}

static void random_questions_and_answers(void **state)
{
    struct chance c = {20260303};

    (void)state;
    random_run(&c, 128 * KiB, 100000);
    random_run(&c, 300 * KiB, 100000);
    random_run(&c, 1 * MiB, 100000);
    random_run(&c, 2 * MiB + 77, 100000);
}

/* ---- what has expired, what is popular, what failed */

static void an_expired_value_is_there_for_those_who_take_it(void **state)
{
    struct cache *c = new_cache(MiB);
    struct cache_stats stats;
    struct numbered n;

    (void)state;
    cache_put(c, numbered(&n, 1), "old", 3, START, 10);
    struct cache_terms terms = {.now = START + 9 * NSEC_PER_SEC, .stale_s = 100};
    assert_true(get_by(c, &n.key, &terms));
    assert_false(last.expired);
    terms.now = START + 10 * NSEC_PER_SEC;
    assert_true(get_by(c, &n.key, &terms));
    assert_true(last.expired);
    assert_memory_equal(last.value, "old", 3);
    terms.now = START + 110 * NSEC_PER_SEC - 1;
    assert_true(get_by(c, &n.key, &terms));
    terms.now++;
    assert_false(get_by(c, &n.key, &terms));
    terms.stale_s = 0;
    terms.now = START + 10 * NSEC_PER_SEC;
    assert_false(get_by(c, &n.key, &terms));
    cache_stats(c, &stats);
    assert_int_equal(stats.hits, 1);
    assert_int_equal(stats.misses, 4);
    cache_free(c);
}

/* One of those who ask in the last tenth of its life is told, if others had asked before. */
static void a_popular_value_is_renewed_once(void **state)
{
    struct cache *c = new_cache(MiB);
    struct numbered popular, lonely;
    struct cache_terms early = {.now = START + 89 * NSEC_PER_SEC, .may_refresh = true};
    struct cache_terms late = {.now = START + 95 * NSEC_PER_SEC};

    (void)state;
    cache_put(c, numbered(&popular, 1), "p", 1, START, 100);
    cache_put(c, numbered(&lonely, 2), "l", 1, START, 100);
    assert_true(get_by(c, &popular.key, &early));
    assert_false(last.refresh);
    assert_true(get_by(c, &popular.key, &late)); /* who may not */
    assert_false(last.refresh);
    late.may_refresh = true;
    assert_true(get_by(c, &popular.key, &late));
    assert_true(last.refresh);
    assert_true(get_by(c, &popular.key, &late));
    assert_false(last.refresh);
    assert_true(get_by(c, &lonely.key, &late));
    assert_false(last.refresh);

    cache_put(c, &popular.key, "q", 1, late.now, 100); /* it has been renewed */
    late.now += 95 * NSEC_PER_SEC;
    get_by(c, &popular.key, &late);
    get_by(c, &popular.key, &late);
    assert_true(last.refresh);
    cache_free(c);
}

static void a_failure_stands_beside_the_answer(void **state)
{
    struct cache *c = new_cache(MiB);
    struct numbered n, other;
    struct cache_terms terms = {.now = START + 20 * NSEC_PER_SEC, .stale_s = 100};

    (void)state;
    cache_put(c, numbered(&n, 1), "old", 3, START, 10);
    assert_int_equal(cache_failure(c, &n.key, terms.now), -1);
    cache_put_failure(c, &n.key, 7, terms.now, 5);
    assert_int_equal(cache_failure(c, &n.key, terms.now), 7);
    assert_int_equal(cache_failure(c, numbered(&other, 2), terms.now), -1);
    assert_true(get_by(c, &n.key, &terms));
    assert_memory_equal(last.value, "old", 3);
    assert_int_equal(cache_failure(c, &n.key, terms.now + 5 * NSEC_PER_SEC - 1), 7);
    assert_int_equal(cache_failure(c, &n.key, terms.now + 5 * NSEC_PER_SEC), -1);

    /* It is no answer for those who walk through them. */
    static uint8_t value[1000];
    struct cache_cursor at = {0};
    struct cache_copy copy;
    enum cache_step step;
    unsigned found = 0;
    while ((step = cache_next(c, &at, START, &copy, value, sizeof(value))) != CACHE_END)
        found += step == CACHE_FOUND;
    assert_int_equal(found, 1);
    cache_free(c);
}

/* ---- threads */

enum { THREADS = 4, THREAD_STEPS = 100000 };

static void check_pattern(void *arg, const struct cache_found *found)
{
    unsigned number;

    memcpy(&number, found->value, sizeof(number));
    assert_int_equal(number, *(unsigned *)arg);
    for (size_t i = sizeof(number); i < found->len; i++)
        assert_int_equal(found->value[i], 0);
}

static void *one_thread(void *arg)
{
    struct cache *c = arg;
    static atomic_uint seeds = 1;
    struct chance chance = {atomic_fetch_add(&seeds, 1)};
    const struct cache_terms terms = {.now = START};

    for (unsigned i = 0; i < THREAD_STEPS; i++) {
        struct numbered n;
        unsigned number = chance_below(&chance, 5000);
        if (!cache_get(c, numbered(&n, number), &terms, check_pattern, &number))
            put_number(c, number, 4 + chance_below(&chance, 900), START);
        if (i % 50000 == 49999)
            cache_flush(c);
    }
    return NULL;
}

static void many_threads(void **state)
{
    struct cache *c = new_cache(4 * MiB);
    struct cache_stats stats;
    pthread_t threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, one_thread, c), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cache_stats(c, &stats);
    assert_int_equal(stats.hits + stats.misses, THREADS * THREAD_STEPS);
    cache_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cache_of_nothing),
        cmocka_unit_test(keeps_a_copy_for_its_lifetime),
        cmocka_unit_test(the_longest_lifetime),
        cmocka_unit_test(keys_that_differ_in_one_field),
        cmocka_unit_test(a_new_value_replaces_the_old_one),
        cmocka_unit_test(flushed_it_is_empty_and_works_on),
        cmocka_unit_test(flooded_it_stays_within_its_bytes),
        cmocka_unit_test(what_is_too_large_is_not_kept),
        cmocka_unit_test(what_was_asked_for_gets_a_second_chance),
        cmocka_unit_test(what_has_expired_gets_none),
        cmocka_unit_test(second_chances_are_bounded),
        cmocka_unit_test(a_full_index_gives_up_the_oldest),
        cmocka_unit_test(random_questions_and_answers),
        cmocka_unit_test(an_expired_value_is_there_for_those_who_take_it),
        cmocka_unit_test(a_popular_value_is_renewed_once),
        cmocka_unit_test(a_failure_stands_beside_the_answer),
        cmocka_unit_test(many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
