/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that the configuration names. A FIFO, a device or a socket may wait for ever or never end, so only regular files
 * are read, and they are opened without waiting. The mark is taken from the open descriptor: what is read is what was
 * marked, or newer, and a newer one has another mark at the next look.
 */
#include "libiothnamed/data_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct file_mark mark_of(const struct stat *st)
{
    return (struct file_mark){.device = st->st_dev,
                              .inode = st->st_ino,
                              .size = (uint64_t)st->st_size,
                              .modified = st->st_mtim,
                              .changed = st->st_ctim};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool file_mark_equal(const struct file_mark *a, const struct file_mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

int file_mark_get(const char *path, struct file_mark *ret)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return -errno;
    *ret = mark_of(&st);
    return 0;
}

int data_file_open(const char *path, uint64_t most, struct file_mark *ret)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return -errno;
    int e = fstat(fd, &st) < 0            ? -errno
            : S_ISDIR(st.st_mode)         ? -EISDIR
            : !S_ISREG(st.st_mode)        ? -ENXIO
            : (uint64_t)st.st_size > most ? -EFBIG
                                          : 0;
    if (e < 0) {
        close(fd);
        return e;
    }
    *ret = mark_of(&st);
    return fd;
}

const char *data_file_fault(int error)
{
    return error == -ENXIO   ? "it is no regular file"
           : error == -EFBIG ? "it is too large"
                             : strerrordesc_np(-error);
}
