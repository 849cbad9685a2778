/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBNLQ_NETDEVICE_H
#define LIBNLQ_NETDEVICE_H
/* The netdevice(7) ioctls, in two files: netdevice.c, netroute.c. */

#include "libnlq/peer.h"

/* Executes SIOCADDRT and SIOCDELRT, and for AF_INET6 SIOCSIFADDR and SIOCDIFADDR, of a socket of that family. 0 or a
 * negative errno, -ENOTTY: none of these. */
int netroute_execute(struct peer peer, int family, unsigned long request, const void *arg);

/* The index of the link of that name, up to a colon; -ENODEV, or another negative errno. */
int netdevice_link_index(struct peer peer, const char *name);

#endif
