/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How many flows there are, in all and from each source: a /64 of IPv6, an address of IPv4. Pure, and bounded by the number of
 * flows: there are as many places for sources as flows may be.
 */
#ifndef LIBOTIP_PROXY_ACCOUNT_H
#define LIBOTIP_PROXY_ACCOUNT_H

#include "base/ipaddr.h"
#include "base/siphash.h"

struct proxy_account;

enum proxy_admission {
    PROXY_ADMITTED,
    PROXY_FULL,          /* flows_max is reached */
    PROXY_SOURCE_IS_FULL /* source_max is reached for its source */
};

/* `key` is random: clients choose their addresses. 0 or -ENOMEM. */
MUST_CHECK int proxy_account_new(uint32_t flows_max, uint32_t source_max, const struct siphash_key *key,
                                 struct proxy_account **ret);
void proxy_account_free(struct proxy_account *a); /* takes NULL */
/* The limits from now on; flows_max at most that of the beginning. Flows that are there stay. */
void proxy_account_set(struct proxy_account *a, uint32_t flows_max, uint32_t source_max);
/* A flow from that address begins, if it may. */
MUST_CHECK enum proxy_admission proxy_account_enter(struct proxy_account *a, const struct ipaddr *from);
/* One that was admitted ends. */
void proxy_account_leave(struct proxy_account *a, const struct ipaddr *from);
uint32_t proxy_account_flows(const struct proxy_account *a);
/* flows_max of the beginning. */
uint32_t proxy_account_size(const struct proxy_account *a);
uint32_t proxy_account_sources(const struct proxy_account *a);

#endif
