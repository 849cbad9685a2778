/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UDP, groups, what is told of packets, raw sockets and those of AF_PACKET. */
#include "lab.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A socket of a that sends and one of b that is bound to `port`. */
struct duo {
    int from, to;
};

static struct duo duo_open(const struct lab *lab, unsigned short port)
{
    return (struct duo){open_socket(lab, in_a(lab), SOCK_DGRAM), udp_bound(lab, in_b(lab), ip_b(lab), port)};
}

static void duo_close(const struct duo *duo)
{
    MUST(ioth_close(duo->from));
    MUST(ioth_close(duo->to));
}

/* Receives one datagram, which has to be this text. */
static void expect(int fd, const char *text)
{
    char got[64];

    wait_events(fd, POLLIN);
    CHECK(MUST(ioth_recv(fd, got, sizeof(got), 0)) == (int)strlen(text));
    CHECK(memcmp(got, text, strlen(text)) == 0);
}

static void expect_nothing(int fd)
{
    char byte;

    FAILS(EAGAIN, ioth_recv(fd, &byte, 1, MSG_DONTWAIT));
}

/* ---- UDP ---- */

static void test_send_receive(struct lab *lab)
{
    struct duo duo = duo_open(lab, 7200);
    struct addr from = addr_room(), own = addr_room();
    char got[8];

    CHECK(MUST(send_to(duo.from, "ping", 4, ip_b(lab), 7200)) == 4);
    wait_events(duo.to, POLLIN);
    CHECK(MUST(ioth_recvfrom(duo.to, got, sizeof(got), 0, &from.u.any, &from.len)) == 4);
    MUST(ioth_getsockname(duo.from, &own.u.any, &own.len));
    CHECK(addr_is(&from, ip_a(lab), addr_port(&own)));
    CHECK(MUST(ioth_sendto(duo.to, "pong", 4, 0, &from.u.any, from.len)) == 4);
    expect(duo.from, "pong");
    duo_close(&duo);
}

static void test_connected(struct lab *lab)
{
    struct duo duo = duo_open(lab, 7201);
    int other = udp_bound(lab, in_b(lab), ip_b(lab), 7202);
    struct addr peer = addr_room(), own = addr_room();

    MUST(connect_to(duo.from, ip_b(lab), 7201));
    MUST(ioth_getpeername(duo.from, &peer.u.any, &peer.len));
    CHECK(addr_is(&peer, ip_b(lab), 7201));
    MUST(ioth_getsockname(duo.from, &own.u.any, &own.len));
    CHECK(addr_is(&own, ip_a(lab), addr_port(&own)) && addr_port(&own) != 0);
    CHECK(MUST(ioth_write(duo.from, "hello", 5)) == 5);
    expect(duo.to, "hello");
    MUST(ioth_sendto(other, "stranger", 8, 0, &own.u.any, own.len)); /* is not for it */
    MUST(ioth_sendto(duo.to, "friend", 6, 0, &own.u.any, own.len));
    expect(duo.from, "friend");
    expect_nothing(duo.from);
    MUST(ioth_close(other));
    duo_close(&duo);
}

static void test_disconnect(struct lab *lab)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    struct duo duo = duo_open(lab, 7203);
    struct addr peer = addr_room();

    MUST(connect_to(duo.from, ip_b(lab), 7299));
    MUST(connect_to(duo.from, ip_b(lab), 7203)); /* another peer */
    MUST(ioth_send(duo.from, "a", 1, 0));
    expect(duo.to, "a");
    MUST(ioth_connect(duo.from, &nobody, sizeof(nobody)));
    FAILS(ENOTCONN, ioth_getpeername(duo.from, &peer.u.any, &peer.len));
    FAILS(EDESTADDRREQ, ioth_send(duo.from, "b", 1, 0));
    duo_close(&duo);
}

static void test_port_unreachable(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_DGRAM);
    char byte;

    MUST(connect_to(fd, ip_b(lab), 7204));
    MUST(ioth_send(fd, "x", 1, 0));
    wait_any(fd, POLLIN | POLLERR);
    FAILS(ECONNREFUSED, ioth_recv(fd, &byte, 1, 0));
    expect_nothing(fd);
    MUST(ioth_send(fd, "x", 1, 0));
    wait_any(fd, POLLIN | POLLERR);
    CHECK(get_int(fd, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
    expect_nothing(fd);
    MUST(ioth_close(fd));
}

static void test_no_destination(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_DGRAM);

    FAILS(EDESTADDRREQ, ioth_send(fd, "x", 1, 0));
    FAILS(EDESTADDRREQ, ioth_write(fd, "x", 1));
    FAILS(EINVAL, send_to(fd, "x", 1, ip_b(lab), 0));
    MUST(ioth_close(fd));
}

/* Sends datagrams of these sizes, one after the other. */
static void send_sizes(const struct lab *lab, const size_t *sizes, size_t n)
{
    static unsigned char sent[65536], got[65536];
    struct duo duo = duo_open(lab, 7205);
    size_t i;

    for (i = 0; i < n; i++) {
        fill_bytes(sent, sizes[i], i);
        CHECK(OP(send_to(duo.from, sent, sizes[i], ip_b(lab), 7205)) == (int)sizes[i]);
        wait_events(duo.to, POLLIN);
        CHECK(MUST(ioth_recv(duo.to, got, sizeof(got), 0)) == (int)sizes[i]);
        CHECK(are_bytes(got, sizes[i], i));
    }
    FAILS(EMSGSIZE, send_to(duo.from, sent, 65536, ip_b(lab), 7205));
    duo_close(&duo);
}

static void test_sizes(struct lab *lab)
{
    static const size_t sizes[] = {0, 1, 1452, 1453, 1472, 1473, 8000, 12000};

    send_sizes(lab, sizes, COUNT(sizes));
}

static void test_large_sizes(struct lab *lab)
{
    static const size_t sizes[] = {30000, 65000};

    send_sizes(lab, sizes, COUNT(sizes));
}

static void test_empty(struct lab *lab)
{
    struct duo duo = duo_open(lab, 7206);
    struct addr from = addr_room();
    char byte;

    CHECK(MUST(send_to(duo.from, NULL, 0, ip_b(lab), 7206)) == 0);
    wait_events(duo.to, POLLIN);
    CHECK(MUST(ioth_recvfrom(duo.to, &byte, 1, 0, &from.u.any, &from.len)) == 0);
    CHECK(addr_is(&from, ip_a(lab), addr_port(&from)));
    expect_nothing(duo.to);
    duo_close(&duo);
}

static void test_cut(struct lab *lab)
{
    struct duo duo = duo_open(lab, 7207);
    char got[4];
    struct iovec iov = {got, 4};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int i;

    for (i = 0; i < 3; i++)
        MUST(send_to(duo.from, "abcdefgh", 8, ip_b(lab), 7207));
    wait_events(duo.to, POLLIN);
    CHECK(MUST(ioth_recv(duo.to, got, 4, 0)) == 4); /* the rest is lost */
    wait_events(duo.to, POLLIN);
    CHECK(MUST(ioth_recv(duo.to, got, 4, MSG_TRUNC)) == 8);
    wait_events(duo.to, POLLIN);
    CHECK(MUST(ioth_recvmsg(duo.to, &msg, 0)) == 4);
    CHECK((msg.msg_flags & MSG_TRUNC) != 0 && memcmp(got, "abcd", 4) == 0);
    expect_nothing(duo.to);
    duo_close(&duo);
}

static void test_datagram_peek(struct lab *lab)
{
    struct duo duo = duo_open(lab, 7208);
    char got[8];

    MUST(send_to(duo.from, "one", 3, ip_b(lab), 7208));
    wait_events(duo.to, POLLIN);
    CHECK(MUST(ioth_recv(duo.to, got, 2, MSG_PEEK)) == 2);
    CHECK(MUST(ioth_recv(duo.to, got, 0, MSG_PEEK | MSG_TRUNC)) == 3);
    expect(duo.to, "one");
    expect_nothing(duo.to);
    duo_close(&duo);
}

static void test_datagram_iov(struct lab *lab)
{
    char got_one[2], got_two[4];
    struct iovec out[2] = {{"abc", 3}, {"de", 2}}, in[2] = {{got_one, 2}, {got_two, 4}};
    struct addr to = addr_of(ip_b(lab), 7209), from = addr_room();
    struct msghdr sent = {.msg_name = &to.u, .msg_namelen = to.len, .msg_iov = out, .msg_iovlen = 2};
    struct msghdr got = {.msg_name = &from.u, .msg_namelen = from.len, .msg_iov = in, .msg_iovlen = 2};
    struct duo duo = duo_open(lab, 7209);

    CHECK(MUST(ioth_sendmsg(duo.from, &sent, 0)) == 5);
    wait_events(duo.to, POLLIN);
    CHECK(MUST(ioth_recvmsg(duo.to, &got, 0)) == 5);
    CHECK(memcmp(got_one, "ab", 2) == 0 && memcmp(got_two, "cde", 3) == 0 && got.msg_flags == 0);
    from.len = got.msg_namelen;
    CHECK(addr_is(&from, ip_a(lab), addr_port(&from)));
    MUST(connect_to(duo.from, ip_b(lab), 7209));
    CHECK(MUST(ioth_writev(duo.from, out, 2)) == 5);
    wait_events(duo.to, POLLIN);
    CHECK(MUST(ioth_readv(duo.to, in, 2)) == 5);
    CHECK(memcmp(got_one, "ab", 2) == 0 && memcmp(got_two, "cde", 3) == 0);
    duo_close(&duo);
}

enum { BATCH = 8 };

/* Sends BATCH datagrams of one byte by one call. */
static void send_batch(const struct duo *duo, struct addr *to)
{
    struct mmsghdr messages[BATCH];
    struct iovec iov[BATCH];
    char bytes[BATCH];
    int i;

    memset(messages, 0, sizeof(messages));
    for (i = 0; i < BATCH; i++) {
        bytes[i] = (char)('a' + i);
        iov[i] = (struct iovec){&bytes[i], 1};
        messages[i].msg_hdr.msg_name = &to->u;
        messages[i].msg_hdr.msg_namelen = to->len;
        messages[i].msg_hdr.msg_iov = &iov[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    CHECK(MUST(ioth_sendmmsg(duo->from, messages, BATCH, 0)) == BATCH);
    for (i = 0; i < BATCH; i++)
        CHECK(messages[i].msg_len == 1);
}

/* Receives by one call; returns how many, the bytes in order in `bytes`. */
static int receive_batch(int fd, char *bytes, unsigned n, int flags, struct timespec *timeout)
{
    struct mmsghdr messages[BATCH];
    struct iovec iov[BATCH];
    unsigned i;

    memset(messages, 0, sizeof(messages));
    for (i = 0; i < n; i++) {
        iov[i] = (struct iovec){&bytes[i], 1};
        messages[i].msg_hdr.msg_iov = &iov[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    return ioth_recvmmsg(fd, messages, n, flags, timeout);
}

static void test_batches(struct lab *lab)
{
    struct duo duo = duo_open(lab, 7210);
    struct addr to = addr_of(ip_b(lab), 7210);
    struct timespec timeout = {.tv_nsec = 1};
    char got[BATCH];

    FAILS(EAGAIN, receive_batch(duo.to, got, BATCH, MSG_DONTWAIT, NULL));
    send_batch(&duo, &to);
    CHECK(MUST(receive_batch(duo.to, got, BATCH, 0, NULL)) == BATCH);
    CHECK(memcmp(got, "abcdefgh", BATCH) == 0);
    MUST(send_to(duo.from, "x", 1, ip_b(lab), 7210));
    CHECK(MUST(receive_batch(duo.to, got, BATCH, MSG_WAITFORONE, NULL)) == 1);
    send_batch(&duo, &to);
    CHECK(MUST(receive_batch(duo.to, got, BATCH, 0, &timeout)) >= 1); /* over after the first */
    duo_close(&duo);
}

struct waiting {
    int fd;
    char got[8];
    ssize_t len;
};

static void receive_one(void *arg)
{
    struct waiting *waiting = arg;

    waiting->len = MUST(ioth_recv(waiting->fd, waiting->got, sizeof(waiting->got), 0));
}

static void test_receive_waits(struct lab *lab)
{
    struct duo duo = duo_open(lab, 7211);
    struct waiting waiting = {.fd = duo.to};
    struct aside aside;

    aside_start(&aside, receive_one, &waiting);
    aside_sleeps(&aside);
    MUST(send_to(duo.from, "wake", 4, ip_b(lab), 7211));
    aside_join(&aside);
    CHECK(waiting.len == 4);
    duo_close(&duo);
}

static void test_receive_timeout(struct lab *lab)
{
    const struct timeval timeout = {.tv_usec = 50000};
    struct duo duo = duo_open(lab, 7212);
    char byte;

    MUST(ioth_setsockopt(duo.to, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
    FAILS(EAGAIN, ioth_recv(duo.to, &byte, 1, 0));
    FAILS(EAGAIN, ioth_recv(duo.to, &byte, 1, MSG_DONTWAIT));
    duo_close(&duo);
}

/* They are sent at once, before any is received. */
enum { MANY = 50 };

/* Receives the numbers 0 to MANY-1, each once; in_order: as they were sent. */
static void expect_many(int fd, bool in_order)
{
    bool seen[MANY] = {false};

    for (int i = 0; i < MANY; i++) {
        char got[16] = "";
        wait_events(fd, POLLIN);
        MUST(ioth_recv(fd, got, sizeof(got) - 1, 0));
        int number = atoi(got);
        CHECK(number >= 0 && number < MANY && !seen[number]);
        CHECK(number == i || !in_order);
        seen[number] = true;
    }
}

/* Those that wait for a neighbour may be overtaken by the first that finds it known. */
static void send_many(const struct lab *lab, bool neighbour_is_known)
{
    struct duo duo = duo_open(lab, 7213);
    char text[16];

    if (neighbour_is_known) {
        MUST(send_to(duo.from, "who?", 4, ip_b(lab), 7213));
        expect(duo.to, "who?");
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof(text), "%d", i);
        MUST(send_to(duo.from, text, strlen(text), ip_b(lab), 7213));
    }
    expect_many(duo.to, neighbour_is_known);
    expect_nothing(duo.to);
    duo_close(&duo);
}

static void test_many_wait(struct lab *lab)
{
    send_many(lab, true);
}

static void test_unknown_neighbour(struct lab *lab)
{
    send_many(lab, false);
}

static void test_to_itself(struct lab *lab)
{
    const char *const addresses[] = {ip_loopback(lab), ip_b(lab)};
    size_t i;

    for (i = 0; i < COUNT(addresses); i++) {
        int to = udp_bound(lab, in_b(lab), addresses[i], 7214),
            from = open_socket(lab, in_b(lab), SOCK_DGRAM);
        struct addr sender = addr_room();
        char got[4];

        MUST(send_to(from, "me", 2, addresses[i], 7214));
        wait_events(to, POLLIN);
        CHECK(MUST(ioth_recvfrom(to, got, sizeof(got), 0, &sender.u.any, &sender.len)) == 2);
        CHECK(addr_is(&sender, addresses[i], addr_port(&sender)));
        MUST(ioth_close(to));
        MUST(ioth_close(from));
    }
}

static void test_broadcast(struct lab *lab)
{
    int to = udp_bound(lab, in_b(lab), "0.0.0.0", 7215), from = open_socket(lab, in_a(lab), SOCK_DGRAM);

    FAILS(EACCES, send_to(from, "x", 1, "10.0.0.255", 7215));
    set_int(from, SOL_SOCKET, SO_BROADCAST, 1);
    OP(send_to(from, "all", 3, "10.0.0.255", 7215));
    expect(to, "all");
    OP(ioth_setsockopt(from, SOL_SOCKET, SO_BINDTODEVICE, "vde0", 5)); /* as DHCP does */
    MUST(send_to(from, "world", 5, "255.255.255.255", 7215));
    expect(to, "world");
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

const struct row datagram_rows[] = {
    {"sendto, recvfrom", test_send_receive, ROW_BOTH},
    {"to an own address, to loopback", test_to_itself, ROW_BOTH},
    {"connect: send, recv, and no stranger's datagrams", test_connected, ROW_BOTH},
    {"connect: another peer, AF_UNSPEC", test_disconnect, ROW_BOTH},
    {"ECONNREFUSED from a closed port", test_port_unreachable, ROW_BOTH},
    {"EDESTADDRREQ without a destination", test_no_destination, 0},
    {"0 to 12000 bytes, in fragments; EMSGSIZE", test_sizes, ROW_BOTH},
    {"30000 and 65000 bytes, in fragments", test_large_sizes, ROW_BOTH},
    {"empty datagrams", test_empty, ROW_BOTH},
    {"cut by a short buffer: MSG_TRUNC", test_cut, ROW_BOTH},
    {"MSG_PEEK of datagrams", test_datagram_peek, ROW_BOTH},
    {"readv, writev, recvmsg, sendmsg of datagrams", test_datagram_iov, ROW_BOTH},
    {"recvmmsg, sendmmsg, MSG_WAITFORONE", test_batches, ROW_BOTH},
    {"recv waits for a datagram", test_receive_waits, ROW_BOTH},
    {"SO_RCVTIMEO, MSG_DONTWAIT of datagrams", test_receive_timeout, 0},
    {"50 datagrams wait, in order", test_many_wait, ROW_BOTH},
    {"50 datagrams at once to a new neighbour", test_unknown_neighbour, ROW_BOTH},
    {"broadcast: EACCES, SO_BROADCAST", test_broadcast, 0},
    {NULL, NULL, 0},
};

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

static int switch_on(int fd, int level, int option)
{
    const int yes = 1;

    return ioth_setsockopt(fd, level, option, &yes, sizeof(yes));
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
    {"a multicast group: ENODEV, EINVAL", test_group_nonsense, ROW_BOTH},
    {"IP_PKTINFO, IPV6_RECVPKTINFO: the receiver's address", test_packet_info, ROW_BOTH},
    {"IP_PKTINFO, IPV6_PKTINFO: the sender's address", test_choose_source, ROW_BOTH},
    {"IP_RECVTTL, IPV6_RECVHOPLIMIT", test_hop_limit, ROW_BOTH},
    {"IP_RECVTOS, IPV6_RECVTCLASS", test_class, ROW_BOTH},
    {NULL, NULL, 0},
};

/* ---- raw ---- */

static uint16_t checksum(const void *data, size_t len)
{
    const unsigned char *bytes = data;
    unsigned sum = 0;
    size_t i;

    for (i = 0; i < len; i++)
        sum += i % 2 == 0 ? (unsigned)bytes[i] << 8 : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t) ~(sum + (sum >> 16)));
}

/* Receives until the echo reply 0x1234 comes; `header` bytes stand before it. */
static void expect_echo(int fd, size_t header, unsigned char type)
{
    unsigned char got[256];
    struct addr from;
    int n;

    do {
        wait_events(fd, POLLIN);
        from = addr_room();
        n = MUST(ioth_recvfrom(fd, got, sizeof(got), 0, &from.u.any, &from.len));
        CHECK(n >= (int)header + 8);
    } while (got[header] != type || got[header + 4] != 0x12 || got[header + 5] != 0x34);
}

static void test_ping(struct lab *lab)
{
    struct icmphdr four = {.type = ICMP_ECHO, .un.echo.id = htons(0x1234)};
    struct icmp6_hdr six = {.icmp6_type = ICMP6_ECHO_REQUEST, .icmp6_id = htons(0x1234)};
    bool is_four = lab->family == AF_INET;
    int fd = OP(ioth_msocket(in_a(lab), lab->family, SOCK_RAW, is_four ? IPPROTO_ICMP : IPPROTO_ICMPV6));

    if (is_four) {
        four.checksum = checksum(&four, sizeof(four));
        OP(send_to(fd, &four, sizeof(four), ip_b(lab), 0));
        expect_echo(fd, sizeof(struct iphdr), ICMP_ECHOREPLY);
    } else {
        OP(send_to(fd, &six, sizeof(six), ip_b(lab), 0)); /* the stack adds the checksum */
        expect_echo(fd, 0, ICMP6_ECHO_REPLY);
    }
    MUST(ioth_close(fd));
}

static void test_icmp6_filter(struct lab *lab)
{
    struct icmp6_hdr six = {.icmp6_type = ICMP6_ECHO_REQUEST, .icmp6_id = htons(0x1234)};
    int fd = MUST(ioth_msocket(in_a(lab), AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
    struct icmp6_filter filter;
    unsigned char got[64];

    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    OP(ioth_setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter)));
    MUST(send_to(fd, &six, sizeof(six), "fc00::2", 0));
    wait_events(fd, POLLIN);
    MUST(ioth_recv(fd, got, sizeof(got), 0));
    CHECK(got[0] == ICMP6_ECHO_REPLY); /* nothing else: no neighbour's advertisement came first */
    MUST(ioth_close(fd));
}

static void test_header_included(struct lab *lab)
{
    struct {
        struct iphdr ip;
        struct icmphdr icmp;
    } packet = {.ip = {.ihl = 5, .version = 4, .ttl = 64, .protocol = IPPROTO_ICMP},
                .icmp = {.type = ICMP_ECHO, .un.echo.id = htons(0x1234)}};
    int fd = MUST(ioth_msocket(in_a(lab), AF_INET, SOCK_RAW, IPPROTO_ICMP));

    OP(switch_on(fd, IPPROTO_IP, IP_HDRINCL));
    packet.ip.tot_len = htons(sizeof(packet));
    inet_pton(AF_INET, "10.0.0.1", &packet.ip.saddr);
    inet_pton(AF_INET, "10.0.0.2", &packet.ip.daddr);
    packet.ip.check = checksum(&packet.ip, sizeof(packet.ip));
    packet.icmp.checksum = checksum(&packet.icmp, sizeof(packet.icmp));
    OP(send_to(fd, &packet, sizeof(packet), "10.0.0.2", 0));
    expect_echo(fd, sizeof(struct iphdr), ICMP_ECHOREPLY);
    MUST(ioth_close(fd));
}

/* ---- packets ---- */

enum { TEST_ETHERTYPE = 0x88b5 }; /* for experiments, IEEE 802 */

static int packet_bound(struct ioth *stack, int type, unsigned ifindex)
{
    struct addr addr = {
        .u.ll = {.sll_family = AF_PACKET, .sll_protocol = htons(TEST_ETHERTYPE), .sll_ifindex = (int)ifindex},
        .len = sizeof(addr.u.ll)};
    int fd = OP(ioth_msocket(stack, AF_PACKET, type, htons(TEST_ETHERTYPE)));

    OP(ioth_bind(fd, &addr.u.any, addr.len));
    return fd;
}

static void test_frames(struct lab *lab)
{
    int from = packet_bound(in_a(lab), SOCK_RAW, lab->a_if),
        to = packet_bound(in_b(lab), SOCK_RAW, lab->b_if);
    unsigned char frame[64], got[128];
    struct addr sender = addr_room();

    memset(frame, 0, sizeof(frame));
    memset(frame, 0xff, 6);
    MUST(ioth_linkgetaddr(in_a(lab), lab->a_if, frame + 6));
    frame[12] = TEST_ETHERTYPE >> 8;
    frame[13] = TEST_ETHERTYPE & 0xff;
    memcpy(frame + 14, "frame", 5);
    OP(ioth_send(from, frame, sizeof(frame), 0));
    wait_events(to, POLLIN);
    CHECK(MUST(ioth_recvfrom(to, got, sizeof(got), 0, &sender.u.any, &sender.len)) == sizeof(frame));
    CHECK(memcmp(got, frame, sizeof(frame)) == 0);
    CHECK(sender.u.ll.sll_family == AF_PACKET && (unsigned)sender.u.ll.sll_ifindex == lab->b_if);
    CHECK(sender.u.ll.sll_pkttype == PACKET_BROADCAST && sender.u.ll.sll_protocol == htons(TEST_ETHERTYPE));
    CHECK(memcmp(sender.u.ll.sll_addr, frame + 6, 6) == 0 && sender.u.ll.sll_halen == 6);
    MUST(ioth_close(from));
    MUST(ioth_close(to));
}

static void test_cooked_frames(struct lab *lab)
{
    int from = packet_bound(in_a(lab), SOCK_DGRAM, lab->a_if),
        to = packet_bound(in_b(lab), SOCK_DGRAM, lab->b_if);
    struct addr dest = {.u.ll = {.sll_family = AF_PACKET,
                                 .sll_protocol = htons(TEST_ETHERTYPE),
                                 .sll_ifindex = (int)lab->a_if,
                                 .sll_halen = 6},
                        .len = sizeof(dest.u.ll)};
    unsigned char payload[50], got[128];

    fill_bytes(payload, sizeof(payload), 3);
    memset(dest.u.ll.sll_addr, 0xff, 6);
    OP(ioth_sendto(from, payload, sizeof(payload), 0, &dest.u.any, dest.len));
    wait_events(to, POLLIN);
    CHECK(MUST(ioth_recv(to, got, sizeof(got), 0)) == sizeof(payload));
    CHECK(are_bytes(got, sizeof(payload), 3));
    MUST(ioth_close(from));
    MUST(ioth_close(to));
}

const struct row raw_rows[] = {
    {"raw: ping, ICMP and ICMPv6", test_ping, ROW_BOTH},
    {"raw: ICMP6_FILTER", test_icmp6_filter, 0},
    {"raw: IP_HDRINCL", test_header_included, 0},
    {"AF_PACKET: frames, SOCK_RAW", test_frames, 0},
    {"AF_PACKET: payloads, SOCK_DGRAM", test_cooked_frames, 0},
    {NULL, NULL, 0},
};
