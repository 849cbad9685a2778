/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What poll, select and epoll show of sockets. */
#include "lab.h"

#include <sys/epoll.h>
#include <sys/select.h>

static const short ALL = POLLIN | POLLOUT | POLLRDHUP; /* and POLLERR, POLLHUP, which always show */

static void test_idle(struct lab *lab)
{
    int datagram = udp_bound(lab, in_a(lab), ip_a(lab), 7300),
        stream = open_socket(lab, in_a(lab), SOCK_STREAM);
    int listener = tcp_listening(lab, in_a(lab), ip_a(lab), 7301);
    struct pair pair = pair_open(lab);

    CHECK(events_now(datagram, ALL) == POLLOUT);
    CHECK(events_now(listener, ALL) == 0);
    CHECK(events_now(pair.client, ALL) == POLLOUT);
    CHECK(events_now(pair.server, ALL) == POLLOUT);
    pair_close(&pair);
    MUST(ioth_close(datagram));
    MUST(ioth_close(stream));
    MUST(ioth_close(listener));
}

static void test_unconnected(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_STREAM);

    CHECK(events_now(fd, ALL) == (POLLOUT | POLLHUP));
    MUST(ioth_close(fd));
}

static void test_datagram_in(struct lab *lab)
{
    int to = udp_bound(lab, in_b(lab), ip_b(lab), 7302), from = open_socket(lab, in_a(lab), SOCK_DGRAM), i;
    char byte;

    for (i = 0; i < 2; i++)
        MUST(send_to(from, "x", 1, ip_b(lab), 7302));
    wait_events(to, POLLIN);
    MUST(ioth_recv(to, &byte, 1, 0));
    wait_events(to, POLLIN);
    MUST(ioth_recv(to, &byte, 1, 0));
    CHECK(events_now(to, ALL) == POLLOUT);
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

static void test_listener_in(struct lab *lab)
{
    int listener = tcp_listening(lab, in_b(lab), ip_b(lab), 7303),
        client = open_socket(lab, in_a(lab), SOCK_STREAM);
    int server;

    MUST(connect_to(client, ip_b(lab), 7303));
    CHECK(wait_events(listener, POLLIN) == POLLIN);
    server = MUST(ioth_accept(listener, NULL, NULL));
    CHECK(events_now(listener, ALL) == 0);
    MUST(ioth_close(client));
    MUST(ioth_close(server));
    MUST(ioth_close(listener));
}

static void test_stream_in(struct lab *lab)
{
    struct pair pair = pair_open(lab);
    char got[4];

    MUST(ioth_send(pair.client, "abcd", 4, 0));
    wait_events(pair.server, POLLIN);
    MUST(ioth_recv(pair.server, got, 2, 0)); /* half of it */
    CHECK(events_now(pair.server, ALL) == (POLLIN | POLLOUT));
    MUST(ioth_recv(pair.server, got, 2, 0));
    CHECK(events_now(pair.server, ALL) == POLLOUT);
    pair_close(&pair);
}

static bool shows_out(void *arg)
{
    const struct pair *pair = arg;
    static char chunk[65536];

    while (ioth_recv(pair->server, chunk, sizeof(chunk), MSG_DONTWAIT) > 0)
        ;
    return (events_now(pair->client, POLLOUT) & POLLOUT) != 0;
}

static bool shows_full(void *arg)
{
    const struct pair *pair = arg;
    static char chunk[65536];

    while (ioth_send(pair->client, chunk, sizeof(chunk), MSG_DONTWAIT) > 0)
        ;
    CHECK(errno == EAGAIN);
    return (events_now(pair->client, POLLOUT) & POLLOUT) == 0;
}

static void test_out(struct lab *lab)
{
    struct pair pair = pair_open(lab);

    wait_until(shows_full, &pair);
    wait_until(shows_out, &pair);
    pair_close(&pair);
}

static void test_read_hang_up(struct lab *lab)
{
    struct pair pair = pair_open(lab);
    short shown;

    MUST(ioth_shutdown(pair.client, SHUT_WR));
    wait_events(pair.server, POLLIN | POLLRDHUP);
    shown = events_now(pair.server, ALL);
    CHECK(shown == (POLLIN | POLLOUT | POLLRDHUP));
    CHECK(events_now(pair.client, ALL) == POLLOUT);
    pair_close(&pair);
}

static void test_hang_up(struct lab *lab)
{
    struct pair pair = pair_open(lab);

    MUST(ioth_shutdown(pair.client, SHUT_WR));
    MUST(ioth_shutdown(pair.server, SHUT_WR));
    wait_events(pair.client, POLLIN | POLLHUP);
    wait_events(pair.server, POLLIN | POLLHUP);
    CHECK((events_now(pair.server, ALL) & POLLERR) == 0);
    pair_close(&pair);
}

static void test_reset_shows(struct lab *lab)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    struct pair pair = pair_open(lab);

    MUST(ioth_setsockopt(pair.server, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
    MUST(ioth_close(pair.server));
    pair.server = -1;
    wait_events(pair.client, POLLIN | POLLERR | POLLHUP);
    CHECK(get_int(pair.client, SOL_SOCKET, SO_ERROR) == ECONNRESET);
    CHECK((events_now(pair.client, ALL) & POLLERR) == 0); /* told once */
    CHECK((events_now(pair.client, ALL) & POLLHUP) != 0);
    pair_close(&pair);
}

static void test_refused_shows(struct lab *lab)
{
    int fd = open_socket(lab, in_a(lab), SOCK_STREAM | SOCK_NONBLOCK);

    FAILS(EINPROGRESS, connect_to(fd, ip_b(lab), 7304));
    wait_events(fd, POLLIN | POLLOUT | POLLERR | POLLHUP);
    CHECK(get_int(fd, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
    MUST(ioth_close(fd));
}

static void poll_one(void *arg)
{
    wait_events(*(int *)arg, POLLIN);
}

static void test_poll_wakes(struct lab *lab)
{
    int to = udp_bound(lab, in_b(lab), ip_b(lab), 7305), from = open_socket(lab, in_a(lab), SOCK_DGRAM);
    struct aside aside;

    aside_start(&aside, poll_one, &to);
    aside_sleeps(&aside);
    MUST(send_to(from, "x", 1, ip_b(lab), 7305));
    aside_join(&aside);
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

static void test_select(struct lab *lab)
{
    int to = udp_bound(lab, in_b(lab), ip_b(lab), 7306), from = open_socket(lab, in_a(lab), SOCK_DGRAM);
    struct timeval none = {0}, long_time = {.tv_sec = 10};
    fd_set in, out;

    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(to, &in);
    FD_SET(to, &out);
    CHECK(MUST(select(to + 1, &in, &out, NULL, &none)) == 1);
    CHECK(!FD_ISSET(to, &in) && FD_ISSET(to, &out));
    MUST(send_to(from, "x", 1, ip_b(lab), 7306));
    FD_SET(to, &in);
    CHECK(MUST(select(to + 1, &in, NULL, NULL, &long_time)) == 1);
    CHECK(FD_ISSET(to, &in));
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

static int epoll_on(int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    int epoll = MUST(epoll_create1(EPOLL_CLOEXEC));

    MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    return epoll;
}

static void test_epoll_level(struct lab *lab)
{
    int to = udp_bound(lab, in_b(lab), ip_b(lab), 7307), from = open_socket(lab, in_a(lab), SOCK_DGRAM);
    int epoll = epoll_on(to, EPOLLIN), i;
    struct epoll_event event;
    char byte;

    CHECK(MUST(epoll_wait(epoll, &event, 1, 0)) == 0);
    MUST(send_to(from, "x", 1, ip_b(lab), 7307));
    for (i = 0; i < 3; i++) /* as long as it is not read */
        CHECK(MUST(epoll_wait(epoll, &event, 1, LAB_DEADLINE_MS)) == 1 && event.events == EPOLLIN);
    MUST(ioth_recv(to, &byte, 1, 0));
    CHECK(MUST(epoll_wait(epoll, &event, 1, 0)) == 0);
    close(epoll);
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

static void test_epoll_edge(struct lab *lab)
{
    int to = udp_bound(lab, in_b(lab), ip_b(lab), 7308), from = open_socket(lab, in_a(lab), SOCK_DGRAM);
    int epoll = epoll_on(to, EPOLLIN | EPOLLET), i;
    struct epoll_event event;
    char byte;

    for (i = 0; i < 3; i++) {
        MUST(send_to(from, "x", 1, ip_b(lab), 7308));
        CHECK(MUST(epoll_wait(epoll, &event, 1, LAB_DEADLINE_MS)) == 1);
        CHECK(MUST(epoll_wait(epoll, &event, 1, 0)) == 0); /* once for each arrival */
        while (ioth_recv(to, &byte, 1, MSG_DONTWAIT) == 1)
            ;
        CHECK(errno == EAGAIN);
    }
    close(epoll);
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

/* An arrival is an event, though the one before it has not been read. */
static void test_epoll_edge_again(struct lab *lab)
{
    int to = udp_bound(lab, in_b(lab), ip_b(lab), 7309), from = open_socket(lab, in_a(lab), SOCK_DGRAM);
    int epoll = epoll_on(to, EPOLLIN | EPOLLET), i;
    struct epoll_event event;

    for (i = 0; i < 2; i++) {
        MUST(send_to(from, "x", 1, ip_b(lab), 7309));
        CHECK(MUST(epoll_wait(epoll, &event, 1, 3000)) == 1);
    }
    close(epoll);
    MUST(ioth_close(to));
    MUST(ioth_close(from));
}

static void test_epoll_edge_stream(struct lab *lab)
{
    struct pair pair = pair_open(lab);
    int epoll = epoll_on(pair.server, EPOLLIN | EPOLLET), other = epoll_on(pair.listener, EPOLLIN | EPOLLET),
        i;
    int clients[2];
    struct epoll_event event;

    for (i = 0; i < 2; i++) {
        MUST(ioth_send(pair.client, "x", 1, 0));
        CHECK(MUST(epoll_wait(epoll, &event, 1, 3000)) == 1);
        clients[i] = open_socket(lab, in_a(lab), SOCK_STREAM);
        MUST(connect_to(clients[i], ip_b(lab), 7000));
        CHECK(MUST(epoll_wait(other, &event, 1, 3000)) == 1);
    }
    for (i = 0; i < 2; i++)
        MUST(ioth_close(clients[i]));
    close(epoll);
    close(other);
    pair_close(&pair);
}

static void test_epoll_stream(struct lab *lab)
{
    struct pair pair = pair_open(lab);
    int epoll = epoll_on(pair.server, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    struct epoll_event event = {0};

    CHECK(MUST(epoll_wait(epoll, &event, 1, LAB_DEADLINE_MS)) == 1 && event.events == EPOLLOUT);
    MUST(ioth_send(pair.client, "x", 1, 0));
    CHECK(MUST(epoll_wait(epoll, &event, 1, LAB_DEADLINE_MS)) == 1 && (event.events & EPOLLIN) != 0);
    MUST(ioth_shutdown(pair.client, SHUT_WR));
    CHECK(MUST(epoll_wait(epoll, &event, 1, LAB_DEADLINE_MS)) == 1 && (event.events & EPOLLRDHUP) != 0);
    close(epoll);
    pair_close(&pair);
}

/* Who registers a socket before it connects or listens is told what becomes of it. */
static void test_epoll_early(struct lab *lab)
{
    int listener = open_socket(lab, in_b(lab), SOCK_STREAM), server;
    int client = open_socket(lab, in_a(lab), SOCK_STREAM | SOCK_NONBLOCK);
    int epoll = epoll_on(client, EPOLLIN | EPOLLOUT | EPOLLET), other = epoll_on(listener, EPOLLIN);
    struct epoll_event event;

    CHECK(MUST(epoll_wait(epoll, &event, 1, 0)) == 1 && event.events == (EPOLLOUT | EPOLLHUP));
    MUST(bind_to(listener, ip_b(lab), 7310));
    MUST(ioth_listen(listener, 5));
    CHECK(MUST(epoll_wait(other, &event, 1, 0)) == 0);
    FAILS(EINPROGRESS, connect_to(client, ip_b(lab), 7310));
    CHECK(MUST(epoll_wait(epoll, &event, 1, LAB_DEADLINE_MS)) == 1 && event.events == EPOLLOUT);
    CHECK(MUST(epoll_wait(other, &event, 1, LAB_DEADLINE_MS)) == 1 && event.events == EPOLLIN);
    server = MUST(ioth_accept(listener, NULL, NULL));
    MUST(ioth_send(server, "x", 1, 0));
    CHECK(MUST(epoll_wait(epoll, &event, 1, LAB_DEADLINE_MS)) == 1 && (event.events & EPOLLIN) != 0);
    close(epoll);
    close(other);
    MUST(ioth_close(client));
    MUST(ioth_close(server));
    MUST(ioth_close(listener));
}

/* A closed socket is gone from epoll. */
static void test_epoll_close(struct lab *lab)
{
    int i;

    for (i = 0; i < 100; i++) { /* at once: nobody else may hold it open, not even for a moment */
        int to = open_socket(lab, in_b(lab), SOCK_DGRAM);
        int epoll = epoll_on(to, EPOLLOUT);
        struct epoll_event event;

        MUST(ioth_close(to));
        CHECK(MUST(epoll_wait(epoll, &event, 1, 0)) == 0);
        close(epoll);
    }
}

const struct row ready_rows[] = {
    {"poll: idle sockets", test_idle, ROW_BOTH},
    {"poll: POLLOUT and POLLHUP of an unconnected TCP socket", test_unconnected, ROW_BOTH},
    {"poll: POLLIN of datagrams, until all are read", test_datagram_in, ROW_BOTH},
    {"poll: POLLIN of a listener", test_listener_in, ROW_BOTH},
    {"poll: POLLIN of a stream", test_stream_in, ROW_BOTH},
    {"poll: POLLOUT goes when full, and comes back", test_out, ROW_BOTH},
    {"poll: POLLRDHUP of a half close", test_read_hang_up, ROW_BOTH},
    {"poll: POLLHUP when both have closed", test_hang_up, ROW_BOTH},
    {"poll: POLLERR of a reset, until SO_ERROR is read", test_reset_shows, 0},
    {"poll: POLLERR of a refused connection", test_refused_shows, 0},
    {"poll wakes", test_poll_wakes, ROW_BOTH},
    {"select", test_select, 0},
    {"epoll: level", test_epoll_level, ROW_BOTH},
    {"epoll: edge", test_epoll_edge, ROW_BOTH},
    {"epoll: edge, an arrival after one that was not read", test_epoll_edge_again, 0},
    {"epoll: edge, data and connections after those not taken yet", test_epoll_edge_stream, ROW_BOTH},
    {"epoll: a socket registered before it connects or listens", test_epoll_early, ROW_BOTH},
    {"epoll: edge, EPOLLOUT, EPOLLIN, EPOLLRDHUP of a stream", test_epoll_stream, 0},
    {"epoll: a closed socket is gone", test_epoll_close, 0},
    {NULL, NULL, 0},
};
