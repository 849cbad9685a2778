/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The file of the reverse table: an LMDB store, one record a name. LMDB, since a transaction is there as a
 * whole or not at all whenever the process or the machine ends, it needs no recovery, and it is one file.
 *
 *   key     the address, 16 bytes
 *   value   version 1 (u8), end in wall-clock nanoseconds since 1970 (i64), network of the asker (16 bytes),
 *           name in wire form; numbers big-endian
 *
 * Only the thread of hrevdb.c uses a file, and another server is kept out by flock(2) on it, so the store is
 * opened without LMDB's own lock file. A file is walked by lmdb_check before the library maps it. While it is
 * in use it must neither be cut nor replaced behind our back: that is looked for before each transaction.
 *
 * An error leaves the state of the library in doubt: the file is closed then, and opened anew later.
 */
#include "libiothnamed/hrevdb.h"

#include "io/lmdb_file.h"
#include "io/own_file.h"

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    VERSION = 1,
    NAME_AT = 1 + 8 + sizeof(struct ipaddr),
    VALUE_MAX = NAME_AT + DNAME_MAX,
};

/* Of address space: doubled whenever it is full. The most names that hrevmax allows fit in a quarter of the
 * last. */
#define MAP_FIRST (UINT64_C(1) << 20)
#define MAP_MAX   (UINT64_C(1) << 36)

struct hrev_file {
    char *path;
    int lock_fd; /* the same file; its lock is ours */
    MDB_env *env;
    MDB_dbi dbi;
    size_t map_size;
    uint64_t len; /* bytes that the file has at least: what the last transaction left */
};

/* What the library says of a full disk depends on where it notices; one reason is logged once. */
static int error_of(int mdb)
{
    return mdb == ENOSPC ? -EIO : lmdb_file_error(mdb);
}

/* --- opening --- */

/* Takes the lock, then looks at what is in the file. */
static int lock_and_check(struct hrev_file *f, bool *ret_made)
{
    f->lock_fd = lmdb_file_open(f->path, ret_made);
    int e = f->lock_fd < 0 ? f->lock_fd : lmdb_file_lock(f->lock_fd);
    return e == 0 ? lmdb_file_check(f->lock_fd, &f->len) : e;
}

static int open_env(struct hrev_file *f)
{
    MDB_txn *txn;
    int mdb = mdb_env_create(&f->env);

    if (mdb != 0)
        return error_of(mdb);
    for (f->map_size = MAP_FIRST; f->map_size < f->len * 2;)
        f->map_size *= 2;
    mdb = mdb_env_set_mapsize(f->env, f->map_size);
    if (mdb == 0)
        mdb = mdb_env_open(f->env, f->path, MDB_NOSUBDIR | MDB_NOLOCK, 0600);
    if (mdb == 0)
        mdb = mdb_txn_begin(f->env, NULL, 0, &txn);
    if (mdb != 0)
        return error_of(mdb);
    mdb = mdb_dbi_open(txn, NULL, 0, &f->dbi);
    if (mdb == 0)
        mdb = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    return error_of(mdb);
}

static void note_len(struct hrev_file *f)
{
    struct stat st;

    if (fstat(f->lock_fd, &st) == 0)
        f->len = (uint64_t)st.st_size;
}

static void close_env(struct hrev_file *f)
{
    if (f->env)
        mdb_env_close(f->env);
    f->env = NULL;
}

/* What was begun for want of a file does not stay if it comes to nothing. */
static int open_checked(struct hrev_file *f)
{
    bool made;
    int error = lock_and_check(f, &made);

    if (error < 0)
        return error;
    error = open_env(f);
    if (error < 0 && f->len == 0) {
        close_env(f);
        lmdb_file_undo(f->lock_fd, f->path, made);
    }
    return error;
}

int hrev_file_open(const char *path, struct hrev_file **ret)
{
    struct hrev_file *f = calloc(1, sizeof(*f));

    if (!f)
        return -ENOMEM;
    f->lock_fd = -1;
    f->path = strdup(path);
    own_file_as_owner(path);
    int error = f->path ? open_checked(f) : -ENOMEM;
    own_file_as_before();
    if (error < 0) {
        hrev_file_close(f);
        return error;
    }
    note_len(f);
    *ret = f;
    return 0;
}

void hrev_file_close(struct hrev_file *f)
{
    if (!f)
        return;
    close_env(f);
    if (f->lock_fd >= 0)
        close(f->lock_fd);
    free(f->path);
    free(f);
}

/* --- transactions --- */

int hrev_file_check(const struct hrev_file *f)
{
    struct stat ours, there;

    if (fstat(f->lock_fd, &ours) < 0 || stat(f->path, &there) < 0)
        return -errno;
    if (ours.st_dev != there.st_dev || ours.st_ino != there.st_ino)
        return -ESTALE;
    return (uint64_t)ours.st_size >= f->len ? 0 : -EBADMSG;
}

static int begin(struct hrev_file *f, MDB_txn **ret)
{
    int error = hrev_file_check(f);

    return error < 0 ? error : error_of(mdb_txn_begin(f->env, NULL, 0, ret));
}

static int write_entry(const struct hrev_file *f, MDB_txn *txn, const struct hrev_entry *e, wall_t until)
{
    uint8_t bytes[VALUE_MAX];
    struct writer w = writer_of(bytes, sizeof(bytes));
    MDB_val key = {sizeof(e->addr), (void *)(uintptr_t)e->addr.b}, value = {0, bytes};

    if (e->name_len == 0) {
        int mdb = mdb_del(txn, f->dbi, &key, NULL);
        return mdb == MDB_NOTFOUND ? 0 : mdb;
    }
    writer_u8(&w, VERSION);
    writer_u32(&w, (uint32_t)((uint64_t)until >> 32));
    writer_u32(&w, (uint32_t)until);
    writer_put(&w, e->network.b, sizeof(e->network.b));
    writer_put(&w, e->name, e->name_len);
    value.mv_size = w.pos;
    return mdb_put(txn, f->dbi, &key, &value, 0);
}

static int write_all(struct hrev_file *f, const struct hrev_entry *entries, const wall_t *until, unsigned n)
{
    MDB_txn *txn;
    int error = begin(f, &txn), mdb = 0;

    if (error < 0)
        return error;
    for (unsigned i = 0; i < n && mdb == 0; i++)
        mdb = write_entry(f, txn, &entries[i], until[i]);
    if (mdb == 0)
        mdb = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    if (mdb == 0)
        note_len(f);
    return error_of(mdb);
}

int hrev_file_write(struct hrev_file *f, const struct hrev_entry *entries, const wall_t *until, unsigned n)
{
    int error;

    while ((error = write_all(f, entries, until, n)) == -EFBIG && f->map_size < MAP_MAX) {
        f->map_size *= 2;
        int mdb = mdb_env_set_mapsize(f->env, f->map_size);
        if (mdb != 0)
            return error_of(mdb);
    }
    return error;
}

/* --- loading --- */

static bool read_name(struct reader *r, struct hrev_entry *e)
{
    size_t from = r->pos, len = dname_read(r, e->name);

    if (r->bad || len <= 1 || r->pos != r->len || r->pos - from != len)
        return false;
    dname_lower(e->name, e->name, len);
    e->name_len = (uint8_t)len;
    return true;
}

/* False: it is not one of our records. */
static bool read_entry(const MDB_val *key, const MDB_val *value, struct hrev_entry *e, wall_t *until)
{
    struct reader r = reader_of(value->mv_data, value->mv_size);

    if (key->mv_size != sizeof(e->addr) || value->mv_size > VALUE_MAX)
        return false;
    memcpy(e->addr.b, key->mv_data, sizeof(e->addr));
    uint8_t version = reader_u8(&r);
    uint64_t high = reader_u32(&r);
    *until = (wall_t)(high << 32 | reader_u32(&r));
    const uint8_t *network = reader_take(&r, sizeof(e->network.b));
    if (r.bad || version != VERSION)
        return false;
    memcpy(e->network.b, network, sizeof(e->network.b));
    return read_name(&r, e);
}

int hrev_file_load(struct hrev_file *f, bool (*take)(void *arg, struct hrev_entry *entry, wall_t until),
                   void *arg)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    int error = begin(f, &txn), mdb;

    if (error < 0)
        return error;
    mdb = mdb_cursor_open(txn, f->dbi, &cursor);
    if (mdb != 0) {
        mdb_txn_abort(txn);
        return error_of(mdb);
    }
    while (mdb == 0 && (mdb = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct hrev_entry entry;
        wall_t until;
        if (!read_entry(&key, &value, &entry, &until))
            mdb = MDB_CORRUPTED;
        else if (!take(arg, &entry, until))
            mdb = mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    if (mdb != MDB_NOTFOUND) { /* not the end */
        mdb_txn_abort(txn);
        return error_of(mdb);
    }
    mdb = mdb_txn_commit(txn);
    if (mdb == 0)
        note_len(f);
    return error_of(mdb);
}
