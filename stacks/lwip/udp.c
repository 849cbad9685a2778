/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Datagrams over UDP.
 *
 * Sending: the way is found here (route.c), with it the source address, and lwIP is told both; the frame
 * leaves before the call returns. Receiving: lwIP finds the socket and calls arrive. lwIP gives a multicast
 * or broadcast datagram to one socket; the others that are bound to its port get a copy here.
 *
 * A socket of AF_INET6 that is not IPV6_V6ONLY has a PCB of lwIP's "any" type and speaks IPv4 too. Ports are
 * drawn at random by us. A wire that has fallen behind (wire.c) makes a sender wait, as a full send buffer of
 * the kernel's would.
 */
#include <poll.h>
#include <string.h>

#include <lwip/prot/ip4.h>
#include <lwip/prot/ip6.h>

#include "lwip/bind.h"
#include "lwip/destination.h"
#include "lwip/port.h"
#include "lwip/route.h"
#include "lwip/sock.h"
#include "lwip/wire.h"

enum {
    PAYLOAD_MAX = 65507, /* of IPv4; IPv6 takes 20 less than it could */
    PORT_ATTEMPTS = 200,
};

/* ---- receiving ---- */

static void describe(const struct stack *stack, struct arrival *arrival)
{
    const struct ip_globals *globals = stack->lw.ip_data;
    const struct port *port = globals->current_input_netif->state;

    arrival->to = globals->current_iphdr_dest;
    arrival->from = globals->current_iphdr_src;
    arrival->ifindex = port->ifindex;
    if (globals->current_ip6_header != NULL) {
        arrival->ttl = IP6H_HOPLIM(globals->current_ip6_header);
        arrival->tos = stack_traffic_class(globals->current_ip6_header);
    } else {
        arrival->ttl = IPH_TTL(globals->current_ip4_header);
        arrival->tos = IPH_TOS(globals->current_ip4_header);
    }
}

/* Does it want the groups of others? */
static bool wants_group(const struct sock *sock, const struct arrival *arrival)
{
    return !sock->multicast_own || !ip_addr_ismulticast(&arrival->to) ||
           option_is_member(sock, &arrival->to, arrival->ifindex);
}

/* Would this socket take a datagram to that port and to a group or to everybody? */
static bool wants_copy(const struct sock *sock, uint16_t local_port, const struct arrival *arrival)
{
    if (sock->type != &udp_sock || sock->local_port != local_port || !sock->is_bound)
        return false;
    if (sock->device != NULL && sock->device->ifindex != arrival->ifindex)
        return false;
    if (sock->is_connected &&
        (sock->remote_port != arrival->port || !ip_addr_cmp(&sock->remote, &arrival->from)))
        return false;
    if (IP_IS_V4_VAL(arrival->to) && sock->domain == AF_INET6 && sock->v6only)
        return false;
    if (IP_IS_V6_VAL(arrival->to) && sock->domain == AF_INET)
        return false;
    return (ip_addr_isany(&sock->local) || ip_addr_cmp_zoneless(&sock->local, &arrival->to)) &&
           wants_group(sock, arrival);
}

/* All but `taker`, who has it already. */
static void copy_to_others(struct stack *stack, const struct sock *taker, uint16_t local_port,
                           const struct arrival *arrival)
{
    struct sock *sock;
    struct arrival copy;

    for (sock = stack->sock_list; sock != NULL; sock = sock->next) {
        if (sock == taker || !wants_copy(sock, local_port, arrival))
            continue;
        copy = *arrival;
        copy.p = stack->lw.pbuf_clone(PBUF_RAW, PBUF_RAM, arrival->p);
        if (copy.p != NULL && sock_arrive(sock, &copy, false) < 0)
            continue; /* its buffer is full */
    }
}

void udp_arrive_at_all(struct stack *stack, uint16_t local_port, const struct arrival *arrival)
{
    copy_to_others(stack, NULL, local_port, arrival);
}

static void arrive(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *addr, u16_t port_number)
{
    struct sock *sock = arg;
    struct arrival arrival = {.p = p, .port = port_number};

    (void)pcb, (void)addr;
    describe(sock->stack, &arrival);
    if (ip_addr_ismulticast(&arrival.to) || route_is_broadcast(sock->stack, &arrival.to, NULL))
        copy_to_others(sock->stack, sock, sock->local_port, &arrival);
    if (!wants_group(sock, &arrival))
        sock->stack->lw.pbuf_free(p);
    else if (sock_arrive(sock, &arrival, false) < 0)
        return; /* its buffer is full */
}

/* ---- life ---- */

static int udp_open(struct sock *sock)
{
    struct lwip_symbols *lw = &sock->stack->lw;

    sock->udp = lw->udp_new_ip_type(sock->domain == AF_INET ? IPADDR_TYPE_V4 : IPADDR_TYPE_ANY);
    if (sock->udp == NULL)
        return -ENOMEM;
    lw->udp_recv(sock->udp, arrive, sock);
    return 0;
}

static void udp_end(struct sock *sock)
{
    if (sock->udp != NULL)
        sock->stack->lw.udp_remove(sock->udp);
}

static int bind_to(struct sock *sock, const ip_addr_t *ip, uint16_t port_number)
{
    ip_addr_t bound = bind_address(sock, ip);
    err_t error = ERR_USE;
    int i;

    if (port_number != 0 && bind_clashes(sock, ip, port_number))
        return -EADDRINUSE;
    sock->udp->so_options = port_number != 0 ? SOF_REUSEADDR : 0;
    if (port_number != 0)
        error = sock->stack->lw.udp_bind(sock->udp, &bound, port_number);
    for (i = 0; port_number == 0 && error == ERR_USE && i < PORT_ATTEMPTS; i++)
        error = sock->stack->lw.udp_bind(sock->udp, &bound, sock_random_port());
    if (error != ERR_OK)
        return stack_errno(error);
    sock->udp->so_options = SOF_REUSEADDR; /* those who come later are judged by bind.c */
    sock->local = *ip;
    sock->local_port = sock->udp->local_port;
    sock->is_bound = true;
    return 0;
}

static int udp_bind_sock(struct sock *sock, const struct sockaddr *addr, socklen_t len)
{
    struct port *port = NULL;
    uint16_t port_number = 0;
    ip_addr_t ip;
    int error = sock_read_address(sock, addr, len, &ip, &port_number, &port);

    if (error < 0)
        return error == -ENETUNREACH ? -EINVAL : error;
    if (sock->is_bound)
        return -EINVAL;
    if (!sock_may_bind(sock, &ip))
        return -EADDRNOTAVAIL;
    return bind_to(sock, &ip, port_number);
}

static int bind_any(struct sock *sock)
{
    ip_addr_t any;

    if (sock->is_bound)
        return 0;
    ip_addr_set_any_val(sock->domain == AF_INET6, any);
    return bind_to(sock, &any, 0);
}

/* ---- sending ---- */

static ssize_t send_to(struct sock *sock, const struct msghdr *msg, size_t len, const struct destination *to)
{
    struct lwip_symbols *lw = &sock->stack->lw;
    struct pbuf *p = lw->pbuf_alloc(PBUF_TRANSPORT, (u16_t)len, PBUF_RAM);
    err_t error;

    if (p == NULL)
        return -ENOBUFS;
    sock_gather(msg, 0, p->payload, len);
    sock->udp->ttl = sock_hop_limit(sock, to->hop_limit);
    sock->udp->mcast_ttl = (u8_t)sock->multicast_ttl;
    sock->udp->tos = (u8_t)sock->tos;
    sock->udp->flags = (u8_t)((sock->udp->flags & ~UDP_FLAGS_MULTICAST_LOOP) |
                              (sock->multicast_loop ? UDP_FLAGS_MULTICAST_LOOP : 0));
    error = lw->udp_sendto_if_src(sock->udp, p, &to->ip, to->port_number, &to->port->card.netif, &to->source);
    lw->pbuf_free(p);
    return error == ERR_OK ? (ssize_t)len : stack_errno(error);
}

static ssize_t udp_send_message(struct sock *sock, const struct msghdr *msg, size_t skip, int flags)
{
    struct destination to;
    size_t len = sock_message_len(msg);
    int error = sock_take_error(sock);

    (void)skip;
    if (error < 0)
        return error;
    if ((flags & MSG_OOB) != 0)
        return -EOPNOTSUPP;
    if (len > PAYLOAD_MAX)
        return -EMSGSIZE;
    if (sock->shut_write)
        return -EPIPE;
    error = destination_read(sock, msg, &to);
    if (error == 0 && to.port_number == 0)
        error = -EINVAL;
    if (error == 0)
        error = bind_any(sock);
    if (error < 0)
        return error;
    if (wire_is_busy(to.port->wire)) {
        sock->wire_blocked = true;
        ready_update(sock);
        return -EAGAIN;
    }
    return send_to(sock, msg, len, &to);
}

/* ---- the rest ---- */

static int disconnect(struct sock *sock)
{
    sock->stack->lw.udp_disconnect(sock->udp);
    sock->udp->local_ip = bind_address(sock, &sock->local);
    sock->is_connected = false;
    return 0;
}

static int udp_connect_sock(struct sock *sock, const struct sockaddr *addr, socklen_t len)
{
    struct destination to = {.port = NULL};
    err_t result;
    int error;

    if (len >= sizeof(sa_family_t) && addr->sa_family == AF_UNSPEC)
        return disconnect(sock);
    ip_addr_set_any_val(false, to.source);
    error = sock_read_address(sock, addr, len, &to.ip, &to.port_number, &to.port);
    if (error == 0)
        error = destination_find_way(sock, &to);
    if (error == 0)
        error = bind_any(sock);
    if (error < 0)
        return error;
    result = sock->stack->lw.udp_connect(sock->udp, &to.ip, to.port_number);
    if (result != ERR_OK)
        return stack_errno(result);
    sock->local = sock->udp->local_ip = to.source;
    sock->remote = to.ip;
    sock->remote_port = to.port_number;
    sock->is_connected = true;
    return 0;
}

static int udp_shutdown(struct sock *sock, int how)
{
    if (!sock->is_connected)
        return -ENOTCONN;
    sock->shut_read |= how != SHUT_WR;
    sock->shut_write |= how != SHUT_RD;
    ready_update(sock);
    return 0;
}

static short udp_poll(const struct sock *sock)
{
    short events = sock->wire_blocked ? 0 : POLLOUT;

    if (sock->ring_count > 0 || sock->error != 0 || sock->shut_read)
        events |= POLLIN;
    if (sock->shut_read)
        events |= sock->shut_write ? POLLRDHUP | POLLHUP : POLLRDHUP;
    return events;
}

const struct sock_type udp_sock = {
    .open = udp_open,
    .close = udp_end,
    .bind = udp_bind_sock,
    .connect = udp_connect_sock,
    .send = udp_send_message,
    .recv = sock_recv_datagram,
    .name = sock_name,
    .set = option_set,
    .get = option_get,
    .shutdown = udp_shutdown,
    .poll = udp_poll,
};
