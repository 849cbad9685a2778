/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_OTIP_KEY_H
#define LIBOTIP_OTIP_KEY_H
/* What else is computed of a key of otip2: docs/OTIP2.md. */
#include "libotip/otip.h"

enum {
    OTIP_FINGERPRINT_LEN = 32, /* hexadecimal digits */
};

/* The key of one user of a master key: HKDF-SHA-256 (RFC 5869), docs/OTIP2.md. The label is any text of 1 to
 * OTIP_USER_MAX bytes without control characters, taken as it is. 0 or -EINVAL. `ret` may be `master`. */
MUST_CHECK int otip_key_of_user(const uint8_t master[static OTIP_KEY_LEN], const char *user,
                                uint8_t ret[static OTIP_KEY_LEN]);

/* What a key is called: hexadecimal digits and a NUL. Two keys have the same if they are the same; it does not lead to
 * the key. */
void otip_key_fingerprint(const uint8_t key[static OTIP_KEY_LEN], char ret[static OTIP_FINGERPRINT_LEN + 1]);

#endif
