/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_NETLINK_H
#define LWIP_NETLINK_H

#include "lwip/stack.h"

/* A netdevice ioctl on a socket of that family: 0 or a negative errno. */
int netlink_ioctl(struct stack *stack, int family, unsigned long request, void *arg);

#endif
