/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What goes through a connection.
 */
#include <limits.h>

#include "lwip/tcpsock.h"

enum { WRITE_MAX = 32768 /* in one tcp_write */ };

bool tcp_may_have_room(const struct sock *sock)
{
    return sock->tcp.pcb != NULL && tcp_sndbuf(sock->tcp.pcb) > 0 &&
           sock->tcp.pcb->snd_queuelen < TCP_SND_QUEUELEN;
}

/* ---- when there is room on the wire ---- */

enum { NOBODY = UINT_MAX };

static bool wants_to_send(const struct tcp_pcb *pcb)
{
    return pcb->unsent != NULL || (pcb->flags & TF_ACK_NOW) != 0;
}

/* Those from number `begin` to before `end` of lwIP's list, until the wire is full. Returns who found it so, or NOBODY. */
static unsigned output_between(const struct stack *stack, unsigned begin, unsigned end, const bool *is_full)
{
    struct tcp_pcb *pcb = *stack->lw.tcp_active_pcbs;
    unsigned i;

    for (i = 0; pcb != NULL && i < end; i++, pcb = pcb->next) {
        if (i >= begin && wants_to_send(pcb))
            stack->lw.tcp_output(pcb);
        if (*is_full)
            return i;
    }
    return NOBODY;
}

unsigned tcp_resume(const struct stack *stack, unsigned turn, const bool *is_full)
{
    unsigned next = output_between(stack, turn, UINT_MAX, is_full);

    if (next == NOBODY)
        next = output_between(stack, 0, turn, is_full);
    return next == NOBODY ? 0 : next;
}

/* ---- what the user writes and reads ---- */

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

ssize_t tcp_send_message(struct sock *sock, const struct msghdr *msg, size_t skip, int flags)
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
    while (at < total && result == ERR_OK && tcp_may_have_room(sock)) {
        len = tcp_sndbuf(sock->tcp.pcb);
        len = sock_gather(msg, at, chunk, len < most ? len : most);
        result =
            lw->tcp_write(sock->tcp.pcb, chunk, (u16_t)len,
                          (u8_t)(TCP_WRITE_FLAG_COPY |
                                 (at + len < total || (flags & MSG_MORE) != 0 ? TCP_WRITE_FLAG_MORE : 0)));
        if (result == ERR_OK) {
            at += len;
        } else if (result == ERR_MEM && len > 1) { /* its queue takes few segments more */
            most = len > TCP_MSS ? TCP_MSS : len / 2;
            result = ERR_OK;
        }
    }
    if (sock->tcp.pcb != NULL)
        lw->tcp_output(sock->tcp.pcb);
    sock->tcp.answers |= at > skip;
    ready_update(sock);
    return at > skip || total == skip ? (ssize_t)(at - skip) : -EAGAIN;
}

/* Copies from the ring from its begin on; returns how much. MSG_PEEK leaves it there, MSG_TRUNC copies nothing. */
static size_t read_ring(struct sock *sock, const struct msghdr *msg, size_t wanted, int flags)
{
    struct lwip_symbols *lw = &sock->stack->lw;
    unsigned i = 0;
    size_t done = 0;
    uint8_t chunk[4096];
    bool peek = (flags & MSG_PEEK) != 0, discard = (flags & MSG_TRUNC) != 0;

    while (done < wanted && i < sock->ring_count) {
        struct arrival *arrival = &sock->ring[(sock->ring_first + i) % sock->ring_size];
        size_t there = (size_t)arrival->p->tot_len - arrival->offset, len = there, at = 0;

        if (len > wanted - done)
            len = wanted - done;
        while (at < len && !discard) {
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

/* Who has read all, and did not answer the last time either, acknowledges at once: the other side may hold back a
 * short segment until then (Nagle), and lwIP would take 250 ms. Who answers lets the answer carry it, if nothing of
 * his is on its way that holds the answer back. */
static void acknowledge(struct sock *sock)
{
    struct tcp_pcb *pcb = sock->tcp.pcb;
    bool will_answer;

    if (pcb == NULL || sock->ring_count > 0)
        return;
    will_answer = sock->tcp.answers && pcb->unsent == NULL && pcb->unacked == NULL;
    sock->tcp.answers = false;
    if (will_answer || (pcb->flags & TF_ACK_DELAY) == 0)
        return;
    tcp_ack_now(pcb);
    sock->stack->lw.tcp_output(pcb);
}

static void open_window(struct sock *sock, size_t len)
{
    while (len > 0 && sock->tcp.pcb != NULL) {
        u16_t piece = len < 0xffff ? (u16_t)len : 0xffff;

        sock->stack->lw.tcp_recved(sock->tcp.pcb, piece);
        len -= piece;
    }
}

ssize_t tcp_recv_message(struct sock *sock, struct msghdr *msg, int flags)
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
    len = read_ring(sock, msg, wanted, flags);
    if (len > 0) {
        if ((flags & MSG_PEEK) == 0) {
            open_window(sock, len);
            acknowledge(sock);
            if (sock->ring_count == 0)
                ready_later(sock);
        }
        return (ssize_t)len;
    }
    error = sock_take_error(sock);
    if (error < 0)
        return error;
    return sock->tcp.eof || sock->shut_read || sock->tcp.phase == TCP_ENDED ? 0 : -EAGAIN;
}
