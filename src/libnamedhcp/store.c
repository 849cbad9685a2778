/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See store.h. LMDB, since a transaction is there as a whole or not at all whenever the process or the machine ends: its pages
 * are written beside the old ones, synced, and then a page that points to them is written and synced. Each commit waits for
 * the disk, so a client is told of nothing that a loss of power could take back; that a commit is for all that came in
 * meanwhile is what makes it fast. What records look like is in io/lease_record.h.
 *
 * One server has a file. It holds LMDB's lock file, which nobody else may open, by flock(2); and, as that has the name by which
 * the file was reached, the file itself by a lock for writing (fcntl(2)), which nobody can hold who may only read.
 *
 * Who may read it may do so at any time, and needs no place in LMDB's lock file for that, which would take the right to
 * write: he holds a lock of his own (lmdb_is_read), and as long as somebody does,
 * two transactions that read stand here for him and keep the pages that he may be at. The older one is for those who began
 * before the younger one was made. They move on after LMDB_HELD_COMMITS, so the file grows by a bounded number of pages.
 *
 * LMDB maps its lock file and writes there, which on a disk that is full would end the process: it has all its blocks before.
 *
 * A claim has one record, whichever protocol it was made by; those of one protocol alone, which were written once, are still
 * read, and go when the claim goes.
 *
 * A store in memory is the same in a file without a name.
 *
 * Times on record are those of the wall clock, for whoever reads them, and for who reads them after a restart. Within this process
 * they are of a clock that nobody sets: the difference is added on the way to the disk and taken away on the way back.
 */
#include "libnamedhcp/store.h"

#include "io/lease_record.h"
#include "io/lmdb_check.h"
#include "io/lmdb_file.h"
#include "io/own_file.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of address space; ten million records of the longest kind fit. More than 2^35 does not fit below valgrind. */
#define MAP_SIZE (sizeof(size_t) > 4 ? (size_t)1 << 35 : (size_t)1 << 29)

static const uint8_t scopes[] = {0, 4, 6}; /* of claims; the first is the one that is written */

struct store {
    int fd;      /* the same file */
    int lock_fd; /* of LMDB's lock file, which is ours; -1: in memory */
    bool in_memory;
    int64_t
        stepped_s; /* what is on record is that much later than what we are told, since the clock was set */
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *txn;          /* NULL: no changes */
    uint64_t len;          /* bytes that the file has at least */
    MDB_txn *pins[2];      /* for readers, the younger one first; NULL: none */
    unsigned since_pinned; /* commits since the younger one was made */
};

static int error_of(int mdb)
{
    return mdb == MDB_MAP_FULL ? -ENOSPC : lmdb_file_error(mdb);
}

/* --- records --- */

_Static_assert((int)SERVER_LEASE_BOUND == (int)LEASE_RECORD_BOUND &&
                   (int)SERVER_LEASE_DECLINED == (int)LEASE_RECORD_DECLINED &&
                   (int)SERVER_LEASE_RELEASED == (int)LEASE_RECORD_RELEASED &&
                   (int)SERVER_LEASE_CLAIM == (int)LEASE_RECORD_CLAIM &&
                   SERVER_IDENTITY_MAX == LEASE_IDENTITY_MAX,
               "a lease is kept as it is");

/* Some leases have no end. */
static int64_t later(int64_t wall_s, int64_t by_s)
{
    return wall_s == INT64_MAX ? wall_s : wall_s + by_s;
}

static void to_record(const struct store *s, const struct server_lease *lease, struct lease_record *ret)
{
    *ret = (struct lease_record){.state = (enum lease_record_state)lease->state,
                                 .addr = lease->addr,
                                 .began = later(lease->began, s->stepped_s),
                                 .ends = later(lease->ends, s->stepped_s),
                                 .identity_len = lease->identity_len};
    memcpy(ret->mac, lease->mac, sizeof(ret->mac));
    memcpy(ret->identity, lease->identity, lease->identity_len);
    memcpy(ret->name, lease->name, dname_len(lease->name));
}

static void of_record(const struct store *s, const struct lease_record *r, struct server_lease *ret)
{
    *ret = (struct server_lease){.state = (enum server_lease_state)r->state,
                                 .addr = r->addr,
                                 .began = later(r->began, -s->stepped_s),
                                 .ends = later(r->ends, -s->stepped_s),
                                 .identity_len = r->identity_len};
    memcpy(ret->mac, r->mac, sizeof(ret->mac));
    memcpy(ret->identity, r->identity, r->identity_len);
    memcpy(ret->name, r->name, dname_len(r->name));
}

/* --- readers --- */

static void unpin(struct store *s)
{
    for (unsigned i = 0; i < ARRAY_LEN(s->pins); i++) {
        if (s->pins[i])
            mdb_txn_abort(s->pins[i]);
        s->pins[i] = NULL;
    }
}

/* Before each transaction: the pages that somebody may be reading stay as they are. That it cannot be done, for want of memory,
 * makes him read again. */
static void pin(struct store *s)
{
    if (s->in_memory)
        return;
    if (!lmdb_is_read(s->fd)) {
        unpin(s);
        return;
    }
    if (s->pins[0] && ++s->since_pinned < LMDB_HELD_COMMITS)
        return;
    if (s->pins[1])
        mdb_txn_abort(s->pins[1]);
    s->pins[1] = s->pins[0];
    s->since_pinned = 0;
    if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->pins[0]) != 0)
        s->pins[0] = NULL;
}

/* --- opening --- */

/* A file on its way to the library. */
struct opening {
    const char *path;
    int fd;
    bool made;    /* it was not there before */
    bool is_ours; /* it is locked */
};

/* Nothing of a start that fails stays. */
static void undo(const struct opening *o)
{
    if (o->is_ours)
        lmdb_file_undo(o->fd, o->path, o->made);
}

static int open_lock(struct opening *o)
{
    o->fd = lmdb_file_open(o->path, &o->made);
    if (o->fd == -ELOOP || o->fd == -EMLINK || o->fd == -ENOTSUP || o->fd == -EISDIR)
        return -EEXIST;
    int e = o->fd < 0 ? o->fd : lmdb_file_lock(o->fd);
    o->is_ours = e == 0 && o->made;
    return e == 0 ? lmdb_file_check_lock(o->fd) : e;
}

static int open_data(struct opening *o, uint64_t *ret_len)
{
    o->fd = lmdb_file_open(o->path, &o->made);
    int e = o->fd < 0 ? o->fd : lmdb_file_lock_data(o->fd);
    if (e == 0)
        e = lmdb_file_check(o->fd, ret_len);
    o->is_ours = e == 0 && *ret_len == 0;
    return e;
}

/* Says what file this is, or reads it. */
static int check_title(struct store *s, MDB_txn *txn)
{
    uint8_t kind, bytes[LEASE_RECORD_DATA_MAX];
    MDB_val key = {.mv_data = &kind}, value = {.mv_data = bytes};
    MDB_stat stat;

    key.mv_size = lease_record_title(&kind, bytes, &value.mv_size);
    size_t len = value.mv_size;
    int mdb = mdb_stat(txn, s->dbi, &stat);
    if (mdb == 0 && stat.ms_entries == 0)
        return mdb_put(txn, s->dbi, &key, &value, 0);
    if (mdb == 0)
        mdb = mdb_get(txn, s->dbi, &key, &value);
    if (mdb != 0)
        return mdb == MDB_NOTFOUND ? MDB_INVALID : mdb;
    return value.mv_size == len && memcmp(value.mv_data, bytes, len) == 0 ? 0 : EPROTONOSUPPORT;
}

/* As errors of LMDB are. */
static int check_same(const struct store *s)
{
    int fd, mdb = mdb_env_get_fd(s->env, &fd);

    return mdb != 0 ? mdb : -lmdb_file_check_same(s->fd, fd);
}

static int open_env(struct store *s, const char *path)
{
    char own[64];
    MDB_txn *txn;
    int mdb = mdb_env_create(&s->env);

    if (mdb != 0)
        return mdb;
    snprintf(own, sizeof(own), "/proc/self/fd/%d", s->fd);
    if ((mdb = mdb_env_set_mapsize(s->env, MAP_SIZE)) != 0)
        return mdb;
    mdb = mdb_env_open(s->env, path ? path : own,
                       MDB_NOSUBDIR | MDB_NOTLS | (path ? 0 : MDB_NOLOCK | MDB_NOSYNC), 0600);
    if (mdb == 0 && path)
        mdb = check_same(s);
    if (mdb != 0)
        return mdb;
    if ((mdb = mdb_txn_begin(s->env, NULL, 0, &txn)) != 0)
        return mdb;
    mdb = mdb_dbi_open(txn, NULL, 0, &s->dbi);
    if (mdb == 0)
        mdb = check_title(s, txn);
    if (mdb == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return mdb;
}

static void close_env(struct store *s)
{
    if (s->env)
        mdb_env_close(s->env);
    s->env = NULL;
}

static void note_len(struct store *s)
{
    struct stat st;

    if (fstat(s->fd, &st) == 0)
        s->len = (uint64_t)st.st_size;
}

/* Nobody has cut the file: a page that is not there any more would end the process. */
static int check_len(const struct store *s)
{
    struct stat st;

    if (fstat(s->fd, &st) < 0)
        return -errno;
    return (uint64_t)st.st_size >= s->len ? 0 : -EBADMSG;
}

/* The lock file gets all its blocks when the store is known to be one. */
static int open_files(struct store *s, struct opening *lock, struct opening *data)
{
    int e = open_lock(lock);

    s->lock_fd = lock->fd;
    if (e == 0) {
        e = open_data(data, &s->len);
        s->fd = data->fd;
    }
    if (e == 0)
        e = lmdb_file_make_lock(s->lock_fd);
    if (e == 0)
        e = error_of(open_env(s, data->path));
    if (e == 0)
        return 0;
    close_env(s);
    undo(data);
    undo(lock);
    return e;
}

static int open_on_disk(struct store *s, const char *path)
{
    struct opening lock = {.fd = -1}, data = {.path = path, .fd = -1};
    char *name;

    if (asprintf(&name, "%s-lock", path) < 0)
        return -ENOMEM;
    lock.path = name;
    own_file_as_owner(path);
    int e = open_files(s, &lock, &data);
    own_file_as_before();
    free(name);
    return e;
}

static int open_in_memory(struct store *s)
{
    s->in_memory = true;
    s->fd = memfd_create("leases", MFD_CLOEXEC);
    return s->fd < 0 ? -errno : error_of(open_env(s, NULL));
}

int store_open(const char *path, struct store **ret)
{
    struct store *s = calloc(1, sizeof(*s));

    if (!s)
        return -ENOMEM;
    s->fd = s->lock_fd = -1;
    int e = path ? open_on_disk(s, path) : open_in_memory(s);
    if (e < 0) {
        store_close(s);
        return e;
    }
    note_len(s);
    *ret = s;
    return 0;
}

int store_share(struct store *s, gid_t group)
{
    if (fchown(s->fd, (uid_t)-1, group) < 0 || fchmod(s->fd, 0640) < 0)
        return -errno;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    store_abort(s);
    unpin(s);
    close_env(s);
    if (s->fd >= 0)
        close(s->fd);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s);
}

/* --- changes --- */

static int begin(struct store *s)
{
    int e = s->txn ? 0 : check_len(s);

    if (e < 0 || s->txn)
        return e;
    pin(s);
    return error_of(mdb_txn_begin(s->env, NULL, 0, &s->txn));
}

void store_abort(struct store *s)
{
    if (s->txn)
        mdb_txn_abort(s->txn);
    s->txn = NULL;
}

bool store_has_changes(const struct store *s)
{
    return s->txn != NULL;
}

int store_put(struct store *s, const struct server_lease *lease)
{
    struct lease_record record;
    uint8_t key_bytes[LEASE_RECORD_KEY_MAX], value_bytes[LEASE_RECORD_DATA_MAX];
    int e = begin(s);

    if (e < 0)
        return e;
    to_record(s, lease, &record);
    MDB_val key = {lease_record_key(&record, scopes[0], key_bytes), key_bytes};
    MDB_val value = {lease_record_data(&record, value_bytes), value_bytes};
    e = error_of(mdb_put(s->txn, s->dbi, &key, &value, 0));
    if (e < 0)
        store_abort(s);
    return e;
}

int store_forget(struct store *s, const struct server_lease *lease)
{
    struct lease_record record;
    uint8_t bytes[LEASE_RECORD_KEY_MAX];
    int e = begin(s);

    to_record(s, lease, &record);
    for (unsigned i = 0; e == 0 && i < (lease->state == SERVER_LEASE_CLAIM ? ARRAY_LEN(scopes) : 1); i++) {
        MDB_val key = {lease_record_key(&record, scopes[i], bytes), bytes};
        int mdb = mdb_del(s->txn, s->dbi, &key, NULL);
        e = mdb == MDB_NOTFOUND ? 0 : error_of(mdb);
    }
    if (e < 0)
        store_abort(s);
    return e;
}

int store_commit(struct store *s)
{
    MDB_txn *txn = s->txn;

    s->txn = NULL;
    int e = txn ? error_of(mdb_txn_commit(txn)) : 0;
    if (e == 0)
        note_len(s);
    return e;
}

/* --- the clock --- */

/* Moves each record of a cursor; a damaged one is left where it is. */
static int move_all(MDB_cursor *cursor, int64_t step_s)
{
    uint8_t bytes[LEASE_RECORD_DATA_MAX];
    struct lease_record record;
    MDB_val key, value;
    int mdb;

    while ((mdb = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (lease_record_is_title(key.mv_data, key.mv_size) ||
            !lease_record_read(key.mv_data, key.mv_size, value.mv_data, value.mv_size, &record))
            continue;
        record.began = later(record.began, step_s);
        record.ends = later(record.ends, step_s);
        MDB_val moved = {lease_record_data(&record, bytes), bytes};
        mdb = mdb_cursor_put(cursor, &key, &moved, MDB_CURRENT);
        if (mdb != 0)
            break;
    }
    return mdb == MDB_NOTFOUND ? 0 : error_of(mdb);
}

int store_step(struct store *s, int64_t step_s)
{
    MDB_cursor *cursor;
    int e = begin(s);

    if (e < 0)
        return e;
    e = error_of(mdb_cursor_open(s->txn, s->dbi, &cursor));
    if (e == 0) {
        e = move_all(cursor, step_s);
        mdb_cursor_close(cursor);
    }
    if (e == 0)
        e = store_commit(s);
    if (e == 0)
        s->stepped_s += step_s;
    store_abort(s);
    return e;
}

int64_t store_stepped(const struct store *s)
{
    return s->stepped_s;
}

/* --- loading --- */

/* A cursor in a transaction of its own, which sees the file as it is now. */
static int begin_read(struct store *s, MDB_cursor **ret)
{
    MDB_txn *txn;
    int e = check_len(s);

    if (e == 0)
        e = error_of(mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn));
    if (e < 0)
        return e;
    e = error_of(mdb_cursor_open(txn, s->dbi, ret));
    if (e < 0)
        mdb_txn_abort(txn);
    return e;
}

static void end_read(MDB_cursor *cursor)
{
    MDB_txn *txn = mdb_cursor_txn(cursor);

    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
}

/* Each record of a cursor until the callback has enough. */
static int load_all(const struct store *s, MDB_cursor *cursor,
                    int (*take)(void *arg, const struct server_lease *lease), void *arg, unsigned *damaged)
{
    struct lease_record record;
    struct server_lease lease;
    MDB_val key, value;
    int e = 0, mdb = 0;

    while (e == 0 && (mdb = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (lease_record_is_title(key.mv_data, key.mv_size))
            continue;
        if (!lease_record_read(key.mv_data, key.mv_size, value.mv_data, value.mv_size, &record)) {
            ++*damaged;
            continue;
        }
        of_record(s, &record, &lease);
        e = take(arg, &lease);
    }
    return e != 0 || mdb == MDB_NOTFOUND ? e : error_of(mdb);
}

int store_load(struct store *s, int (*take)(void *arg, const struct server_lease *lease), void *arg,
               unsigned *ret_damaged)
{
    MDB_cursor *cursor;
    unsigned damaged = 0;
    int e = begin_read(s, &cursor);

    if (e < 0)
        return e;
    e = load_all(s, cursor, take, arg, &damaged);
    end_read(cursor);
    *ret_damaged = damaged;
    return e;
}

/* --- walking --- */

enum { KEY_KIND = 0 }; /* the byte of a key that says what the record is */

struct store_place store_leases_from(const struct ipaddr *first)
{
    struct lease_record r = {.state = LEASE_RECORD_BOUND, .addr = *first};
    struct store_place at = {0};

    at.len = lease_record_key(&r, scopes[0], at.key);
    return at;
}

/* The root comes before all names. */
struct store_place store_claims(void)
{
    struct lease_record r = {.state = LEASE_RECORD_CLAIM};
    struct store_place at = {0};

    at.len = lease_record_key(&r, scopes[0], at.key);
    return at;
}

/* Puts *at behind a key: nothing lies between that and the same with a zero byte. */
static void move_behind(struct store_place *at, const MDB_val *key)
{
    at->len = key->mv_size < sizeof(at->key) ? key->mv_size : sizeof(at->key) - 1;
    memcpy(at->key, key->mv_data, at->len);
    at->key[at->len++] = 0;
}

static int walk(const struct store *s, MDB_cursor *cursor, struct store_place *at, unsigned most,
                int (*take)(void *arg, const struct server_lease *lease), void *arg)
{
    const uint8_t kind = at->key[KEY_KIND];
    struct lease_record record;
    struct server_lease lease;
    MDB_val key = {at->len, at->key}, value;
    int mdb = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);

    for (; mdb == 0 && most > 0; most--, mdb = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        if (key.mv_size == 0 || ((const uint8_t *)key.mv_data)[KEY_KIND] != kind)
            return 0;
        bool sound = lease_record_read(key.mv_data, key.mv_size, value.mv_data, value.mv_size, &record);
        move_behind(at, &key);
        if (!sound)
            continue;
        of_record(s, &record, &lease);
        if (take(arg, &lease) != 0)
            return 0;
    }
    return mdb == 0 ? 1 : mdb == MDB_NOTFOUND ? 0 : error_of(mdb);
}

int store_walk(struct store *s, struct store_place *at, unsigned most,
               int (*take)(void *arg, const struct server_lease *lease), void *arg)
{
    MDB_cursor *cursor;
    int e = begin_read(s, &cursor);

    if (e < 0)
        return e;
    e = walk(s, cursor, at, most, take, arg);
    end_read(cursor);
    return e;
}
