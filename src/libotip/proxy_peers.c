/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See proxy_peers.h. Chained hashing over a keyed hash, and a list by age beside it, so who is idle is found at its end: the
 * timeout is the same for all, and no flow needs a deadline of its own. */
#include "libotip/proxy_peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int peers_init(struct peers *t, size_t buckets, const struct siphash_key *secret)
{
    struct peer **heads = calloc(buckets, sizeof(struct peer *));

    if (heads == NULL)
        return -ENOMEM;
    *t = (struct peers){.secret = *secret, .mask = buckets - 1, .heads = heads};
    return 0;
}

void peers_fini(struct peers *t)
{
    free(t->heads);
    *t = (struct peers){0};
}

static uint64_t hash_of(const struct peers *t, const struct peer_key *key)
{
    uint8_t bytes[40];

    memcpy(bytes, key->client.addr.b, 16);
    memcpy(bytes + 16, key->asked.b, 16);
    memcpy(bytes + 32, &key->client.port, 2);
    memcpy(bytes + 34, &key->port, 2);
    memcpy(bytes + 36, &key->client.scope, 4);
    return siphash(&t->secret, bytes, sizeof(bytes));
}

static bool is_same(const struct peer_key *a, const struct peer_key *b)
{
    return a->client.port == b->client.port && a->port == b->port && a->client.scope == b->client.scope &&
           ipaddr_equal(&a->client.addr, &b->client.addr) && ipaddr_equal(&a->asked, &b->asked);
}

struct peer *peers_find(const struct peers *t, const struct peer_key *key)
{
    uint64_t hash = hash_of(t, key);
    struct peer *p = t->heads[hash & t->mask];

    while (p != NULL && (p->hash != hash || !is_same(&p->key, key)))
        p = p->next;
    return p;
}

static void append(struct peers *t, struct peer *p)
{
    p->newer = NULL;
    p->older = t->newest;
    *(t->newest ? &t->newest->newer : &t->oldest) = p;
    t->newest = p;
}

static void take_out(struct peers *t, struct peer *p)
{
    *(p->older ? &p->older->newer : &t->oldest) = p->newer;
    *(p->newer ? &p->newer->older : &t->newest) = p->older;
}

void peers_enter(struct peers *t, struct peer *p)
{
    p->hash = hash_of(t, &p->key);
    p->next = t->heads[p->hash & t->mask];
    t->heads[p->hash & t->mask] = p;
    append(t, p);
    t->n++;
}

void peers_touch(struct peers *t, struct peer *p)
{
    if (t->newest == p)
        return;
    take_out(t, p);
    append(t, p);
}

void peers_leave(struct peers *t, struct peer *p)
{
    struct peer **at = &t->heads[p->hash & t->mask];

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    take_out(t, p);
    t->n--;
}
