/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options of TCP; those of all sockets are passed on, and PCBs told of them.
 */
#include <netinet/tcp.h>
#include <string.h>

#include "lwip/route.h"
#include "lwip/tcpsock.h"

/* Of a connection: the route's at the time, which is the last change that it notices. */
static u8_t ttl_of(const struct sock *sock)
{
    struct route_way way = {.hop_limit = HOP_LIMIT_DEFAULT};

    if (sock->ttl == TTL_OF_ROUTE && sock->remote_port != 0)
        (void)!route_find(sock->stack, &sock->remote, sock->device, &way);
    return sock_hop_limit(sock, way.hop_limit);
}

void tcp_apply_options(const struct sock *sock)
{
    struct tcp_pcb *pcb = sock->tcp.pcb;

    if (pcb == NULL)
        return;
    pcb->so_options =
        (u8_t)((sock->reuse_address ? SOF_REUSEADDR : 0) | (sock->keepalive ? SOF_KEEPALIVE : 0));
    pcb->netif_idx = option_netif_index(sock);
    pcb->ttl = ttl_of(sock);
    pcb->tos = (u8_t)sock->tos;
    if (sock->tcp.phase == TCP_LISTENING)
        return; /* its PCB ends there */
    if (sock->tcp.no_delay)
        tcp_nagle_disable(pcb);
    else
        tcp_nagle_enable(pcb);
    if (sock->tcp.keep_idle != 0)
        pcb->keep_idle = sock->tcp.keep_idle * 1000;
    if (sock->tcp.keep_interval != 0)
        pcb->keep_intvl = sock->tcp.keep_interval * 1000;
    if (sock->tcp.keep_count != 0)
        pcb->keep_cnt = sock->tcp.keep_count;
}

int tcp_set(struct sock *sock, int level, int option, const void *value, socklen_t len)
{
    int number = 0, error = 0;

    if (level != IPPROTO_TCP) {
        error = option_set(sock, level, option, value, len);
        tcp_apply_options(sock);
        return error;
    }
    if (len < sizeof(number))
        return -EINVAL;
    memcpy(&number, value, sizeof(number));
    if (option == TCP_NODELAY)
        sock->tcp.no_delay = number != 0;
    else if (option == TCP_KEEPIDLE && number > 0 && number <= 32767)
        sock->tcp.keep_idle = (unsigned)number;
    else if (option == TCP_KEEPINTVL && number > 0 && number <= 32767)
        sock->tcp.keep_interval = (unsigned)number;
    else if (option == TCP_KEEPCNT && number > 0 && number <= 127)
        sock->tcp.keep_count = (unsigned)number;
    else
        error = option == TCP_KEEPIDLE || option == TCP_KEEPINTVL || option == TCP_KEEPCNT ? -EINVAL
                                                                                           : -ENOPROTOOPT;
    tcp_apply_options(sock);
    return error;
}

int tcp_get(struct sock *sock, int level, int option, void *value, socklen_t *len)
{
    int number;

    if (level != IPPROTO_TCP)
        return option_get(sock, level, option, value, len);
    if (option == TCP_NODELAY)
        number = sock->tcp.no_delay;
    else if (option == TCP_MAXSEG)
        number = sock->tcp.pcb != NULL && sock->tcp.phase == TCP_CONNECTED ? sock->tcp.pcb->mss : TCP_MSS;
    else if (option == TCP_KEEPIDLE)
        number = sock->tcp.keep_idle != 0 ? (int)sock->tcp.keep_idle : 7200;
    else if (option == TCP_KEEPINTVL)
        number = sock->tcp.keep_interval != 0 ? (int)sock->tcp.keep_interval : 75;
    else if (option == TCP_KEEPCNT)
        number = sock->tcp.keep_count != 0 ? (int)sock->tcp.keep_count : 9;
    else
        return -ENOPROTOOPT;
    *len = *len < sizeof(number) ? *len : sizeof(number);
    memcpy(value, &number, *len);
    return 0;
}
