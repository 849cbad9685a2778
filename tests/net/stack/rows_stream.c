/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TCP: connections, their errors, what is sent and received, and how they end. */
#include "lab.h"

#include <signal.h>

enum { CHUNK = 65536 };

/* ---- connect and accept ---- */

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

    fill_bytes(sent, sizeof(sent), 7);
    for (i = 0; i < 2; i++) {
        int listener = tcp_listening(lab, in_b(lab), addresses[i], 7113);
        int client = open_socket(lab, in_b(lab), SOCK_STREAM), server;
        struct addr from = addr_room();

        MUST(connect_to(client, addresses[i], 7113));
        server = MUST(ioth_accept(listener, &from.u.any, &from.len));
        CHECK(addr_is(&from, addresses[i], addr_port(&from)));
        CHECK(MUST(ioth_send(client, sent, sizeof(sent), 0)) == sizeof(sent));
        read_bytes(server, got, sizeof(got));
        CHECK(are_bytes(got, sizeof(got), 7));
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

/* ---- receive ---- */

static void test_would_block(struct lab *lab)
{
    struct pair pair = pair_open(lab);
    char byte;

    FAILS(EAGAIN, ioth_recv(pair.server, &byte, 1, MSG_DONTWAIT));
    set_nonblocking(pair.server);
    FAILS(EAGAIN, ioth_recv(pair.server, &byte, 1, 0));
    FAILS(EAGAIN, ioth_read(pair.server, &byte, 1));
    pair_close(&pair);
}

static void test_receive_timeout(struct lab *lab)
{
    const struct timeval timeout = {.tv_usec = 100000};
    struct pair pair = pair_open(lab);
    uint64_t start = now_ms();
    char byte;

    MUST(ioth_setsockopt(pair.server, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
    FAILS(EAGAIN, ioth_recv(pair.server, &byte, 1, 0));
    CHECK(now_ms() - start >= 90);
    pair_close(&pair);
}

struct receiving {
    int fd, flags;
    size_t wanted;
    ssize_t len;
    unsigned char bytes[CHUNK];
};

static void receive_one(void *arg)
{
    struct receiving *receiving = arg;

    receiving->len = MUST(ioth_recv(receiving->fd, receiving->bytes, receiving->wanted, receiving->flags));
}

static void test_receive_waits(struct lab *lab)
{
    static struct receiving receiving;
    struct pair pair = pair_open(lab);
    struct aside aside;

    receiving = (struct receiving){.fd = pair.server, .wanted = CHUNK};
    aside_start(&aside, receive_one, &receiving);
    aside_sleeps(&aside);
    MUST(ioth_send(pair.client, "hello", 5, 0));
    aside_join(&aside);
    CHECK(receiving.len == 5 && memcmp(receiving.bytes, "hello", 5) == 0);
    pair_close(&pair);
}

static void test_wait_all(struct lab *lab)
{
    static struct receiving receiving;
    struct pair pair = pair_open(lab);
    struct aside aside;

    receiving = (struct receiving){.fd = pair.server, .flags = MSG_WAITALL, .wanted = 10};
    aside_start(&aside, receive_one, &receiving);
    aside_sleeps(&aside);
    MUST(ioth_send(pair.client, "01234", 5, 0));
    aside_sleeps(&aside);
    MUST(ioth_send(pair.client, "56789abc", 8, 0));
    aside_join(&aside);
    CHECK(receiving.len == 10 && memcmp(receiving.bytes, "0123456789", 10) == 0);
    MUST(ioth_shutdown(pair.client, SHUT_WR)); /* the end counts as all */
    CHECK(MUST(ioth_recv(pair.server, receiving.bytes, 10, MSG_WAITALL)) == 3);
    pair_close(&pair);
}

static void test_end_wakes(struct lab *lab)
{
    static struct receiving receiving;
    struct pair pair = pair_open(lab);
    struct aside aside;

    receiving = (struct receiving){.fd = pair.server, .wanted = 10};
    aside_start(&aside, receive_one, &receiving);
    aside_sleeps(&aside);
    MUST(ioth_shutdown(pair.client, SHUT_WR));
    aside_join(&aside);
    CHECK(receiving.len == 0);
    pair_close(&pair);
}

static void test_peek(struct lab *lab)
{
    struct pair pair = pair_open(lab);
    char got[8] = "";

    MUST(ioth_send(pair.client, "abc", 3, 0));
    wait_events(pair.server, POLLIN);
    CHECK(MUST(ioth_recv(pair.server, got, 2, MSG_PEEK)) == 2 && memcmp(got, "ab", 2) == 0);
    CHECK(MUST(ioth_recv(pair.server, got, 8, MSG_PEEK)) == 3 && memcmp(got, "abc", 3) == 0);
    CHECK(MUST(ioth_recv(pair.server, got, 8, 0)) == 3 && memcmp(got, "abc", 3) == 0);
    FAILS(EAGAIN, ioth_recv(pair.server, got, 8, MSG_PEEK | MSG_DONTWAIT));
    pair_close(&pair);
}

static void test_discard(struct lab *lab)
{
    struct pair pair = pair_open(lab);
    char got[8] = "??????";

    MUST(ioth_send(pair.client, "abcdef", 6, 0));
    wait_events(pair.server, POLLIN);
    CHECK(MUST(ioth_recv(pair.server, got, 4, MSG_TRUNC)) == 4 && got[0] == '?');
    CHECK(MUST(ioth_recv(pair.server, got, 8, 0)) == 2 && memcmp(got, "ef", 2) == 0);
    pair_close(&pair);
}

static void test_scatter_gather(struct lab *lab)
{
    char one[3] = "abc", two[5] = "defgh", got_one[4], got_two[4];
    struct iovec out[2] = {{one, 3}, {two, 5}}, in[2] = {{got_one, 4}, {got_two, 4}};
    struct msghdr sent = {.msg_iov = out, .msg_iovlen = 2}, got = {.msg_iov = in, .msg_iovlen = 2};
    struct pair pair = pair_open(lab);
    unsigned char bytes[8];

    CHECK(MUST(ioth_writev(pair.client, out, 2)) == 8);
    read_bytes(pair.server, bytes, 8);
    CHECK(memcmp(bytes, "abcdefgh", 8) == 0);
    CHECK(MUST(ioth_sendmsg(pair.client, &sent, 0)) == 8);
    wait_events(pair.server, POLLIN);
    CHECK(MUST(ioth_readv(pair.server, in, 2)) == 8);
    CHECK(memcmp(got_one, "abcd", 4) == 0 && memcmp(got_two, "efgh", 4) == 0);
    CHECK(MUST(ioth_sendmsg(pair.client, &sent, 0)) == 8);
    wait_events(pair.server, POLLIN);
    CHECK(MUST(ioth_recvmsg(pair.server, &got, 0)) == 8 && got.msg_flags == 0);
    CHECK(memcmp(got_one, "abcd", 4) == 0 && memcmp(got_two, "efgh", 4) == 0);
    pair_close(&pair);
}

static void test_names_of_stream(struct lab *lab)
{
    struct pair pair = pair_open(lab);
    struct addr from = addr_room();
    char got[8];

    CHECK(MUST(ioth_sendto(pair.client, "abc", 3, 0, NULL, 0)) == 3);
    wait_events(pair.server, POLLIN);
    CHECK(MUST(ioth_recvfrom(pair.server, got, sizeof(got), 0, &from.u.any, &from.len)) == 3);
    CHECK(from.len == 0); /* a stream has no senders */
    pair_close(&pair);
}

static void test_nothing(struct lab *lab)
{
    struct pair pair = pair_open(lab);
    char got[8];

    CHECK(MUST(ioth_send(pair.client, "", 0, 0)) == 0);
    CHECK(MUST(ioth_send(pair.client, "a", 1, 0)) == 1);
    wait_events(pair.server, POLLIN);
    CHECK(MUST(ioth_recv(pair.server, got, 0, 0)) == 0);
    CHECK(MUST(ioth_recv(pair.server, got, 8, 0)) == 1);
    pair_close(&pair);
}

/* ---- send ---- */

/* Sends until the other side's window and the buffers are full; how many bytes went. */
static size_t fill_up(int fd)
{
    static unsigned char chunk[CHUNK];
    size_t sent = 0;
    ssize_t n;
    bool partial = false;

    for (;;) {
        fill_bytes(chunk, sizeof(chunk), sent);
        n = ioth_send(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (n < 0)
            break;
        partial |= n < (ssize_t)sizeof(chunk);
        sent += (size_t)n;
    }
    CHECK(errno == EAGAIN);
    CHECK(partial);
    return sent;
}

static void empty(int fd, size_t from, size_t to)
{
    static unsigned char chunk[CHUNK];
    size_t len;

    for (; from < to; from += len) {
        len = to - from < sizeof(chunk) ? to - from : sizeof(chunk);
        read_bytes(fd, chunk, len);
        CHECK(are_bytes(chunk, len, from));
    }
}

static void test_partial(struct lab *lab)
{
    struct pair pair = pair_open(lab);
    size_t sent = fill_up(pair.client);

    empty(pair.server, 0, sent);
    wait_events(pair.client, POLLOUT);
    pair_close(&pair);
}

struct sending {
    int fd;
    size_t at;
    ssize_t sent;
};

enum { BLOCKED_BYTES = 3 << 20 };

static void send_much(void *arg)
{
    static unsigned char bytes[BLOCKED_BYTES];
    struct sending *sending = arg;

    fill_bytes(bytes, sizeof(bytes), sending->at);
    sending->sent = MUST(ioth_send(sending->fd, bytes, sizeof(bytes), 0));
}

static void test_send_waits(struct lab *lab)
{
    struct pair pair = pair_open(lab);
    struct sending sending = {.fd = pair.client};
    struct aside aside;

    sending.at = fill_up(pair.client);
    aside_start(&aside, send_much, &sending);
    aside_sleeps(&aside);
    empty(pair.server, 0, sending.at + BLOCKED_BYTES);
    aside_join(&aside);
    CHECK(sending.sent == BLOCKED_BYTES); /* a blocking send sends all */
    pair_close(&pair);
}

static void test_send_timeout(struct lab *lab)
{
    const struct timeval timeout = {.tv_usec = 50000};
    struct pair pair = pair_open(lab);
    char byte = 0;

    MUST(ioth_setsockopt(pair.client, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)));
    fill_up(pair.client);
    while (ioth_send(pair.client, &byte, 1, 0) == 1) /* what a byte still fits into */
        ;
    CHECK(errno == EAGAIN);
    pair_close(&pair);
}

/* ---- the end ---- */

static void test_half_close(struct lab *lab)
{
    struct pair pair = pair_open(lab);
    unsigned char got[16];

    MUST(ioth_send(pair.client, "question", 8, 0));
    MUST(ioth_shutdown(pair.client, SHUT_WR));
    read_bytes(pair.server, got, 8);
    CHECK(MUST(ioth_recv(pair.server, got, 8, 0)) == 0);
    CHECK(MUST(ioth_recv(pair.server, got, 8, 0)) == 0); /* as often as one asks */
    FAILS(EPIPE, ioth_send(pair.client, "x", 1, MSG_NOSIGNAL));
    CHECK(MUST(ioth_send(pair.server, "answer", 6, 0)) == 6); /* the other way is open */
    read_bytes(pair.client, got, 6);
    CHECK(memcmp(got, "answer", 6) == 0);
    MUST(ioth_shutdown(pair.server, SHUT_WR));
    CHECK(MUST(ioth_recv(pair.client, got, 8, 0)) == 0);
    pair_close(&pair);
}

static void test_shut_read(struct lab *lab)
{
    struct pair pair = pair_open(lab);
    char got[8];

    MUST(ioth_shutdown(pair.server, SHUT_RD));
    CHECK(MUST(ioth_recv(pair.server, got, 8, 0)) == 0);
    CHECK(MUST(ioth_send(pair.server, "abc", 3, 0)) == 3);
    CHECK(MUST(ioth_recv(pair.client, got, 8, 0)) == 3);
    pair_close(&pair);
}

static void test_shut_both(struct lab *lab)
{
    struct pair pair = pair_open(lab);
    char got[8];

    FAILS(EINVAL, ioth_shutdown(pair.server, 77));
    MUST(ioth_shutdown(pair.server, SHUT_RDWR));
    CHECK(MUST(ioth_recv(pair.server, got, 8, 0)) == 0);
    FAILS(EPIPE, ioth_send(pair.server, "abc", 3, MSG_NOSIGNAL));
    CHECK(MUST(ioth_recv(pair.client, got, 8, 0)) == 0);
    pair_close(&pair);
}

static void test_close_delivers(struct lab *lab)
{
    static unsigned char bytes[200000], got[200000];
    struct pair pair = pair_open(lab);
    struct sending sending = {.fd = pair.client};
    char byte;

    (void)sending;
    fill_bytes(bytes, sizeof(bytes), 0);
    MUST(ioth_fcntl(pair.client, F_SETFL, O_NONBLOCK));
    sending.sent = MUST(ioth_send(pair.client, bytes, sizeof(bytes), 0));
    MUST(ioth_close(pair.client)); /* with most of it still to be sent */
    pair.client = -1;
    read_bytes(pair.server, got, (size_t)sending.sent);
    CHECK(are_bytes(got, (size_t)sending.sent, 0));
    CHECK(MUST(ioth_recv(pair.server, &byte, 1, 0)) == 0);
    pair_close(&pair);
}

static void test_close_unread(struct lab *lab)
{
    struct pair pair = pair_open(lab);
    char byte;

    MUST(ioth_send(pair.client, "unread", 6, 0));
    wait_events(pair.server, POLLIN);
    MUST(ioth_close(pair.server));
    pair.server = -1;
    wait_events(pair.client, POLLIN);
    FAILS(ECONNRESET, ioth_recv(pair.client, &byte, 1, 0));
    CHECK(MUST(ioth_recv(pair.client, &byte, 1, 0)) == 0);
    FAILS(EPIPE, ioth_send(pair.client, &byte, 1, MSG_NOSIGNAL));
    pair_close(&pair);
}

static void test_linger_resets(struct lab *lab)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    struct pair pair = pair_open(lab);
    char byte;

    MUST(ioth_setsockopt(pair.server, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
    MUST(ioth_close(pair.server));
    pair.server = -1;
    wait_events(pair.client, POLLIN | POLLHUP);
    CHECK(get_int(pair.client, SOL_SOCKET, SO_ERROR) == ECONNRESET);
    CHECK(MUST(ioth_recv(pair.client, &byte, 1, 0)) == 0);
    pair_close(&pair);
}

static bool is_broken(void *arg)
{
    return ioth_send(*(int *)arg, "x", 1, MSG_NOSIGNAL) < 0;
}

static void test_peer_gone(struct lab *lab)
{
    struct pair pair = pair_open(lab);

    MUST(ioth_close(pair.server));
    pair.server = -1;
    wait_until(is_broken, &pair.client); /* the first bytes are answered by a reset */
    CHECK(errno == EPIPE || errno == ECONNRESET);
    pair_close(&pair);
}

static volatile sig_atomic_t sigpipes;

static void count_sigpipe(int signal_number)
{
    (void)signal_number;
    sigpipes++;
}

static void test_sigpipe(struct lab *lab)
{
    struct pair pair = pair_open(lab);

    sigpipes = 0;
    signal(SIGPIPE, count_sigpipe);
    MUST(ioth_shutdown(pair.client, SHUT_WR));
    FAILS(EPIPE, ioth_send(pair.client, "x", 1, MSG_NOSIGNAL));
    CHECK(sigpipes == 0);
    FAILS(EPIPE, ioth_write(pair.client, "x", 1));
    CHECK(sigpipes == 1);
    pair_close(&pair);
}

static void test_listener_closes(struct lab *lab)
{
    int listener = tcp_listening(lab, in_b(lab), ip_b(lab), 7120),
        client = open_socket(lab, in_a(lab), SOCK_STREAM);
    char byte;

    MUST(connect_to(client, ip_b(lab), 7120));
    wait_events(listener, POLLIN);
    MUST(ioth_close(listener)); /* with a connection that nobody accepted */
    wait_events(client, POLLIN);
    FAILS(ECONNRESET, ioth_recv(client, &byte, 1, 0));
    MUST(ioth_close(client));
}

const struct row stream_rows[] = {
    {"connect, accept, getsockname, getpeername", test_connect, ROW_BOTH},
    {"connect from a bound port", test_connect_bound, ROW_BOTH},
    {"connect to an own address, to loopback", test_to_itself, ROW_BOTH},
    {"connect: ECONNREFUSED", test_refused, ROW_BOTH},
    {"connect: the same socket again, after ECONNREFUSED", test_try_again, ROW_BOTH},
    {"connect: EHOSTUNREACH", test_unreachable_host, ROW_BOTH},
    {"connect, sendto: ENETUNREACH", test_unreachable_network, ROW_BOTH},
    {"connect: EISCONN; listen: EINVAL", test_connected_already, ROW_BOTH},
    {"connect without blocking: EINPROGRESS, POLLOUT, SO_ERROR", test_nonblocking_connect, ROW_BOTH},
    {"connect without blocking: ECONNREFUSED by SO_ERROR", test_nonblocking_refused, ROW_BOTH},
    {"connect without blocking: EALREADY meanwhile", test_already, ROW_BOTH},
    {"connect: SO_SNDTIMEO", test_connect_timeout, ROW_BOTH},
    {"accept waits", test_accept_waits, ROW_BOTH},
    {"accept: SO_RCVTIMEO", test_accept_timeout, 0},
    {"accept: EAGAIN, EINVAL, EOPNOTSUPP", test_accept_errors, ROW_BOTH},
    {"accept: several that have sent already, in order", test_backlog, ROW_BOTH},
    {"accept4: SOCK_NONBLOCK, SOCK_CLOEXEC", test_accept4, ROW_BOTH},
    {"SO_REUSEADDR: a server comes back at once", test_rebind, ROW_BOTH},
    {"not connected: EPIPE, ENOTCONN", test_not_connected, ROW_BOTH},
    {"recv: EAGAIN, MSG_DONTWAIT", test_would_block, ROW_BOTH},
    {"recv waits for data", test_receive_waits, ROW_BOTH},
    {"recv waits for the end", test_end_wakes, ROW_BOTH},
    {"recv: SO_RCVTIMEO", test_receive_timeout, 0},
    {"recv: MSG_WAITALL", test_wait_all, ROW_BOTH},
    {"recv: MSG_PEEK", test_peek, ROW_BOTH},
    {"recv: MSG_TRUNC discards", test_discard, 0},
    {"recvfrom: no sender", test_names_of_stream, ROW_BOTH},
    {"readv, writev, recvmsg, sendmsg", test_scatter_gather, ROW_BOTH},
    {"send, recv of nothing", test_nothing, 0},
    {"send without blocking: a part, then EAGAIN", test_partial, ROW_BOTH},
    {"send waits for room, and sends all", test_send_waits, ROW_BOTH},
    {"send: SO_SNDTIMEO", test_send_timeout, 0},
    {"send: EPIPE and SIGPIPE, MSG_NOSIGNAL", test_sigpipe, 0},
    {"shutdown: SHUT_WR, half close", test_half_close, ROW_BOTH},
    {"shutdown: SHUT_RD", test_shut_read, ROW_BOTH},
    {"shutdown: SHUT_RDWR", test_shut_both, ROW_BOTH},
    {"close: what was sent arrives", test_close_delivers, ROW_BOTH},
    {"close with data unread: ECONNRESET", test_close_unread, ROW_BOTH},
    {"close with SO_LINGER 0: ECONNRESET", test_linger_resets, 0},
    {"close of a listener resets who was not accepted", test_listener_closes, 0},
    {"send to a closed peer: EPIPE or ECONNRESET", test_peer_gone, ROW_BOTH},
    {NULL, NULL, 0},
};
