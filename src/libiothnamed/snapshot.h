/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What queries run on: one configuration, compiled, with the addresses that its base names had at that
 * moment. It never changes; a reload, or a base name with a new address, makes a new one, and workers change
 * over between two queries. It counts its users and goes with the last.
 */
#ifndef IOTHNAMED_SNAPSHOT_H
#define IOTHNAMED_SNAPSHOT_H

#include "libiothdns/exchange.h"
#include "libiothnamed/cache.h"
#include "libiothnamed/hrev.h"
#include "libiothnamed/lease_keeper.h"
#include "libiothnamed/list.h"
#include "libiothnamed/policy.h"
#include "libiothnamed/source.h"
#include "libiothnamed/load_zones.h"
#include <stdatomic.h>

struct snapshot {
    atomic_uint users;
    struct shared_config *config_owner; /* keeps config alive */
    const struct config *config;
    struct nets *nets;
    struct zone *pool;   /* the static records */
    struct zones *zones; /* by the indices of config->zones */
    struct policy *policy;
    struct base_value *bases;           /* by config_base */
    struct exchange_servers *upstreams; /* by config_upstreams; ids from the service's registry */
    struct cache *cache;                /* owned together with other snapshots, as is the next */
    struct hrev *hrev;
    const struct lists *lists; /* by the indices of config->lists; config_owner keeps them */
    struct lease_sets *leases; /* by the indices of config->leases; NULL: nothing is known yet */
    struct snapshot
        *whole;        /* all but `users` and `leases` is that one's, which stays with this; NULL: its own */
    uint32_t serial;   /* of the SOA records that we make */
    bool learns_names; /* some rule answers reverse questions about hashed addresses */
};

/* A configuration that several snapshots share, with what its files say. */
struct shared_config {
    atomic_uint users;
    struct config *config;
    struct zone *pool;   /* the static records, made with the first snapshot */
    struct zones *zones; /* zones_load; NULL: not read yet, and SERVFAIL is what zone rules say */
    struct lists *lists; /* lists_load; NULL: not read yet, which will do for a configuration without lists */
};

/* Takes config over, also on failure. NULL: out of memory. */
struct shared_config *shared_config_new(struct config *config);
struct shared_config *shared_config_ref(struct shared_config *c);
void shared_config_unref(struct shared_config *c);
/* Its records and zones stay with the snapshots that have them: of no use for another snapshot. */
void shared_config_forget_records(struct shared_config *c);

/* Identities of sets of upstream servers; a set keeps its identity over reloads, so answers that it gave stay
 * cached. */
struct upstream_registry {
    struct arena arena;
    struct upstream_set *first;
    uint32_t count;
};

/* What a snapshot is made of, beside the configuration. */
struct snapshot_parts {
    const struct base_value
        *bases; /* known by now, one for each config_base; those that static records or the
                                       configuration itself give are filled in by snapshot_build */
    struct upstream_registry *registry;
    const struct siphash_key *key; /* of its hash tables */
    struct cache *cache;           /* ownership is shared, as of the next */
    struct hrev *hrev;
    struct lease_sets *leases; /* as are these; NULL: none */
    uint32_t serial;           /* of the SOA records that we make */
};

/* 0 or -ENOMEM. */
MUST_CHECK int snapshot_build(struct shared_config *config, const struct snapshot_parts *parts,
                              struct snapshot **ret);
/* The same with other leases: of the size of one struct. Ownership of these is shared. 0 or -ENOMEM. */
MUST_CHECK int snapshot_with_leases(struct snapshot *s, struct lease_sets *leases, struct snapshot **ret);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s);

/* The base is an address, or has AAAA records among the static ones: upstream need not be asked. */
bool snapshot_base_is_fixed(const struct snapshot *s, unsigned base);

#endif
