/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the DHCP servers keep over restarts: leases and claims on names, in one file (LMDB). Used by one thread.
 *
 *   store_put, store_forget    any number of times; they open a transaction if there is none
 *   store_commit               all of it is on the disk, or nothing is
 *
 * Others may read the file at any time: io/lmdb_check.h, io/lease_record.h.
 */
#ifndef LIBNAMEDHCP_STORE_H
#define LIBNAMEDHCP_STORE_H

#include "libnamedhcp/server.h"

#include <sys/types.h>

struct store;

/* Opens the file, or makes it, for its owner alone. path NULL: in memory, for as long as it is open. What is there is walked
 * first (io/lmdb_check.h), so that a damaged file is an error and nothing worse. 0; -EBUSY: another server has it; -EBADMSG:
 * it is no such file, or damaged; -EPROTONOSUPPORT: of another version; -EEXIST: what has the name of its lock file is another
 * file; errors of own_file_open (io/own_file.h); -ENOSPC, -ENOMEM, ... Where it fails, what was there is as it was, and nothing
 * new stays. */
MUST_CHECK int store_open(const char *path, struct store **ret);
/* From now on a group may read the file, as iothnamed does for its rules `lease`. 0, or -errno: -EPERM, who is not root has to be
 * in the group. */
MUST_CHECK int store_share(struct store *s, gid_t group);
void store_close(struct store *s); /* what was not committed is lost; takes NULL */

/* In place of what had the key: the address, or the name of a claim. 0, or negative errno (-EBADMSG: the file was cut behind
 * our back); then the transaction is over, and nothing of it was kept. */
MUST_CHECK int store_put(struct store *s, const struct server_lease *lease);
MUST_CHECK int store_forget(struct store *s, const struct server_lease *lease);
bool store_has_changes(const struct store *s); /* store_commit would do something */
MUST_CHECK int store_commit(struct store *s);  /* 0, or negative errno: nothing of the transaction was kept */
void store_abort(struct store *s);             /* forgets what was not committed */

/* The wall clock was set by that many seconds: all that is on record moves with it, as one transaction. Who uses the store goes on
 * counting as before the clock was set, and is told so; store_stepped is what he adds for times that people see. Not while there
 * are changes. 0, or negative errno: nothing has moved. */
MUST_CHECK int store_step(struct store *s, int64_t step_s);
int64_t store_stepped(const struct store *s);

/* Calls back for each record, leases of both protocols and claims; not while there are changes. Records that are damaged are
 * counted in *ret_damaged and left where they are. What the callback returns ends it if it is not 0. */
MUST_CHECK int store_load(struct store *s, int (*take)(void *arg, const struct server_lease *lease),
                          void *arg, unsigned *ret_damaged);

/* Where a walk is: at the beginning of the leases, or of the claims, and then behind the record that was looked at last; addresses
 * come in their order, those of IPv4 as ::ffff:a.b.c.d. */
struct store_place {
    size_t len;
    uint8_t key[2 + DNAME_MAX + 1];
};

struct store_place store_leases_from(const struct ipaddr *first);
struct store_place store_claims(void);
/* Calls back for the next records of that kind, at most `most`; damaged ones are left out. Not while there are changes. 1: there
 * may be more; 0: that was all; or negative errno. What the callback returns ends it if it is not 0, as if that was all. */
MUST_CHECK int store_walk(struct store *s, struct store_place *at, unsigned most,
                          int (*take)(void *arg, const struct server_lease *lease), void *arg);

#endif
