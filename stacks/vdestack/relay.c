/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ethernet frames between taps and virtual networks.
 *
 * One thread for each stack, asleep in epoll_wait while nothing moves. A port is a tap and its connection to
 * a network. Both are read without blocking, up to BATCH frames at a time, so that one busy port leaves the
 * others their turn. vde_recv ignores MSG_DONTWAIT, so O_NONBLOCK is set on its descriptor; where that is not
 * a socket (some networks give an epoll descriptor) poll tells before each frame whether one is there.
 *
 * A network that does not take a frame at once (the hub's queue is full) holds the port: the frame is kept,
 * the tap is not read, the kernel's queue behind the tap fills and senders feel it, until the network's
 * socket is writable. If the frame is refused then too it is dropped, as Ethernet may: this bounds what a
 * network whose descriptor says one thing and does another can cost.
 *
 * A network that goes away (its control connection ends, its data descriptor hangs up) takes the carrier off
 * the tap: the interface shows NO-CARRIER and the kernel sends nothing. Once a second the port tries to
 * connect again, and the carrier comes back with the network. The connection that was lost is closed when there
 * is another, so that the module of libvdeplug stays loaded: a daemon in its sandbox cannot load code any more.
 *
 * vde_open and vde_close run one at a time in the process: what libvdeplug and its modules keep to themselves
 * is not known to be safe for threads.
 */
#include "vdestack/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libvdeplug.h>
#include <linux/if_tun.h>

enum {
    BATCH = 64,     /* frames of one descriptor before the next has its turn */
    EVENTS = 16,    /* descriptors reported at once */
    FRAME_MIN = 14, /* an Ethernet header; shorter is no frame (modules report so what they have eaten) */
    RECONNECT_MS = 1000,       /* between two attempts to get back to a network */
    FRAME_MAX = VDE_ETHBUFSIZE /* the longest that libvdeplug carries, VLAN tag included */
};

enum source { SOURCE_TAP, SOURCE_DATA, SOURCE_CONTROL, SOURCES };

struct port {
    char *locator;
    int tap;           /* -1 until attached, and again when its interface was removed */
    VDECONN *conn;     /* NULL while the network is away */
    VDECONN *lost;     /* then the one before; NULL: none */
    int data, control; /* descriptors of conn; control -1 if it has none */
    bool data_is_socket;
    size_t held_bytes; /* of the frame that waits for the network, 0: none */
    uint8_t held[FRAME_MAX];
};

struct relay {
    size_t nports, capacity;
    int epoll, stop;
    bool started;
    pthread_t thread;
    uint8_t frame[FRAME_MAX];
    struct port ports[];
};

static pthread_mutex_t libvdeplug_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- epoll ---- */

static uint64_t event_key(const struct relay *relay, const struct port *port, enum source source)
{
    return (uint64_t)(port - relay->ports) * SOURCES + source;
}

static int watch(const struct relay *relay, const struct port *port, enum source source, int fd,
                 uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = event_key(relay, port, source)};

    if (epoll_ctl(relay->epoll, EPOLL_CTL_MOD, fd, &event) == 0)
        return 0;
    return epoll_ctl(relay->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void unwatch(const struct relay *relay, int fd)
{
    if (fd >= 0)
        epoll_ctl(relay->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* What is waited for: either side's frames, or, with a frame held, the network's readiness for it. */
static void watch_port(const struct relay *relay, const struct port *port)
{
    bool held = port->held_bytes > 0;

    if (port->tap >= 0)
        watch(relay, port, SOURCE_TAP, port->tap, held ? 0 : EPOLLIN);
    if (port->conn != NULL)
        watch(relay, port, SOURCE_DATA, port->data, held ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* ---- the network side ---- */

static VDECONN *open_network(const char *locator)
{
    static char descr[] = "ioth vdestack";
    VDECONN *conn;

    pthread_mutex_lock(&libvdeplug_lock);
    errno = 0;
    conn = vde_open((char *)locator, descr, NULL);
    pthread_mutex_unlock(&libvdeplug_lock);
    return conn;
}

static void close_network(VDECONN *conn)
{
    if (conn == NULL)
        return;
    pthread_mutex_lock(&libvdeplug_lock);
    vde_close(conn);
    pthread_mutex_unlock(&libvdeplug_lock);
}

static void set_flags(int fd, int get, int set, int flag)
{
    int flags = fcntl(fd, get);

    if (flags >= 0)
        fcntl(fd, set, flags | flag);
}

static bool is_socket(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

static int connect_port(struct relay *relay, struct port *port)
{
    int error = 0;

    port->conn = open_network(port->locator);
    if (port->conn == NULL)
        return errno != 0 ? -errno : -ENODEV;
    close_network(port->lost);
    port->lost = NULL;
    port->data = vde_datafd(port->conn);
    port->control = vde_ctlfd(port->conn);
    if (port->control == port->data)
        port->control = -1;
    port->data_is_socket = is_socket(port->data);
    set_flags(port->data, F_GETFL, F_SETFL, O_NONBLOCK);
    set_flags(port->data, F_GETFD, F_SETFD, FD_CLOEXEC);
    if (port->control >= 0) {
        set_flags(port->control, F_GETFD, F_SETFD, FD_CLOEXEC);
        error = watch(relay, port, SOURCE_CONTROL, port->control, EPOLLIN | EPOLLRDHUP);
    }
    if (error == 0)
        error = watch(relay, port, SOURCE_DATA, port->data, EPOLLIN);
    return error;
}

static void set_carrier(const struct port *port, int on)
{
    if (port->tap >= 0)
        ioctl(port->tap, TUNSETCARRIER, &on); /* kernels before 5.0 do not know it: frames are dropped then */
}

/* The network has gone away; another connection to it may follow. */
static void leave_network(struct relay *relay, struct port *port)
{
    if (port->conn == NULL)
        return;
    unwatch(relay, port->data);
    unwatch(relay, port->control);
    close_network(port->lost);
    port->lost = port->conn;
    port->conn = NULL;
    port->held_bytes = 0;
}

static void disconnect_port(struct relay *relay, struct port *port)
{
    leave_network(relay, port);
    close_network(port->lost);
    port->lost = NULL;
}

static void lose_network(struct relay *relay, struct port *port)
{
    leave_network(relay, port);
    watch_port(relay, port);
    set_carrier(port, 0);
}

static bool would_block(ssize_t result)
{
    return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

/* ---- from the tap to the network ---- */

static void close_tap(struct relay *relay, struct port *port)
{
    if (port->tap < 0)
        return;
    unwatch(relay, port->tap);
    close(port->tap);
    port->tap = -1;
}

/* Sends what the tap gave; false if the network cannot take it now, and the frame is held. */
static bool forward(struct relay *relay, struct port *port, size_t len)
{
    if (port->conn == NULL || !would_block(vde_send(port->conn, relay->frame, len, 0)) ||
        !port->data_is_socket)
        return true;
    memcpy(port->held, relay->frame, len);
    port->held_bytes = len;
    watch_port(relay, port);
    return false;
}

/* Moves what the tap has; true if it may have more. */
static bool tap_to_network(struct relay *relay, struct port *port)
{
    int i;

    for (i = 0; i < BATCH; i++) {
        ssize_t len = read(port->tap, relay->frame, sizeof(relay->frame));

        if (would_block(len))
            return false;
        if (len <= 0) {
            close_tap(relay, port);
            return false;
        }
        if (!forward(relay, port, (size_t)len))
            return false;
    }
    return true;
}

static void send_held(struct relay *relay, struct port *port)
{
    vde_send(port->conn, port->held, port->held_bytes, 0);
    port->held_bytes = 0;
    watch_port(relay, port);
}

/* ---- from the network to the tap ---- */

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

/* Moves what the network has; false if the network has gone away. */
static bool network_to_tap(struct relay *relay, struct port *port)
{
    int i;

    for (i = 0; i < BATCH; i++) {
        ssize_t len;

        if (!port->data_is_socket && !is_readable(port->data))
            return true;
        len = vde_recv(port->conn, relay->frame, sizeof(relay->frame), 0);
        if (would_block(len))
            return true;
        if (len < 0)
            return is_passing(errno);
        if (len == 0 && !is_datagram_socket(port->data))
            return false;
        if (len >= FRAME_MIN && port->tap >= 0 && write(port->tap, relay->frame, (size_t)len) < 0)
            continue; /* the interface is down, or its queue is full: the frame is lost, as on a wire */
    }
    return true;
}

/* ---- the thread ---- */

static bool control_is_alive(const struct port *port)
{
    char word;
    ssize_t len = recv(port->control, &word, sizeof(word), MSG_DONTWAIT);

    return len > 0 || would_block(len) || (len < 0 && errno == ENOTSOCK);
}

static void handle_tap(struct relay *relay, struct port *port, uint32_t events)
{
    if (port->tap < 0)
        return;
    if ((events & EPOLLERR) != 0) /* somebody removed the interface */
        close_tap(relay, port);
    else if (port->held_bytes == 0)
        tap_to_network(relay, port);
}

static void handle_data(struct relay *relay, struct port *port, uint32_t events)
{
    bool alive = true;

    if (port->held_bytes > 0 && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
        send_held(relay, port);
    if ((events & (EPOLLIN | EPOLLERR)) != 0)
        alive = network_to_tap(relay, port);
    else if ((events & EPOLLHUP) != 0)
        alive = false;
    if (!alive)
        lose_network(relay, port);
}

static void handle(struct relay *relay, const struct epoll_event *event)
{
    struct port *port = &relay->ports[event->data.u64 / SOURCES];
    enum source source = (enum source)(event->data.u64 % SOURCES);

    if (source == SOURCE_TAP) {
        handle_tap(relay, port, event->events);
    } else if (port->conn == NULL) {
        return; /* closed by an earlier event of the same round */
    } else if (source == SOURCE_DATA) {
        handle_data(relay, port, event->events);
    } else if (!control_is_alive(port)) {
        lose_network(relay, port);
    }
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool reconnect(struct relay *relay, struct port *port)
{
    if (connect_port(relay, port) == 0) {
        set_carrier(port, 1);
        return true;
    }
    leave_network(relay, port);
    return false;
}

/* Tries the ports without a network when it is time. Returns how long to sleep at most, in ms; -1: for ever.
 */
static int reconnect_all(struct relay *relay, int64_t *next_attempt)
{
    bool due = now_ms() >= *next_attempt, away = false;
    size_t i;

    for (i = 0; i < relay->nports; i++)
        if (relay->ports[i].conn == NULL && !(due && reconnect(relay, &relay->ports[i])))
            away = true;
    if (due)
        *next_attempt = now_ms() + RECONNECT_MS;
    return away ? RECONNECT_MS : -1;
}

/* What was sent before the stack ends still leaves, as far as the networks take it at once. */
static void flush(struct relay *relay)
{
    size_t i;

    for (i = 0; i < relay->nports; i++)
        while (relay->ports[i].tap >= 0 && tap_to_network(relay, &relay->ports[i]))
            ;
}

static void *relay_main(void *arg)
{
    struct relay *relay = arg;
    struct epoll_event events[EVENTS];
    int64_t next_attempt = 0;
    int i, n;

    for (;;) {
        n = epoll_wait(relay->epoll, events, EVENTS, reconnect_all(relay, &next_attempt));
        for (i = 0; i < n; i++) {
            if (events[i].data.u64 == relay->capacity * SOURCES) {
                flush(relay);
                return NULL;
            }
            handle(relay, &events[i]);
        }
    }
}

/* ---- begin and end ---- */

struct relay *relay_new(size_t capacity)
{
    struct relay *relay = calloc(1, sizeof(*relay) + capacity * sizeof(relay->ports[0]));
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = capacity * SOURCES};

    if (relay == NULL)
        return NULL;
    relay->capacity = capacity;
    relay->epoll = epoll_create1(EPOLL_CLOEXEC);
    relay->stop = eventfd(0, EFD_CLOEXEC);
    if (relay->epoll < 0 || relay->stop < 0 ||
        epoll_ctl(relay->epoll, EPOLL_CTL_ADD, relay->stop, &event) < 0) {
        relay_free(relay);
        errno = EMFILE;
        return NULL;
    }
    return relay;
}

int relay_connect(struct relay *relay, const char *locator)
{
    struct port *port = &relay->ports[relay->nports];

    if (relay->nports == relay->capacity)
        return -ENOSPC;
    port->tap = -1;
    port->locator = strdup(locator);
    if (port->locator == NULL)
        return -ENOMEM;
    relay->nports++;
    return connect_port(relay, port);
}

int relay_attach(struct relay *relay, size_t number, int tap)
{
    relay->ports[number].tap = tap;
    return watch(relay, &relay->ports[number], SOURCE_TAP, tap, EPOLLIN);
}

int relay_start(struct relay *relay)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    sigdelset(&all, SIGSYS); /* about its own calls, and by which a program takes its privileges */
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the program's threads */
    error = pthread_create(&relay->thread, NULL, relay_main, relay);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0)
        return -error;
    pthread_setname_np(relay->thread, "ioth-vdestack");
    relay->started = true;
    return 0;
}

void relay_free(struct relay *relay)
{
    size_t i;

    if (relay == NULL)
        return;
    if (relay->started && eventfd_write(relay->stop, 1) == 0)
        pthread_join(relay->thread, NULL);
    for (i = 0; i < relay->nports; i++) {
        disconnect_port(relay, &relay->ports[i]);
        close_tap(relay, &relay->ports[i]);
        free(relay->ports[i].locator);
    }
    if (relay->stop >= 0)
        close(relay->stop);
    if (relay->epoll >= 0)
        close(relay->epoll);
    free(relay);
}
