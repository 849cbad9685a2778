/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listening and accepting.
 *
 * lwIP tells of a connection when it is complete. It gets a socket without a descriptor then, which waits in its
 * listener's queue, receiving already, until it is accepted.
 */
#include "lwip/bind.h"
#include "lwip/tcpsock.h"

void tcp_forget_listener(struct sock *sock)
{
    struct sock **at;

    if (sock->tcp.listener == NULL)
        return;
    for (at = &sock->tcp.listener->tcp.accept_queue; *at != NULL && *at != sock; at = &(*at)->tcp.accept_next)
        ;
    if (*at != NULL) {
        *at = sock->tcp.accept_next;
        sock->tcp.listener->tcp.accept_count--;
    }
    sock->tcp.listener = NULL;
}

static void inherit(struct sock *sock, const struct sock *listener, struct tcp_pcb *pcb)
{
    sock->tcp.listener = (struct sock *)(uintptr_t)listener;
    sock->tcp.phase = TCP_CONNECTED;
    sock->tcp.no_delay = listener->tcp.no_delay;
    sock->tcp.keep_idle = listener->tcp.keep_idle;
    sock->tcp.keep_interval = listener->tcp.keep_interval;
    sock->tcp.keep_count = listener->tcp.keep_count;
    sock->keepalive = listener->keepalive;
    sock->reuse_address = listener->reuse_address;
    sock->linger = listener->linger;
    sock->ttl = listener->ttl;
    sock->tos = listener->tos;
    sock->v6only = listener->v6only;
    sock->device = listener->device;
    sock->is_bound = sock->is_connected = true;
    sock->local = pcb->local_ip;
    sock->remote = pcb->remote_ip;
    sock->local_port = pcb->local_port;
    sock->remote_port = pcb->remote_port;
}

/* A connection is complete. */
static err_t accepted(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct sock *listener = arg, *sock, **last;

    if (listener == NULL || pcb == NULL || error != ERR_OK)
        return ERR_VAL; /* lwIP resets it */
    if (listener->tcp.accept_count >= listener->tcp.backlog)
        return ERR_MEM;
    sock = sock_new(listener->stack, &tcp_sock, listener->domain, SOCK_STREAM, listener->protocol);
    if (sock == NULL)
        return ERR_MEM;
    inherit(sock, listener, pcb);
    tcp_adopt(sock, pcb);
    tcp_apply_options(sock);
    for (last = &listener->tcp.accept_queue; *last != NULL; last = &(*last)->tcp.accept_next)
        ;
    *last = sock;
    listener->tcp.accept_count++;
    listener->has_news = true;
    ready_update(listener);
    return ERR_OK;
}

static int set_backlog(struct sock *sock, int backlog)
{
    sock->tcp.backlog = backlog < 0 || backlog > SOMAXCONN ? SOMAXCONN : backlog + 1; /* as Linux counts */
    return 0;
}

int tcp_listen_sock(struct sock *sock, int backlog)
{
    struct lwip_symbols *lw = &sock->stack->lw;
    struct tcp_pcb *pcb;
    ip_addr_t any;
    err_t result;
    int error = 0;

    if (sock->tcp.phase == TCP_LISTENING)
        return set_backlog(sock, backlog);
    if (sock->tcp.phase != TCP_FRESH)
        return -EINVAL;
    ip_addr_set_any_val(sock->domain == AF_INET6, any);
    any = bind_address(sock, &any);
    if (sock->tcp.pcb == NULL && sock->is_bound) /* it has tried to connect, or listened, before */
        any = bind_address(sock, &sock->local);
    if (sock->tcp.pcb == NULL)
        error = tcp_make_pcb(sock, &any, sock->is_bound ? sock->local_port : 0);
    if (error == 0 && bind_is_listened_at(sock))
        error = -EADDRINUSE;
    if (error == 0)
        error = ready_begin(sock);
    if (error < 0)
        return error;
    pcb = lw->tcp_listen_with_backlog_and_err(sock->tcp.pcb, 255, &result);
    if (pcb == NULL)
        return stack_errno(result);
    if (IP_IS_ANY_TYPE_VAL(sock->local))
        IP_SET_TYPE_VAL(sock->local, IPADDR_TYPE_V6);
    sock->tcp.pcb = pcb;
    sock->tcp.phase = TCP_LISTENING;
    lw->tcp_arg(pcb, sock);
    lw->tcp_accept(pcb, accepted);
    ready_update(sock);
    return set_backlog(sock, backlog);
}

int tcp_accept_sock(struct sock *sock, struct sock **ret_sock)
{
    struct sock *first = sock->tcp.accept_queue;

    if (sock->tcp.phase != TCP_LISTENING)
        return -EINVAL;
    if (first == NULL)
        return -EAGAIN;
    tcp_forget_listener(first);
    ready_update(sock);
    *ret_sock = first;
    return 0;
}
