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
 * The last three stay: so do the states of a connection that they stand for. A TCP socket that has not connected
 * yet shows POLLOUT and POLLHUP, and so does an unconnected socket of AF_UNIX: its descriptor is one until
 * ready_begin connects it to our end, by a listener that lives for just that call. One that has ended can connect
 * no more: a new pair takes its number then, and epoll has to be told of it again.
 *
 * Who waits for edges (EPOLLET) sees one for each batch of arrivals: a further byte. Else only differences cost system
 * calls: a datagram to a reader who has not read the last one yet costs none. What arrives shows when the
 * stack's lock is let go, so a batch of frames wakes its reader once, and he does not wait for the lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include "lwip/duplicate.h"

enum { OWN_TYPE = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK };

/* Two bytes fill the user's end, some more ours. */
static void have_least_buffer(int fd)
{
    const int least = 1; /* becomes the kernel's minimum */

    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
}

static int open_pair(int pair[static 2])
{
    if (socketpair(AF_UNIX, OWN_TYPE, 0, pair) < 0)
        return -errno;
    have_least_buffer(pair[0]);
    have_least_buffer(pair[1]);
    return 0;
}

static int open_unconnected(int pair[static 2])
{
    pair[0] = socket(AF_UNIX, OWN_TYPE, 0);
    pair[1] = -1;
    if (pair[0] < 0)
        return -errno;
    have_least_buffer(pair[0]);
    return 0;
}

int ready_open(struct sock *sock, int flags)
{
    bool is_fresh = sock->type == &tcp_sock && sock->tcp.phase == TCP_FRESH;
    int pair[2], error = is_fresh ? open_unconnected(pair) : open_pair(pair);

    if (error < 0)
        return error;
    if ((flags & SOCK_NONBLOCK) == 0)
        fcntl(pair[0], F_SETFL, fcntl(pair[0], F_GETFL) & ~O_NONBLOCK);
    if ((flags & SOCK_CLOEXEC) == 0)
        fcntl(pair[0], F_SETFD, 0);
    sock->fd = pair[0];
    sock->peer = pair[1];
    return sock->fd;
}

/* The first connection that came from this process: others may know the listener's name. */
static int accept_own(int listener)
{
    struct ucred peer = {.pid = -1};
    socklen_t len = sizeof(peer);
    int end;

    do {
        end = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (end < 0 || (getsockopt(end, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid == getpid()))
            return end;
        close(end);
    } while (true);
}

/* Our end of a descriptor that is not connected yet; -1: it cannot be. */
static int connect_end(int fd)
{
    const struct timeval at_once = {.tv_usec = 1};
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(name);
    int listener = socket(AF_UNIX, OWN_TYPE, 0), end = -1;

    if (listener < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &at_once,
               sizeof(at_once)); /* of connect, should others be there */
    if (bind(listener, (struct sockaddr *)&name, sizeof(sa_family_t)) == 0 && listen(listener, 1) == 0 &&
        getsockname(listener, (struct sockaddr *)&name, &len) == 0 &&
        connect(fd, (struct sockaddr *)&name, len) == 0)
        end = accept_own(listener);
    close(listener);
    if (end >= 0)
        have_least_buffer(end);
    return end;
}

/* Puts a new descriptor, with the flags of the old one, in its place. */
static int replace_descriptor(struct sock *sock)
{
    int pair[2], error = open_pair(pair);

    if (error < 0)
        return error;
    fcntl(pair[0], F_SETFL, fcntl(sock->fd, F_GETFL));
    if (dup3(pair[0], sock->fd, (fcntl(sock->fd, F_GETFD) & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0) < 0)
        error = -errno;
    close(pair[0]);
    if (error < 0)
        close(pair[1]);
    else
        sock->peer = pair[1];
    duplicate_follow(sock);
    return error;
}

int ready_begin(struct sock *sock)
{
    if (sock->fd < 0 || sock->peer >= 0)
        return 0;
    sock->shown.in = sock->shown.no_out = sock->shown.rdhup = false;
    sock->peer = connect_end(sock->fd);
    return sock->peer >= 0 ? 0 : replace_descriptor(sock);
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

/* A few were put there, as many as the least buffer holds; one recv takes them all. */
static void take_bytes(int fd)
{
    char bytes[64];

    if (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) < 0)
        return; /* none */
}

/* Shows an edge where POLLIN is shown already: another byte, for which one may have to go. */
static void show_again(struct sock *sock)
{
    char byte = 0;

    if (send(sock->peer, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
        return;
    if (recv(sock->fd, &byte, 1, MSG_DONTWAIT) == 1)
        put_byte(sock->peer);
}

static void show_in(struct sock *sock, bool on)
{
    if (sock->shown.rdhup)
        return;
    if (on && sock->shown.in && sock->has_news)
        show_again(sock);
    if (sock->shown.in == on)
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
    sock->has_news = false;
}

void ready_later(struct sock *sock)
{
    if (sock->is_ready_later)
        return;
    sock->is_ready_later = true;
    sock->ready_next = sock->stack->ready_list;
    sock->stack->ready_list = sock;
}

void ready_never(struct sock *sock)
{
    struct sock **at = &sock->stack->ready_list;

    if (!sock->is_ready_later)
        return;
    while (*at != sock)
        at = &(*at)->ready_next;
    *at = sock->ready_next;
    sock->is_ready_later = false;
}

void ready_flush(struct stack *stack)
{
    struct sock *sock;

    while ((sock = stack->ready_list) != NULL) {
        stack->ready_list = sock->ready_next;
        sock->is_ready_later = false;
        ready_update(sock);
    }
}

void ready_error_taken(struct sock *sock)
{
    int error;
    socklen_t len = sizeof(error);

    if (sock->peer < 0 && sock->fd >= 0)
        getsockopt(sock->fd, SOL_SOCKET, SO_ERROR, &error, &len); /* which takes it */
    ready_update(sock);
}
