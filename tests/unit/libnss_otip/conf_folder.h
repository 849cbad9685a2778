/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A folder with a user's otip.conf(5) and its secrets, which vanishes with the test. */
#ifndef TEST_CONF_FOLDER_H
#define TEST_CONF_FOLDER_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct conf_folder {
    char path[64];
};

static inline void conf_folder_path(const struct conf_folder *f, const char *name, char path[static 128])
{
    snprintf(path, 128, "%s/%s", f->path, name);
}

static inline void conf_folder_write(const struct conf_folder *f, const char *name, mode_t mode,
                                     const char *text)
{
    char path[128];

    conf_folder_path(f, name, path);
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static inline void conf_folder_open(struct conf_folder *f)
{
    snprintf(f->path, sizeof(f->path), "/tmp/otip-conf-XXXXXX");
    assert_non_null(mkdtemp(f->path));
}

static inline void conf_folder_close(const struct conf_folder *f, const char *const *names, size_t count)
{
    char path[128];

    for (size_t i = 0; i < count; i++) {
        conf_folder_path(f, names[i], path);
        unlink(path);
    }
    rmdir(f->path);
}

#endif
