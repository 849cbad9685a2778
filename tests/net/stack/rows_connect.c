/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TCP: how connections come about, and what becomes of attempts. */
#include "lab.h"

static void test_connect(struct lab *lab)
{
    int listener = tcp_listening(lab, in_b(lab), ip_b(lab), 7100),
        client = open_socket(lab, in_a(lab), SOCK_STREAM);
    struct addr from = addr_room(), own = addr_room(), peer = addr_room(), there = addr_room();
    int server;

    MUST(connect_to(client, ip_b(lab), 7100));
    server = MUST(ioth_accept(listener, &from.u.any, &from.len));
    MUST(ioth_getsockname(client, &own.u.any, &own.len));
    CHECK(addr_is(&own, ip_a(lab), addr_port(&own)));
    CHECK(addr_is(&from, ip_a(lab), addr_port(&own)));
    MUST(ioth_getpeername(client, &peer.u.any, &peer.len));
    CHECK(addr_is(&peer, ip_b(lab), 7100));
    MUST(ioth_getsockname(server, &there.u.any, &there.len));
    CHECK(addr_is(&there, ip_b(lab), 7100));
    there = addr_room();
    MUST(ioth_getpeername(server, &there.u.any, &there.len));
    CHECK(addr_is(&there, ip_a(lab), addr_port(&own)));
    MUST(ioth_close(client));
    MUST(ioth_close(server));
    MUST(ioth_close(listener));
}

static void test_connect_bound(struct lab *lab)
{
    int listener = tcp_listening(lab, in_b(lab), ip_any(lab), 7101),
        client = open_socket(lab, in_a(lab), SOCK_STREAM);
    struct addr from = addr_room();
    int server;

    MUST(bind_to(client, ip_a(lab), 6101));
    MUST(connect_to(client, ip_b(lab), 7101));
    server = MUST(ioth_accept(listener, &from.u.any, &from.len));
    CHECK(addr_is(&from, ip_a(lab), 6101));
    MUST(ioth_close(client));
    MUST(ioth_close(server));
    MUST(ioth_close(listener));
}

static void test_accept4(struct lab *lab)
{
    int listener = tcp_listening(lab, in_b(lab), ip_b(lab), 7102), clients[2], servers[2], i;

    for (i = 0; i < 2; i++) {
        clients[i] = open_socket(lab, in_a(lab), SOCK_STREAM);
        MUST(connect_to(clients[i], ip_b(lab), 7102));
    }
    servers[0] = MUST(ioth_accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
    servers[1] = MUST(ioth_accept4(listener, NULL, NULL, 0));
    CHECK((MUST(ioth_fcntl(servers[0], F_GETFL, 0)) & O_NONBLOCK) != 0);
    CHECK((MUST(ioth_fcntl(servers[0], F_GETFD, 0)) & FD_CLOEXEC) != 0);
    CHECK((MUST(ioth_fcntl(servers[1], F_GETFL, 0)) & O_NONBLOCK) == 0);
    CHECK((MUST(ioth_fcntl(servers[1], F_GETFD, 0)) & FD_CLOEXEC) == 0);
    FAILS(EINVAL, ioth_accept4(listener, NULL, NULL, 1));
    for (i = 0; i < 2; i++) {
        MUST(ioth_close(clients[i]));
        MUST(ioth_close(servers[i]));
    }
    MUST(ioth_close(listener));
}

static void test_accept_errors(struct lab *lab)
{
    int listener = tcp_listening(lab, in_b(lab), ip_b(lab), 7103),
        fd = open_socket(lab, in_b(lab), SOCK_STREAM);
    int datagram = open_socket(lab, in_b(lab), SOCK_DGRAM);

    set_nonblocking(listener);
    FAILS(EAGAIN, ioth_accept(listener, NULL, NULL));
    FAILS(EINVAL, ioth_accept(fd, NULL, NULL));
    FAILS(EOPNOTSUPP, ioth_accept(datagram, NULL, NULL));
    FAILS(EOPNOTSUPP, ioth_listen(datagram, 1));
    MUST(ioth_close(listener));
    MUST(ioth_close(fd));
    MUST(ioth_close(datagram));
}

struct accepting {
    int listener, accepted;
};

static void accept_one(void *arg)
{
    struct accepting *accepting = arg;

    accepting->accepted = MUST(ioth_accept(accepting->listener, NULL, NULL));
}

static void test_accept_waits(struct lab *lab)
{
    struct accepting accepting = {.listener = tcp_listening(lab, in_b(lab), ip_b(lab), 7104)};
    int client = open_socket(lab, in_a(lab), SOCK_STREAM);
    struct aside aside;

    aside_start(&aside, accept_one, &accepting);
    aside_sleeps(&aside);
    MUST(connect_to(client, ip_b(lab), 7104));
    aside_join(&aside);
    MUST(ioth_close(client));
    MUST(ioth_close(accepting.accepted));
    MUST(ioth_close(accepting.listener));
}

static void accept_none(void *arg)
{
    FAILS(EINVAL, ioth_accept(*(int *)arg, NULL, NULL));
}

/* How a program ends a thread that accepts; the listener may listen again. */
static void test_shut_listener(struct lab *lab)
{
    int listener = tcp_listening(lab, in_b(lab), ip_b(lab), 7104),
        client = open_socket(lab, in_a(lab), SOCK_STREAM);
    struct aside aside;

    aside_start(&aside, accept_none, &listener);
    aside_sleeps(&aside);
    MUST(ioth_shutdown(listener, SHUT_RDWR));
    aside_join(&aside);
    FAILS(ECONNREFUSED, connect_to(client, ip_b(lab), 7104));
    MUST(ioth_listen(listener, 5));
    MUST(connect_to(client, ip_b(lab), 7104));
    MUST(ioth_close(MUST(ioth_accept(listener, NULL, NULL))));
    MUST(ioth_close(client));
    MUST(ioth_close(listener));
}

static void test_accept_timeout(struct lab *lab)
{
    int listener = tcp_listening(lab, in_b(lab), ip_b(lab), 7104);
    const struct timeval timeout = {.tv_usec = 50000};

    MUST(ioth_setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
    FAILS(EAGAIN, ioth_accept(listener, NULL, NULL));
    MUST(ioth_close(listener));
}

/* Several wait to be accepted, have sent already, and come in their order. */
static void test_backlog(struct lab *lab)
{
    int listener = tcp_listening(lab, in_b(lab), ip_b(lab), 7105), clients[8], server;
    unsigned char i, got;

    for (i = 0; i < 8; i++) {
        clients[i] = open_socket(lab, in_a(lab), SOCK_STREAM);
        MUST(connect_to(clients[i], ip_b(lab), 7105));
        MUST(ioth_send(clients[i], &i, 1, 0));
    }
    for (i = 0; i < 8; i++) {
        server = MUST(ioth_accept(listener, NULL, NULL));
        CHECK(MUST(ioth_recv(server, &got, 1, 0)) == 1 && got == i);
        MUST(ioth_close(server));
        MUST(ioth_close(clients[i]));
    }
    MUST(ioth_close(listener));
}

static void test_refused(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_STREAM);

    FAILS(ECONNREFUSED, connect_to(fd, ip_b(lab), 7106));
    MUST(ioth_close(fd));
}

static void test_try_again(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_STREAM), listener;

    FAILS(ECONNREFUSED, connect_to(fd, ip_b(lab), 7106));
    listener = tcp_listening(lab, in_b(lab), ip_b(lab), 7106);
    MUST(connect_to(fd, ip_b(lab), 7106));
    MUST(ioth_close(fd));
    MUST(ioth_close(listener));
}

/* The same without blocking; who has read SO_ERROR is told ECONNABORTED once. */
static void test_try_again_nonblocking(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_STREAM | SOCK_NONBLOCK), listener, server;
    unsigned short own = lab->family == AF_INET ? 6106 : 6107; /* the other one is in TIME_WAIT */
    struct addr from = addr_room();

    MUST(bind_to(fd, ip_any(lab), own));
    FAILS(EINPROGRESS, connect_to(fd, ip_b(lab), 7106));
    wait_events(fd, POLLHUP);
    CHECK(get_int(fd, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
    listener = tcp_listening(lab, in_b(lab), ip_b(lab), 7106);
    FAILS(ECONNABORTED, connect_to(fd, ip_b(lab), 7106));
    FAILS(EINPROGRESS, connect_to(fd, ip_b(lab), 7106));
    CHECK((wait_events(fd, POLLOUT) & (POLLHUP | POLLERR)) == 0);
    server = MUST(ioth_accept(listener, &from.u.any, &from.len));
    CHECK(addr_is(&from, ip_a(lab), own)); /* bound as before */
    MUST(ioth_close(fd));
    MUST(ioth_close(server));
    MUST(ioth_close(listener));
}

static void test_dissolve(struct lab *lab)
{
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    struct pair pair = pair_open(lab);
    struct addr peer = addr_room();
    char byte;

    MUST(ioth_connect(pair.client, &nobody, sizeof(nobody)));
    FAILS(ENOTCONN, ioth_getpeername(pair.client, &peer.u.any, &peer.len));
    CHECK(get_int(pair.client, SOL_SOCKET, SO_ERROR) == ECONNRESET);
    FAILS(ENOTCONN, ioth_recv(pair.client, &byte, 1, 0));
    wait_events(pair.server, POLLIN | POLLHUP);
    CHECK(get_int(pair.server, SOL_SOCKET, SO_ERROR) == ECONNRESET);
    MUST(connect_to(pair.client, ip_b(lab), 7000));
    MUST(ioth_close(pair.server));
    pair.server = MUST(ioth_accept(pair.listener, NULL, NULL));
    MUST(ioth_send(pair.client, "x", 1, 0));
    CHECK(MUST(ioth_recv(pair.server, &byte, 1, 0)) == 1);
    pair_close(&pair);
}

static void test_nonblocking_connect(struct lab *lab)
{
    int listener = tcp_listening(lab, in_b(lab), ip_b(lab), 7107);
    int fd = open_socket(lab, in_a(lab), SOCK_STREAM | SOCK_NONBLOCK);

    FAILS(EINPROGRESS, connect_to(fd, ip_b(lab), 7107));
    CHECK((wait_events(fd, POLLOUT) & (POLLERR | POLLHUP)) == 0);
    CHECK(get_int(fd, SOL_SOCKET, SO_ERROR) == 0);
    MUST(ioth_close(fd));
    MUST(ioth_close(listener));
}

static void test_nonblocking_refused(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_STREAM | SOCK_NONBLOCK);
    short shown;

    FAILS(EINPROGRESS, connect_to(fd, ip_b(lab), 7108));
    shown = wait_events(fd, POLLIN | POLLHUP);
    CHECK((shown & POLLHUP) != 0);
    CHECK(get_int(fd, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
    CHECK(get_int(fd, SOL_SOCKET, SO_ERROR) == 0);
    MUST(ioth_close(fd));
}

static void test_connected_already(struct lab *lab)
{
    struct pair pair = pair_open(lab);

    FAILS(EISCONN, connect_to(pair.client, ip_b(lab), 7000));
    FAILS(EISCONN, connect_to(pair.server, ip_a(lab), 7000));
    FAILS(EINVAL, ioth_listen(pair.client, 1));
    pair_close(&pair);
}

static void test_already(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_STREAM | SOCK_NONBLOCK);
    char byte = 0;

    FAILS(EINPROGRESS, connect_to(fd, ip_silent(lab), 7109));
    FAILS(EALREADY, connect_to(fd, ip_silent(lab), 7109));
    FAILS(EAGAIN, ioth_send(fd, &byte, 1, 0));
    FAILS(EAGAIN, ioth_recv(fd, &byte, 1, 0));
    CHECK(events_now(fd, POLLIN | POLLOUT) == 0);
    MUST(ioth_close(fd));
}

static void test_unreachable_host(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_STREAM);

    FAILS(EHOSTUNREACH, connect_to(fd, ip_silent(lab), 7110));
    MUST(ioth_close(fd));
}

static void test_unreachable_network(struct lab *lab)
{
    int stream = open_socket(lab, in_a(lab), SOCK_STREAM), datagram = open_socket(lab, in_a(lab), SOCK_DGRAM);

    FAILS(ENETUNREACH, connect_to(stream, ip_nowhere(lab), 7111));
    FAILS(ENETUNREACH, send_to(datagram, "x", 1, ip_nowhere(lab), 7111));
    FAILS(ENETUNREACH, connect_to(datagram, ip_nowhere(lab), 7111));
    MUST(ioth_close(stream));
    MUST(ioth_close(datagram));
}

static void test_connect_timeout(struct lab *lab)
{
    const struct timeval timeout = {.tv_usec = 50000};
    int fd = open_socket(lab, in_a(lab), SOCK_STREAM);

    MUST(ioth_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)));
    FAILS(EINPROGRESS, connect_to(fd, ip_silent(lab), 7112));
    MUST(ioth_close(fd));
}

static void test_not_connected(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_STREAM);
    char byte = 0;

    FAILS(EPIPE, ioth_send(fd, &byte, 1, MSG_NOSIGNAL));
    FAILS(ENOTCONN, ioth_recv(fd, &byte, 1, 0));
    FAILS(ENOTCONN, ioth_shutdown(fd, SHUT_WR));
    MUST(ioth_close(fd));
}

/* To an own address, over lo and not. */
static void test_to_itself(struct lab *lab)
{
    const char *const addresses[] = {ip_loopback(lab), ip_b(lab)};
    unsigned char sent[5000], got[5000];
    int i;

    pattern_fill(sent, sizeof(sent), 7);
    for (i = 0; i < 2; i++) {
        int listener = tcp_listening(lab, in_b(lab), addresses[i], 7113);
        int client = open_socket(lab, in_b(lab), SOCK_STREAM), server;
        struct addr from = addr_room();

        MUST(connect_to(client, addresses[i], 7113));
        server = MUST(ioth_accept(listener, &from.u.any, &from.len));
        CHECK(addr_is(&from, addresses[i], addr_port(&from)));
        CHECK(MUST(ioth_send(client, sent, sizeof(sent), 0)) == sizeof(sent));
        read_bytes(server, got, sizeof(got));
        CHECK(pattern_holds(got, sizeof(got), 7));
        MUST(ioth_close(client));
        MUST(ioth_close(server));
        MUST(ioth_close(listener));
    }
}

/* A server that was closed may come back at once, though connections of its port linger. */
static void test_rebind(struct lab *lab)
{
    struct pair pair = pair_open(lab);
    char byte;

    MUST(ioth_close(pair.server)); /* first: TIME_WAIT is on this side */
    CHECK(MUST(ioth_recv(pair.client, &byte, 1, 0)) == 0);
    MUST(ioth_close(pair.listener));
    pair.server = pair.listener = -1;
    pair_close(&pair);
    MUST(ioth_close(tcp_listening(lab, in_b(lab), ip_b(lab), 7000)));
}

const struct row connect_rows[] = {
    {"connect, accept, getsockname, getpeername", test_connect, ROW_BOTH},
    {"connect from a bound port", test_connect_bound, ROW_BOTH},
    {"connect to an own address, to loopback", test_to_itself, ROW_BOTH},
    {"connect: ECONNREFUSED", test_refused, ROW_BOTH},
    {"connect: the same socket again, after ECONNREFUSED", test_try_again, ROW_BOTH},
    {"connect without blocking: again, ECONNABORTED once", test_try_again_nonblocking, ROW_BOTH},
    {"connect: AF_UNSPEC resets, and the socket connects anew", test_dissolve, ROW_BOTH},
    {"connect: EHOSTUNREACH", test_unreachable_host, ROW_BOTH},
    {"connect, sendto: ENETUNREACH", test_unreachable_network, ROW_BOTH},
    {"connect: EISCONN; listen: EINVAL", test_connected_already, ROW_BOTH},
    {"connect without blocking: EINPROGRESS, POLLOUT, SO_ERROR", test_nonblocking_connect, ROW_BOTH},
    {"connect without blocking: ECONNREFUSED by SO_ERROR", test_nonblocking_refused, ROW_BOTH},
    {"connect without blocking: EALREADY meanwhile", test_already, ROW_BOTH},
    {"connect: SO_SNDTIMEO", test_connect_timeout, ROW_BOTH},
    {"accept waits", test_accept_waits, ROW_BOTH},
    {"accept: SO_RCVTIMEO", test_accept_timeout, 0},
    {"accept: EINVAL when the listener is shut down", test_shut_listener, ROW_BOTH},
    {"accept: EAGAIN, EINVAL, EOPNOTSUPP", test_accept_errors, ROW_BOTH},
    {"accept: several that have sent already, in order", test_backlog, ROW_BOTH},
    {"accept4: SOCK_NONBLOCK, SOCK_CLOEXEC", test_accept4, ROW_BOTH},
    {"SO_REUSEADDR: a server comes back at once", test_rebind, ROW_BOTH},
    {"not connected: EPIPE, ENOTCONN", test_not_connected, ROW_BOTH},
    {NULL, NULL, 0},
};
