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
#include <unistd.h>

#include "libiothnamed/cache.h"
#include "libiothnamed/clients.h"
#include "libiothnamed/hrev.h"
#include "libiothnamed/list.h"
#include "libiothnamed/load_zones.h"
#include "libiothnamed/policy_world.h"
#include "libiothnamed/rrl.h"

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

static const char listed[] = "0.0.0.0 ads.example\n*.tree.example\nbad..name\n";

static void lists(void **state)
{
    char path[] = "/tmp/names-XXXXXX";
    struct config_list named = {.written = path, .path = path};
    struct config config = {.lists = &named, .n_lists = 1};
    int fd = mkstemp(path), error = -ENOMEM;

    (void)state;
    assert_true(fd >= 0 && write(fd, listed, strlen(listed)) == (ssize_t)strlen(listed));
    close(fd);
    for (long n = 0; error < 0; n++) {
        struct diags diags = {0};
        struct lists *l = NULL;
        fail_after(n);
        error = lists_load(&config, NULL, &secret, &diags, &l);
        bool failed = has_failed();
        assert_int_equal(l == NULL, error < 0);
        assert_true(error == 0 || (error == -ENOMEM && failed));
        assert_int_equal(diags.errors, 0);
        if (l)
            assert_int_equal(list_find(l->files[0].names, (const uint8_t *)"\1x\4tree\7example"), 2);
        lists_free(l);
        diags_fini(&diags);
    }
    unlink(path);
}

static const char zone_text[] =
    "@ 60 SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\nns A 192.0.2.2\n*.w MX 1 ns\n"
    "sub NS ns.sub\nns.sub AAAA 2001:db8::1\nlonger.names.and.more.of.them TXT text\n";

/* A zone file, and what it was before when it is read anew. */
static void zones(void **state)
{
    char path[] = "/tmp/zone-XXXXXX";
    static const uint8_t apex[] = "\4test";
    struct config_zone named = {.apex = {apex, sizeof(apex)}, .written = path, .path = path};
    struct config config = {.zones = &named, .n_zones = 1};
    struct zones *old = NULL;
    int fd = mkstemp(path), error = -ENOMEM;

    (void)state;
    assert_true(fd >= 0 && write(fd, zone_text, strlen(zone_text)) == (ssize_t)strlen(zone_text));
    for (unsigned again = 0; again < 2; again++) {
        struct zones *z = NULL;
        bool failed = true;
        for (long n = 0; failed; n++) {
            struct diags diags = {0};
            zones_unref(z);
            z = NULL;
            fail_after(n);
            error = zones_load(&config, old, &secret, &diags, &z);
            failed = has_failed();
            assert_int_equal(z == NULL, error < 0);
            assert_true(error == 0 || (error == -ENOMEM && failed));
            assert_int_equal(diags.errors, 0);
            diags_fini(&diags);
        }
        assert_int_equal(error, 0);
        assert_non_null(zone_rrset(zone_find(z->list[0].zone, (const uint8_t *)"\2ns\4test"), RR_A));
        if (old)
            assert_ptr_equal(z->list[0].zone, old->list[0].zone);
        zones_unref(old);
        old = z;
    }
    zones_unref(old);
    close(fd);
    unlink(path);
}

static void hrev_of_another_size(void **state)
{
    const struct ipaddr client = {{0xfd}};
    struct hrev *h = NULL;
    int error = -ENOMEM;

    (void)state;
    assert_int_equal(hrev_new(10000, &secret, &h), 0);
    for (unsigned i = 0; i < 1000; i++) {
        struct ipaddr addr = {{0xfc, [14] = (uint8_t)(i >> 8), [15] = (uint8_t)i}};
        hrev_learn(h, &addr, (const uint8_t *)"\1a", 3, &client, 1000, 2000);
    }
    for (long n = 0; error < 0; n++) {
        fail_after(n);
        error = hrev_resize(h, 20000);
        assert_int_equal(error, has_failed() ? -ENOMEM : 0);
        assert_int_equal(hrev_count(h), 1000);
    }
    hrev_free(h);
}

static void tables_of_clients(void **state)
{
    struct clients *clients = NULL;
    struct rrl *rrl = NULL;
    int error = -ENOMEM;

    (void)state;
    for (long n = 0; error < 0; n++) {
        fail_after(n);
        error = clients_new(&secret, &clients);
        assert_int_equal(error, has_failed() ? -ENOMEM : 0);
        assert_int_equal(clients == NULL, error < 0);
    }
    error = -ENOMEM;
    for (long n = 0; error < 0; n++) {
        fail_after(n);
        error = rrl_new(&secret, &rrl);
        assert_int_equal(error, has_failed() ? -ENOMEM : 0);
        assert_int_equal(rrl == NULL, error < 0);
    }
    clients_free(clients);
    rrl_free(rrl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nets_and_policy),      cmocka_unit_test(cache), cmocka_unit_test(hrev),
        cmocka_unit_test(hrev_of_another_size), cmocka_unit_test(lists), cmocka_unit_test(zones),
        cmocka_unit_test(tables_of_clients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
