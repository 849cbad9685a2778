/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that the configuration names, zones and lists: opening them so that nothing waits or never ends, and knowing
 * whether one is still the same. */
#ifndef IOTHNAMED_DATA_FILE_H
#define IOTHNAMED_DATA_FILE_H

#include "base/base.h"

#include <stdbool.h>
#include <time.h>

/* What tells that a file has not changed. */
struct file_mark {
    uint64_t device, inode, size;
    struct timespec modified, changed;
};

bool file_mark_equal(const struct file_mark *a, const struct file_mark *b);
/* The mark of the file that is there now. 0 or -errno. */
MUST_CHECK int file_mark_get(const char *path, struct file_mark *ret);
/* Opens a regular file of at most `most` bytes. Its descriptor and mark, or -errno, of which -ENXIO means: no regular file,
 * -EFBIG: larger. */
MUST_CHECK int data_file_open(const char *path, uint64_t most, struct file_mark *ret);
/* An error of the above, or of reading, in words. */
const char *data_file_fault(int error);

#endif
