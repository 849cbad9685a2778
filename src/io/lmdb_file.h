/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What those who keep an LMDB store do before the library sees its file, and what its errors mean. */
#ifndef IO_LMDB_FILE_H
#define IO_LMDB_FILE_H

#include "base/base.h"

#include <stdbool.h>

/* Opens the file of a store, or the one that is locked for it; made for its owner alone where it is not there (*ret_made). A
 * descriptor, or an error of own_file_open. */
MUST_CHECK int lmdb_file_open(const char *path, bool *ret_made);
/* One process has it, until fd is closed. Whoever may open a file may lock it: a store that others read is locked by another file,
 * which they cannot open. 0; -EBUSY: another one has it, or had it and removed it; -errno. */
MUST_CHECK int lmdb_file_lock(int fd);
/* The same for a store that others read, whichever of its names it was opened by: kept from all who may write to it. Who may only
 * read it can make this lock void, but not keep anybody out. 0; -EBUSY: another one has it, or had it and removed it; -errno. */
MUST_CHECK int lmdb_file_lock_data(int fd);
/* May the library have this for the lock file of a store, which it writes over? Empty, zeros, or one of the library's. 0;
 * -EEXIST: it is something else; -errno. */
MUST_CHECK int lmdb_file_check_lock(int fd);
/* Gives it all its blocks, and the mark by which it is known from now on, which the library writes last. 0 or -errno. */
MUST_CHECK int lmdb_file_make_lock(int fd);
/* The library has opened this file, and not another one that has its name now. 0, -EBUSY, -errno. */
MUST_CHECK int lmdb_file_check_same(int fd, int library_fd);
/* After a locked file was given to the library in vain: one that was empty is empty again, and one that was made is gone. */
void lmdb_file_undo(int fd, const char *path, bool made);
/* The file of a store, or an empty one: *ret_len bytes. 0; -EBADMSG: it is none, or damaged; else as lmdb_check. */
MUST_CHECK int lmdb_file_check(int fd, uint64_t *ret_len);

/* Errors of the library are errno values, or negative numbers of its own. 0; -EBADMSG: the file is damaged, or none; -EFBIG: it
 * fills its map; -errno; -EIO: another one of its own. */
int lmdb_file_error(int mdb);

#endif
