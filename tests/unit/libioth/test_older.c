/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plug-ins of the older contract, both kinds: what they implement, what is served by something else,
 * whether stacks share a copy, and what does not load. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include <ioth.h>

#include "fails.h"

static int use_test_plugins(void **state)
{
    (void)state;
    setenv("HOME", PLUGIN_DIR "/home", 1);
    return setenv("IOTH_PLUGIN_PATH", PLUGIN_DIR, 1);
}

static struct ioth *new_stack(const char *name)
{
    struct ioth *stack = ioth_newstack(name, NULL);

    if (stack == NULL)
        fail_msg("%s: %s", name, strerror(errno));
    return stack;
}

static socklen_t bind_any(int fd, struct sockaddr_un *addr)
{
    struct sockaddr_un any = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(*addr);

    assert_int_equal(ioth_bind(fd, (struct sockaddr *)&any, sizeof(sa_family_t)), 0);
    assert_int_equal(ioth_getsockname(fd, (struct sockaddr *)addr, &len), 0);
    return len;
}

static void check_datagrams(struct ioth *stack)
{
    int to = ioth_msocket(stack, AF_UNIX, SOCK_DGRAM, 0), from = ioth_msocket(stack, AF_UNIX, SOCK_DGRAM, 0),
        i;
    struct sockaddr_un addr, sender, got;
    socklen_t len = bind_any(to, &addr), senderlen = bind_any(from, &sender), gotlen = sizeof(got);
    char buf[8] = {0};
    struct iovec iov = {buf, sizeof(buf)};
    struct mmsghdr mmsg = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};

    assert_int_equal(ioth_sendto(from, "to", 2, 0, (struct sockaddr *)&addr, len), 2);
    assert_int_equal(ioth_recvfrom(to, buf, sizeof(buf), 0, (struct sockaddr *)&got, &gotlen), 2);
    assert_int_equal(gotlen, senderlen);
    assert_memory_equal(&got, &sender, senderlen);
    assert_int_equal(ioth_connect(from, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(ioth_write(from, "one", 3), 3);
    assert_int_equal(ioth_send(from, "four", 4, 0), 4);
    iov.iov_len = 5;
    assert_int_equal(ioth_writev(from, &iov, 1), 5);
    assert_int_equal(ioth_sendmmsg(from, &mmsg, 1, 0), 1);
    for (i = 0; i < 4; i++) {
        ssize_t n = i == 0   ? ioth_read(to, buf, sizeof(buf))
                    : i == 1 ? ioth_recv(to, buf, sizeof(buf), 0)
                    : i == 2 ? ioth_readv(to, &iov, 1)
                             : ioth_recvmmsg(to, &mmsg, 1, 0, NULL);
        assert_int_equal(n, i == 0 ? 3 : i == 1 ? 4 : i == 2 ? 5 : 1);
    }
    assert_fails(ioth_recv(to, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
    assert_fails(ioth_shutdown(to, SHUT_RD), EOPNOTSUPP);
    assert_fails(ioth_getpeername(to, (struct sockaddr *)&got, &gotlen), EOPNOTSUPP);
    assert_int_equal(ioth_close(to), 0);
    assert_int_equal(ioth_close(from), 0);
}

/* listen and accept are those that newstack itself put into the functions. */
static void check_streams(struct ioth *stack)
{
    int listener = ioth_msocket(stack, AF_UNIX, SOCK_STREAM, 0);
    int client = ioth_msocket(stack, AF_UNIX, SOCK_STREAM, 0), server;
    struct sockaddr_un addr;
    socklen_t len = bind_any(listener, &addr);
    char c = 0;

    assert_int_equal(ioth_listen(listener, 1), 0);
    assert_int_equal(ioth_connect(client, (struct sockaddr *)&addr, len), 0);
    server = ioth_accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(server >= 0);
    assert_int_equal(fcntl(server, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_fails(ioth_read(server, &c, 1), EAGAIN);
    assert_int_equal(ioth_write(client, "x", 1), 1);
    assert_int_equal(poll(&(struct pollfd){.fd = server, .events = POLLIN}, 1, 1000), 1);
    assert_int_equal(ioth_read(server, &c, 1), 1);
    assert_int_equal(c, 'x');
    assert_fails(ioth_delstack(stack), EBUSY);
    ioth_close(listener);
    ioth_close(client);
    assert_int_equal(ioth_close(server), 0);
}

static void check_life(const char *name)
{
    struct ioth *stack = new_stack(name);

    check_datagrams(stack);
    check_streams(stack);
    assert_int_equal(ioth_delstack(stack), 0);
}

static void test_both_kinds_work(void **state)
{
    (void)state;
    check_life("oldp");
    check_life("oldr");
    check_life("oldp,some=option");
    check_life("homely"); /* in $HOME/.ioth */
}

static int ask(struct ioth *stack, unsigned long what)
{
    int fd = ioth_msocket(stack, AF_UNIX, SOCK_DGRAM, 0), answer = -1;

    assert_int_equal(ioth_ioctl(fd, what, &answer), 0);
    assert_int_equal(ioth_close(fd), 0);
    return answer;
}

static void test_private_and_shared_copies(void **state)
{
    struct ioth *stacks[4];
    int i, first;

    (void)state;
    for (i = 0; i < 4; i++)
        stacks[i] = new_stack("oldp");
    for (i = 0; i < 4; i++) {
        assert_int_equal(ask(stacks[i], 1), 1);
        assert_int_equal(ioth_delstack(stacks[i]), 0);
    }
    stacks[0] = new_stack("oldr");
    first = ask(stacks[0], 1);
    stacks[1] = new_stack("oldr");
    assert_int_equal(ask(stacks[0], 1), first + 1);
    assert_int_equal(ioth_delstack(stacks[0]), 0);
    assert_int_equal(ioth_delstack(stacks[1]), 0);
}

static void test_arguments_of_newstack(void **state)
{
    const char *vnlv[] = {"vde:///tmp/one", "vde:///tmp/two", NULL};
    struct ioth *stack = ioth_newstackv("oldr,a=1,b", vnlv);
    int fd = ioth_msocket(stack, AF_UNIX, SOCK_DGRAM, 0);
    char options[32] = "";

    (void)state;
    assert_int_equal(ask(stack, 2), 2);
    assert_int_equal(ioth_ioctl(fd, 3, options), 0);
    assert_string_equal(options, "a=1,b");
    ioth_close(fd);
    assert_int_equal(ioth_delstack(stack), 0);
}

static void assert_refused(const char *name, int error)
{
    errno = 0;
    if (ioth_newstack(name, NULL) != NULL || errno != error)
        fail_msg("%s: %s instead of %s", name, strerror(errno), strerror(error));
}

static void test_what_does_not_load(void **state)
{
    (void)state;
    assert_refused("oldp,!", ENOTUNIQ);
    assert_refused("oldp,!!", EIO);
    assert_refused("oldnosocket", ELIBBAD);
    assert_refused("oldgpl", ENOKEY);
    assert_refused("oldmisnamed", ELIBBAD);
    ioth_set_license("GPL-3.0-or-later");
    check_life("oldgpl");
    ioth_set_license(NULL);
    unsetenv("HOME");
    assert_refused("homely", ENOENT);
    setenv("HOME", PLUGIN_DIR "/home", 1);
}

static int open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static void test_copies_leave_nothing(void **state)
{
    int before, i;

    (void)state;
    ioth_delstack(new_stack("oldp"));
    before = open_descriptors();
    for (i = 0; i < 100; i++) {
        struct ioth *one = new_stack("oldp"), *two = new_stack("oldp");

        assert_int_equal(ask(two, 1), 1);
        assert_int_equal(ioth_delstack(one), 0);
        assert_int_equal(ioth_delstack(two), 0);
        assert_refused("oldp,!", ENOTUNIQ);
    }
    assert_int_equal(open_descriptors(), before);
}

/* Each thread has a stack; the plug-in fails a call that comes for the wrong one. */
static void *use_stack(void *arg)
{
    struct ioth *stack = arg;
    int i;

    for (i = 0; i < 200; i++) {
        int fd = ioth_msocket(stack, AF_UNIX, SOCK_DGRAM, 0), made = 0;

        if (fd < 0 || ioth_ioctl(fd, 1, &made) < 0 || made < 1 || ioth_close(fd) < 0)
            return NULL;
    }
    return stack;
}

static void test_each_thread_its_stack(void **state)
{
    enum { THREADS = 4 };
    struct ioth *stacks[THREADS];
    pthread_t threads[THREADS];
    void *result;
    int i;

    (void)state;
    for (i = 0; i < THREADS; i++) {
        stacks[i] = new_stack(i % 2 == 0 ? "oldr" : "oldp");
        assert_int_equal(pthread_create(&threads[i], NULL, use_stack, stacks[i]), 0);
    }
    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, stacks[i]);
        assert_int_equal(ioth_delstack(stacks[i]), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_kinds_work),       cmocka_unit_test(test_private_and_shared_copies),
        cmocka_unit_test(test_arguments_of_newstack), cmocka_unit_test(test_what_does_not_load),
        cmocka_unit_test(test_copies_leave_nothing),  cmocka_unit_test(test_each_thread_its_stack),
    };

    return cmocka_run_group_tests(tests, use_test_plugins, NULL);
}
