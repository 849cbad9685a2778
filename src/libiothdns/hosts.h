/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hosts(5), parsed: the addresses of a name, and the name of an address. */
#ifndef IOTHDNS_HOSTS_H
#define IOTHDNS_HOSTS_H

#include "base/base.h"

#include <netinet/in.h>
#include <stdbool.h>

/* Bytes of a file: the lists of names to be blocked that people put there have some ten. */
#define HOSTS_FILE_MAX (32 * 1024 * 1024)

/* One line. */
struct hosts_line {
    uint8_t addr[16];      /* the first 4 for AF_INET */
    uint8_t family;        /* AF_INET or AF_INET6, as it is written: ::ffff:192.0.2.1 is AF_INET6 */
    const char *canonical; /* its first name, as spelled */
};

/* Immutable. */
struct hosts;

/* Understands `len` bytes of text, which may be any; a line that does not begin with an address and a name is skipped. *ret
 * is to be given to hosts_free. 0; -EFBIG: longer than HOSTS_FILE_MAX; -ENOMEM. */
MUST_CHECK int hosts_parse(const void *text, size_t len, struct hosts **ret);
void hosts_free(struct hosts *h); /* takes NULL */

/* The lines that have `name` among their names, in any letter case (ASCII), in the order of the file, each once. */
struct hosts_walk {
    const struct hosts *h;
    const char *name;
    size_t at;
};
struct hosts_walk hosts_find(const struct hosts *h, const char *name);
const struct hosts_line *hosts_next(struct hosts_walk *walk); /* NULL: no more */

/* The line's address in that family. False: it has none. ::1 and IPv4-mapped addresses have one of AF_INET too, as the C
 * library reads them. ret: 4 or 16 bytes. */
bool hosts_address(const struct hosts_line *line, int family, void *ret);

/* The first name of the first line that has this address (4 or 16 bytes) in that family; NULL: none. */
const char *hosts_reverse(const struct hosts *h, int family, const void *addr);

#endif
