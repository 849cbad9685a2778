/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames to and from a virtual network (vde/vdeport.h), without a thread or a copy in between: who sends a
 * packet sends the frame. Frames are read in batches of BATCH.
 *
 * A network that does not take a frame at once (a hub's queue is full) lets them queue here, in the order in which they came,
 * and the loop sends them when its descriptor is writable. What TCP keeps if it is refused has one half of the queue, all else
 * the other: neither keeps the other from the wire. What finds its half full is refused, and so is all of TCP from then on until
 * half of that is free again, and the connections go on in turn: who has something acknowledged would else take each place that
 * becomes free, and who waits would wait for ever. All else is lost, as on a wire. Were TCP's lost too, a thousand connections
 * that send at one of lwIP's ticks would be the same that lose each time, and wait twice as long each time.
 *
 * A busy wire is lent: after a batch that brought several datagrams for one socket of UDP and nothing for another, the loop
 * leaves the next frames to that socket's reader, who takes them when he has read his last datagram, without two threads
 * being woken for them; there is none of that cost in a single packet. The wire is given back when there is no frame, or
 * one for another socket, and taken back from a reader who does not come for LEND_MS, since the frames of others
 * wait meanwhile; then nobody borrows it for DISTRUST_MS.
 *
 * A wire is opened before its interface is there and without any lock, since that may take seconds. The loop gets
 * back to a network that went away, and never waits for it.
 */
#include "lwip/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <linux/if_ether.h>

#include "lwip/loop.h"
#include "lwip/port.h"
#include "lwip/route.h"
#include "lwip/tcpsock.h"

enum {
    BATCH = 64,        /* frames before the next interface has its turn */
    READER_BATCH = 16, /* frames that a reader takes, who has a datagram to work on */
    LEND_MS = 2,       /* the clock's step is 1 */
    DISTRUST_MS = 200,
    SHARE = 1024 /* frames that wait, of each kind; two windows of TCP are 90 */
};

/* What TCP keeps if it is refused; all else. */
enum kind { KEPT, OTHERS, KINDS };

enum { QUEUE_MAX = KINDS * SHARE };

struct wire_end {
    struct wire *wire;
    bool is_control;
};

struct held_frame {
    uint8_t *bytes;
    uint32_t len;
    enum kind kind;
};

struct wire {
    struct port *port;
    struct vdeport network;
    bool is_watched, watches_output;
    bool has_refused; /* one that is kept, since half of its share was free */
    unsigned turn;    /* which connection sends first when there is room again */
    uint64_t lent_until_ms, trusted_from_ms;
    struct wire_end data_end, control_end;
    struct held_frame queue[QUEUE_MAX];
    unsigned first, counts[KINDS];
    uint8_t buffer[VDEPORT_FRAME_ROOM]; /* what is received; on no stack: a reader's may be small */
};

static unsigned count(const struct wire *wire)
{
    return wire->counts[KEPT] + wire->counts[OTHERS];
}

static void drop_first(struct wire *wire)
{
    struct held_frame *first = &wire->queue[wire->first];

    free(first->bytes);
    wire->counts[first->kind]--;
    wire->first = (wire->first + 1) % QUEUE_MAX;
}

/* Who waits for room has nothing to wait for any more. */
static void drop_queue(struct wire *wire)
{
    wire->has_refused = false;
    while (count(wire) > 0)
        drop_first(wire);
    sock_wire_ready(wire->port->stack);
}

static bool is_lent(const struct wire *wire)
{
    return wire->port->stack->lent_wire == wire;
}

/* The network is away, and is to be tried again. */
static void lose(struct wire *wire)
{
    struct stack *stack = wire->port->stack;

    loop_unwatch(wire->network.data);
    if (wire->network.control >= 0)
        loop_unwatch(wire->network.control);
    vdeport_lose(&wire->network);
    wire->is_watched = false;
    if (is_lent(wire))
        stack->lent_wire = NULL;
    drop_queue(wire);
    stack->wires_due_ms = stack_now_ms();
}

static void disconnect(struct wire *wire)
{
    if (wire->is_watched)
        lose(wire);
    vdeport_close(&wire->network);
}

static int watch(struct wire *wire)
{
    int error = loop_watch(wire->network.data, EPOLLIN, &wire->data_end);

    wire->is_watched = true;
    wire->watches_output = false;
    if (error == 0 && wire->network.control >= 0)
        error = loop_watch(wire->network.control, EPOLLIN | EPOLLRDHUP, &wire->control_end);
    return error;
}

int wire_open(const char *locator, struct wire **ret_wire)
{
    struct wire *wire = calloc(1, sizeof(*wire));
    int error;

    if (wire == NULL)
        return -ENOMEM;
    wire->data_end = (struct wire_end){wire, false};
    wire->control_end = (struct wire_end){wire, true};
    error = vdeport_open(&wire->network, locator, "ioth lwip");
    if (error < 0)
        free(wire);
    else
        *ret_wire = wire;
    return error;
}

int wire_join(struct wire *wire, struct port *port)
{
    wire->port = port;
    return watch(wire);
}

void wire_close(struct wire *wire)
{
    if (wire == NULL)
        return;
    disconnect(wire);
    free(wire);
}

static void watch_again(struct wire *wire)
{
    const uint32_t in = is_lent(wire) ? 0 : EPOLLIN, out = wire->watches_output ? EPOLLOUT : 0;

    loop_watch(wire->network.data, in | out, &wire->data_end);
}

/* ---- out ---- */

static void watch_output(struct wire *wire, bool on)
{
    if (wire->watches_output == on)
        return;
    wire->watches_output = on;
    watch_again(wire);
}

/* TCP keeps what it wants to have acknowledged: bytes, a SYN, a FIN. */
static bool is_kept(const uint8_t *tcp, size_t len)
{
    enum { HEADER = 20 };

    return len >= HEADER && ((tcp[13] & (TCP_SYN | TCP_FIN)) != 0 || (size_t)(tcp[12] >> 4) * 4 < len);
}

/* TCP of others, which is forwarded, nobody here keeps. */
static enum kind kind_of(const struct wire *wire, const uint8_t *frame, size_t len)
{
    enum { IP4_HEADER = 20, IP6_HEADER = 40 };
    const uint8_t *packet = frame + FRAME_HEADER;
    const unsigned type = len < FRAME_HEADER + IP4_HEADER ? 0 : (unsigned)(frame[12] << 8 | frame[13]);
    ip_addr_t src = IPADDR6_INIT(0, 0, 0, 0);
    size_t at = FRAME_HEADER;
    uint8_t protocol;

    if (type == ETH_P_IP) {
        src = (ip_addr_t)IPADDR4_INIT(0);
        memcpy(&src.u_addr, packet + 12, 4);
        protocol = packet[9];
        at += (size_t)(packet[0] & 0xf) * 4;
    } else if (type == ETH_P_IPV6 && len > FRAME_HEADER + IP6_HEADER) {
        memcpy(src.u_addr.ip6.addr, packet + 8, 16);
        protocol = packet[6];
        at += IP6_HEADER;
    } else {
        return OTHERS;
    }
    return protocol == IPPROTO_TCP && at < len && is_kept(frame + at, len - at) &&
                   route_own_address(wire->port->stack, &src, NULL) != NULL
               ? KEPT
               : OTHERS;
}

static int hold(struct wire *wire, const uint8_t *frame, size_t len)
{
    const enum kind kind = kind_of(wire, frame, len);
    struct held_frame *held = &wire->queue[(wire->first + count(wire)) % QUEUE_MAX];

    if (kind == KEPT && (wire->has_refused || wire->counts[KEPT] == SHARE)) {
        wire->has_refused = true;
        return -ENOBUFS;
    }
    if (wire->counts[kind] == SHARE)
        return -ENOSPC;
    held->bytes = malloc(len);
    if (held->bytes == NULL)
        return -ENOMEM;
    memcpy(held->bytes, frame, len);
    held->len = (uint32_t)len;
    held->kind = kind;
    wire->counts[kind]++;
    watch_output(wire, true);
    return 0;
}

int wire_send(struct wire *wire, const uint8_t *frame, size_t len)
{
    int error = count(wire) > 0 ? -EAGAIN : vdeport_send(&wire->network, frame, len);

    return error == -EAGAIN ? hold(wire, frame, len) : error;
}

bool wire_is_connected(const struct wire *wire)
{
    return wire->network.is_connected;
}

bool wire_is_busy(const struct wire *wire)
{
    return wire != NULL && wire->counts[OTHERS] > SHARE / 2;
}

static void send_held(struct wire *wire)
{
    const bool had_others = wire->counts[OTHERS] > 0;

    while (count(wire) > 0) {
        const struct held_frame *held = &wire->queue[wire->first];

        if (vdeport_send(&wire->network, held->bytes, held->len) == -EAGAIN)
            break;
        drop_first(wire);
    }
    if (wire->has_refused && wire->counts[KEPT] <= SHARE / 2) {
        wire->has_refused = false;
        wire->turn = tcp_resume(wire->port->stack, wire->turn, &wire->has_refused);
    }
    if (had_others && wire->counts[OTHERS] == 0)
        sock_wire_ready(wire->port->stack);
    if (count(wire) == 0)
        watch_output(wire, false);
}

/* ---- in ---- */

/* Receives a batch; false if the network has gone away. */
static bool receive(struct wire *wire, int batch)
{
    int i;

    for (i = 0; i < batch; i++) {
        int len = vdeport_receive(&wire->network, wire->buffer);

        if (len < 0)
            return len == -EAGAIN;
        if (len > 0)
            port_input(wire->port, wire->buffer, (size_t)len);
    }
    return true;
}

static void take_back(struct wire *wire)
{
    wire->port->stack->lent_wire = NULL;
    watch_again(wire);
}

/* Has the batch brought nothing for others than one socket? */
static bool has_one_reader(const struct stack *stack)
{
    return stack->ready_list != NULL && stack->ready_list->ready_next == NULL;
}

/* Has it brought several datagrams for that one? */
static bool deserves_loan(const struct stack *stack)
{
    return has_one_reader(stack) && stack->ready_list->type == &udp_sock && stack->ready_list->ring_count > 1;
}

static void lend(struct wire *wire)
{
    struct stack *stack = wire->port->stack;
    const uint64_t now = stack_now_ms();

    if (stack->lent_wire != NULL || now < wire->trusted_from_ms)
        return;
    wire->lent_until_ms = now + LEND_MS;
    stack->lent_wire = wire;
    if (stack->wires_due_ms > wire->lent_until_ms)
        stack->wires_due_ms = wire->lent_until_ms;
    watch_again(wire);
}

void wire_borrow(struct sock *sock)
{
    struct stack *stack = sock->stack;
    struct wire *wire = stack->lent_wire;

    if (wire == NULL)
        return;
    wire->lent_until_ms = stack_now_ms() + LEND_MS;
    if (!receive(wire, READER_BATCH))
        loop_tend(stack);
    if (sock->ring_count == 0 || !has_one_reader(stack))
        take_back(wire);
}

/* Takes it back from a reader who does not come. Returns when he would be late. */
static uint64_t look_after_lent(struct wire *wire, uint64_t now)
{
    if (!is_lent(wire))
        return UINT64_MAX;
    if (now < wire->lent_until_ms)
        return wire->lent_until_ms;
    wire->trusted_from_ms = now + DISTRUST_MS;
    take_back(wire);
    return UINT64_MAX;
}

struct stack *wire_stack(void *watched)
{
    return ((struct wire_end *)watched)->wire->port->stack;
}

void wire_event(void *watched, uint32_t events)
{
    struct wire_end *end = watched;
    struct wire *wire = end->wire;
    bool alive = true;

    if (!wire->network.is_connected)
        return;
    if (end->is_control) {
        alive = vdeport_look(&wire->network) != -ENETDOWN;
    } else {
        if ((events & EPOLLOUT) != 0)
            send_held(wire);
        if ((events & (EPOLLIN | EPOLLERR)) != 0)
            alive = receive(wire, BATCH);
        else if ((events & EPOLLHUP) != 0)
            alive = false;
    }
    if (!alive)
        lose(wire);
    else if (deserves_loan(wire->port->stack))
        lend(wire);
}

void wire_abandon_all(struct stack *stack)
{
    struct port *port;

    for (port = stack->ports; port != NULL; port = port->next)
        if (port->wire != NULL)
            disconnect(port->wire);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Gets back to its network if that is away. Returns when to try again. */
static uint64_t reconnect(struct wire *wire, uint64_t now)
{
    nsec_t next;

    if (!wire->network.is_connected && wire->is_watched)
        lose(wire); /* a reader has found it gone */
    if (vdeport_reconnect(&wire->network, (nsec_t)now * NSEC_PER_MSEC) && watch(wire) < 0)
        lose(wire);
    next = vdeport_deadline(&wire->network);
    return next == NSEC_NEVER ? UINT64_MAX : (uint64_t)((next - 1) / NSEC_PER_MSEC + 1);
}

uint64_t wire_tend_all(struct stack *stack)
{
    const uint64_t now = stack_now_ms();
    uint64_t next = UINT64_MAX;
    struct port *port;

    for (port = stack->ports; port != NULL; port = port->next)
        if (port->wire != NULL)
            next = earlier(next, earlier(reconnect(port->wire, now), look_after_lent(port->wire, now)));
    return next;
}
