/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What poll, select and epoll see.
 *
 * A socket's descriptor is one end of a socket pair (AF_UNIX, SOCK_STREAM) whose other end is ours; its state
 * follows from what is done there:
 *
 *   POLLIN     a byte lies in it; taken out again, through the descriptor, when there is nothing to read
 *   POLLOUT    on by nature; two bytes written through the descriptor, whose send buffer is the smallest
 *              there is, switch it off, and reading them at our end switches it on
 *   POLLRDHUP  our end is shut down for writing (POLLIN too, as TCP has it)
 *   POLLHUP    our end is closed
 *   POLLERR    our end is closed with a byte unread
 *
 * The last three stay: so do the states of a connection that they stand for. Only differences cost system
 * calls: a datagram to a reader who has not read the last one yet costs none.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "lwip/sock.h"

int ready_open(struct sock *sock, int flags)
{
    const int least = 1; /* becomes the kernel's minimum */
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
    if ((flags & SOCK_NONBLOCK) == 0)
        fcntl(pair[0], F_SETFL, fcntl(pair[0], F_GETFL) & ~O_NONBLOCK);
    if ((flags & SOCK_CLOEXEC) == 0)
        fcntl(pair[0], F_SETFD, 0);
    sock->fd = pair[0];
    sock->peer = pair[1];
    return sock->fd;
}

void ready_close(struct sock *sock)
{
    if (sock->peer >= 0)
        close(sock->peer);
    if (sock->fd >= 0)
        close(sock->fd);
    sock->fd = sock->peer = -1;
}

static void put_byte(int fd)
{
    const char byte = 0;

    if (send(fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return; /* full: it shows what it is to show already */
}

/* One or two were put there; one recv takes both. */
static void take_bytes(int fd)
{
    char bytes[8];

    if (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) < 0)
        return; /* none */
}

static void show_in(struct sock *sock, bool on)
{
    if (sock->shown.in == on || sock->shown.rdhup)
        return;
    sock->shown.in = on;
    if (on)
        put_byte(sock->peer);
    else
        take_bytes(sock->fd);
}

static void show_out(struct sock *sock, bool on)
{
    if (sock->shown.no_out == !on)
        return;
    sock->shown.no_out = !on;
    if (on) {
        take_bytes(sock->peer);
    } else {
        put_byte(sock->fd);
        put_byte(sock->fd);
    }
}

/* In an order that shows nothing in between. */
static void show_end(struct sock *sock, bool error)
{
    if (error) {
        put_byte(sock->fd);
    } else {
        shutdown(sock->peer, SHUT_RDWR);
        take_bytes(sock->peer);
    }
    close(sock->peer);
    sock->peer = -1;
}

void ready_update(struct sock *sock)
{
    short events;

    if (sock->fd < 0 || sock->peer < 0)
        return;
    events = sock->stack->dead ? POLLERR | POLLHUP : sock->type->poll(sock);
    if ((events & POLLHUP) != 0) {
        show_end(sock, (events & POLLERR) != 0);
        return;
    }
    if ((events & POLLRDHUP) != 0 && !sock->shown.rdhup) { /* POLLIN comes with it, at the same moment */
        shutdown(sock->peer, SHUT_WR);
        sock->shown.rdhup = true;
    }
    show_in(sock, (events & (POLLIN | POLLERR)) != 0);
    show_out(sock, (events & POLLOUT) != 0);
}

void ready_error_taken(struct sock *sock)
{
    int error;
    socklen_t len = sizeof(error);

    if (sock->peer < 0 && sock->fd >= 0)
        getsockopt(sock->fd, SOL_SOCKET, SO_ERROR, &error, &len); /* which takes it */
    ready_update(sock);
}
