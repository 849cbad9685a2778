/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Multicast groups, and what is told and asked of single packets by control messages. */
#include "lab.h"

#include <arpa/inet.h>

/* ---- groups ---- */

static const char group4[] = "239.1.2.3", group6[] = "ff05::123";

static int change_membership(const struct lab *lab, int fd, unsigned ifindex, bool join)
{
    struct ip_mreqn four = {.imr_ifindex = (int)ifindex};
    struct ipv6_mreq six = {.ipv6mr_interface = ifindex};

    inet_pton(AF_INET, group4, &four.imr_multiaddr);
    inet_pton(AF_INET6, group6, &six.ipv6mr_multiaddr);
    if (lab->family == AF_INET)
        return ioth_setsockopt(fd, IPPROTO_IP, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &four,
                               sizeof(four));
    return ioth_setsockopt(fd, IPPROTO_IPV6, join ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &six, sizeof(six));
}

static void send_from_interface(const struct lab *lab, int fd)
{
    struct ip_mreqn four = {.imr_ifindex = (int)lab->a_if};
    int six = (int)lab->a_if;

    if (lab->family == AF_INET)
        OP(ioth_setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &four, sizeof(four)));
    else
        OP(ioth_setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &six, sizeof(six)));
}

static const char *group(const struct lab *lab)
{
    return lab->family == AF_INET ? group4 : group6;
}

static void test_group(struct lab *lab)
{
    int to = udp_bound(lab, in_b(lab), ip_any(lab), 7220), from = open_socket(lab, in_a(lab), SOCK_DGRAM);

    send_from_interface(lab, from);
    OP(change_membership(lab, to, lab->b_if, true));
    FAILS(EADDRINUSE, change_membership(lab, to, lab->b_if, true));
    MUST(send_to(from, "one", 3, group(lab), 7220));
    expect(to, "one");
    MUST(change_membership(lab, to, lab->b_if, false));
    FAILS(EADDRNOTAVAIL, change_membership(lab, to, lab->b_if, false));
    MUST(send_to(from, "two", 3, group(lab), 7220)); /* is not for it any more */
    MUST(send_to(from, "three", 5, ip_b(lab), 7220));
    expect(to, "three");
    expect_nothing(to);
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

static void test_group_loop(struct lab *lab)
{
    int to = udp_bound(lab, in_a(lab), ip_any(lab), 7221), from = open_socket(lab, in_a(lab), SOCK_DGRAM);
    int level = lab->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    int option = lab->family == AF_INET ? IP_MULTICAST_LOOP : IPV6_MULTICAST_LOOP;

    send_from_interface(lab, from);
    MUST(change_membership(lab, to, lab->a_if, true));
    MUST(send_to(from, "echo", 4, group(lab), 7221)); /* on by nature */
    expect(to, "echo");
    set_int(from, level, option, 0);
    CHECK(get_int(from, level, option) == 0);
    MUST(send_to(from, "mute", 4, group(lab), 7221));
    MUST(send_to(from, "end", 3, ip_a(lab), 7221));
    expect(to, "end");
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

/* Two sockets of one port share a group. */
static void test_group_shared(struct lab *lab)
{
    int from = open_socket(lab, in_a(lab), SOCK_DGRAM), to[2], i;

    for (i = 0; i < 2; i++) {
        to[i] = open_socket(lab, in_b(lab), SOCK_DGRAM);
        set_int(to[i], SOL_SOCKET, SO_REUSEADDR, 1);
        OP(bind_to(to[i], ip_any(lab), 7222));
        MUST(change_membership(lab, to[i], lab->b_if, true));
    }
    send_from_interface(lab, from);
    MUST(send_to(from, "both", 4, group(lab), 7222));
    for (i = 0; i < 2; i++)
        expect(to[i], "both");
    for (i = 0; i < 2; i++)
        MUST(ioth_close(to[i]));
    MUST(ioth_close(from));
}

static void test_group_nonsense(struct lab *lab)
{
    struct ip_mreqn no_group = {.imr_ifindex = (int)lab->a_if};
    int fd = open_socket(lab, in_a(lab), SOCK_DGRAM);

    FAILS(ENODEV, change_membership(lab, fd, 4711, true));
    inet_pton(AF_INET, "10.0.0.2", &no_group.imr_multiaddr);
    if (lab->family == AF_INET)
        FAILS(EINVAL, ioth_setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &no_group, sizeof(no_group)));
    MUST(ioth_close(fd));
}

enum { GROUPS = 40 };

/* The group `number` of many. */
static const char *name_group(const struct lab *lab, int number, char text[static 32])
{
    snprintf(text, 32, lab->family == AF_INET ? "239.4.0.%d" : "ff05::4:%d", number);
    return text;
}

/* By the call of RFC 3678 s5.1, which is the same for both families. */
static int change_named(const struct lab *lab, int fd, int number, bool join)
{
    int level = lab->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    struct group_req request = {.gr_interface = lab->b_if};
    char text[32];
    struct addr addr = addr_of(name_group(lab, number, text), 0);

    memcpy(&request.gr_group, &addr.u, addr.len);
    return ioth_setsockopt(fd, level, join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, &request, sizeof(request));
}

static int want_own_groups(const struct lab *lab, int fd)
{
    int none = 0;

    if (lab->family == AF_INET)
        return ioth_setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &none, sizeof(none));
    return ioth_setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, &none, sizeof(none));
}

/* Two sockets, each in its half of the groups. */
static void test_many_groups(struct lab *lab)
{
    int to[2], from = open_socket(lab, in_a(lab), SOCK_DGRAM), i;
    char text[32];

    for (i = 0; i < 2; i++) { /* the system's stack has at most 20 of IPv4 for a socket */
        to[i] = open_socket(lab, in_b(lab), SOCK_DGRAM);
        set_int(to[i], SOL_SOCKET, SO_REUSEADDR, 1);
        OP(want_own_groups(lab, to[i]));
        MUST(bind_to(to[i], ip_any(lab), 7227));
    }
    for (i = 0; i < GROUPS; i++)
        OP(change_named(lab, to[i / (GROUPS / 2)], i, true));
    FAILS(EADDRINUSE, change_named(lab, to[0], 0, true));
    send_from_interface(lab, from);
    for (i = 0; i < GROUPS; i++) {
        name_group(lab, i, text);
        MUST(send_to(from, text, strlen(text), text, 7227));
        expect(to[i / (GROUPS / 2)], text);
    }
    for (i = 0; i < GROUPS; i++)
        MUST(change_named(lab, to[i / (GROUPS / 2)], i, false));
    FAILS(EADDRNOTAVAIL, change_named(lab, to[0], 0, false));
    for (i = 0; i < 2; i++)
        MUST(ioth_close(to[i]));
    MUST(ioth_close(from));
}

/* With IP_MULTICAST_ALL off a socket gets the groups that it has joined itself, and no other. */
static void test_own_groups(struct lab *lab)
{
    int member = open_socket(lab, in_b(lab), SOCK_DGRAM), other = open_socket(lab, in_b(lab), SOCK_DGRAM);
    int from = open_socket(lab, in_a(lab), SOCK_DGRAM);

    set_int(member, SOL_SOCKET, SO_REUSEADDR, 1);
    set_int(other, SOL_SOCKET, SO_REUSEADDR, 1);
    OP(want_own_groups(lab, member));
    OP(want_own_groups(lab, other));
    MUST(bind_to(member, ip_any(lab), 7228));
    MUST(bind_to(other, ip_any(lab), 7228));
    MUST(change_membership(lab, member, lab->b_if, true));
    MUST(change_named(lab, other, 1, true));
    send_from_interface(lab, from);
    MUST(send_to(from, "group", 5, group(lab), 7228));
    expect(member, "group");
    expect_nothing(other);
    MUST(ioth_close(member));
    MUST(ioth_close(other));
    MUST(ioth_close(from));
}

/* ---- what is told of packets ---- */

union control {
    struct cmsghdr head;
    char space[256];
};

/* Receives a datagram with its control messages; the one of that kind into the `size` bytes at ret_data. */
static void receive_control(int fd, int level, int type, void *ret_data, size_t size)
{
    union control control;
    char got[64];
    struct iovec iov = {got, sizeof(got)};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    struct cmsghdr *cmsg;

    wait_events(fd, POLLIN);
    MUST(ioth_recvmsg(fd, &msg, 0));
    CHECK((msg.msg_flags & MSG_CTRUNC) == 0);
    for (cmsg = CMSG_FIRSTHDR(&msg); cmsg != NULL; cmsg = CMSG_NXTHDR(&msg, cmsg))
        if (cmsg->cmsg_level == level && cmsg->cmsg_type == type) {
            CHECK(cmsg->cmsg_len >= CMSG_LEN(size));
            memcpy(ret_data, CMSG_DATA(cmsg), size);
            return;
        }
    lab_fail(__FILE__, __LINE__, "no control message %d of level %d", type, level);
}

static void test_packet_info(struct lab *lab)
{
    int to = udp_bound(lab, in_b(lab), ip_any(lab), 7223), from = open_socket(lab, in_a(lab), SOCK_DGRAM);
    struct addr own = addr_of(ip_b(lab), 0);
    struct in_pktinfo four;
    struct in6_pktinfo six;

    if (lab->family == AF_INET) {
        OP(switch_on(to, IPPROTO_IP, IP_PKTINFO));
        MUST(send_to(from, "x", 1, ip_b(lab), 7223));
        receive_control(to, IPPROTO_IP, IP_PKTINFO, &four, sizeof(four));
        CHECK((unsigned)four.ipi_ifindex == lab->b_if);
        CHECK(four.ipi_addr.s_addr == own.u.in.sin_addr.s_addr);
    } else {
        OP(switch_on(to, IPPROTO_IPV6, IPV6_RECVPKTINFO));
        MUST(send_to(from, "x", 1, ip_b(lab), 7223));
        receive_control(to, IPPROTO_IPV6, IPV6_PKTINFO, &six, sizeof(six));
        CHECK(six.ipi6_ifindex == lab->b_if);
        CHECK(memcmp(&six.ipi6_addr, &own.u.in6.sin6_addr, sizeof(six.ipi6_addr)) == 0);
    }
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

/* Sends with an in_pktinfo or in6_pktinfo. */
static void send_control(int fd, struct addr *to, int level, int type, const void *data, size_t len)
{
    union control control;
    struct iovec iov = {"src", 3};
    struct msghdr msg = {.msg_name = &to->u,
                         .msg_namelen = to->len,
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = CMSG_SPACE(len)};

    memset(&control, 0, sizeof(control));
    control.head.cmsg_len = CMSG_LEN(len);
    control.head.cmsg_level = level;
    control.head.cmsg_type = type;
    memcpy(CMSG_DATA(&control.head), data, len);
    OP(ioth_sendmsg(fd, &msg, 0));
}

/* A server with two addresses answers from the one that was asked. */
static void test_choose_source(struct lab *lab)
{
    const char *second = lab->family == AF_INET ? "10.0.0.12" : "fc00::12";
    int to = udp_bound(lab, in_b(lab), ip_b(lab), 7224), from = open_socket(lab, in_a(lab), SOCK_DGRAM);
    struct addr source = addr_of(second, 0), dest = addr_of(ip_b(lab), 7224), sender = addr_room();
    struct in_pktinfo four = {.ipi_spec_dst = source.u.in.sin_addr};
    struct in6_pktinfo six = {.ipi6_addr = source.u.in6.sin6_addr};
    char got[8];

    lab_address(in_a(lab), lab->a_if, second, lab->family == AF_INET ? 24 : 64);
    if (lab->family == AF_INET)
        send_control(from, &dest, IPPROTO_IP, IP_PKTINFO, &four, sizeof(four));
    else
        send_control(from, &dest, IPPROTO_IPV6, IPV6_PKTINFO, &six, sizeof(six));
    wait_events(to, POLLIN);
    CHECK(MUST(ioth_recvfrom(to, got, sizeof(got), 0, &sender.u.any, &sender.len)) == 3);
    CHECK(addr_is(&sender, second, addr_port(&sender)));
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

static void test_hop_limit(struct lab *lab)
{
    int to = udp_bound(lab, in_b(lab), ip_b(lab), 7225), from = open_socket(lab, in_a(lab), SOCK_DGRAM),
        got = 0;

    if (lab->family == AF_INET) {
        set_int(from, IPPROTO_IP, IP_TTL, 33);
        OP(switch_on(to, IPPROTO_IP, IP_RECVTTL));
        MUST(send_to(from, "x", 1, ip_b(lab), 7225));
        receive_control(to, IPPROTO_IP, IP_TTL, &got, sizeof(got));
    } else {
        set_int(from, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 33);
        OP(switch_on(to, IPPROTO_IPV6, IPV6_RECVHOPLIMIT));
        MUST(send_to(from, "x", 1, ip_b(lab), 7225));
        receive_control(to, IPPROTO_IPV6, IPV6_HOPLIMIT, &got, sizeof(got));
    }
    CHECK(got == 33);
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

static void test_class(struct lab *lab)
{
    int to = udp_bound(lab, in_b(lab), ip_b(lab), 7226), from = open_socket(lab, in_a(lab), SOCK_DGRAM),
        six = 0;
    unsigned char four = 0;

    if (lab->family == AF_INET) {
        set_int(from, IPPROTO_IP, IP_TOS, 0x28);
        OP(switch_on(to, IPPROTO_IP, IP_RECVTOS));
        MUST(send_to(from, "x", 1, ip_b(lab), 7226));
        receive_control(to, IPPROTO_IP, IP_TOS, &four, sizeof(four));
        CHECK(four == 0x28);
    } else {
        set_int(from, IPPROTO_IPV6, IPV6_TCLASS, 0x28);
        OP(switch_on(to, IPPROTO_IPV6, IPV6_RECVTCLASS));
        MUST(send_to(from, "x", 1, ip_b(lab), 7226));
        receive_control(to, IPPROTO_IPV6, IPV6_TCLASS, &six, sizeof(six));
        CHECK(six == 0x28);
    }
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

const struct row multicast_rows[] = {
    {"a multicast group: join, leave", test_group, ROW_BOTH},
    {"a multicast group: IP_MULTICAST_LOOP", test_group_loop, ROW_BOTH},
    {"a multicast group: two receivers of one port", test_group_shared, ROW_BOTH},
    {"40 multicast groups, MCAST_JOIN_GROUP, MCAST_LEAVE_GROUP", test_many_groups, ROW_BOTH},
    {"IP_MULTICAST_ALL, IPV6_MULTICAST_ALL: own groups alone", test_own_groups, ROW_BOTH},
    {"a multicast group: ENODEV, EINVAL", test_group_nonsense, ROW_BOTH},
    {"IP_PKTINFO, IPV6_RECVPKTINFO: the receiver's address", test_packet_info, ROW_BOTH},
    {"IP_PKTINFO, IPV6_PKTINFO: the sender's address", test_choose_source, ROW_BOTH},
    {"IP_RECVTTL, IPV6_RECVHOPLIMIT", test_hop_limit, ROW_BOTH},
    {"IP_RECVTOS, IPV6_RECVTCLASS", test_class, ROW_BOTH},
    {NULL, NULL, 0},
};
