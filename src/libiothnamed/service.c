/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * iothnamed as a whole: the stacks, the cache and the reverse table, the workers, the keeper of base names,
 * and the snapshot that they all work from. A new snapshot is made when the configuration is loaded anew and
 * when a base name has got another address; both under one lock, which no query takes.
 */
#include "libiothnamed/bases.h"
#include "libiothnamed/worker.h"
#include <errno.h>
#include <iothconf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

struct iothnamed {
    struct log log;
    struct siphash_key key, cookie_secret;
    struct ioth *rstack, *fstack; /* NULL: the default stack of the process */
    struct base_keeper *bases;
    struct worker **workers;
    unsigned n_workers;
    pthread_mutex_t lock; /* of what is below */
    struct cache *cache;  /* of the newest snapshot, as is the next */
    struct hrev *hrev;
    struct shared_config *started; /* with: has what cannot change while running */
    struct shared_config *config;
    struct snapshot *snap;
    struct upstream_registry registry;
};

/* A snapshot of a configuration and of the base addresses known by now. Under the lock. */
static int make_snapshot(struct iothnamed *s, struct shared_config *config, struct snapshot **ret)
{
    unsigned n = config->config->n_bases;
    struct base_value *values = calloc(n ? n : 1, sizeof(*values));
    if (!values)
        return -ENOMEM;
    if (s->bases)
        base_keeper_values(s->bases, config->config, values);
    struct snapshot_parts parts = {
        .bases = values,
        .registry = &s->registry,
        .key = &s->key,
        .cache = s->cache,
        .hrev = s->hrev,
        .serial = (uint32_t)time(NULL),
    };
    int e = snapshot_build(config, &parts, ret);
    free(values);
    return e;
}

/* Has all workers change over. Takes the reference. Under the lock. */
static void publish(struct iothnamed *s, struct snapshot *snap)
{
    snapshot_unref(s->snap);
    s->snap = snap;
    for (unsigned i = 0; i < s->n_workers; i++)
        worker_adopt(s->workers[i], snap);
}

static void on_bases_changed(void *arg)
{
    struct iothnamed *s = arg;
    struct snapshot *snap;
    pthread_mutex_lock(&s->lock);
    if (make_snapshot(s, s->config, &snap) == 0)
        publish(s, snap);
    else
        log_say(&s->log, LOG_LEVEL_ERROR, "out of memory: base names keep their old addresses");
    pthread_mutex_unlock(&s->lock);
}

/* The cache and the reverse table of a configuration: those that are there, or empty ones of the size that it wants
 * from now on. `old`: the configuration in force, or NULL. Under the lock. */
static int size_stores(struct iothnamed *s, const struct config_options *old,
                       const struct config_options *wanted)
{
    if (!old || old->cachesize != wanted->cachesize) {
        struct cache *cache;
        int e = cache_new(wanted->cachesize, &s->key, &cache);
        if (e < 0)
            return e;
        cache_free(s->cache);
        s->cache = cache;
    }
    if (!old || old->hrevmax != wanted->hrevmax) {
        struct hrev *hrev;
        int e = hrev_new(wanted->hrevmax, &s->key, &hrev);
        if (e < 0)
            return e;
        hrev_free(s->hrev);
        s->hrev = hrev;
    }
    return 0;
}

int iothnamed_reload(struct iothnamed *s, struct config *config)
{
    char keep[256];
    config_restart_needed(s->started->config, config, keep, sizeof(keep));
    struct shared_config *shared = shared_config_new(config);
    if (!shared)
        return -ENOMEM;
    struct snapshot *snap = NULL;
    pthread_mutex_lock(&s->lock);
    int e = size_stores(s, &s->config->config->options, &config->options);
    if (e == 0)
        e = make_snapshot(s, shared, &snap);
    if (e == 0)
        e = base_keeper_adopt(s->bases, snap);
    if (e == 0) {
        struct shared_config *old = s->config;
        s->config = shared;
        shared = old;
        publish(s, snap);
    } else {
        snapshot_unref(snap);
    }
    pthread_mutex_unlock(&s->lock);
    shared_config_unref(shared);
    if (e == 0 && keep[0])
        log_say(&s->log, LOG_LEVEL_WARNING, "a change of %s needs a restart; the old value stays in use",
                keep);
    return e;
}

/* --- start and stop, one step a function; a step that fails says why --- */

struct saying {
    char *why;
    size_t size;
};

static int open_stack(const struct saying *say, const char *which, const char *string, struct ioth **ret)
{
    if (!string)
        return 0;
    *ret = ioth_newstackc(string);
    if (*ret)
        return 0;
    int e = errno ? -errno : -EINVAL;
    const char *hint = e == -ENOENT ? ": no such kind of stack, or the virtual network is not there"
                       : e == -EPERM || e == -EACCES
                           ? ": see the stacks in ioth_newstack(3) for what one needs"
                           : "";
    snprintf(say->why, say->size, "cannot make the %s \"%s\": %s%s", which, string, strerror(-e), hint);
    return e;
}

static int open_stacks(struct iothnamed *s, const struct config *c, const struct saying *say)
{
    int e = open_stack(say, c->one_stack ? "stack" : "rstack", c->rstack, &s->rstack);
    if (e < 0)
        return e;
    if (c->one_stack) {
        s->fstack = s->rstack;
        return 0;
    }
    return open_stack(say, "fstack", c->fstack, &s->fstack);
}

static int make_stores(struct iothnamed *s, const struct config *c, const struct saying *say)
{
    snprintf(say->why, say->size, "no memory for the cache and the tables");
    if (getrandom(&s->key, sizeof(s->key), 0) != sizeof(s->key) ||
        getrandom(&s->cookie_secret, sizeof(s->cookie_secret), 0) != sizeof(s->cookie_secret))
        return -EIO;
    int e = size_stores(s, NULL, &c->options);
    if (e == 0)
        e = make_snapshot(s, s->config, &s->snap);
    return e;
}

/* As many as the configuration wants; on a stack without SO_REUSEPORT one worker owns the sockets. */
static unsigned workers_wanted(const struct iothnamed *s, const struct config *c)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned n = c->options.workers ? c->options.workers : cores > 0 ? (unsigned)cores : 1;
    if (n == 1 || listen_can_share(s->rstack, c))
        return n;
    if (c->options.workers)
        log_say(&s->log, LOG_LEVEL_WARNING, "the stack has no SO_REUSEPORT: one worker, not %u", n);
    return 1;
}

static int start_workers(struct iothnamed *s, const struct config *c, const struct saying *say)
{
    unsigned n = workers_wanted(s, c);
    int e = listen_probe(s->rstack, c, say->why, say->size);
    if (e < 0)
        return e;
    s->workers = calloc(n, sizeof(*s->workers));
    if (!s->workers)
        return -ENOMEM;
    struct worker_settings settings = {
        .snap = s->snap,
        .cookie_secret = &s->cookie_secret,
        .rstack = s->rstack,
        .fstack = s->fstack,
        .log = &s->log,
        .share_port = n > 1,
    };
    while (s->n_workers < n) {
        e = worker_start(&settings, &s->workers[s->n_workers], say->why, say->size);
        if (e < 0)
            return e;
        s->n_workers++;
    }
    return 0;
}

static int start_keeper(struct iothnamed *s, const struct saying *say)
{
    snprintf(say->why, say->size, "cannot start the keeper of base names");
    struct base_keeper_settings settings = {
        .fstack = s->fstack, .log = &s->log, .changed = on_bases_changed, .arg = s};
    pthread_mutex_lock(&s->lock);
    int e = base_keeper_start(&settings, &s->bases);
    if (e == 0)
        e = base_keeper_adopt(s->bases, s->snap);
    pthread_mutex_unlock(&s->lock);
    return e;
}

int iothnamed_start(struct config *config, const struct log *log, struct iothnamed **ret, char *why,
                    size_t why_size)
{
    const struct saying say = {why, why_size};
    snprintf(why, why_size, "out of memory");
    struct shared_config *shared = shared_config_new(config);
    if (!shared)
        return -ENOMEM;
    struct iothnamed *s = calloc(1, sizeof(*s));
    if (!s) {
        shared_config_unref(shared);
        return -ENOMEM;
    }
    s->log = *log;
    s->config = s->started = shared_config_ref(shared);
    pthread_mutex_init(&s->lock, NULL);
    int e = open_stacks(s, config, &say);
    if (e == 0)
        e = make_stores(s, config, &say);
    if (e == 0)
        e = start_workers(s, config, &say);
    if (e == 0)
        e = start_keeper(s, &say);
    if (e < 0) {
        iothnamed_stop(s);
        return e;
    }
    *ret = s;
    return 0;
}

void iothnamed_stop(struct iothnamed *s)
{
    if (!s)
        return;
    base_keeper_stop(s->bases);
    for (unsigned i = 0; i < s->n_workers; i++)
        worker_stop(s->workers[i]);
    free(s->workers);
    snapshot_unref(s->snap);
    shared_config_unref(s->config);
    shared_config_unref(s->started);
    arena_fini(&s->registry.arena);
    hrev_free(s->hrev);
    cache_free(s->cache);
    if (s->fstack && s->fstack != s->rstack)
        ioth_delstack(s->fstack);
    if (s->rstack)
        ioth_delstack(s->rstack);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void iothnamed_stats(struct iothnamed *s, struct iothnamed_stats *ret)
{
    *ret = (struct iothnamed_stats){0};
    for (unsigned i = 0; i < s->n_workers; i++) {
        struct worker_counters *c = &s->workers[i]->counters;
        ret->udp_queries += atomic_load(&c->udp_queries);
        ret->tcp_queries += atomic_load(&c->tcp_queries);
        ret->replies += atomic_load(&c->replies);
        ret->dropped += atomic_load(&c->dropped);
        ret->forwarded += atomic_load(&c->forwarded);
        ret->failed += atomic_load(&c->failed);
        ret->tcp_connections += atomic_load(&c->tcp_connections);
        ret->tcp_refused += atomic_load(&c->tcp_refused);
    }
    struct cache_stats cache;
    pthread_mutex_lock(&s->lock);
    cache_stats(s->cache, &cache);
    pthread_mutex_unlock(&s->lock);
    ret->cache_hits = cache.hits;
    ret->cache_misses = cache.misses;
    ret->cache_bytes = cache.bytes;
}
