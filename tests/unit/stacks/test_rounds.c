/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stacks made and deleted again and again leave no descriptor, thread, process or mapping behind, and no memory, or at
 * most LWIP_HEAP_ROUND bytes a round of lwip: 10,000 rounds of kernel, and of the others 200 or as many as IOTH_ROUNDS
 * says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab.h"
#include "lab/holdings.h"

enum {
    WARM_UP = 3,       /* buffers of the C library, a second malloc arena, ... */
    HEAP_SLACK = 4096, /* of all rounds together */
    LWIP_HEAP_ROUND = 2048,
    MAPPINGS_SLACK = 8, /* the heap may have been cut in another way */
};

/* A socket of each round is used, by a datagram to the stack itself. */
static void round_of(const char *name, const char *vnl)
{
    struct ioth *stack = ioth_newstack(name, vnl);
    int fd;

    assert_non_null(stack);
    if (vnl != NULL) {
        lab_configure(stack, "vde0", "10.0.0.1");
        lab_exchange(stack, stack, "10.0.0.1", 100);
    }
    fd = ioth_msocket(stack, AF_INET, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(ioth_close(fd), 0);
    assert_int_equal(ioth_delstack(stack), 0);
}

static void check_rounds(const char *name, const char *vnl, long rounds, size_t heap_round)
{
    struct holdings before, after;
    long i;

    for (i = 0; i < WARM_UP; i++)
        round_of(name, vnl);
    before = holdings_now();
    for (i = 0; i < rounds; i++)
        round_of(name, vnl);
    if (!holdings_are_back(&before, &after))
        fail_msg("%s: descriptors %d to %d, threads %d to %d, children %d to %d", name, before.descriptors,
                 after.descriptors, before.threads, after.threads, before.children, after.children);
    print_message("%s, %ld rounds: heap %+ld bytes, mappings %+d\n", name, rounds,
                  (long)(after.heap - before.heap), after.mappings - before.mappings);
    if (holdings_are_a_sanitizers())
        return; /* its mappings; and it looks for leaks itself */
    assert_true(after.heap <= before.heap + HEAP_SLACK + (size_t)rounds * heap_round);
    assert_true(after.mappings <= before.mappings + MAPPINGS_SLACK);
}

static void test_kernel(void **state)
{
    (void)state;
    check_rounds("kernel", NULL, 10000, 0);
}

static void test_vdestack(void **state)
{
    (void)state;
    check_rounds("vdestack", lab_vnl(), lab_number("IOTH_ROUNDS", 200), 0);
}

static void test_lwip(void **state)
{
    (void)state;
    if (!lab_has("lwip"))
        skip();
    check_rounds("lwip", lab_vnl(), lab_number("IOTH_ROUNDS", 200), LWIP_HEAP_ROUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernel),
        cmocka_unit_test(test_vdestack),
        cmocka_unit_test(test_lwip),
    };
    return lab_run(tests);
}
