/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The thread that keeps copies of lease files.
 *
 * - A few times a second it looks at each file (lease_file.c); a new copy is put among those that snapshots are made of, and
 *   who asked to be told is told. A large file that changes all the time is read less often: reading takes a tenth of a
 *   processor at the most.
 * - Files belong to the thread alone while it runs. Others say which files they want, and wait for a look at them; before there is
 *   a thread the caller looks himself. The lock is for what is said, and for the copies; nobody waits for the disk under it.
 * - A file that cannot be read is logged, once for each reason, and looked at again every few seconds.
 */
#include "libiothnamed/lease_keeper.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PERIOD (NSEC_PER_SEC / 3) /* so that a lease has its name within a second, be the disk slow */
#define RETRY  (3 * NSEC_PER_SEC)
#define SHARE  10 /* of the time, one part is for reading */

/* A file, and what is known of it. */
struct kept {
    struct kept *next;
    struct lease_file *file;
    nsec_t look_at;
    int why_not; /* what was logged last; 0: it can be read */
    bool left_out, is_missing;
    struct lease_set *set; /* of the last look; under the lock */
    bool is_wanted;        /* under the lock */
};

struct lease_keeper {
    struct lease_keeper_settings settings;
    pthread_mutex_t lock; /* of what is below, and of the list itself */
    pthread_cond_t wake, done;
    struct kept *first;
    uint32_t max;
    unsigned asked, answered; /* looks at all files */
    bool started, runs, stop;
    pthread_t thread;
};

/* --- copies --- */

struct lease_sets *lease_sets_ref(struct lease_sets *s)
{
    if (s)
        atomic_fetch_add(&s->users, 1);
    return s;
}

void lease_sets_unref(struct lease_sets *s)
{
    if (!s || atomic_fetch_sub(&s->users, 1) != 1)
        return;
    for (unsigned i = 0; i < s->count; i++)
        lease_set_unref(s->list[i]);
    free(s);
}

static struct kept *find(const struct lease_keeper *k, const char *path)
{
    struct kept *f = k->first;

    while (f && strcmp(lease_file_path(f->file), path) != 0)
        f = f->next;
    return f;
}

struct lease_sets *lease_keeper_sets(struct lease_keeper *k, const struct config *config)
{
    struct lease_sets *s = calloc(1, sizeof(*s) + config->n_leases * sizeof(struct lease_set *));

    if (!s)
        return NULL;
    atomic_init(&s->users, 1);
    s->count = config->n_leases;
    pthread_mutex_lock(&k->lock);
    for (unsigned i = 0; i < s->count; i++) {
        struct kept *f = find(k, config->leases[i].path);
        s->list[i] = f ? lease_set_ref(f->set) : NULL;
    }
    pthread_mutex_unlock(&k->lock);
    return s;
}

/* --- looking --- */

static const char *reason(int error)
{
    return error == -EBADMSG           ? "it is damaged, or no lease file"
           : error == -EPROTONOSUPPORT ? "it is of another version, or no lease file"
           : error == -ENOENT          ? "it has gone"
           : error == -ESTALE          ? "another one is in its place, which cannot be opened"
           : error == -EAGAIN          ? "it is written faster than it can be read"
                                       : strerrordesc_np(-error);
}

static void say(const struct lease_keeper *k, struct kept *f, int error, bool left_out)
{
    const char *path = lease_file_path(f->file);
    bool is_missing = error == 0 && !lease_file_is_there(f->file);

    if (is_missing && !f->is_missing)
        log_event(k->settings.log, LOG_LEVEL_INFO, "a lease file is not there yet: no names are of it",
                  LOG_TEXT("file", path));
    if (f->is_missing && lease_file_is_there(f->file) && error == 0)
        log_event(k->settings.log, LOG_LEVEL_INFO, "a lease file is there now", LOG_TEXT("file", path));
    f->is_missing = is_missing || (f->is_missing && error < 0);
    if (error != f->why_not && error < 0)
        log_event(k->settings.log, LOG_LEVEL_ERROR,
                  lease_file_set(f->file) ? "a lease file cannot be read: names are as they were"
                                          : "a lease file cannot be read: nothing is known of its names",
                  LOG_TEXT("file", path), LOG_TEXT("reason", reason(error)));
    if (error == 0 && f->why_not < 0)
        log_event(k->settings.log, LOG_LEVEL_INFO, "a lease file is read again", LOG_TEXT("file", path));
    if (left_out && !f->left_out)
        log_event(k->settings.log, LOG_LEVEL_ERROR, "more leases than leasemax: the others have no names",
                  LOG_TEXT("file", path));
    f->why_not = error;
    f->left_out = left_out;
}

int leases_check(const struct config *config, struct diags *diags)
{
    for (unsigned i = 0; i < config->n_leases; i++) {
        const struct config_lease *lease = &config->leases[i];
        struct lease_file *file = lease_file_new(lease->path);
        int error = 0;
        bool left_out = false;
        if (!file)
            return -ENOMEM;
        if (lease_file_look(file, config->options.leasemax, &error, &left_out) == LEASE_FILE_BAD)
            diag_warning(diags, lease->at, "the lease file %s cannot be read: %s", lease->path,
                         reason(error));
        if (left_out)
            diag_warning(diags, lease->at, "%s has more leases than leasemax: the others have no names",
                         lease->path);
        lease_file_free(file);
    }
    return 0;
}

/* Looks at a file. True: there is a new copy. */
static bool look(struct lease_keeper *k, struct kept *f, uint32_t max)
{
    int error = 0;
    bool left_out = false;
    nsec_t from = clock_now(CLOCK_THREAD_CPUTIME_ID);
    enum lease_file_state state = lease_file_look(f->file, max, &error, &left_out);
    nsec_t pause = (clock_now(CLOCK_THREAD_CPUTIME_ID) - from) * SHARE, now = monotonic_now();

    if (state == LEASE_FILE_BAD && pause < RETRY)
        pause = RETRY;
    f->look_at = now + (pause > PERIOD ? pause : PERIOD);
    if (state == LEASE_FILE_SAME)
        left_out = f->left_out;
    say(k, f, state == LEASE_FILE_BAD ? error : 0, left_out);
    if (state != LEASE_FILE_CHANGED)
        return false;
    pthread_mutex_lock(&k->lock);
    lease_set_unref(f->set);
    f->set = lease_set_ref(lease_file_set(f->file));
    pthread_mutex_unlock(&k->lock);
    return true;
}

static void kept_free(struct kept *f)
{
    lease_set_unref(f->set);
    lease_file_free(f->file);
    free(f);
}

/* Takes out what nobody wants any more; by who owns the files. */
static void drop_unwanted(struct lease_keeper *k)
{
    struct kept *unwanted = NULL;

    pthread_mutex_lock(&k->lock);
    for (struct kept **at = &k->first; *at;) {
        struct kept *f = *at;
        if (f->is_wanted) {
            at = &f->next;
            continue;
        }
        *at = f->next;
        f->next = unwanted;
        unwanted = f;
    }
    pthread_mutex_unlock(&k->lock);
    while (unwanted) {
        struct kept *f = unwanted;
        unwanted = f->next;
        kept_free(f);
    }
}

/* The file behind f, or the first one. Others add files at the front alone. */
static struct kept *next_of(struct lease_keeper *k, const struct kept *f, uint32_t *ret_max)
{
    pthread_mutex_lock(&k->lock);
    struct kept *next = f ? f->next : k->first;
    *ret_max = k->max;
    pthread_mutex_unlock(&k->lock);
    return next;
}

/* all: whether it is time or not. True: there is a new copy. */
static bool look_at_all(struct lease_keeper *k, bool all)
{
    bool changed = false;
    uint32_t max;

    drop_unwanted(k);
    for (struct kept *f = next_of(k, NULL, &max); f; f = next_of(k, f, &max))
        if (all || f->look_at <= monotonic_now())
            changed |= look(k, f, max);
    return changed;
}

/* --- the thread --- */

/* Waits until it is time, or something is wanted. False: it is time to end. */
static bool wait_for_work(struct lease_keeper *k, unsigned *ret_asked)
{
    struct timespec until = timespec_of(monotonic_now() + PERIOD);
    int error = 0;

    pthread_mutex_lock(&k->lock);
    while (!k->stop && k->asked == k->answered && error == 0)
        error = pthread_cond_timedwait(&k->wake, &k->lock, &until);
    bool stop = k->stop;
    *ret_asked = k->asked;
    pthread_mutex_unlock(&k->lock);
    return !stop;
}

static void *run(void *arg)
{
    struct lease_keeper *k = arg;
    unsigned asked = k->answered, answered = asked;

    pthread_setname_np(pthread_self(), "leases");
    while (wait_for_work(k, &asked)) {
        bool changed = look_at_all(k, asked != answered);
        pthread_mutex_lock(&k->lock);
        k->answered = answered = asked;
        pthread_cond_broadcast(&k->done);
        pthread_mutex_unlock(&k->lock);
        if (changed)
            k->settings.changed(k->settings.arg);
    }
    return NULL;
}

static int start_thread(struct lease_keeper *k)
{
    if (k->runs || !k->first)
        return 0;
    int error = pthread_create(&k->thread, NULL, run, k);
    k->runs = error == 0;
    return -error;
}

/* --- what others want --- */

static int add(struct lease_keeper *k, const char *path)
{
    struct kept *f = calloc(1, sizeof(*f));

    if (!f || !(f->file = lease_file_new(path))) {
        free(f);
        return -ENOMEM;
    }
    f->is_wanted = true;
    f->next = k->first;
    k->first = f;
    return 0;
}

static void wait_for_a_look(struct lease_keeper *k)
{
    pthread_mutex_lock(&k->lock);
    unsigned mine = ++k->asked;
    pthread_cond_signal(&k->wake);
    while ((int)(k->answered - mine) < 0)
        pthread_cond_wait(&k->done, &k->lock);
    pthread_mutex_unlock(&k->lock);
}

int lease_keeper_want(struct lease_keeper *k, const struct config *config)
{
    int e = 0;

    pthread_mutex_lock(&k->lock);
    k->max = config->options.leasemax;
    for (unsigned i = 0; i < config->n_leases && e == 0; i++) {
        struct kept *f = find(k, config->leases[i].path);
        if (f)
            f->is_wanted = true;
        else
            e = add(k, config->leases[i].path);
    }
    bool any = k->first;
    pthread_mutex_unlock(&k->lock);
    if (e < 0 || !any)
        return e;
    if (k->runs)
        wait_for_a_look(k);
    else
        look_at_all(k, true);
    return k->started ? start_thread(k) : 0;
}

static bool has_path(const struct config *config, const char *path)
{
    for (unsigned i = 0; i < config->n_leases; i++)
        if (strcmp(config->leases[i].path, path) == 0)
            return true;
    return false;
}

/* The owner of the files takes them out before his next look. */
void lease_keeper_drop_others(struct lease_keeper *k, const struct config *config)
{
    pthread_mutex_lock(&k->lock);
    for (struct kept *f = k->first; f; f = f->next)
        f->is_wanted = has_path(config, lease_file_path(f->file));
    pthread_mutex_unlock(&k->lock);
}

/* --- life --- */

int lease_keeper_new(const struct lease_keeper_settings *settings, struct lease_keeper **ret)
{
    struct lease_keeper *k = calloc(1, sizeof(*k));
    pthread_condattr_t attr;

    if (!k)
        return -ENOMEM;
    k->settings = *settings;
    pthread_mutex_init(&k->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&k->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_cond_init(&k->done, NULL);
    *ret = k;
    return 0;
}

int lease_keeper_start(struct lease_keeper *k)
{
    k->started = true;
    return start_thread(k);
}

void lease_keeper_stop(struct lease_keeper *k)
{
    if (!k)
        return;
    if (k->runs) {
        pthread_mutex_lock(&k->lock);
        k->stop = true;
        pthread_cond_signal(&k->wake);
        pthread_mutex_unlock(&k->lock);
        pthread_join(k->thread, NULL);
    }
    while (k->first) {
        struct kept *f = k->first;
        k->first = f->next;
        kept_free(f);
    }
    pthread_cond_destroy(&k->done);
    pthread_cond_destroy(&k->wake);
    pthread_mutex_destroy(&k->lock);
    free(k);
}
