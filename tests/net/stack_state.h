/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NET_STACK_STATE_H
#define NET_STACK_STATE_H
/* What an interface of a stack is configured with, as a line of JSON. It asks the stack, not the library that
 * configured it. */
#include <stddef.h>

struct ioth;

/*
 * Writes one JSON object without an end of line to text, of which size bytes are there:
 *
 *   {"mtu": 1500, "up": true,
 *    "addresses": [{"addr": "10.1.0.5", "bits": 24, "flags": 128}, ...],            IFA_F_ flags
 *    "routes": [{"dst": "10.77.0.0", "bits": 16, "via": "10.1.0.2", "metric": 0, "family": 4}, ...]}
 *
 * Default routes have 0 bits; those on the link a via that is empty. IPv6: what is local or multicast is left out.
 * 0, or a negative errno: -ENOSPC, what netlink says.
 */
int stack_state(struct ioth *stack, unsigned ifindex, char *text, size_t size);

#endif
