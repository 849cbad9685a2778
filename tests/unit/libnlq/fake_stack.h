/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stack with nothing but a configuration: links, addresses and routes that change by netlink alone. Its
 * handlers read requests without any check, as libnlq.h says they may. */
#ifndef TEST_FAKE_STACK_H
#define TEST_FAKE_STACK_H

#include <net/if.h>
#include <stdbool.h>

#include <libnlq.h>

enum { FAKE_LINKS = 4, FAKE_ADDRS = 8, FAKE_ROUTES = 8 };

struct fake_link {
    int index; /* 0: free */
    char name[IFNAMSIZ];
    unsigned flags;
    unsigned short type;
    uint32_t mtu, txqlen;
    uint8_t mac[6];
    struct rtnl_link_stats64 stats;
};

struct fake_addr {
    uint8_t family, prefixlen, scope; /* family 0: free */
    unsigned index;
    uint8_t local[16], peer[16], broadcast[4];
    char label[IFNAMSIZ]; /* "": the stack has none */
};

struct fake_route {
    uint8_t family, dst_len; /* family 0: free */
    uint8_t dst[16], gateway[16];
    bool has_gateway;
    uint32_t oif;
};

struct fake_stack {
    struct fake_link links[FAKE_LINKS];
    struct fake_addr addrs[FAKE_ADDRS];
    struct fake_route routes[FAKE_ROUTES];
    bool without_labels;
};

extern const nlq_request_handlers_table fake_handlers;

/* One link, index 7. */
void fake_init(struct fake_stack *stack, const char *name);

#endif
