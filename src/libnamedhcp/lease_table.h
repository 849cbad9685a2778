/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IPv4 addresses that are given out: who has which until when, and which one a client gets (RFC 2131 s4.3.1). Pure: time is
 * an argument, keeping it on disk is the caller's. Addresses are numbers: 10.0.0.1 is 0x0a000001.
 *
 * An address is free when nothing is known of it, or when what is known has ended. What has ended is remembered until the
 * address is wanted by somebody else, so a client that comes back finds its old one.
 */
#ifndef LIBNAMEDHCP_LEASE_TABLE_H
#define LIBNAMEDHCP_LEASE_TABLE_H

#include "base/heap.h"
#include "base/siphash.h"
#include "libnamedhcp/server.h"

#include <sys/queue.h>

/* A run of addresses that are given out in a subnet, both ends included. Pools do not overlap. */
struct lease_pool {
    uint32_t first, last;
    unsigned subnet; /* the caller's number of it, below LEASE_SUBNETS_MAX */
};

#define LEASE_SUBNETS_MAX 4096
#define LEASE_POOL_MAX    (UINT32_C(1) << 24) /* addresses of all pools: 10.0.0.0/8; a bit each */

struct lease_settings {
    const struct lease_pool *pools;
    unsigned n_pools;
    const uint32_t *reserved; /* addresses for one client each by the configuration: nobody else gets them */
    unsigned n_reserved;
    uint32_t leases_max;    /* known at once, those that have ended included: memory of some 200 bytes each */
    struct siphash_key key; /* secret: where things lie in the tables */
};

/* What is known of an address. */
struct lease {
    LIST_ENTRY(lease) in_addresses, in_clients;
    struct heap_node by_end; /* its deadline is the second at which the lease ends */
    int64_t began;
    uint32_t addr;
    uint16_t subnet;
    bool offered; /* held for a client that has not answered yet: not to be kept on disk */
    enum server_lease_state state;
    uint8_t identity_len, name_len;
    uint8_t mac[6];
    uint8_t bytes[]; /* identity, name in wire form */
};

static inline int64_t lease_ends(const struct lease *l)
{
    return l->by_end.deadline;
}

static inline const uint8_t *lease_name(const struct lease *l)
{
    return l->bytes + l->identity_len;
}

struct lease_table;

/* 0; -EINVAL: pools that overlap, run backwards or are larger than LEASE_POOL_MAX; -ENOMEM. */
MUST_CHECK int lease_table_new(const struct lease_settings *settings, struct lease_table **ret);
void lease_table_free(struct lease_table *t); /* takes NULL */

/* What is known of the address, or of the latest address of a client in a subnet; NULL: nothing. Valid until the table
 * changes. */
const struct lease *lease_at(const struct lease_table *t, uint32_t addr);
const struct lease *lease_of(const struct lease_table *t, unsigned subnet, const uint8_t *identity,
                             size_t identity_len);

/* The address that a client should get in a subnet: the one that it has or had; else the one that it wants (0: none), if it
 * is in a pool and free; else one that nobody had, the same on each server with these pools as long as it is free; else the
 * one that has been free for longest. Nothing changes. Returns 0 and *ret, or -ENOSPC: all are taken. */
MUST_CHECK int lease_pick(const struct lease_table *t, unsigned subnet, const uint8_t *identity,
                          size_t identity_len, uint32_t wanted, int64_t now_s, uint32_t *ret);
/* The address is in a pool of the subnet, and not reserved. */
bool lease_in_pool(const struct lease_table *t, unsigned subnet, uint32_t addr);

/* Puts down what is known of an address from now on, in place of what was known: IPv4 in lease->addr; of any subnet or of none
 * (fixed addresses outside of the pools). Returns 0 and the address of which nothing is known any more since the table is
 * full, in *ret_forgotten (0: none); -ENOSPC: full, and nothing has ended; -ENOMEM. */
MUST_CHECK int lease_put(struct lease_table *t, unsigned subnet, const struct server_lease *lease,
                         bool offered, int64_t now_s, uint32_t *ret_forgotten);
/* Its end, moved: to give it back, to go on. 0; -ENOENT; -ENOMEM. */
MUST_CHECK int lease_move_end(struct lease_table *t, uint32_t addr, int64_t ends_s);
void lease_forget(struct lease_table *t, uint32_t addr);

/* How many are known; how many addresses of a subnet are in its pools. */
uint32_t lease_count(const struct lease_table *t);
uint64_t lease_pool_size(const struct lease_table *t, unsigned subnet);

/* How many addresses of a pool somebody has, or is kept from having since it was declined. */
struct lease_pool_use {
    struct lease_pool pool;
    uint32_t used;
};

/* Of all pools, lease_n_pools of them, by subnet and address; it looks at each lease. */
void lease_count_pools(const struct lease_table *t, int64_t now_s, struct lease_pool_use *ret);
unsigned lease_n_pools(const struct lease_table *t);

#endif
