/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server consists of, for the files that run it and those that look at it: service.c, attendant.c,
 * commands.c, metrics.c. All others see iothnamed.h. */
#ifndef IOTHNAMED_SERVICE_H
#define IOTHNAMED_SERVICE_H

#include "io/text.h"
#include "libiothnamed/bases.h"
#include "libiothnamed/hrevdb.h"
#include "libiothnamed/worker.h"

/* What came of loading the configuration anew, for those who ask. */
#define RELOAD_NOTES_MAX (64 << 10) /* bytes of messages that are kept; the log has them all */
struct reloads {
    pthread_mutex_t lock;
    unsigned begun, ended; /* how often */
    bool failed;           /* the last one that ended */
    int64_t ended_wall_s;
    nsec_t took;
    struct log_ear ear;        /* of the thread that loads, while begun > ended */
    unsigned errors, warnings; /* lines that it heard; a zone that stays as it was is a warning */
    struct text notes;         /* those lines, as many as have room */
};

struct iothnamed {
    struct daemon_host host;
    struct log log; /* the host's, with a level of its own */
    struct log_control log_control;
    struct reloads reloads;
    struct attendant *attendant; /* NULL: nobody may ask anything */
    struct siphash_key key, cookie_master, forward_key;
    atomic_bool loop_told; /* see worker_wait.c */
    struct rrl *rrl;
    struct clients *clients;
    struct ioth *rstack, *fstack; /* NULL: the default stack of the process */
    struct base_keeper *bases;
    struct lease_keeper *leases;
    struct worker **workers; /* neither array nor workers change between start and stop */
    unsigned n_workers;
    pthread_mutex_t lock; /* of what is below */
    struct cache *cache;  /* of the newest snapshot, as is the next */
    struct hrev *hrev;
    struct hrevdb *hrevdb;         /* NULL: there is none */
    struct shared_config *started; /* with: has what cannot change while running */
    struct shared_config *config;
    struct snapshot *snap;
    struct upstream_registry registry;
};

/* The snapshot in force; a reference is taken. From any thread. */
struct snapshot *service_snapshot(struct iothnamed *s);

#endif
