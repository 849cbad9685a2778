/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHADDR_HASHNAME_H
#define LIBIOTHADDR_HASHNAME_H
/* What the DNS server needs of libiothaddr beyond its public header. Exported by the shared library, not
   installed: no promise of stability goes with it. */

#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(default)

/* iothaddr_hash() for a name that is not a C string: it may hold any byte, 0 included, and each byte counts.
   addr: base address, changed in place.
   name, name_len: labels joined by single dots, without a final dot and without escapes, in any letter case;
   any length (0 is the root). A dot at the end is taken as a byte of the last label. passwd: NULL or "" for
   none. otiptime: number of the epoch, 0 for none. */
void iothaddr_hash_bytes(uint8_t addr[static 16], const void *name, size_t name_len, const char *passwd,
                         uint32_t otiptime);

#pragma GCC visibility pop
#endif
