/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One of three stacks of a process dies of an assertion inside lwIP, in a call, in the loop's thread by a frame or a
 * timer, in the middle of receiving or of closing. All its sockets show it, whoever waits on one is woken, the stack
 * can be deleted and another made in its place; the other two do not notice.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "lab.h"
#include "lab/holdings.h"
#include "mortal.h"

enum { ECHO_PORT = 7, HTTP_PORT = 80, NOBODY_PORT = 81, DATA_PORT = 1000 };

/* ---- two stacks that echo on ---- */

struct echo {
    struct ioth *server, *client;
    int server_fd, client_fd;
    pthread_t thread;
    atomic_bool stop;
    atomic_uint rounds, errors;
};

/* One datagram there and back. */
static bool echo_once(struct echo *echo, unsigned number)
{
    struct pollfd fds[2] = {{.fd = echo->server_fd, .events = POLLIN},
                            {.fd = echo->client_fd, .events = POLLIN}};
    struct sockaddr_storage to, from;
    socklen_t len = lab_sockaddr(&to, "10.0.0.2", ECHO_PORT);
    unsigned got = 0;

    if (ioth_sendto(echo->client_fd, &number, sizeof(number), 0, (struct sockaddr *)&to, len) !=
        sizeof(number))
        return false;
    while (got != number && poll(fds, 2, 5000) > 0) {
        len = sizeof(from);
        if (fds[0].revents != 0 &&
            (ioth_recvfrom(echo->server_fd, &got, sizeof(got), 0, (struct sockaddr *)&from, &len) < 0 ||
             ioth_sendto(echo->server_fd, &got, sizeof(got), 0, (struct sockaddr *)&from, len) < 0))
            return false;
        got = 0;
        if (fds[1].revents != 0 && ioth_recv(echo->client_fd, &got, sizeof(got), 0) < 0)
            return false;
    }
    return got == number;
}

static void *echo_main(void *arg)
{
    struct echo *echo = arg;
    unsigned number = 0;

    while (!atomic_load(&echo->stop))
        atomic_fetch_add(echo_once(echo, ++number) ? &echo->rounds : &echo->errors, 1);
    return NULL;
}

static void echo_start(struct echo *echo)
{
    *echo = (struct echo){.server = lab_stack("mortal", NULL, "10.0.0.2"),
                          .client = lab_stack("mortal", NULL, "10.0.0.3")};
    echo->server_fd = lab_bound(echo->server, SOCK_DGRAM, "10.0.0.2", ECHO_PORT);
    echo->client_fd = lab_bound(echo->client, SOCK_DGRAM, "10.0.0.3", ECHO_PORT);
    assert_int_equal(pthread_create(&echo->thread, NULL, echo_main, echo), 0);
}

static bool echoes_on(void *arg)
{
    static unsigned begun;
    struct echo *echo = arg;
    unsigned rounds = atomic_load(&echo->rounds);

    if (begun == 0)
        begun = rounds + 1;
    if (rounds < begun + 100)
        return false;
    begun = 0;
    return true;
}

static void echo_stop(struct echo *echo)
{
    assert_true(lab_wait(echoes_on, echo));
    atomic_store(&echo->stop, true);
    assert_int_equal(pthread_join(echo->thread, NULL), 0);
    assert_int_equal(atomic_load(&echo->errors), 0);
    assert_int_equal(ioth_close(echo->server_fd), 0);
    assert_int_equal(ioth_close(echo->client_fd), 0);
    assert_int_equal(ioth_delstack(echo->server), 0);
    assert_int_equal(ioth_delstack(echo->client), 0);
}

/* ---- callers that wait ---- */

struct waiter {
    int (*call)(int fd);
    int fd, result, error;
    pthread_t thread;
    _Atomic pid_t tid;
};

static int call_recv(int fd)
{
    char byte;

    return (int)ioth_recv(fd, &byte, 1, 0);
}

static int call_accept(int fd)
{
    return ioth_accept(fd, NULL, NULL);
}

/* A writer that nobody reads from. */
static int call_send(int fd)
{
    static const char bytes[65536];
    ssize_t sent;

    while ((sent = ioth_send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL)) == sizeof(bytes))
        ;
    /* part of it had gone: the next call says why not all */
    return sent < 0 ? -1 : (int)ioth_send(fd, bytes, 1, MSG_NOSIGNAL);
}

static int call_epoll(int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC), n;

    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    n = epoll_wait(epoll, &event, 1, 20000);
    close(epoll);
    if (n != 1 || (event.events & (EPOLLERR | EPOLLHUP)) != (EPOLLERR | EPOLLHUP))
        return n;
    return call_recv(fd);
}

static void *waiter_main(void *arg)
{
    struct waiter *waiter = arg;

    atomic_store(&waiter->tid, (pid_t)syscall(SYS_gettid));
    waiter->result = waiter->call(waiter->fd);
    waiter->error = errno;
    return NULL;
}

static bool is_asleep(void *arg)
{
    struct waiter *waiter = arg;
    char path[64], text[512] = "", *state;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)atomic_load(&waiter->tid));
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    state = fgets(text, sizeof(text), file) == NULL ? NULL : strrchr(text, ')');
    fclose(file);
    return state != NULL && strncmp(state, ") S", 3) == 0;
}

static void waiter_start(struct waiter *waiter, int (*call)(int fd), int fd)
{
    *waiter = (struct waiter){.call = call, .fd = fd};
    assert_int_equal(pthread_create(&waiter->thread, NULL, waiter_main, waiter), 0);
    assert_true(lab_wait(is_asleep, waiter));
}

static void waiter_is_woken(struct waiter *waiter)
{
    assert_int_equal(pthread_join(waiter->thread, NULL), 0);
    assert_int_equal(waiter->result, -1);
    assert_int_equal(waiter->error, ENOTRECOVERABLE);
}

/* ---- the one that dies ---- */

enum { UDP, UDP_EPOLL, LISTENER, READER, WRITER, IDLE, NETLINK, MEMBER, TARGET, SOCKETS, WAITERS = 5 };

struct victim {
    struct ioth *stack, *peer;
    int fds[SOCKETS], peer_listener, peer_fds[3], unaccepted;
    struct waiter waiters[WAITERS];
};

static int connect_to(struct ioth *from, const char *addr)
{
    struct sockaddr_storage to;
    socklen_t len = lab_sockaddr(&to, addr, HTTP_PORT);
    int fd = ioth_msocket(from, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(ioth_connect(fd, (struct sockaddr *)&to, len), 0);
    return fd;
}

/* A socket of AF_NETLINK whose replies nobody has fetched. */
static int ask_netlink(struct ioth *stack)
{
    struct {
        struct nlmsghdr head;
        struct rtgenmsg message;
    } request = {{sizeof(request), RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {AF_UNSPEC}};
    int fd = ioth_msocket(stack, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    assert_int_equal(ioth_send(fd, &request, sizeof(request), 0), sizeof(request));
    return fd;
}

static int join_group(struct ioth *stack)
{
    const struct ip_mreqn group = {.imr_multiaddr.s_addr = htonl(0xef010203), .imr_ifindex = 2};
    int fd = ioth_msocket(stack, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(ioth_setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)), 0);
    return fd;
}

static void victim_open(struct victim *victim, struct ioth *peer)
{
    int i;

    *victim = (struct victim){.stack = lab_stack("mortal", NULL, "10.0.0.1"), .peer = peer};
    victim->peer_listener = lab_bound(peer, SOCK_STREAM, "10.0.0.2", HTTP_PORT);
    victim->fds[UDP] = lab_bound(victim->stack, SOCK_DGRAM, "10.0.0.1", 53);
    victim->fds[UDP_EPOLL] = lab_bound(victim->stack, SOCK_DGRAM, "10.0.0.1", 54);
    victim->fds[LISTENER] = lab_bound(victim->stack, SOCK_STREAM, "10.0.0.1", NOBODY_PORT);
    victim->fds[TARGET] = lab_bound(victim->stack, SOCK_DGRAM, "10.0.0.1", DATA_PORT);
    victim->fds[NETLINK] = ask_netlink(victim->stack);
    victim->fds[MEMBER] = join_group(victim->stack);
    for (i = 0; i < 3; i++) {
        victim->fds[READER + i] = connect_to(victim->stack, "10.0.0.2");
        victim->peer_fds[i] = ioth_accept(victim->peer_listener, NULL, NULL);
        assert_true(victim->peer_fds[i] >= 0);
    }
}

/* Makes everybody wait, and a connection that nobody accepts. */
static void victim_wait(struct victim *victim)
{
    int idle_listener = lab_bound(victim->stack, SOCK_STREAM, "10.0.0.1", HTTP_PORT);

    victim->unaccepted = connect_to(victim->peer, "10.0.0.1");
    lab_wait_any(idle_listener, POLLIN);
    assert_int_equal(ioth_close(victim->fds[MEMBER]), 0);
    victim->fds[MEMBER] = idle_listener; /* its queue is what matters now */
    waiter_start(&victim->waiters[0], call_recv, victim->fds[UDP]);
    waiter_start(&victim->waiters[1], call_epoll, victim->fds[UDP_EPOLL]);
    waiter_start(&victim->waiters[2], call_accept, victim->fds[LISTENER]);
    waiter_start(&victim->waiters[3], call_recv, victim->fds[READER]);
    waiter_start(&victim->waiters[4], call_send, victim->fds[WRITER]);
}

static void is_dead(long result)
{
    assert_int_equal(result, -1);
    assert_int_equal(errno, ENOTRECOVERABLE);
}

static void every_call_says_so(struct victim *victim, int fd)
{
    struct sockaddr_storage addr;
    socklen_t len = lab_sockaddr(&addr, "10.0.0.1", 5);
    int number = 1;
    socklen_t number_len = sizeof(number);

    is_dead(ioth_msocket(victim->stack, AF_INET, SOCK_DGRAM, 0));
    is_dead(ioth_bind(fd, (struct sockaddr *)&addr, len));
    is_dead(ioth_connect(fd, (struct sockaddr *)&addr, len));
    is_dead(ioth_listen(fd, 1));
    is_dead(ioth_accept(fd, NULL, NULL));
    is_dead(ioth_getsockname(fd, (struct sockaddr *)&addr, &len));
    is_dead(ioth_getpeername(fd, (struct sockaddr *)&addr, &len));
    is_dead(ioth_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &number, sizeof(number)));
    is_dead(ioth_getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &number_len));
    is_dead(ioth_shutdown(fd, SHUT_RDWR));
    is_dead(ioth_ioctl(fd, FIONREAD, &number));
    is_dead(ioth_send(fd, "x", 1, MSG_NOSIGNAL));
    is_dead(ioth_recv(fd, &number, 1, MSG_DONTWAIT));
    is_dead(ioth_recv(fd, &number, 1, 0));
}

static void victim_has_died(struct victim *victim)
{
    int i;

    for (i = 0; i < SOCKETS; i++)
        lab_wait_all(victim->fds[i], POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
    for (i = 0; i < WAITERS; i++)
        waiter_is_woken(&victim->waiters[i]);
    for (i = 0; i < SOCKETS; i++)
        every_call_says_so(victim, victim->fds[i]);
}

static void victim_close(struct victim *victim)
{
    int i;

    assert_int_equal(ioth_delstack(victim->stack), -1);
    assert_int_equal(errno, EBUSY);
    for (i = 0; i < SOCKETS; i++)
        if (victim->fds[i] >= 0)
            assert_int_equal(ioth_close(victim->fds[i]), 0);
    assert_int_equal(ioth_delstack(victim->stack), 0);
    for (i = 0; i < 3; i++)
        ioth_close(victim->peer_fds[i]);
    ioth_close(victim->unaccepted);
    ioth_close(victim->peer_listener);
}

/* ---- ways to die ---- */

static void order(const struct victim *victim, int which, enum mortal_way way)
{
    int result = ioth_setsockopt(victim->fds[which], MORTAL_LEVEL, (int)way, NULL, 0);

    if (way == MORTAL_NOW)
        is_dead(result);
    else
        assert_int_equal(result, 0);
}

static void die_in_a_call(struct victim *victim)
{
    order(victim, TARGET, MORTAL_NOW);
}

/* Sends a datagram to the target. */
static void hit(struct victim *victim)
{
    struct sockaddr_storage to;
    socklen_t len = lab_sockaddr(&to, "10.0.0.1", DATA_PORT);
    int fd = ioth_msocket(victim->peer, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(ioth_sendto(fd, "x", 1, 0, (struct sockaddr *)&to, len), 1);
    assert_true(lab_readable(victim->fds[TARGET]));
    ioth_close(fd);
}

static void die_of_a_frame(struct victim *victim)
{
    order(victim, TARGET, MORTAL_ON_DATAGRAM);
    hit(victim);
}

static void die_of_a_timer(struct victim *victim)
{
    order(victim, IDLE, MORTAL_ON_TIMER);
}

static void die_receiving(struct victim *victim)
{
    char byte;

    hit(victim);
    order(victim, TARGET, MORTAL_ON_ARRIVALS);
    is_dead(ioth_recv(victim->fds[TARGET], &byte, 1, 0));
}

/* The socket is closed all the same. */
static void die_closing(struct victim *victim)
{
    hit(victim);
    order(victim, TARGET, MORTAL_ON_ARRIVALS);
    assert_int_equal(ioth_close(victim->fds[TARGET]), 0);
    victim->fds[TARGET] = victim->fds[UDP]; /* for the checks */
}

/* After the first time, which leaves stacks of threads and arenas to be used again, there are no more of them. */
static void check_mappings(void)
{
    enum { SLACK = 8 }; /* the heap may be cut in another way */
    static int settled;
    int mappings = holdings_now().mappings;

    if (settled != 0 && !holdings_are_a_sanitizers())
        assert_in_range(mappings, 1, settled + SLACK);
    settled = mappings;
}

static void one_dies(void (*die)(struct victim *victim))
{
    struct holdings before, after;
    struct echo echo;
    struct victim victim;
    struct ioth *next;

    echo_start(&echo);
    before = holdings_now();
    victim_open(&victim, echo.server);
    victim_wait(&victim);
    assert_true(lab_wait(echoes_on, &echo));
    die(&victim);
    victim_has_died(&victim);
    assert_true(lab_wait(echoes_on, &echo));
    if (victim.fds[TARGET] == victim.fds[UDP])
        victim.fds[TARGET] = -1;
    victim_close(&victim);
    next = lab_stack("mortal", NULL, "10.0.0.1"); /* in its place */
    lab_exchange(next, echo.client, "10.0.0.3", 100);
    lab_ping(next, "10.0.0.2");
    assert_int_equal(ioth_delstack(next), 0);
    assert_true(holdings_are_back(&before, &after));
    echo_stop(&echo);
    check_mappings();
}

static void test_in_a_call(void **state)
{
    (void)state;
    one_dies(die_in_a_call);
}

static void test_of_a_frame(void **state)
{
    (void)state;
    one_dies(die_of_a_frame);
}

static void test_of_a_timer(void **state)
{
    (void)state;
    one_dies(die_of_a_timer);
}

static void test_receiving(void **state)
{
    (void)state;
    one_dies(die_receiving);
}

static void test_closing(void **state)
{
    (void)state;
    one_dies(die_closing);
}

/* A network sees a stack that has died go silent: nobody answers its pings, the hub's descriptors come back. */
static void test_its_wires_go(void **state)
{
    struct ioth *stack = lab_stack("mortal", NULL, "10.0.0.1"), *peer = lab_stack("mortal", NULL, "10.0.0.2");
    struct holdings before, after;
    int fd = lab_bound(stack, SOCK_DGRAM, "10.0.0.1", DATA_PORT);

    (void)state;
    lab_ping(peer, "10.0.0.1");
    before = holdings_now();
    is_dead(ioth_setsockopt(fd, MORTAL_LEVEL, MORTAL_NOW, NULL, 0));
    before.descriptors -= 3; /* of the wire two, and our end of the socket */
    assert_true(holdings_are_back(&before, &after));
    assert_int_equal(ioth_close(fd), 0);
    assert_int_equal(ioth_delstack(stack), 0);
    assert_int_equal(ioth_delstack(peer), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_a_call),  cmocka_unit_test(test_of_a_frame),
        cmocka_unit_test(test_of_a_timer), cmocka_unit_test(test_receiving),
        cmocka_unit_test(test_closing),    cmocka_unit_test(test_its_wires_go),
    };

    setenv("IOTH_PLUGIN_PATH", MORTAL_FOLDER, 1);
    return lab_run(tests);
}
