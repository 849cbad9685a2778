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

/* ---- UDP ---- */

static const size_t sizes4[] = {0, 1, 512, 1472, 1473, 9000};
static const size_t sizes6[] = {0, 1, 512, 1452, 4000, 9000};

static void udp_between(const char *kind_a, const char *kind_b)
{
    struct ioth *a = lab_stack(kind_a, NULL, "10.0.0.1"), *b = lab_stack(kind_b, NULL, "10.0.0.2");
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
    struct ioth *stack = lab_stack("lwip", NULL, "10.0.0.1");

    (void)state;
    lab_configure(stack, "vde0", "fc00::1");
    lab_exchange(stack, stack, "127.0.0.1", 100);
    lab_exchange(stack, stack, "::1", 100);
    lab_exchange(stack, stack, "10.0.0.1", 100);
    lab_exchange(stack, stack, "fc00::1", 100);
    assert_int_equal(ioth_delstack(stack), 0);
}

/* ---- TCP ---- */

enum { STREAM_BYTES = 10 << 20 };

static void expect_end(int fd)
{
    char byte;

    assert_true(lab_readable(fd));
    assert_int_equal(ioth_read(fd, &byte, 1), 0);
}

static void tcp_between(const char *kind_a, const char *kind_b, const char *addr_a, const char *addr_b)
{
    struct ioth *a = lab_stack(kind_a, NULL, addr_a), *b = lab_stack(kind_b, NULL, addr_b);
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
    lab_transfer(client, server, STREAM_BYTES);
    lab_transfer(server, client, STREAM_BYTES);
    /* half a connection still carries data */
    assert_int_equal(ioth_shutdown(client, SHUT_WR), 0);
    expect_end(server);
    lab_transfer(server, client, STREAM_BYTES);
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
    return lab_run(tests);
}
