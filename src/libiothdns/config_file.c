/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file of a configuration. Its stamp is taken before it is read, so a file that changes meanwhile is read once more.
 * What belongs to the process (environment, name of the host) goes with the system's own file alone: a program that names
 * another one, for a stack of its own, wants what that says.
 */
#include "libiothdns/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Seconds since the last change after which a stamp tells the next one; file systems of 1 s (and FAT, 2 s) exist. */
#define QUIET_S 2

#define READ_FIRST 4096 /* bytes: most such files are smaller */

/* A time in the future, of a clock that was wrong, is no moment ago: the next change has another one. */
static bool is_quiet(const struct timespec *mtime)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec - mtime->tv_sec > QUIET_S || mtime->tv_sec - now.tv_sec > QUIET_S;
}

static void stamp_of(const struct stat *st, struct file_stamp *ret)
{
    *ret = (struct file_stamp){.exists = true,
                               .quiet = is_quiet(&st->st_mtim),
                               .dev = st->st_dev,
                               .ino = st->st_ino,
                               .size = st->st_size,
                               .mtime = st->st_mtim,
                               .ctime = st->st_ctim};
}

void file_stamp_take(const char *path, struct file_stamp *ret)
{
    struct stat st;

    if (stat(path, &st) == 0)
        stamp_of(&st, ret);
    else
        *ret = (struct file_stamp){.quiet = true};
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool file_stamp_same(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->exists == b->exists && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           same_time(&a->mtime, &b->mtime) && same_time(&a->ctime, &b->ctime);
}

int file_read_all(int fd, size_t max, char **ret, size_t *ret_len)
{
    size_t size = READ_FIRST, len = 0;
    char *text = malloc(size);

    while (text) {
        ssize_t n = read(fd, text + len, size - len);
        int error = n < 0 && errno != EINTR ? -errno : 0;
        len += n > 0 ? (size_t)n : 0;
        if (len > max)
            error = -EFBIG;
        if (error < 0) {
            free(text);
            return error;
        }
        if (n == 0) {
            *ret = text;
            *ret_len = len;
            return 0;
        }
        if (len < size)
            continue;
        size *= 2;
        char *larger = realloc(text, size);
        if (!larger)
            free(text);
        text = larger;
    }
    return -ENOMEM;
}

static int parse(const char *text, size_t len, bool standard, struct resolvconf *ret)
{
    char host[HOST_NAME_MAX + 1] = "";

    if (!standard)
        return resolvconf_parse(text, len, NULL, ret);
    struct resolvconf_env env = {.localdomain = secure_getenv("LOCALDOMAIN"),
                                 .res_options = secure_getenv("RES_OPTIONS"),
                                 .hostname = gethostname(host, sizeof(host) - 1) == 0 ? host : NULL};
    return resolvconf_parse(text, len, &env, ret);
}

static int read_and_parse(int fd, bool standard, struct resolvconf *ret, struct file_stamp *ret_stamp)
{
    struct stat st;
    char *text = NULL;
    size_t len;
    int error = fstat(fd, &st) < 0 ? -errno : 0;

    if (error == 0)
        error = file_read_all(fd, RESOLVCONF_FILE_MAX, &text, &len);
    if (error == 0)
        error = parse(text, len, standard, ret);
    if (error == 0)
        stamp_of(&st, ret_stamp);
    free(text);
    return error;
}

int config_file_read(const char *path, bool standard, struct resolvconf *ret, struct file_stamp *ret_stamp)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT && standard) {
        *ret_stamp = (struct file_stamp){.quiet = true};
        return parse("", 0, true, ret);
    }
    if (fd < 0)
        return -errno;
    int error = read_and_parse(fd, standard, ret, ret_stamp);
    close(fd);
    return error;
}
