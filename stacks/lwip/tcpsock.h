/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_TCP_SOCK_H
#define LWIP_TCP_SOCK_H
/* TCP sockets, what their files share: tcp.c (PCBs, ends), tcp_connect.c, tcp_listen.c, tcp_data.c, tcp_option.c. */

#include "lwip/sock.h"

/* Makes a PCB bound to ip, of that type, and to the port; 0: a random one. 0 or a negative errno. */
int tcp_make_pcb(struct sock *sock, const ip_addr_t *ip, uint16_t port_number);
/* Has a PCB report to the socket; has it report to nobody; ends it by a reset. */
void tcp_adopt(struct sock *sock, struct tcp_pcb *pcb);
void tcp_detach(struct sock *sock);
void tcp_abort_pcb(struct sock *sock);
/* Makes it as it was before connect or listen, bound if it was bound: when an attempt has failed, or at once. */
void tcp_renew(struct sock *sock);
void tcp_disconnect(struct sock *sock);
/* Leaves the PCB to lwIP if both directions have ended. */
void tcp_let_go(struct sock *sock);

int tcp_bind_sock(struct sock *sock, const struct sockaddr *addr, socklen_t len);
int tcp_connect_sock(struct sock *sock, const struct sockaddr *addr, socklen_t len);

int tcp_listen_sock(struct sock *sock, int backlog);
int tcp_accept_sock(struct sock *sock, struct sock **ret_sock);
/* Takes a connection out of its listener's queue. */
void tcp_forget_listener(struct sock *sock);

ssize_t tcp_send_message(struct sock *sock, const struct msghdr *msg, size_t skip, int flags);
ssize_t tcp_recv_message(struct sock *sock, struct msghdr *msg, int flags);
/* A wire has room again: connections that have something to send go on until it is full, as *is_full says, number `turn` of
 * lwIP's list first. Returns whose turn is next. */
unsigned tcp_resume(const struct stack *stack, unsigned turn, const bool *is_full);
/* Does lwIP take more to send? */
bool tcp_may_have_room(const struct sock *sock);
/* From how much room on a writer that had to wait is called: a quarter of lwIP's buffer. */
enum { TCP_WRITE_MIN = 16384 };

int tcp_set(struct sock *sock, int level, int option, const void *value, socklen_t len);
int tcp_get(struct sock *sock, int level, int option, void *value, socklen_t *len);
/* Tells the PCB the socket's options. */
void tcp_apply_options(const struct sock *sock);

#endif
