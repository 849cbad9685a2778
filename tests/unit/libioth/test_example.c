/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The example plug-in, examples/plugin/ioth_count.c: its sockets are the kernel's, and it counts each byte
 * once. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ioth.h>

static void exchange(struct ioth *stack)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    char buf[100] = "";
    struct iovec iov = {buf, 10};
    struct mmsghdr mmsgs[2] = {{.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}},
                               {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}}};
    int fd = ioth_msocket(stack, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(ioth_bind(fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(ioth_getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    assert_int_equal(ioth_connect(fd, (struct sockaddr *)&addr, len), 0); /* to itself */
    assert_int_equal(ioth_write(fd, buf, 1), 1);
    assert_int_equal(ioth_send(fd, buf, 2, 0), 2);
    assert_int_equal(ioth_sendto(fd, buf, 3, 0, NULL, 0), 3);
    assert_int_equal(ioth_writev(fd, &iov, 1), 10);
    assert_int_equal(ioth_sendmsg(fd, &mmsgs[0].msg_hdr, 0), 10);
    assert_int_equal(ioth_sendmmsg(fd, mmsgs, 2, 0), 2);
    assert_int_equal(ioth_read(fd, buf, sizeof(buf)), 1);
    assert_int_equal(ioth_recv(fd, buf, sizeof(buf), 0), 2);
    assert_int_equal(ioth_recvfrom(fd, buf, sizeof(buf), 0, NULL, NULL), 3);
    assert_int_equal(ioth_readv(fd, &iov, 1), 10);
    assert_int_equal(ioth_recvmsg(fd, &mmsgs[0].msg_hdr, 0), 10);
    assert_int_equal(ioth_recvmmsg(fd, mmsgs, 1, 0, NULL), 1);
    errno = 0;
    assert_int_equal(ioth_recv(fd, buf, sizeof(buf), MSG_DONTWAIT), 10);
    assert_int_equal(ioth_recv(fd, buf, sizeof(buf), MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(ioth_delstack(stack), -1);
    assert_int_equal(errno, EBUSY);
    assert_int_equal(ioth_close(fd), 0);
}

static void test_bytes_are_counted(void **state)
{
    char file[] = "/tmp/ioth-count-XXXXXX", stack_string[64], text[64] = "";
    int fd = mkstemp(file);
    struct ioth *stack;

    (void)state;
    assert_true(fd >= 0);
    snprintf(stack_string, sizeof(stack_string), "count,to=%s", file);
    stack = ioth_newstack(stack_string, NULL);
    assert_non_null(stack);
    exchange(stack);
    assert_int_equal(ioth_delstack(stack), 0);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    assert_string_equal(text, "in 46 out 46\n");
    close(fd);
    unlink(file);
}

static void test_what_it_refuses(void **state)
{
    (void)state;
    assert_null(ioth_newstack("count,other", NULL));
    assert_int_equal(errno, EINVAL);
    assert_null(ioth_newstack("count", "vde:///nowhere"));
    assert_int_equal(errno, EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_are_counted),
        cmocka_unit_test(test_what_it_refuses),
    };

    setenv("IOTH_PLUGIN_PATH", PLUGIN_DIR, 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
