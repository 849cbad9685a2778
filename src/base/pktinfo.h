/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The control message of a datagram that says to which address it came, or from which it is to go (ip(7), ipv6(7)). */
#ifndef BASE_PKTINFO_H
#define BASE_PKTINFO_H

#include "base/ipaddr.h"

#include <netinet/in.h>

struct pktinfo {
    struct ipaddr addr;
    unsigned ifindex; /* by which interface; 0, to send: as the routes say */
};

/* Room for one, in either family. */
union pktinfo_control {
    struct cmsghdr head;
    char space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* True: c is one, *ret is what it says. */
bool pktinfo_read(const struct cmsghdr *c, struct pktinfo *ret);
/* For a socket of the family that info->addr has; 0.0.0.0 and :: let the stack choose the address. Returns msg_controllen. */
size_t pktinfo_write(const struct pktinfo *info, union pktinfo_control *ret);

#endif
