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

#include "lwip/bind.h"
#include "lwip/tcpsock.h"

enum { PORT_ATTEMPTS = 200 };

/* ---- PCBs ---- */

void tcp_detach(struct sock *sock)
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

void tcp_abort_pcb(struct sock *sock)
{
    struct tcp_pcb *pcb = sock->tcp.pcb;

    tcp_detach(sock);
    if (pcb != NULL)
        sock->stack->lw.tcp_abort(pcb);
}

void tcp_fail(struct sock *sock, int error)
{
    tcp_abort_pcb(sock);
    sock->tcp.attempt_failed = sock->tcp.phase == TCP_CONNECTING;
    sock->tcp.phase = TCP_ENDED;
    sock->error = error;
    sock->shut_write = true;
    ready_update(sock);
}

/* Both directions have ended: the PCB is lwIP's alone. */
void tcp_let_go(struct sock *sock)
{
    if (!sock->tcp.eof || !sock->shut_write)
        return;
    tcp_detach(sock);
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
        tcp_let_go(sock);
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
    if (sock->shown.no_out && tcp_sndbuf(pcb) >= TCP_WRITE_MIN)
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
    sock->tcp.attempt_failed = sock->tcp.phase == TCP_CONNECTING;
    sock->tcp.phase = TCP_ENDED;
    sock->shut_write = true;
    ready_update(sock);
}

void tcp_adopt(struct sock *sock, struct tcp_pcb *pcb)
{
    struct lwip_symbols *lw = &sock->stack->lw;

    sock->tcp.pcb = pcb;
    lw->tcp_arg(pcb, sock);
    lw->tcp_recv(pcb, arrived);
    lw->tcp_sent(pcb, sent);
    lw->tcp_err(pcb, failed);
}

/* ---- life ---- */

static int tcp_open(struct sock *sock)
{
    (void)sock;
    return 0;
}

int tcp_make_pcb(struct sock *sock, const ip_addr_t *ip, uint16_t port_number)
{
    struct lwip_symbols *lw = &sock->stack->lw;
    struct tcp_pcb *pcb = lw->tcp_new_ip_type(IP_GET_TYPE(ip));
    err_t error = ERR_USE;
    int i;

    if (pcb == NULL)
        return -ENOBUFS;
    tcp_adopt(sock, pcb);
    tcp_apply_options(sock);
    if (port_number != 0)
        error = lw->tcp_bind(pcb, ip, port_number);
    for (i = 0; port_number == 0 && error == ERR_USE && i < PORT_ATTEMPTS; i++) {
        uint16_t drawn = sock_random_port();

        if (!bind_clashes(sock, ip, drawn))
            error = lw->tcp_bind(pcb, ip, drawn);
    }
    if (error != ERR_OK) {
        tcp_abort_pcb(sock);
        return stack_errno(error);
    }
    sock->local = *ip;
    sock->local_port = pcb->local_port;
    return 0;
}

static int tcp_shutdown_sock(struct sock *sock, int how)
{
    err_t result = ERR_OK;

    if (sock->tcp.phase == TCP_CONNECTING || sock->tcp.phase == TCP_LISTENING) {
        if (sock->tcp.phase == TCP_CONNECTING || how != SHUT_WR)
            tcp_disconnect(sock); /* which wakes whoever waits to accept */
        return 0;
    }
    if (sock->tcp.phase != TCP_CONNECTED)
        return -ENOTCONN;
    if (how != SHUT_WR)
        sock->shut_read = true;
    if (how != SHUT_RD && !sock->shut_write) {
        result = sock->stack->lw.tcp_shutdown(sock->tcp.pcb, 0, 1);
        if (result == ERR_OK)
            sock->shut_write = true;
        tcp_let_go(sock);
    }
    ready_update(sock);
    return stack_errno(result);
}

static void close_queue(struct sock *sock)
{
    while (sock->tcp.accept_queue != NULL) {
        struct sock *first = sock->tcp.accept_queue;

        tcp_forget_listener(first);
        tcp_abort_pcb(first);
        sock_close(first);
    }
}

void tcp_renew(struct sock *sock)
{
    tcp_abort_pcb(sock);
    sock_drop_arrivals(sock);
    sock->tcp.phase = TCP_FRESH;
    sock->tcp.eof = sock->tcp.attempt_failed = false;
    sock->shut_read = sock->shut_write = sock->is_connected = false;
    ip_addr_set_any_val(sock->domain == AF_INET6, sock->remote);
    sock->remote_port = 0;
    if (sock->is_bound)
        return;
    ip_addr_set_any_val(sock->domain == AF_INET6, sock->local);
    sock->local_port = 0;
}

void tcp_disconnect(struct sock *sock)
{
    struct tcp_pcb *pcb = sock->tcp.pcb;
    bool is_cut = sock->tcp.phase == TCP_CONNECTING || sock->tcp.phase == TCP_CONNECTED;

    close_queue(sock);
    if (sock->tcp.phase == TCP_LISTENING) {
        tcp_detach(sock);
        sock->stack->lw.tcp_close(pcb); /* that of a listener does not fail */
    }
    tcp_renew(sock);
    sock->error = is_cut ? ECONNRESET : 0;
    ready_update(sock);
}

static void tcp_end(struct sock *sock)
{
    struct lwip_symbols *lw = &sock->stack->lw;
    struct tcp_pcb *pcb = sock->tcp.pcb;
    bool reset = sock->ring_count > 0 || (sock->linger.l_onoff != 0 && sock->linger.l_linger == 0);

    close_queue(sock);
    tcp_forget_listener(sock);
    if (pcb == NULL)
        return;
    if (sock->tcp.phase == TCP_CONNECTED && reset) {
        tcp_abort_pcb(sock);
        return;
    }
    tcp_detach(sock);
    if (lw->tcp_close(pcb) != ERR_OK)
        lw->tcp_abort(pcb);
}

/* ---- readiness ---- */

static bool is_writable(const struct sock *sock)
{
    u16_t room = sock->tcp.pcb == NULL ? 0 : tcp_sndbuf(sock->tcp.pcb);

    if (sock->shut_write)
        return true;
    if (!tcp_may_have_room(sock))
        return false;
    return sock->shown.no_out ? room >= TCP_WRITE_MIN : room > 0;
}

static short tcp_events(const struct sock *sock)
{
    short events = 0;

    switch (sock->tcp.phase) {
    case TCP_FRESH:
        return POLLOUT | POLLHUP;
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
