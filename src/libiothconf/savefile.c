/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small files, replaced atomically; see savefile.h.

   A file is written under another name, that of the thread, forced to the disk and renamed to its own, so there is never half
   of one (rename(2)), whoever else writes it at the same time. Nobody but the user may read it: a DUID or a secret identifies
   the node.

   All is done relative to the descriptor of the folder, which is opened for each call: a client saves something every
   few minutes at the most. */
#include "libiothconf/savefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NAME_SIZE = 64 };

static int open_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int savefile_check_folder(const char *folder)
{
    int fd = open_folder(folder), rc;

    if (fd < 0)
        return fd;
    rc = faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

static nsec_t age_of(const struct stat *st)
{
    struct timespec now;
    nsec_t age;

    clock_gettime(CLOCK_REALTIME, &now);
    age = (now.tv_sec - st->st_mtim.tv_sec) * NSEC_PER_SEC + (now.tv_nsec - st->st_mtim.tv_nsec);
    return age > 0 ? age : 0;
}

static ptrdiff_t read_whole(int fd, uint8_t **ret, nsec_t *ret_age)
{
    struct stat st;
    uint8_t *bytes;
    ssize_t len;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size > SAVEFILE_MAX)
        return -EFBIG;
    bytes = malloc((size_t)st.st_size + 1);
    if (bytes == NULL)
        return -ENOMEM;
    len = read(fd, bytes, (size_t)st.st_size);
    if (len < 0) {
        int error = -errno;

        free(bytes);
        return error;
    }
    *ret = bytes;
    *ret_age = age_of(&st);
    return len;
}

ptrdiff_t savefile_read(const char *folder, const char *name, uint8_t **ret, nsec_t *ret_age)
{
    int dir = open_folder(folder), fd;
    ptrdiff_t len;

    if (dir < 0)
        return dir;
    /* O_NONBLOCK: not for ever, if somebody has put a FIFO there */
    fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    len = fd < 0 ? -errno : read_whole(fd, ret, ret_age);
    if (fd >= 0)
        close(fd);
    close(dir);
    return len;
}

static int write_whole(int fd, const void *bytes, size_t len)
{
    ssize_t written = write(fd, bytes, len);

    if (written < 0)
        return -errno;
    if ((size_t)written < len)
        return -ENOSPC;
    return fsync(fd) < 0 ? -errno : 0;
}

/* Where it has one name only, it is put there unless there is something already: -EEXIST. */
static int put_in_place(int dir, const char *fresh, const char *name, bool is_first)
{
    if (is_first && linkat(dir, fresh, dir, name, 0) == 0) {
        (void)unlinkat(dir, fresh, 0);
        return 0;
    }
    if (is_first && errno != EPERM && errno != EOPNOTSUPP) /* a file system without second names */
        return -errno;
    return renameat(dir, fresh, dir, name) < 0 ? -errno : 0;
}

static int put(int dir, const char *name, const void *bytes, size_t len, bool is_first)
{
    char fresh[NAME_SIZE];
    int fd, rc;

    if ((size_t)snprintf(fresh, sizeof(fresh), ".%s.%d.new", name, (int)gettid()) >= sizeof(fresh))
        return -ENAMETOOLONG;
    (void)unlinkat(dir, fresh, 0); /* of somebody who was killed */
    fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return -errno;
    rc = write_whole(fd, bytes, len);
    close(fd);
    if (rc == 0)
        rc = put_in_place(dir, fresh, name, is_first);
    if (rc < 0)
        (void)unlinkat(dir, fresh, 0);
    return rc;
}

/* Closes the folder. */
static int finish(int dir, int rc)
{
    if (rc == 0 && fsync(dir) < 0)
        rc = -errno;
    close(dir);
    return rc;
}

int savefile_write(const char *folder, const char *name, const void *bytes, size_t len)
{
    int dir = open_folder(folder), rc;

    if (dir < 0)
        return dir;
    if (len > 0)
        rc = put(dir, name, bytes, len, false);
    else
        rc = unlinkat(dir, name, 0) < 0 && errno != ENOENT ? -errno : 0;
    return finish(dir, rc);
}

int savefile_create(const char *folder, const char *name, const void *bytes, size_t len)
{
    int dir = open_folder(folder);

    return dir < 0 ? dir : finish(dir, put(dir, name, bytes, len, true));
}
