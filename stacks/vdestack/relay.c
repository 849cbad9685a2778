/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ethernet frames between taps and virtual networks.
 *
 * One thread for each stack, asleep in epoll_wait while nothing moves. A port is a tap and its connection to
 * a network (vde/vdeport.h). Both are read without blocking, up to BATCH frames at a time, so that one busy
 * port leaves the others their turn. BATCH is small since a burst that comes in goes out as a longer one: a tap
 * that is given many acknowledgements at once answers with several segments for each, and no queue of the network
 * holds them (64 at a time cost a thousand connections over a hub a fifth of their throughput).
 *
 * A network that does not take a frame at once (the hub's queue is full) holds the port: the frame is kept,
 * the tap is not read, the kernel's queue behind the tap fills and senders feel it, until the network's
 * socket is writable. If the frame is refused then too it is dropped, as Ethernet may: this bounds what a
 * network whose descriptor says one thing and does another can cost.
 *
 * A network that goes away (its control connection ends, its data descriptor hangs up) takes the carrier off
 * the tap: the interface shows NO-CARRIER and the kernel sends nothing. The carrier comes back with the network.
 */
#include "vdestack/relay.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "base/clock.h"
#include "base/thread.h"
#include "vde/vdeport.h"

enum {
    BATCH = 4,     /* frames of one descriptor before the next has its turn */
    EVENTS = 16,   /* descriptors reported at once */
    FRAME_MIN = 14 /* an Ethernet header; shorter is no frame (modules report so what they have eaten) */
};

enum source { SOURCE_TAP, SOURCE_DATA, SOURCE_CONTROL, SOURCES };

struct port {
    int tap; /* -1 until attached, and again when its interface was removed */
    struct vdeport network;
    size_t held_bytes; /* of the frame that waits for the network, 0: none */
    uint8_t held[VDEPORT_FRAME_ROOM];
};

struct relay {
    size_t nports, capacity;
    int epoll, stop;
    bool started;
    pthread_t thread;
    uint8_t frame[VDEPORT_FRAME_ROOM];
    struct port ports[];
};

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
    if (port->network.is_connected)
        watch(relay, port, SOURCE_DATA, port->network.data, held ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* ---- the network side ---- */

static int watch_network(const struct relay *relay, const struct port *port)
{
    const struct vdeport *network = &port->network;
    int error = watch(relay, port, SOURCE_DATA, network->data, EPOLLIN);

    if (error == 0 && network->control >= 0)
        error = watch(relay, port, SOURCE_CONTROL, network->control, EPOLLIN | EPOLLRDHUP);
    return error;
}

static void set_carrier(const struct port *port, int on)
{
    if (port->tap >= 0)
        ioctl(port->tap, TUNSETCARRIER, &on); /* kernels before 5.0 do not know it: frames are dropped then */
}

/* The network has gone away; its descriptors are still there. */
static void lose_network(struct relay *relay, struct port *port)
{
    unwatch(relay, port->network.data);
    unwatch(relay, port->network.control);
    vdeport_lose(&port->network);
    port->held_bytes = 0;
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
    if (vdeport_send(&port->network, relay->frame, len) != -EAGAIN)
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
    vdeport_send(&port->network, port->held, port->held_bytes);
    port->held_bytes = 0;
    watch_port(relay, port);
}

/* ---- from the network to the tap ---- */

/* Moves what the network has; false if the network has gone away. */
static bool network_to_tap(struct relay *relay, struct port *port)
{
    int i;

    for (i = 0; i < BATCH; i++) {
        int len = vdeport_receive(&port->network, relay->frame);

        if (len < 0)
            return len == -EAGAIN;
        if (len >= FRAME_MIN && port->tap >= 0 && write(port->tap, relay->frame, (size_t)len) < 0)
            continue; /* the interface is down, or its queue is full: the frame is lost, as on a wire */
    }
    return true;
}

/* ---- the thread ---- */

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
    } else if (!port->network.is_connected) {
        return; /* lost by an earlier event of the same round */
    } else if (source == SOURCE_DATA) {
        handle_data(relay, port, event->events);
    } else if (vdeport_look(&port->network) == -ENETDOWN) {
        lose_network(relay, port);
    }
}

/* Tries the ports without a network when it is time. Returns how long to sleep at most, in ms; -1: for ever. */
static int reconnect_all(struct relay *relay)
{
    nsec_t now = monotonic_now(), next = NSEC_NEVER;
    size_t i;

    for (i = 0; i < relay->nports; i++) {
        struct port *port = &relay->ports[i];

        if (vdeport_reconnect(&port->network, now)) {
            if (watch_network(relay, port) == 0)
                set_carrier(port, 1);
            else
                lose_network(relay, port);
        }
        if (vdeport_deadline(&port->network) < next)
            next = vdeport_deadline(&port->network);
    }
    return next == NSEC_NEVER ? -1 : next <= now ? 0 : (int)((next - now - 1) / NSEC_PER_MSEC + 1);
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
    int i, n;

    for (;;) {
        n = epoll_wait(relay->epoll, events, EVENTS, reconnect_all(relay));
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
    int error;

    if (relay->nports == relay->capacity)
        return -ENOSPC;
    port->tap = -1;
    relay->nports++;
    error = vdeport_open(&port->network, locator, "ioth vdestack");
    return error < 0 ? error : watch_network(relay, port);
}

int relay_attach(struct relay *relay, size_t number, int tap)
{
    relay->ports[number].tap = tap;
    return watch(relay, &relay->ports[number], SOURCE_TAP, tap, EPOLLIN);
}

int relay_start(struct relay *relay)
{
    int error = thread_start(&relay->thread, relay_main, relay);

    if (error < 0)
        return error;
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
        vdeport_close(&relay->ports[i].network);
        close_tap(relay, &relay->ports[i]);
    }
    if (relay->stop >= 0)
        close(relay->stop);
    if (relay->epoll >= 0)
        close(relay->epoll);
    free(relay);
}
