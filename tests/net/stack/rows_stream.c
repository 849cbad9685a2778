/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TCP: what is sent and received, and how it ends. */
#include "lab.h"

#include <signal.h>

enum { CHUNK = 65536 };

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
        pattern_fill(chunk, sizeof(chunk), sent);
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
        CHECK(pattern_holds(chunk, len, from));
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

    pattern_fill(bytes, sizeof(bytes), sending->at);
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
    pattern_fill(bytes, sizeof(bytes), 0);
    MUST(ioth_fcntl(pair.client, F_SETFL, O_NONBLOCK));
    sending.sent = MUST(ioth_send(pair.client, bytes, sizeof(bytes), 0));
    MUST(ioth_close(pair.client)); /* with most of it still to be sent */
    pair.client = -1;
    read_bytes(pair.server, got, (size_t)sending.sent);
    CHECK(pattern_holds(got, (size_t)sending.sent, 0));
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
