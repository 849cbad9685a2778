/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that a program keeps for itself, opened to be written: leases, locks, keys, the pid file. A program that root starts
 * opens them before it gives root up, in a folder that may be its service's user's: whoever owns the folder, or one on the way
 * to it, decides what is there. So a file is opened as that owner, and only if it is what its name says: a file, of one name,
 * and no link.
 */
#ifndef IO_OWN_FILE_H
#define IO_OWN_FILE_H

#include "base/base.h"

#include <stdbool.h>
#include <sys/types.h>

/* From here on this thread, if it is root, opens and makes files as the owner of the folder in which path lies, or of the first
 * one on the way there that is not root's; also files that a library opens. own_file_as_owner always has one own_file_as_before after it, in the same
 * thread, with nothing of the two between. */
void own_file_as_owner(const char *path);
void own_file_as_before(void);

/* Opens the file for reading and writing, or makes it with this mode; *ret_made (NULL: no matter): it was made. As the owner of
 * its folder where the two calls above are around it. A descriptor; -ELOOP: it is a symbolic link; -EMLINK: we are root, and it
 * has other names (hard links) too; -EISDIR, -ENOTSUP: it is a folder, or no file; -errno of open(2). */
MUST_CHECK int own_file_open(const char *path, mode_t mode, bool *ret_made);
/* The same file for who looks at it before: opened for reading, and nothing is made. A descriptor; -ENOENT: it is not there, or its
 * folder is not; else the same errors. */
MUST_CHECK int own_file_look(const char *path);
/* Is the folder there in which path lies, and is this what we may do with it, as access(2) has it? 0 or -errno. */
MUST_CHECK int own_file_check_folder(const char *path, int mode);
/* What an error means, in words that follow "cannot use FILE: ". */
const char *own_file_reason(int e);

#endif
