/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_OTIP_PASSWORD_H
#define LIBOTIP_OTIP_PASSWORD_H
/* Keys of otip2 made of passwords, by Argon2id (RFC 9106): some tenths of a second and 64 MiB, once at the start.
 * It stands apart (the library otip_password) so that who has keys alone needs no libargon2. */
#include "libotip/otip.h"

/* The key that a password gives for one name. name: as in struct otip_setup. password: 1 to OTIP_PASSWORD_MAX bytes.
 * 0; -EINVAL: the name or the length of the password; -ENOMEM. */
MUST_CHECK int otip_key_of_password(const char *password, const char *name, uint8_t ret[static OTIP_KEY_LEN]);

/* otip_new(), which also takes a password (without a user) for otip2. */
MUST_CHECK int otip_new_from_password(const struct otip_setup *setup, struct otip **ret);

#endif
