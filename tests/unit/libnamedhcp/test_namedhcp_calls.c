/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What others want of the thread that serves is done a turn at a time, so whoever wants much keeps no client waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "libnamedhcp/namedhcp_state.h"

enum { PAGES = 100 };

/* A list of many pages: as soon as one is made the next is wanted. */
struct list {
    struct namedhcp_call call;
    struct namedhcp *n;
    unsigned *runs, *freed;
};

static void free_list(struct namedhcp_call *call)
{
    ++*((struct list *)call)->freed;
    free(call);
}

static void read_page(struct namedhcp *n, struct namedhcp_call *call);

static struct list *want(struct namedhcp *n, unsigned *runs, unsigned *freed)
{
    struct list *list = calloc(1, sizeof(*list));

    assert_non_null(list);
    *list =
        (struct list){.call = {.run = read_page, .free = free_list}, .n = n, .runs = runs, .freed = freed};
    namedhcp_call(n, &list->call);
    return list;
}

static void read_page(struct namedhcp *n, struct namedhcp_call *call)
{
    struct list *list = (struct list *)call;

    if (++*list->runs < PAGES)
        namedhcp_call_drop(n, &want(n, list->runs, list->freed)->call);
}

static void open_calls(struct namedhcp *n)
{
    *n = (struct namedhcp){.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    assert_true(n->wake >= 0);
    pthread_mutex_init(&n->lock, NULL);
    STAILQ_INIT(&n->calls);
}

static void close_calls(struct namedhcp *n)
{
    namedhcp_free_calls(n);
    pthread_mutex_destroy(&n->lock);
    close(n->wake);
}

static bool is_woken(const struct namedhcp *n)
{
    struct pollfd polled = {.fd = n->wake, .events = POLLIN};
    uint64_t count;

    return poll(&polled, 1, 0) == 1 && read(n->wake, &count, sizeof(count)) == sizeof(count);
}

static void what_comes_meanwhile_waits_for_the_next_turn(void **state)
{
    struct namedhcp n;
    unsigned runs = 0, freed = 0;

    (void)state;
    open_calls(&n);
    for (unsigned i = 0; i < 3; i++)
        namedhcp_call_drop(&n, &want(&n, &runs, &freed)->call);
    for (unsigned turn = 1; turn <= 5; turn++) {
        assert_true(is_woken(&n)); /* so the turn begins at once */
        namedhcp_run_calls(&n);
        assert_int_equal(runs, 3 * turn);
    }
    close_calls(&n);
    assert_int_equal(freed, runs + 3);
}

static void a_call_is_done_once_and_is_its_owners_again(void **state)
{
    struct namedhcp n;
    unsigned runs = PAGES, freed = 0;

    (void)state;
    open_calls(&n);
    struct list *list = want(&n, &runs, &freed);
    assert_false(namedhcp_call_done(&n, &list->call));
    namedhcp_run_calls(&n);
    namedhcp_run_calls(&n);
    assert_true(namedhcp_call_done(&n, &list->call));
    assert_int_equal(runs, PAGES + 1);
    namedhcp_call_drop(&n, &list->call);
    assert_int_equal(freed, 1);
    close_calls(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_meanwhile_waits_for_the_next_turn),
        cmocka_unit_test(a_call_is_done_once_and_is_its_owners_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
