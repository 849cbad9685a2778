/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See lmdb_file.h. A lock is one of flock(2): it belongs to the open file, so it goes with the process however that ends, and
 * it knows nothing of those of fcntl(2), with which LMDB locks its own file and readers hold pages (lmdb_check.h).
 */
#include "io/lmdb_file.h"

#include "io/lmdb_check.h"
#include "io/own_file.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITER_AT                                                                                            \
    ((INT64_C(1) << 62) + 1) /* beside the byte of readers (lmdb_check.c): no store is that large */
#define LOCK_MAGIC UINT32_C(0xbeefc0de) /* of LMDB's lock files, in the order of the machine */

int lmdb_file_open(const char *path, bool *ret_made)
{
    return own_file_open(path, 0600, ret_made);
}

/* Who removes a file that he has locked leaves it without a name. */
int lmdb_file_lock(int fd)
{
    struct stat st;

    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    return st.st_nlink == 0 ? -EBUSY : 0;
}

/* To lock a byte for writing takes a file that was opened for that; so what stands against it is a writer's or a reader's. */
int lmdb_file_lock_data(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = WRITER_AT, .l_len = 1};

    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    if (errno != EAGAIN && errno != EACCES)
        return -errno;
    if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
        return -errno;
    return lock.l_type == F_WRLCK ? -EBUSY : 0;
}

/* Blocks that were kept for one, and nothing in them yet, are a lock file that was never used. */
int lmdb_file_check_lock(int fd)
{
    uint8_t head[LMDB_LOCK_BYTES] = {0};
    uint32_t magic;
    ssize_t n = pread(fd, head, sizeof(head), 0);

    if (n < 0)
        return -errno;
    memcpy(&magic, head, sizeof(magic));
    if (n == 0 || (n >= (ssize_t)sizeof(magic) && magic == LOCK_MAGIC))
        return 0;
    for (ssize_t i = 0; i < n; i++) {
        if (head[i] != 0)
            return -EEXIST;
    }
    return n == (ssize_t)sizeof(head) ? 0 : -EEXIST;
}

void lmdb_file_undo(int fd, const char *path, bool made)
{
    if (ftruncate(fd, 0) == 0 && made)
        unlink(path);
}

int lmdb_file_check(int fd, uint64_t *ret_len)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
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
