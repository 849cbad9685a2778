/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plug-in with the required operations alone: all calls still do what their namesakes do, over AF_UNIX
 * datagrams. */
#include <errno.h>
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

struct fixture {
    struct ioth *stack;
    int receiver, sender;
    struct sockaddr_un addr; /* of the receiver */
    socklen_t addrlen;
};

static int setup(void **state)
{
    static struct fixture fixture;
    struct sockaddr_un any = {.sun_family = AF_UNIX};

    *state = &fixture;
    setenv("IOTH_PLUGIN_PATH", PLUGIN_DIR, 1);
    fixture.stack = ioth_newstack("minimal", NULL);
    fixture.receiver = ioth_msocket(fixture.stack, AF_UNIX, SOCK_DGRAM, 0);
    fixture.sender = ioth_msocket(fixture.stack, AF_UNIX, SOCK_DGRAM, 0);
    fixture.addrlen = sizeof(fixture.addr);
    if (ioth_bind(fixture.receiver, (struct sockaddr *)&any, sizeof(sa_family_t)) < 0 ||
        ioth_bind(fixture.sender, (struct sockaddr *)&any, sizeof(sa_family_t)) < 0 ||
        getsockname(fixture.receiver, (struct sockaddr *)&fixture.addr, &fixture.addrlen) < 0)
        return -1;
    return ioth_connect(fixture.sender, (struct sockaddr *)&fixture.addr, fixture.addrlen);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ioth_close(f->receiver);
    ioth_close(f->sender);
    return ioth_delstack(f->stack);
}

static void test_reads_by_recvmsg(void **state)
{
    struct fixture *f = *state;
    char buf[8] = "", tail[8] = "";
    struct iovec iov[2] = {{buf, 2}, {tail, sizeof(tail)}};
    struct sockaddr_un from, sender;
    socklen_t fromlen = sizeof(from), senderlen = sizeof(sender);
    int i;

    for (i = 0; i < 4; i++)
        assert_int_equal(send(f->sender, "ciao", 4, 0), 4);
    assert_int_equal(ioth_read(f->receiver, buf, sizeof(buf)), 4);
    assert_memory_equal(buf, "ciao", 4);
    assert_int_equal(ioth_recv(f->receiver, buf, 2, MSG_PEEK | MSG_TRUNC), 4);
    assert_int_equal(ioth_recv(f->receiver, buf, sizeof(buf), 0), 4);
    assert_int_equal(ioth_readv(f->receiver, iov, 2), 4);
    assert_memory_equal(tail, "ao", 2);
    assert_int_equal(ioth_recvfrom(f->receiver, buf, 8, 0, (struct sockaddr *)&from, &fromlen), 4);
    assert_int_equal(getsockname(f->sender, (struct sockaddr *)&sender, &senderlen), 0);
    assert_int_equal(fromlen, senderlen);
    assert_memory_equal(&from, &sender, senderlen);
    errno = 0;
    assert_int_equal(ioth_recv(f->receiver, buf, sizeof(buf), MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

static void assert_received(const struct fixture *f, const char *text)
{
    char buf[16];
    ssize_t len = recv(f->receiver, buf, sizeof(buf), MSG_DONTWAIT);

    assert_int_equal(len, strlen(text));
    assert_memory_equal(buf, text, strlen(text));
}

static void test_writes_by_sendmsg(void **state)
{
    struct fixture *f = *state;
    struct iovec iov[2] = {{(char *)"ci", 2}, {(char *)"ao", 2}};

    assert_int_equal(ioth_write(f->sender, "one", 3), 3);
    assert_received(f, "one");
    assert_int_equal(ioth_send(f->sender, "two", 3, 0), 3);
    assert_received(f, "two");
    assert_int_equal(ioth_writev(f->sender, iov, 2), 4);
    assert_received(f, "ciao");
    assert_int_equal(ioth_sendto(f->sender, "to", 2, 0, (struct sockaddr *)&f->addr, f->addrlen), 2);
    assert_received(f, "to");
}

enum { MESSAGES = 4 };

static void test_batches_one_by_one(void **state)
{
    struct fixture *f = *state;
    char buf[MESSAGES] = "abc";
    struct iovec iov[MESSAGES];
    struct mmsghdr msgs[MESSAGES] = {0};
    struct timespec none = {0}, ages = {.tv_sec = INT64_MAX};
    int i;

    for (i = 0; i < MESSAGES; i++) {
        iov[i] = (struct iovec){&buf[i], 1};
        msgs[i].msg_hdr.msg_iov = &iov[i];
        msgs[i].msg_hdr.msg_iovlen = 1;
    }
    assert_int_equal(ioth_sendmmsg(f->sender, msgs, 3, 0), 3);
    memset(buf, 0, sizeof(buf));
    assert_int_equal(ioth_recvmmsg(f->receiver, msgs, MESSAGES, MSG_WAITFORONE, NULL), 3);
    assert_memory_equal(buf, "abc", 3);
    assert_int_equal(msgs[2].msg_len, 1);
    assert_int_equal(ioth_sendmmsg(f->sender, msgs, 2, 0), 2);
    assert_int_equal(ioth_recvmmsg(f->receiver, msgs, MESSAGES, 0, &none),
                     1); /* the time is over after the first */
    assert_int_equal(ioth_recvmmsg(f->receiver, msgs, MESSAGES, MSG_DONTWAIT, &ages), 1);
    assert_int_equal(ioth_sendmmsg(f->sender, msgs, 2, 0), 2);
    assert_int_equal(ioth_recvmmsg(f->receiver, msgs, 2, 0, &ages), 2);
    errno = 0;
    assert_int_equal(ioth_recvmmsg(f->receiver, msgs, MESSAGES, MSG_DONTWAIT, NULL), -1);
    assert_int_equal(errno, EAGAIN);
}

static void test_what_has_no_fallback(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un addr;
    socklen_t len = sizeof(addr);
    int value = 1;

    assert_fails(ioth_listen(f->receiver, 1), EOPNOTSUPP);
    assert_fails(ioth_accept(f->receiver, NULL, NULL), EOPNOTSUPP);
    assert_fails(ioth_accept4(f->receiver, NULL, NULL, 0), EOPNOTSUPP);
    assert_fails(ioth_accept4(f->receiver, NULL, NULL, 0x10), EINVAL);
    assert_fails(ioth_getsockname(f->receiver, (struct sockaddr *)&addr, &len), EOPNOTSUPP);
    assert_fails(ioth_getpeername(f->sender, (struct sockaddr *)&addr, &len), EOPNOTSUPP);
    assert_fails(ioth_setsockopt(f->receiver, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value)), ENOPROTOOPT);
    len = sizeof(value);
    assert_fails(ioth_getsockopt(f->receiver, SOL_SOCKET, SO_REUSEADDR, &value, &len), ENOPROTOOPT);
    assert_fails(ioth_shutdown(f->receiver, SHUT_RD), EOPNOTSUPP);
    assert_fails(ioth_ioctl(f->receiver, FIONREAD, &value), ENOTTY);
    assert_fails(ioth_fcntl(f->receiver, F_DUPFD, 0), EOPNOTSUPP);
    assert_int_equal(ioth_fcntl(f->receiver, F_SETFD, FD_CLOEXEC), 0);
    assert_int_equal(ioth_fcntl(f->receiver, F_GETFD, 0), FD_CLOEXEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_by_recvmsg),
        cmocka_unit_test(test_writes_by_sendmsg),
        cmocka_unit_test(test_batches_one_by_one),
        cmocka_unit_test(test_what_has_no_fallback),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
