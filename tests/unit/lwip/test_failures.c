/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The making of a stack fails at each of its steps in turn: the first call of those below fails, the next time the
 * second, and so on until one time none is left to fail. Each time there is an errno, or the stack works all the same,
 * and nothing is left behind. Then the same by too few descriptors for real.
 *
 * This program's functions of those names stand before the C library's for libraries too. Memory is left to the
 * sanitizer where one is built in.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab.h"
#include "lab/holdings.h"

#define EXPORTED __attribute__((visibility("default")))

/* ---- calls that fail ---- */

enum kind { NOTHING, DESCRIPTORS, WATCHES, MAPPINGS, THREADS, MEMORY, KINDS };

static struct {
    _Atomic(enum kind) kind;
    atomic_long left; /* calls of that kind before the one that fails */
    atomic_bool has_failed;
} plan;

static bool fails(enum kind kind, int error)
{
    if (atomic_load(&plan.kind) != kind || atomic_fetch_sub(&plan.left, 1) != 0)
        return false;
    atomic_store(&plan.has_failed, true);
    errno = error;
    return true;
}

EXPORTED int memfd_create(const char *name, unsigned flags)
{
    return fails(DESCRIPTORS, EMFILE) ? -1 : (int)syscall(SYS_memfd_create, name, flags);
}

EXPORTED int epoll_create1(int flags)
{
    return fails(DESCRIPTORS, EMFILE) ? -1 : (int)syscall(SYS_epoll_create1, flags);
}

EXPORTED int eventfd(unsigned initial, int flags)
{
    return fails(DESCRIPTORS, EMFILE) ? -1 : (int)syscall(SYS_eventfd2, initial, flags);
}

EXPORTED int epoll_ctl(int epoll, int op, int fd, struct epoll_event *event)
{
    if (op == EPOLL_CTL_ADD && fails(WATCHES, ENOSPC))
        return -1;
    return (int)syscall(SYS_epoll_ctl, epoll, op, fd, event);
}

EXPORTED ssize_t sendfile(int to, int from, off_t *offset, size_t len)
{
    return fails(MAPPINGS, ENOSPC) ? -1 : (ssize_t)syscall(SYS_sendfile, to, from, offset, len);
}

EXPORTED int mprotect(void *addr, size_t len, int protection)
{
    return fails(MAPPINGS, ENOMEM) ? -1 : (int)syscall(SYS_mprotect, addr, len, protection);
}

EXPORTED int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
    int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    void *symbol = dlsym(RTLD_NEXT, "pthread_create");

    memcpy(&next, &symbol, sizeof(next));
    return fails(THREADS, 0) ? EAGAIN : next(thread, attr, start, arg);
}

#ifndef IOTH_SANITIZED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);

/* Does the caller belong to us? The loader and libvdeplug abort when they have no memory. */
static bool is_ours(const void *caller)
{
    Dl_info info;

    return atomic_load(&plan.kind) == MEMORY && dladdr(caller, &info) != 0 &&
           strstr(info.dli_fname, "ioth") != NULL;
}

EXPORTED void *malloc(size_t size)
{
    return is_ours(__builtin_return_address(0)) && fails(MEMORY, ENOMEM) ? NULL : __libc_malloc(size);
}

EXPORTED void *calloc(size_t n, size_t size)
{
    return is_ours(__builtin_return_address(0)) && fails(MEMORY, ENOMEM) ? NULL : __libc_calloc(n, size);
}
#endif

/* ---- stacks ---- */

/* Makes a stack beside another one of the same kind, or alone; true if it came to be, and works. */
static bool try_stack(void)
{
    struct ioth *stack = ioth_newstack("lwip", lab_vnl());
    int error = errno;

    atomic_store(&plan.kind, NOTHING);
    if (stack == NULL) {
        assert_true(error > 0);
        return false;
    }
    lab_configure(stack, "vde0", "10.0.0.1");
    lab_exchange(stack, stack, "10.0.0.1", 100);
    assert_int_equal(ioth_delstack(stack), 0);
    return true;
}

static void fail_each(enum kind kind, bool beside)
{
    enum { WARM_UP = 3, CALLS_MAX = 5000, HEAP_MAX = 4096 };
    struct ioth *other = beside ? lab_stack("lwip", NULL, "10.0.0.2") : NULL;
    struct holdings before, after;
    long n, refused = 0;

    for (n = 0; n < WARM_UP; n++)
        assert_true(try_stack());
    before = holdings_now();
    for (n = 0; n < CALLS_MAX; n++) {
        atomic_store(&plan.left, n);
        atomic_store(&plan.has_failed, false);
        atomic_store(&plan.kind, kind);
        refused += !try_stack();
        if (!atomic_load(&plan.has_failed))
            break;
    }
    assert_in_range(n, 1, CALLS_MAX - 1);
    assert_true(refused > 0);
    if (!holdings_are_back(&before, &after))
        fail_msg("descriptors %d to %d, threads %d to %d", before.descriptors, after.descriptors,
                 before.threads, after.threads);
    print_message("%ld calls failed, %ld stacks refused, heap %+ld bytes, mappings %+d\n", n, refused,
                  (long)(after.heap - before.heap), after.mappings - before.mappings);
    if (!holdings_are_a_sanitizers())
        assert_true(after.heap <= before.heap + HEAP_MAX);
    if (other != NULL) {
        lab_exchange(other, other, "10.0.0.2", 100);
        assert_int_equal(ioth_delstack(other), 0);
    }
}

static void test_calls(void **state)
{
    int kind;

    (void)state;
    for (kind = DESCRIPTORS; kind < MEMORY; kind++)
        fail_each((enum kind)kind, false);
    fail_each(WATCHES, true); /* the wire's two alone, while the loop runs for another */
}

static void test_memory(void **state)
{
    (void)state;
#ifdef IOTH_SANITIZED
    skip();
#endif
    fail_each(MEMORY, false);
    fail_each(MEMORY, true);
}

static void test_descriptors(void **state)
{
    struct rlimit limit, less;
    struct holdings before, after;
    rlim_t n;
    int made = 0;

    (void)state;
    assert_true(try_stack());
    getrlimit(RLIMIT_NOFILE, &limit);
    before = holdings_now();
    for (n = 3; n < 64 && made < 3; n++) {
        struct ioth *stack;

        less = limit;
        less.rlim_cur = n;
        setrlimit(RLIMIT_NOFILE, &less);
        errno = 0;
        stack = ioth_newstack("lwip", lab_vnl());
        if (stack == NULL)
            assert_int_not_equal(errno, 0);
        setrlimit(RLIMIT_NOFILE, &limit);
        made += stack != NULL;
        if (stack != NULL)
            assert_int_equal(ioth_delstack(stack), 0);
    }
    assert_int_equal(made, 3);
    assert_true(holdings_are_back(&before, &after));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_descriptors),
    };

#ifdef __SANITIZE_THREAD__
    printf("skipped: the thread sanitizer has functions of these names itself\n");
    return 77;
#endif
    return lab_run(tests);
}
