/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many sockets, many bytes, many datagrams, many stacks, many threads, and a wire that loses. */
#include "lab.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <libvdeplug.h>

enum { CHUNK = 65536, MEGABYTE = 1 << 20 };

/* ---- many sockets ---- */

enum { SOCKETS = 1000, CONNECTIONS = 500 };

static void want_descriptors(rlim_t n)
{
    struct rlimit files;

    MUST(getrlimit(RLIMIT_NOFILE, &files));
    if (files.rlim_cur < n)
        lab_skip("too few descriptors are allowed here");
}

/* All open at once; each gets a datagram of its own. */
static void test_many_sockets(struct lab *lab)
{
    static int fds[SOCKETS];
    int from = open_socket(lab, in_a(lab), SOCK_DGRAM), i, got;

    want_descriptors(2 * SOCKETS + 100);
    for (i = 0; i < SOCKETS; i++)
        fds[i] = udp_bound(lab, in_b(lab), ip_b(lab), (unsigned short)(20000 + i));
    for (i = 0; i < SOCKETS; i++) {
        MUST(send_to(from, &i, sizeof(i), ip_b(lab), (unsigned short)(20000 + i)));
        wait_events(fds[i], POLLIN);
        CHECK(MUST(ioth_recv(fds[i], &got, sizeof(got), 0)) == sizeof(got) && got == i);
    }
    for (i = 0; i < SOCKETS; i++)
        MUST(ioth_close(fds[i]));
    MUST(ioth_close(from));
}

static void test_many_connections(struct lab *lab)
{
    static int clients[CONNECTIONS], servers[CONNECTIONS];
    int listener = tcp_listening(lab, in_b(lab), ip_b(lab), 7500), i, got;

    want_descriptors(4 * CONNECTIONS + 100);
    for (i = 0; i < CONNECTIONS; i++) {
        clients[i] = open_socket(lab, in_a(lab), SOCK_STREAM);
        OP(connect_to(clients[i], ip_b(lab), 7500));
        servers[i] = MUST(ioth_accept(listener, NULL, NULL));
    }
    for (i = 0; i < CONNECTIONS; i++)
        MUST(ioth_send(clients[i], &i, sizeof(i), 0));
    for (i = 0; i < CONNECTIONS; i++) {
        read_bytes(servers[i], (unsigned char *)&got, sizeof(got));
        CHECK(got == i);
    }
    for (i = 0; i < CONNECTIONS; i++) {
        MUST(ioth_close(clients[i]));
        MUST(ioth_close(servers[i]));
    }
    MUST(ioth_close(listener));
}

/* One after the other: nothing of them may be left. */
static void test_many_rounds(struct lab *lab)
{
    int listener = tcp_listening(lab, in_b(lab), ip_b(lab), 7501), i, rounds = lab->plan.more ? 20000 : 1000;

    for (i = 0; i < rounds; i++) {
        int client = open_socket(lab, in_a(lab), SOCK_STREAM), server;
        char byte;

        MUST(connect_to(client, ip_b(lab), 7501));
        server = MUST(ioth_accept(listener, NULL, NULL));
        MUST(ioth_send(client, "x", 1, 0));
        CHECK(MUST(ioth_recv(server, &byte, 1, 0)) == 1);
        MUST(ioth_close(client));
        CHECK(MUST(ioth_recv(server, &byte, 1, 0)) == 0);
        MUST(ioth_close(server));
    }
    MUST(ioth_close(listener));
}

/* ---- many bytes ---- */

struct flow {
    int fd;
    size_t sent, got, total;
    size_t offset; /* of its bytes: each direction has its own */
    size_t others; /* of the other direction's */
};

static void flow_out(struct flow *flow)
{
    unsigned char chunk[CHUNK];
    size_t len = flow->total - flow->sent < CHUNK ? flow->total - flow->sent : CHUNK;
    ssize_t n;

    pattern_fill(chunk, len, flow->offset + flow->sent);
    n = ioth_send(flow->fd, chunk, len, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    flow->sent += (size_t)MUST(n);
    if (flow->sent == flow->total)
        MUST(ioth_shutdown(flow->fd, SHUT_WR));
}

/* False at the end. */
static bool flow_in(struct flow *flow)
{
    unsigned char chunk[CHUNK];
    ssize_t n = ioth_recv(flow->fd, chunk, sizeof(chunk), 0);

    if (n < 0 && errno == EAGAIN)
        return true;
    MUST(n);
    CHECK(pattern_holds(chunk, (size_t)n, flow->others + flow->got));
    flow->got += (size_t)n;
    return n > 0;
}

/* A segment that is lost three times in a row, as happens on a bad wire, comes after 10 s of doubled time-outs (RFC 6298 s5.5). */
enum { FLOW_DEADLINE_MS = 60000 };

/* Both ways at once, one thread, no call that waits but poll. */
static void flow_both_ways(struct flow flows[2])
{
    bool ended[2] = {false, false};
    int i;

    while (!ended[0] || !ended[1]) {
        struct pollfd fds[2];

        for (i = 0; i < 2; i++) {
            fds[i] = (struct pollfd){.fd = flows[i].fd, .events = ended[i] ? 0 : POLLIN};
            if (flows[i].sent < flows[i].total)
                fds[i].events |= POLLOUT;
            else if (ended[i])
                fds[i].fd = -1;
        }
        CHECK(MUST(poll(fds, 2, FLOW_DEADLINE_MS)) > 0);
        for (i = 0; i < 2; i++) {
            if ((fds[i].revents & POLLOUT) != 0 && flows[i].sent < flows[i].total)
                flow_out(&flows[i]);
            if ((fds[i].revents & (POLLIN | POLLHUP)) != 0 && !ended[i])
                ended[i] = !flow_in(&flows[i]);
        }
    }
    CHECK(flows[0].got == flows[1].total && flows[1].got == flows[0].total);
}

static void transfer(struct lab *lab, size_t total)
{
    struct pair pair = pair_open(lab);
    struct flow flows[2] = {{.fd = pair.client, .total = total, .offset = 1, .others = 1000003},
                            {.fd = pair.server, .total = total, .offset = 1000003, .others = 1}};

    set_nonblocking(pair.client);
    set_nonblocking(pair.server);
    flow_both_ways(flows);
    pair_close(&pair);
}

static void test_transfer(struct lab *lab)
{
    transfer(lab, (lab->plan.more ? 200 : 10) * (size_t)MEGABYTE);
}

static void test_filter_tcp(struct lab *lab)
{
    transfer(lab, lab->plan.more ? 4 * (size_t)MEGABYTE : MEGABYTE / 4);
}

static void test_bad_wire_tcp(struct lab *lab)
{
    transfer(lab, lab->plan.more ? 20 * (size_t)MEGABYTE : MEGABYTE / 2);
}

/* ---- many datagrams ---- */

enum { WINDOW = 32, LOST_AFTER_MS = 1000, DATAGRAM_BYTES = 200 };

struct counted {
    unsigned number;
    unsigned char bytes[DATAGRAM_BYTES];
};

struct tally {
    unsigned sent, got, lost, doubled;
    unsigned char *seen; /* of each number */
};

static void take_arrivals(int fd, struct tally *tally)
{
    struct counted datagram;

    ssize_t len;

    while ((len = ioth_recv(fd, &datagram, sizeof(datagram), MSG_DONTWAIT)) >= 0) {
        if (len == 0)
            continue; /* a late one of those that were sent before */
        CHECK(len == (ssize_t)sizeof(datagram));
        CHECK(datagram.number < tally->sent);
        CHECK(pattern_holds(datagram.bytes, sizeof(datagram.bytes), datagram.number));
        tally->doubled += tally->seen[datagram.number];
        tally->seen[datagram.number] = 1;
        tally->got++;
    }
    CHECK(errno == EAGAIN);
}

/* Empty datagrams until one has come: the neighbours know each other then. */
static void get_acquainted(int from, int to, int lost_after_ms)
{
    struct pollfd pollfd = {.fd = to, .events = POLLIN};
    char byte;

    do
        MUST(ioth_send(from, "", 0, 0));
    while (MUST(poll(&pollfd, 1, lost_after_ms)) == 0);
    while (ioth_recv(to, &byte, 1, MSG_DONTWAIT) == 0)
        ;
}

/* Sends n datagrams, at most WINDOW of them on their way at once; those that do not come are lost. */
static struct tally count_datagrams(const struct lab *lab, unsigned n, int lost_after_ms)
{
    int from = open_socket(lab, in_a(lab), SOCK_DGRAM), to = udp_bound(lab, in_b(lab), ip_b(lab), 7502);
    struct tally tally = {.seen = calloc(n, 1)};
    struct counted datagram;

    CHECK(tally.seen != NULL);
    MUST(connect_to(from, ip_b(lab), 7502));
    get_acquainted(from, to, lost_after_ms);
    while (tally.got - tally.doubled + tally.lost < n) {
        struct pollfd pollfd = {.fd = to, .events = POLLIN};

        while (tally.sent < n && tally.sent - (tally.got - tally.doubled) - tally.lost < WINDOW) {
            datagram.number = tally.sent++;
            pattern_fill(datagram.bytes, sizeof(datagram.bytes), datagram.number);
            MUST(ioth_send(from, &datagram, sizeof(datagram), 0));
        }
        if (MUST(poll(&pollfd, 1, lost_after_ms)) == 0)
            tally.lost = tally.sent - (tally.got - tally.doubled);
        else
            take_arrivals(to, &tally);
    }
    free(tally.seen);
    tally.seen = NULL;
    MUST(ioth_close(from));
    MUST(ioth_close(to));
    return tally;
}

static void test_many_datagrams(struct lab *lab)
{
    unsigned n = lab->plan.more ? 2000000 : 100000;
    struct tally tally = count_datagrams(lab, n, LOST_AFTER_MS);

    if (tally.lost != 0 || tally.doubled != 0)
        lab_fail(__FILE__, __LINE__, "%u lost, %u came twice", tally.lost, tally.doubled);
}

static void test_bad_wire_udp(struct lab *lab)
{
    struct tally tally = count_datagrams(lab, 5000, 50);

    if (tally.doubled != 0 || tally.lost == 0 || tally.lost > 2500)
        lab_fail(__FILE__, __LINE__, "%u lost, %u came twice", tally.lost, tally.doubled);
}

static void test_filter_udp(struct lab *lab)
{
    struct tally tally = count_datagrams(lab, 2000, 100);

    if (tally.doubled != 0 || tally.lost == 0 || tally.lost > 1000)
        lab_fail(__FILE__, __LINE__, "%u lost, %u came twice", tally.lost, tally.doubled);
}

/* ---- many stacks ---- */

/* Each of three sends to the next over UDP, and over TCP too. */
static void test_three_stacks(struct lab *lab)
{
    struct ioth *stacks[3] = {lab->a, lab->b, lab_third(lab, "10.0.0.3", "fc00::3")};
    const char *const four[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3"}, *const six[] = {"fc00::1", "fc00::2",
                                                                                     "fc00::3"};
    const char *const *ip = lab->family == AF_INET ? four : six;
    int datagrams[3], listeners[3], i, client, server;
    unsigned char got[4];

    for (i = 0; i < 3; i++) {
        datagrams[i] = udp_bound(lab, stacks[i], ip[i], 7503);
        listeners[i] = tcp_listening(lab, stacks[i], ip[i], 7503);
    }
    for (i = 0; i < 9; i++) {
        int to = (i + 1 + i / 3) % 3;

        if (to == i % 3)
            continue;
        MUST(send_to(datagrams[i % 3], "next", 4, ip[to], 7503));
        wait_events(datagrams[to], POLLIN);
        CHECK(MUST(ioth_recv(datagrams[to], got, 4, 0)) == 4);
        client = open_socket(lab, stacks[i % 3], SOCK_STREAM);
        MUST(connect_to(client, ip[to], 7503));
        server = MUST(ioth_accept(listeners[to], NULL, NULL));
        MUST(ioth_send(client, "next", 4, 0));
        read_bytes(server, got, 4);
        MUST(ioth_close(client));
        MUST(ioth_close(server));
    }
    for (i = 0; i < 3; i++) {
        MUST(ioth_close(datagrams[i]));
        MUST(ioth_close(listeners[i]));
    }
    MUST(ioth_delstack(stacks[2]));
}

static int open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    CHECK(dir != NULL);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static int threads_of_process(void)
{
    DIR *dir = opendir("/proc/self/task");
    int n = 0;

    CHECK(dir != NULL);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static void stack_round(struct lab *lab)
{
    struct ioth *stack = lab_another(lab);
    int fd;

    fd = MUST(ioth_msocket(stack, AF_INET, SOCK_DGRAM, 0));
    MUST(ioth_close(fd));
    MUST(ioth_delstack(stack));
}

/* What libvdeplug itself leaves open each time: that of Debian one descriptor of a vxvde. */
static int left_by_network(const struct lab *lab)
{
    static char descr[] = "what is left?";
    int before = open_descriptors();
    VDECONN *conn = lab->is_native ? NULL : vde_open((char *)(uintptr_t)lab->vnl[0], descr, NULL);

    if (conn != NULL)
        vde_close(conn);
    return open_descriptors() - before;
}

static void test_stack_rounds(struct lab *lab)
{
    int rounds = lab->plan.more ? 10000 : 50, left = left_by_network(lab), descriptors, threads, i;

    stack_round(lab); /* what is made once is made now */
    descriptors = open_descriptors();
    threads = threads_of_process();
    for (i = 0; i < rounds; i++)
        stack_round(lab);
    CHECK(open_descriptors() == descriptors + rounds * left);
    CHECK(threads_of_process() == threads);
}

/* ---- many threads ---- */

enum { THREADS = 6, TALKS = 300 };

struct talker {
    const struct lab *lab;
    struct aside aside;
    unsigned number;
};

/* Talks with itself between two stacks, by new sockets each time. */
static void talk(void *arg)
{
    struct talker *talker = arg;
    const struct lab *lab = talker->lab;
    unsigned short port = (unsigned short)(7510 + talker->number);
    unsigned i, got;

    for (i = 0; i < TALKS; i++) {
        int to = udp_bound(lab, in_b(lab), ip_b(lab), port), from = open_socket(lab, in_a(lab), SOCK_DGRAM);
        unsigned sent = i * THREADS + talker->number;

        MUST(send_to(from, &sent, sizeof(sent), ip_b(lab), port));
        wait_events(to, POLLIN);
        CHECK(MUST(ioth_recv(to, &got, sizeof(got), 0)) == sizeof(got) && got == sent);
        MUST(ioth_close(to));
        MUST(ioth_close(from));
    }
}

static void test_threads(struct lab *lab)
{
    struct talker talkers[THREADS];
    unsigned i;

    for (i = 0; i < THREADS; i++) {
        talkers[i].lab = lab;
        talkers[i].number = i;
        aside_start(&talkers[i].aside, talk, &talkers[i]);
    }
    for (i = 0; i < THREADS; i++)
        aside_join(&talkers[i].aside);
}

/* One thread sends, another receives, on the same socket pair, both by calls that wait. */
struct stream_end {
    int fd;
    size_t total;
};

static void send_all(void *arg)
{
    static unsigned char chunk[CHUNK];
    const struct stream_end *end = arg;
    size_t sent, len;

    for (sent = 0; sent < end->total; sent += len) {
        len = end->total - sent < CHUNK ? end->total - sent : CHUNK;
        pattern_fill(chunk, len, sent);
        CHECK(MUST(ioth_send(end->fd, chunk, len, 0)) == (int)len);
    }
    MUST(ioth_shutdown(end->fd, SHUT_WR));
}

static void test_blocking_stream(struct lab *lab)
{
    static unsigned char chunk[CHUNK];
    struct pair pair = pair_open(lab);
    struct stream_end end = {.fd = pair.client, .total = 4 * (size_t)MEGABYTE};
    struct aside aside;
    size_t got = 0;
    int n;

    aside_start(&aside, send_all, &end);
    while ((n = MUST(ioth_recv(pair.server, chunk, sizeof(chunk), 0))) > 0) {
        CHECK(pattern_holds(chunk, (size_t)n, got));
        got += (size_t)n;
    }
    CHECK(got == end.total);
    aside_join(&aside);
    pair_close(&pair);
}

const struct row load_rows[] = {
    {"1,000 UDP sockets", test_many_sockets, ROW_BOTH | ROW_HEAVY},
    {"500 TCP connections at once", test_many_connections, ROW_HEAVY},
    {"1,000 TCP connections in a row", test_many_rounds, ROW_HEAVY},
    {"TCP: 10 MB both ways at once", test_transfer, ROW_BOTH | ROW_HEAVY},
    {"TCP: 4 MB by calls that wait, two threads", test_blocking_stream, ROW_BOTH | ROW_HEAVY},
    {"TCP: 512 KB both ways over a wire that loses and reorders", test_bad_wire_tcp,
     ROW_BOTH | ROW_HEAVY | ROW_LOSSY},
    {"TCP: 256 KB both ways over wirefilter, with loss and disorder", test_filter_tcp,
     ROW_HEAVY | ROW_FILTER},
    {"UDP: 2,000 datagrams over wirefilter, with loss and disorder", test_filter_udp, ROW_HEAVY | ROW_FILTER},
    {"UDP: 100,000 datagrams", test_many_datagrams, ROW_HEAVY},
    {"UDP: 5,000 datagrams over a wire that loses and reorders", test_bad_wire_udp, ROW_HEAVY | ROW_LOSSY},
    {"three stacks of one process talk to each other", test_three_stacks, ROW_BOTH},
    {"newstack, delstack: 50 rounds leave nothing", test_stack_rounds, ROW_HEAVY},
    {"six threads on two stacks", test_threads, ROW_BOTH | ROW_HEAVY},
    {NULL, NULL, 0},
};
