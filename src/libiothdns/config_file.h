/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of a configuration: read whole, and looked at for changes. Inside the library. */
#ifndef IOTHDNS_CONFIG_FILE_H
#define IOTHDNS_CONFIG_FILE_H

#include "libiothdns/resolvconf.h"

#include <sys/stat.h>

#define RESOLVCONF_PATH "/etc/resolv.conf"

/* What tells a file from the one that stood at its path before. A file written twice within a tick of the file system's
 * clock may keep all of it; so one that changed a moment before its stamp was taken is not quiet: whoever has read it reads
 * it again. */
struct file_stamp {
    bool exists;
    bool quiet; /* the stamp tells the next change */
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime, ctime;
};

/* *ret is what stands at the path now. */
void file_stamp_take(const char *path, struct file_stamp *ret);
/* Of the same file, unchanged; that they are quiet is not looked at. */
bool file_stamp_same(const struct file_stamp *a, const struct file_stamp *b);

/* All of a file, at most max bytes; *ret is to be freed. 0, -EFBIG, -ENOMEM, or what the system says. */
MUST_CHECK int file_read_all(int fd, size_t max, char **ret, size_t *ret_len);

/* Reads and parses the file. standard: with LOCALDOMAIN, RES_OPTIONS and the domain of the host's name, and a file that is
 * missing is an empty one. *ret_stamp is that of what was read. 0, -EFBIG: longer than RESOLVCONF_FILE_MAX, -ENOMEM, or
 * what the system says. */
MUST_CHECK int config_file_read(const char *path, bool standard, struct resolvconf *ret,
                                struct file_stamp *ret_stamp);

#endif
