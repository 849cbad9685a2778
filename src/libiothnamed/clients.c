/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See clients.h. A hash table of fixed size, buckets of eight entries and nothing behind them: an entry lives
 * as long as its client holds something, so there is nothing to expire and nothing to evict. A client whose
 * bucket is full of others is refused. The hash is keyed, so that can happen only when tens of thousands of
 * clients hold something at once, which the limits of the server as a whole come close to forbidding.
 *
 * One lock for some buckets, held for eight comparisons. Only forwarded questions and new TCP connections come
 * here, and each of them costs system calls that take a hundred times as long.
 */
#include "libiothnamed/clients.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define BUCKETS 8192 /* 65,536 clients */
#define ENTRIES 8
#define LOCKS   64

struct entry {
    struct ipaddr network;
    uint32_t held[CLIENT_USES]; /* all 0: the entry is free */
};

struct clients {
    struct siphash_key key;
    pthread_mutex_t locks[LOCKS]; /* of bucket i: locks[i % LOCKS] */
    _Atomic uint32_t totals[CLIENT_USES];
    struct entry entries[BUCKETS][ENTRIES];
};

int clients_new(const struct siphash_key *key, struct clients **ret)
{
    struct clients *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->key = *key;
    for (unsigned i = 0; i < LOCKS; i++)
        pthread_mutex_init(&c->locks[i], NULL);
    *ret = c;
    return 0;
}

void clients_free(struct clients *c)
{
    if (!c)
        return;
    for (unsigned i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&c->locks[i]);
    free(c);
}

static bool is_free(const struct entry *e)
{
    for (unsigned use = 0; use < CLIENT_USES; use++)
        if (e->held[use])
            return false;
    return true;
}

static struct ipaddr network_of(const struct ipaddr *client)
{
    struct ipaddr network = *client;
    if (!ipaddr_is_v4(client))
        ipaddr_mask(&network, 64);
    return network;
}

/* The entry of the network; else a free one, or NULL: none is. */
static struct entry *find_entry(struct entry *bucket, const struct ipaddr *network)
{
    struct entry *free_one = NULL;
    for (unsigned i = 0; i < ENTRIES; i++) {
        if (is_free(&bucket[i]))
            free_one = &bucket[i];
        else if (ipaddr_equal(&bucket[i].network, network))
            return &bucket[i];
    }
    return free_one;
}

bool clients_take(struct clients *c, enum client_use use, const struct ipaddr *client, uint32_t limit)
{
    struct ipaddr network = network_of(client);
    size_t bucket = siphash(&c->key, network.b, sizeof(network.b)) % BUCKETS;
    pthread_mutex_lock(&c->locks[bucket % LOCKS]);
    struct entry *e = find_entry(c->entries[bucket], &network);
    bool granted = e && e->held[use] < limit;
    if (granted) {
        e->network = network;
        e->held[use]++;
    }
    pthread_mutex_unlock(&c->locks[bucket % LOCKS]);
    if (granted)
        atomic_fetch_add_explicit(&c->totals[use], 1, memory_order_relaxed);
    return granted;
}

void clients_give_back(struct clients *c, enum client_use use, const struct ipaddr *client)
{
    struct ipaddr network = network_of(client);
    size_t bucket = siphash(&c->key, network.b, sizeof(network.b)) % BUCKETS;
    pthread_mutex_lock(&c->locks[bucket % LOCKS]);
    struct entry *e = find_entry(c->entries[bucket], &network);
    if (e && e->held[use])
        e->held[use]--;
    pthread_mutex_unlock(&c->locks[bucket % LOCKS]);
    atomic_fetch_sub_explicit(&c->totals[use], 1, memory_order_relaxed);
}

uint32_t clients_total(const struct clients *c, enum client_use use)
{
    return atomic_load_explicit(&c->totals[use], memory_order_relaxed);
}
