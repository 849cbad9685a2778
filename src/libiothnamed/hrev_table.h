/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reverse table from the inside: what hrev.c and hrev_share.c have in common; nobody else needs this. */
#ifndef IOTHNAMED_HREV_TABLE_H
#define IOTHNAMED_HREV_TABLE_H

#include "base/heap.h"
#include "libiothnamed/hrev.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

enum { LINE_BYTES = 64 };

struct network;

struct name {
    LIST_ENTRY(name) in_bucket;
    TAILQ_ENTRY(name) in_network;
    struct network *network;
    struct heap_node expiry; /* not later than until */
    nsec_t until;
    TAILQ_ENTRY(name) in_changes; /* or in `gone` */
    nsec_t stored_until;          /* what the store has been told, or will be */
    struct ipaddr addr;
    bool stored;  /* the store has it */
    bool changed; /* it is in `changes` */
    uint8_t len;
    uint8_t wire[];
};

LIST_HEAD(name_bucket, name);
TAILQ_HEAD(change_list, name);

struct network {
    LIST_ENTRY(network) in_bucket;
    struct site *site;
    struct heap_node by_count; /* in site->networks; its deadline is the count, negative: the most first */
    struct ipaddr prefix;      /* masked */
    uint32_t count;
    TAILQ_HEAD(, name) names; /* the least recently taught first */
};

struct site {
    LIST_ENTRY(site) in_bucket;
    TAILQ_ENTRY(site) in_group;
    struct ipaddr prefix; /* masked */
    uint32_t count;       /* names of all its networks */
    struct heap networks;
};

LIST_HEAD(site_bucket, site);
LIST_HEAD(network_bucket, network);
TAILQ_HEAD(group, site);

struct shard {
    _Alignas(LINE_BYTES) pthread_mutex_t lock;
    uint32_t count, max;
    uint32_t most;
    uint32_t mask; /* of the three tables */
    struct name_bucket *names;
    struct network_bucket *networks;
    struct site_bucket *sites;
    struct group *by_count; /* [1..max]; an unused one is zero */
    struct heap expiry;
    struct change_list changes, gone;
};

struct hrev {
    atomic_uint owners;
    atomic_bool tracked; /* there is a store */
    struct siphash_key key;
    uint32_t n_shards; /* a power of two */
    struct shard shards[];
};

static inline uint64_t hash_addr(const struct hrev *h, const struct ipaddr *addr)
{
    return siphash(&h->key, addr->b, sizeof(addr->b));
}

/* --- hrev_share.c: the accounts of networks and sites; under the shard's lock --- */

/* The account of the client's network, or NULL. */
struct network *share_find(const struct hrev *h, const struct shard *s, const struct ipaddr *client);
/* A new one, without names; NULL: out of memory. It gets a name, or is dropped. */
struct network *share_add(const struct hrev *h, struct shard *s, const struct ipaddr *client);
void share_drop(struct network *n);
/* The name goes to that account, as the most recently taught; or off its account. */
void share_credit(struct shard *s, struct network *n, struct name *e);
void share_debit(struct shard *s, struct name *e);
/* The name that must make room for another one. There is one. */
struct name *share_first_to_go(struct shard *s);
/* The asker's network takes the name over if that evens the two accounts out: those of the sites or, within one
 * site, of the networks. */
void share_even_out(const struct hrev *h, struct shard *s, struct name *e, const struct ipaddr *asker);
/* Moves all accounts to the arrays of `to`, whose bound holds them. */
void share_move(const struct hrev *h, struct shard *s, struct shard *to);

#endif
