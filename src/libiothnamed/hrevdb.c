/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The thread that keeps the file of the reverse table.
 *
 * - A few times a second it takes what changed from the table, part by part, and writes it in one transaction,
 *   or a few when there is much. While the disk is slow changes wait in the table itself, where they take no
 *   more room than the table has; who teaches it never waits.
 * - The table counts monotonic time, the file wall-clock time, since it outlives the boot. When the wall clock
 *   is set, all ends are written anew. While loading, an end further away than hashttl says that it was set
 *   back meanwhile, and is cut to that.
 * - When the file cannot be used, for whatever reason, that is logged once; the names stay in memory, and every
 *   few seconds it is tried again. A file that is opened again is loaded first (it may be another one, or one
 *   that could not be read before), then all of the table is written.
 */
#include "libiothnamed/hrevdb.h"

#include "base/clock.h"
#include "io/own_file.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 8192,   /* names in one transaction: 2 MB */
    CHUNK_MAX = 64, /* names copied under one lock */
};

#define PERIOD     (NSEC_PER_SEC / 3) /* so that a name is on the disk within a second, be it a slow one */
#define RETRY      (3 * NSEC_PER_SEC)
#define CLOCK_STEP (2 * NSEC_PER_SEC) /* what is less is the clock being slewed */

struct hrevdb {
    char *path;
    struct hrev *hrev;
    nsec_t hashttl;
    const struct log *log;
    struct hrev_file *file; /* NULL: cannot be used now */
    int why_not;            /* what was logged last; 0: it can be used */
    bool opened;            /* it was open before */
    nsec_t retry_at;
    int64_t clock_offset;       /* wall-clock minus monotonic time, of what is in the file */
    struct hrev_entry *entries; /* BATCH, as is the next: being written */
    wall_t *until;
    pthread_t thread;
    pthread_mutex_t lock; /* of what is below */
    pthread_cond_t wake;
    bool stop;
};

/* --- the state of the file --- */

static const char *reason(int error)
{
    return error == -EBADMSG  ? "it is damaged, or not a table of this server; remove it, or name another"
           : error == -EBUSY  ? "another server uses it"
           : error == -ESTALE ? "it was replaced by another one"
           : error == -EIO    ? "no space left on the disk, or an input/output error" /* LMDB calls both so */
                              : own_file_reason(error);
}

/* The file cannot be used; said once for each reason. */
static void give_up(struct hrevdb *db, int error)
{
    hrev_file_close(db->file);
    db->file = NULL;
    db->retry_at = monotonic_now() + RETRY;
    if (error != db->why_not)
        log_event(db->log, LOG_LEVEL_ERROR,
                  "names of hashed addresses are in memory alone: hrevdb cannot be used",
                  LOG_TEXT("file", db->path), LOG_TEXT("reason", reason(error)));
    db->why_not = error;
}

/* --- loading --- */

static bool take_loaded(void *arg, struct hrev_entry *entry, wall_t until)
{
    struct hrevdb *db = arg;
    nsec_t now = monotonic_now();
    wall_t wall = now + db->clock_offset;

    if (until <= wall)
        return false;
    int64_t left = until < INT64_MAX / 2 ? until - wall : db->hashttl;
    if (left > db->hashttl + db->hashttl / 8)
        left = db->hashttl;
    entry->until = now + left;
    return hrev_restore(db->hrev, entry, now);
}

static int try_open(struct hrevdb *db)
{
    int error = hrev_file_open(db->path, &db->file);

    if (error < 0)
        return error;
    db->clock_offset = clock_now(CLOCK_REALTIME) - monotonic_now();
    error = hrev_file_load(db->file, take_loaded, db);
    if (error < 0)
        return error;
    if (db->opened || db->why_not) /* the table has been taught meanwhile */
        hrev_change_all(db->hrev);
    db->opened = true;
    return 0;
}

/* --- writing --- */

/* Changes of one part into the batch, from `n` on; returns how many there are in it then. */
static unsigned take_part(struct hrevdb *db, unsigned part, unsigned n)
{
    unsigned wanted, taken;

    do {
        nsec_t now = monotonic_now();
        wanted = BATCH - n < CHUNK_MAX ? BATCH - n : CHUNK_MAX;
        taken = hrev_take_changes(db->hrev, part, now, &db->entries[n], wanted);
        for (unsigned i = n; i < n + taken; i++)
            db->until[i] = db->entries[i].until + db->clock_offset;
        n += taken;
    } while (taken == wanted && n < BATCH);
    return n;
}

/* Writes all that has changed by now. */
static int write_changes(struct hrevdb *db)
{
    unsigned parts = hrev_parts(db->hrev), n = 0;

    for (unsigned part = 0; part < parts;) {
        n = take_part(db, part, n);
        bool full = n == BATCH;
        if (!full)
            part++;
        if (n > 0 && (full || part == parts)) {
            int error = hrev_file_write(db->file, db->entries, db->until, n);
            if (error < 0)
                return error;
            n = 0;
        }
    }
    return 0;
}

static void note_clock(struct hrevdb *db)
{
    int64_t offset = clock_now(CLOCK_REALTIME) - monotonic_now(), step = offset - db->clock_offset;

    if (step < CLOCK_STEP && step > -CLOCK_STEP)
        return;
    db->clock_offset = offset;
    hrev_change_all(db->hrev);
}

static void work(struct hrevdb *db)
{
    int error = 0;

    if (!db->file && monotonic_now() < db->retry_at)
        return;
    if (!db->file)
        error = try_open(db);
    else
        error =
            hrev_file_check(db->file); /* also when there is nothing to write: what is in it would be lost */
    if (error == 0) {
        note_clock(db);
        error = write_changes(db);
    }
    if (error < 0) {
        give_up(db, error);
    } else if (db->why_not != 0) { /* all of it is written: where there is no room, opening is not enough */
        log_event(db->log, LOG_LEVEL_INFO, "hrevdb is used again", LOG_TEXT("file", db->path));
        db->why_not = 0;
    }
}

static bool wait_for_work(struct hrevdb *db)
{
    struct timespec until = timespec_of(monotonic_now() + PERIOD);
    int error = 0;

    pthread_mutex_lock(&db->lock);
    while (!db->stop && error == 0)
        error = pthread_cond_timedwait(&db->wake, &db->lock, &until);
    bool stop = db->stop;
    pthread_mutex_unlock(&db->lock);
    return !stop;
}

static void *run(void *arg)
{
    struct hrevdb *db = arg;

    while (wait_for_work(db))
        work(db);
    if (db->file)
        work(db); /* what was taught last */
    return NULL;
}

/* --- start and stop --- */

static void hrevdb_free(struct hrevdb *db)
{
    hrev_file_close(db->file);
    hrev_free(db->hrev);
    free(db->entries);
    free(db->until);
    free(db->path);
    free(db);
}

static struct hrevdb *hrevdb_new(const struct hrevdb_settings *settings)
{
    struct hrevdb *db = calloc(1, sizeof(*db));

    if (!db)
        return NULL;
    db->hrev = hrev_ref(settings->hrev);
    db->hashttl = (nsec_t)settings->hashttl_s * NSEC_PER_SEC;
    db->log = settings->log;
    db->path = strdup(settings->path);
    db->entries = malloc(BATCH * sizeof(*db->entries)); /* its pages are there when they are used */
    db->until = malloc(BATCH * sizeof(*db->until));
    if (db->path && db->entries && db->until)
        return db;
    hrevdb_free(db);
    return NULL;
}

static int start_thread(struct hrevdb *db)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&db->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&db->wake, &attr);
    pthread_condattr_destroy(&attr);
    int error = pthread_create(&db->thread, NULL, run, db);
    if (error != 0) {
        pthread_cond_destroy(&db->wake);
        pthread_mutex_destroy(&db->lock);
    }
    return -error;
}

int hrevdb_start(const struct hrevdb_settings *settings, struct hrevdb **ret, char *why, size_t why_size)
{
    struct hrevdb *db = hrevdb_new(settings);

    snprintf(why, why_size, "no memory for hrevdb");
    if (!db)
        return -ENOMEM;
    int error = try_open(db);
    if (error == -EBUSY || error == -ENOMEM) {
        snprintf(why, why_size, "hrevdb %s cannot be used: %s", db->path, reason(error));
        hrevdb_free(db);
        return error;
    }
    if (error < 0)
        give_up(db, error);
    hrev_track(db->hrev);
    error = start_thread(db);
    if (error < 0) {
        snprintf(why, why_size, "cannot start the thread of hrevdb: %s", strerrordesc_np(-error));
        hrevdb_free(db);
        return error;
    }
    *ret = db;
    return 0;
}

void hrevdb_stop(struct hrevdb *db)
{
    if (!db)
        return;
    pthread_mutex_lock(&db->lock);
    db->stop = true;
    pthread_cond_signal(&db->wake);
    pthread_mutex_unlock(&db->lock);
    pthread_join(db->thread, NULL);
    pthread_cond_destroy(&db->wake);
    pthread_mutex_destroy(&db->lock);
    hrevdb_free(db);
}
