/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose socket is it: EBUSY, numbers that come back, accepted and duplicated sockets, the default stack.
 * Traffic stays in AF_UNIX, so that any machine will do. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include <ioth.h>

static int use_test_plugins(void **state)
{
    (void)state;
    return setenv("IOTH_PLUGIN_PATH", PLUGIN_DIR, 1);
}

static struct ioth *new_stack(const char *name)
{
    struct ioth *stack = ioth_newstack(name, NULL);

    assert_non_null(stack);
    return stack;
}

static void assert_busy(struct ioth *stack)
{
    errno = 0;
    assert_int_equal(ioth_delstack(stack), -1);
    assert_int_equal(errno, EBUSY);
}

static void test_busy_while_a_socket_is_open(void **state)
{
    struct ioth *stack = new_stack("kernel");
    int fd = ioth_msocket(stack, AF_UNIX, SOCK_STREAM, 0), duplicate;

    (void)state;
    assert_true(fd >= 0);
    assert_busy(stack);
    duplicate = ioth_fcntl(fd, F_DUPFD_CLOEXEC, 0);
    assert_true(duplicate >= 0);
    assert_int_equal(ioth_close(fd), 0);
    assert_busy(stack);
    assert_int_equal(ioth_close(duplicate), 0);
    assert_int_equal(ioth_delstack(stack), 0);
    errno = 0;
    assert_int_equal(ioth_delstack(NULL), -1);
    assert_int_equal(errno, EINVAL);
}

static void test_accepted_socket_belongs_to_the_listeners_stack(void **state)
{
    struct ioth *stack = new_stack("kernel");
    struct sockaddr_un any = {.sun_family = AF_UNIX}, addr;
    socklen_t len = sizeof(addr);
    int listener = ioth_msocket(stack, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = ioth_msocket(NULL, AF_UNIX, SOCK_STREAM, 0), accepted;

    (void)state;
    assert_int_equal(ioth_bind(listener, (struct sockaddr *)&any, sizeof(sa_family_t)),
                     0); /* a name by the kernel */
    assert_int_equal(ioth_listen(listener, 1), 0);
    assert_int_equal(ioth_getsockname(listener, (struct sockaddr *)&addr, &len), 0);
    assert_int_equal(ioth_connect(client, (struct sockaddr *)&addr, len), 0);
    accepted = ioth_accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(accepted >= 0);
    assert_int_equal(ioth_fcntl(accepted, F_GETFD, 0), FD_CLOEXEC);
    assert_int_equal(ioth_fcntl(accepted, F_GETFL, 0) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(ioth_close(listener), 0);
    assert_int_equal(ioth_close(client), 0);
    assert_busy(stack);
    assert_int_equal(ioth_close(accepted), 0);
    assert_int_equal(ioth_delstack(stack), 0);
}

static void test_number_closed_behind_our_back(void **state)
{
    struct ioth *first = new_stack("kernel"), *second = new_stack("minimal");
    int fd = ioth_msocket(first, AF_UNIX, SOCK_STREAM, 0), again;

    (void)state;
    close(fd);
    again = ioth_msocket(second, AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(again, fd);
    assert_int_equal(ioth_delstack(first), 0);
    assert_busy(second);
    assert_int_equal(ioth_close(again), 0); /* counted by the plug-in: it got its own context */
    assert_int_equal(ioth_delstack(second), 0);
}

static void test_native_socket_displaces_a_stale_owner(void **state)
{
    struct ioth *stack = new_stack("kernel");
    int fd = ioth_msocket(stack, AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    close(fd);
    assert_int_equal(ioth_socket(AF_UNIX, SOCK_STREAM, 0), fd);
    assert_int_equal(ioth_delstack(stack), 0);
    assert_int_equal(ioth_close(fd), 0);
}

static void test_default_stack(void **state)
{
    struct ioth *stack = new_stack("minimal");
    int fd;

    (void)state;
    assert_null(ioth_get_defstack());
    ioth_set_defstack(stack);
    assert_ptr_equal(ioth_get_defstack(), stack);
    fd = ioth_socket(AF_UNIX, SOCK_STREAM, 0);
    assert_busy(stack);
    assert_int_equal(ioth_close(fd), 0);
    assert_int_equal(ioth_delstack(stack), 0);
    assert_null(ioth_get_defstack());
}

static void test_descriptors_of_nobody(void **state)
{
    int ends[2];
    char buf[4];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(ioth_write(ends[1], "ciao", 4), 4);
    assert_int_equal(ioth_read(ends[0], buf, 4), 4);
    assert_memory_equal(buf, "ciao", 4);
    assert_int_equal(ioth_close(ends[0]), 0);
    assert_int_equal(ioth_close(ends[1]), 0);
    errno = 0;
    assert_int_equal(ioth_close(ends[1]), -1);
    assert_int_equal(errno, EBADF);
    assert_int_equal(ioth_read(-1, buf, 4), -1);
    assert_int_equal(errno, EBADF);
}

static void test_variants_of_newstack(void **state)
{
    struct ioth *none = ioth_newstackl("kernel", NULL), *all = ioth_newstackl("minimal", "a", "b", "c", NULL);
    struct ioth *array = ioth_newstackv("kernel", NULL);

    (void)state;
    assert_non_null(none);
    assert_non_null(all);
    assert_non_null(array);
    assert_int_equal(ioth_delstack(none), 0);
    assert_int_equal(ioth_delstack(all), 0);
    assert_int_equal(ioth_delstack(array), 0);
    errno = 0;
    assert_null(ioth_newstack("kernel", "vde:///tmp/hub"));
    assert_int_equal(errno, EINVAL);
    assert_null(ioth_newstack("kernel,option", NULL));
    assert_int_equal(errno, EINVAL);
}

static void test_addresses_of_the_host(void **state)
{
    struct ifaddrs *list, *ifa;
    bool loopback = false;

    (void)state;
    assert_int_equal(ioth_getifaddrs(NULL, &list), 0);
    for (ifa = list; ifa != NULL; ifa = ifa->ifa_next)
        loopback = loopback || (strcmp(ifa->ifa_name, "lo") == 0 && ifa->ifa_addr->sa_family == AF_PACKET &&
                                (ifa->ifa_flags & IFF_LOOPBACK) != 0 && ifa->ifa_data != NULL);
    assert_true(loopback);
    ioth_freeifaddrs(list);
    ioth_freeifaddrs(NULL);
}

enum { THREADS = 4, ROUNDS = 500 };

static void *use_stack(void *arg)
{
    int i, fd;

    for (i = 0; i < ROUNDS; i++) {
        fd = ioth_msocket(arg, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || ioth_fcntl(fd, F_GETFD, 0) != FD_CLOEXEC || ioth_close(fd) < 0)
            return NULL;
    }
    return arg;
}

static void test_threads(void **state)
{
    struct ioth *stacks[2] = {new_stack("kernel"), new_stack("kernel")};
    pthread_t threads[THREADS];
    void *result;
    int i;

    (void)state;
    for (i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_stack, stacks[i % 2]), 0);
    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, stacks[i % 2]);
    }
    assert_int_equal(ioth_delstack(stacks[0]), 0);
    assert_int_equal(ioth_delstack(stacks[1]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_busy_while_a_socket_is_open),
        cmocka_unit_test(test_accepted_socket_belongs_to_the_listeners_stack),
        cmocka_unit_test(test_number_closed_behind_our_back),
        cmocka_unit_test(test_native_socket_displaces_a_stale_owner),
        cmocka_unit_test(test_default_stack),
        cmocka_unit_test(test_descriptors_of_nobody),
        cmocka_unit_test(test_variants_of_newstack),
        cmocka_unit_test(test_addresses_of_the_host),
        cmocka_unit_test(test_threads),
    };

    return cmocka_run_group_tests(tests, use_test_plugins, NULL);
}
