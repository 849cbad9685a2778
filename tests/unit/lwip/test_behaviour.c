/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a program sees of lwip's sockets: errors, readiness, blocking modes, options, configuration. */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/tcp.h>
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

static int socket_error(int fd)
{
    int error = -1;
    socklen_t len = sizeof(error);

    assert_int_equal(ioth_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
    return error;
}

static int start_connect(struct ioth *stack, const char *addr, unsigned short port)
{
    struct sockaddr_storage to;
    socklen_t len = lab_sockaddr(&to, addr, port);
    int fd = ioth_msocket(stack, to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(lab_events(fd) & POLLIN, 0);
    assert_int_equal(ioth_connect(fd, (struct sockaddr *)&to, len), -1);
    assert_int_equal(errno, EINPROGRESS);
    return fd;
}

static void test_connect_refused(void **state)
{
    struct ioth *a = lab_stack("lwip", NULL, "10.0.0.1"), *b = lab_stack("vdestack", NULL, "10.0.0.2");
    int fd = start_connect(a, "10.0.0.2", 81);

    (void)state;
    lab_wait_all(fd, POLLERR | POLLHUP | POLLOUT);
    assert_int_equal(socket_error(fd), ECONNREFUSED);
    assert_int_equal(socket_error(fd), 0);
    assert_int_equal(lab_events(fd) & POLLERR, 0);
    assert_int_equal(ioth_send(fd, "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, EPIPE);
    ioth_close(fd);
    assert_int_equal(ioth_delstack(a), 0);
    assert_int_equal(ioth_delstack(b), 0);
}

static void test_connect_unreachable(void **state)
{
    struct ioth *a = lab_stack("lwip", NULL, "10.0.0.1");
    int fd = start_connect(a, "10.0.0.99", 81);
    struct sockaddr_storage to;
    socklen_t len = lab_sockaddr(&to, "10.9.9.9", 81);

    (void)state;
    assert_int_equal(lab_events(fd), 0);
    assert_true((lab_wait_any(fd, POLLOUT) & POLLERR) != 0);
    assert_int_equal(socket_error(fd), EHOSTUNREACH);
    ioth_close(fd);
    fd = ioth_msocket(a, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(ioth_connect(fd, (struct sockaddr *)&to, len), -1);
    assert_int_equal(errno, ENETUNREACH);
    ioth_close(fd);
    assert_int_equal(ioth_delstack(a), 0);
}

static void test_tcp_readiness(void **state)
{
    struct ioth *a = lab_stack("lwip", NULL, "10.0.0.1"), *b = lab_stack("lwip", NULL, "10.0.0.2");
    int listener = lab_bound(b, SOCK_STREAM, "10.0.0.2", 80), client, server;
    const struct linger reset = {.l_onoff = 1};
    char byte;

    (void)state;
    assert_int_equal(lab_events(listener), 0);
    client = start_connect(a, "10.0.0.2", 80);
    assert_int_equal(lab_wait_any(client, POLLOUT), POLLOUT);
    assert_int_equal(socket_error(client), 0);
    assert_int_equal(lab_wait_any(listener, POLLIN), POLLIN);
    server = ioth_accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(server >= 0);
    assert_int_equal(lab_events(listener), 0);
    assert_int_equal(lab_events(server), POLLOUT);
    assert_int_equal(ioth_recv(server, &byte, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(ioth_send(client, "x", 1, 0), 1);
    assert_int_equal(lab_wait_any(server, POLLIN), POLLIN);
    assert_int_equal(ioth_recv(server, &byte, 1, MSG_PEEK), 1);
    assert_int_equal(ioth_recv(server, &byte, 1, 0), 1);
    assert_int_equal(lab_events(server), POLLOUT);
    assert_int_equal(ioth_shutdown(client, SHUT_WR), 0);
    assert_int_equal(lab_wait_any(server, POLLIN | POLLRDHUP), POLLIN | POLLRDHUP);
    assert_int_equal(lab_events(server) & POLLHUP, 0);
    assert_int_equal(ioth_recv(server, &byte, 1, 0), 0);
    assert_int_equal(ioth_shutdown(server, SHUT_WR), 0);
    assert_int_equal(lab_events(server), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
    assert_true((lab_wait_any(client, POLLIN) & POLLHUP) != 0);
    ioth_close(client);
    ioth_close(server);
    /* a reset */
    client = start_connect(a, "10.0.0.2", 80);
    lab_wait_any(listener, POLLIN);
    server = ioth_accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    assert_int_equal(ioth_setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    ioth_close(client);
    assert_true((lab_wait_any(server, POLLIN) & POLLERR) != 0);
    assert_int_equal(ioth_recv(server, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(ioth_recv(server, &byte, 1, 0), 0);
    ioth_close(server);
    ioth_close(listener);
    assert_int_equal(ioth_delstack(a), 0);
    assert_int_equal(ioth_delstack(b), 0);
}

/* A writer that is not read from is told so, and told again when there is room. */
static void test_partial_writes(void **state)
{
    struct ioth *a = lab_stack("lwip", NULL, "10.0.0.1"), *b = lab_stack("lwip", NULL, "10.0.0.2");
    int listener = lab_bound(b, SOCK_STREAM, "10.0.0.2", 80), client = start_connect(a, "10.0.0.2", 80),
        server;
    static char bytes[1 << 16];
    size_t written = 0, got = 0;
    ssize_t len;

    (void)state;
    lab_wait_any(client, POLLOUT);
    lab_wait_any(listener, POLLIN);
    server = ioth_accept(listener, NULL, NULL);
    for (;;) {
        struct pollfd pollfd = {.fd = client, .events = POLLOUT};

        if (poll(&pollfd, 1, 500) == 0)
            break;
        len = ioth_write(client, bytes, sizeof(bytes));
        written += len > 0 ? (size_t)len : 0;
    }
    assert_true(written > 65535 && written < (1 << 20));
    while ((len = ioth_write(client, bytes, sizeof(bytes))) >
           0) /* there may be less room than POLLOUT wants */
        written += (size_t)len;
    assert_int_equal(errno, EAGAIN);
    while (got < written) {
        len = ioth_read(server, bytes, sizeof(bytes));
        assert_true(len > 0);
        got += (size_t)len;
    }
    lab_wait_any(client, POLLOUT);
    ioth_close(client);
    ioth_close(server);
    ioth_close(listener);
    assert_int_equal(ioth_delstack(a), 0);
    assert_int_equal(ioth_delstack(b), 0);
}

static void test_timeouts(void **state)
{
    struct ioth *a = lab_stack("lwip", NULL, "10.0.0.1");
    int udp = lab_bound(a, SOCK_DGRAM, "10.0.0.1", 1000), tcp = lab_bound(a, SOCK_STREAM, "10.0.0.1", 1000);
    const struct timeval little = {.tv_usec = 50000};
    char byte;

    (void)state;
    assert_int_equal(ioth_setsockopt(udp, SOL_SOCKET, SO_RCVTIMEO, &little, sizeof(little)), 0);
    assert_int_equal(ioth_setsockopt(tcp, SOL_SOCKET, SO_RCVTIMEO, &little, sizeof(little)), 0);
    assert_int_equal(ioth_recv(udp, &byte, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(ioth_recv(udp, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(ioth_accept(tcp, NULL, NULL), -1);
    assert_int_equal(errno, EAGAIN);
    ioth_close(udp);
    ioth_close(tcp);
    assert_int_equal(ioth_delstack(a), 0);
}

static int expect_bind(struct ioth *stack, int type, const char *addr, unsigned short port, int v6only,
                       int error)
{
    struct sockaddr_storage sockaddr;
    socklen_t len = lab_sockaddr(&sockaddr, addr, port);
    int fd = ioth_msocket(stack, sockaddr.ss_family, type, 0);

    if (sockaddr.ss_family == AF_INET6)
        assert_int_equal(ioth_setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)), 0);
    if (ioth_bind(fd, (struct sockaddr *)&sockaddr, len) == 0) {
        assert_int_equal(error, 0);
        return fd;
    }
    assert_int_equal(errno, error);
    ioth_close(fd);
    return -1;
}

static void test_bind_errors(void **state)
{
    struct ioth *a = lab_stack("lwip", NULL, "10.0.0.1");
    const int types[] = {SOCK_DGRAM, SOCK_STREAM};
    int i, fd, other;

    (void)state;
    for (i = 0; i < 2; i++) {
        fd = expect_bind(a, types[i], "10.0.0.1", 1000, 0, 0);
        expect_bind(a, types[i], "10.0.0.1", 1000, 0, EADDRINUSE);
        expect_bind(a, types[i], "0.0.0.0", 1000, 0, EADDRINUSE);
        expect_bind(a, types[i], "::", 1000, 0, EADDRINUSE);
        expect_bind(a, types[i], "10.0.0.9", 1001, 0, EADDRNOTAVAIL);
        other = expect_bind(a, types[i], "::", 1000, 1, 0);
        ioth_close(fd);
        ioth_close(other);
    }
    assert_int_equal(ioth_msocket(a, AF_UNIX, SOCK_STREAM, 0), -1);
    assert_int_equal(errno, EAFNOSUPPORT);
    assert_int_equal(ioth_msocket(a, AF_INET, SOCK_STREAM, IPPROTO_UDP), -1);
    assert_int_equal(errno, EPROTONOSUPPORT);
    fd = ioth_msocket(a, AF_INET, SOCK_DGRAM, 0);
    i = 1;
    assert_int_equal(ioth_setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &i, sizeof(i)), -1);
    assert_int_equal(errno, ENOPROTOOPT);
    assert_int_equal(ioth_send(fd, "x", 1, 0), -1);
    assert_int_equal(errno, EDESTADDRREQ);
    assert_int_equal(ioth_delstack(a), -1);
    assert_int_equal(errno, EBUSY);
    ioth_close(fd);
    assert_int_equal(ioth_delstack(a), 0);
}

static void expect_fault(struct ioth *stack, int domain, int type, int protocol)
{
    int fd = ioth_msocket(stack, domain, type, protocol);

    assert_true(fd >= 0);
    errno = 0;
    assert_int_equal(ioth_bind(fd, NULL, sizeof(struct sockaddr_in)), -1);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(ioth_connect(fd, NULL, sizeof(struct sockaddr_in)), -1);
    assert_int_equal(errno, domain == AF_PACKET ? EOPNOTSUPP : EFAULT);
    ioth_close(fd);
}

/* A socket that was connected stays so when another address will not do. */
static void test_addresses_that_are_none(void **state)
{
    struct ioth *a = lab_stack("lwip", NULL, "10.0.0.1");
    struct sockaddr_storage to, other, peer;
    socklen_t len = lab_sockaddr(&to, "10.0.0.2", 0), other_len = lab_sockaddr(&other, "fc00::2", 0);
    socklen_t peer_len = sizeof(peer);
    int fd = ioth_msocket(a, AF_INET, SOCK_RAW, IPPROTO_ICMP);

    (void)state;
    expect_fault(a, AF_INET, SOCK_DGRAM, 0);
    expect_fault(a, AF_INET6, SOCK_STREAM, 0);
    expect_fault(a, AF_INET, SOCK_RAW, IPPROTO_ICMP);
    expect_fault(a, AF_PACKET, SOCK_DGRAM, 0);
    expect_fault(a, AF_NETLINK, SOCK_RAW, 0);
    assert_int_equal(ioth_connect(fd, (struct sockaddr *)&to, len), 0);
    assert_int_equal(ioth_connect(fd, (struct sockaddr *)&other, other_len), -1);
    assert_int_equal(errno, EAFNOSUPPORT);
    assert_int_equal(ioth_getpeername(fd, (struct sockaddr *)&peer, &peer_len), 0);
    assert_memory_equal(&peer, &to, len);
    ioth_close(fd);
    assert_int_equal(ioth_delstack(a), 0);
}

/* What ICMP says about a datagram comes back to a connected socket. */
static void test_datagram_refused(void **state)
{
    struct ioth *a = lab_stack("lwip", NULL, "10.0.0.1"), *b = lab_stack("vdestack", NULL, "10.0.0.2");
    struct sockaddr_storage to;
    socklen_t len = lab_sockaddr(&to, "10.0.0.2", 81);
    int fd = ioth_msocket(a, AF_INET, SOCK_DGRAM, 0);
    char byte;

    (void)state;
    assert_int_equal(ioth_connect(fd, (struct sockaddr *)&to, len), 0);
    assert_int_equal(ioth_send(fd, "x", 1, 0), 1);
    lab_wait_any(fd, POLLIN);
    assert_int_equal(ioth_recv(fd, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(lab_events(fd), POLLOUT);
    ioth_close(fd);
    assert_int_equal(ioth_delstack(a), 0);
    assert_int_equal(ioth_delstack(b), 0);
}

static void test_messages(void **state)
{
    struct ioth *a = lab_stack("lwip", NULL, "10.0.0.1"), *b = lab_stack("lwip", NULL, "10.0.0.2");
    int to = lab_bound(b, SOCK_DGRAM, "10.0.0.2", 1000), from = lab_bound(a, SOCK_DGRAM, "10.0.0.1", 1000);
    struct sockaddr_storage addr, source;
    socklen_t len = lab_sockaddr(&addr, "10.0.0.2", 1000);
    const int on = 1;
    char bytes[8][16], control[256];
    struct iovec iov[8];
    struct mmsghdr batch[8] = {0};
    struct msghdr *first = &batch[0].msg_hdr;
    struct in_pktinfo info;
    int i;

    (void)state;
    assert_int_equal(ioth_setsockopt(to, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)), 0);
    for (i = 0; i < 8; i++) {
        iov[i] = (struct iovec){.iov_base = bytes[i], .iov_len = 16};
        batch[i].msg_hdr =
            (struct msghdr){.msg_name = &addr, .msg_namelen = len, .msg_iov = &iov[i], .msg_iovlen = 1};
        memset(bytes[i], i, 16);
    }
    assert_int_equal(ioth_sendmmsg(from, batch, 8, 0), 8);
    assert_int_equal(batch[7].msg_len, 16);
    lab_wait_any(to, POLLIN);
    /* too short a buffer, and looking without taking */
    assert_int_equal(ioth_recv(to, bytes[0], 4, MSG_PEEK | MSG_TRUNC), 16);
    for (i = 0; i < 8; i++)
        batch[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
    *first = (struct msghdr){.msg_name = &source,
                             .msg_namelen = sizeof(source),
                             .msg_iov = &iov[0],
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    assert_int_equal(ioth_recvmmsg(to, batch, 8, 0, NULL), 8);
    assert_int_equal(bytes[7][0], 7);
    assert_int_equal(((struct sockaddr_in *)&source)->sin_addr.s_addr, htonl(0x0a000001));
    assert_int_equal(ntohs(((struct sockaddr_in *)&source)->sin_port), 1000);
    assert_int_equal(CMSG_FIRSTHDR(first)->cmsg_type, IP_PKTINFO);
    memcpy(&info, CMSG_DATA(CMSG_FIRSTHDR(first)), sizeof(info));
    assert_int_equal(info.ipi_addr.s_addr, htonl(0x0a000002));
    assert_int_equal(info.ipi_ifindex, 2);
    /* a control message that says it is longer than there are bytes */
    struct cmsghdr *header = calloc(1, sizeof(*header));
    *header = (struct cmsghdr){
        .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO, .cmsg_len = CMSG_LEN(sizeof(info))};
    *first = (struct msghdr){.msg_name = &addr,
                             .msg_namelen = len,
                             .msg_iov = &iov[0],
                             .msg_iovlen = 1,
                             .msg_control = header,
                             .msg_controllen = sizeof(*header)};
    assert_int_equal(ioth_sendmsg(from, first, 0), -1);
    assert_int_equal(errno, EINVAL);
    free(header);
    ioth_close(from);
    ioth_close(to);
    assert_int_equal(ioth_delstack(a), 0);
    assert_int_equal(ioth_delstack(b), 0);
}

static void test_multicast(void **state)
{
    struct ioth *a = lab_stack("vdestack", NULL, "10.0.0.1"), *b = lab_stack("lwip", NULL, "10.0.0.2");
    const struct ip_mreqn group = {.imr_multiaddr.s_addr = htonl(0xef010203), .imr_ifindex = 2};
    struct ip_mreqn out = {.imr_ifindex = ioth_if_nametoindex(a, "vde0")};
    struct sockaddr_storage any, to;
    socklen_t len = lab_sockaddr(&any, "0.0.0.0", 5353);
    int members[2], sender, i;
    const int on = 1;
    char got[8];

    (void)state;
    for (i = 0; i < 2; i++) {
        members[i] = ioth_msocket(b, AF_INET, SOCK_DGRAM, 0);
        assert_int_equal(ioth_setsockopt(members[i], SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
        assert_int_equal(ioth_bind(members[i], (struct sockaddr *)&any, len), 0);
        assert_int_equal(ioth_setsockopt(members[i], IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)),
                         0);
    }
    sender = ioth_msocket(a, AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(ioth_setsockopt(sender, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof(out)), 0);
    len = lab_sockaddr(&to, "239.1.2.3", 5353);
    assert_int_equal(ioth_sendto(sender, "ciao", 4, 0, (struct sockaddr *)&to, len), 4);
    for (i = 0; i < 2; i++) {
        lab_wait_any(members[i], POLLIN);
        assert_int_equal(ioth_recv(members[i], got, sizeof(got), 0), 4);
        ioth_close(members[i]);
    }
    ioth_close(sender);
    assert_int_equal(ioth_delstack(a), 0);
    assert_int_equal(ioth_delstack(b), 0);
}

static void test_ping(void **state)
{
    struct ioth *a = lab_stack("vdestack", NULL, "10.0.0.1"), *b = lab_stack("lwip", NULL, "10.0.0.2");

    (void)state;
    lab_configure(a, "vde0", "fc00::1");
    lab_configure(b, "vde0", "fc00::2");
    lab_ping(a, "10.0.0.2");
    lab_ping(a, "fc00::2");
    lab_ping(b, "10.0.0.1");
    lab_ping(b, "fc00::1");
    assert_int_equal(ioth_delstack(a), 0);
    assert_int_equal(ioth_delstack(b), 0);
}

/* ---- configuration ---- */

static void test_configuration(void **state)
{
    struct ioth *a = ioth_newstack("lwip", lab_vnl());
    unsigned char mac[6] = {0x02, 1, 2, 3, 4, 5}, got[6];
    struct in_addr addr = {htonl(0x0a000001)}, gateway = {htonl(0x0a0000fe)}, far = {htonl(0x0b000001)};
    int index = ioth_if_nametoindex(a, "vde0");

    (void)state;
    assert_int_equal(index, 2);
    assert_int_equal(ioth_if_nametoindex(a, "lo"), 1);
    assert_int_equal(lab_flags(a, "vde0") & IFF_UP, 0);
    assert_int_equal(ioth_linksetaddr(a, 2, mac), 0);
    assert_int_equal(ioth_linksetmtu(a, 2, 1400), 0);
    assert_int_equal(ioth_linksetupdown(a, 2, 1), 0);
    assert_int_equal(ioth_linkgetaddr(a, 2, got), 0);
    assert_memory_equal(got, mac, 6);
    assert_int_equal(lab_flags(a, "vde0") & (IFF_UP | IFF_RUNNING), IFF_UP | IFF_RUNNING);
    assert_int_equal(ioth_iproute_add(a, AF_INET, NULL, 0, &gateway, 2), -1);
    assert_int_equal(errno, ENETUNREACH);
    assert_int_equal(ioth_ipaddr_add(a, AF_INET, &addr, 24, 2), 0);
    assert_int_equal(ioth_ipaddr_add(a, AF_INET, &addr, 24, 2), -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(ioth_iproute_add(a, AF_INET, NULL, 0, &gateway, 2), 0);
    assert_int_equal(ioth_iproute_add(a, AF_INET, NULL, 0, &gateway, 2), -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(ioth_iproute_add(a, AF_INET, &far, 32, &gateway, 2), 0);
    assert_int_equal(ioth_iproute_del(a, AF_INET, &far, 32, &gateway, 2), 0);
    assert_int_equal(ioth_iproute_del(a, AF_INET, NULL, 0, &gateway, 2), 0);
    assert_int_equal(ioth_ipaddr_del(a, AF_INET, &addr, 24, 2), 0);
    assert_int_equal(ioth_ipaddr_del(a, AF_INET, &addr, 24, 2), -1);
    assert_int_equal(ioth_linksetupdown(a, 2, 0), 0);
    assert_int_equal(ioth_linksetupdown(a, 7, 1), -1);
    assert_int_equal(errno, ENODEV);
    assert_int_equal(ioth_delstack(a), 0);
}

/* Of a subnet with room for it. */
static void test_broadcast_addresses(void **state)
{
    static const unsigned char bits[] = {0, 1, 24, 30, 31, 32};
    struct ioth *a = ioth_newstack("lwip", lab_vnl());
    struct in_addr addr = {htonl(0x0a000001)};
    struct ifaddrs *list, *ifa;

    (void)state;
    for (size_t i = 0; i < sizeof(bits); i++) {
        assert_int_equal(ioth_ipaddr_add(a, AF_INET, &addr, bits[i], 2), 0);
        assert_int_equal(ioth_getifaddrs(a, &list), 0);
        for (ifa = list; ifa->ifa_addr->sa_family != AF_INET || strcmp(ifa->ifa_name, "vde0") != 0;)
            ifa = ifa->ifa_next;
        assert_int_equal(ifa->ifa_broadaddr != NULL, bits[i] <= 30);
        if (ifa->ifa_broadaddr != NULL)
            assert_int_equal(((struct sockaddr_in *)ifa->ifa_broadaddr)->sin_addr.s_addr,
                             addr.s_addr | htonl(UINT32_MAX >> bits[i]));
        ioth_freeifaddrs(list);
        assert_int_equal(ioth_ipaddr_del(a, AF_INET, &addr, bits[i], 2), 0);
    }
    assert_int_equal(ioth_delstack(a), 0);
}

/* More addresses than a netif of lwIP holds. */
static void test_many_addresses(void **state)
{
    struct ioth *a = lab_stack("lwip", NULL, "10.0.0.1"), *b = lab_stack("vdestack", NULL, "10.0.0.2");
    char name[32];
    int i;

    (void)state;
    lab_configure(b, "vde0", "fc00::ff");
    for (i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "10.0.0.%d", 100 + i);
        lab_configure(a, "vde0", name);
        lab_exchange(b, a, name, 10);
        snprintf(name, sizeof(name), "fc00::%d", 100 + i);
        lab_configure(a, "vde0", name);
        lab_exchange(b, a, name, 10);
    }
    assert_int_equal(ioth_delstack(a), 0);
    assert_int_equal(ioth_delstack(b), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_configuration),    cmocka_unit_test(test_broadcast_addresses),
        cmocka_unit_test(test_connect_refused),  cmocka_unit_test(test_connect_unreachable),
        cmocka_unit_test(test_tcp_readiness),    cmocka_unit_test(test_partial_writes),
        cmocka_unit_test(test_timeouts),         cmocka_unit_test(test_bind_errors),
        cmocka_unit_test(test_datagram_refused), cmocka_unit_test(test_messages),
        cmocka_unit_test(test_multicast),        cmocka_unit_test(test_ping),
        cmocka_unit_test(test_many_addresses),   cmocka_unit_test(test_addresses_that_are_none),
    };
    return lab_run(tests);
}
