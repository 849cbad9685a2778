/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reverse table on disk: a file that a thread of its own keeps up to date, so that a restart, or the end of
 * the process at any moment, loses no name that was taught more than a second ago. Queries never wait for it,
 * and while the file cannot be used the server goes on with the table in memory.
 */
#ifndef IOTHNAMED_HREVDB_H
#define IOTHNAMED_HREVDB_H

#include "io/log.h"
#include "libiothnamed/hrev.h"

struct hrevdb;

struct hrevdb_settings {
    const char *path;
    struct hrev *hrev;  /* ownership is shared */
    uint32_t hashttl_s; /* no name is kept for longer after it was loaded, whatever the clock did meanwhile */
    const struct log *log; /* outlives the store */
};

/* Loads the file into the table and starts the thread. A file that cannot be used is logged and tried again
 * every few seconds; only one that another server uses is an error: -EBUSY with one sentence in why, as for
 * other errors (-ENOMEM, -EAGAIN: no thread). */
MUST_CHECK int hrevdb_start(const struct hrevdb_settings *settings, struct hrevdb **ret, char *why,
                            size_t why_size);
/* Writes what has not been written yet and ends the thread. NULL: nothing. */
void hrevdb_stop(struct hrevdb *db);

/* --- hrevdb_file.c: the file, without a thread --- */

struct hrev_file;

/* Wall-clock time, in nanoseconds since 1970; the file speaks of that alone. */
typedef int64_t wall_t;

/* Opens or makes the file and takes the lock that keeps other servers away. -EBUSY: one of them has it;
 * -EBADMSG: the file is damaged, or not one of ours; -errno. */
MUST_CHECK int hrev_file_open(const char *path, struct hrev_file **ret);
void hrev_file_close(struct hrev_file *f);
/* The file is still the one that was opened, and has all that was written. 0; -ESTALE, -EBADMSG or -errno: it must
 * be closed, and may be opened anew. */
MUST_CHECK int hrev_file_check(const struct hrev_file *f);
/* Calls take(arg, entry, until) for each name; those for which it returns false are deleted. Writes what was
 * deleted. 0 or -errno as for hrev_file_write. */
MUST_CHECK int hrev_file_load(struct hrev_file *f,
                              bool (*take)(void *arg, struct hrev_entry *entry, wall_t until), void *arg);
/* One transaction: all of the entries, in their order, or nothing. Returns when they are on the disk: 0, or
 * -errno: the file must be closed, and may be opened anew. until[i]: the end of entry i. */
MUST_CHECK int hrev_file_write(struct hrev_file *f, const struct hrev_entry *entries, const wall_t *until,
                               unsigned n);

#endif
