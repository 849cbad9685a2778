/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many threads at once on the sockets of many stacks: they open, connect, accept, send, duplicate, close,
 * and make and delete stacks meanwhile. At the end no stack has a socket too many or too few. Most telling
 * under the thread sanitizer. */
#include <errno.h>
#include <poll.h>
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

enum { STACKS = 12, THREADS = 8, ROUNDS = 150 };

static const char *const kinds[] = {"kernel", "oldr", "kernel", "oldp"};
static struct ioth *stacks[STACKS];

struct worker {
    pthread_t thread;
    unsigned seed;
    int failed_line; /* 0: all went well */
};

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition) && worker->failed_line == 0)                                                        \
            worker->failed_line = __LINE__;                                                                  \
    } while (0)

static struct ioth *any_stack(struct worker *worker)
{
    return stacks[(size_t)rand_r(&worker->seed) % STACKS];
}

static int listening(struct worker *worker, struct ioth *stack, struct sockaddr_un *addr, socklen_t *len)
{
    struct sockaddr_un any = {.sun_family = AF_UNIX};
    int fd = ioth_msocket(stack, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *len = sizeof(*addr);
    CHECK(ioth_bind(fd, (struct sockaddr *)&any, sizeof(sa_family_t)) == 0);
    CHECK(ioth_getsockname(fd, (struct sockaddr *)addr, len) == 0);
    CHECK(ioth_listen(fd, 4) == 0);
    return fd;
}

/* A connection from a socket of one stack to one of another. */
static void converse(struct worker *worker)
{
    struct sockaddr_un addr;
    socklen_t len;
    int listener = listening(worker, any_stack(worker), &addr, &len);
    int client = ioth_msocket(any_stack(worker), AF_UNIX, SOCK_STREAM, 0), server;
    char text[8] = "";

    CHECK(ioth_connect(client, (struct sockaddr *)&addr, len) == 0);
    server = rand_r(&worker->seed) % 2 == 0
                 ? ioth_accept(listener, NULL, NULL)
                 : ioth_accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    CHECK(server >= 0);
    CHECK(ioth_send(client, "hello", 6, 0) == 6);
    CHECK(poll(&(struct pollfd){.fd = server, .events = POLLIN}, 1, 10000) == 1);
    CHECK(ioth_read(server, text, sizeof(text)) == 6 && strcmp(text, "hello") == 0);
    CHECK(ioth_close(client) == 0);
    CHECK(ioth_recv(server, text, sizeof(text), 0) == 0);
    CHECK(ioth_close(server) == 0);
    CHECK(ioth_close(listener) == 0);
}

static void make_and_delete(struct worker *worker)
{
    struct ioth *stack = ioth_newstack(kinds[(size_t)rand_r(&worker->seed) % 4], NULL);
    int fd = stack == NULL ? -1 : ioth_msocket(stack, AF_UNIX, SOCK_DGRAM, 0);

    CHECK(fd >= 0);
    if (fd < 0)
        return;
    errno = 0;
    CHECK(ioth_delstack(stack) == -1 && errno == EBUSY);
    CHECK(ioth_close(fd) == 0);
    CHECK(ioth_delstack(stack) == 0);
}

static void ask_kernel_stack(struct worker *worker)
{
    struct ifaddrs *list = NULL;
    int fd = ioth_msocket(stacks[0], AF_UNIX, SOCK_DGRAM, 0), copy = ioth_fcntl(fd, F_DUPFD, 0);

    CHECK(copy >= 0 && ioth_close(fd) == 0 && ioth_close(copy) == 0);
    CHECK(ioth_if_nametoindex(stacks[0], "lo") == 1);
    CHECK(ioth_getifaddrs(stacks[0], &list) == 0);
    ioth_freeifaddrs(list);
    ioth_set_defstack(stacks[0]);
    fd = ioth_socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(fd >= 0 && ioth_close(fd) == 0);
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    int i;

    for (i = 0; i < ROUNDS && worker->failed_line == 0; i++) {
        converse(worker);
        if (i % 8 == 0)
            make_and_delete(worker);
        if (i % 8 == 4)
            ask_kernel_stack(worker);
    }
    return NULL;
}

static void test_many_threads_many_stacks(void **state)
{
    struct worker workers[THREADS] = {0};
    int i;

    (void)state;
    for (i = 0; i < STACKS; i++) {
        stacks[i] = ioth_newstack(kinds[i % 4], NULL);
        assert_non_null(stacks[i]);
    }
    for (i = 0; i < THREADS; i++) {
        workers[i].seed = (unsigned)i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    for (i = 0; i < THREADS; i++)
        assert_int_equal(workers[i].failed_line, 0);
    for (i = 0; i < STACKS; i++)
        assert_int_equal(ioth_delstack(stacks[i]), 0);
    assert_null(ioth_get_defstack());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_threads_many_stacks),
    };

    setenv("IOTH_PLUGIN_PATH", PLUGIN_DIR, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
