/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nlinline on a network namespace of the test's own: each function, and what the kernel then shows. */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <ioth.h>

#include "fails.h"

static const char name[] = "nlinline0";

/* A kind of virtual link that this kernel has; both take the option below or ignore it. */
static const char *kind;

/* Makes a link of the first kind that there is; its index. */
static int setup_link(void **state)
{
    static const char *const kinds[] = {"bridge", "dummy"};
    static int ifindex;
    size_t i;

    ifindex = -1;
    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && ifindex < 0; i++)
        ifindex = nlinline_iplink_add(name, 0, kind = kinds[i], NULL, 0);
    *state = &ifindex;
    return ifindex < 0 ? -1 : 0;
}

static int teardown_link(void **state)
{
    (void)state;
    return nlinline_iplink_del(name, 0);
}

static unsigned index_of(void **state)
{
    return (unsigned)*(int *)*state;
}

static void test_names(void **state)
{
    assert_int_equal(nlinline_if_nametoindex(name), index_of(state));
    assert_int_equal(nlinline_if_nametoindex("lo"), 1);
    assert_fails(nlinline_if_nametoindex("absent"), ENODEV);
    assert_fails(nlinline_if_nametoindex(""), ENODEV);
    assert_fails(nlinline_if_nametoindex("a_name_of_more_than_fifteen_bytes"), ENODEV);
    assert_fails(nlinline_if_nametoindex(NULL), EINVAL);
}

static struct ifaddrs *find(struct ifaddrs *list, int family, const void *addr)
{
    for (; list != NULL; list = list->ifa_next) {
        if (strcmp(list->ifa_name, name) != 0 || list->ifa_addr->sa_family != family)
            continue;
        if (family == AF_PACKET ||
            (family == AF_INET && memcmp(&((struct sockaddr_in *)list->ifa_addr)->sin_addr, addr, 4) == 0) ||
            (family == AF_INET6 &&
             memcmp(&((struct sockaddr_in6 *)list->ifa_addr)->sin6_addr, addr, 16) == 0))
            return list;
    }
    return NULL;
}

static void test_up_down_mac_mtu(void **state)
{
    uint8_t mac[6] = {0x80, 1, 1, 1, 1, 1}, got[6] = {0};
    struct ifaddrs *list;
    unsigned ifindex = index_of(state);

    mac[0] &= 0xfe;
    assert_int_equal(nlinline_linksetaddr(ifindex, mac), 0);
    assert_int_equal(nlinline_linkgetaddr(ifindex, got), 0);
    assert_memory_equal(got, mac, 6);
    assert_int_equal(nlinline_linksetmtu(ifindex, 1400), 0);
    assert_int_equal(nlinline_linksetupdown(ifindex, 1), 0);
    assert_int_equal(ioth_getifaddrs(NULL, &list), 0);
    assert_true(find(list, AF_PACKET, NULL)->ifa_flags & IFF_UP);
    ioth_freeifaddrs(list);
    assert_int_equal(nlinline_linksetupdown(ifindex, 0), 0);
    assert_int_equal(ioth_getifaddrs(NULL, &list), 0);
    assert_false(find(list, AF_PACKET, NULL)->ifa_flags & IFF_UP);
    ioth_freeifaddrs(list);
    assert_fails(nlinline_linksetupdown(9999, 1), ENODEV);
    assert_fails(nlinline_linkgetaddr(9999, got), ENODEV);
    assert_fails(nlinline_linksetmtu(ifindex, 1), EINVAL);
}

static void test_addresses(void **state)
{
    struct in_addr ip4;
    struct in6_addr ip6;
    struct ifaddrs *list, *ifa;
    unsigned ifindex = index_of(state);

    inet_pton(AF_INET, "10.1.2.3", &ip4);
    inet_pton(AF_INET6, "fc00::1", &ip6);
    assert_int_equal(nlinline_ipaddr_add(AF_INET, &ip4, 20, ifindex), 0);
    assert_fails(nlinline_ipaddr_add(AF_INET, &ip4, 20, ifindex), EEXIST);
    assert_int_equal(nlinline_ipaddr_add(AF_INET6, &ip6, nl_addrdata2prefix(65, IFA_F_NODAD, 0), ifindex), 0);
    assert_int_equal(ioth_getifaddrs(NULL, &list), 0);
    ifa = find(list, AF_INET, &ip4);
    assert_non_null(ifa);
    assert_int_equal(((struct sockaddr_in *)ifa->ifa_netmask)->sin_addr.s_addr, inet_addr("255.255.240.0"));
    ifa = find(list, AF_INET6, &ip6);
    assert_non_null(ifa);
    assert_int_equal(((struct sockaddr_in6 *)ifa->ifa_netmask)->sin6_addr.s6_addr[7], 0xff);
    assert_int_equal(((struct sockaddr_in6 *)ifa->ifa_netmask)->sin6_addr.s6_addr[8], 0x80);
    ioth_freeifaddrs(list);
    assert_int_equal(nlinline_ipaddr_del(AF_INET, &ip4, 20, ifindex), 0);
    assert_int_equal(nlinline_ipaddr_del(AF_INET6, &ip6, 65, ifindex), 0);
    assert_fails(nlinline_ipaddr_del(AF_INET, &ip4, 20, ifindex), EADDRNOTAVAIL);
    assert_fails(nlinline_ipaddr_add(AF_INET, &ip4, 33, ifindex), EINVAL);
    assert_fails(nlinline_ipaddr_add(AF_INET, &ip4, -1, ifindex), EINVAL);
    assert_fails(nlinline_ipaddr_add(AF_INET6, &ip6, 129, ifindex), EINVAL);
    assert_fails(nlinline_ipaddr_add(AF_UNIX, &ip4, 8, ifindex), EAFNOSUPPORT);
}

/* The source address by which the kernel would reach `to`; 0 if it has no route. */
static in_addr_t source_towards(const char *to)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = inet_addr(to)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    bool reached = connect(fd, (struct sockaddr *)&addr, len) == 0 &&
                   getsockname(fd, (struct sockaddr *)&addr, &len) == 0;

    close(fd);
    return reached ? addr.sin_addr.s_addr : 0;
}

static void test_routes(void **state)
{
    struct in_addr own = {inet_addr("10.1.2.3")}, gw = {inet_addr("10.1.2.1")},
                   net = {inet_addr("192.168.9.0")};
    struct in6_addr own6, gw6;
    unsigned ifindex = index_of(state);

    inet_pton(AF_INET6, "fc00::1", &own6);
    inet_pton(AF_INET6, "fc00::ff", &gw6);
    assert_int_equal(nlinline_linksetupdown(ifindex, 1), 0);
    assert_int_equal(nlinline_ipaddr_add(AF_INET, &own, 24, ifindex), 0);
    assert_int_equal(nlinline_ipaddr_add(AF_INET6, &own6, 64, ifindex), 0);
    assert_int_equal(source_towards("8.8.8.8"), 0);
    assert_int_equal(nlinline_iproute_add(AF_INET, NULL, 0, &gw, 0), 0);
    assert_fails(nlinline_iproute_add(AF_INET, NULL, 0, &gw, 0), EEXIST);
    assert_int_equal(source_towards("8.8.8.8"), own.s_addr);
    assert_int_equal(nlinline_iproute_del(AF_INET, NULL, 0, &gw, 0), 0);
    assert_int_equal(source_towards("8.8.8.8"), 0);
    assert_fails(nlinline_iproute_del(AF_INET, NULL, 0, &gw, 0), ESRCH);
    assert_int_equal(nlinline_iproute_add(AF_INET, &net, 24, NULL, ifindex), 0);
    assert_int_equal(source_towards("192.168.9.9"), own.s_addr);
    assert_int_equal(nlinline_iproute_del(AF_INET, &net, 24, NULL, ifindex), 0);
    assert_int_equal(
        nlinline_iproute_add(AF_INET, &net, nl_routedata2prefix(24, RTN_UNREACHABLE, 0), NULL, 0), 0);
    assert_int_equal(source_towards("192.168.9.9"), 0);
    assert_int_equal(nlinline_iproute_add(AF_INET6, NULL, 0, &gw6, ifindex), 0);
    assert_int_equal(nlinline_iproute_del(AF_INET6, NULL, 0, &gw6, ifindex), 0);
    assert_fails(nlinline_iproute_add(AF_INET, &net, 33, NULL, ifindex), EINVAL);
    assert_int_equal(nlinline_ipaddr_del(AF_INET, &own, 24, ifindex), 0);
}

static void test_links(void **state)
{
    uint32_t delay = 500;
    struct nl_iplink_data options[] = {{IFLA_BR_FORWARD_DELAY, sizeof(delay), &delay}};
    struct nl_iplink_data text = nl_iplink_strdata(7, "seven");
    int chosen;

    (void)state;
    assert_int_equal(text.tag, 7);
    assert_int_equal(text.len, sizeof("seven"));
    chosen = nlinline_iplink_add(NULL, (unsigned)-1, kind, NULL, 0);
    assert_true(chosen > 1);
    assert_int_equal(nlinline_iplink_del(NULL, (unsigned)chosen), 0);
    assert_int_equal(nlinline_iplink_add("numbered", 777, kind, options, 0), 0);
    assert_int_equal(nlinline_if_nametoindex("numbered"), 777);
    assert_fails(nlinline_iplink_add("numbered", 0, kind, NULL, 0), EEXIST);
    assert_int_equal(nlinline_iplink_del("numbered", 0), 0);
    assert_fails(nlinline_iplink_del("numbered", 0), ENODEV);
    assert_fails(nlinline_iplink_del(NULL, 0), EINVAL);
    assert_fails(nlinline_iplink_add("kindless", 0, "nosuchkind", NULL, 0), EOPNOTSUPP);
}

static void test_too_large_request(void **state)
{
    static char large[NLINLINE_MAX_REQUEST];
    struct nl_iplink_data option = {1, sizeof(large), large};

    (void)state;
    assert_fails(nlinline_iplink_add("large", 0, kind, &option, 1), EMSGSIZE);
}

/* The families that nlinline+ makes, over transports that only count. */
static int opened;

struct other;

static int multi_msocket(struct other *stack, int domain, int type, int protocol)
{
    assert_ptr_equal(stack, &opened);
    opened++;
    return socket(domain, type, protocol);
}

static int single_socket(int domain, int type, int protocol)
{
    opened += 10;
    return socket(domain, type, protocol);
}

NLINLINE_LIBMULTICOMP(multi_, struct other *)
NLINLINE_LIBCOMP(single_)

static void test_other_families(void **state)
{
    (void)state;
    assert_int_equal(multi_if_nametoindex((struct other *)&opened, "lo"), 1);
    assert_int_equal(opened, 1);
    assert_int_equal(single_linksetupdown(1, 1), 0);
    assert_int_equal(opened, 11);
    assert_int_equal(ioth_if_nametoindex(NULL, "lo"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),          cmocka_unit_test(test_up_down_mac_mtu),
        cmocka_unit_test(test_addresses),      cmocka_unit_test(test_routes),
        cmocka_unit_test(test_links),          cmocka_unit_test(test_too_large_request),
        cmocka_unit_test(test_other_families),
    };

    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 && unshare(CLONE_NEWNET) < 0) {
        printf("skipped: no network namespace can be made here: %s\n", strerror(errno));
        return 77;
    }
    return cmocka_run_group_tests(tests, setup_link, teardown_link);
}
