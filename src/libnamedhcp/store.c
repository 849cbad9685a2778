/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See store.h. LMDB, since a transaction is there as a whole or not at all whenever the process or the machine ends: its pages
 * are written beside the old ones, synced, and then a page that points to them is written and synced. Each commit waits for
 * the disk, so a client is told of nothing that a loss of power could take back; that a commit is for all that came in
 * meanwhile is what makes it fast.
 *
 *   key     'V'                         what file this is: "namedhcp" and the version
 *           'A' and an address          16 bytes, IPv4 as ::ffff:a.b.c.d: a lease
 *           'N', protocol, name         in wire form: a claim; protocol is 4 or 6
 *   value   version 1 (u8), state (u8), began, ends (i64, wall-clock seconds), MAC address (6 bytes), identity (u8 and so many
 *           bytes), name in wire form; numbers big-endian
 *
 * One server has a file: it is locked by flock(2). Others may read it, by LMDB's own means (its lock file lies beside).
 *
 * A store in memory is the same in a file without a name.
 */
#include "libnamedhcp/store.h"

#include "base/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    VERSION = 1,
    KEY_MAX = 2 + DNAME_MAX,
    VALUE_MAX = 1 + 1 + 8 + 8 + 6 + 1 + SERVER_IDENTITY_MAX + DNAME_MAX,
    KIND_VERSION = 'V',
    KIND_LEASE = 'A',
    KIND_CLAIM = 'N',
};

/* Of address space; ten million records of the longest kind fit. */
#define MAP_SIZE (sizeof(size_t) > 4 ? (size_t)1 << 36 : (size_t)1 << 29)

static const char magic[] = "namedhcp";

struct store {
    int lock_fd;
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *txn; /* NULL: no changes */
};

static int error_of(int mdb)
{
    switch (mdb) {
    case MDB_SUCCESS:
        return 0;
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return -EBADMSG;
    case MDB_MAP_FULL:
        return -ENOSPC;
    default:
        return mdb > 0 ? -mdb : -EIO;
    }
}

/* --- records --- */

static size_t write_key(enum store_protocol protocol, const struct server_lease *lease,
                        uint8_t key[static KEY_MAX])
{
    struct writer w = writer_of(key, KEY_MAX);

    if (lease->state == SERVER_LEASE_CLAIM) {
        writer_u8(&w, KIND_CLAIM);
        writer_u8(&w, (uint8_t)protocol);
        writer_put(&w, lease->name, dname_len(lease->name));
    } else {
        writer_u8(&w, KIND_LEASE);
        writer_put(&w, lease->addr.b, sizeof(lease->addr.b));
    }
    return w.pos;
}

static void write_i64(struct writer *w, int64_t n)
{
    writer_u32(w, (uint32_t)((uint64_t)n >> 32));
    writer_u32(w, (uint32_t)n);
}

static int64_t read_i64(struct reader *r)
{
    uint64_t high = reader_u32(r);

    return (int64_t)(high << 32 | reader_u32(r));
}

static size_t write_value(const struct server_lease *lease, uint8_t value[static VALUE_MAX])
{
    struct writer w = writer_of(value, VALUE_MAX);

    writer_u8(&w, VERSION);
    writer_u8(&w, (uint8_t)lease->state);
    write_i64(&w, lease->began);
    write_i64(&w, lease->ends);
    writer_put(&w, lease->mac, sizeof(lease->mac));
    writer_u8(&w, lease->identity_len);
    writer_put(&w, lease->identity, lease->identity_len);
    writer_put(&w, lease->name, dname_len(lease->name));
    return w.pos;
}

static bool read_name(struct reader *r, uint8_t ret[static DNAME_MAX])
{
    struct reader rest = reader_of(r->base + r->pos, reader_left(r)); /* so that no pointer leads anywhere */
    size_t len = dname_read(&rest, ret);

    return !rest.bad && len > 0 && rest.pos == rest.len;
}

/* False: it is none of ours. */
static bool read_record(const MDB_val *key, const MDB_val *value, struct server_lease *ret)
{
    struct reader r = reader_of(value->mv_data, value->mv_size);
    uint8_t own_key[KEY_MAX];
    const uint8_t *bytes;

    *ret = (struct server_lease){0};
    uint8_t version = reader_u8(&r), state = reader_u8(&r);
    ret->began = read_i64(&r);
    ret->ends = read_i64(&r);
    if ((bytes = reader_take(&r, sizeof(ret->mac))))
        memcpy(ret->mac, bytes, sizeof(ret->mac));
    ret->identity_len = reader_u8(&r);
    if ((bytes = reader_take(&r, ret->identity_len)))
        memcpy(ret->identity, bytes, ret->identity_len);
    if (r.bad || version != VERSION || state > SERVER_LEASE_CLAIM || !read_name(&r, ret->name))
        return false;
    ret->state = (enum server_lease_state)state;
    const uint8_t *k = key->mv_data;
    if (k[0] == KIND_LEASE && key->mv_size == 1 + sizeof(ret->addr.b))
        memcpy(ret->addr.b, k + 1, sizeof(ret->addr.b));
    size_t len = write_key(key->mv_size > 1 && k[1] == STORE_DHCP6 ? STORE_DHCP6 : STORE_DHCP4, ret, own_key);
    return len == key->mv_size && memcmp(own_key, k, len) == 0;
}

/* --- opening --- */

static int lock_file(struct store *s, const char *path)
{
    struct stat st;

    s->lock_fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600)
                      : memfd_create("leases", MFD_CLOEXEC);
    if (s->lock_fd < 0)
        return -errno;
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    if (fstat(s->lock_fd, &st) < 0)
        return -errno;
    return S_ISREG(st.st_mode) ? 0 : -EBADMSG;
}

/* Says what file this is, or reads it. */
static int check_magic(struct store *s, MDB_txn *txn)
{
    uint8_t kind = KIND_VERSION, bytes[sizeof(magic)];
    MDB_val key = {1, &kind}, value = {sizeof(bytes), bytes};
    MDB_stat stat;

    memcpy(bytes, magic, sizeof(magic) - 1);
    bytes[sizeof(magic) - 1] = VERSION;
    int mdb = mdb_stat(txn, s->dbi, &stat);
    if (mdb == 0 && stat.ms_entries == 0)
        return mdb_put(txn, s->dbi, &key, &value, 0);
    if (mdb == 0)
        mdb = mdb_get(txn, s->dbi, &key, &value);
    if (mdb != 0)
        return mdb == MDB_NOTFOUND ? MDB_INVALID : mdb;
    return value.mv_size == sizeof(bytes) && memcmp(value.mv_data, bytes, sizeof(bytes)) == 0 ? 0
                                                                                              : MDB_INVALID;
}

static int open_env(struct store *s, const char *path)
{
    char own[64];
    MDB_txn *txn;
    int mdb = mdb_env_create(&s->env);

    if (mdb != 0)
        return mdb;
    snprintf(own, sizeof(own), "/proc/self/fd/%d", s->lock_fd);
    if ((mdb = mdb_env_set_mapsize(s->env, MAP_SIZE)) != 0)
        return mdb;
    mdb = mdb_env_open(s->env, path ? path : own, MDB_NOSUBDIR | (path ? 0 : MDB_NOLOCK | MDB_NOSYNC), 0600);
    if (mdb != 0)
        return mdb;
    if ((mdb = mdb_txn_begin(s->env, NULL, 0, &txn)) != 0)
        return mdb;
    mdb = mdb_dbi_open(txn, NULL, 0, &s->dbi);
    if (mdb == 0)
        mdb = check_magic(s, txn);
    if (mdb == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return mdb;
}

int store_open(const char *path, struct store **ret)
{
    struct store *s = calloc(1, sizeof(*s));

    if (!s)
        return -ENOMEM;
    s->lock_fd = -1;
    int e = lock_file(s, path);
    if (e == 0)
        e = error_of(open_env(s, path));
    if (e < 0) {
        store_close(s);
        return e;
    }
    *ret = s;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    store_abort(s);
    if (s->env)
        mdb_env_close(s->env);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s);
}

/* --- changes --- */

static int begin(struct store *s)
{
    return s->txn ? 0 : mdb_txn_begin(s->env, NULL, 0, &s->txn);
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

int store_put(struct store *s, enum store_protocol protocol, const struct server_lease *lease)
{
    uint8_t key_bytes[KEY_MAX], value_bytes[VALUE_MAX];
    MDB_val key = {write_key(protocol, lease, key_bytes), key_bytes};
    MDB_val value = {write_value(lease, value_bytes), value_bytes};
    int mdb = begin(s);

    if (mdb == 0)
        mdb = mdb_put(s->txn, s->dbi, &key, &value, 0);
    if (mdb != 0)
        store_abort(s);
    return error_of(mdb);
}

int store_forget(struct store *s, enum store_protocol protocol, const struct server_lease *lease)
{
    uint8_t key_bytes[KEY_MAX];
    MDB_val key = {write_key(protocol, lease, key_bytes), key_bytes};
    int mdb = begin(s);

    if (mdb == 0)
        mdb = mdb_del(s->txn, s->dbi, &key, NULL);
    if (mdb == MDB_NOTFOUND)
        mdb = 0;
    if (mdb != 0)
        store_abort(s);
    return error_of(mdb);
}

int store_commit(struct store *s)
{
    MDB_txn *txn = s->txn;

    s->txn = NULL;
    return txn ? error_of(mdb_txn_commit(txn)) : 0;
}

/* --- loading --- */

static bool is_of(enum store_protocol protocol, const MDB_val *key)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const uint8_t *k = key->mv_data;

    if (key->mv_size > 2 && k[0] == KIND_CLAIM)
        return k[1] == (uint8_t)protocol;
    if (key->mv_size != 17 || k[0] != KIND_LEASE)
        return false;
    return (memcmp(k + 1, mapped, sizeof(mapped)) == 0) == (protocol == STORE_DHCP4);
}

int store_load(struct store *s, enum store_protocol protocol,
               int (*take)(void *arg, const struct server_lease *lease), void *arg, unsigned *ret_damaged)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val key, value;
    struct server_lease lease;
    unsigned damaged = 0;
    int e = 0, mdb = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);

    if (mdb != 0)
        return error_of(mdb);
    mdb = mdb_cursor_open(txn, s->dbi, &cursor);
    if (mdb != 0) {
        mdb_txn_abort(txn);
        return error_of(mdb);
    }
    while (e == 0 && (mdb = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (!is_of(protocol, &key))
            continue;
        if (read_record(&key, &value, &lease))
            e = take(arg, &lease);
        else
            damaged++;
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    *ret_damaged = damaged;
    return e != 0 ? e : mdb == MDB_NOTFOUND ? 0 : error_of(mdb);
}
