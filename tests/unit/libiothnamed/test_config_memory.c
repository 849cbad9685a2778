/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Out of memory at each allocation in turn, while a configuration is read, checked, compared with and made
 * into a zone: the answer is -ENOMEM, and nothing leaks or crashes. The linker leads malloc and calloc of the
 * room here. */
#include "config_world.h"

#include "libiothnamed/zone_pool.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
/* Visible, since the linker takes the allocations of shared libraries, too, for these; they do not come here.
 */
__attribute__((visibility("default"))) void *__wrap_malloc(size_t size);
__attribute__((visibility("default"))) void *__wrap_calloc(size_t count, size_t size);

static unsigned long left = ~0ul; /* allocations until one fails */
static bool failed;

static bool fails(void)
{
    if (left > 0) {
        left--;
        return false;
    }
    failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

/* Enough of everything that arrays and tables grow. */
static char *large_text(void)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    assert_non_null(f);
    fputs("rstack stack=kernel\nfstack stack=kernel\noption nsname ns.x\n", f);
    for (int i = 0; i < 300; i++) {
        fprintf(f, "dns 10.1.%d.%d\nnet n%d 10.%d.0.0/24\n", i / 256, i % 256, i, i % 256);
        if (i < LISTEN_MAX)
            fprintf(f, "option listen fc00::%x\n", i);
        fprintf(f,
                "auth hash n%d .h%d b%d.x\nauth fwd n%d .f%d 10.2.%d.%d\nauth otip n%d .o%d fc00:%x:: pw\n",
                i, i, i, i, i, i / 256, i % 256, i, i, i);
        fprintf(f, "static A h%d.x 10.3.0.1\nstatic TXT h%d.x 'some text of some length'\n", i, i);
    }
    fputs("static CAA h.x 0 issue ca\n", f);
    fclose(f);
    return text;
}

/* Everything once, with one failure; what came of it. */
static int run(const char *text, size_t len)
{
    static const struct siphash_key key = {{1, 2}};
    struct config *config = NULL;
    struct zone *zone = NULL;
    struct diags diags = {0};
    int result = config_parse("test.rc", text, len, &config, &diags);

    if (result == 0)
        result = zone_pool_build(config, &key, &zone);
    zone_unref(zone);
    config_free(config);
    diags_fini(&diags);
    return result;
}

static void test_each_allocation(void **state)
{
    char *text = large_text();
    size_t len = strlen(text);
    unsigned long n = 0;
    (void)state;

    do {
        failed = false;
        left = n++;
        int result = run(text, len);
        left = ~0ul;
        assert_true(failed || result == 0);
        /* A failure that only lost the text of a warning is none. */
        assert_true(result == -ENOMEM || result == 0);
    } while (failed);
    assert_true(n > 20); /* that many there were at least, else the linker did not do its part */
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
