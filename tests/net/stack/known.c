/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What stacks are known not to do as the kernel's does. A row that is not listed works.
 */
#include "known.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct known table[] = {
    /* the system's stack is one, without a wire of ours: these are skipped */
    {"kernel", "delstack", 0, "\\-"},
    {"kernel", "TCP: 512 KB both ways over a wire that loses and reorders", 0, "\\-"},
    {"kernel", "UDP: 5,000 datagrams over a wire that loses and reorders", 0, "\\-"},
    {"kernel", "three stacks of one process talk to each other", 0, "\\-"},
    {"lwip", "fcntl: F_DUPFD", EOPNOTSUPP, NULL},
    {"lwip", "SO_REUSEPORT", ENOPROTOOPT, NULL},
    {"lwip", "raw: IP_HDRINCL", ENOPROTOOPT, NULL},
    {"lwip", "iplink_add, iplink_del: virtual links", EOPNOTSUPP, NULL},
    {"lwip", "bind: EADDRINUSE for any address beside one", 0, "works for IPv4"},
    {"lwip", "bind: EADDRINUSE beside a listener, with SO_REUSEADDR too", 0, "EADDRINUSE by listen"},
    {"lwip", "connect: the same socket again, after ECONNREFUSED", 0, "ECONNABORTED"},
    {"lwip", "recv: MSG_TRUNC discards", 0, "MSG_TRUNC does nothing"},
    {"lwip", "30000 and 65000 bytes, in fragments", 0, "up to 10 fragments arrive"},
    {"lwip", "poll: POLLOUT and POLLHUP of an unconnected TCP socket", 0, "POLLOUT"},
    {"lwip", "epoll: edge, an arrival after one that was not read", 0, "one event"},
    {"lwip", "ipaddr_del, iproute_del: EADDRNOTAVAIL, ESRCH", 0, "ENODEV"},
    {"lwip", "iproute_add: a gateway out of reach", 0, "ENETUNREACH"},
    {NULL, NULL, 0, NULL},
};

const struct known *known_find(const char *stack, const char *row)
{
    const struct known *known;
    size_t len = strcspn(stack, ",");

    for (known = table; known->stack != NULL; known++)
        if (strlen(known->stack) == len && strncmp(known->stack, stack, len) == 0 &&
            strcmp(known->row, row) == 0)
            return known;
    return NULL;
}
