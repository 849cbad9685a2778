/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_PROXY_PEERS_H
#define LIBOTIP_PROXY_PEERS_H
/* The table of UDP flows: by the client's address and port, the address that it used, and the port that it asked. The flows are
 * embedded in what the caller keeps of each; how many there are is bounded by who enters them. Pure. */

#include "base/ipaddr.h"
#include "base/siphash.h"

struct peer_key {
    struct ipendpoint client;
    struct ipaddr asked;
    uint16_t port; /* of the service */
};

struct peer {
    struct peer_key key;
    uint64_t hash;
    struct peer *next;          /* of its chain */
    struct peer *older, *newer; /* by the last time that it was touched */
};

struct peers {
    struct siphash_key secret;
    size_t n, mask;
    struct peer **heads;
    struct peer *oldest, *newest;
};

/* `buckets` a power of two. secret: random, clients choose their ports. 0 or -ENOMEM. */
MUST_CHECK int peers_init(struct peers *t, size_t buckets, const struct siphash_key *secret);
void peers_fini(struct peers *t); /* the flows are the caller's */
struct peer *peers_find(const struct peers *t, const struct peer_key *key);
/* A flow that is not in it; key is set. It is the newest. */
void peers_enter(struct peers *t, struct peer *p);
/* It is the newest again. */
void peers_touch(struct peers *t, struct peer *p);
void peers_leave(struct peers *t, struct peer *p);

#endif
