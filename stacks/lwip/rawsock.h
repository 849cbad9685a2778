/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_RAW_SOCK_H
#define LWIP_RAW_SOCK_H

#include "lwip/stack.h"

/* Removes what raw sockets made in lwIP; the sockets are closed. */
void raw_fini(struct stack *stack);

#endif
