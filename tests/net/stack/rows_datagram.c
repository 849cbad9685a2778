/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* UDP. */
#include "lab.h"

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

static bool is_refused(int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN | POLLERR};

    MUST(ioth_send(fd, "x", 1, 0));
    return MUST(poll(&pollfd, 1, 1000)) > 0 && (pollfd.revents & pollfd.events) != 0;
}

static bool is_refused_twice(void *arg)
{
    struct lab *lab = arg;
    int fd = open_socket(lab, in_a(lab), SOCK_DGRAM);
    bool is_second = false;
    char byte;

    MUST(connect_to(fd, ip_b(lab), 7204));
    if (is_refused(fd)) {
        FAILS(ECONNREFUSED, ioth_recv(fd, &byte, 1, 0));
        expect_nothing(fd);
        is_second = is_refused(fd);
    }
    if (is_second) {
        CHECK(get_int(fd, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
        expect_nothing(fd);
    }
    MUST(ioth_close(fd));
    return is_second;
}

/* Tried again, for the kernel drops its messages of ICMP when it is busy with others. */
static void test_port_unreachable(struct lab *lab)
{
    wait_until(is_refused_twice, lab);
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
        pattern_fill(sent, sizes[i], i);
        CHECK(OP(send_to(duo.from, sent, sizes[i], ip_b(lab), 7205)) == (int)sizes[i]);
        wait_events(duo.to, POLLIN);
        CHECK(MUST(ioth_recv(duo.to, got, sizeof(got), 0)) == (int)sizes[i]);
        CHECK(pattern_holds(got, sizes[i], i));
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
