/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Streams over TCP.
 *
 * A PCB of lwIP is made when the socket is bound, listens or connects, and taken away from the socket as soon
 * as nothing can come of it any more: when it fails (lwIP frees it and says so), and when both directions have
 * ended, since a PCB that waits for its time to end is freed without a word. lwIP then finishes alone what is
 * on its way.
 *
 * What arrives goes to the socket's ring; the window opens again as the user reads. What the user writes lwIP
 * copies, up to its 64 KiB. lwIP's listeners have no backlog: connections that wait to be accepted are counted
 * here, and refused beyond it.
 *
 * Closing with data unread resets the connection (RFC 2525 s2.17), which lwIP does; SO_LINGER of 0 s too.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/tcp.h>

#include "lwip/route.h"
#include "lwip/sock.h"

#ifndef SOMAXCONN
#define SOMAXCONN 4096
#endif

enum {
    PORT_ATTEMPTS = 200,
    WRITE_MIN = 16384, /* POLLOUT from this much room on, a quarter of lwIP's buffer */
    WRITE_MAX = 32768, /* in one tcp_write */
};

/* ---- PCBs ---- */

static void detach(struct sock *sock)
{
    struct lwip_symbols *lw = &sock->stack->lw;
    struct tcp_pcb *pcb = sock->tcp.pcb;

    if (pcb == NULL)
        return;
    sock->tcp.pcb = NULL;
    lw->tcp_arg(pcb, NULL);
    if (sock->tcp.phase == TCP_LISTENING) {
        lw->tcp_accept(pcb, NULL);
        return;
    }
    lw->tcp_recv(pcb, NULL);
    lw->tcp_sent(pcb, NULL);
    lw->tcp_err(pcb, NULL);
}

static void abort_pcb(struct sock *sock)
{
    struct tcp_pcb *pcb = sock->tcp.pcb;

    detach(sock);
    if (pcb != NULL)
        sock->stack->lw.tcp_abort(pcb);
}

void tcp_fail(struct sock *sock, int error)
{
    abort_pcb(sock);
    sock->tcp.phase = TCP_ENDED;
    sock->error = error;
    sock->shut_write = true;
    ready_update(sock);
}

/* Both directions have ended: the PCB is lwIP's alone. */
static void let_go(struct sock *sock)
{
    if (!sock->tcp.eof || !sock->shut_write)
        return;
    detach(sock);
    sock->tcp.phase = TCP_ENDED;
}

/* ---- what lwIP tells ---- */

static err_t arrived(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct sock *sock = arg;
    struct arrival arrival = {.p = p};

    (void)pcb, (void)error;
    if (p == NULL) {
        sock->tcp.eof = true;
        let_go(sock);
        ready_update(sock);
        return ERR_OK;
    }
    if (sock->shut_read) {
        sock->stack->lw.tcp_recved(pcb, p->tot_len);
        sock->stack->lw.pbuf_free(p);
        return ERR_OK;
    }
    if (sock_arrive(sock, &arrival, true) < 0) {
        tcp_fail(sock, ENOBUFS);
        return ERR_ABRT;
    }
    return ERR_OK;
}

static err_t sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    struct sock *sock = arg;

    (void)len;
    if (sock->shown.no_out && tcp_sndbuf(pcb) >= WRITE_MIN)
        ready_update(sock);
    return ERR_OK;
}

/* The PCB is gone already. */
static void failed(void *arg, err_t error)
{
    struct sock *sock = arg;

    sock->tcp.pcb = NULL;
    if (error == ERR_CLSD) {
        sock->tcp.eof = true;
    } else if (error == ERR_RST) {
        sock->error = sock->tcp.phase == TCP_CONNECTING ? ECONNREFUSED : sock->tcp.eof ? EPIPE : ECONNRESET;
    } else {
        sock->error = ETIMEDOUT;
    }
    sock->tcp.phase = TCP_ENDED;
    sock->shut_write = true;
    ready_update(sock);
}

static void adopt(struct sock *sock, struct tcp_pcb *pcb)
{
    struct lwip_symbols *lw = &sock->stack->lw;

    sock->tcp.pcb = pcb;
    lw->tcp_arg(pcb, sock);
    lw->tcp_recv(pcb, arrived);
    lw->tcp_sent(pcb, sent);
    lw->tcp_err(pcb, failed);
}

static void apply_options(const struct sock *sock)
{
    struct tcp_pcb *pcb = sock->tcp.pcb;

    if (pcb == NULL)
        return;
    pcb->so_options = (u8_t)((sock->reuse_address ? SOF_REUSEADDR : 0) | (sock->keepalive ? SOF_KEEPALIVE : 0));
    pcb->ttl = (u8_t)sock->ttl;
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

/* ---- binding and connecting ---- */

static int tcp_open(struct sock *sock)
{
    (void)sock;
    return 0;
}

/* A PCB bound to ip, of that type, and to the port, 0: a random one. */
static int make_pcb(struct sock *sock, const ip_addr_t *ip, uint16_t port_number)
{
    struct lwip_symbols *lw = &sock->stack->lw;
    struct tcp_pcb *pcb = lw->tcp_new_ip_type(IP_GET_TYPE(ip));
    err_t error = ERR_USE;
    int i;

    if (pcb == NULL)
        return -ENOBUFS;
    adopt(sock, pcb);
    apply_options(sock);
    if (port_number != 0)
        error = lw->tcp_bind(pcb, ip, port_number);
    for (i = 0; port_number == 0 && error == ERR_USE && i < PORT_ATTEMPTS; i++)
        error = lw->tcp_bind(pcb, ip, sock_random_port());
    if (error != ERR_OK) {
        abort_pcb(sock);
        return stack_errno(error);
    }
    sock->local = *ip;
    sock->local_port = pcb->local_port;
    return 0;
}

static ip_addr_t bind_address(const struct sock *sock, const ip_addr_t *ip)
{
    ip_addr_t bound = *ip;

    if (sock->domain == AF_INET6 && !sock->v6only && IP_IS_V6_VAL(*ip) && ip_addr_isany(ip))
        IP_SET_TYPE_VAL(bound, IPADDR_TYPE_ANY);
    return bound;
}

static int tcp_bind_sock(struct sock *sock, const struct sockaddr *addr, socklen_t len)
{
    struct port *port = NULL;
    uint16_t port_number = 0;
    ip_addr_t ip, bound;
    int error = sock_read_address(sock, addr, len, &ip, &port_number, &port);

    if (error < 0)
        return error == -ENETUNREACH ? -EINVAL : error;
    if (sock->tcp.pcb != NULL || sock->tcp.phase != TCP_FRESH)
        return -EINVAL;
    if (!sock_may_bind(sock, &ip) || ip_addr_ismulticast(&ip) || route_is_broadcast(sock->stack, &ip, NULL))
        return -EADDRNOTAVAIL;
    bound = bind_address(sock, &ip);
    error = make_pcb(sock, &bound, port_number);
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

/* Ready to connect from source: a PCB that is bound to nothing in particular moves there. */
static int prepare_pcb(struct sock *sock, const ip_addr_t *source)
{
    if (sock->tcp.pcb == NULL)
        return make_pcb(sock, source, 0);
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

    if (ip_addr_cmp(&sock->local, ip) && sock->local_port == port_number)
        return -ECONNREFUSED; /* to itself, which lwIP does not survive */
    apply_options(sock);
    sock->remote = *ip;
    sock->remote_port = port_number;
    sock->tcp.phase = TCP_CONNECTING;
    result = sock->stack->lw.tcp_connect(sock->tcp.pcb, ip, port_number, connected);
    if (result != ERR_OK) {
        sock->tcp.phase = TCP_FRESH;
        return stack_errno(result);
    }
    sock->is_connected = true;
    ready_update(sock);
    return -EINPROGRESS;
}

/* A socket whose attempt failed may try again; its descriptor may not show it (ready.c). */
static int check_phase(struct sock *sock)
{
    if (sock->tcp.phase == TCP_CONNECTING)
        return -EALREADY;
    if (sock->tcp.phase == TCP_CONNECTED || sock->tcp.phase == TCP_LISTENING)
        return -EISCONN;
    if (sock->tcp.phase == TCP_ENDED) {
        int error = sock_take_error(sock);

        return error < 0 ? error : -ECONNABORTED;
    }
    return 0;
}

static int tcp_connect_sock(struct sock *sock, const struct sockaddr *addr, socklen_t len)
{
    struct port *port = sock->device;
    struct route_way way;
    const ip_addr_t *source;
    uint16_t port_number = 0;
    ip_addr_t ip;
    int error = check_phase(sock);

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

/* ---- listening ---- */

static void forget_listener(struct sock *sock)
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
    adopt(sock, pcb);
    apply_options(sock);
    for (last = &listener->tcp.accept_queue; *last != NULL; last = &(*last)->tcp.accept_next)
        ;
    *last = sock;
    listener->tcp.accept_count++;
    ready_update(listener);
    return ERR_OK;
}

static int set_backlog(struct sock *sock, int backlog)
{
    sock->tcp.backlog = backlog < 0 || backlog > SOMAXCONN ? SOMAXCONN : backlog + 1; /* as Linux counts */
    return 0;
}

static int tcp_listen_sock(struct sock *sock, int backlog)
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
    if (sock->tcp.pcb == NULL)
        error = make_pcb(sock, &any, 0);
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

static int tcp_accept_sock(struct sock *sock, struct sock **ret_sock)
{
    struct sock *first = sock->tcp.accept_queue;

    if (sock->tcp.phase != TCP_LISTENING)
        return -EINVAL;
    if (first == NULL)
        return -EAGAIN;
    forget_listener(first);
    ready_update(sock);
    *ret_sock = first;
    return 0;
}

/* ---- data ---- */

static bool may_have_room(const struct sock *sock)
{
    return sock->tcp.pcb != NULL && tcp_sndbuf(sock->tcp.pcb) > 0 &&
           sock->tcp.pcb->snd_queuelen < TCP_SND_QUEUELEN;
}

static ssize_t check_writable(struct sock *sock)
{
    int error = sock_take_error(sock);

    if (error < 0)
        return error;
    if (sock->shut_write)
        return -EPIPE;
    if (sock->tcp.phase == TCP_CONNECTING)
        return -EAGAIN;
    return sock->tcp.phase == TCP_CONNECTED ? 0 : -EPIPE;
}

static ssize_t tcp_send_message(struct sock *sock, const struct msghdr *msg, size_t skip, int flags)
{
    struct lwip_symbols *lw = &sock->stack->lw;
    uint8_t chunk[WRITE_MAX];
    size_t total = sock_message_len(msg), at = skip, len, most = sizeof(chunk);
    ssize_t error = check_writable(sock);
    err_t result = ERR_OK;

    if (error < 0)
        return error;
    if ((flags & MSG_OOB) != 0)
        return -EOPNOTSUPP;
    while (at < total && result == ERR_OK && may_have_room(sock)) {
        len = tcp_sndbuf(sock->tcp.pcb);
        len = sock_gather(msg, at, chunk, len < most ? len : most);
        result = lw->tcp_write(sock->tcp.pcb, chunk, (u16_t)len,
                               (u8_t)(TCP_WRITE_FLAG_COPY |
                                      (at + len < total || (flags & MSG_MORE) != 0 ? TCP_WRITE_FLAG_MORE : 0)));
        if (result == ERR_OK) {
            at += len;
        } else if (result == ERR_MEM && most > TCP_MSS) { /* its queue takes few segments more */
            most = TCP_MSS;
            result = ERR_OK;
        }
    }
    if (sock->tcp.pcb != NULL)
        lw->tcp_output(sock->tcp.pcb);
    ready_update(sock);
    return at > skip || total == skip ? (ssize_t)(at - skip) : -EAGAIN;
}

/* Copies from the ring from its begin on; returns how much. */
static size_t read_ring(struct sock *sock, const struct msghdr *msg, size_t wanted, bool peek)
{
    struct lwip_symbols *lw = &sock->stack->lw;
    unsigned i = 0;
    size_t done = 0;
    uint8_t chunk[4096];

    while (done < wanted && i < sock->ring_count) {
        struct arrival *arrival = &sock->ring[(sock->ring_first + i) % sock->ring_size];
        size_t there = (size_t)arrival->p->tot_len - arrival->offset, len = there, at = 0;

        if (len > wanted - done)
            len = wanted - done;
        while (at < len) {
            size_t piece = len - at < sizeof(chunk) ? len - at : sizeof(chunk);

            lw->pbuf_copy_partial(arrival->p, chunk, (u16_t)piece, (u16_t)(arrival->offset + at));
            sock_scatter(msg, done + at, chunk, piece);
            at += piece;
        }
        done += len;
        if (peek)
            i++;
        else if (len == there)
            sock_drop_arrival(sock);
        else
            arrival->offset = (uint16_t)(arrival->offset + len);
    }
    return done;
}

static void open_window(struct sock *sock, size_t len)
{
    while (len > 0 && sock->tcp.pcb != NULL) {
        u16_t piece = len < 0xffff ? (u16_t)len : 0xffff;

        sock->stack->lw.tcp_recved(sock->tcp.pcb, piece);
        len -= piece;
    }
}

static ssize_t tcp_recv_message(struct sock *sock, struct msghdr *msg, int flags)
{
    size_t wanted = sock_message_len(msg), len;
    int error;

    if ((flags & MSG_OOB) != 0)
        return -EINVAL;
    if (sock->tcp.phase == TCP_FRESH || sock->tcp.phase == TCP_LISTENING)
        return -ENOTCONN;
    msg->msg_flags = 0;
    msg->msg_controllen = 0;
    if (msg->msg_name != NULL)
        msg->msg_namelen = 0;
    if (wanted == 0)
        return 0;
    len = read_ring(sock, msg, wanted, (flags & MSG_PEEK) != 0);
    if (len > 0) {
        if ((flags & MSG_PEEK) == 0) {
            open_window(sock, len);
            if (sock->ring_count == 0)
                ready_update(sock);
        }
        return (ssize_t)len;
    }
    error = sock_take_error(sock);
    if (error < 0)
        return error;
    return sock->tcp.eof || sock->shut_read || sock->tcp.phase == TCP_ENDED ? 0 : -EAGAIN;
}

/* ---- ending ---- */

static int tcp_shutdown_sock(struct sock *sock, int how)
{
    err_t result = ERR_OK;

    if (sock->tcp.phase == TCP_LISTENING && how != SHUT_WR)
        return -EOPNOTSUPP; /* Linux: stops listening; close does */
    if (sock->tcp.phase != TCP_CONNECTED)
        return -ENOTCONN;
    if (how != SHUT_WR)
        sock->shut_read = true;
    if (how != SHUT_RD && !sock->shut_write) {
        result = sock->stack->lw.tcp_shutdown(sock->tcp.pcb, 0, 1);
        if (result == ERR_OK)
            sock->shut_write = true;
        let_go(sock);
    }
    ready_update(sock);
    return stack_errno(result);
}

static void close_queue(struct sock *sock)
{
    while (sock->tcp.accept_queue != NULL) {
        struct sock *first = sock->tcp.accept_queue;

        forget_listener(first);
        abort_pcb(first);
        sock_close(first);
    }
}

static void tcp_end(struct sock *sock)
{
    struct lwip_symbols *lw = &sock->stack->lw;
    struct tcp_pcb *pcb = sock->tcp.pcb;
    bool reset = sock->ring_count > 0 || (sock->linger.l_onoff != 0 && sock->linger.l_linger == 0);

    close_queue(sock);
    forget_listener(sock);
    if (pcb == NULL)
        return;
    if (sock->tcp.phase == TCP_CONNECTED && reset) {
        abort_pcb(sock);
        return;
    }
    detach(sock);
    if (lw->tcp_close(pcb) != ERR_OK)
        lw->tcp_abort(pcb);
}

/* ---- options and readiness ---- */

static int tcp_set(struct sock *sock, int level, int option, const void *value, socklen_t len)
{
    int number = 0, error = 0;

    if (level != IPPROTO_TCP) {
        error = option_set(sock, level, option, value, len);
        apply_options(sock);
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
        error = option == TCP_KEEPIDLE || option == TCP_KEEPINTVL || option == TCP_KEEPCNT ? -EINVAL : -ENOPROTOOPT;
    apply_options(sock);
    return error;
}

static int tcp_get(struct sock *sock, int level, int option, void *value, socklen_t *len)
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

static bool is_writable(const struct sock *sock)
{
    u16_t room = sock->tcp.pcb == NULL ? 0 : tcp_sndbuf(sock->tcp.pcb);

    if (sock->shut_write)
        return true;
    if (!may_have_room(sock))
        return false;
    return sock->shown.no_out ? room >= WRITE_MIN : room > 0;
}

static short tcp_events(const struct sock *sock)
{
    short events = 0;

    switch (sock->tcp.phase) {
    case TCP_FRESH:
        return POLLOUT;
    case TCP_LISTENING:
        return sock->tcp.accept_queue != NULL ? POLLIN : 0;
    case TCP_CONNECTING:
        return 0;
    case TCP_CONNECTED:
        break;
    case TCP_ENDED:
        events = POLLIN | POLLOUT | POLLRDHUP | POLLHUP;
        return (short)(sock->error != 0 ? events | POLLERR : events);
    }
    if (is_writable(sock))
        events |= POLLOUT;
    if (sock->ring_count > 0)
        events |= POLLIN;
    if (sock->tcp.eof || sock->shut_read)
        events |= POLLIN | POLLRDHUP;
    if (sock->shut_read && sock->shut_write)
        events |= POLLHUP;
    return events;
}

const struct sock_type tcp_sock = {
    .open = tcp_open,
    .close = tcp_end,
    .bind = tcp_bind_sock,
    .connect = tcp_connect_sock,
    .listen = tcp_listen_sock,
    .accept = tcp_accept_sock,
    .send = tcp_send_message,
    .recv = tcp_recv_message,
    .name = sock_name,
    .set = tcp_set,
    .get = tcp_get,
    .shutdown = tcp_shutdown_sock,
    .poll = tcp_events,
};
