/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Out of memory at each allocation in turn: an error, nothing lost, and what was there stands. */
#include "ra_world.h"

static unsigned left; /* allocations that succeed; then one fails. 0 at the beginning: all succeed */
static bool armed;

static bool fails(void)
{
    if (!armed)
        return false;
    if (left > 0) {
        left--;
        return false;
    }
    return true;
}

#pragma GCC visibility push(default) /* shared libraries are linked with these as well */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__real_reallocarray(void *at, size_t n, size_t size);
void *__wrap_reallocarray(void *at, size_t n, size_t size);
void *__wrap_reallocarray(void *at, size_t n, size_t size)
{
    return fails() ? NULL : __real_reallocarray(at, n, size);
}

#pragma GCC visibility pop

static const char text[] =
    "stack stack=lwip\niface a\nprefix fc01::/64/LAD\nprefix ::/64\nrdnss fc01::1,fc01::2\n"
    "dnssl a.example\ncaptive-portal https://a/\ndnr 1 a.example fc01::1 alpn=dot\n"
    "iface b\npref64 64:ff9b::/96\nlifetime 1\n";

static int read_config(struct ra_config **ret)
{
    struct ra_draft *draft = NULL;
    int e = ra_draft_new(&draft);
    if (e == 0)
        e = ra_draft_text(draft, "t.rc", text, sizeof(text) - 1);
    if (e == 0)
        e = ra_draft_option(draft, "mtu", "1400");
    if (e == 0)
        e = ra_draft_finish(draft, ret);
    ra_draft_free(draft);
    return e;
}

static void configurations(void **state)
{
    unsigned n = 0;
    int e;
    (void)state;
    do {
        struct ra_config *config = NULL;
        left = n++;
        armed = true;
        e = read_config(&config);
        armed = false;
        assert_true(e == 0 || e == -ENOMEM);
        assert_true((e == 0) == (config != NULL));
        ra_config_free(config);
    } while (e < 0);
    assert_true(n > 5);
}

static void changes(void **state)
{
    struct world w;
    struct nd_prefix p;
    unsigned n = 0;
    int e;
    (void)state;
    world_open(&w, text);
    world_start(&w);
    world_wait(&w, SECOND);
    struct ra_config *other = config_of("prefix fc02::/64\nrdnss fc01::2\ndnssl b.example\n");
    do {
        left = n++;
        armed = true;
        e = ra_change(w.ra, &other->interfaces[0].settings, w.now);
        armed = false;
        world_wait(&w, 5 * SECOND);
        world_solicit(&w, "::");
        world_wait(&w, SECOND);
        assert_true(e == 0 || e == -ENOMEM);
        assert_true(said_of(&w, "fc01::", &p));
        assert_true((p.preferred_s == 0) == (e == 0));
    } while (e < 0);
    assert_true(n > 3);
    ra_config_free(other);
    world_close(&w);
}

static void beginnings(void **state)
{
    struct ra_config *config = config_of(text);
    struct ra_env env = {.random = world_random};
    unsigned n = 0;
    int e;
    (void)state;
    do {
        struct ra_core *ra = NULL;
        left = n++;
        armed = true;
        e = ra_new(&env, &config->interfaces[0].settings, 0, &ra);
        armed = false;
        assert_true(e == 0 || e == -ENOMEM);
        ra_free(ra);
    } while (e < 0);
    ra_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configurations),
        cmocka_unit_test(changes),
        cmocka_unit_test(beginnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
