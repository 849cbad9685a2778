/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* services(5), parsed: the port of a name, and the name of a port. */
#ifndef IOTHDNS_SERVICES_H
#define IOTHDNS_SERVICES_H

#include "base/base.h"

/* Bytes of a file: all that IANA has registered are a tenth of it. */
#define SERVICES_FILE_MAX (16 * 1024 * 1024)

/* Immutable. */
struct services;

/* Understands `len` bytes of text, which may be any; a line that is not "NAME PORT/PROTOCOL [ALIAS...]" is skipped. *ret is
 * to be given to services_free. 0; -EFBIG: longer than SERVICES_FILE_MAX; -ENOMEM. */
MUST_CHECK int services_parse(const void *text, size_t len, struct services **ret);
void services_free(struct services *s); /* takes NULL */

/* The port (0..65535) of the first line with that name or alias and that protocol ("tcp"), both spelled alike; -ENOENT. */
int services_port(const struct services *s, const char *name, const char *protocol);
/* The name on the first line with that port and protocol; NULL: none. */
const char *services_name(const struct services *s, unsigned port, const char *protocol);

#endif
