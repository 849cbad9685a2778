/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keeper of lease files: copies in memory of what namedhcp has in its own (io/lease_record.h), renewed within a second by a
 * thread of its own. Whoever writes the files, and whatever is in them, queries go on with the last copy that was good.
 */
#ifndef IOTHNAMED_LEASE_KEEPER_H
#define IOTHNAMED_LEASE_KEEPER_H

#include "io/log.h"
#include "libiothnamed/config.h"
#include "libiothnamed/lease_set.h"

#include <stdatomic.h>

/* The copies for a configuration. Counted: snapshots share it. */
struct lease_sets {
    atomic_uint users;
    unsigned count;
    struct lease_set *list[]; /* by the indices of config->leases; NULL: the file could never be read */
};

struct lease_sets *lease_sets_ref(struct lease_sets *s);
void lease_sets_unref(struct lease_sets *s); /* NULL: nothing */

struct lease_keeper;

struct lease_keeper_settings {
    const struct log *log;      /* outlives the keeper */
    void (*changed)(void *arg); /* some copy is not what it was; in the keeper's thread */
    void *arg;
};

/* A keeper without files or a thread. 0, -ENOMEM. */
MUST_CHECK int lease_keeper_new(const struct lease_keeper_settings *settings, struct lease_keeper **ret);
/* Begins with the thread, if there are files, or as soon as there are some. Until then lease_keeper_want opens and reads files in
 * the thread of the caller: with the rights that the program has at its start. 0, or -errno. */
MUST_CHECK int lease_keeper_start(struct lease_keeper *k);
void lease_keeper_stop(struct lease_keeper *k); /* ends it and frees all; NULL: nothing */

/* Keeps the files of this configuration too, and returns when they have been read, or cannot be, which is logged. 0; -ENOMEM;
 * -errno: no thread. */
MUST_CHECK int lease_keeper_want(struct lease_keeper *k, const struct config *config);
/* Keeps the files of this configuration alone. */
void lease_keeper_drop_others(struct lease_keeper *k, const struct config *config);
/* What it has now for that configuration, of which it keeps the files. NULL: no memory. */
struct lease_sets *lease_keeper_sets(struct lease_keeper *k, const struct config *config);

/* Warns of the files that cannot be read now; one that is not there yet is none. 0 or -ENOMEM. */
MUST_CHECK int leases_check(const struct config *config, struct diags *diags);

/* --- lease_file.c: one file, without a thread --- */

struct lease_file;

/* Opens nothing yet. NULL: no memory. */
struct lease_file *lease_file_new(const char *path);
void lease_file_free(struct lease_file *f);
const char *lease_file_path(const struct lease_file *f);
bool lease_file_is_there(const struct lease_file *f); /* at the last look */
/* The last good copy, as long as the next look; NULL: there was none. */
struct lease_set *lease_file_set(const struct lease_file *f);

enum lease_file_state {
    LEASE_FILE_SAME,    /* nothing has changed */
    LEASE_FILE_CHANGED, /* there is a new copy */
    LEASE_FILE_BAD,     /* it cannot be read: see *ret_error; the copy stays */
};

/* Looks whether the file is another one or has changed, and if so reads it. *ret_error (LEASE_FILE_BAD): -EBADMSG: it is damaged,
 * or no lease file; -EPROTONOSUPPORT: of another version of namedhcp; -ENOENT: it has gone; -ESTALE: another one is in its
 * place, which cannot be opened; -EFBIG; -ENOMEM; -EAGAIN: written faster than it is read, again and
 * again; other errors of the system. *ret_left_out: there are more leases than `max`. */
enum lease_file_state lease_file_look(struct lease_file *f, uint32_t max, int *ret_error, bool *ret_left_out);

#endif
