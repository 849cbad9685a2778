/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stacks made and deleted again and again leave no descriptor, thread, process, mapping or memory behind:
 * 10,000 rounds of kernel, 200 of vdestack, or as many as IOTH_ROUNDS says for the latter. */
#include <dirent.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab.h"

struct holdings {
    int descriptors, threads, children, mappings;
    size_t heap; /* bytes in use; 0 under a sanitizer, which looks itself */
};

static int entries(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;

    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

/* How many times c stands in a file. */
static int count_in(const char *path, int c)
{
    FILE *file = fopen(path, "re");
    int n = 0, got;

    assert_non_null(file);
    while ((got = getc(file)) != EOF)
        n += got == c;
    fclose(file);
    return n;
}

static struct holdings take_stock(void)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
    return (struct holdings){.descriptors = entries("/proc/self/fd"),
                             .threads = entries("/proc/self/task"),
                             .children = count_in(path, ' '),
                             .mappings = count_in("/proc/self/maps", '\n'),
                             .heap = mallinfo2().uordblks};
}

static struct holdings before;

static bool is_back(void *arg)
{
    struct holdings now = take_stock();

    *(struct holdings *)arg = now;
    return now.descriptors == before.descriptors && now.threads == before.threads &&
           now.children == before.children;
}

static void round_of(const char *name, const char *vnl)
{
    struct ioth *stack = ioth_newstack(name, vnl);
    int fd = ioth_msocket(stack, AF_INET, SOCK_DGRAM, 0);

    assert_non_null(stack);
    assert_true(fd >= 0);
    assert_int_equal(ioth_close(fd), 0);
    assert_int_equal(ioth_delstack(stack), 0);
}

static void check_rounds(const char *name, const char *vnl, long rounds)
{
    enum { WARM_UP = 3 }; /* buffers of the C library, a second malloc arena, ... */
    struct holdings after;
    long i;

    for (i = 0; i < WARM_UP; i++)
        round_of(name, vnl);
    before = take_stock();
    for (i = 0; i < rounds; i++)
        round_of(name, vnl);
    if (!lab_wait(is_back, &after))
        fail_msg("%s: descriptors %d to %d, threads %d to %d, children %d to %d", name, before.descriptors,
                 after.descriptors, before.threads, after.threads, before.children, after.children);
    print_message("%s, %ld rounds: heap %+ld bytes, mappings %+d\n", name, rounds,
                  (long)(after.heap - before.heap), after.mappings - before.mappings);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* which map memory of their own */
    assert_true(after.heap <= before.heap + 4096);
    assert_true(after.mappings <= before.mappings + 4);
#endif
}

static void test_kernel(void **state)
{
    (void)state;
    check_rounds("kernel", NULL, 10000);
}

static void test_vdestack(void **state)
{
    const char *rounds = getenv("IOTH_ROUNDS");
    struct lab_hub hub;

    (void)state;
    lab_hub_start(&hub, "hub");
    check_rounds("vdestack", hub.vnl, rounds == NULL ? 200 : atol(rounds));
    lab_hub_kill(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernel),
        cmocka_unit_test(test_vdestack),
    };
    int result = lab_open();

    if (result != 0)
        return result;
    result = cmocka_run_group_tests(tests, NULL, NULL);
    lab_close();
    return result;
}
