/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Questions over TCP (RFC 7766). A connection is made without waiting, carries any number of questions, up to
 * FLIGHTS_MAX at once, whose answers come in any order, and stays open for TCP_IDLE after the last.
 *
 * Servers close idle connections when they like, also at the moment when we send: so when one ends that has
 * served before, its questions are asked once more (exchange_again); one that never served has failed. One that
 * swallows questions in silence gets no new ones (outlet_retire), and goes with those that it has.
 *
 * A message that comes whole is judged as it is; pieces are gathered in memory that grows with what has come,
 * not with what the length promises.
 */
#include "libiothnamed/forward_sockets.h"

#include <errno.h>
#include <ioth.h>
#include <stdlib.h>
#include <string.h>

#define READ_MIN 4096 /* bytes of room to read into: most answers */

/* At least `more` bytes of room behind `used`. */
static int make_room(uint8_t **bytes, size_t *size, size_t used, size_t more)
{
    if (*size - used >= more)
        return 0;
    size_t wanted = used + more > 2 * *size ? used + more : 2 * *size;
    uint8_t *grown = realloc(*bytes, wanted);
    if (!grown)
        return -ENOMEM;
    *bytes = grown;
    *size = wanted;
    return 0;
}

/* --- sending --- */

/* Its flights are asked again elsewhere, or have failed. */
static void end(struct forwarder *f, struct outlet *o)
{
    outlet_end(f, o, o->stream.answers > 0 ? exchange_again : exchange_failed);
}

/* As much as goes. */
static int flush(struct outlet *o)
{
    struct stream *s = &o->stream;

    while (s->out_start < s->out_end) {
        ssize_t n = ioth_send(o->fd, s->out + s->out_start, s->out_end - s->out_start, MSG_NOSIGNAL);
        if (n < 0)
            return must_wait(errno) || errno == EINPROGRESS || errno == ENOTCONN ? 0 : -errno;
        s->out_start += (size_t)n;
    }
    s->out_start = s->out_end = 0;
    return 0;
}

static int append(struct stream *s, const uint8_t *bytes, size_t len)
{
    int error = make_room(&s->out, &s->out_size, s->out_end, LENGTH_LEN + len);

    if (error < 0)
        return error;
    put_be16(s->out + s->out_end, (uint16_t)len);
    memcpy(s->out + s->out_end + LENGTH_LEN, bytes, len);
    s->out_end += LENGTH_LEN + len;
    return 0;
}

/* A connection with room for one more question, or a new one. */
static int choose_outlet(struct forwarder *f, struct route *route, uint16_t id, struct outlet **ret)
{
    struct outlet **empty = NULL;

    for (unsigned i = 0; i < TCP_SLOTS; i++) {
        struct outlet *o = route->tcp[i];
        if (!o && !empty)
            empty = &route->tcp[i];
        if (o && o->n_flights < FLIGHTS_MAX && !flight_by_id(o, id)) {
            *ret = o;
            return 0;
        }
    }
    if (!empty)
        return -EAGAIN;
    int error = outlet_open(f, route, true, empty);
    if (error == 0)
        *ret = *empty;
    return error;
}

int tcp_send(struct forwarder *f, struct route *route, const struct exchange_event *e)
{
    uint16_t id = get_be16(e->bytes);
    struct outlet *o = NULL;
    int error = choose_outlet(f, route, id, &o);

    if (error < 0)
        return error;
    error = append(&o->stream, e->bytes, e->len);
    struct flight *flight = error == 0 ? flight_new(f, o, e->attempt, id) : NULL;
    if (!flight) {
        outlet_retire(o); /* half a thought may stand in its buffer */
        return -ENOMEM;
    }
    exchange_attach(f->table, e->attempt, flight);
    if (o->stream.connecting)
        return 0;
    if (flush(o) < 0 || outlet_watch(o) < 0)
        end(f, o); /* this question with it */
    return 0;
}

/* --- receiving --- */

/* The length of the message, or -1 as long as it is not all there. */
static int whole_message(const uint8_t *bytes, size_t len)
{
    if (len < LENGTH_LEN || len - LENGTH_LEN < get_be16(bytes))
        return -1;
    return get_be16(bytes);
}

/* f->message has one of `len` bytes. False: it belongs to nobody, which is the end of the connection. */
static bool take(struct forwarder *f, struct outlet *o, size_t len)
{
    struct flight *flight = len >= DNS_HEADER_LEN ? flight_by_id(o, get_be16(f->message)) : NULL;

    if (!flight)
        return ++o->strays <= o->owed;
    flight->answered = true;
    o->stream.answers++;
    return forwarder_give(f, flight->attempt, f->message, len);
}

/* Messages that have come whole. They are judged in memory of the forwarder, since the connection may end meanwhile. */
static bool take_all(struct forwarder *f, struct outlet *o)
{
    struct stream *s = &o->stream;
    bool good = true;
    int len;

    while (good && o->fd >= 0 && (len = whole_message(s->in, s->in_len)) >= 0) {
        size_t used = LENGTH_LEN + (size_t)len;
        memcpy(f->message, s->in + LENGTH_LEN, (size_t)len);
        memmove(s->in, s->in + used, s->in_len - used);
        s->in_len -= used;
        good = take(f, o, (size_t)len);
    }
    return good;
}

/* False: the connection has ended. */
static bool receive(struct forwarder *f, struct outlet *o)
{
    struct stream *s = &o->stream;

    if (make_room(&s->in, &s->in_size, s->in_len, READ_MIN) < 0)
        return false;
    ssize_t n = ioth_recv(o->fd, s->in + s->in_len, s->in_size - s->in_len, 0);
    if (n < 0)
        return must_wait(errno);
    if (n == 0)
        return false;
    s->in_len += (size_t)n;
    s->heard_at = forwarder_now();
    return take_all(f, o);
}

/* False: it failed. */
static bool transmit(struct outlet *o)
{
    o->stream.connecting = false; /* or it has failed, which the sending tells */
    return flush(o) == 0;
}

void tcp_serve(struct forwarder *f, struct outlet *o, int events)
{
    bool good = true;

    if (events & UV_WRITABLE)
        good = transmit(o);
    if (good && (events & UV_READABLE))
        good = receive(f, o);
    if (good || o->fd < 0)
        return;
    end(f, o);
    forwarder_pump(f);
}
