/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the DHCP servers keep over restarts: leases and claims on names, in one file (LMDB). Used by one thread.
 *
 *   store_put, store_forget    any number of times; they open a transaction if there is none
 *   store_commit               all of it is on the disk, or nothing is
 */
#ifndef LIBNAMEDHCP_STORE_H
#define LIBNAMEDHCP_STORE_H

#include "libnamedhcp/server.h"

struct store;

enum store_protocol { STORE_DHCP4 = 4, STORE_DHCP6 = 6 };

/* Opens the file, or makes it, for its owner alone. path NULL: in memory, for as long as it is open. 0; -EBUSY: another
 * server has it; -EBADMSG: it is no such file, damaged, or of a newer version; -EACCES, -ENOSPC, -ENOMEM, ... */
MUST_CHECK int store_open(const char *path, struct store **ret);
void store_close(struct store *s); /* what was not committed is lost; takes NULL */

/* In place of what had the key: the address, or the name of a claim and the protocol. 0, or negative errno; then the
 * transaction is over, and nothing of it was kept. */
MUST_CHECK int store_put(struct store *s, enum store_protocol protocol, const struct server_lease *lease);
MUST_CHECK int store_forget(struct store *s, enum store_protocol protocol, const struct server_lease *lease);
bool store_has_changes(const struct store *s); /* store_commit would do something */
MUST_CHECK int store_commit(struct store *s);  /* 0, or negative errno: nothing of the transaction was kept */
void store_abort(struct store *s);             /* forgets what was not committed */

/* Calls back for each record of the protocol; not while there are changes. Records that are damaged are counted in
 * *ret_damaged and left where they are. What the callback returns ends it if it is not 0. */
MUST_CHECK int store_load(struct store *s, enum store_protocol protocol,
                          int (*take)(void *arg, const struct server_lease *lease), void *arg,
                          unsigned *ret_damaged);

#endif
