/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ioctls of routes and of addresses of IPv6: the same steps by the kernel itself, by nlq_ioctl, by nlqx_ioctl on
 * a stack of libioth, by nlq_server_ioctl_family on a small stack. Each step ends as the kernel ended it, but that the
 * small stack says ENODEV of what is not there. */
#include <arpa/inet.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <linux/ipv6.h>

#include <cmocka.h>

#include <ioth.h>
#include <libnlq.h>

#include "libnlq/fake_stack.h"
#include "libnlq/namespace.h"

static char name[] = "nlq0";

struct way {
    int (*call)(const struct way *way, int family, unsigned long request, void *arg);
    int fds[2]; /* sockets of the kernel: IPv4, IPv6 */
    struct ioth *stack;
    int stack_fds[2];
    int ifindex;
};

static struct fake_stack fake;

static int by_kernel(const struct way *way, int family, unsigned long request, void *arg)
{
    return ioctl(way->fds[family == AF_INET6], request, arg);
}

static int by_nlq(const struct way *way, int family, unsigned long request, void *arg)
{
    return nlq_ioctl(way->fds[family == AF_INET6], request, arg);
}

static int by_nlqx(const struct way *way, int family, unsigned long request, void *arg)
{
    return nlqx_ioctl(way->stack, way->stack_fds[family == AF_INET6], request, arg);
}

static int by_server(const struct way *way, int family, unsigned long request, void *arg)
{
    (void)way;
    return nlq_server_ioctl_family(fake_handlers, &fake, family, request, arg);
}

/* ---- the steps ---- */

struct step {
    int family;
    unsigned long request;
    const char *dst, *mask, *gateway; /* IPv4: NULL is a struct sockaddr of zeroes */
    unsigned len;                     /* IPv6 */
    unsigned flags;
    int metric;
    bool by_link;
};

static const struct step steps[] = {
    {AF_INET6, SIOCSIFADDR, "fc00::7", NULL, NULL, 64, 0, 0, true},
    {AF_INET6, SIOCSIFADDR, "fc00::7", NULL, NULL, 64, 0, 0, true},
    {AF_INET6, SIOCSIFADDR, "fc00::8", NULL, NULL, 129, 0, 0, true},
    {AF_INET6, SIOCADDRT, "2001:db8::", NULL, NULL, 32, RTF_UP, 0, true},
    {AF_INET6, SIOCADDRT, "2001:db8::", NULL, NULL, 32, RTF_UP, 0, true},
    {AF_INET6, SIOCADDRT, "2001:db8:1::", NULL, "fc00::1", 48, RTF_UP | RTF_GATEWAY, 7, true},
    {AF_INET6, SIOCADDRT, "::", NULL, "fc00::1", 0, RTF_UP | RTF_GATEWAY, 0, true},
    {AF_INET6, SIOCADDRT, "::", NULL, "fc00::1", 200, RTF_UP | RTF_GATEWAY, 0, true},
    {AF_INET6, SIOCDELRT, "2001:db8:1::", NULL, "fc00::1", 48, RTF_UP | RTF_GATEWAY, 7, true},
    {AF_INET6, SIOCDELRT, "2001:db8:1::", NULL, "fc00::1", 48, RTF_UP | RTF_GATEWAY, 7, true},
    {AF_INET6, SIOCDELRT, "2001:db8::", NULL, NULL, 32, RTF_UP, 0, true},
    {AF_INET6, SIOCDELRT, "::", NULL, "fc00::1", 0, RTF_UP | RTF_GATEWAY, 0, true},
    {AF_INET6, SIOCDIFADDR, "fc00::7", NULL, NULL, 64, 0, 0, true},
    {AF_INET6, SIOCDIFADDR, "fc00::7", NULL, NULL, 64, 0, 0, true},
    {AF_INET, SIOCADDRT, "10.1.0.0", "255.255.0.0", "10.9.8.1", 0, RTF_UP | RTF_GATEWAY, 0, true},
    {AF_INET, SIOCADDRT, "10.1.0.0", "255.255.0.0", "10.9.8.1", 0, RTF_UP | RTF_GATEWAY, 0, true},
    {AF_INET, SIOCADDRT, "10.2.0.0", "255.255.0.0", NULL, 0, RTF_UP, 0, true},
    {AF_INET, SIOCADDRT, "10.3.0.9", "255.255.0.0", NULL, 0, RTF_UP, 0, true},
    {AF_INET, SIOCADDRT, "10.4.0.0", "255.0.255.0", NULL, 0, RTF_UP, 0, true},
    {AF_INET, SIOCADDRT, "10.5.0.9", NULL, NULL, 0, RTF_UP | RTF_HOST, 3, true},
    {AF_INET, SIOCADDRT, "10.6.0.0", "255.255.0.0", NULL, 0, RTF_UP | RTF_GATEWAY, 0, true},
    {AF_INET, SIOCADDRT, NULL, NULL, "10.9.8.1", 0, RTF_UP | RTF_GATEWAY, 0, true},
    {AF_INET, SIOCADDRT, "0.0.0.0", NULL, "10.9.8.1", 0, RTF_UP | RTF_GATEWAY, 0, true},
    {AF_INET, SIOCDELRT, "0.0.0.0", NULL, NULL, 0, RTF_UP, 0, false},
    {AF_INET, SIOCDELRT, "10.1.0.0", "255.255.0.0", "10.9.8.1", 0, RTF_UP | RTF_GATEWAY, 0, true},
    {AF_INET, SIOCDELRT, "10.1.0.0", "255.255.0.0", "10.9.8.1", 0, RTF_UP | RTF_GATEWAY, 0, true},
    {AF_INET, SIOCDELRT, "10.2.0.0", "255.255.0.0", NULL, 0, RTF_UP, 0, true},
    {AF_INET, SIOCDELRT, "10.5.0.9", NULL, NULL, 0, RTF_UP | RTF_HOST, 3, true},
};

enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

static struct sockaddr in_addr_of(const char *text)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr any = {0};

    if (text != NULL) {
        in.sin_addr.s_addr = inet_addr(text);
        memcpy(&any, &in, sizeof(any));
    }
    return any;
}

static int take_step(const struct way *way, const struct step *step)
{
    struct rtentry four = {.rt_dst = in_addr_of(step->dst),
                           .rt_genmask = in_addr_of(step->mask),
                           .rt_gateway = in_addr_of(step->gateway),
                           .rt_flags = (unsigned short)step->flags,
                           .rt_metric = (short)step->metric,
                           .rt_dev = step->by_link ? name : NULL};
    struct in6_rtmsg six = {.rtmsg_dst_len = (uint16_t)step->len,
                            .rtmsg_flags = step->flags,
                            .rtmsg_metric = (uint32_t)step->metric,
                            .rtmsg_ifindex = way->ifindex};
    struct in6_ifreq address = {.ifr6_prefixlen = step->len, .ifr6_ifindex = way->ifindex};
    void *arg = &four;

    if (step->family == AF_INET6) {
        inet_pton(AF_INET6, step->dst, &six.rtmsg_dst);
        inet_pton(AF_INET6, step->dst, &address.ifr6_addr);
        if (step->gateway != NULL)
            inet_pton(AF_INET6, step->gateway, &six.rtmsg_gateway);
        arg = step->request == SIOCADDRT || step->request == SIOCDELRT ? (void *)&six : (void *)&address;
    }
    errno = 0;
    return way->call(way, step->family, step->request, arg) < 0 ? errno : 0;
}

/* ---- the ways ---- */

static struct way way;
static int of_kernel[STEPS];

static void run(int (*call)(const struct way *, int, unsigned long, void *), int results[STEPS])
{
    struct in_addr own = {.s_addr = inet_addr("10.9.8.7")};
    size_t i;

    way.call = call;
    if (nlq_iplink_add(name, 0, "bridge", NULL, 0) < 0)
        assert_true(nlq_iplink_add(name, 0, "dummy", NULL, 0) > 0);
    way.ifindex = (int)nlq_if_nametoindex(name);
    assert_int_equal(nlq_linksetupdown((unsigned)way.ifindex, 1), 0);
    assert_int_equal(nlq_ipaddr_add(AF_INET, &own, 24, (unsigned)way.ifindex), 0);
    if (call == by_server) {
        fake_init(&fake, name);
        way.ifindex = 7;
    }
    for (i = 0; i < STEPS; i++)
        results[i] = take_step(&way, &steps[i]);
    assert_int_equal(nlq_iplink_del(name, 0), 0);
}

static void compare(int (*call)(const struct way *, int, unsigned long, void *))
{
    int ours[STEPS];
    size_t i;

    run(call, ours);
    for (i = 0; i < STEPS; i++) {
        int wanted = of_kernel[i];

        if (call == by_server && (wanted == ESRCH || wanted == EADDRNOTAVAIL))
            wanted = ENODEV;
        if (ours[i] != wanted)
            print_error("step %zu: %s, not %s\n", i, strerror(ours[i]), strerror(wanted));
        assert_int_equal(ours[i], wanted);
    }
}

/* The comparison compares something: what one expects of the kernel. */
static void test_kernel_itself(void **state)
{
    (void)state;
    assert_int_equal(of_kernel[0], 0);
    assert_int_equal(of_kernel[1], EEXIST);
    assert_int_equal(of_kernel[2], EINVAL);
    assert_int_equal(of_kernel[3], 0);
    assert_int_equal(of_kernel[8], 0);
    assert_int_equal(of_kernel[9], ESRCH);
    assert_int_equal(of_kernel[14], 0);
    assert_int_equal(of_kernel[15], EEXIST);
    assert_int_equal(of_kernel[18], EINVAL);
    assert_int_equal(of_kernel[23], 0);
}

static void test_nlq(void **state)
{
    (void)state;
    compare(by_nlq);
}

static void test_nlqx(void **state)
{
    (void)state;
    compare(by_nlqx);
}

static void test_server(void **state)
{
    (void)state;
    compare(by_server);
}

static void test_refused(void **state)
{
    struct rtentry rt = {.rt_dst = in_addr_of("0.0.0.0"), .rt_dev = (char *)(uintptr_t) "nix7"};

    (void)state;
    assert_int_equal(nlq_ioctl_nofd(SIOCADDRT, NULL), -1);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(nlq_ioctl_nofd(SIOCADDRT, &rt), -1);
    assert_int_equal(errno, ENODEV);
    assert_int_equal(nlq_ioctl_nofd(SIOCDIFADDR, &rt), -1); /* IPv4 does not have it */
    assert_int_equal(errno, ENOTTY);
}

static int setup(void **state)
{
    int i;

    (void)state;
    way.stack = ioth_newstack("kernel", NULL);
    for (i = 0; i < 2; i++) {
        way.fds[i] = socket(i == 0 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
        way.stack_fds[i] = ioth_msocket(way.stack, i == 0 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
        if (way.fds[i] < 0 || way.stack_fds[i] < 0)
            return -1;
    }
    run(by_kernel, of_kernel);
    return 0;
}

static int teardown(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        close(way.fds[i]);
        ioth_close(way.stack_fds[i]);
    }
    return ioth_delstack(way.stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernel_itself), cmocka_unit_test(test_nlq),     cmocka_unit_test(test_nlqx),
        cmocka_unit_test(test_server),        cmocka_unit_test(test_refused),
    };

    if (own_network() < 0)
        return 77;
    return cmocka_run_group_tests(tests, setup, teardown);
}
