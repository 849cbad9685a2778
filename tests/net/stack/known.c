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
    {"kernel", "TCP: 256 KB both ways over wirefilter, with loss and disorder", 0, "\\-"},
    {"kernel", "UDP: 2,000 datagrams over wirefilter, with loss and disorder", 0, "\\-"},
    {"kernel", "a network that goes away: no IFF_RUNNING, until it is back", 0, "\\-"},
    {"kernel", "two interfaces, and packets forwarded between them", 0, "\\-"},
    {"kernel", "three stacks of one process talk to each other", 0, "\\-"},
    {"lwip", "SO_REUSEPORT", ENOPROTOOPT, NULL},
    {"lwip", "iplink_add, iplink_del: virtual links", EOPNOTSUPP, NULL},
    {"lwip", "30000 and 65000 bytes, in fragments", 0, "up to 10 fragments arrive"},
    {"lwip", "ipaddr_del, iproute_del: EADDRNOTAVAIL, ESRCH", 0, "ENODEV"},
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
