/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A switch that stands still takes connections and never answers. No stack can be made on it; one that was on it comes back when
 * it goes on; and stacks on other networks, which lwip drives by the same thread, do not notice any of it.
 */
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lab.h"

enum {
    EXCHANGES = 5
}; /* within five seconds; of a loop that waits for the silent network none gets through */

static bool is_down(void *arg)
{
    return (lab_flags(arg, "vde0") & IFF_RUNNING) == 0;
}

struct making {
    const char *kind, *vnl;
    struct ioth *stack;
    int error;
    atomic_bool is_over;
};

static void *make(void *arg)
{
    struct making *making = arg;

    making->stack = ioth_newstack(making->kind, making->vnl);
    making->error = errno;
    atomic_store(&making->is_over, true);
    return NULL;
}

/* Makes a stack on the silent network in a thread, while a and b go on. How many datagrams went from one to the other. */
static int play_beside(struct making *making, struct ioth *a, struct ioth *b)
{
    pthread_t thread;
    int n = 0;

    assert_int_equal(pthread_create(&thread, NULL, make, making), 0);
    for (; !atomic_load(&making->is_over); n++)
        lab_exchange(a, b, "10.0.0.2", 100);
    pthread_join(thread, NULL);
    return n;
}

static void play(const char *kind)
{
    struct hub frozen;
    struct ioth *a, *b, *c, *d;
    struct making making = {.kind = kind, .vnl = frozen.vnl};

    if (!lab_has(kind))
        return;
    a = lab_stack(kind, NULL, "10.0.0.1");
    b = lab_stack(kind, NULL, "10.0.0.2");
    lab_exchange(a, b, "10.0.0.2", 100);
    lab_hub_start(&frozen, "frozen");
    c = lab_stack(kind, frozen.vnl, "10.0.1.1");
    lab_hub_kill(&frozen);
    assert_true(lab_wait(is_down, c));
    lab_hub_start(&frozen, "frozen");
    assert_int_equal(kill(frozen.pid, SIGSTOP), 0);

    assert_true(play_beside(&making, a, b) >= EXCHANGES);
    assert_null(making.stack);
    assert_int_equal(making.error, ETIMEDOUT);

    assert_int_equal(kill(frozen.pid, SIGCONT), 0);
    d = lab_stack(kind, frozen.vnl, "10.0.1.2");
    lab_ping(d, "10.0.1.1");
    lab_exchange(d, c, "10.0.1.1", 100);
    assert_int_equal(kill(frozen.pid, SIGSTOP), 0);
    assert_int_equal(ioth_delstack(c), 0);
    assert_int_equal(ioth_delstack(d), 0);
    assert_int_equal(ioth_delstack(a), 0);
    assert_int_equal(ioth_delstack(b), 0);
    lab_hub_kill(&frozen);
}

static void test_lwip(void **state)
{
    (void)state;
    play("lwip");
}

static void test_vdestack(void **state)
{
    (void)state;
    play("vdestack");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lwip), cmocka_unit_test(test_vdestack)};
    return lab_run(tests);
}
