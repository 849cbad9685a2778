/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHCONF_SAVEFILE_H
#define LIBIOTHCONF_SAVEFILE_H
/* Small files in the folder statedir=: what a client keeps over a restart. */

#include "base/base.h"

#define SAVEFILE_MAX 65536 /* bytes; a client keeps one message and what goes with it */

/* 0, or a negative errno that says why the folder cannot be used: -ENOENT, -ENOTDIR, -EACCES, -EROFS. */
MUST_CHECK int savefile_check_folder(const char *folder);

/* Reads a file whole into allocated memory: *ret (to be freed), and how long ago it was written, by the wall clock (not
 * below 0). Returns its length, or negative errno: -ENOENT: there is none; -EFBIG; -EINVAL: no file. */
MUST_CHECK ptrdiff_t savefile_read(const char *folder, const char *name, uint8_t **ret, nsec_t *ret_age);

/* Replaces a file, or removes it with len 0; whoever reads sees the old content or the new one, also after a power
 * failure. 0 or negative errno. */
int savefile_write(const char *folder, const char *name, const void *bytes, size_t len);
/* Makes a file that is not there yet: -EEXIST if it is, so that of several who make it one does. */
MUST_CHECK int savefile_create(const char *folder, const char *name, const void *bytes, size_t len);

#endif
