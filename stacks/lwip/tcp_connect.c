/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Binding and connecting.
 *
 * The PCB is made here, bound to its source address at once: the way to the other side says which. A socket that
 * was bound to no address in particular moves there. connect only starts; `connected` and the error callback of
 * tcp.c tell the end.
 */
#include "lwip/bind.h"
#include "lwip/route.h"
#include "lwip/tcpsock.h"

int tcp_bind_sock(struct sock *sock, const struct sockaddr *addr, socklen_t len)
{
    struct port *port = NULL;
    uint16_t port_number = 0;
    ip_addr_t ip, bound;
    int error = sock_read_address(sock, addr, len, &ip, &port_number, &port);

    if (error < 0)
        return error == -ENETUNREACH ? -EINVAL : error;
    if (sock->is_bound || sock->tcp.phase != TCP_FRESH)
        return -EINVAL;
    if (!sock_may_bind(sock, &ip) || ip_addr_ismulticast(&ip) || route_is_broadcast(sock->stack, &ip, NULL))
        return -EADDRNOTAVAIL;
    if (port_number != 0 && bind_clashes(sock, &ip, port_number))
        return -EADDRINUSE;
    bound = bind_address(sock, &ip);
    error = tcp_make_pcb(sock, &bound, port_number);
    if (error == 0) {
        sock->local = ip;
        sock->is_bound = true;
    }
    return error;
}

static err_t connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct sock *sock = arg;

    (void)pcb, (void)error;
    sock->tcp.phase = TCP_CONNECTED;
    ready_update(sock);
    return ERR_OK;
}

/* Ready to connect from source: a PCB that is bound to nothing in particular moves there. A socket that was bound
 * has lost its PCB if an attempt failed before. */
static int prepare_pcb(struct sock *sock, const ip_addr_t *source)
{
    const ip_addr_t local = sock->is_bound && !ip_addr_isany(&sock->local) ? sock->local : *source;

    if (sock->tcp.pcb == NULL)
        return tcp_make_pcb(sock, &local, sock->is_bound ? sock->local_port : 0);
    if (ip_addr_isany(&sock->local)) {
        sock->tcp.pcb->local_ip = *source;
        sock->tcp.pcb->remote_ip.type = source->type;
        sock->local = *source;
    }
    return IP_IS_V6_VAL(sock->local) == IP_IS_V6_VAL(*source) ? 0 : -ENETUNREACH;
}

static int start_connection(struct sock *sock, const ip_addr_t *ip, uint16_t port_number)
{
    err_t result;
    int error;

    if (ip_addr_cmp(&sock->local, ip) && sock->local_port == port_number)
        return -ECONNREFUSED; /* to itself, which lwIP does not survive */
    error = ready_begin(sock);
    if (error < 0)
        return error;
    sock->error = 0;
    sock->remote = *ip;
    sock->remote_port = port_number;
    tcp_apply_options(sock);
    sock->tcp.phase = TCP_CONNECTING;
    result = sock->stack->lw.tcp_connect(sock->tcp.pcb, ip, port_number, connected);
    if (result != ERR_OK) {
        sock->tcp.phase = TCP_FRESH;
        ready_update(sock);
        return stack_errno(result);
    }
    sock->is_connected = true;
    ready_update(sock);
    return -EINPROGRESS;
}

/* The error of an attempt, and with it the way to the next; as Linux has it, ECONNABORTED if SO_ERROR has told the
 * error already. */
static int end_attempt(struct sock *sock)
{
    int error = sock_take_error(sock);

    tcp_renew(sock);
    return error < 0 ? error : -ECONNABORTED;
}

int tcp_attempt_result(struct sock *sock)
{
    if (sock->tcp.phase == TCP_CONNECTING)
        return -EAGAIN;
    return sock->tcp.attempt_failed ? end_attempt(sock) : sock_take_error(sock);
}

static int check_phase(struct sock *sock)
{
    if (sock->tcp.phase == TCP_CONNECTING)
        return -EALREADY;
    if (sock->tcp.attempt_failed)
        return end_attempt(sock);
    return sock->tcp.phase == TCP_FRESH ? 0 : -EISCONN;
}

int tcp_connect_sock(struct sock *sock, const struct sockaddr *addr, socklen_t len)
{
    struct port *port = sock->device;
    struct route_way way;
    const ip_addr_t *source;
    uint16_t port_number = 0;
    ip_addr_t ip;
    int error;

    if (len >= sizeof(sa_family_t) && addr->sa_family == AF_UNSPEC) {
        tcp_disconnect(sock);
        return 0;
    }
    error = check_phase(sock);
    if (error == 0)
        error = sock_read_address(sock, addr, len, &ip, &port_number, &port);
    if (error < 0)
        return error;
    if (ip_addr_isany(&ip)) /* Linux: the host itself */
        ip_addr_set_loopback_val(IP_IS_V6_VAL(ip), ip);
    if (ip_addr_ismulticast(&ip) || route_is_broadcast(sock->stack, &ip, NULL))
        return -ENETUNREACH;
    if (port_number == 0)
        return -ECONNREFUSED;
    error = route_find(sock->stack, &ip, port, &way);
    if (error < 0)
        return error;
    source = route_source(sock->stack, &way, &ip);
    if (source == NULL)
        return -EADDRNOTAVAIL;
    error = prepare_pcb(sock, source);
    return error < 0 ? error : start_connection(sock, &ip, port_number);
}
