/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See proxy_account.h. A table of sources by hash, chained by index; a source has its place from its first flow to the end of
 * its last one. All memory is taken at the start, about 48 bytes a flow, so that nobody fails later for want of it.
 */
#include "libotip/proxy_account.h"

#include <errno.h>
#include <stdlib.h>

enum { SOURCE_BITS = 64, V4_BITS = 128, NOBODY = 0 };

struct source {
    struct ipaddr net;
    uint32_t flows, next; /* next: 1 + index, of the chain or of the free places */
};

struct proxy_account {
    struct siphash_key key;
    uint32_t size, flows_max, source_max, flows, sources;
    uint32_t mask, free;
    uint32_t *heads; /* 1 + index */
    struct source *places;
};

int proxy_account_new(uint32_t flows_max, uint32_t source_max, const struct siphash_key *key,
                      struct proxy_account **ret)
{
    struct proxy_account *a = calloc(1, sizeof(*a));
    uint32_t buckets = 1;

    while (buckets < flows_max)
        buckets *= 2;
    if (a == NULL)
        return -ENOMEM;
    a->heads = calloc(buckets, sizeof(*a->heads));
    a->places = calloc(flows_max, sizeof(*a->places));
    if (a->heads == NULL || a->places == NULL) {
        proxy_account_free(a);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < flows_max; i++)
        a->places[i].next = i + 1 < flows_max ? i + 2 : NOBODY;
    a->free = 1;
    a->mask = buckets - 1;
    a->key = *key;
    a->size = a->flows_max = flows_max;
    a->source_max = source_max;
    *ret = a;
    return 0;
}

void proxy_account_free(struct proxy_account *a)
{
    if (a == NULL)
        return;
    free(a->heads);
    free(a->places);
    free(a);
}

void proxy_account_set(struct proxy_account *a, uint32_t flows_max, uint32_t source_max)
{
    a->flows_max = flows_max < a->size ? flows_max : a->size;
    a->source_max = source_max;
}

static struct ipaddr net_of(const struct ipaddr *from)
{
    struct ipaddr net = *from;

    ipaddr_mask(&net, ipaddr_is_v4(from) ? V4_BITS : SOURCE_BITS);
    return net;
}

/* Where the index of that source stands, or would stand: at the end of its chain. */
static uint32_t *link_of(struct proxy_account *a, const struct ipaddr *net)
{
    uint32_t *at = &a->heads[siphash(&a->key, net, sizeof(*net)) & a->mask];

    while (*at != NOBODY && !ipaddr_equal(&a->places[*at - 1].net, net))
        at = &a->places[*at - 1].next;
    return at;
}

enum proxy_admission proxy_account_enter(struct proxy_account *a, const struct ipaddr *from)
{
    struct ipaddr net = net_of(from);

    if (a->flows >= a->flows_max)
        return PROXY_FULL;
    uint32_t *at = link_of(a, &net);
    if (*at != NOBODY && a->places[*at - 1].flows >= a->source_max)
        return PROXY_SOURCE_IS_FULL;
    if (*at == NOBODY) {
        *at =
            a->free; /* there is one: each source has a flow at least, and there are fewer flows than places */
        struct source *s = &a->places[*at - 1];
        a->free = s->next;
        *s = (struct source){.net = net};
        a->sources++;
    }
    a->places[*at - 1].flows++;
    a->flows++;
    return PROXY_ADMITTED;
}

void proxy_account_leave(struct proxy_account *a, const struct ipaddr *from)
{
    struct ipaddr net = net_of(from);
    uint32_t *at = link_of(a, &net), index = *at;

    if (index == NOBODY)
        return;
    struct source *s = &a->places[index - 1];
    a->flows--;
    if (--s->flows > 0)
        return;
    *at = s->next;
    s->next = a->free;
    a->free = index;
    a->sources--;
}

uint32_t proxy_account_flows(const struct proxy_account *a)
{
    return a->flows;
}

uint32_t proxy_account_sources(const struct proxy_account *a)
{
    return a->sources;
}

uint32_t proxy_account_size(const struct proxy_account *a)
{
    return a->size;
}
