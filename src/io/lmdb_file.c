/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See lmdb_file.h. A lock is one of flock(2): it belongs to the open file, so it goes with the process however that ends, and
 * it knows nothing of those of fcntl(2), with which LMDB locks its own file and readers hold pages (lmdb_check.h).
 */
#include "io/lmdb_file.h"

#include "io/lmdb_check.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sys/file.h>
#include <sys/stat.h>

int lmdb_file_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);

    return fd < 0 ? -errno : fd;
}

int lmdb_file_lock(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

int lmdb_file_check(int fd, uint64_t *ret_len)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EBADMSG;
    int e = st.st_size == 0 ? 0 : lmdb_check(fd);
    if (e == 0)
        *ret_len = (uint64_t)st.st_size;
    return e;
}

int lmdb_file_error(int mdb)
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
        return -EFBIG;
    default:
        return mdb > 0 ? -mdb : -EIO;
    }
}
