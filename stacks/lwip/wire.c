/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames to and from libvdeplug, without a thread or a copy in between: who sends a packet sends the frame.
 *
 * vde_recv ignores MSG_DONTWAIT, so O_NONBLOCK is set on the data descriptor; where that is not a socket poll
 * tells before each frame whether one is there. Frames are read in batches of BATCH.
 *
 * A network that does not take a frame at once (a hub's queue is full) lets them queue here, up to
 * QUEUE_MAX, and the loop sends them when its descriptor is writable. What comes then is lost, as on a wire:
 * TCP sends it again.
 *
 * A network that goes away is tried again once a second. The connection that was lost is closed when there is another, so that
 * the module of libvdeplug stays loaded: a daemon in its sandbox cannot load code any more. vde_open and vde_close run one at a
 * time in the process: libvdeplug's modules do not promise more.
 */
#include "lwip/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libvdeplug.h>

#include "lwip/loop.h"
#include "lwip/port.h"
#include "lwip/sock.h"

enum {
    BATCH = 64,      /* frames before the next interface has its turn */
    QUEUE_MAX = 1024 /* frames that wait; two windows of TCP are 90 */
};

struct wire_end {
    struct wire *wire;
    bool is_control;
};

struct held_frame {
    uint8_t *bytes;
    size_t len;
};

struct wire {
    struct port *port;
    char *locator;
    VDECONN *conn;     /* NULL while the network is away */
    VDECONN *lost;     /* then the one before; NULL: none */
    int data, control; /* descriptors; control -1 if there is none of its own */
    bool data_is_socket, watches_output;
    struct wire_end data_end, control_end;
    struct held_frame queue[QUEUE_MAX];
    unsigned first, count;
};

static pthread_mutex_t libvdeplug_lock = PTHREAD_MUTEX_INITIALIZER;

static bool would_block(ssize_t result)
{
    return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

static void set_flags(int fd, int get, int set, int flag)
{
    int flags = fcntl(fd, get);

    if (flags >= 0)
        fcntl(fd, set, flags | flag);
}

static void drop_queue(struct wire *wire)
{
    for (; wire->count > 0; wire->count--) {
        free(wire->queue[wire->first].bytes);
        wire->first = (wire->first + 1) % QUEUE_MAX;
    }
}

static void forget_lost(struct wire *wire)
{
    if (wire->lost == NULL)
        return;
    pthread_mutex_lock(&libvdeplug_lock);
    vde_close(wire->lost);
    pthread_mutex_unlock(&libvdeplug_lock);
    wire->lost = NULL;
}

/* The network is away; another connection to it may follow. */
static void leave(struct wire *wire)
{
    if (wire->conn == NULL)
        return;
    loop_unwatch(wire->data);
    if (wire->control >= 0)
        loop_unwatch(wire->control);
    forget_lost(wire);
    wire->lost = wire->conn;
    wire->conn = NULL;
    drop_queue(wire);
}

static void disconnect(struct wire *wire)
{
    leave(wire);
    forget_lost(wire);
}

int wire_watch(struct wire *wire)
{
    int error = loop_watch(wire->data, EPOLLIN, &wire->data_end);

    if (error == 0 && wire->control >= 0)
        error = loop_watch(wire->control, EPOLLIN | EPOLLRDHUP, &wire->control_end);
    return error;
}

static int connect_wire(struct wire *wire)
{
    static char descr[] = "ioth lwip";
    struct stat status;

    pthread_mutex_lock(&libvdeplug_lock);
    errno = 0;
    wire->conn = vde_open(wire->locator, descr, NULL);
    pthread_mutex_unlock(&libvdeplug_lock);
    if (wire->conn == NULL)
        return errno != 0 ? -errno : -ENODEV;
    forget_lost(wire);
    wire->data = vde_datafd(wire->conn);
    wire->control = vde_ctlfd(wire->conn);
    if (wire->control == wire->data)
        wire->control = -1;
    wire->data_is_socket = fstat(wire->data, &status) == 0 && S_ISSOCK(status.st_mode);
    wire->watches_output = false;
    set_flags(wire->data, F_GETFL, F_SETFL, O_NONBLOCK);
    set_flags(wire->data, F_GETFD, F_SETFD, FD_CLOEXEC);
    if (wire->control >= 0)
        set_flags(wire->control, F_GETFD, F_SETFD, FD_CLOEXEC);
    return 0;
}

int wire_open(struct port *port, const char *locator, struct wire **ret_wire)
{
    struct wire *wire = calloc(1, sizeof(*wire));
    int error;

    if (wire == NULL)
        return -ENOMEM;
    wire->port = port;
    wire->data_end = (struct wire_end){wire, false};
    wire->control_end = (struct wire_end){wire, true};
    wire->locator = strdup(locator);
    error = wire->locator == NULL ? -ENOMEM : connect_wire(wire);
    if (error < 0) {
        wire_close(wire);
        return error;
    }
    *ret_wire = wire;
    return 0;
}

void wire_close(struct wire *wire)
{
    if (wire == NULL)
        return;
    disconnect(wire);
    free(wire->locator);
    free(wire);
}

/* ---- out ---- */

static void watch_output(struct wire *wire, bool on)
{
    if (wire->watches_output == on)
        return;
    wire->watches_output = on;
    loop_watch(wire->data, on ? EPOLLIN | EPOLLOUT : EPOLLIN, &wire->data_end);
}

static int hold(struct wire *wire, const uint8_t *frame, size_t len)
{
    struct held_frame *held = &wire->queue[(wire->first + wire->count) % QUEUE_MAX];

    if (wire->count == QUEUE_MAX)
        return -ENOBUFS;
    held->bytes = malloc(len);
    if (held->bytes == NULL)
        return -ENOBUFS;
    memcpy(held->bytes, frame, len);
    held->len = len;
    wire->count++;
    watch_output(wire, true);
    return 0;
}

int wire_send(struct wire *wire, const uint8_t *frame, size_t len)
{
    if (wire->conn == NULL)
        return -ENOBUFS;
    if (wire->count > 0)
        return hold(wire, frame, len);
    if (!would_block(vde_send(wire->conn, frame, len, 0)))
        return 0;
    return wire->data_is_socket ? hold(wire, frame, len) : -ENOBUFS;
}

bool wire_is_connected(const struct wire *wire)
{
    return wire->conn != NULL;
}

bool wire_is_busy(const struct wire *wire)
{
    return wire != NULL && wire->count > QUEUE_MAX / 2;
}

static void send_held(struct wire *wire)
{
    while (wire->count > 0) {
        struct held_frame *held = &wire->queue[wire->first];

        if (would_block(vde_send(wire->conn, held->bytes, held->len, 0)))
            return;
        free(held->bytes);
        wire->first = (wire->first + 1) % QUEUE_MAX;
        wire->count--;
    }
    watch_output(wire, false);
    sock_wire_ready(wire->port->stack);
}

/* ---- in ---- */

static bool is_readable(int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};

    return poll(&pollfd, 1, 0) > 0 && (pollfd.revents & POLLIN) != 0;
}

/* Errors of one frame, such as what an ICMP message reports to a UDP socket: the network is still there. */
static bool is_passing(int error)
{
    return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH || error == ENETDOWN ||
           error == EHOSTDOWN || error == ENOBUFS || error == ENOMEM || error == EMSGSIZE;
}

/* An empty datagram, which anybody may send to a UDP port, is not the end that it would be of a stream. */
static bool is_datagram_socket(int fd)
{
    int type = 0;
    socklen_t len = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_DGRAM;
}

/* Receives a batch; false if the network has gone away. */
static bool receive(struct wire *wire, uint8_t *buffer)
{
    int i;

    for (i = 0; i < BATCH; i++) {
        ssize_t len;

        if (!wire->data_is_socket && !is_readable(wire->data))
            return true;
        len = vde_recv(wire->conn, buffer, WIRE_FRAME_MAX, 0);
        if (would_block(len))
            return true;
        if (len < 0)
            return is_passing(errno);
        if (len > 0)
            port_input(wire->port, buffer, (size_t)len);
        else if (!is_datagram_socket(wire->data))
            return false;
    }
    return true;
}

static bool control_is_alive(const struct wire *wire)
{
    char word;
    ssize_t len = recv(wire->control, &word, sizeof(word), MSG_DONTWAIT);

    return len > 0 || would_block(len) || (len < 0 && errno == ENOTSOCK);
}

static void lose(struct wire *wire)
{
    leave(wire);
    wire->port->stack->wires_due_ms = stack_now_ms();
}

struct stack *wire_stack(void *watched)
{
    return ((struct wire_end *)watched)->wire->port->stack;
}

void wire_event(void *watched, uint32_t events, uint8_t *buffer)
{
    struct wire_end *end = watched;
    struct wire *wire = end->wire;
    bool alive = true;

    if (wire->conn == NULL)
        return;
    if (end->is_control) {
        alive = control_is_alive(wire);
    } else {
        if ((events & EPOLLOUT) != 0)
            send_held(wire);
        if ((events & (EPOLLIN | EPOLLERR)) != 0)
            alive = receive(wire, buffer);
        else if ((events & EPOLLHUP) != 0)
            alive = false;
    }
    if (!alive)
        lose(wire);
}

void wire_abandon_all(struct stack *stack)
{
    struct port *port;

    for (port = stack->ports; port != NULL; port = port->next)
        if (port->wire != NULL)
            disconnect(port->wire);
}

static bool reconnect(struct wire *wire)
{
    if (connect_wire(wire) == 0 && wire_watch(wire) == 0)
        return true;
    leave(wire);
    return false;
}

bool wire_reconnect_all(struct stack *stack)
{
    struct port *port;
    bool away = false;

    for (port = stack->ports; port != NULL; port = port->next)
        if (port->wire != NULL && port->wire->conn == NULL && !reconnect(port->wire))
            away = true;
    return away;
}
