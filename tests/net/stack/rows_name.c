/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses of sockets: bind, who may share a port, getsockname, the two families of one socket. */
#include "lab.h"

static void test_bind_chooses(struct lab *lab)
{
    const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    struct addr addr;
    int i, fd;

    for (i = 0; i < 2; i++) {
        fd = open_socket(lab, in_a(lab), types[i]);
        MUST(bind_to(fd, ip_a(lab), 0));
        addr = addr_room();
        MUST(ioth_getsockname(fd, &addr.u.any, &addr.len));
        CHECK(addr_port(&addr) != 0 && addr_is(&addr, ip_a(lab), addr_port(&addr)));
        MUST(ioth_close(fd));
    }
}

static void test_unbound_name(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_STREAM);
    struct addr addr = addr_room();

    MUST(ioth_getsockname(fd, &addr.u.any, &addr.len));
    CHECK(addr_is(&addr, ip_any(lab), 0));
    addr = addr_room();
    FAILS(ENOTCONN, ioth_getpeername(fd, &addr.u.any, &addr.len));
    MUST(ioth_close(fd));
}

static void test_name_is_cut(struct lab *lab)
{
    int fd = udp_bound(lab, in_a(lab), ip_a(lab), 7010);
    struct addr addr = addr_room();
    socklen_t full = lab->family == AF_INET ? sizeof(addr.u.in) : sizeof(addr.u.in6);

    memset(&addr.u, 0x55, sizeof(addr.u));
    addr.len = 4;
    MUST(ioth_getsockname(fd, &addr.u.any, &addr.len));
    CHECK(addr.len == full);
    CHECK(addr.u.any.sa_family == lab->family && ((unsigned char *)&addr.u)[4] == 0x55);
    MUST(ioth_close(fd));
}

static void test_bind_foreign(struct lab *lab)
{
    int stream = open_socket(lab, in_a(lab), SOCK_STREAM), datagram = open_socket(lab, in_a(lab), SOCK_DGRAM);

    FAILS(EADDRNOTAVAIL, bind_to(stream, ip_nowhere(lab), 7011));
    FAILS(EADDRNOTAVAIL, bind_to(datagram, ip_nowhere(lab), 7011));
    MUST(ioth_close(stream));
    MUST(ioth_close(datagram));
}

static void test_bind_twice(struct lab *lab)
{
    int fd = udp_bound(lab, in_a(lab), ip_a(lab), 7012), stream = open_socket(lab, in_a(lab), SOCK_STREAM);

    FAILS(EINVAL, bind_to(fd, ip_a(lab), 7013));
    MUST(bind_to(stream, ip_a(lab), 7012));
    FAILS(EINVAL, bind_to(stream, ip_a(lab), 7013));
    MUST(ioth_close(fd));
    MUST(ioth_close(stream));
}

static void test_bind_in_use(struct lab *lab)
{
    const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    int i, first, second;

    for (i = 0; i < 2; i++) {
        first = open_socket(lab, in_a(lab), types[i]);
        second = open_socket(lab, in_a(lab), types[i]);
        MUST(bind_to(first, ip_a(lab), 7014));
        FAILS(EADDRINUSE, bind_to(second, ip_a(lab), 7014));
        MUST(bind_to(second, ip_a(lab), 7015));
        MUST(ioth_close(first));
        first = open_socket(lab, in_a(lab), types[i]);
        MUST(bind_to(first, ip_a(lab), 7014)); /* free again */
        MUST(ioth_close(first));
        MUST(ioth_close(second));
    }
}

static void test_any_in_use(struct lab *lab)
{
    const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    int i, first, second;

    for (i = 0; i < 2; i++) {
        first = open_socket(lab, in_a(lab), types[i]);
        second = open_socket(lab, in_a(lab), types[i]);
        MUST(bind_to(first, ip_a(lab), 7014));
        FAILS(EADDRINUSE, bind_to(second, ip_any(lab), 7014));
        MUST(ioth_close(first));
        MUST(ioth_close(second));
    }
}

/* Any of IPv6 is any of IPv4 too, unless it is IPV6_V6ONLY. */
static void test_families_in_use(struct lab *lab)
{
    const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    int i, four, six;

    for (i = 0; i < 2; i++) {
        four = MUST(ioth_msocket(in_a(lab), AF_INET, types[i], 0));
        six = MUST(ioth_msocket(in_a(lab), AF_INET6, types[i], 0));
        set_int(six, IPPROTO_IPV6, IPV6_V6ONLY, 0);
        MUST(bind_to(six, "::", 7014));
        FAILS(EADDRINUSE, bind_to(four, "0.0.0.0", 7014));
        FAILS(EADDRINUSE, bind_to(four, "10.0.0.1", 7014));
        MUST(ioth_close(six));
        MUST(bind_to(four, "10.0.0.1", 7014));
        six = MUST(ioth_msocket(in_a(lab), AF_INET6, types[i], 0));
        FAILS(EADDRINUSE, bind_to(six, "::", 7014));
        set_int(six, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        MUST(bind_to(six, "::", 7014));
        MUST(ioth_close(four));
        MUST(ioth_close(six));
    }
}

/* With SO_REUSEADDR on both, and none that listens, two may be bound. */
static void test_shared_bind(struct lab *lab)
{
    const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    int i, first, second;

    for (i = 0; i < 2; i++) {
        first = open_socket(lab, in_a(lab), types[i]);
        second = open_socket(lab, in_a(lab), types[i]);
        set_int(first, SOL_SOCKET, SO_REUSEADDR, 1);
        MUST(bind_to(first, ip_a(lab), 7014));
        FAILS(EADDRINUSE, bind_to(second, ip_a(lab), 7014));
        set_int(second, SOL_SOCKET, SO_REUSEADDR, 1);
        OP(bind_to(second, ip_a(lab), 7014));
        if (types[i] == SOCK_STREAM) {
            MUST(ioth_listen(first, 1));
            FAILS(EADDRINUSE, ioth_listen(second, 1));
        }
        MUST(ioth_close(first));
        MUST(ioth_close(second));
    }
}

static void test_listen_in_use(struct lab *lab)
{
    int first = tcp_listening(lab, in_a(lab), ip_a(lab), 7016),
        second = open_socket(lab, in_a(lab), SOCK_STREAM);

    set_int(second, SOL_SOCKET, SO_REUSEADDR, 1); /* does not share with one that listens */
    FAILS(EADDRINUSE, bind_to(second, ip_a(lab), 7016));
    MUST(ioth_close(first));
    MUST(ioth_close(second));
}

static void test_bind_nonsense(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_STREAM);
    struct addr addr = addr_of(ip_a(lab), 7017);

    FAILS(EINVAL, ioth_bind(fd, &addr.u.any, 8));
    addr.u.any.sa_family = AF_UNIX;
    FAILS(EAFNOSUPPORT, ioth_bind(fd, &addr.u.any, addr.len));
    FAILS(EAFNOSUPPORT, ioth_connect(fd, &addr.u.any, addr.len));
    MUST(ioth_close(fd));
}

static void test_any_is_all(struct lab *lab)
{
    int to = udp_bound(lab, in_b(lab), ip_any(lab), 7018), from = open_socket(lab, in_a(lab), SOCK_DGRAM);
    int own = open_socket(lab, in_b(lab), SOCK_DGRAM);
    char got[4];

    MUST(send_to(from, "a", 1, ip_b(lab), 7018));
    wait_events(to, POLLIN);
    MUST(ioth_recv(to, got, sizeof(got), 0));
    MUST(send_to(own, "b", 1, ip_loopback(lab), 7018));
    wait_events(to, POLLIN);
    MUST(ioth_recv(to, got, sizeof(got), 0));
    MUST(ioth_close(to));
    MUST(ioth_close(from));
    MUST(ioth_close(own));
}

/* A socket of AF_INET6 takes IPv4, and shows it as ::ffff:a.b.c.d. */
static void test_dual_stack(struct lab *lab)
{
    int listener, client = MUST(ioth_msocket(in_a(lab), AF_INET, SOCK_STREAM, 0)), server;
    struct addr addr = addr_room(), from = addr_room();

    listener = MUST(ioth_msocket(in_b(lab), AF_INET6, SOCK_STREAM, 0));
    set_int(listener, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    MUST(bind_to(listener, "::", 7019));
    MUST(ioth_listen(listener, 5));
    OP(connect_to(client, "10.0.0.2", 7019));
    server = MUST(ioth_accept(listener, &addr.u.any, &addr.len));
    MUST(ioth_getsockname(client, &from.u.any, &from.len));
    CHECK(addr_is(&addr, "::ffff:10.0.0.1", addr_port(&from)));
    MUST(ioth_close(client));
    MUST(ioth_close(server));
    MUST(ioth_close(listener));
}

static void test_mapped_datagrams(struct lab *lab)
{
    int from = MUST(ioth_msocket(in_a(lab), AF_INET6, SOCK_DGRAM, 0));
    int to = MUST(ioth_msocket(in_b(lab), AF_INET6, SOCK_DGRAM, 0));
    struct addr addr = addr_room();
    char got[4];

    set_int(from, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    set_int(to, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    MUST(bind_to(to, "::", 7020));
    OP(send_to(from, "abc", 3, "::ffff:10.0.0.2", 7020));
    wait_events(to, POLLIN);
    CHECK(MUST(ioth_recvfrom(to, got, sizeof(got), 0, &addr.u.any, &addr.len)) == 3);
    CHECK(addr_is(&addr, "::ffff:10.0.0.1", addr_port(&addr)));
    MUST(ioth_close(from));
    MUST(ioth_close(to));
}

static void test_v6only(struct lab *lab)
{
    int six = MUST(ioth_msocket(in_b(lab), AF_INET6, SOCK_STREAM, 0));
    int four = MUST(ioth_msocket(in_b(lab), AF_INET, SOCK_STREAM, 0));
    int client = MUST(ioth_msocket(in_a(lab), AF_INET, SOCK_STREAM, 0));

    set_int(six, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    CHECK(get_int(six, IPPROTO_IPV6, IPV6_V6ONLY) == 1);
    MUST(bind_to(six, "::", 7021));
    MUST(ioth_listen(six, 5));
    FAILS(ECONNREFUSED, connect_to(client, "10.0.0.2", 7021));
    MUST(bind_to(four, "0.0.0.0", 7021));
    MUST(ioth_close(six));
    MUST(ioth_close(four));
    MUST(ioth_close(client));
}

const struct row name_rows[] = {
    {"bind: port 0 chooses one", test_bind_chooses, ROW_BOTH},
    {"bind: to any address", test_any_is_all, ROW_BOTH},
    {"bind: EADDRNOTAVAIL", test_bind_foreign, ROW_BOTH},
    {"bind: EADDRINUSE, and free after close", test_bind_in_use, ROW_BOTH},
    {"bind: EADDRINUSE for any address beside one", test_any_in_use, ROW_BOTH},
    {"bind: EADDRINUSE of :: beside an IPv4 address, unless IPV6_V6ONLY", test_families_in_use, 0},
    {"bind: two with SO_REUSEADDR; one listens", test_shared_bind, ROW_BOTH},
    {"bind: EADDRINUSE beside a listener, with SO_REUSEADDR too", test_listen_in_use, ROW_BOTH},
    {"bind: EINVAL the second time", test_bind_twice, ROW_BOTH},
    {"bind, connect: EINVAL and EAFNOSUPPORT for nonsense", test_bind_nonsense, ROW_BOTH},
    {"getsockname of an unbound socket, getpeername: ENOTCONN", test_unbound_name, ROW_BOTH},
    {"getsockname: a short buffer", test_name_is_cut, ROW_BOTH},
    {"AF_INET6 takes IPv4: TCP", test_dual_stack, 0},
    {"AF_INET6 takes IPv4: UDP", test_mapped_datagrams, 0},
    {"IPV6_V6ONLY", test_v6only, 0},
    {NULL, NULL, 0},
};
