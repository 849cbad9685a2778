/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Questions over TCP: one connection for each, made without waiting. The reply is gathered in memory that grows with what
 * has come, not with what the length promises; the connection ends with it.
 */
#include "libiothdns/channel_sockets.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define READ_MIN 2048 /* bytes of room to read into at first: most replies */

int tcp_send(struct outlet *o, const struct exchange_event *e)
{
    if (e->len > sizeof(o->out) - LENGTH_LEN)
        return -EMSGSIZE;
    put_be16(o->out, (uint16_t)e->len);
    memcpy(o->out + LENGTH_LEN, e->bytes, e->len);
    o->out_len = LENGTH_LEN + e->len;
    return 0; /* it goes out when the connection stands */
}

/* False: it failed. */
static bool transmit(struct channel *ch, struct outlet *o)
{
    o->connecting = false; /* or it has failed, which the sending tells */
    while (o->out_sent < o->out_len) {
        ssize_t n = ioth_send(o->fd, o->out + o->out_sent, o->out_len - o->out_sent, MSG_NOSIGNAL);
        if (n < 0)
            return must_wait(errno) || errno == ENOTCONN || errno == EINPROGRESS;
        o->out_sent += (size_t)n;
    }
    return outlet_watch(ch, o, EPOLL_CTL_MOD) == 0;
}

/* Bytes still wanted: the length first, then what it says. */
static size_t wanted(const struct outlet *o)
{
    if (o->in_len < LENGTH_LEN)
        return LENGTH_LEN - o->in_len;
    return LENGTH_LEN + (size_t)get_be16(o->in) - o->in_len;
}

static int make_room(struct outlet *o)
{
    if (o->in_len < o->in_size)
        return 0;
    size_t size = o->in_size == 0 ? READ_MIN : 2 * o->in_size;
    if (size > STREAM_REPLY_MAX)
        size = STREAM_REPLY_MAX;
    uint8_t *grown = realloc(o->in, size);
    if (!grown)
        return -ENOMEM;
    o->in = grown;
    o->in_size = size;
    return 0;
}

/* Reads what there is of one message. False: the connection has ended before it was whole. */
static bool receive(struct channel *ch, struct outlet *o)
{
    while (wanted(o) > 0) {
        if (make_room(o) < 0)
            return false;
        size_t room = o->in_size - o->in_len, most = wanted(o);
        ssize_t n = ioth_recv(o->fd, o->in + o->in_len, room < most ? room : most, 0);
        if (n < 0)
            return must_wait(errno);
        if (n == 0)
            return false;
        o->in_len += (size_t)n;
    }
    if (o->in_len > LENGTH_LEN) {
        channel_input(ch, o, o->in + LENGTH_LEN, o->in_len - LENGTH_LEN);
        return true;
    }
    return false; /* a message of no bytes is none */
}

void tcp_serve(struct channel *ch, struct outlet *o, short events)
{
    bool good = true;

    if (events & POLLOUT)
        good = transmit(ch, o);
    if (good && !o->connecting && (events & (POLLIN | POLLERR | POLLHUP)))
        good = receive(ch, o);
    else if (o->connecting && (events & (POLLERR | POLLHUP)))
        good = false;
    if (!good)
        channel_failed(ch, o);
}
