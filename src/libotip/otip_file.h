/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_OTIP_FILE_H
#define LIBOTIP_OTIP_FILE_H
/* Secrets from files and descriptors.
 *
 * A file of secrets must be a regular file that belongs to root or to the user of this process, that others
 * cannot touch, and that its group cannot write. The group may read it only if it belongs to root: that is how an
 * administrator gives a secret to a daemon (root:iothnamed, 0640).
 *
 * A key file holds a key as its 32 bytes, or as one line of 64 hexadecimal digits or of 44 characters of base64
 * (RFC 4648 s4). A password file holds the password in its first line. */
#include "libotip/otip.h"

#include <stdbool.h>
#include <sys/types.h>

enum {
    OTIP_WHY_MAX = 128, /* what is wrong, as a phrase, and its NUL */
};

/* Reads a key file. 0; or a negative errno, and in `why` what is wrong, as a phrase that fits behind "PATH: ", always
 * NUL-terminated. -EPERM: who may read it; -EINVAL: what is in it; else why it cannot be read. */
MUST_CHECK int otip_key_read(const char *path, uint8_t ret[static OTIP_KEY_LEN],
                             char why[static OTIP_WHY_MAX]);
/* Makes a key file (base64, 0600); never over one that is there. 0; or a negative errno with `why`, as above. */
MUST_CHECK int otip_key_write(const char *path, const uint8_t key[static OTIP_KEY_LEN],
                              char why[static OTIP_WHY_MAX]);
/* Could such a file be made? Nothing is. The same errors. */
MUST_CHECK int otip_key_may_write(const char *path, char why[static OTIP_WHY_MAX]);
/* Reads a password file; the same errors. The password is 1 to OTIP_PASSWORD_MAX bytes without NUL. */
MUST_CHECK int otip_password_read(const char *path, char ret[static OTIP_PASSWORD_MAX + 1],
                                  char why[static OTIP_WHY_MAX]);
/* The first line that comes from a descriptor (a pipe, a terminal, a file), whoever may read it. The descriptor stays
 * open; of what follows the line some may have been read. */
MUST_CHECK int otip_password_read_fd(int fd, char ret[static OTIP_PASSWORD_MAX + 1],
                                     char why[static OTIP_WHY_MAX]);
/* Reads up to the end, a newline if `line`, or a full buffer. The count, or a negative errno. */
MUST_CHECK ssize_t otip_read_bytes(int fd, char *buffer, size_t size, bool line);

#endif
