/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lease files as namedhcp writes them, by LMDB's own means. */
#ifndef LEASE_WORLD_H
#define LEASE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/lease_record.h"
#include <lmdb.h>
#include <stdio.h>
#include <string.h>

struct lease_file_writer {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
};

static inline void writer_put_raw(struct lease_file_writer *w, const void *key, size_t key_len,
                                  const void *data, size_t len)
{
    MDB_val k = {key_len, (void *)(uintptr_t)key}, v = {len, (void *)(uintptr_t)data};

    assert_int_equal(mdb_put(w->txn, w->dbi, &k, &v, 0), 0);
}

static inline void writer_begin(struct lease_file_writer *w)
{
    assert_int_equal(mdb_txn_begin(w->env, NULL, 0, &w->txn), 0);
    assert_int_equal(mdb_dbi_open(w->txn, NULL, 0, &w->dbi), 0);
}

static inline void writer_commit(struct lease_file_writer *w)
{
    assert_int_equal(mdb_txn_commit(w->txn), 0);
}

static inline void lease_writer_open(struct lease_file_writer *w, const char *path)
{
    uint8_t kind, data[LEASE_RECORD_DATA_MAX];
    size_t len;

    assert_int_equal(mdb_env_create(&w->env), 0);
    assert_int_equal(mdb_env_set_mapsize(w->env, 64 << 20), 0);
    assert_int_equal(mdb_env_open(w->env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600), 0);
    writer_begin(w);
    lease_record_title(&kind, data, &len);
    writer_put_raw(w, &kind, 1, data, len);
    writer_commit(w);
}

static inline void lease_writer_close(struct lease_file_writer *w)
{
    mdb_env_close(w->env);
}

static inline struct lease_record a_record(const char *name, const char *addr, int64_t ends)
{
    struct lease_record r = {.ends = ends, .identity_len = 1, .identity = "x"};

    assert_true(dname_from_text(name, strlen(name), r.name) > 0);
    assert_int_equal(ipaddr_parse(addr, strlen(addr), &r.addr), 0);
    return r;
}

static inline void writer_put_record(struct lease_file_writer *w, const struct lease_record *r)
{
    uint8_t key[LEASE_RECORD_KEY_MAX], data[LEASE_RECORD_DATA_MAX];
    size_t key_len = lease_record_key(r, 0, key);

    writer_put_raw(w, key, key_len, data, lease_record_data(r, data));
}

/* One transaction with that lease. */
static inline void write_lease(struct lease_file_writer *w, const char *name, const char *addr, int64_t ends)
{
    struct lease_record r = a_record(name, addr, ends);

    writer_begin(w);
    writer_put_record(w, &r);
    writer_commit(w);
}

#endif
