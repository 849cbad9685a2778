/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What those who keep an LMDB store do before the library sees its file, and what its errors mean. */
#ifndef IO_LMDB_FILE_H
#define IO_LMDB_FILE_H

#include "base/base.h"

/* Opens the file of a store, or the one that is locked for it; made for its owner alone where it is not there. A descriptor, or
 * -errno. */
MUST_CHECK int lmdb_file_open(const char *path);
/* One process has it, until fd is closed. Whoever may open a file may lock it: a store that others read is locked by another file,
 * which they cannot open. 0, -EBUSY: another one has it, or -errno. */
MUST_CHECK int lmdb_file_lock(int fd);
/* The file of a store, or an empty one: *ret_len bytes. 0; -EBADMSG: it is none, or damaged; else as lmdb_check. */
MUST_CHECK int lmdb_file_check(int fd, uint64_t *ret_len);

/* Errors of the library are errno values, or negative numbers of its own. 0; -EBADMSG: the file is damaged, or none; -EFBIG: it
 * fills its map; -errno; -EIO: another one of its own. */
int lmdb_file_error(int mdb);

#endif
