/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Questions over UDP. A message that comes belongs to the flight on its socket that has its id; the exchange
 * table looks at all else. What was queued between bind and connect is told by its source address.
 *
 * A datagram longer than DATAGRAM_MAX, more than three times what we ask for, is cut and so malformed.
 */
#include "libiothnamed/forward_sockets.h"

#include <errno.h>
#include <ioth.h>
#include <stdlib.h>

struct datagrams {
    struct mmsghdr msgs[UDP_BATCH];
    struct iovec iovs[UDP_BATCH];
    struct sockaddr_storage from[UDP_BATCH];
    uint8_t bytes[UDP_BATCH][DATAGRAM_MAX];
};

int datagrams_new(struct datagrams **ret)
{
    struct datagrams *d = calloc(1, sizeof(*d));

    if (!d)
        return -ENOMEM;
    for (unsigned i = 0; i < UDP_BATCH; i++) {
        d->iovs[i] = (struct iovec){.iov_base = d->bytes[i], .iov_len = DATAGRAM_MAX};
        d->msgs[i].msg_hdr =
            (struct msghdr){.msg_name = &d->from[i], .msg_iov = &d->iovs[i], .msg_iovlen = 1};
    }
    *ret = d;
    return 0;
}

/* --- sending --- */

static bool is_usable(const struct outlet *o, uint16_t id, nsec_t now)
{
    return o->uses < UDP_USES_MAX && now - o->opened_at < UDP_LIFE && !flight_by_id(o, id);
}

/* The outlet that chance chooses. */
static int choose_outlet(struct forwarder *f, struct route *route, uint16_t id, struct outlet **ret)
{
    uint8_t random;

    forwarder_draw(f, &random, sizeof(random));
    struct outlet **slot = &route->udp[random % UDP_SLOTS];
    if (*slot && !is_usable(*slot, id, forwarder_now()))
        outlet_retire(*slot);
    if (!*slot) {
        int error = outlet_open(f, route, false, slot);
        if (error < 0)
            return error;
    }
    *ret = *slot;
    return 0;
}

/* An ICMP error that another question caused is told once, to whoever calls first: that call has sent nothing. */
static int send_message(int fd, const uint8_t *bytes, size_t len)
{
    for (unsigned tries = 0; tries < 2; tries++) {
        if (ioth_send(fd, bytes, len, MSG_NOSIGNAL) >= 0)
            return 0;
        if (errno != ECONNREFUSED)
            break;
    }
    return -errno;
}

int udp_send(struct forwarder *f, struct route *route, const struct exchange_event *e)
{
    uint16_t id = get_be16(e->bytes);
    struct outlet *o = NULL;
    int error = choose_outlet(f, route, id, &o);

    if (error < 0)
        return error;
    struct flight *flight = flight_new(f, o, e->attempt, id);
    if (!flight)
        return -ENOMEM;
    exchange_attach(f->table, e->attempt, flight);
    return send_message(o->fd, e->bytes, e->len);
}

/* --- receiving --- */

static bool is_from(const struct msghdr *msg, const struct ipendpoint *server)
{
    struct ipendpoint from;

    return ipendpoint_from_sockaddr(msg->msg_name, &from) == 0 && from.port == server->port &&
           ipaddr_equal(&from.addr, &server->addr);
}

/* More came that belongs to nobody than was given up: somebody has found the port. */
static bool is_found_out(const struct outlet *o)
{
    return o->strays > UDP_STRAYS_MAX + o->owed;
}

static void take(struct forwarder *f, struct outlet *o, const uint8_t *bytes, size_t len)
{
    struct flight *flight = len >= DNS_HEADER_LEN ? flight_by_id(o, get_be16(bytes)) : NULL;
    attempt_id attempt = flight ? flight->attempt : 0;

    if (flight)
        flight->answered = true;
    if (flight && forwarder_give(f, attempt, bytes, len))
        return;
    if (!flight)
        f->strays++; /* the exchange table counts the others */
    else if (exchange_attached(f->table, attempt) == flight)
        flight->answered = false;
    o->strays++;
    if (o->fd >= 0 && is_found_out(o)) {
        outlet_end(f, o, exchange_guessed);
        forwarder_pump(f);
    }
}

void udp_serve(struct forwarder *f, struct outlet *o)
{
    struct datagrams *d = f->datagrams;

    for (unsigned i = 0; i < UDP_BATCH; i++)
        d->msgs[i].msg_hdr.msg_namelen = sizeof(d->from[i]);
    int n = ioth_recvmmsg(o->fd, d->msgs, UDP_BATCH, MSG_DONTWAIT, NULL);
    if (n < 0 && !must_wait(errno)) { /* nobody is at the port, for all of its questions */
        outlet_end(f, o, exchange_failed);
        forwarder_pump(f);
    }
    for (int i = 0; i < n && o->fd >= 0; i++) {
        if (is_from(&d->msgs[i].msg_hdr, &o->route->server))
            take(f, o, d->bytes[i], d->msgs[i].msg_len);
    }
}
