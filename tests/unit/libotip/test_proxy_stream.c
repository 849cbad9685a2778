/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One direction of a connection: by copying and by splice, with readers that do not keep up, ends and resets. The sockets are
 * TCP's, on the loopback interface; or pairs of AF_UNIX, which count as foreign: those are never spliced. */
#include "libotip/proxy_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { ALL = 3 << 20 };

/* Somebody who sends, a direction, somebody who receives. */
struct line {
    struct stream_pool *pool;
    int sender, receiver;
    struct stream_side from, to;
    struct stream_half half;
    uint64_t moved;
};

static bool make_pair(bool tcp, int ret[static 2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);

    if (!tcp)
        return socketpair(AF_UNIX, SOCK_STREAM, 0, ret) == 0;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ret[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&at, &len) < 0 ||
        connect(ret[0], (struct sockaddr *)&at, sizeof(at)) < 0)
        return false;
    ret[1] = accept(listener, NULL, NULL);
    close(listener);
    return ret[1] >= 0;
}

static struct stream_side side_of(int fd)
{
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return (struct stream_side){.fd = fd, .native = stream_is_native(fd), .readable = true, .writable = true};
}

static void open_line(struct line *l, bool tcp)
{
    int a[2], b[2];

    memset(l, 0, sizeof(*l));
    assert_true(make_pair(tcp, a) && make_pair(tcp, b));
    assert_int_equal(stream_pool_new(&l->pool), 0);
    l->sender = a[0];
    l->receiver = b[1];
    l->from = side_of(a[1]);
    l->to = side_of(b[0]);
    assert_int_equal(l->from.native, tcp);
    l->half = (struct stream_half){.from = &l->from, .to = &l->to};
    fcntl(l->sender, F_SETFL, O_NONBLOCK);
    fcntl(l->receiver, F_SETFL, O_NONBLOCK);
}

static void close_line(struct line *l)
{
    stream_half_fini(l->pool, &l->half);
    stream_pool_free(l->pool);
    int fds[] = {l->sender, l->receiver, l->from.fd, l->to.fd};
    for (unsigned i = 0; i < 4; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* What epoll would tell. */
static void look(struct stream_side *side)
{
    struct pollfd p = {.fd = side->fd, .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP};

    assert_true(poll(&p, 1, 0) >= 0);
    side->readable |= (p.revents & (POLLIN | POLLRDHUP | POLLHUP | POLLERR)) != 0;
    side->hung |= (p.revents & (POLLPRI | POLLRDHUP | POLLHUP | POLLERR)) != 0;
    side->writable |= (p.revents & (POLLOUT | POLLHUP | POLLERR)) != 0;
}

static enum stream_result turn(struct line *l)
{
    uint64_t moved;

    look(&l->from);
    look(&l->to);
    enum stream_result result = stream_pump(l->pool, &l->half, &moved);
    l->moved += moved;
    return result;
}

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 7 + at / 4093);
}

/* Sends what fits of the pattern from *at on. */
static void feed(int fd, size_t *at, size_t most)
{
    uint8_t bytes[50000];
    size_t len = ALL - *at < sizeof(bytes) ? ALL - *at : sizeof(bytes);

    len = len < most ? len : most;
    for (size_t i = 0; i < len; i++)
        bytes[i] = pattern(*at + i);
    ssize_t n = len > 0 ? send(fd, bytes, len, MSG_NOSIGNAL) : 0;
    if (n > 0)
        *at += (size_t)n;
}

/* True: the end has come. */
static bool drain(int fd, size_t *at, size_t most)
{
    uint8_t bytes[50000];
    ssize_t n = recv(fd, bytes, most < sizeof(bytes) ? most : sizeof(bytes), 0);

    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] != pattern(*at + (size_t)i))
            fail_msg("byte %zu is wrong", *at + (size_t)i);
    *at += n > 0 ? (size_t)n : 0;
    return n == 0;
}

/* Pieces of different sizes on both ends, so that both sides block again and again. */
static void carry_all(bool tcp)
{
    struct line l;
    size_t sent = 0, received = 0;
    uint64_t dice = 1;
    bool over = false, spliced = false;

    open_line(&l, tcp);
    while (!over) {
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        feed(l.sender, &sent, dice >> 62 ? 50000 : 100);
        if (sent == ALL)
            shutdown(l.sender, SHUT_WR);
        assert_int_not_equal(turn(&l), STREAM_BROKEN);
        spliced |= l.half.by_splice;
        over = (dice >> 40) % 3 > 0 && drain(l.receiver, &received, dice >> 61 ? 40000 : 10);
    }
    assert_int_equal(received, ALL);
    assert_int_equal(l.moved, ALL);
    assert_int_equal(spliced, tcp);
    assert_int_equal(turn(&l), STREAM_OVER);
    close_line(&l);
}

static void nothing_is_lost_by_splice(void **state)
{
    (void)state;
    carry_all(true);
}

static void nothing_is_lost_by_copying(void **state)
{
    (void)state;
    carry_all(false);
}

/* A reader that does not read bounds what is taken from the writer. */
static void a_slow_reader_holds_the_writer_back(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct line l;
        size_t sent = 0, before = (size_t)-1;
        open_line(&l, tcp);
        while (sent != before) {
            before = sent;
            for (unsigned i = 0; i < 20; i++) {
                feed(l.sender, &sent, 50000);
                assert_in_set(turn(&l), ((uintmax_t[]){STREAM_WAITS, STREAM_MORE}), 2);
            }
        }
        assert_true(l.half.held_len <= 64 << 10 && l.half.piped <= 1 << 20);
        close_line(&l);
    }
}

/* What a slow reader does not take stays where it came in: no pipe is lent to it, and all others go on by splice. */
static void slow_readers_hold_no_pipe(void **state)
{
    enum { SLOW = 140 /* more than there may be pipes */ };
    static struct line slow[SLOW], fast;
    size_t sent = 0, received = 0;
    unsigned lent = 0;

    (void)state;
    for (unsigned i = 0; i < SLOW; i++) {
        const int little = 64 << 10;
        size_t at = 0;
        open_line(&slow[i], true);
        setsockopt(slow[i].to.fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little));
        setsockopt(slow[i].receiver, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
        if (i > 0) {
            stream_pool_free(slow[i].pool);
            slow[i].pool = slow[0].pool;
        }
        for (unsigned k = 0; k < 60; k++) {
            feed(slow[i].sender, &at, 50000);
            assert_int_not_equal(turn(&slow[i]), STREAM_BROKEN);
        }
        assert_true(slow[i].half.by_splice);
        lent += slow[i].half.pipe != NULL;
    }
    assert_in_range(lent, 0, SLOW / 10); /* the room is an estimate */
    open_line(&fast, true);
    stream_pool_free(fast.pool);
    fast.pool = slow[0].pool;
    while (received < ALL) {
        feed(fast.sender, &sent, 50000);
        assert_int_not_equal(turn(&fast), STREAM_BROKEN);
        drain(fast.receiver, &received, 50000);
    }
    assert_true(fast.half.by_splice);
    fast.pool = NULL;
    close_line(&fast);
    for (unsigned i = SLOW; i-- > 0;) {
        stream_half_fini(slow[0].pool, &slow[i].half);
        slow[i].pool = i > 0 ? NULL : slow[0].pool;
        close_line(&slow[i]);
    }
}

static void without_a_pipe_bytes_are_copied(void **state)
{
    struct rlimit limit, none_left;
    size_t sent = 0, received = 0;
    struct line l;

    (void)state;
    open_line(&l, true);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none_left = (struct rlimit){.rlim_cur = 3, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none_left), 0);
    while (received < ALL) {
        feed(l.sender, &sent, 50000);
        enum stream_result result = turn(&l);
        if (result == STREAM_BROKEN || l.half.pipe != NULL)
            break;
        drain(l.receiver, &received, 50000);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(received, ALL);
    close_line(&l);
}

static void an_end_passes_behind_the_last_byte(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct line l;
        size_t sent = 0, received = 0;
        open_line(&l, tcp);
        feed(l.sender, &sent, 10);
        shutdown(l.sender, SHUT_WR);
        struct pollfd p = {.fd = l.from.fd, .events = POLLRDHUP};
        assert_int_equal(poll(&p, 1, 5000), 1);
        assert_int_equal(turn(&l), STREAM_OVER);
        p = (struct pollfd){.fd = l.receiver, .events = POLLRDHUP};
        assert_int_equal(poll(&p, 1, 5000), 1);
        assert_false(drain(l.receiver, &received, 100));
        assert_true(drain(l.receiver, &received, 100));
        assert_int_equal(received, 10);
        assert_int_equal(turn(&l), STREAM_OVER); /* and is passed on once */
        close_line(&l);
    }
}

/* Neither splice(2) nor one read leads over them; and the end that stands behind is not told before all bytes are. */
static void urgent_bytes_pass_in_line(void **state)
{
    enum { EVERY = 200000 };
    const int yes = 1;
    struct line l;
    size_t sent = 0, received = 0, urgent = 0;
    bool over = false;

    (void)state;
    open_line(&l, true);
    setsockopt(l.from.fd, SOL_SOCKET, SO_OOBINLINE, &yes, sizeof(yes));
    while (!over) {
        if (sent < ALL && sent / EVERY > urgent) {
            uint8_t byte = pattern(sent);
            if (send(l.sender, &byte, 1, MSG_OOB) == 1) {
                sent++;
                urgent++;
            }
        }
        feed(l.sender, &sent, 50000);
        if (sent == ALL)
            shutdown(l.sender, SHUT_WR);
        enum stream_result result = turn(&l);
        assert_int_not_equal(result, STREAM_BROKEN);
        over = drain(l.receiver, &received, 50000);
        if (result == STREAM_OVER)
            assert_int_equal(l.moved, ALL);
    }
    assert_int_equal(received, ALL);
    close_line(&l);
}

static void a_reset_breaks_it(void **state)
{
    struct linger at_once = {.l_onoff = 1};
    struct line l;
    (void)state;

    open_line(&l, true);
    setsockopt(l.sender, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(l.sender);
    l.sender = -1;
    struct pollfd p = {.fd = l.from.fd, .events = 0};
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(turn(&l), STREAM_BROKEN);
    close_line(&l);
}

static void who_writes_to_nobody_learns_it(void **state)
{
    (void)state;
    struct line l;
    size_t sent = 0;

    open_line(&l, false);
    close(l.receiver);
    l.receiver = -1;
    feed(l.sender, &sent, 100);
    assert_int_equal(turn(&l), STREAM_BROKEN);
    close_line(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_by_splice),
        cmocka_unit_test(nothing_is_lost_by_copying),
        cmocka_unit_test(a_slow_reader_holds_the_writer_back),
        cmocka_unit_test(slow_readers_hold_no_pipe),
        cmocka_unit_test(without_a_pipe_bytes_are_copied),
        cmocka_unit_test(an_end_passes_behind_the_last_byte),
        cmocka_unit_test(urgent_bytes_pass_in_line),
        cmocka_unit_test(a_reset_breaks_it),
        cmocka_unit_test(who_writes_to_nobody_learns_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
