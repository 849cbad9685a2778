/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What getaddrinfo knows of the stack: its addresses, and which of them a destination is reached from. */
#ifndef IOTHDNS_ADDRINFO_STACK_H
#define IOTHDNS_ADDRINFO_STACK_H

#include "libiothdns/addrinfo_answer.h"
#include "libiothdns/addrorder.h"

struct ioth;

struct stack_address {
    struct ipaddr addr;
    uint8_t bits; /* prefix length in the 128-bit form */
    bool deprecated, home;
    unsigned ifindex;
};

struct stack_addresses {
    bool known; /* the stack has told them; else whoever asks assumes that it has all */
    struct stack_address *list;
    unsigned count, room;
};

/* *ret: to be given to stack_addresses_fini, always. 0 or -ENOMEM. */
MUST_CHECK int stack_addresses_read(struct ioth *stack, struct stack_addresses *ret);
void stack_addresses_fini(struct stack_addresses *addresses);
/* Whether it has an address of that family beside the loopback ones (127.0.0.1, ::1). */
bool stack_has_family(const struct stack_addresses *addresses, int family);

/* Puts the addresses of a host, two or more, into the order in which to try them on this stack. 0 or -ENOMEM. */
MUST_CHECK int stack_order(struct ioth *stack, const struct stack_addresses *own,
                           const struct addrorder_policy *policy, struct gai_host *host);

#endif
