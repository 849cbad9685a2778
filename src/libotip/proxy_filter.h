/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_PROXY_FILTER_H
#define LIBOTIP_PROXY_FILTER_H
/* The filter of listening sockets (socket(7), SO_ATTACH_FILTER): what is not sent to an open address reaches no listener, and
 * since it belongs to the listener's socket nobody answers it, not even with an RST. Pure. */

#include "libotip/proxy_config.h"

#include <linux/filter.h>

#define PROXY_FILTER_MAX (PROXY_BREADTH_MAX * 9 + 1) /* instructions */

/* Writes the program that lets through packets to these addresses, at most PROXY_BREADTH_MAX; how many instructions. */
unsigned proxy_filter_write(struct sock_filter ret[static PROXY_FILTER_MAX], const struct ipaddr *addrs,
                            unsigned n);

#endif
