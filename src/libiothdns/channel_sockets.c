/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sockets of a channel. Each attempt has one of its own (upstream/upstream_socket.h). It is closed with its attempt: a
 * channel at rest has no socket, which lets a stack be deleted and a process fork.
 *
 * A resolver of a program asks little; that a socket for each question costs some system calls is no matter here. A
 * forwarder's driver shares its sockets.
 */
#include "libiothdns/channel_sockets.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

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
    const struct upstream_draw draw = {channel_draw, ch};

    if (ch->n_open == OUTLETS_MAX)
        return -EMFILE;
    struct outlet *o = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    *o = (struct outlet){
        .attempt = e->attempt, .server = e->server, .tcp = e->tcp, .connecting = e->tcp, .next = ch->open};
    o->fd = upstream_socket(ch->d->stack, &e->server, e->tcp, INT_MAX, &draw);
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
