/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Response rate limiting: no network of clients gets more answers a second over UDP than any honest one needs,
 * so that a server whose questions come with forged sources is a poor weapon. What is over the limit is not
 * answered, or now and then by an empty answer with TC, so that an honest client in such a network comes back
 * over TCP. One table for all workers.
 */
#ifndef IOTHNAMED_RRL_H
#define IOTHNAMED_RRL_H

#include "base/ipaddr.h"
#include "base/siphash.h"

struct rrl;

struct rrl_limit {
    uint32_t rate; /* answers a second for each network, and as many at once after a pause; not 0 */
    uint32_t
        slip; /* one of so many that are over the limit is an answer with TC (0: none; at most RRL_SLIP_MAX) */
};
#define RRL_SLIP_MAX 15

enum rrl_verdict { RRL_SEND, RRL_SLIP, RRL_DROP };

/* 0 or -ENOMEM. key: secret, of its hash table. Takes 1 MiB, of which the system gives what is touched. */
MUST_CHECK int rrl_new(const struct siphash_key *key, struct rrl **ret);
void rrl_free(struct rrl *r);
/* An answer to this client is due: what to do with it. From any thread; waits for nobody. now: a time of the recent past will do; it
 * need not be later than the one that another thread gave. */
enum rrl_verdict rrl_take(struct rrl *r, const struct ipaddr *client, const struct rrl_limit *limit,
                          nsec_t now);

#endif
