/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which files say what names have computed addresses, and whether they may be believed.
 *
 * A file decides where a program connects to, so it counts only if it belongs to root or to the user as whom the program
 * acts, and nobody else can write it: that is asked of the descriptor, of the file that is read then. A FIFO or a device that
 * somebody left in the place of a file cannot hold a program up: the file is opened without waiting and must be a regular one.
 *
 * The environment is believed only where it is the user's own: a program that was started setuid, setgid or with file
 * capabilities has AT_SECURE set, and then there is neither a user's file nor a look into the environment. Who became another
 * user by himself, as sudo does, keeps his environment; the owner of the file is compared then with whom he is now.
 */
#include "libnss_otip/otip_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_file(struct otip_names_files *files, const char *directory, const char *rest)
{
    char *path = files->path[files->count];
    int len = snprintf(path, OTIP_NAMES_PATH_MAX, "%s%s", directory, rest);

    if (len > 0 && len < OTIP_NAMES_PATH_MAX)
        files->count++;
}

void otip_names_files_usual(struct otip_names_files *ret)
{
    ret->count = 0;
    if (getauxval(AT_SECURE) == 0) {
        const char *config = secure_getenv("XDG_CONFIG_HOME");
        const char *home = secure_getenv("HOME");

        /* A relative path would mean another file in each folder (XDG Base Directory Specification: to be ignored). */
        if (config && config[0] == '/')
            add_file(ret, config, "/otip.conf");
        else if (home && home[0] == '/')
            add_file(ret, home, "/.config/otip.conf");
    }
    add_file(ret, OTIP_NAMES_SYSTEM_FILE, "");
}

static int say(char why[static OTIP_WHY_MAX], int err, const char *text)
{
    snprintf(why, OTIP_WHY_MAX, "%s", text);
    return err;
}

static int say_errno(char why[static OTIP_WHY_MAX], int error)
{
    return say(why, -error, strerrordesc_np(error));
}

static int judge(const struct stat *st, char why[static OTIP_WHY_MAX])
{
    if (!S_ISREG(st->st_mode))
        return say(why, -EINVAL, "this is not a regular file");
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return say(why, -EPERM, "it belongs to another user, so it is not believed");
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return say(why, -EPERM, "others than its owner may write it, so it is not believed: chmod go-w it");
    if (st->st_size > OTIP_NAMES_TEXT_MAX)
        return say(why, -EFBIG, "it is longer than 64 KiB");
    return 0;
}

int otip_names_read(const char *path, char **ret, size_t *ret_len, char why[static OTIP_WHY_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    char *text = NULL;
    ssize_t len;
    int err;

    if (fd < 0)
        return say_errno(why, errno);
    err = fstat(fd, &st) < 0 ? say_errno(why, errno) : judge(&st, why);
    if (err)
        goto out;
    /* What it has grown by since then does not count; one byte more so that there is no allocation of none. */
    text = malloc((size_t)st.st_size + 1);
    if (!text) {
        err = say_errno(why, ENOMEM);
        goto out;
    }
    len = otip_read_bytes(fd, text, (size_t)st.st_size, false);
    if (len < 0) {
        free(text);
        err = say_errno(why, (int)-len);
        goto out;
    }
    *ret = text;
    *ret_len = (size_t)len;
out:
    close(fd);
    return err;
}
