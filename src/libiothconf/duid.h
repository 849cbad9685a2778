/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DHCP unique identifiers (RFC 9915 s11) and the identity associations that go with them: who a client is, to
 * servers of DHCPv6 and, by RFC 4361, of DHCPv4. An identifier must stay the same for as long as the node
 * lives, so it is made of what stays: a MAC address, or the node's name, which may move from one machine to
 * another and take its leases with it. One that was made otherwise is kept in a file by the caller, in the
 * text form of this header.
 */
#ifndef LIBIOTHCONF_DUID_H
#define LIBIOTHCONF_DUID_H

#include "base/base.h"

#include <stdbool.h>

#define DUID_MIN           3                  /* a type and one byte */
#define DUID_MAX           130                /* RFC 9915 s11.1: 128 bytes behind the type */
#define DUID_TEXT_MAX      (3 * DUID_MAX)     /* with the final NUL */
#define DUID_CLIENT_ID_MAX (1 + 4 + DUID_MAX) /* RFC 4361 s6.1 */

struct duid {
    uint8_t len; /* 0: none */
    uint8_t bytes[DUID_MAX];
};

/* DUID-LL of an Ethernet address (s11.4). */
struct duid duid_from_mac(const uint8_t mac[static 6]);
/* DUID-LL of the MAC address that iothaddr_hashmac makes of the name: the same wherever the name goes. fqdn:
 * as for iothaddr_hashmac, in text form. */
struct duid duid_from_name(const char *fqdn);
/* A copy of `len` bytes that came from outside. 0 or -EINVAL: shorter than DUID_MIN, longer than DUID_MAX;
 * what the type says is not looked at, since whoever reads an identifier must take it as opaque (s11). */
MUST_CHECK int duid_from_bytes(const void *bytes, size_t len, struct duid *ret);
bool duid_equal(const struct duid *a, const struct duid *b);

/* Text: pairs of hexadecimal digits with colons between them, "00:03:00:01:02:00:5e:10:00:01". Returns text;
 * "" for none. */
const char *duid_format(const struct duid *duid, char text[static DUID_TEXT_MAX]);
/* The other way; the colons may be missing, all of them, or be `-`; blanks and line ends around it are
 * skipped. `len` bytes, not NUL-terminated. 0 or -EINVAL. */
MUST_CHECK int duid_parse(const char *text, size_t len, struct duid *ret);

/* The identifier of the one identity association of an interface: the last four bytes of its MAC address, so
 * that it comes out the same after every restart (RFC 9915 s12.1). */
uint32_t duid_iaid(const uint8_t mac[static 6]);
/* The client identifier of DHCPv4 (RFC 4361 s6.1): 255, the IAID, the DUID. Returns its length. */
size_t duid_client_id(const struct duid *duid, uint32_t iaid, uint8_t ret[static DUID_CLIENT_ID_MAX]);

#endif
