/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every allocation of the structures that queries run on fails once: it is an error like others, nothing
 * leaks (the address sanitizer looks) and what stood before still stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/mman.h>

#include "libiothnamed/cache.h"
#include "libiothnamed/hrev.h"
#include "libiothnamed/policy_world.h"

static const struct siphash_key secret = {{5, 6}};

/* The linker brings the allocations of the libraries here (--wrap). */
static long left = -1; /* allocations that succeed before one fails; -1: none fails */

static bool fails(void)
{
    if (left < 0)
        return false;
    return left-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
#define WRAPPED __attribute__((visibility("default"))) /* shared libraries allocate too */
WRAPPED void *__wrap_malloc(size_t size);
WRAPPED void *__wrap_calloc(size_t n, size_t size);
WRAPPED void *__wrap_realloc(void *old, size_t size);
WRAPPED void *__wrap_reallocarray(void *old, size_t n, size_t size);
WRAPPED void *__wrap_aligned_alloc(size_t align, size_t size);
WRAPPED void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
    return fails() ? NULL : __real_reallocarray(old, n, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(align, size);
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
    return fails() ? MAP_FAILED : __real_mmap(addr, len, prot, flags, fd, offset);
}

/* The allocation behind `n` others fails in what comes next. Returns whether it did, when that is over. */
static void fail_after(long n)
{
    left = n;
}

static bool has_failed(void)
{
    bool failed = left < 0;

    left = -1;
    return failed;
}

static void a_world(struct world *w)
{
    char name[64];

    world_init(w, 3, 304);
    for (unsigned net = 0; net < 3; net++) {
        struct config_range *ranges = must(arena_alloc(&w->config.arena, 2 * sizeof(*ranges)));
        ranges[0] = (struct config_range){.next = ranges + 1, .addr = {{0xfc, (uint8_t)net}}, .bits = 64};
        ranges[1] = (struct config_range){.addr = {{0xfc, (uint8_t)net}}, .bits = 16};
        w->config.nets[net].ranges = ranges;
    }
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "%sn%u.example", i % 2 ? "." : "", i);
        world_rule(w, &row_static, 1 + i % 7, name);
    }
    world_rule(w, &row_pass, 7, "10.0.0.0/13");
    world_rule(w, &row_pass, 7, "2001:db8::/31");
    world_rule(w, &row_pass, 7, ".");
    world_rule(w, &source_fwd, 7, ".");
}

static void nets_and_policy(void **state)
{
    struct world w;
    bool failed = true;
    int error;

    (void)state;
    a_world(&w);
    for (long n = 0; failed; n++) {
        struct nets *nets = NULL;
        fail_after(n);
        error = nets_build(&w.config, &nets);
        failed = has_failed();
        assert_int_equal(nets == NULL, error < 0);
        assert_true(error == 0 ||
                    (error == -ENOMEM && failed)); /* arrays that cannot be cut short stay long */
        nets_free(nets);
    }
    assert_int_equal(nets_build(&w.config, &w.nets), 0);
    failed = true;
    for (long n = 0; failed; n++) {
        struct policy *policy = NULL;
        fail_after(n);
        error = policy_build(&w.config, NULL, w.nets, &secret, &policy);
        failed = has_failed();
        assert_int_equal(policy == NULL, error < 0);
        assert_true(error == 0 || (error == -ENOMEM && failed));
        if (policy) {
            assert_int_equal(policy_find(policy, (const uint8_t *)"\2n4\7example").count, 3);
            assert_int_equal(policy_find(policy, (const uint8_t *)"\1x").count, 2);
        }
        policy_free(policy);
    }
    world_fini(&w);
}

static void cache(void **state)
{
    struct cache *c = NULL;

    (void)state;
    fail_after(0);
    assert_int_equal(cache_new(1 << 20, &secret, &c), -ENOMEM);
    assert_null(c);
    fail_after(0);
    assert_int_equal(cache_new(0, &secret, &c), -ENOMEM);
    assert_null(c);
    has_failed();
}

static void hrev(void **state)
{
    const struct ipaddr client = {{0xfd}};
    struct hrev *h = NULL;
    int error = -ENOMEM;

    (void)state;
    for (long n = 0; error < 0; n++) {
        fail_after(n);
        error = hrev_new(10000, &secret, &h);
        assert_int_equal(error, has_failed() ? -ENOMEM : 0);
    }
    for (unsigned i = 0; i < 1000; i++) {
        struct ipaddr addr = {{0xfc, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i}};
        bool failed = true;
        for (long n = 0; failed; n++) {
            uint8_t name[DNAME_MAX];
            struct ipaddr asker = client;
            asker.b[7] = (uint8_t)i;
            fail_after(n);
            hrev_learn(h, &addr, (const uint8_t *)"\1a", 3, &asker, 1000, 2000);
            failed = has_failed();
            assert_int_equal(hrev_find(h, &addr, 1000, name), failed ? -ENOENT : 3);
            assert_int_equal(hrev_count(h), i + !failed);
        }
    }
    hrev_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nets_and_policy),
        cmocka_unit_test(cache),
        cmocka_unit_test(hrev),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
