/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* lwip and vdestack talk to one another over a hub: UDP and TCP, IPv4 and IPv6, both ways. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab.h"

static struct lab_hub hub;

static struct ioth *new_stack(const char *kind, const char *addr)
{
    struct ioth *stack = ioth_newstack(kind, hub.vnl);

    if (stack == NULL)
        fail_msg("no %s on %s: %s", kind, hub.vnl, strerror(errno));
    lab_configure(stack, "vde0", addr);
    return stack;
}

static int setup(void **state)
{
    (void)state;
    lab_hub_start(&hub, "hub");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lab_hub_kill(&hub);
    return 0;
}

/* ---- UDP ---- */

static const size_t sizes4[] = {0, 1, 512, 1472, 1473, 9000};
static const size_t sizes6[] = {0, 1, 512, 1452, 4000, 9000};

static void udp_between(const char *kind_a, const char *kind_b)
{
    struct ioth *a = new_stack(kind_a, "10.0.0.1"), *b = new_stack(kind_b, "10.0.0.2");
    size_t i;

    lab_configure(a, "vde0", "fc00::1");
    lab_configure(b, "vde0", "fc00::2");
    for (i = 0; i < sizeof(sizes4) / sizeof(sizes4[0]); i++) {
        lab_exchange(a, b, "10.0.0.2", sizes4[i]);
        lab_exchange(b, a, "10.0.0.1", sizes4[i]);
    }
    for (i = 0; i < sizeof(sizes6) / sizeof(sizes6[0]); i++) {
        lab_exchange(a, b, "fc00::2", sizes6[i]);
        lab_exchange(b, a, "fc00::1", sizes6[i]);
    }
    assert_int_equal(ioth_delstack(a), 0);
    assert_int_equal(ioth_delstack(b), 0);
}

static void test_udp_with_vdestack(void **state)
{
    (void)state;
    udp_between("lwip", "vdestack");
}

static void test_udp_with_itself(void **state)
{
    (void)state;
    udp_between("lwip", "lwip");
}

static void test_loopback(void **state)
{
    struct ioth *stack = new_stack("lwip", "10.0.0.1");

    (void)state;
    lab_configure(stack, "vde0", "fc00::1");
    lab_exchange(stack, stack, "127.0.0.1", 100);
    lab_exchange(stack, stack, "::1", 100);
    lab_exchange(stack, stack, "10.0.0.1", 100);
    lab_exchange(stack, stack, "fc00::1", 100);
    assert_int_equal(ioth_delstack(stack), 0);
}

/* ---- TCP ---- */

enum { STREAM_BYTES = 10 << 20, CHUNK = 65536 };

static unsigned char stream_byte(size_t at)
{
    return (unsigned char)(at * 2654435761U >> 16);
}

/* Writes what the socket takes of the stream, from `*at` on. */
static void write_some(int fd, size_t *at)
{
    unsigned char chunk[CHUNK];
    size_t len = STREAM_BYTES - *at < CHUNK ? STREAM_BYTES - *at : CHUNK, i;
    ssize_t written;

    for (i = 0; i < len; i++)
        chunk[i] = stream_byte(*at + i);
    written = ioth_write(fd, chunk, len);
    if (written < 0)
        assert_int_equal(errno, EAGAIN);
    else
        *at += (size_t)written;
}

static void read_some(int fd, size_t *at)
{
    unsigned char chunk[CHUNK];
    ssize_t len = ioth_read(fd, chunk, sizeof(chunk)), i;

    if (len < 0)
        assert_int_equal(errno, EAGAIN);
    for (i = 0; i < len; i++)
        if (chunk[i] != stream_byte((*at)++))
            fail_msg("byte %zu is wrong", *at - 1);
}

static void transfer(int from, int to)
{
    struct pollfd fds[2] = {{.fd = from, .events = POLLOUT}, {.fd = to, .events = POLLIN}};
    size_t written = 0, got = 0;

    while (got < STREAM_BYTES) {
        if (poll(fds, 2, 20000) <= 0)
            fail_msg("stuck: %zu bytes written, %zu received", written, got);
        if (fds[0].revents != 0)
            write_some(from, &written);
        if (fds[1].revents != 0)
            read_some(to, &got);
        if (written == STREAM_BYTES)
            fds[0].fd = -1;
    }
}

static void expect_end(int fd)
{
    char byte;

    assert_true(lab_readable(fd));
    assert_int_equal(ioth_read(fd, &byte, 1), 0);
}

static void tcp_between(const char *kind_a, const char *kind_b, const char *addr_a, const char *addr_b)
{
    struct ioth *a = new_stack(kind_a, addr_a), *b = new_stack(kind_b, addr_b);
    int listener = lab_bound(b, SOCK_STREAM, addr_b, 53), client, server;
    struct sockaddr_storage addr, peer, own;
    socklen_t len = lab_sockaddr(&addr, addr_b, 53), peer_len = sizeof(peer);

    client = ioth_msocket(a, addr.ss_family, SOCK_STREAM, 0);
    assert_int_equal(ioth_connect(client, (struct sockaddr *)&addr, len), 0);
    server = ioth_accept4(listener, (struct sockaddr *)&peer, &peer_len, SOCK_NONBLOCK);
    assert_true(server >= 0);
    len = sizeof(own);
    assert_int_equal(ioth_getsockname(client, (struct sockaddr *)&own, &len), 0);
    assert_int_equal(len, peer_len);
    assert_memory_equal(&own, &peer, len);
    assert_int_equal(ioth_fcntl(client, F_SETFL, O_NONBLOCK), 0);
    transfer(client, server);
    transfer(server, client);
    /* half a connection still carries data */
    assert_int_equal(ioth_shutdown(client, SHUT_WR), 0);
    expect_end(server);
    transfer(server, client);
    ioth_close(server);
    expect_end(client);
    ioth_close(client);
    ioth_close(listener);
    assert_int_equal(ioth_delstack(a), 0);
    assert_int_equal(ioth_delstack(b), 0);
}

static void test_tcp_from_lwip(void **state)
{
    (void)state;
    tcp_between("lwip", "vdestack", "10.0.0.1", "10.0.0.2");
}

static void test_tcp_to_lwip(void **state)
{
    (void)state;
    tcp_between("vdestack", "lwip", "10.0.0.1", "10.0.0.2");
}

static void test_tcp_over_ipv6(void **state)
{
    (void)state;
    tcp_between("lwip", "vdestack", "fc00::1", "fc00::2");
}

static void test_tcp_between_lwips(void **state)
{
    (void)state;
    tcp_between("lwip", "lwip", "10.0.0.1", "10.0.0.2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loopback),          cmocka_unit_test(test_udp_with_vdestack),
        cmocka_unit_test(test_udp_with_itself),   cmocka_unit_test(test_tcp_from_lwip),
        cmocka_unit_test(test_tcp_to_lwip),       cmocka_unit_test(test_tcp_over_ipv6),
        cmocka_unit_test(test_tcp_between_lwips),
    };
    int status = lab_open();

    if (status != 0)
        return status;
    status = cmocka_run_group_tests(tests, setup, teardown);
    lab_close();
    return status;
}
