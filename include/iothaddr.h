/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IOTHADDR_H
#define IOTHADDR_H
/* Addresses that are computed from names: hash based IPv6 addresses, one-time IPv6 addresses (OTIP), and MAC
   addresses. Who knows the name (and, for OTIP, the password and the time) knows the address.

   Names are domain names in text form, in any letter case (ASCII letters are lowered, RFC 4343), with or
   without the final dot, of any length. All functions are re-entrant, allocate nothing and cannot fail. */

#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Turns a base address into the address of `name`.
   addr: the base IPv6 address, 16 bytes in network order, changed in place: its interface identifier (bytes 8
   to 15) is combined by XOR with the first 8 bytes of MD5(name, passwd, otiptime), then the two low bits of
   byte 8 (the universal/local and the group bit, RFC 4291 s2.5.1) are cleared.
   passwd: NULL or "" when there is none.
   otiptime: number of the current epoch, see iothaddr_otiptime(); 0 for an address that does not change. */
void iothaddr_hash(void *addr, const char *name, const char *passwd, uint32_t otiptime);

/* The number of the OTIP epoch: (now + otip_offset) / otip_period.
   otip_period: seconds that an address lasts; server and clients must agree on it. If not above 0 the result
   is 0.
   otip_offset: seconds by which to look ahead (above 0) or back (below 0).
   It reads the wall clock. A time before 1970 counts as 1970; the number wraps at 32 bits. */
static inline uint32_t iothaddr_otiptime(int otip_period, int otip_offset)
{
    int64_t when = (int64_t)time(NULL) + otip_offset;

    return otip_period <= 0 || when < 0 ? 0 : (uint32_t)(when / otip_period);
}

/* Computes the MAC address of `name`: locally administered, unicast.
   mac: receives 6 bytes. passwd: NULL or "" when there is none. */
void iothaddr_hashmac(void *mac, const char *name, const char *passwd);

/* Puts the modified EUI-64 identifier of a MAC address (RFC 4291 appendix A) into an IPv6 address.
   addr: the prefix, 16 bytes, changed in place: bytes 8 to 12 are replaced, the last three bytes of the MAC
   are combined with bytes 13 to 15 by XOR, so a prefix whose identifier is 0 gives the address of stateless
   autoconfiguration. mac: 6 bytes. */
void iothaddr_eui64(void *addr, void *mac);

/* The same as iothaddr_hashmac() and then iothaddr_eui64() with that MAC address: the address that a node
   whose MAC is hashed from its name gets by stateless autoconfiguration. addr: as in iothaddr_eui64(). */
void iothaddr_hasheui64(void *addr, const char *name, const char *passwd);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
