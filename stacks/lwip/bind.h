/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_BIND_H
#define LWIP_BIND_H

#include "lwip/sock.h"

/* Would a socket of UDP or TCP that is bound to ip and that port clash with another one of its stack? */
bool bind_clashes(const struct sock *sock, const ip_addr_t *ip, uint16_t port_number);
/* Does another socket listen where this one, which is bound, is about to? */
bool bind_is_listened_at(const struct sock *sock);
/* The address as lwIP wants it: "any" of a socket that speaks both families is of neither. */
ip_addr_t bind_address(const struct sock *sock, const ip_addr_t *ip);

#endif
