/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configuration: links, addresses and routes by netlink, what getifaddrs and the netdevice ioctls show. */
#include "lab.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>

/* ---- links ---- */

static void test_index(struct lab *lab)
{
    CHECK(OP(ioth_if_nametoindex(in_a(lab), "lo")) == 1);
    CHECK(MUST(ioth_if_nametoindex(in_a(lab), "vde0")) == (int)lab->a_if);
    FAILS(ENODEV, ioth_if_nametoindex(in_a(lab), "nix7"));
}

/* The entry of a family that an interface has in getifaddrs, with that address if it is not NULL; its flags,
 * or -1. */
static long flags_of(struct ioth *stack, const char *ifname, int family, const char *text)
{
    struct ifaddrs *list, *ifa;
    long flags = -1;
    struct addr wanted = text == NULL ? addr_room() : addr_of(text, 0);

    MUST(ioth_getifaddrs(stack, &list));
    for (ifa = list; ifa != NULL; ifa = ifa->ifa_next) {
        struct addr addr = addr_room();

        if (ifa->ifa_addr == NULL || ifa->ifa_addr->sa_family != family || strcmp(ifa->ifa_name, ifname) != 0)
            continue;
        memcpy(&addr.u, ifa->ifa_addr,
               family == AF_INET    ? sizeof(addr.u.in)
               : family == AF_INET6 ? sizeof(addr.u.in6)
                                    : sizeof(addr.u.ll));
        addr.len = wanted.len;
        if (text == NULL || addr_is(&addr, text, 0))
            flags = ifa->ifa_flags;
    }
    ioth_freeifaddrs(list);
    return flags;
}

static bool is_down(void *arg)
{
    return (flags_of(arg, "vde0", AF_PACKET, NULL) & (IFF_UP | IFF_RUNNING)) == 0;
}

static bool is_running(void *arg)
{
    return (flags_of(arg, "vde0", AF_PACKET, NULL) & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
}

static void test_up_down(struct lab *lab)
{
    int fd = MUST(ioth_msocket(in_a(lab), AF_INET, SOCK_DGRAM, 0));

    wait_until(is_running, in_a(lab));
    OP(ioth_linksetupdown(in_a(lab), lab->a_if, 0));
    wait_until(is_down, in_a(lab));
    FAILS(ENETUNREACH, send_to(fd, "x", 1, "10.0.0.99", 9));
    MUST(ioth_linksetupdown(in_a(lab), lab->a_if, 1));
    wait_until(is_running, in_a(lab));
    MUST(send_to(fd, "x", 1, "10.0.0.99", 9));
    FAILS(ENODEV, ioth_linksetupdown(in_a(lab), 4711, 1));
    MUST(ioth_close(fd));
}

static void test_mac(struct lab *lab)
{
    unsigned char mac[6] = {0x02, 0, 0, 1, 2, 3}, got[6] = {0}, group[6] = {0x01, 0, 0, 1, 2, 3};

    MUST(ioth_linkgetaddr(in_a(lab), lab->a_if, got));
    CHECK((got[0] & 1) == 0 && memcmp(got, mac, 6) != 0);
    OP(ioth_linksetaddr(in_a(lab), lab->a_if, mac));
    MUST(ioth_linkgetaddr(in_a(lab), lab->a_if, got));
    CHECK(memcmp(got, mac, 6) == 0);
    FAILS(EADDRNOTAVAIL, ioth_linksetaddr(in_a(lab), lab->a_if, group));
    FAILS(ENODEV, ioth_linkgetaddr(in_a(lab), 4711, got));
}

static void exchange(const struct lab *lab, size_t len)
{
    static unsigned char sent[9216], got[9216];
    int to = udp_bound(lab, in_b(lab), ip_b(lab), 7400), from = open_socket(lab, in_a(lab), SOCK_DGRAM);

    pattern_fill(sent, len, len);
    CHECK(MUST(send_to(from, sent, len, ip_b(lab), 7400)) == (int)len);
    wait_events(to, POLLIN);
    CHECK(MUST(ioth_recv(to, got, sizeof(got), 0)) == (int)len && pattern_holds(got, len, len));
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

static void test_mtu(struct lab *lab)
{
    OP(ioth_linksetmtu(in_a(lab), lab->a_if, 1280));
    exchange(lab, 3000);
    MUST(ioth_linksetmtu(in_a(lab), lab->a_if, 9000));
    MUST(ioth_linksetmtu(in_b(lab), lab->b_if, 9000));
    if (lab->plan.vnl[0] == NULL) /* a network that was given may carry less: vde_switch does */
        exchange(lab, 8900);
    FAILS(EINVAL, ioth_linksetmtu(in_a(lab), lab->a_if, 20));
}

static void test_virtual_link(struct lab *lab)
{
    int ifindex = OP(ioth_iplink_add(in_a(lab), "pair7", 0, "veth", NULL, 0));

    CHECK(MUST(ioth_if_nametoindex(in_a(lab), "pair7")) == ifindex);
    MUST(ioth_iplink_del(in_a(lab), "pair7", 0));
    FAILS(ENODEV, ioth_if_nametoindex(in_a(lab), "pair7"));
}

/* ---- addresses ---- */

static int change_address(const struct lab *lab, bool add, const char *text)
{
    struct addr addr = addr_of(text, 0);
    void *bytes = lab->family == AF_INET ? (void *)&addr.u.in.sin_addr : (void *)&addr.u.in6.sin6_addr;
    int prefix = lab->family == AF_INET ? 24 : nl_addrdata2prefix(64, IFA_F_NODAD, RT_SCOPE_UNIVERSE);

    return add ? ioth_ipaddr_add(in_a(lab), lab->family, bytes, prefix, lab->a_if)
               : ioth_ipaddr_del(in_a(lab), lab->family, bytes, prefix, lab->a_if);
}

static void test_address(struct lab *lab)
{
    const char *more = lab->family == AF_INET ? "10.0.7.1" : "fc00:7::1";
    int fd = open_socket(lab, in_a(lab), SOCK_DGRAM);

    FAILS(EADDRNOTAVAIL, bind_to(fd, more, 7401));
    OP(change_address(lab, true, more));
    FAILS(EEXIST, change_address(lab, true, more));
    CHECK(flags_of(in_a(lab), "vde0", lab->family, more) >= 0);
    MUST(bind_to(fd, more, 7401));
    MUST(ioth_close(fd));
    MUST(change_address(lab, false, more));
    CHECK(flags_of(in_a(lab), "vde0", lab->family, more) == -1);
    fd = open_socket(lab, in_a(lab), SOCK_DGRAM);
    FAILS(EADDRNOTAVAIL, bind_to(fd, more, 7401));
    MUST(ioth_close(fd));
}

static void test_many_addresses(struct lab *lab)
{
    char text[64];
    int i;

    for (i = 0; i < 20; i++) {
        snprintf(text, sizeof(text), lab->family == AF_INET ? "10.0.0.%d" : "fc00::%d", 100 + i);
        OP(change_address(lab, true, text));
    }
    for (i = 0; i < 20; i++) {
        int to, from = open_socket(lab, in_b(lab), SOCK_DGRAM);
        char byte;

        snprintf(text, sizeof(text), lab->family == AF_INET ? "10.0.0.%d" : "fc00::%d", 100 + i);
        to = udp_bound(lab, in_a(lab), text, 7402);
        MUST(send_to(from, "x", 1, text, 7402));
        wait_events(to, POLLIN);
        MUST(ioth_recv(to, &byte, 1, 0));
        MUST(ioth_close(to));
        MUST(ioth_close(from));
    }
}

static void test_address_nonsense(struct lab *lab)
{
    struct addr addr = addr_of("10.0.0.77", 0);

    FAILS(ENODEV, ioth_ipaddr_add(in_a(lab), AF_INET, &addr.u.in.sin_addr, 24, 4711));
    FAILS(EINVAL, ioth_ipaddr_add(in_a(lab), AF_INET, &addr.u.in.sin_addr, 33, lab->a_if));
}

static void test_getifaddrs(struct lab *lab)
{
    struct ifaddrs *list, *ifa;
    bool counted = false;

    exchange(lab, 100);
    CHECK((flags_of(in_a(lab), "lo", AF_INET, "127.0.0.1") & IFF_LOOPBACK) != 0);
    CHECK(flags_of(in_a(lab), "lo", AF_INET6, "::1") >= 0);
    CHECK(flags_of(in_a(lab), "vde0", AF_INET, "10.0.0.1") >= 0);
    CHECK(flags_of(in_a(lab), "vde0", AF_INET6, "fc00::1") >= 0);
    MUST(ioth_getifaddrs(in_a(lab), &list));
    for (ifa = list; ifa != NULL; ifa = ifa->ifa_next) {
        const struct rtnl_link_stats *stats = ifa->ifa_data;

        if (ifa->ifa_addr->sa_family == AF_PACKET && stats != NULL)
            counted |= stats->tx_packets > 0 && stats->rx_packets > 0 && stats->tx_bytes > 0;
        if (ifa->ifa_addr->sa_family == AF_INET && strcmp(ifa->ifa_name, "vde0") == 0)
            CHECK(((struct sockaddr_in *)(void *)ifa->ifa_netmask)->sin_addr.s_addr == htonl(0xffffff00));
    }
    ioth_freeifaddrs(list);
    CHECK(counted);
}

/* ---- routes ---- */

static int change_route(const struct lab *lab, bool add, const char *dst, int bits, const char *gw)
{
    struct addr to = addr_of(dst == NULL ? ip_any(lab) : dst, 0), by = addr_of(gw, 0);
    bool four = lab->family == AF_INET;
    void *dst_bytes = four ? (void *)&to.u.in.sin_addr : (void *)&to.u.in6.sin6_addr;
    void *gw_bytes = four ? (void *)&by.u.in.sin_addr : (void *)&by.u.in6.sin6_addr;

    if (dst == NULL)
        dst_bytes = NULL;
    return add ? ioth_iproute_add(in_a(lab), lab->family, dst_bytes, bits, gw_bytes, lab->a_if)
               : ioth_iproute_del(in_a(lab), lab->family, dst_bytes, bits, gw_bytes, lab->a_if);
}

/* b has an address in a network that a reaches through b alone. */
static void reach_by_route(struct lab *lab, const char *dst, int bits)
{
    const char *far = ip_nowhere(lab);
    struct addr addr = addr_of(far, 0);
    bool four = lab->family == AF_INET;
    int fd = open_socket(lab, in_a(lab), SOCK_DGRAM), to;
    char byte;

    FAILS(ENETUNREACH, send_to(fd, "x", 1, far, 7403));
    OP(change_route(lab, true, dst, bits, ip_b(lab)));
    FAILS(EEXIST, change_route(lab, true, dst, bits, ip_b(lab)));
    lab_address(in_b(lab), lab->b_if, far, four ? 32 : 128);
    to = udp_bound(lab, in_b(lab), far, 7403);
    MUST(send_to(fd, "x", 1, far, 7403));
    wait_events(to, POLLIN);
    MUST(ioth_recv(to, &byte, 1, 0));
    MUST(ioth_close(to));
    MUST(ioth_ipaddr_del(in_b(lab), lab->family,
                         four ? (void *)&addr.u.in.sin_addr : (void *)&addr.u.in6.sin6_addr, four ? 32 : 128,
                         lab->b_if));
    MUST(change_route(lab, false, dst, bits, ip_b(lab)));
    FAILS(ENETUNREACH, send_to(fd, "x", 1, far, 7403));
    MUST(ioth_close(fd));
}

static void test_route(struct lab *lab)
{
    if (lab->family == AF_INET)
        reach_by_route(lab, "192.0.2.0", 24);
    else
        reach_by_route(lab, "2001:db8::", 32);
}

static void test_default_route(struct lab *lab)
{
    reach_by_route(lab, NULL, 0);
}

static void test_route_nonsense(struct lab *lab)
{
    const char *gw = lab->family == AF_INET ? "172.16.0.1" : "2001:db8:9::1";
    const char *dst = lab->family == AF_INET ? "192.0.2.0" : "2001:db8:8::";

    /* a gateway that no link leads to */
    if (lab->family == AF_INET)
        FAILS(ENETUNREACH, change_route(lab, true, dst, 24, gw));
    else
        FAILS(EHOSTUNREACH, change_route(lab, true, dst, 48, gw));
}

static void test_nothing_to_delete(struct lab *lab)
{
    bool four = lab->family == AF_INET;

    FAILS(EADDRNOTAVAIL, change_address(lab, false, four ? "10.0.7.1" : "fc00:7::1"));
    FAILS(ESRCH, change_route(lab, false, four ? "192.0.2.0" : "2001:db8::", four ? 24 : 32, ip_b(lab)));
}

const struct row link_rows[] = {
    {"if_nametoindex: lo, ENODEV", test_index, 0},
    {"linksetupdown: down is ENETUNREACH", test_up_down, 0},
    {"linkgetaddr, linksetaddr", test_mac, 0},
    {"linksetmtu: 1280 and 9000", test_mtu, 0},
    {"iplink_add, iplink_del: virtual links", test_virtual_link, 0},
    {"ipaddr_add, ipaddr_del: EEXIST", test_address, ROW_BOTH},
    {"ipaddr_add: 20 addresses", test_many_addresses, ROW_BOTH},
    {"ipaddr_add: ENODEV, EINVAL", test_address_nonsense, 0},
    {"iproute_add, iproute_del: by a gateway", test_route, ROW_BOTH},
    {"iproute_add, iproute_del: default", test_default_route, ROW_BOTH},
    {"iproute_add: a gateway out of reach", test_route_nonsense, ROW_BOTH},
    {"ipaddr_del, iproute_del: EADDRNOTAVAIL, ESRCH", test_nothing_to_delete, ROW_BOTH},
    {"getifaddrs: addresses, masks, statistics", test_getifaddrs, 0},
    {NULL, NULL, 0},
};
