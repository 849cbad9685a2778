/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sockets of a channel. Each attempt has one of its own, bound to a port drawn from all of 1024..65535 (RFC 5452 s9.2)
 * and connected to its server, so that the stack keeps away what comes from elsewhere and tells when a port is refused. It
 * is closed with its attempt: a channel at rest has no socket, which lets a stack be deleted and a process fork.
 *
 * A resolver of a program asks little; that a socket for each question costs some system calls is no matter here. A
 * forwarder's driver shares its sockets.
 */
#include "libiothdns/channel_sockets.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum {
    PORT_MIN = 1024, /* of those that sources are bound to */
    PORT_TRIES = 4,  /* then the stack chooses */
};

bool must_wait(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static void bind_random_port(struct channel *ch, int fd, sa_family_t family)
{
    struct ipendpoint any = {0};
    struct sockaddr_storage sa;

    if (family == AF_INET)
        any.addr = ipaddr_of_v4(INADDR_ANY);
    for (unsigned i = 0; i < PORT_TRIES; i++) {
        uint16_t random;
        channel_draw(ch, &random, sizeof(random));
        any.port = (uint16_t)(PORT_MIN + random % (UINT16_MAX + 1 - PORT_MIN));
        socklen_t len = ipendpoint_to_sockaddr(&any, false, &sa);
        if (ioth_bind(fd, (struct sockaddr *)&sa, len) == 0)
            return;
    }
}

/* Connected, or connecting: the descriptor, or -errno. */
static int open_socket(struct channel *ch, const struct ipendpoint *server, bool tcp)
{
    struct sockaddr_storage sa;
    socklen_t len = ipendpoint_to_sockaddr(server, false, &sa);
    int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, on = 1;

    int fd = ioth_msocket(ch->d->stack, sa.ss_family, type, 0);
    if (fd < 0)
        return -errno;
    if (tcp)
        ioth_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    else
        bind_random_port(ch, fd, sa.ss_family);
    if (ioth_connect(fd, (struct sockaddr *)&sa, len) < 0 && !(tcp && errno == EINPROGRESS)) {
        int error = -errno;
        ioth_close(fd);
        return error;
    }
    return fd;
}

short outlet_events(const struct outlet *o)
{
    bool sending = o->tcp && (o->connecting || o->out_sent < o->out_len);

    return (short)(POLLIN | (sending ? POLLOUT : 0));
}

int outlet_watch(const struct channel *ch, struct outlet *o, int operation)
{
    struct epoll_event event = {.events = (uint32_t)outlet_events(o), .data.ptr = o};

    if (ch->epoll < 0)
        return 0;
    return epoll_ctl(ch->epoll, operation, o->fd, &event) < 0 ? -errno : 0;
}

_Static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLERR == EPOLLERR && POLLHUP == EPOLLHUP,
               "poll and epoll speak of the same bits");

int outlet_open(struct channel *ch, const struct exchange_event *e, struct outlet **ret)
{
    if (ch->n_open == OUTLETS_MAX)
        return -EMFILE;
    struct outlet *o = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    *o = (struct outlet){
        .attempt = e->attempt, .server = e->server, .tcp = e->tcp, .connecting = e->tcp, .next = ch->open};
    o->fd = open_socket(ch, &e->server, e->tcp);
    int error = o->fd < 0 ? o->fd : outlet_watch(ch, o, EPOLL_CTL_ADD);
    if (error < 0) {
        if (o->fd >= 0)
            ioth_close(o->fd);
        free(o);
        return error;
    }
    o->at = &ch->open;
    if (o->next)
        o->next->at = &o->next;
    ch->open = o;
    ch->n_open++;
    *ret = o;
    return 0;
}

void outlet_close(struct channel *ch, struct outlet *o)
{
    if (!o || o->fd < 0)
        return;
    if (ch->epoll >= 0)
        epoll_ctl(ch->epoll, EPOLL_CTL_DEL, o->fd, NULL);
    ioth_close(o->fd);
    o->fd = -1;
    *o->at = o->next;
    if (o->next)
        o->next->at = o->at;
    o->next = ch->dead;
    ch->dead = o;
    ch->n_open--;
}

void outlets_bury(struct channel *ch)
{
    while (ch->dead) {
        struct outlet *o = ch->dead;
        ch->dead = o->next;
        free(o->in);
        free(o);
    }
}
