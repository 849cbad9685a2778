/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hub that stops and goes on, and dies and comes back, under many connections at once, both ways, between lwip and itself and
 * with vdestack, with datagrams and pings beside: each stream arrives whole, since TCP sends again what is lost with the hub,
 * and afterwards the process holds no more than before. IOTH_FAULTS says how many faults, IOTH_STOP_MS for how long the hub
 * stops each time, IOTH_CONNECTIONS how many connections of each two stacks.
 *
 * The flood is over with the last fault. Who waited for the hub sends with a timer as long as the hub was away, and lwIP has no
 * timestamps by which the kernel would make it short again (RFC 6298 s3, s5.7): each segment that a flood loses from then on is
 * sent again after that long.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lab.h"
#include "lab/holdings.h"
#include "lab/pattern.h"

enum {
    CONNECTIONS_MAX = 1000, /* of each two stacks */
    STREAMS = 3 * 2 * CONNECTIONS_MAX,
    BYTES = 100000, /* each way */
    CHUNK = 16384,
    PORT = 80,
    NOBODY_PORT = 9,
    FLOOD = 50, /* datagrams, and pings, of each round */
    STOP_MS = 300,
    RUN_MS = 100,
    REBORN = 2,           /* each so many faults, the hub dies */
    DEADLINE_MS = 120000, /* a segment that is lost five times in a row comes within 100 s (RFC 6298 s5.5) */
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the hub ---- */

struct breaker {
    struct hub hub;
    long faults;
    bool is_stopped;
    int64_t next_ms;
};

/* What is due: it stops; it goes on, or dies and is there again. */
static void break_hub(struct breaker *breaker)
{
    if (now_ms() < breaker->next_ms || (breaker->faults == 0 && !breaker->is_stopped))
        return;
    if (breaker->is_stopped && breaker->faults % REBORN == 0) {
        lab_hub_kill(&breaker->hub);
        lab_hub_start(&breaker->hub, "broken");
    } else {
        kill(breaker->hub.pid, breaker->is_stopped ? SIGCONT : SIGSTOP);
    }
    breaker->is_stopped = !breaker->is_stopped;
    breaker->faults -= breaker->is_stopped;
    breaker->next_ms = now_ms() + (breaker->is_stopped ? lab_number("IOTH_STOP_MS", STOP_MS) : RUN_MS);
}

/* ---- streams ---- */

struct stream {
    size_t written, read, offset, others;
    bool ended;
};

struct crowd {
    struct pollfd fds[STREAMS];
    struct stream streams[STREAMS];
    unsigned n, left;
};

static void add(struct crowd *crowd, int fd, size_t offset, size_t others)
{
    assert_true(fd >= 0);
    crowd->fds[crowd->n] = (struct pollfd){.fd = fd, .events = POLLIN | POLLOUT};
    crowd->streams[crowd->n++] = (struct stream){.offset = offset, .others = others};
    crowd->left++;
}

static void connect_crowd(struct crowd *crowd, struct ioth *from, struct ioth *to, const char *addr, long n)
{
    const int listener = lab_bound(to, SOCK_STREAM, addr, PORT);

    for (long i = 0; i < n; i++) {
        const struct lab_pair pair = lab_connected(from, listener, addr, PORT);
        const size_t offset = (size_t)crowd->n * BYTES;

        add(crowd, pair.client, offset, offset + BYTES);
        add(crowd, pair.server, offset + BYTES, offset);
    }
    assert_int_equal(ioth_close(listener), 0);
}

static void write_to(struct stream *stream, struct pollfd *polled)
{
    unsigned char chunk[CHUNK];
    size_t len = BYTES - stream->written < CHUNK ? BYTES - stream->written : CHUNK;
    ssize_t n;

    pattern_fill(chunk, len, stream->offset + stream->written);
    n = ioth_write(polled->fd, chunk, len);
    if (n < 0)
        assert_int_equal(errno, EAGAIN);
    else
        stream->written += (size_t)n;
    if (stream->written < BYTES)
        return;
    assert_int_equal(ioth_shutdown(polled->fd, SHUT_WR), 0);
    polled->events &= ~POLLOUT;
}

static void read_from(struct stream *stream, struct pollfd *polled)
{
    unsigned char chunk[CHUNK];
    ssize_t n = ioth_read(polled->fd, chunk, sizeof(chunk));

    if (n < 0) {
        if (errno != EAGAIN)
            fail_msg("%zu bytes written, %zu read: %s", stream->written, stream->read, strerror(errno));
        return;
    }
    assert_true(pattern_holds(chunk, (size_t)n, stream->others + stream->read));
    stream->read += (size_t)n;
    if (n > 0)
        return;
    assert_int_equal(stream->read, BYTES);
    stream->ended = true;
    polled->events &= ~POLLIN;
}

static void go_on(struct crowd *crowd, unsigned i)
{
    struct pollfd *polled = &crowd->fds[i];
    struct stream *stream = &crowd->streams[i];
    int fd = polled->fd;

    if (fd < 0 || polled->revents == 0)
        return;
    if ((polled->revents & POLLOUT) != 0 && stream->written < BYTES)
        write_to(stream, polled);
    if ((polled->revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !stream->ended)
        read_from(stream, polled);
    if (!stream->ended || stream->written < BYTES)
        return;
    polled->fd = -1;
    assert_int_equal(ioth_close(fd), 0);
    crowd->left--;
}

/* ---- beside them ---- */

static void flood(int datagrams, int pings)
{
    struct sockaddr_storage to;
    socklen_t len = lab_sockaddr(&to, "10.0.0.2", NOBODY_PORT);
    char bytes[1000] = {0};

    for (int i = 0; i < FLOOD; i++) {
        ioth_sendto(datagrams, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&to, len);
        lab_ping_send(pings, "10.0.0.2", (uint16_t)i);
    }
    while (lab_ping_reply(pings) >= 0)
        ;
}

static bool has_faults_left(const struct breaker *breaker)
{
    return breaker->faults > 0 || breaker->is_stopped;
}

static void flow(struct crowd *crowd, struct breaker *breaker, struct ioth *stack)
{
    const int64_t begun_ms = now_ms();
    int datagrams = lab_bound(stack, SOCK_DGRAM, "10.0.0.1", NOBODY_PORT);
    int pings = lab_ping_open(stack, AF_INET);

    while (crowd->left > 0 || has_faults_left(breaker)) {
        if (now_ms() > begun_ms + DEADLINE_MS)
            fail_msg("%u streams have not ended", crowd->left);
        break_hub(breaker);
        if (has_faults_left(breaker))
            flood(datagrams, pings);
        assert_true(poll(crowd->fds, crowd->n, 5) >= 0);
        for (unsigned i = 0; i < crowd->n; i++)
            go_on(crowd, i);
    }
    print_message("%u streams, %.1f s\n", crowd->n, (double)(now_ms() - begun_ms) / 1000);
    assert_int_equal(ioth_close(datagrams), 0);
    assert_int_equal(ioth_close(pings), 0);
}

static void streams_between(struct ioth *stacks[3], struct breaker *breaker)
{
    static struct crowd crowd;
    const long n = lab_number("IOTH_CONNECTIONS", 20);

    assert_in_range(n, 1, CONNECTIONS_MAX);
    connect_crowd(&crowd, stacks[0], stacks[1], "10.0.0.2", n);
    connect_crowd(&crowd, stacks[2], stacks[0], "10.0.0.1", n);
    connect_crowd(&crowd, stacks[1], stacks[2], "10.0.0.3", n);
    flow(&crowd, breaker, stacks[0]);
}

static void test_streams_arrive_whole(void **state)
{
    struct breaker breaker = {.faults = lab_number("IOTH_FAULTS", 4)};
    struct holdings before = holdings_now(), after;
    struct ioth *stacks[3];

    (void)state;
    lab_hub_start(&breaker.hub, "broken");
    stacks[0] = lab_stack("lwip", breaker.hub.vnl, "10.0.0.1");
    stacks[1] = lab_stack("lwip", breaker.hub.vnl, "10.0.0.2");
    stacks[2] = lab_stack("vdestack", breaker.hub.vnl, "10.0.0.3");
    streams_between(stacks, &breaker);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ioth_delstack(stacks[i]), 0);
    lab_hub_kill(&breaker.hub);
    if (!holdings_are_back(&before, &after))
        fail_msg("descriptors %d to %d, threads %d to %d, children %d to %d", before.descriptors,
                 after.descriptors, before.threads, after.threads, before.children, after.children);
}

static void have_descriptors(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_streams_arrive_whole)};

    have_descriptors();
    return lab_run(tests);
}
