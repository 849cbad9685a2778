/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stacks of one process talk to one another over hubs: UDP, TCP, IPv4, IPv6, frames of all sizes, two
 * interfaces. The hub and the relays are threads. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab.h"

static void test_udp(void **state)
{
    struct ioth *a = lab_stack("vdestack", NULL, "10.0.0.1"), *b = lab_stack("vdestack", NULL, "10.0.0.2");
    const size_t sizes[] = {0, 1, 512, 1472, 1473, 9000, 60000};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        lab_exchange(a, b, "10.0.0.2", sizes[i]);
        lab_exchange(b, a, "10.0.0.1", sizes[i]);
    }
    assert_int_equal(ioth_delstack(a), 0);
    assert_int_equal(ioth_delstack(b), 0);
}

static void test_udp_over_ipv6(void **state)
{
    struct ioth *a = lab_stack("vdestack", NULL, "fc00::1"), *b = lab_stack("vdestack", NULL, "fc00::2");

    (void)state;
    lab_exchange(a, b, "fc00::2", 1452);
    lab_exchange(b, a, "fc00::1", 1);
    assert_int_equal(ioth_delstack(a), 0);
    assert_int_equal(ioth_delstack(b), 0);
}

static void test_jumbo_frames(void **state)
{
    struct ioth *stacks[2] = {lab_stack("vdestack", NULL, "10.0.0.1"),
                              lab_stack("vdestack", NULL, "10.0.0.2")};
    int i, ifindex;

    (void)state;
    for (i = 0; i < 2; i++) {
        ifindex = ioth_if_nametoindex(stacks[i], "vde0");
        assert_int_equal(ioth_linksetmtu(stacks[i], (unsigned)ifindex, 9216), 0);
    }
    lab_exchange(stacks[0], stacks[1], "10.0.0.2", 9216 - 28);
    assert_int_equal(ioth_delstack(stacks[0]), 0);
    assert_int_equal(ioth_delstack(stacks[1]), 0);
}

enum { STREAM_BYTES = 8 << 20 };

static void test_tcp(void **state)
{
    struct ioth *a = lab_stack("vdestack", NULL, "10.0.0.1"), *b = lab_stack("vdestack", NULL, "10.0.0.2");
    int listener = lab_bound(b, SOCK_STREAM, "10.0.0.2", 53);
    int client = ioth_msocket(a, AF_INET, SOCK_STREAM, 0), server;
    struct sockaddr_storage addr;
    socklen_t len = lab_sockaddr(&addr, "10.0.0.2", 53);

    (void)state;
    assert_int_equal(ioth_connect(client, (struct sockaddr *)&addr, len), 0);
    len = sizeof(addr);
    server = ioth_accept4(listener, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK);
    assert_true(server >= 0);
    assert_int_equal(((struct sockaddr_in *)&addr)->sin_addr.s_addr, htonl(0x0a000001));
    assert_int_equal(ioth_fcntl(client, F_SETFL, O_NONBLOCK), 0);
    lab_transfer(client, server, STREAM_BYTES);
    lab_transfer(server, client, STREAM_BYTES);
    ioth_close(client);
    ioth_close(server);
    ioth_close(listener);
    assert_int_equal(ioth_delstack(a), 0);
    assert_int_equal(ioth_delstack(b), 0);
}

/* One stack on two networks, its interfaces named and not. */
static void test_two_interfaces(void **state)
{
    struct hub other;
    struct ioth *both, *here, *there;
    char named[128];

    (void)state;
    lab_hub_start(&other, "other");
    snprintf(named, sizeof(named), "eth0:%s", lab_vnl());
    both = ioth_newstackl("vdestack", named, other.vnl, NULL);
    assert_non_null(both);
    lab_configure(both, "eth0", "10.0.0.1");
    lab_configure(both, "vde1", "10.0.1.1");
    assert_int_equal(ioth_if_nametoindex(both, "vde0"), -1);
    here = lab_stack("vdestack", NULL, "10.0.0.2");
    there = lab_stack("vdestack", other.vnl, "10.0.1.2");
    lab_exchange(both, here, "10.0.0.2", 100);
    lab_exchange(both, there, "10.0.1.2", 100);
    lab_exchange(there, both, "10.0.1.1", 100);
    assert_int_equal(ioth_delstack(both), 0);
    assert_int_equal(ioth_delstack(here), 0);
    assert_int_equal(ioth_delstack(there), 0);
    lab_hub_kill(&other);
}

/* A wire without a hub, made by the first of the two that opens it. */
static void test_point_to_point(void **state)
{
    struct ioth *a, *b;
    char vnl[128];

    (void)state;
    snprintf(vnl, sizeof(vnl), "ptp://%s/wire", lab_folder());
    a = lab_stack("vdestack", vnl, "10.0.0.1");
    b = lab_stack("vdestack", vnl, "10.0.0.2");
    lab_exchange(a, b, "10.0.0.2", 1000);
    lab_exchange(b, a, "10.0.0.1", 1000);
    assert_int_equal(ioth_delstack(a), 0);
    assert_int_equal(ioth_delstack(b), 0);
}

static void test_loopback_is_up(void **state)
{
    struct ioth *stack = ioth_newstack("vdestack", NULL);

    (void)state;
    assert_non_null(stack);
    lab_exchange(stack, stack, "127.0.0.1", 100);
    lab_exchange(stack, stack, "::1", 100);
    assert_int_equal(ioth_delstack(stack), 0);
}

/* Runs a program that sends "ciao" to 10.0.0.2 port 5000 and ends at once. */
static void assert_sends(const char *command)
{
    struct ioth *stack = lab_stack("vdestack", NULL, "10.0.0.2");
    int fd = lab_bound(stack, SOCK_DGRAM, "10.0.0.2", 5000);
    char got[16];

    assert_int_equal(system(command), 0);
    assert_true(lab_readable(fd));
    assert_int_equal(ioth_recv(fd, got, sizeof(got), 0), 5);
    assert_memory_equal(got, "ciao\n", 5);
    ioth_close(fd);
    assert_int_equal(ioth_delstack(stack), 0);
}

static void test_example(void **state)
{
    char command[512];

    (void)state;
    snprintf(command, sizeof(command), "%s %s 10.0.0.2 5000", UDP_SEND, lab_vnl());
    assert_sends(command);
}

static void test_program_of_the_talk(void **state)
{
    char command[512];

    (void)state;
    /* it leaves its stack to the end of the process, which a build with sanitizers would call a leak */
    snprintf(command, sizeof(command), "ASAN_OPTIONS=detect_leaks=0 %s %s", UDP_TALK, lab_vnl());
    assert_sends(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_udp_over_ipv6),
        cmocka_unit_test(test_jumbo_frames),
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_two_interfaces),
        cmocka_unit_test(test_point_to_point),
        cmocka_unit_test(test_loopback_is_up),
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_program_of_the_talk),
    };
    return lab_run(tests);
}
