/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A wire whose frames are left to the reader of one socket: nobody else suffers when he does not come, when he closes
 * the socket instead, or when the network goes away meanwhile. Bursts make a batch of several datagrams likely, and
 * there are enough of them that it happens.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab.h"

enum { BURSTS = 100, BURST = 8, PORT = 7000 };

static void send_datagram(int from, unsigned short port)
{
    struct sockaddr_storage to;
    socklen_t len = lab_sockaddr(&to, "10.0.0.1", port);

    ioth_sendto(from, "datagram", 8, 0, (struct sockaddr *)&to, len);
}

static void send_burst(int from, unsigned short port)
{
    for (int i = 0; i < BURST; i++)
        send_datagram(from, port);
}

/* Reads all that waits; returns how many. */
static int drain(int fd)
{
    char bytes[16];
    int n = 0;

    while (ioth_recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
        n++;
    assert_int_equal(errno, EAGAIN);
    return n;
}

/* A hub may lose a frame of many, so who is not heard is asked again. */
static void reach(int from, unsigned short port, int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};

    for (int i = 0; i < 100; i++) {
        send_datagram(from, port);
        if (poll(&pollfd, 1, 300) > 0)
            return;
    }
    fail_msg("nothing arrives at port %d", port);
}

struct ends {
    struct ioth *served, *peer;
    int busy, other, from;
};

static struct ends open_ends(const char *vnl)
{
    struct ends ends = {.served = lab_stack("lwip", vnl, "10.0.0.1"),
                        .peer = lab_stack("lwip", vnl, "10.0.0.2")};

    ends.busy = lab_bound(ends.served, SOCK_DGRAM, "10.0.0.1", PORT);
    ends.other = lab_bound(ends.served, SOCK_DGRAM, "10.0.0.1", PORT + 1);
    ends.from = lab_bound(ends.peer, SOCK_DGRAM, "10.0.0.2", PORT);
    reach(ends.from, PORT, ends.busy);
    drain(ends.busy);
    return ends;
}

static void close_ends(struct ends *ends)
{
    if (ends->busy >= 0)
        ioth_close(ends->busy);
    ioth_close(ends->other);
    ioth_close(ends->from);
    assert_int_equal(ioth_delstack(ends->served), 0);
    assert_int_equal(ioth_delstack(ends->peer), 0);
}

static void test_reader_reads(void **state)
{
    struct ends ends = open_ends(NULL);
    int n = 0;

    (void)state;
    for (int i = 0; i < BURSTS; i++) {
        send_burst(ends.from, PORT);
        reach(ends.from, PORT, ends.busy);
        n += drain(ends.busy);
    }
    assert_true(n >= BURSTS);
    close_ends(&ends);
}

static void test_reader_stays_away(void **state)
{
    struct ends ends = open_ends(NULL);

    (void)state;
    for (int i = 0; i < BURSTS; i++) {
        send_burst(ends.from, PORT);
        assert_true(lab_readable(ends.busy));
        reach(ends.from, PORT + 1, ends.other);
        drain(ends.other);
        drain(ends.busy);
    }
    close_ends(&ends);
}

static void test_reader_takes_one(void **state)
{
    struct ends ends = open_ends(NULL);
    char bytes[16];

    (void)state;
    for (int i = 0; i < BURSTS; i++) {
        send_burst(ends.from, PORT);
        assert_true(lab_readable(ends.busy));
        assert_int_equal(ioth_recv(ends.busy, bytes, sizeof(bytes), 0), 8);
        reach(ends.from, PORT + 1, ends.other);
        drain(ends.other);
    }
    close_ends(&ends);
}

static void test_reader_closes(void **state)
{
    struct ends ends = open_ends(NULL);

    (void)state;
    for (int i = 0; i < BURSTS / 4; i++) {
        send_burst(ends.from, PORT);
        assert_true(lab_readable(ends.busy));
        ioth_close(ends.busy);
        reach(ends.from, PORT + 1, ends.other);
        drain(ends.other);
        ends.busy = lab_bound(ends.served, SOCK_DGRAM, "10.0.0.1", PORT);
        reach(ends.from, PORT, ends.busy);
        drain(ends.busy);
    }
    close_ends(&ends);
}

static void test_network_goes(void **state)
{
    struct hub hub;
    struct ends ends;

    (void)state;
    lab_hub_start(&hub, "going");
    ends = open_ends(hub.vnl);
    for (int i = 0; i < 3; i++) {
        send_burst(ends.from, PORT);
        assert_true(lab_readable(ends.busy));
        lab_hub_kill(&hub);
        drain(ends.busy);
        lab_hub_start(&hub, "going");
        reach(ends.from, PORT, ends.busy);
        drain(ends.busy);
    }
    close_ends(&ends);
    lab_hub_kill(&hub);
}

/* ---- readers that are threads ---- */

struct reader {
    int fd;
    atomic_uint read;
};

/* Until it is cancelled. */
static void *read_on(void *arg)
{
    struct reader *reader = arg;
    char bytes[16];

    while (ioth_recv(reader->fd, bytes, sizeof(bytes), 0) > 0)
        atomic_fetch_add(&reader->read, 1);
    return NULL;
}

static void start_reader(struct reader *reader, pthread_t *ret_thread, size_t stack_size)
{
    pthread_attr_t attr;

    assert_int_equal(pthread_attr_init(&attr), 0);
    if (stack_size != 0)
        assert_int_equal(pthread_attr_setstacksize(&attr, stack_size), 0);
    assert_int_equal(pthread_create(ret_thread, &attr, read_on, reader), 0);
    pthread_attr_destroy(&attr);
}

static void cancel_reader(pthread_t thread)
{
    void *result;

    assert_int_equal(pthread_cancel(thread), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
}

/* At any moment: the stack serves on. */
static void test_reader_is_cancelled(void **state)
{
    struct ends ends = open_ends(NULL);
    struct reader reader = {.fd = ends.busy};
    pthread_t thread;

    (void)state;
    for (int i = 0; i < BURSTS; i++) {
        start_reader(&reader, &thread, 0);
        for (int j = i % 8; j >= 0; j--)
            send_burst(ends.from, PORT);
        cancel_reader(thread);
        reach(ends.from, PORT + 1, ends.other);
        drain(ends.other);
    }
    drain(ends.busy);
    close_ends(&ends);
}

/* The stack's lock is not held for longer than Linux would take messages. */
static void test_batches_are_bounded(void **state)
{
    enum { MESSAGES = 1500, MOST = 1024 };
    static struct mmsghdr messages[MESSAGES];
    struct ends ends = open_ends(NULL);
    struct sockaddr_storage to;
    struct iovec iov = {.iov_base = (char[]){"datagram"}, .iov_len = 8};
    socklen_t len = lab_sockaddr(&to, "10.0.0.1", PORT);

    (void)state;
    for (int i = 0; i < MESSAGES; i++)
        messages[i].msg_hdr =
            (struct msghdr){.msg_name = &to, .msg_namelen = len, .msg_iov = &iov, .msg_iovlen = 1};
    assert_int_equal(ioth_sendmmsg(ends.other, messages, MESSAGES, 0), MOST); /* to another of its stack */
    assert_true(drain(ends.busy) > 0);
    close_ends(&ends);
}

static void test_reader_has_a_small_stack(void **state)
{
#ifdef IOTH_SANITIZED
    (void)state;
    skip(); /* its frames are larger */
#else
    struct ends ends = open_ends(NULL);
    struct reader reader = {.fd = ends.busy};
    pthread_t thread;

    (void)state;
    start_reader(&reader, &thread, (size_t)sysconf(_SC_THREAD_STACK_MIN));
    for (unsigned before; (before = atomic_load(&reader.read)) < BURSTS * BURST;) {
        send_burst(ends.from, PORT);
        send_datagram(ends.from, PORT + 2); /* for nobody: answered by ICMP */
        for (int i = 0; i < 1000 && atomic_load(&reader.read) == before; i++)
            poll(NULL, 0, 1);
    }
    cancel_reader(thread);
    close_ends(&ends);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader_reads),
        cmocka_unit_test(test_reader_stays_away),
        cmocka_unit_test(test_reader_takes_one),
        cmocka_unit_test(test_reader_closes),
        cmocka_unit_test(test_network_goes),
        cmocka_unit_test(test_reader_is_cancelled),
        cmocka_unit_test(test_reader_has_a_small_stack),
        cmocka_unit_test(test_batches_are_bounded),
    };
    return lab_run(tests);
}
