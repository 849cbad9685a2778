/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LMDB stores without the library that makes them: is a file sound enough to be given to it, and what is in a file that
 * somebody else is writing at the same time. Nothing is mapped, so no file, whoever writes it, ends the process.
 */
#ifndef IO_LMDB_CHECK_H
#define IO_LMDB_CHECK_H

#include "base/base.h"

#include <stdbool.h>

/* The file behind fd is an LMDB store that the library can read and write without being led astray: each page
 * is where it should be, is there once, and its insides lie in it. Nobody writes to it meanwhile. 0; -EBADMSG; -ENOMEM;
 * -errno of read. */
MUST_CHECK int lmdb_check(int fd);

/* The number of the newest transaction: it tells whether anything has changed. Costs four short reads. Errors as above, and
 * -EAGAIN: it is being written, ask again. */
MUST_CHECK int lmdb_newest(int fd, uint64_t *ret);

/* A record, whose bytes are there for the length of the call. False: that is enough. */
typedef bool lmdb_take(void *arg, const uint8_t *key, size_t key_len, const uint8_t *value, size_t value_len);

/* Calls take() for each record of the newest transaction, in the order of their keys, while others may write; every number is
 * checked as by lmdb_check. A record that is larger than half a page is passed over. Writers that look at lmdb_is_read leave
 * alone what is read. 0 and the number of the transaction; -EAGAIN: it was overwritten meanwhile, what was taken may be
 * anything, read it again; else as lmdb_check. */
MUST_CHECK int lmdb_read(int fd, lmdb_take *take, void *arg, uint64_t *ret_transaction);

/* Commits for which a writer leaves the pages of a transaction alone, as long as there are readers: 50,000 a second while a
 * hundred thousand records are read. For ever would let a reader that never ends fill the disk. */
#define LMDB_HELD_COMMITS 512

/* For who writes the file behind fd: somebody is reading it by lmdb_read. */
bool lmdb_is_read(int fd);

#endif
