/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a datagram goes and where it comes from.
 *
 * To: the address of the call, else that of connect. By: the interface of the control message, of a
 * link-local address, of SO_BINDTODEVICE, for groups of IP_MULTICAST_IF, else the one the routes say. From: the
 * address of the control message, else the one the socket is bound to, else the one that suits the way.
 */
#include "lwip/destination.h"

#include "lwip/route.h"

static int find_source(struct sock *sock, const struct route_way *way, struct destination *to)
{
    const ip_addr_t *source = NULL;

    if (!ip_addr_isany(&to->source))
        return 0;
    if (!ip_addr_isany(&sock->local) && !ip_addr_ismulticast(&sock->local) &&
        !route_is_broadcast(sock->stack, &sock->local, NULL)) {
        if (IP_IS_V6_VAL(sock->local) != IP_IS_V6_VAL(to->ip))
            return -ENETUNREACH;
        source = &sock->local;
    } else {
        source = route_source(sock->stack, way, &to->ip);
    }
    if (source != NULL)
        to->source = *source;
    else if (IP_IS_V4_VAL(to->ip)) /* DHCP begins so */
        ip_addr_set_zero_ip4(&to->source);
    else
        return -EADDRNOTAVAIL;
    return 0;
}

int destination_find_way(struct sock *sock, struct destination *to)
{
    struct route_way way;
    int error;

    if (to->port == NULL)
        to->port = sock->device;
    if (to->port == NULL && ip_addr_ismulticast(&to->ip))
        to->port = sock->multicast_port;
    if (IP_IS_V4_VAL(to->ip) && !sock->broadcast && route_is_broadcast(sock->stack, &to->ip, NULL))
        return -EACCES;
    if (ip_addr_isany(&to->ip)) /* Linux: the host itself */
        ip_addr_set_loopback_val(IP_IS_V6_VAL(to->ip), to->ip);
    error = route_find(sock->stack, &to->ip, to->port, &way);
    if (error < 0)
        return error;
    to->port = way.port;
    to->hop_limit = way.hop_limit;
    if (IP_IS_V6_VAL(to->ip))
        ip6_addr_assign_zone(&to->ip.u_addr.ip6, IP6_UNKNOWN, &way.port->card.netif);
    return find_source(sock, &way, to);
}

int destination_read(struct sock *sock, const struct msghdr *msg, struct destination *to)
{
    int error;

    to->port = NULL;
    ip_addr_set_any_val(false, to->source);
    if (msg->msg_name != NULL && msg->msg_namelen > 0) {
        error =
            sock_read_address(sock, msg->msg_name, msg->msg_namelen, &to->ip, &to->port_number, &to->port);
        if (error < 0)
            return error;
    } else {
        if (!sock->is_connected)
            return -EDESTADDRREQ;
        to->ip = sock->remote;
        to->port_number = sock->remote_port;
    }
    if (sock->domain == AF_INET6 && sock->v6only && IP_IS_V4_VAL(to->ip))
        return -ENETUNREACH;
    error = option_read_control(sock, msg, &to->source, &to->port);
    return error < 0 ? error : destination_find_way(sock, to);
}
