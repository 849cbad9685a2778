/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is true of sockets of every type: how they come to be and end, their flags, whose they are. */
#include "lab.h"

#include <netinet/icmp6.h>
#include <netinet/tcp.h>

/* ---- socket(2) ---- */

static void open_and_close(struct ioth *stack, int domain, int type, int protocol)
{
    int fd = OP(ioth_msocket(stack, domain, type | SOCK_CLOEXEC, protocol));

    MUST(ioth_close(fd));
}

static void test_stream(struct lab *lab)
{
    open_and_close(in_a(lab), lab->family, SOCK_STREAM, 0);
    open_and_close(in_a(lab), lab->family, SOCK_STREAM, IPPROTO_TCP);
}

static void test_datagram(struct lab *lab)
{
    open_and_close(in_a(lab), lab->family, SOCK_DGRAM, 0);
    open_and_close(in_a(lab), lab->family, SOCK_DGRAM, IPPROTO_UDP);
}

static void test_raw(struct lab *lab)
{
    if (lab->family == AF_INET)
        open_and_close(in_a(lab), AF_INET, SOCK_RAW, IPPROTO_ICMP);
    else
        open_and_close(in_a(lab), AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
}

static void test_packet(struct lab *lab)
{
    open_and_close(in_a(lab), AF_PACKET, SOCK_RAW, htons(3));
    open_and_close(in_a(lab), AF_PACKET, SOCK_DGRAM, htons(3));
}

static void test_netlink(struct lab *lab)
{
    open_and_close(in_a(lab), AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    open_and_close(in_a(lab), AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE);
}

static void test_unknown(struct lab *lab)
{
    FAILS(EAFNOSUPPORT, ioth_msocket(in_a(lab), 200, SOCK_STREAM, 0));
    FAILS(ESOCKTNOSUPPORT, ioth_msocket(in_a(lab), AF_INET, SOCK_SEQPACKET, 0));
    FAILS(EPROTONOSUPPORT, ioth_msocket(in_a(lab), AF_INET, SOCK_STREAM, IPPROTO_UDP));
    FAILS(EPROTONOSUPPORT, ioth_msocket(in_a(lab), AF_INET6, SOCK_DGRAM, IPPROTO_TCP));
}

static void test_type_flags(struct lab *lab)
{
    int plain = MUST(ioth_msocket(in_a(lab), AF_INET, SOCK_DGRAM, 0));
    int flagged = MUST(ioth_msocket(in_a(lab), AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

    CHECK((MUST(ioth_fcntl(plain, F_GETFL, 0)) & O_NONBLOCK) == 0);
    CHECK((MUST(ioth_fcntl(plain, F_GETFD, 0)) & FD_CLOEXEC) == 0);
    CHECK((MUST(ioth_fcntl(flagged, F_GETFL, 0)) & O_NONBLOCK) != 0);
    CHECK((MUST(ioth_fcntl(flagged, F_GETFD, 0)) & FD_CLOEXEC) != 0);
    CHECK((MUST(ioth_fcntl(flagged, F_GETFL, 0)) & O_ACCMODE) == O_RDWR);
    MUST(ioth_close(plain));
    MUST(ioth_close(flagged));
}

static void test_nonblocking(struct lab *lab)
{
    int fd = udp_bound(lab, in_a(lab), ip_a(lab), 7000), yes = 1;
    char byte;

    MUST(ioth_fcntl(fd, F_SETFL, O_NONBLOCK));
    FAILS(EAGAIN, ioth_recv(fd, &byte, 1, 0));
    MUST(ioth_fcntl(fd, F_SETFL, 0));
    CHECK((MUST(ioth_fcntl(fd, F_GETFL, 0)) & O_NONBLOCK) == 0);
    MUST(ioth_ioctl(fd, FIONBIO, &yes));
    FAILS(EAGAIN, ioth_recv(fd, &byte, 1, 0));
    MUST(ioth_close(fd));
}

static void test_cloexec(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_STREAM);

    MUST(ioth_fcntl(fd, F_SETFD, 0));
    CHECK(MUST(ioth_fcntl(fd, F_GETFD, 0)) == 0);
    MUST(ioth_fcntl(fd, F_SETFD, FD_CLOEXEC));
    CHECK(MUST(ioth_fcntl(fd, F_GETFD, 0)) == FD_CLOEXEC);
    MUST(ioth_close(fd));
}

static void test_fionread(struct lab *lab)
{
    int to = udp_bound(lab, in_b(lab), ip_b(lab), 7001), from = open_socket(lab, in_a(lab), SOCK_DGRAM),
        n = -1;

    MUST(ioth_ioctl(to, FIONREAD, &n));
    CHECK(n == 0);
    MUST(send_to(from, "12345", 5, ip_b(lab), 7001));
    wait_events(to, POLLIN);
    OP(ioth_ioctl(to, FIONREAD, &n));
    CHECK(n == 5);
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

static bool has_five(void *arg)
{
    int n = 0;

    OP(ioth_ioctl(*(int *)arg, FIONREAD, &n));
    return n == 5;
}

static void test_fionread_stream(struct lab *lab)
{
    struct pair pair = pair_open(lab);

    MUST(ioth_send(pair.client, "12345", 5, 0));
    wait_until(has_five, &pair.server);
    pair_close(&pair);
}

static void test_unknown_ioctl(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_DGRAM), n = 0;

    FAILS(ENOTTY, ioth_ioctl(fd, 0x1234, &n));
    MUST(ioth_close(fd));
}

/* ---- the end, and whose a number is ---- */

static void test_closed(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_DGRAM);
    struct addr addr = addr_room();
    char byte = 0;

    MUST(ioth_close(fd));
    FAILS(EBADF, ioth_close(fd));
    FAILS(EBADF, ioth_send(fd, &byte, 1, 0));
    FAILS(EBADF, ioth_recv(fd, &byte, 1, 0));
    FAILS(EBADF, bind_to(fd, ip_a(lab), 7000));
    FAILS(EBADF, ioth_listen(fd, 1));
    FAILS(EBADF, ioth_getsockname(fd, &addr.u.any, &addr.len));
    FAILS(EBADF, ioth_fcntl(fd, F_GETFL, 0));
    FAILS(EBADF, ioth_socket(AF_INET, SOCK_DGRAM, 0) < 0 ? -1 : ioth_close(-1));
}

static void test_number_comes_back(struct lab *lab)
{
    int first = udp_bound(lab, in_a(lab), ip_a(lab), 7002), second;
    struct addr addr = addr_room();

    MUST(ioth_close(first));
    second = open_socket(lab, in_b(lab), SOCK_DGRAM);
    CHECK(second == first);
    MUST(bind_to(second, ip_b(lab), 7003));
    MUST(ioth_getsockname(second, &addr.u.any, &addr.len));
    CHECK(addr_is(&addr, ip_b(lab), 7003));
    MUST(ioth_close(second));
    first = MUST(open("/dev/null", O_WRONLY | O_CLOEXEC));
    CHECK(first == second);
    CHECK(MUST(ioth_write(first, "x", 1)) == 1); /* a file, which no stack owns */
    MUST(ioth_close(first));
}

static void test_dup(struct lab *lab)
{
    int fd = udp_bound(lab, in_b(lab), ip_b(lab), 7004), from = open_socket(lab, in_a(lab), SOCK_DGRAM), copy;
    char got[4];

    copy = OP(ioth_fcntl(fd, F_DUPFD_CLOEXEC, 0));
    CHECK(copy != fd && (MUST(ioth_fcntl(copy, F_GETFD, 0)) & FD_CLOEXEC) != 0);
    MUST(ioth_close(fd));
    MUST(send_to(from, "abc", 3, ip_b(lab), 7004));
    wait_events(copy, POLLIN);
    CHECK(MUST(ioth_recv(copy, got, sizeof(got), 0)) == 3);
    FAILS(EBUSY, ioth_delstack(in_b(lab)));
    MUST(ioth_close(copy));
    MUST(ioth_close(from));
}

static void test_delstack_busy(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_DGRAM);

    FAILS(EBUSY, ioth_delstack(in_a(lab)));
    MUST(bind_to(fd, ip_a(lab), 7005)); /* it lives on */
    MUST(ioth_close(fd));
}

static void test_accepted_belongs(struct lab *lab)
{
    struct pair pair = pair_open(lab);

    MUST(ioth_close(pair.listener));
    pair.listener = -1;
    FAILS(EBUSY, ioth_delstack(in_b(lab)));
    pair_close(&pair);
}

static void test_delstack(struct lab *lab)
{
    struct ioth *third = lab_third(lab, "10.0.0.3", "fc00::3");
    int fd = MUST(ioth_msocket(third, AF_INET, SOCK_DGRAM, 0));

    MUST(send_to(fd, "x", 1, "10.0.0.1", 9));
    MUST(ioth_close(fd));
    MUST(ioth_delstack(third));
    FAILS(EINVAL, ioth_delstack(NULL));
}

static void test_defstack(struct lab *lab)
{
    int fd;

    CHECK(ioth_get_defstack() == NULL);
    ioth_set_defstack(in_a(lab));
    CHECK(ioth_get_defstack() == lab->a);
    fd = MUST(ioth_socket(AF_INET, SOCK_DGRAM, 0));
    MUST(bind_to(fd, "10.0.0.1", 7006));
    FAILS(EBUSY, ioth_delstack(in_a(lab)));
    MUST(ioth_close(fd));
    fd = MUST(ioth_msocket(NULL, AF_INET, SOCK_DGRAM, 0));
    MUST(bind_to(fd, "10.0.0.1", 7006));
    MUST(ioth_close(fd));
    ioth_set_defstack(NULL);
}

const struct row socket_rows[] = {
    {"socket: TCP", test_stream, ROW_BOTH},
    {"socket: UDP", test_datagram, ROW_BOTH},
    {"socket: raw ICMP, ICMPv6", test_raw, ROW_BOTH},
    {"socket: AF_PACKET", test_packet, 0},
    {"socket: AF_NETLINK", test_netlink, 0},
    {"socket: what does not exist is EAFNOSUPPORT, EPROTONOSUPPORT, ...", test_unknown, 0},
    {"socket: SOCK_NONBLOCK, SOCK_CLOEXEC", test_type_flags, 0},
    {"fcntl, ioctl: O_NONBLOCK, FIONBIO", test_nonblocking, 0},
    {"fcntl: FD_CLOEXEC", test_cloexec, 0},
    {"fcntl: F_DUPFD", test_dup, 0},
    {"ioctl: FIONREAD of UDP", test_fionread, ROW_BOTH},
    {"ioctl: FIONREAD of TCP", test_fionread_stream, ROW_BOTH},
    {"ioctl: an unknown one is ENOTTY", test_unknown_ioctl, 0},
    {"close: afterwards EBADF", test_closed, 0},
    {"close: the number has a new owner", test_number_comes_back, 0},
    {"delstack: EBUSY with an open socket", test_delstack_busy, 0},
    {"delstack: EBUSY with an accepted socket", test_accepted_belongs, 0},
    {"delstack", test_delstack, 0},
    {"set_defstack: the stack of socket", test_defstack, 0},
    {NULL, NULL, 0},
};

/* ---- options ---- */

static int stream_of(const struct lab *lab)
{
    return open_socket(lab, in_a(lab), SOCK_STREAM);
}

static void test_type_domain(struct lab *lab)
{
    int stream = stream_of(lab), datagram = open_socket(lab, in_a(lab), SOCK_DGRAM);

    CHECK(get_int(stream, SOL_SOCKET, SO_TYPE) == SOCK_STREAM);
    CHECK(get_int(datagram, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM);
    CHECK(get_int(stream, SOL_SOCKET, SO_DOMAIN) == lab->family);
    CHECK(get_int(stream, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP);
    CHECK(get_int(datagram, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDP);
    MUST(ioth_close(stream));
    MUST(ioth_close(datagram));
}

static void test_accept_conn(struct lab *lab)
{
    int fd = stream_of(lab);

    CHECK(get_int(fd, SOL_SOCKET, SO_ACCEPTCONN) == 0);
    MUST(bind_to(fd, ip_a(lab), 7030));
    MUST(ioth_listen(fd, 3));
    CHECK(get_int(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1);
    MUST(ioth_close(fd));
}

/* An option that gives back what was set. */
static void keeps(int fd, int level, int option, int value)
{
    OP(ioth_setsockopt(fd, level, option, &value, sizeof(value)));
    if (get_int(fd, level, option) != value)
        lab_fail(__FILE__, __LINE__, "option %d of level %d: %d was set, %d is there", option, level, value,
                 get_int(fd, level, option));
}

static void test_switches(struct lab *lab)
{
    int stream = stream_of(lab), datagram = open_socket(lab, in_a(lab), SOCK_DGRAM), value;

    for (value = 1; value >= 0; value--) {
        keeps(stream, SOL_SOCKET, SO_REUSEADDR, value);
        keeps(stream, SOL_SOCKET, SO_KEEPALIVE, value);
        keeps(stream, IPPROTO_TCP, TCP_NODELAY, value);
        keeps(datagram, SOL_SOCKET, SO_BROADCAST, value);
    }
    MUST(ioth_close(stream));
    MUST(ioth_close(datagram));
}

static void test_keepalive(struct lab *lab)
{
    int fd = stream_of(lab);

    keeps(fd, IPPROTO_TCP, TCP_KEEPIDLE, 30);
    keeps(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);
    keeps(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
    MUST(ioth_close(fd));
}

static void test_reuseport(struct lab *lab)
{
    int first = open_socket(lab, in_a(lab), SOCK_DGRAM), second = open_socket(lab, in_a(lab), SOCK_DGRAM);

    keeps(first, SOL_SOCKET, SO_REUSEPORT, 1);
    keeps(second, SOL_SOCKET, SO_REUSEPORT, 1);
    MUST(bind_to(first, ip_a(lab), 7031));
    MUST(bind_to(second, ip_a(lab), 7031));
    MUST(ioth_close(first));
    MUST(ioth_close(second));
}

static void test_buffers(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_DGRAM);

    CHECK(get_int(fd, SOL_SOCKET, SO_RCVBUF) > 0);
    CHECK(get_int(fd, SOL_SOCKET, SO_SNDBUF) > 0);
    set_int(fd, SOL_SOCKET, SO_RCVBUF, 32768);
    CHECK(get_int(fd, SOL_SOCKET, SO_RCVBUF) >= 32768); /* the kernel tells twice as much */
    set_int(fd, SOL_SOCKET, SO_SNDBUF, 32768);
    CHECK(get_int(fd, SOL_SOCKET, SO_SNDBUF) >= 32768);
    MUST(ioth_close(fd));
}

static void test_timeouts(struct lab *lab)
{
    const int options[] = {SO_RCVTIMEO, SO_SNDTIMEO};
    struct timeval set = {.tv_sec = 3, .tv_usec = 500000}, got;
    int fd = stream_of(lab), i;
    socklen_t len;

    for (i = 0; i < 2; i++) {
        MUST(ioth_setsockopt(fd, SOL_SOCKET, options[i], &set, sizeof(set)));
        len = sizeof(got);
        MUST(ioth_getsockopt(fd, SOL_SOCKET, options[i], &got, &len));
        CHECK(len == sizeof(got) && got.tv_sec == 3 && got.tv_usec == 500000);
    }
    set.tv_usec = 1000000;
    FAILS(EDOM, ioth_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &set, sizeof(set)));
    MUST(ioth_close(fd));
}

static void test_linger_option(struct lab *lab)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 7};
    socklen_t len = sizeof(linger);
    int fd = stream_of(lab);

    MUST(ioth_setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
    memset(&linger, 0, sizeof(linger));
    MUST(ioth_getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len));
    CHECK(linger.l_onoff == 1 && linger.l_linger == 7);
    MUST(ioth_close(fd));
}

static void test_ip_numbers(struct lab *lab)
{
    int four = MUST(ioth_msocket(in_a(lab), AF_INET, SOCK_DGRAM, 0));
    int six = MUST(ioth_msocket(in_a(lab), AF_INET6, SOCK_DGRAM, 0));

    keeps(four, IPPROTO_IP, IP_TTL, 17);
    keeps(four, IPPROTO_IP, IP_TOS, 0x10);
    keeps(four, IPPROTO_IP, IP_MULTICAST_TTL, 3);
    keeps(six, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 17);
    keeps(six, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 3);
    keeps(six, IPPROTO_IPV6, IPV6_TCLASS, 0x10);
    MUST(ioth_close(four));
    MUST(ioth_close(six));
}

static void test_no_error(struct lab *lab)
{
    int stream = stream_of(lab), datagram = open_socket(lab, in_a(lab), SOCK_DGRAM);

    CHECK(get_int(stream, SOL_SOCKET, SO_ERROR) == 0);
    CHECK(get_int(datagram, SOL_SOCKET, SO_ERROR) == 0);
    MUST(ioth_close(stream));
    MUST(ioth_close(datagram));
}

static void test_unknown_option(struct lab *lab)
{
    int fd = stream_of(lab), value = 1;
    socklen_t len = sizeof(value);

    FAILS(ENOPROTOOPT, ioth_setsockopt(fd, SOL_SOCKET, 12345, &value, sizeof(value)));
    FAILS(ENOPROTOOPT, ioth_getsockopt(fd, SOL_SOCKET, 12345, &value, &len));
    FAILS(ENOPROTOOPT, ioth_setsockopt(fd, IPPROTO_TCP, 12345, &value, sizeof(value)));
    MUST(ioth_close(fd));
}

static void test_short_option(struct lab *lab)
{
    int fd = stream_of(lab), value = 1;

    FAILS(EINVAL, ioth_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, 1));
    MUST(ioth_close(fd));
}

static void test_bind_to_device(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_DGRAM);

    OP(ioth_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "vde0", 5));
    FAILS(ENODEV, ioth_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "nix7", 5));
    MUST(ioth_close(fd));
}

/* A socket of a device gets nothing that comes in by another; two of one port need not know each other. */
static void test_device_binds(struct lab *lab)
{
    int of_lo = open_socket(lab, in_b(lab), SOCK_DGRAM), of_wire = open_socket(lab, in_b(lab), SOCK_DGRAM);
    int from = open_socket(lab, in_a(lab), SOCK_DGRAM), own = open_socket(lab, in_b(lab), SOCK_DGRAM);

    OP(ioth_setsockopt(of_lo, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
    OP(ioth_setsockopt(of_wire, SOL_SOCKET, SO_BINDTODEVICE, "vde0", 5));
    MUST(bind_to(of_lo, ip_any(lab), 7032));
    MUST(bind_to(of_wire, ip_any(lab), 7032));
    MUST(send_to(from, "far", 3, ip_b(lab), 7032));
    expect(of_wire, "far");
    MUST(send_to(own, "near", 4, ip_b(lab), 7032)); /* comes in by the interface that has the address */
    expect(of_wire, "near");
    MUST(send_to(own, "inside", 6, ip_loopback(lab), 7032));
    expect(of_lo, "inside");
    expect_nothing(of_wire);
    MUST(ioth_close(of_lo));
    MUST(ioth_close(of_wire));
    MUST(ioth_close(from));
    MUST(ioth_close(own));
}

const struct row option_rows[] = {
    {"SO_TYPE, SO_DOMAIN, SO_PROTOCOL", test_type_domain, ROW_BOTH},
    {"SO_ACCEPTCONN", test_accept_conn, ROW_BOTH},
    {"SO_ERROR: 0 of a new socket", test_no_error, ROW_BOTH},
    {"SO_REUSEADDR, SO_KEEPALIVE, SO_BROADCAST, TCP_NODELAY", test_switches, ROW_BOTH},
    {"TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT", test_keepalive, 0},
    {"SO_REUSEPORT", test_reuseport, 0},
    {"SO_RCVBUF, SO_SNDBUF", test_buffers, 0},
    {"SO_RCVTIMEO, SO_SNDTIMEO", test_timeouts, 0},
    {"SO_LINGER", test_linger_option, 0},
    {"SO_BINDTODEVICE", test_bind_to_device, 0},
    {"SO_BINDTODEVICE: what comes in by others does not come", test_device_binds, ROW_BOTH},
    {"TTL, hop limit, TOS, traffic class", test_ip_numbers, 0},
    {"unknown options: ENOPROTOOPT", test_unknown_option, 0},
    {"too short a value for an option: EINVAL", test_short_option, 0},
    {NULL, NULL, 0},
};
