/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * iothnamed as a whole: the stacks, the cache and the reverse table, the workers, the keeper of base names,
 * and the snapshot that they all work from. A new snapshot is made when the configuration is loaded anew and
 * when a base name has got another address; both under one lock, which no query takes.
 */
#include "libiothnamed/service.h"
#include "base/clock.h"
#include "libiothconf/open/open_stack.h"
#include "libiothnamed/attendant.h"
#include <errno.h>
#include <limits.h>
#include <iothconf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* A snapshot of a configuration and of the base addresses known by now. Under the lock. */
static int make_snapshot(struct iothnamed *s, struct shared_config *config, struct snapshot **ret)
{
    unsigned n = config->config->n_bases;
    struct base_value *values = calloc(n ? n : 1, sizeof(*values));
    if (!values)
        return -ENOMEM;
    if (s->bases)
        base_keeper_values(s->bases, config->config, values);
    struct lease_sets *leases = lease_keeper_sets(s->leases, config->config);
    if (!leases) {
        free(values);
        return -ENOMEM;
    }
    struct snapshot_parts parts = {
        .bases = values,
        .registry = &s->registry,
        .key = &s->key,
        .cache = s->cache,
        .hrev = s->hrev,
        .leases = leases,
        .serial = (uint32_t)time(NULL),
    };
    int e = snapshot_build(config, &parts, ret);
    lease_sets_unref(leases);
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
        log_event(&s->log, LOG_LEVEL_ERROR, "out of memory: base names keep their old addresses");
    pthread_mutex_unlock(&s->lock);
}

static void on_leases_changed(void *arg)
{
    struct iothnamed *s = arg;
    struct snapshot *snap;
    pthread_mutex_lock(&s->lock);
    struct lease_sets *leases = lease_keeper_sets(s->leases, s->config->config);
    if (leases && snapshot_with_leases(s->snap, leases, &snap) == 0)
        publish(s, snap);
    else
        log_event(&s->log, LOG_LEVEL_ERROR, "out of memory: names of leases are as they were");
    pthread_mutex_unlock(&s->lock);
    lease_sets_unref(leases);
}

/* The cache and the reverse table of a configuration: those that are there, or an empty cache of the size that it
 * wants from now on; the table keeps what has room in it. `old`: the configuration in force, or NULL. Under the lock. */
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
    if (!old)
        return hrev_new(wanted->hrevmax, &s->key, &s->hrev);
    return old->hrevmax == wanted->hrevmax ? 0 : hrev_resize(s->hrev, wanted->hrevmax);
}

static void log_diags(const struct log *log, const char *path, const struct diags *diags)
{
    for (const struct diag *d = diags->first; d; d = d->next) {
        enum log_level level = d->warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR;
        const char *file = d->path ? d->path : path;
        if (d->at.column)
            log_answer(log, level, "%s:%u:%u: %s", file, d->at.line, d->at.column, d->text);
        else if (d->at.line)
            log_answer(log, level, "%s:%u: %s", file, d->at.line, d->text);
        else
            log_answer(log, level, "%s: %s", file, d->text);
    }
}

/* Reads the lists and zones that a configuration names; what is wrong with them is logged. old: the configuration in
 * force, which a reload alone changes, or NULL. */
static int load_files(struct iothnamed *s, struct shared_config *config, const struct shared_config *old)
{
    struct diags diags = {0};
    int e = lists_load(config->config, old ? old->lists : NULL, &s->key, &diags, &config->lists);
    if (e == 0)
        e = zones_load(config->config, old ? old->zones : NULL, &s->key, &diags, &config->zones);
    if (e == 0)
        e = lease_keeper_want(s->leases, config->config);
    log_diags(&s->log, config->config->path, &diags);
    diags_fini(&diags);
    return e;
}

static void apply_loglevel(struct iothnamed *s, const struct config *config)
{
    bool verbose = s->started->config->process.verbose; /* whatever the file says */
    atomic_store(&s->log_control.level, verbose ? LOG_LEVEL_DEBUG : (int)config->options.loglevel);
}

/* Serves by another configuration from now on; it is taken over, also on failure. */
static int adopt(struct iothnamed *s, struct config *config)
{
    char keep[256];
    config_restart_needed(s->started->config, config, keep, sizeof(keep));
    struct shared_config *shared = shared_config_new(config);
    if (!shared)
        return -ENOMEM;
    int e = load_files(s, shared, s->config);
    if (e < 0) {
        shared_config_unref(shared);
        return e;
    }
    struct snapshot *snap = NULL;
    pthread_mutex_lock(&s->lock);
    e = size_stores(s, &s->config->config->options, &config->options);
    if (e == 0)
        e = make_snapshot(s, shared, &snap);
    if (e == 0)
        e = base_keeper_adopt(s->bases, snap);
    if (e == 0) {
        struct shared_config *old = s->config;
        s->config = shared;
        shared = old;
        publish(s, snap);
        shared_config_forget_records(s->started);
        apply_loglevel(s, config);
    } else {
        snapshot_unref(snap);
    }
    lease_keeper_drop_others(s->leases, s->config->config);
    pthread_mutex_unlock(&s->lock);
    shared_config_unref(shared);
    if (e == 0)
        daemon_say_restart(&s->log, keep, keep[0]);
    return e;
}

/* --- reloads that somebody asked for --- */

/* What the thread says that loads a configuration. */
static void note_line(void *arg, enum log_level level, const char *line)
{
    struct reloads *r = arg;
    if (level > LOG_LEVEL_WARNING)
        return;
    pthread_mutex_lock(&r->lock);
    r->errors += level == LOG_LEVEL_ERROR;
    r->warnings += level == LOG_LEVEL_WARNING;
    if (r->notes.len + strlen(line) < RELOAD_NOTES_MAX)
        text_printf(&r->notes, "%s: %s\n", log_level_name(level), line);
    pthread_mutex_unlock(&r->lock);
}

static void begin_reload(struct iothnamed *s)
{
    struct reloads *r = &s->reloads;
    pthread_mutex_lock(&r->lock);
    r->begun++;
    text_fini(&r->notes);
    r->errors = r->warnings = 0;
    pthread_mutex_unlock(&r->lock);
    r->ear = (struct log_ear){.hear = note_line, .arg = r};
    log_listen(&s->log_control, &r->ear);
}

/* How it went is said in the log too; who asked hears it in words of his own. */
static void end_reload(struct iothnamed *s, int e, nsec_t took)
{
    struct reloads *r = &s->reloads;
    log_forget(&s->log_control, &r->ear);
    daemon_say_reload(&s->log, e, "");
    pthread_mutex_lock(&r->lock);
    r->ended = r->begun;
    r->failed = e < 0;
    r->ended_wall_s = time(NULL);
    r->took = took;
    pthread_mutex_unlock(&r->lock);
    attendant_wake(s->attendant);
}

static int load_next(const struct iothnamed *s, struct config **ret, struct diags *diags)
{
    struct config *config;
    int e = config_load(s->started->config->path, &config, diags);
    if (e < 0)
        return e;
    e = config_check_emptiness(config, s->config->config, diags);
    if (e < 0)
        config_free(config);
    else
        *ret = config;
    return e;
}

int iothnamed_reload(void *server, char *why, size_t why_size)
{
    struct iothnamed *s = server;
    const char *path = s->started->config->path;
    struct diags diags = {0};
    struct config *config;
    nsec_t from = monotonic_now();
    begin_reload(s);
    int e = load_next(s, &config, &diags);
    log_diags(&s->log, path, &diags);
    diags_fini(&diags);
    if (e == 0)
        e = adopt(s, config);
    snprintf(why, why_size, "%s", e == -EINVAL ? "there are errors" : strerror(-e));
    if (e < 0 && e != -EINVAL)
        log_answer(&s->log, LOG_LEVEL_ERROR, "%s: %s", path, why);
    end_reload(s, e, monotonic_now() - from);
    return e;
}

struct snapshot *service_snapshot(struct iothnamed *s)
{
    pthread_mutex_lock(&s->lock);
    struct snapshot *snap = snapshot_ref(s->snap);
    pthread_mutex_unlock(&s->lock);
    return snap;
}

/* --- start and stop, one step a function; a step that fails says why --- */

struct saying {
    char *why;
    size_t size;
};

/* NULL: there is none. */
static int open_one(const struct iothnamed *s, const struct saying *say, const char *which,
                    const char *string, struct ioth **ret)
{
    return string ? open_stack(which, string, &s->log, ret, say->why, say->size) : 0;
}

static int open_stacks(struct iothnamed *s, const struct config *c, const struct saying *say)
{
    int e = open_one(s, say, c->one_stack ? "stack" : "rstack", c->rstack, &s->rstack);
    if (e < 0)
        return e;
    if (c->one_stack) {
        s->fstack = s->rstack;
        return 0;
    }
    return open_one(s, say, "fstack", c->fstack, &s->fstack);
}

/* The file of the reverse table, if there is to be one; relative to the folder of the configuration. */
static int open_hrevdb(struct iothnamed *s, const struct config *c, const struct saying *say)
{
    char path[PATH_MAX];
    if (!c->options.hrevdb.len)
        return 0;
    int e = config_path(c, c->options.hrevdb.text, path, sizeof(path));
    if (e < 0)
        return e;
    struct hrevdb_settings settings = {
        .path = path, .hrev = s->hrev, .hashttl_s = c->options.hashttl_s, .log = &s->log};
    return hrevdb_start(&settings, &s->hrevdb, say->why, say->size);
}

static int make_stores(struct iothnamed *s, const struct config *c, const struct saying *say)
{
    snprintf(say->why, say->size, "no memory for the cache and the tables");
    if (getrandom(&s->key, sizeof(s->key), 0) != sizeof(s->key) ||
        getrandom(&s->cookie_master, sizeof(s->cookie_master), 0) != sizeof(s->cookie_master) ||
        getrandom(&s->forward_key, sizeof(s->forward_key), 0) != sizeof(s->forward_key))
        return -EIO;
    const struct lease_keeper_settings leases = {.log = &s->log, .changed = on_leases_changed, .arg = s};
    int e = lease_keeper_new(&leases, &s->leases);
    if (e == 0)
        e = rrl_new(&s->key, &s->rrl);
    if (e == 0)
        e = clients_new(&s->key, &s->clients);
    if (e == 0)
        e = size_stores(s, NULL, &c->options);
    if (e == 0)
        e = load_files(s, s->config, NULL);
    if (e == -EINVAL)
        snprintf(say->why, say->size, "a list of names or a zone file cannot be read");
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
        log_event(&s->log, LOG_LEVEL_WARNING, "the stack has no SO_REUSEPORT: one worker",
                  LOG_NUMBER("wanted", n));
    return 1;
}

static int make_workers(struct iothnamed *s, const struct config *c, const struct saying *say)
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
        .cookie_master = &s->cookie_master,
        .forward_key = &s->forward_key,
        .loop_told = &s->loop_told,
        .rrl = s->rrl,
        .clients = s->clients,
        .rstack = s->rstack,
        .fstack = s->fstack,
        .log = &s->log,
        .share_port = n > 1,
    };
    while (s->n_workers < n) {
        e = worker_new(&settings, &s->workers[s->n_workers], say->why, say->size);
        if (e < 0)
            return e;
        s->n_workers++;
    }
    return 0;
}

static int start_keeper(struct iothnamed *s, const struct saying *say)
{
    struct base_keeper_settings settings = {
        .fstack = s->fstack,
        .forward_key = &s->forward_key,
        .log = &s->log,
        .changed = on_bases_changed,
        .arg = s,
    };
    pthread_mutex_lock(&s->lock);
    int e = base_keeper_start(&settings, &s->bases);
    if (e == 0)
        e = base_keeper_adopt(s->bases, s->snap);
    pthread_mutex_unlock(&s->lock);
    if (e < 0)
        snprintf(say->why, say->size, "cannot start the keeper of base names: %s", strerror(-e));
    return e;
}

/* Whoever keeps what the workers look at comes before them: a server that cannot start has answered nobody. The control socket
 * comes last, since who is answered there takes it that all is there. */
static int start_threads(struct iothnamed *s, const struct saying *say)
{
    int e = start_keeper(s, say);
    if (e < 0)
        return e;
    e = lease_keeper_start(s->leases);
    for (unsigned i = 0; i < s->n_workers && e == 0; i++)
        e = worker_start(s->workers[i]);
    if (e == 0)
        e = attendant_run(s->attendant);
    if (e < 0)
        snprintf(say->why, say->size, "cannot start a thread: %s", strerror(-e));
    return e;
}

/* The steps of a start. Nothing that needs privilege comes behind host.bound, and no thread before it. */
static int start(struct iothnamed *s, const struct config *c, const struct saying *say)
{
    int e = open_stacks(s, c, say);
    if (e == 0)
        e = make_stores(s, c, say);
    if (e == 0)
        e = make_workers(s, c, say);
    if (e == 0)
        e = attend(s, say->why, say->size);
    if (e == 0 && s->host.bound)
        e = s->host.bound(s->host.arg, &c->process, say->why, say->size);
    if (e == 0)
        e = open_hrevdb(s, c, say); /* as the user who must open it again later, should it vanish */
    return e == 0 ? start_threads(s, say) : e;
}

/* What needs no memory and cannot fail. */
static void init(struct iothnamed *s, const struct daemon_host *host, const struct config *config)
{
    s->host = *host;
    log_control_init(&s->log_control, LOG_LEVEL_INFO);
    s->log = (struct log){.write = host->log.write, .arg = host->log.arg, .control = &s->log_control};
    apply_loglevel(s, config);
    pthread_mutex_init(&s->reloads.lock, NULL);
    pthread_mutex_init(&s->lock, NULL);
}

int iothnamed_start(struct daemon_config *process, const struct daemon_host *host, void **ret, char *why,
                    size_t why_size)
{
    struct config *config = (struct config *)process;
    const struct saying say = {why, why_size};
    char addresses[LISTEN_STRLEN];
    snprintf(why, why_size, "out of memory");
    struct shared_config *shared = shared_config_new(config);
    if (!shared)
        return -ENOMEM;
    struct iothnamed *s = calloc(1, sizeof(*s));
    if (!s) {
        shared_config_unref(shared);
        return -ENOMEM;
    }
    s->config = s->started = shared_config_ref(shared);
    init(s, host, config);
    int e = start(s, config, &say);
    if (e < 0) {
        iothnamed_stop(s);
        return e;
    }
    log_event(&s->log, LOG_LEVEL_INFO, "serving", LOG_TEXT("file", config->path),
              LOG_TEXT("listen", listen_format(&config->options, addresses)),
              LOG_NUMBER("port", config->options.port));
    *ret = s;
    return 0;
}

void iothnamed_stop(void *server)
{
    struct iothnamed *s = server;
    if (!s)
        return;
    attendant_close(s->attendant);
    base_keeper_stop(s->bases);
    lease_keeper_stop(s->leases);
    for (unsigned i = 0; i < s->n_workers; i++)
        worker_stop(s->workers[i]);
    free(s->workers);
    hrevdb_stop(s->hrevdb); /* when all has been taught */
    snapshot_unref(s->snap);
    shared_config_unref(s->config);
    shared_config_unref(s->started);
    arena_fini(&s->registry.arena);
    hrev_free(s->hrev);
    cache_free(s->cache);
    clients_free(s->clients);
    rrl_free(s->rrl);
    if (s->fstack && s->fstack != s->rstack)
        ioth_delstack(s->fstack);
    if (s->rstack)
        ioth_delstack(s->rstack);
    log_flush(&s->log, true);
    log_control_fini(&s->log_control);
    text_fini(&s->reloads.notes);
    pthread_mutex_destroy(&s->reloads.lock);
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
