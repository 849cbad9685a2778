/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_OTIP_BASE_H
#define LIBOTIP_OTIP_BASE_H
/* The base of one-time addresses as it stands on a command line: ADDR[/LEN] or NAME[/LEN], and NAME looked up in the DNS.
 * In the library otip_base, since it needs a resolver. */
#include "libotip/otip_file.h"

struct ioth;

enum { OTIP_NAME_MAX = 254 }; /* text of a domain name with its final dot, RFC 1035 s2.3.4 */

struct otip_base {
    char name[OTIP_NAME_MAX + 1]; /* to be looked up; "": the address is given */
    struct ipaddr addr;
    unsigned prefix_len; /* bits; 0: not said */
};

/* The text is a domain name: labels of 1 to 63 bytes, at most 253 bytes in all, with or without its final dot. */
bool otip_is_name(const char *text);
/* 0; -EINVAL, and in `why` what is expected. */
MUST_CHECK int otip_base_parse(const char *text, struct otip_base *ret, char why[static OTIP_WHY_MAX]);
/* Looks the name up, where there is one: AAAA, of several base->addr if it is among them, else the first one. By way of the stack
 * (NULL: the system's) and the name server, ADDR or ADDR@PORT (NULL: those of /etc/resolv.conf). It waits. 0 and base->addr; or
 * a negative errno and `why`, as in otip_file.h; -ENODATA: the name has no such address. */
MUST_CHECK int otip_base_find(struct otip_base *base, struct ioth *stack, const char *dns,
                              char why[static OTIP_WHY_MAX]);
/* Why no address came of a look-up, by its positive errno. */
const char *otip_base_reason(int error);

#endif
