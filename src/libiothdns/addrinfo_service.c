/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sockets that a service can be had by. One table has, in their order, the pairs of type and protocol that there are;
 * the hints choose rows of it. Who chooses nothing gets the usual three: TCP, UDP and raw; and of a service with a name,
 * every one under whose protocol the name stands in services(5). Who chooses a type or a protocol gets the first row that
 * fits, as in glibc.
 */
#include "libiothdns/addrinfo_service.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>

static const struct socket_row {
    int socktype, protocol;
    const char *name; /* of the protocol in services(5); NULL: no services there, and any protocol */
    bool usual;
} rows[] = {
    {SOCK_STREAM, IPPROTO_TCP, "tcp", true},
    {SOCK_DGRAM, IPPROTO_UDP, "udp", true},
    {SOCK_DCCP, IPPROTO_DCCP, "dccp", false},
    {SOCK_DGRAM, IPPROTO_UDPLITE, "udplite", false},
    {SOCK_STREAM, IPPROTO_SCTP, "sctp", false},
    {SOCK_SEQPACKET, IPPROTO_SCTP, "sctp", false},
    {SOCK_RAW, 0, NULL, true},
};

_Static_assert(ARRAY_LEN(rows) <= GAI_SOCKETS_MAX, "room for every row");

/* The port in decimal digits; -EINVAL: it is no number; -ERANGE: it is none of a port. */
static int parse_port(const char *text)
{
    int port = 0;

    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9')
            return -EINVAL;
        if (port <= UINT16_MAX)
            port = port * 10 + (*at - '0');
    }
    return port <= UINT16_MAX ? port : -ERANGE;
}

bool gai_service_is_name(const char *service)
{
    return service && parse_port(service) == -EINVAL;
}

static bool fits(const struct socket_row *row, const struct gai_wish *wish)
{
    return (wish->socktype == 0 || wish->socktype == row->socktype) &&
           (wish->protocol == 0 || !row->name || wish->protocol == row->protocol);
}

static struct gai_socket socket_of(const struct socket_row *row, const struct gai_wish *wish, int port)
{
    return (struct gai_socket){row->socktype, row->name ? row->protocol : wish->protocol, (uint16_t)port};
}

/* Of what was chosen: the first row that fits. */
static int chosen_socket(const struct gai_wish *wish, const char *service, int port,
                         const struct services *services, struct gai_socket *ret)
{
    const struct socket_row *row = rows;

    while (row < rows + ARRAY_LEN(rows) && !fits(row, wish))
        row++;
    if (row == rows + ARRAY_LEN(rows))
        return wish->socktype ? EAI_SOCKTYPE : EAI_SERVICE;
    if (!row->name && service)
        return EAI_SERVICE;
    if (port < 0)
        port = services_port(services, service, row->name);
    if (port < 0)
        return EAI_SERVICE;
    *ret = socket_of(row, wish, port);
    return 1;
}

int gai_sockets(const struct gai_wish *wish, const char *service, const struct services *services,
                struct gai_socket ret[static GAI_SOCKETS_MAX])
{
    int count = 0, port = 0;

    if (service && *service == '\0')
        service = NULL;
    if (service)
        port = parse_port(service);
    if (port == -ERANGE)
        return EAI_SERVICE;
    if (port < 0 && wish->numeric)
        return EAI_NONAME;
    if (wish->socktype || wish->protocol)
        return chosen_socket(wish, service, port, services, ret);
    for (const struct socket_row *row = rows; row < rows + ARRAY_LEN(rows); row++) {
        if (port >= 0 && row->usual)
            ret[count++] = socket_of(row, wish, port);
        else if (port < 0 && row->name && services_port(services, service, row->name) >= 0)
            ret[count++] = socket_of(row, wish, services_port(services, service, row->name));
    }
    return count > 0 ? count : EAI_SERVICE;
}
