/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See lmdb_file.h. Locks belong to the open file, so they go with the process however that ends. The one of a whole file is of
 * flock(2), which knows nothing of those of fcntl(2), with which LMDB locks its own file. The one of a store that others read is of
 * fcntl(2), since that asks for the right to write; it is of a byte, beside the one by which readers hold pages (lmdb_check.h).
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
#define TRIES      8
#define LOCK_BYTES 8192 /* of LMDB's lock file: a head, and a place for each of its 126 readers */
#define LOCK_MAGIC UINT32_C(0xbeefc0de) /* of LMDB's lock files, in the order of the machine */

int lmdb_file_open(const char *path, bool *ret_made)
{
    return own_file_open(path, 0600, ret_made);
}

/* Who removes a file that he has locked leaves it without a name. */
static int check_name(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    return st.st_nlink == 0 ? -EBUSY : 0;
}

int lmdb_file_lock(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return check_name(fd);
    return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

/* To lock a byte for writing takes a file that was opened for that; so what stands against it is a writer's or a reader's, or was,
 * and is gone when we look. */
int lmdb_file_lock_data(int fd)
{
    struct flock lock;

    for (int tries = 0; tries < TRIES; tries++) {
        lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = WRITER_AT, .l_len = 1};
        if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
            return check_name(fd);
        if ((errno != EAGAIN && errno != EACCES) || fcntl(fd, F_OFD_GETLK, &lock) < 0)
            return -errno;
        if (lock.l_type != F_UNLCK)
            return lock.l_type == F_WRLCK ? -EBUSY : 0;
    }
    return -EBUSY;
}

/* Blocks that were kept for one, and nothing in them yet, are a lock file that was never used. */
int lmdb_file_check_lock(int fd)
{
    uint8_t head[LOCK_BYTES + 1] = {0};
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
    return n <= LOCK_BYTES ? 0 : -EEXIST;
}

int lmdb_file_make_lock(int fd)
{
    const uint32_t magic = LOCK_MAGIC;
    int e = posix_fallocate(fd, 0, LOCK_BYTES);

    if (e != 0)
        return -e;
    ssize_t n = pwrite(fd, &magic, sizeof(magic), 0);
    return n == sizeof(magic) ? 0 : n < 0 ? -errno : -EIO;
}

int lmdb_file_check_same(int fd, int library_fd)
{
    struct stat ours, theirs;

    if (fstat(fd, &ours) < 0 || fstat(library_fd, &theirs) < 0)
        return -errno;
    return ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino ? 0 : -EBUSY;
}

void lmdb_file_undo(int fd, const char *path, bool made)
{
    if (made)
        unlink(path);
    else if (ftruncate(fd, 0) < 0)
        return; /* as damaged as it is then */
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
