/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A wire that takes no frames for a while, and a crowd of connections that have something to send: what finds no room in the
 * wire's queue is kept by TCP, and sent when there is room again. lwIP's timers run when the test says so alone, so nothing that
 * was lost would be sent again. The network is a pair of sockets, which loses nothing.
 */
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <ioth_plugin.h>

#include "lwip/port.h"
#include "lwip/sock.h"
#include "vde/vdeport.h"

enum {
    CONNECTIONS = 500,
    SEGMENTS = 3, /* of each: what lwIP sends at once */
    BYTES = SEGMENTS * 1460,
    QUEUE = 1024, /* of a wire */
    PORT = 80,
    DESCRIPTORS = CONNECTIONS * 4 + 100,
    DEADLINE_MS = 60000,
    TICKS = 60, /* of half a second; twelve probes that are tried again at each would be over by then */
};

extern const struct ioth_plugin ioth_plugin_lwip;
static const struct ioth_ops *const ops = &ioth_plugin_lwip.ops;

/* ---- the network ---- */

static struct {
    int ends[2];
    unsigned n_open;
    _Atomic bool takes_nothing_of_first;
} network;

int __wrap_vdeport_open(struct vdeport *p, const char *vnl, const char *descr);
int __wrap_vdeport_open(struct vdeport *p, const char *vnl, const char *descr)
{
    (void)vnl, (void)descr;
    *p = (struct vdeport){.is_connected = true, .data = network.ends[network.n_open++], .control = -1};
    p->retry_at = NSEC_NEVER;
    return 0;
}

void __wrap_vdeport_close(struct vdeport *p);
void __wrap_vdeport_close(struct vdeport *p)
{
    p->is_connected = false;
}

nsec_t __wrap_vdeport_deadline(const struct vdeport *p);
nsec_t __wrap_vdeport_deadline(const struct vdeport *p)
{
    (void)p;
    return NSEC_NEVER;
}

bool __wrap_vdeport_reconnect(struct vdeport *p, nsec_t now);
bool __wrap_vdeport_reconnect(struct vdeport *p, nsec_t now)
{
    (void)p, (void)now;
    return false;
}

int __wrap_vdeport_receive(struct vdeport *p, uint8_t frame[static VDEPORT_FRAME_ROOM]);
int __wrap_vdeport_receive(struct vdeport *p, uint8_t frame[static VDEPORT_FRAME_ROOM])
{
    ssize_t len = recv(p->data, frame, VDEPORT_FRAME_ROOM, MSG_DONTWAIT);

    return len < 0 ? -errno : (int)len;
}

int __wrap_vdeport_send(struct vdeport *p, const uint8_t *frame, size_t len);
int __wrap_vdeport_send(struct vdeport *p, const uint8_t *frame, size_t len)
{
    if (p->data == network.ends[0] && network.takes_nothing_of_first)
        return -EAGAIN;
    return send(p->data, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* ---- stacks ---- */

static void no_timers(void)
{
}

static u32_t never(void)
{
    return UINT32_MAX;
}

struct setting {
    struct stack *stack;
    uint8_t last; /* byte of its address */
};

static ssize_t configure(void *arg)
{
    const struct setting *setting = arg;
    struct stack *stack = setting->stack;
    struct address address = {.ip = IPADDR4_INIT_BYTES(10, 0, 0, setting->last), .prefix_bits = 24};
    struct port *port = stack_port(stack, 2);

    stack->lw.sys_check_timeouts = no_timers;
    stack->lw.sys_timeouts_sleeptime = never;
    port_set_up(port, true);
    return port_add_address(port, &address);
}

static struct stack *new_stack(uint8_t last)
{
    static const char *const vnlv[] = {"wrapped://", NULL};
    struct setting setting = {.last = last};
    void *ctx;

    assert_int_equal(ioth_plugin_lwip.stack_new(vnlv, "", &ctx), 0);
    setting.stack = ctx;
    stack_lock(ctx);
    assert_int_equal(stack_run(ctx, configure, &setting), 0);
    stack_unlock(ctx);
    return ctx;
}

enum timer { FAST, SLOW, TIMERS };

struct tick {
    struct stack *stack;
    enum timer timer;
};

static ssize_t run_timer(void *arg)
{
    static const char *const names[TIMERS] = {"tcp_fasttmr", "tcp_slowtmr"};
    const struct tick *tick = arg;
    void (*run)(void);

    *(void **)&run = dlsym(tick->stack->library.handle, names[tick->timer]);
    run();
    return 0;
}

/* A quarter of a second, or half of one, of lwIP's time. */
static void run(struct stack *stack, enum timer timer)
{
    struct tick tick = {stack, timer};

    stack_lock(stack);
    assert_int_equal(stack_run(stack, run_timer, &tick), 0);
    stack_unlock(stack);
}

/* Is there a connection that probes a window that is closed? */
static bool probes(struct stack *stack)
{
    const struct tcp_pcb *pcb;

    stack_lock(stack);
    pcb = *stack->lw.tcp_active_pcbs;
    while (pcb != NULL && (pcb->persist_backoff == 0 || pcb->snd_wnd > 0))
        pcb = pcb->next;
    stack_unlock(stack);
    return pcb != NULL;
}

/* ---- connections ---- */

struct pair {
    struct stack *writer, *reader;
    int writers[CONNECTIONS], readers[CONNECTIONS];
};

static int new_socket(struct stack *stack)
{
    int fd = ops->socket(stack, AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    return fd;
}

static void wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
}

static void connect_all(struct pair *pair)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(0x0a000002)};
    int listener = new_socket(pair->reader), i;

    assert_int_equal(ops->bind(pair->reader, listener, (const struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(ops->listen(pair->reader, listener, CONNECTIONS), 0);
    for (i = 0; i < CONNECTIONS; i++) {
        pair->writers[i] = new_socket(pair->writer);
        ops->connect(pair->writer, pair->writers[i], (const struct sockaddr *)&to, sizeof(to));
        wait_for(pair->writers[i], POLLOUT);
        wait_for(listener, POLLIN);
        pair->readers[i] = ops->accept4(pair->reader, listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        assert_true(pair->readers[i] >= 0);
    }
    assert_int_equal(ops->close(pair->reader, listener), 0);
}

static ssize_t write_some(const struct pair *pair, int i)
{
    static char bytes[BYTES];
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    const struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    return ops->sendmsg(pair->writer, pair->writers[i], &msg, 0);
}

static void read_from(const struct pair *pair, int i, ssize_t left)
{
    char bytes[BYTES];
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t len;

    for (; left > 0; left -= len) {
        wait_for(pair->readers[i], POLLIN);
        len = ops->recvmsg(pair->reader, pair->readers[i], &msg, 0);
        assert_true(len > 0);
    }
}

/* Those from number `first` on write more than the queue holds. */
static void fill_wire(const struct pair *pair, int first)
{
    assert_true((CONNECTIONS - first) * SEGMENTS > QUEUE);
    network.takes_nothing_of_first = true;
    for (int i = first; i < CONNECTIONS; i++)
        assert_int_equal(write_some(pair, i), BYTES);
}

static void read_all(const struct pair *pair, int first)
{
    for (int i = first; i < CONNECTIONS; i++)
        read_from(pair, i, BYTES);
}

/* Writes to connection `i` until its window is closed and it probes; returns how many bytes. */
static ssize_t close_window(const struct pair *pair, int i)
{
    ssize_t written = 0, len;

    for (int ms = 0; !probes(pair->writer); ms++) {
        assert_true(ms < DEADLINE_MS);
        while ((len = write_some(pair, i)) > 0)
            written += len;
        run(pair->reader, FAST); /* acknowledges */
        run(pair->writer, SLOW);
        poll(NULL, 0, 1);
    }
    return written;
}

/* ---- tests ---- */

static int open_pair(void **state)
{
    static struct pair pair;

    network.n_open = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, network.ends), 0);
    pair.writer = new_stack(1);
    pair.reader = new_stack(2);
    connect_all(&pair);
    *state = &pair;
    return 0;
}

static int close_pair(void **state)
{
    const struct pair *pair = *state;

    for (int i = 0; i < CONNECTIONS; i++) {
        assert_int_equal(ops->close(pair->writer, pair->writers[i]), 0);
        assert_int_equal(ops->close(pair->reader, pair->readers[i]), 0);
    }
    assert_int_equal(ioth_plugin_lwip.stack_free(pair->writer), 0);
    assert_int_equal(ioth_plugin_lwip.stack_free(pair->reader), 0);
    close(network.ends[0]);
    close(network.ends[1]);
    return 0;
}

static void test_nothing_is_lost(void **state)
{
    fill_wire(*state, 0);
    network.takes_nothing_of_first = false;
    read_all(*state, 0);
}

/* lwIP gives up after so many probes: those that find no room are lost, as on a wire, and the time between them grows. */
static void test_a_closed_window_is_borne(void **state)
{
    const struct pair *pair = *state;
    ssize_t written = close_window(pair, 0);

    fill_wire(pair, 1);
    for (int i = 0; i < TICKS; i++)
        run(pair->writer, SLOW);
    assert_true(probes(pair->writer));
    network.takes_nothing_of_first = false;
    read_all(pair, 1);
    read_from(pair, 0, written);
}

static bool has_room(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max < DESCRIPTORS)
        return false;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_is_lost, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(test_a_closed_window_is_borne, open_pair, close_pair),
    };

    if (!has_room()) {
        printf("no room for %d descriptors\n", DESCRIPTORS);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
