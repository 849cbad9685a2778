/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which sockets may share a port, as socket(7) and ip(7) have it.
 *
 * Two sockets of a protocol clash if they have a port in common, an address in common and no different devices
 * (SO_BINDTODEVICE). "Any" has all addresses of its family in common, and that of a socket of AF_INET6 which is
 * not IPV6_V6ONLY those of IPv4 too. With SO_REUSEADDR on both they may share: datagrams then, and streams
 * unless one of them listens. Connections that wait for their time to end are sockets no more: lwIP itself
 * knows of them, and asks for SO_REUSEADDR.
 *
 * lwIP has rules of its own, which do not look at devices and take an "any" of both families for one of IPv4.
 * They are switched off for UDP. For TCP they stay, for the sake of those connections, so there two devices do
 * not help.
 */
#include "lwip/bind.h"

/* What a socket's address covers. */
struct cover {
    bool v4, v6;
    bool any;
    ip_addr_t ip; /* unless any */
};

static struct cover cover_of(const struct sock *sock, const ip_addr_t *ip)
{
    bool is_v6 = IP_IS_V6(ip) || IP_IS_ANY_TYPE_VAL(*ip);
    struct cover cover = {.v4 = !is_v6, .v6 = is_v6, .any = ip_addr_isany(ip), .ip = *ip};

    if (cover.any && is_v6 && !sock->v6only)
        cover.v4 = true;
    return cover;
}

static bool meet(const struct cover *a, const struct cover *b)
{
    if (!(a->v4 && b->v4) && !(a->v6 && b->v6))
        return false;
    return a->any || b->any || ip_addr_cmp(&a->ip, &b->ip);
}

/* A connection that failed holds its port only if it was bound to it. */
static bool holds_port(const struct sock *sock, uint16_t port_number)
{
    return sock->local_port == port_number && (sock->is_bound || sock->tcp.phase != TCP_ENDED);
}

static bool have_other_devices(const struct sock *a, const struct sock *b)
{
    return a->device != NULL && b->device != NULL && a->device != b->device;
}

static bool overlap(const struct sock *sock, const ip_addr_t *ip, uint16_t port_number,
                    const struct sock *other)
{
    struct cover wanted, held;

    if (other == sock || other->type != sock->type || !holds_port(other, port_number) ||
        have_other_devices(sock, other))
        return false;
    wanted = cover_of(sock, ip);
    held = cover_of(other, &other->local);
    return meet(&wanted, &held);
}

bool bind_clashes(const struct sock *sock, const ip_addr_t *ip, uint16_t port_number)
{
    const struct sock *other;
    bool share;

    for (other = sock->stack->sock_list; other != NULL; other = other->next) {
        share = sock->reuse_address && other->reuse_address &&
                (sock->type == &udp_sock || other->tcp.phase != TCP_LISTENING);
        if (!share && overlap(sock, ip, port_number, other))
            return true;
    }
    return false;
}

bool bind_is_listened_at(const struct sock *sock)
{
    const struct sock *other;

    for (other = sock->stack->sock_list; other != NULL; other = other->next)
        if (other->tcp.phase == TCP_LISTENING && overlap(sock, &sock->local, sock->local_port, other))
            return true;
    return false;
}

ip_addr_t bind_address(const struct sock *sock, const ip_addr_t *ip)
{
    ip_addr_t bound = *ip;

    if (sock->domain == AF_INET6 && !sock->v6only && IP_IS_V6_VAL(*ip) && ip_addr_isany(ip))
        IP_SET_TYPE_VAL(bound, IPADDR_TYPE_ANY);
    return bound;
}
