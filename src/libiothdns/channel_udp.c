/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Questions over UDP. Whatever comes on the socket of an attempt is for the exchange table to judge. What was queued
 * between bind and connect is told by its source address. A datagram longer than DATAGRAM_MAX, more than three times what
 * we ask for, is cut and so malformed.
 */
#include "libiothdns/channel_sockets.h"

#include <errno.h>

/* Datagrams taken at once from one socket: more than a server sends, fewer than a flood. */
#define BATCH_MAX (2 * STRAYS_MAX)

/* An ICMP error is told once, to whoever calls first; it may be an old one of that port. */
int udp_send(struct outlet *o, const struct exchange_event *e)
{
    for (unsigned tries = 0; tries < 2; tries++) {
        if (ioth_send(o->fd, e->bytes, e->len, MSG_NOSIGNAL) >= 0)
            return 0;
        if (errno != ECONNREFUSED)
            break;
    }
    return -errno;
}

static bool is_from(const struct sockaddr_storage *sa, const struct ipendpoint *server)
{
    struct ipendpoint from;

    return ipendpoint_from_sockaddr((const struct sockaddr *)sa, &from) == 0 && from.port == server->port &&
           ipaddr_equal(&from.addr, &server->addr) && (server->scope == 0 || from.scope == server->scope);
}

void udp_serve(struct channel *ch, struct outlet *o)
{
    uint8_t bytes[DATAGRAM_MAX];

    for (unsigned i = 0; i < BATCH_MAX && o->fd >= 0; i++) {
        struct sockaddr_storage from = {0};
        socklen_t from_len = sizeof(from);
        ssize_t n =
            ioth_recvfrom(o->fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);
        if (n < 0 && must_wait(errno))
            return;
        if (n < 0) { /* nobody is at the port */
            channel_failed(ch, o);
            return;
        }
        if (!is_from(&from, &o->server) || channel_input(ch, o, bytes, (size_t)n))
            continue;
        if (++o->strays > STRAYS_MAX)
            channel_guessed(ch, o);
    }
}
