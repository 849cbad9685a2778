/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See own_file.h. The identity for files alone (setfsuid(2)) belongs to one thread, and with it root's right to pass over
 * permissions comes and goes. That closes what no look at a file can: that it is replaced between the look and the use. What
 * is looked for besides helps in a folder of root's in which others may write.
 */
#include "io/own_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 8
#define FLAGS (O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW)

/* Of the folder in which path lies, to be freed; NULL: out of memory. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
}

int own_file_check_folder(const char *path, int mode)
{
    char *folder = folder_of(path);
    int e = folder && access(folder, mode) == 0 ? 0 : -errno;

    free(folder);
    return e;
}

/* The first folder on the way that is not root's: its owner decides where the rest of the way leads. False: all are root's. */
static bool find_owner(const char *folder, struct stat *ret)
{
    char way[PATH_MAX];

    for (size_t len = 1; folder[len - 1]; len++) {
        if (folder[len] != '/' && folder[len] != '\0')
            continue;
        if ((size_t)snprintf(way, sizeof(way), "%.*s", (int)len, folder) >= sizeof(way))
            return false;
        if (stat(way, ret) == 0 && ret->st_uid != 0)
            return true;
    }
    return false;
}

void own_file_as_owner(const char *path)
{
    struct stat st;
    char *folder = geteuid() == 0 ? folder_of(path) : NULL;
    char *without_links = folder ? realpath(folder, NULL) : NULL;

    if ((folder && find_owner(folder, &st)) || (without_links && find_owner(without_links, &st))) {
        setfsgid(st.st_gid); /* first: afterwards it may not */
        setfsuid(st.st_uid);
    }
    free(folder);
    free(without_links);
}

void own_file_as_before(void)
{
    if (geteuid() != 0)
        return;
    setfsuid(geteuid());
    setfsgid(getegid());
}

/* Who is not root cannot be led to what is not his, by whatever name. */
static int check(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return S_ISDIR(st.st_mode) ? -EISDIR : -ENOTSUP;
    return st.st_nlink > 1 && geteuid() == 0 ? -EMLINK : 0;
}

static int if_ours(int fd)
{
    int e = fd < 0 ? fd : check(fd);

    if (fd >= 0 && e < 0)
        close(fd);
    return e < 0 ? e : fd;
}

/* Somebody may remove it between the two. */
static int open_or_make(const char *path, mode_t mode, bool *ret_made)
{
    const int flags = O_RDWR | FLAGS;
    int fd;

    for (int tries = 0; tries < TRIES; tries++) {
        fd = open(path, flags | O_CREAT | O_EXCL, mode);
        *ret_made = fd >= 0;
        if (fd >= 0 || errno != EEXIST)
            break;
        fd = open(path, flags);
        if (fd >= 0 || errno != ENOENT)
            break;
    }
    return fd < 0 ? -errno : fd;
}

int own_file_open(const char *path, mode_t mode, bool *ret_made)
{
    bool made;

    return if_ours(open_or_make(path, mode, ret_made ? ret_made : &made));
}

int own_file_look(const char *path)
{
    int fd = open(path, O_RDONLY | FLAGS);

    return if_ours(fd < 0 ? -errno : fd);
}

const char *own_file_reason(int e)
{
    switch (e) {
    case -ELOOP:
        return "it is a symbolic link, and only the file itself is taken";
    case -EMLINK:
        return "it has another name too (a hard link), by which others could use it";
    case -ENOTSUP:
        return "it is no file";
    case -ENOENT:
        return "its folder is not there";
    default:
        return strerrordesc_np(-e);
    }
}
