/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_PROXY_ROUTES_H
#define LIBOTIP_PROXY_ROUTES_H
/* The rules and routes of proxy_addresses, and the dialogue by which it says all things. For proxy_addresses.c. */
#include "libotip/proxy_addresses.h"

struct nlq_msg;

/* A request that wants an acknowledgement; said on the socket of netlink, 0 or the negative errno of the answer. */
struct nlq_msg *proxy_request(struct proxy_addresses *a, uint16_t type, uint16_t flags);
MUST_CHECK int proxy_command(struct proxy_addresses *a, struct nlq_msg *msg);

/* The number of the first table of a place, even, as others hardly have it: 1 in 500 million for any two places of a host. */
uint32_t proxy_routes_table(const struct proxy_place *place);
/* Sees whether there are rules (a->by_rules), and takes away what a proxy of that place left; makes the blackhole of a routed
 * prefix. 0 or negative errno. */
MUST_CHECK int proxy_routes_open(struct proxy_addresses *a, const struct proxy_place *place);
void proxy_routes_close(struct proxy_addresses *a);
/* The routes of a muted address come and go. 0 or negative errno. */
MUST_CHECK int proxy_routes_mute(struct proxy_addresses *a, const struct ipaddr *addr);
MUST_CHECK int proxy_routes_unmute(struct proxy_addresses *a, const struct ipaddr *addr);

#endif
