/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the thread that serves meets the others. Cores, store and askers are its own; nobody else touches them. So whoever wants
 * something of them leaves a call, the thread does it between two turns, when nothing waits to be kept, and wakes the
 * attendant. Each call is bounded, and those that come while calls are done wait for the next turn, so clients wait for a
 * millisecond or so however many lists are read; at most one call a client of the control socket is under way.
 *
 * Counters go the other way: after each turn a copy lies under the lock for whoever reads. Those of a core end with it, at a
 * reload; they are added to those before, so that what is read never goes back. How full pools are takes a look at each lease,
 * so that is done each POOLS_INTERVAL alone.
 */
#include "libnamedhcp/namedhcp_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POOLS_INTERVAL (5 * NSEC_PER_SEC) /* 100,000 leases take 2 ms */

/* --- calls --- */

void namedhcp_call(struct namedhcp *n, struct namedhcp_call *call)
{
    const uint64_t one = 1;

    pthread_mutex_lock(&n->lock);
    call->is_done = call->is_dropped = false;
    STAILQ_INSERT_TAIL(&n->calls, call, others);
    pthread_mutex_unlock(&n->lock);
    (void)!write(n->wake, &one, sizeof(one)); /* a full counter wakes as well */
}

bool namedhcp_call_done(struct namedhcp *n, struct namedhcp_call *call)
{
    pthread_mutex_lock(&n->lock);
    bool is_done = call->is_done;
    pthread_mutex_unlock(&n->lock);
    return is_done;
}

void namedhcp_call_drop(struct namedhcp *n, struct namedhcp_call *call)
{
    pthread_mutex_lock(&n->lock);
    bool is_done = call->is_done;
    call->is_dropped = true;
    pthread_mutex_unlock(&n->lock);
    if (is_done)
        call->free(call);
}

/* The next one, off the list; NULL: there is none. */
static struct namedhcp_call *take_call(struct namedhcp *n)
{
    pthread_mutex_lock(&n->lock);
    struct namedhcp_call *call = STAILQ_FIRST(&n->calls);
    if (call)
        STAILQ_REMOVE_HEAD(&n->calls, others);
    pthread_mutex_unlock(&n->lock);
    return call;
}

static unsigned count_calls(struct namedhcp *n)
{
    const struct namedhcp_call *call;
    unsigned count = 0;

    pthread_mutex_lock(&n->lock);
    STAILQ_FOREACH(call, &n->calls, others)
    count++;
    pthread_mutex_unlock(&n->lock);
    return count;
}

void namedhcp_run_calls(struct namedhcp *n)
{
    struct namedhcp_call *call;

    for (unsigned left = count_calls(n); left > 0 && (call = take_call(n)); left--) {
        n->now = namedhcp_now(n);
        call->run(n, call);
        pthread_mutex_lock(&n->lock);
        bool is_dropped = call->is_dropped;
        call->is_done = true;
        pthread_mutex_unlock(&n->lock);
        if (is_dropped)
            call->free(call);
        else
            attendant_wake(n->attendant);
    }
}

/* Who waits for a reload waits in vain. */
void namedhcp_end_calls(struct namedhcp *n)
{
    pthread_mutex_lock(&n->lock);
    n->has_ended = true;
    if (n->wanted) {
        n->wanted = NULL;
        n->result = -ECANCELED;
        snprintf(n->why, sizeof(n->why), "the server ends");
    }
    pthread_cond_broadcast(&n->taken);
    pthread_mutex_unlock(&n->lock);
}

void namedhcp_free_calls(struct namedhcp *n)
{
    struct namedhcp_call *call;

    while ((call = take_call(n)))
        call->free(call);
}

/* --- counters --- */

/* Structs of uint64_t alone, element by element. */
static void add_counts(void *sum, const void *more, size_t size)
{
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
        uint64_t a, b;
        memcpy(&a, (char *)sum + i, sizeof(a));
        memcpy(&b, (const char *)more + i, sizeof(b));
        a += b;
        memcpy((char *)sum + i, &a, sizeof(a));
    }
}

static void add_cores(const struct namedhcp_engine *engine, struct namedhcp_stats *sum)
{
    struct dhcp6_server_stats v6;
    struct dhcp4_server_stats v4;

    if (engine->v6) {
        dhcp6_server_stats(engine->v6, &v6);
        add_counts(&sum->v6, &v6, sizeof(v6));
    }
    if (engine->v4) {
        dhcp4_server_stats(engine->v4, &v4);
        add_counts(&sum->v4, &v4, sizeof(v4));
    }
}

void namedhcp_keep_counts(struct namedhcp *n)
{
    if (n->engine)
        add_cores(n->engine, &n->past);
}

/* NULL: not now. */
static struct namedhcp_pools *look_at_pools(struct namedhcp *n)
{
    unsigned count = lease_n_pools(n->engine->leases);

    if (n->now.mono < n->pools_at)
        return NULL;
    n->pools_at = n->now.mono + POOLS_INTERVAL;
    struct namedhcp_pools *pools = malloc(sizeof(*pools) + count * sizeof(pools->at[0]));
    if (!pools)
        return NULL;
    pools->n = count;
    lease_count_pools(n->engine->leases, n->now.wall_s, pools->at);
    return pools;
}

static void add_links(const struct namedhcp *n, struct namedhcp_stats *stats)
{
    for (unsigned i = 0; i < n->n_links; i++)
        if (n->links[i]->ops->count)
            n->links[i]->ops->count(n->links[i], &stats->ports);
}

void namedhcp_publish(struct namedhcp *n)
{
    struct namedhcp_stats stats = n->counted;
    struct namedhcp_pools *pools = n->engine->leases ? look_at_pools(n) : NULL, *old = NULL;

    stats.v6 = n->past.v6;
    stats.v4 = n->past.v4;
    add_cores(n->engine, &stats);
    add_links(n, &stats);
    stats.leases = n->engine->leases ? lease_count(n->engine->leases) : 0;
    stats.claims = name_policy_claims(n->engine->names);
    stats.waiting =
        (n->asker6 ? asker_waiting(n->asker6) : 0) + (n->asker4 ? asker_waiting(n->asker4) : 0) + n->probes.n;
    pthread_mutex_lock(&n->lock);
    n->stats = stats;
    n->turned_at = n->now.mono;
    n->store_works = n->keep_error == 0;
    for (unsigned i = 0; i < n->n_links; i++)
        n->deaf[i] = n->links[i]->deaf;
    if (pools) {
        old = n->pools;
        n->pools = pools;
    }
    pthread_mutex_unlock(&n->lock);
    free(old);
}
