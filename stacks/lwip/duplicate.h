/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_DUPLICATE_H
#define LWIP_DUPLICATE_H
/* Further descriptors of a socket, by F_DUPFD. */

#include "lwip/sock.h"

/* Duplicates the descriptor fd of a socket, as fcntl(2) has it: F_DUPFD or F_DUPFD_CLOEXEC, the least number. The new
 * descriptor or a negative errno. */
int duplicate_make(struct sock *sock, int fd, int command, int least);
/* Closes fd if its socket has another descriptor left, and true; false: it is the only one, and nothing is done. */
bool duplicate_close(struct sock *sock, int fd);
/* The socket of a duplicate, or NULL. */
struct sock *duplicate_find(const struct stack *stack, int fd);
/* Puts the socket's descriptor in the place of its duplicates too. */
void duplicate_follow(struct sock *sock);

#endif
