/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * IP addresses of both families as 16 bytes: IPv4 stands as ::ffff:a.b.c.d (RFC 4291 s2.5.5.2), so one table,
 * one comparison and one prefix tree serve both.
 */
#ifndef BASE_IPADDR_H
#define BASE_IPADDR_H

#include "base/base.h"
#include <stdbool.h>
#include <sys/socket.h>

struct ipaddr {
    uint8_t b[16];
};

struct ipendpoint {
    struct ipaddr addr;
    uint16_t port;  /* host byte order */
    uint32_t scope; /* index of the interface, of link-local addresses; 0: none */
};

#define IPADDR_STRLEN     46                  /* an address and its NUL */
#define IPENDPOINT_STRLEN (IPADDR_STRLEN + 6) /* ADDR@PORT and its NUL */

bool ipaddr_is_v4(const struct ipaddr *a);
/* IPv4 as a number, 10.0.0.1 is 0x0a000001, to an address, and its last four bytes back. */
struct ipaddr ipaddr_of_v4(uint32_t number);
uint32_t ipaddr_to_v4(const struct ipaddr *a);
bool ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b);
/* The first `bits` (0..128, v4-mapped lengths count from 96) of a and b are the same. */
bool ipaddr_same_prefix(const struct ipaddr *a, const struct ipaddr *b, unsigned bits);
/* Clears all but the first `bits` (0..128). True: some of the others were set, so it was no network. */
bool ipaddr_mask(struct ipaddr *a, unsigned bits);

/* Text (not NUL-terminated, `len` bytes) to address; 0 or -EINVAL. */
MUST_CHECK int ipaddr_parse(const char *text, size_t len, struct ipaddr *ret);
/* "ADDR/LEN"; *ret_bits counts in the 128-bit form (10.0.0.0/8 gives 104). 0 or -EINVAL (also LEN out of
 * range). */
MUST_CHECK int ipaddr_parse_prefix(const char *text, size_t len, struct ipaddr *ret, unsigned *ret_bits);
/* "ADDR" or "ADDR@PORT" (port 1..65535). 0 or -EINVAL. */
MUST_CHECK int ipendpoint_parse(const char *text, size_t len, uint16_t default_port, struct ipendpoint *ret);

#define IPPREFIX_STRLEN (IPADDR_STRLEN + 4)

/* "ADDR/LEN", bits as ipaddr_parse_prefix gives them. Returns text. */
const char *ipprefix_format(const struct ipaddr *a, unsigned bits, char text[static IPPREFIX_STRLEN]);
/* IPv4 without the ::ffff: prefix. Return text. */
const char *ipaddr_format(const struct ipaddr *a, char text[static IPADDR_STRLEN]);
const char *ipendpoint_format(const struct ipendpoint *e, char text[static IPENDPOINT_STRLEN]);

/* From AF_INET or AF_INET6; 0 or -EAFNOSUPPORT. */
MUST_CHECK int ipendpoint_from_sockaddr(const struct sockaddr *sa, struct ipendpoint *ret);
/* To the family of the address, AF_INET for IPv4; `mapped`: to AF_INET6 always. Returns the length of *ret.
 */
socklen_t ipendpoint_to_sockaddr(const struct ipendpoint *e, bool mapped, struct sockaddr_storage *ret);

#endif
