/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A wire that takes no frames for a while, and a crowd of connections that have something to send: what finds no room in the
 * wire's queue is kept by TCP, and sent when there is room again, in turn; another wire of the same stack that takes nothing
 * for longer makes no difference. Datagrams have room of their own, and whoever is told to wait sleeps until he can go on.
 * lwIP's timers run when the test says so alone, so nothing that was lost would be sent again. A network is a pair of sockets,
 * which loses nothing.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <ioth_plugin.h>

#include "lwip/port.h"
#include "lwip/sock.h"
#include "vde/vdeport.h"

enum {
    WIRES = 2,
    CONNECTIONS = 400, /* of each wire */
    SEGMENTS = 3,      /* of each: what lwIP sends at once */
    BYTES = SEGMENTS * 1460,
    QUEUE = 1024, /* of a wire: what TCP has of it, and what all else has */
    ROUND = 600,  /* frames that a slow network takes: the wire is full before and afterwards */
    MANY_BYTES = 3 * BYTES,
    ENDLESS = INT_MAX,
    SMALL_MTU = 576,
    UNFAIR = 5,
    PORT = 80,
    DESCRIPTORS = WIRES * CONNECTIONS * 4 + 100,
    DEADLINE_MS = 60000,
    TICKS = 60, /* of half a second; twelve probes that are tried again at each would be over by then */
};

extern const struct ioth_plugin ioth_plugin_lwip;
static const struct ioth_ops *const ops = &ioth_plugin_lwip.ops;

/* ---- the network ---- */

enum end { WRITER, READER, ENDS };

static struct {
    int ends[ENDS];
    atomic_int room; /* frames that it takes of the writer from now on */
} networks[WIRES];

/* The VNL of an end: which network, and which end of it. */
static const char *const vnls[WIRES][ENDS] = {{"wrapped://00", "wrapped://01"},
                                              {"wrapped://10", "wrapped://11"}};

int __wrap_vdeport_open(struct vdeport *p, const char *vnl, const char *descr);
int __wrap_vdeport_open(struct vdeport *p, const char *vnl, const char *descr)
{
    const char *name = vnl + strlen("wrapped://");

    (void)descr;
    *p = (struct vdeport){.is_connected = true, .control = -1};
    p->data = networks[name[0] - '0'].ends[name[1] - '0'];
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

    return len < 0 ? -errno : len == 0 ? -ENETDOWN : (int)len;
}

int __wrap_vdeport_send(struct vdeport *p, const uint8_t *frame, size_t len);
int __wrap_vdeport_send(struct vdeport *p, const uint8_t *frame, size_t len)
{
    if (!p->is_connected)
        return -ENETDOWN;
    for (int i = 0; i < WIRES; i++)
        if (p->data == networks[i].ends[WRITER] && atomic_fetch_sub(&networks[i].room, 1) <= 0) {
            networks[i].room = 0;
            return -EAGAIN;
        }
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

static ssize_t stop_timers(void *arg)
{
    struct stack *stack = arg;

    stack->lw.sys_check_timeouts = no_timers;
    stack->lw.sys_timeouts_sleeptime = never;
    return 0;
}

struct setting {
    struct stack *stack;
    unsigned ifindex;
    uint8_t wire, host; /* bytes of its address */
};

static ssize_t configure(void *arg)
{
    const struct setting *setting = arg;
    struct address address = {.ip = IPADDR4_INIT_BYTES(10, 0, setting->wire, setting->host),
                              .prefix_bits = 24};
    struct port *port = stack_port(setting->stack, setting->ifindex);

    port_set_up(port, true);
    return port_add_address(port, &address);
}

static void do_in(struct stack *stack, ssize_t (*what)(void *arg), void *arg)
{
    stack_lock(stack);
    assert_int_equal(stack_run(stack, what, arg), 0);
    stack_unlock(stack);
}

static struct stack *new_stack(const char *const *vnlv)
{
    void *ctx;

    assert_int_equal(ioth_plugin_lwip.stack_new(vnlv, "", &ctx), 0);
    do_in(ctx, stop_timers, ctx);
    return ctx;
}

/* 10.0.WIRE.1 */
static struct stack *new_writer(void)
{
    static const char *vnlv[WIRES + 1];
    struct setting setting = {.host = 1};
    uint8_t i;

    for (i = 0; i < WIRES; i++)
        vnlv[i] = vnls[i][WRITER];
    setting.stack = new_stack(vnlv);
    for (i = 0; i < WIRES; i++) {
        setting.wire = i;
        setting.ifindex = LO_INDEX + 1 + i;
        do_in(setting.stack, configure, &setting);
    }
    return setting.stack;
}

/* 10.0.WIRE.2 */
static struct stack *new_reader(uint8_t wire)
{
    const char *const vnlv[] = {vnls[wire][READER], NULL};
    struct setting setting = {.ifindex = LO_INDEX + 1, .wire = wire, .host = 2};

    setting.stack = new_stack(vnlv);
    do_in(setting.stack, configure, &setting);
    return setting.stack;
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

    do_in(stack, run_timer, &tick);
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

/* What goes over a wire. */
struct pair {
    uint8_t wire;
    struct stack *writer, *reader; /* of all wires it is the same writer */
    int writers[CONNECTIONS], readers[CONNECTIONS];
};

static int new_socket(struct stack *stack, int type)
{
    int fd = ops->socket(stack, AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    return fd;
}

static void wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
}

static struct sockaddr_in reader_of(const struct pair *pair)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(PORT),
                                .sin_addr.s_addr = htonl(0x0a000002 | (uint32_t)pair->wire << 8)};
}

static int listen_at(const struct pair *pair)
{
    const struct sockaddr_in at = reader_of(pair);
    int listener = new_socket(pair->reader, SOCK_STREAM), one = 1;

    ops->setsockopt(pair->reader, listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    assert_int_equal(ops->bind(pair->reader, listener, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(ops->listen(pair->reader, listener, CONNECTIONS), 0);
    return listener;
}

static void connect_one(const struct pair *pair, int listener, int *ret_writer, int *ret_reader)
{
    const struct sockaddr_in to = reader_of(pair);

    *ret_writer = new_socket(pair->writer, SOCK_STREAM);
    ops->connect(pair->writer, *ret_writer, (const struct sockaddr *)&to, sizeof(to));
    wait_for(*ret_writer, POLLOUT);
    wait_for(listener, POLLIN);
    *ret_reader = ops->accept4(pair->reader, listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(*ret_reader >= 0);
}

static void connect_all(struct pair *pair)
{
    int listener = listen_at(pair);

    for (int i = 0; i < CONNECTIONS; i++)
        connect_one(pair, listener, &pair->writers[i], &pair->readers[i]);
    assert_int_equal(ops->close(pair->reader, listener), 0);
}

static ssize_t write_bytes(const struct pair *pair, int fd, size_t len)
{
    static char bytes[BYTES];
    struct iovec iov = {.iov_base = bytes, .iov_len = len};
    const struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    return ops->sendmsg(pair->writer, fd, &msg, 0);
}

static ssize_t write_some(const struct pair *pair, int i)
{
    return write_bytes(pair, pair->writers[i], BYTES);
}

static ssize_t read_some(const struct pair *pair, int i)
{
    char bytes[BYTES];
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    return ops->recvmsg(pair->reader, pair->readers[i], &msg, 0);
}

static void read_from(const struct pair *pair, int i, ssize_t left)
{
    ssize_t len;

    for (; left > 0; left -= len) {
        wait_for(pair->readers[i], POLLIN);
        len = read_some(pair, i);
        assert_true(len > 0);
    }
}

/* Those from number `first` on write more than the queue holds. */
static void fill_wire(const struct pair *pair, int first)
{
    assert_true((CONNECTIONS - first) * SEGMENTS > QUEUE);
    networks[pair->wire].room = 0;
    for (int i = first; i < CONNECTIONS; i++)
        assert_int_equal(write_some(pair, i), BYTES);
}

static void read_all(const struct pair *pair, int first)
{
    for (int i = first; i < CONNECTIONS; i++)
        read_from(pair, i, BYTES);
}

struct amounts {
    size_t bytes[CONNECTIONS]; /* read from each */
    size_t all;
};

static size_t least_of(const struct amounts *amounts)
{
    size_t least = SIZE_MAX;

    for (int i = 0; i < CONNECTIONS; i++)
        if (amounts->bytes[i] < least)
            least = amounts->bytes[i];
    return least;
}

static void read_what_came(const struct pair *pair, int i, struct amounts *amounts)
{
    ssize_t len;

    while ((len = read_some(pair, i)) > 0) {
        amounts->bytes[i] += (size_t)len;
        amounts->all += (size_t)len;
    }
}

/* The network takes some frames; then all read what came and write what they can. */
static void flow_once(const struct pair *pair, struct amounts *amounts)
{
    atomic_int *room = &networks[pair->wire].room;

    *room = ROUND;
    for (int ms = 0; *room > 0; ms++) {
        assert_true(ms < DEADLINE_MS);
        poll(NULL, 0, 1);
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        read_what_came(pair, i, amounts);
        write_some(pair, i);
    }
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

static ssize_t send_datagram(const struct pair *pair, int fd)
{
    char bytes[100] = {0};
    struct sockaddr_in to = reader_of(pair);
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    const struct msghdr msg = {.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov, .msg_iovlen = 1};

    return ops->sendmsg(pair->writer, fd, &msg, 0);
}

/* ---- tests ---- */

static int open_pairs(void **state)
{
    static struct pair pairs[WIRES];
    struct stack *writer;

    for (uint8_t i = 0; i < WIRES; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, networks[i].ends), 0);
        networks[i].room = ENDLESS;
    }
    writer = new_writer();
    for (uint8_t i = 0; i < WIRES; i++) {
        pairs[i] = (struct pair){.wire = i, .writer = writer, .reader = new_reader(i)};
        connect_all(&pairs[i]);
    }
    *state = pairs;
    return 0;
}

static void close_pair(const struct pair *pair)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        assert_int_equal(ops->close(pair->writer, pair->writers[i]), 0);
        assert_int_equal(ops->close(pair->reader, pair->readers[i]), 0);
    }
    assert_int_equal(ioth_plugin_lwip.stack_free(pair->reader), 0);
}

static int close_pairs(void **state)
{
    const struct pair *pairs = *state;

    for (int i = 0; i < WIRES; i++)
        close_pair(&pairs[i]);
    assert_int_equal(ioth_plugin_lwip.stack_free(pairs[0].writer), 0);
    for (int i = 0; i < WIRES; i++) {
        close(networks[i].ends[WRITER]);
        close(networks[i].ends[READER]);
    }
    return 0;
}

static void test_nothing_is_lost(void **state)
{
    fill_wire(*state, 0);
    networks[0].room = ENDLESS;
    read_all(*state, 0);
}

/* A network that is too slow for all is shared: nobody has more than UNFAIR times what all have, and another that stands still
 * changes nothing. */
static void test_all_have_their_turn(void **state)
{
    const struct pair *pairs = *state, *still = &pairs[0], *slow = &pairs[1];
    struct amounts amounts = {.all = 0};

    fill_wire(still, 0);
    fill_wire(slow, 0);
    while (least_of(&amounts) < MANY_BYTES) {
        assert_true(amounts.all < UNFAIR * CONNECTIONS * MANY_BYTES);
        flow_once(slow, &amounts);
    }
    networks[still->wire].room = ENDLESS;
    read_all(still, 0);
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
    networks[0].room = ENDLESS;
    read_all(pair, 1);
    read_from(pair, 0, written);
}

/* TCP has a share of the wire alone, however much it has to send. */
static void test_datagrams_pass(void **state)
{
    const struct pair *pair = *state;
    int fd = new_socket(pair->writer, SOCK_DGRAM);

    fill_wire(pair, 0);
    assert_true(send_datagram(pair, fd) > 0);
    networks[0].room = ENDLESS;
    read_all(pair, 0);
    assert_int_equal(ops->close(pair->writer, fd), 0);
}

static uint64_t dropped(const struct pair *pair)
{
    uint64_t n;

    stack_lock(pair->writer);
    n = stack_port(pair->writer, LO_INDEX + 1)->counters.tx_dropped;
    stack_unlock(pair->writer);
    return n;
}

/* Bytes of a connection between others, as a stack that forwards would send them. */
static ssize_t send_segment_of_others(const struct pair *pair, int fd)
{
    uint8_t frame[FRAME_HEADER + 41] = {
        [12] = 0x08, [14] = 0x45, [23] = IPPROTO_TCP, [26] = 192, [46] = 5 << 4};
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = LO_INDEX + 1};
    struct iovec iov = {.iov_base = frame, .iov_len = sizeof(frame)};
    const struct msghdr msg = {.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov, .msg_iovlen = 1};

    return ops->sendmsg(pair->writer, fd, &msg, 0);
}

/* Of what is lost each frame: what nobody keeps, whosoever it is; what TCP keeps is not lost. */
static void test_what_is_lost_is_counted(void **state)
{
    enum { LOST = 10 };
    const struct pair *pair = *state;
    int pings = ops->socket(pair->writer, AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
    int frames = ops->socket(pair->writer, AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));

    fill_wire(pair, 0);
    for (int i = 0; i < QUEUE + LOST; i++)
        assert_true((i % 2 == 0 ? send_datagram(pair, pings) : send_segment_of_others(pair, frames)) > 0);
    assert_int_equal(dropped(pair), LOST);
    networks[0].room = ENDLESS;
    read_all(pair, 0);
    assert_int_equal(ops->close(pair->writer, pings), 0);
    assert_int_equal(ops->close(pair->writer, frames), 0);
}

/* Who waits for room is not left waiting by a network that goes away. */
static void test_a_lost_network_holds_nobody(void **state)
{
    const struct pair *pair = *state;
    int fd = new_socket(pair->writer, SOCK_DGRAM);

    networks[0].room = 0;
    for (int i = 0; send_datagram(pair, fd) > 0; i++)
        assert_true(i < QUEUE);
    assert_int_equal(shutdown(networks[0].ends[READER], SHUT_RDWR), 0);
    wait_for(fd, POLLOUT);
    assert_int_equal(ops->close(pair->writer, fd), 0);
}

static ssize_t set_small_mtu(void *arg)
{
    const struct pair *pair = arg;

    return port_set_mtu(stack_port(pair->writer, LO_INDEX + 1), SMALL_MTU);
}

/* So many segments of a byte, and as much as goes: who is told to wait has something to wait for. */
static void check_who_waits(const struct pair *pair, int listener, int tiny)
{
    int writer, reader, one = 1;

    connect_one(pair, listener, &writer, &reader);
    assert_int_equal(ops->setsockopt(pair->writer, writer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
    networks[0].room = 0;
    for (int i = 0; i < tiny; i++)
        assert_int_equal(write_bytes(pair, writer, 1), 1);
    while (write_bytes(pair, writer, BYTES) > 0)
        ;
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(poll(&(struct pollfd){.fd = writer, .events = POLLOUT}, 1, 0), 0);
    networks[0].room = ENDLESS;
    assert_int_equal(ops->close(pair->writer, writer), 0);
    assert_int_equal(ops->close(pair->reader, reader), 0);
}

/* lwIP takes so many segments of a connection, and no piece of which it cannot take all; a small MTU makes several of each. */
static void test_who_waits_sleeps(void **state)
{
    struct pair *pair = *state;
    int listener = listen_at(pair);

    do_in(pair->writer, set_small_mtu, pair);
    for (int tiny = TCP_SND_QUEUELEN - 5; tiny < TCP_SND_QUEUELEN; tiny++)
        check_who_waits(pair, listener, tiny);
    assert_int_equal(ops->close(pair->reader, listener), 0);
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
        cmocka_unit_test_setup_teardown(test_nothing_is_lost, open_pairs, close_pairs),
        cmocka_unit_test_setup_teardown(test_all_have_their_turn, open_pairs, close_pairs),
        cmocka_unit_test_setup_teardown(test_a_closed_window_is_borne, open_pairs, close_pairs),
        cmocka_unit_test_setup_teardown(test_datagrams_pass, open_pairs, close_pairs),
        cmocka_unit_test_setup_teardown(test_what_is_lost_is_counted, open_pairs, close_pairs),
        cmocka_unit_test_setup_teardown(test_a_lost_network_holds_nobody, open_pairs, close_pairs),
        cmocka_unit_test_setup_teardown(test_who_waits_sleeps, open_pairs, close_pairs),
    };

    if (!has_room()) {
        printf("no room for %d descriptors\n", DESCRIPTORS);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
