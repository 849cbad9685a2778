/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_OTIP2_H
#define LIBOTIP_OTIP2_H
/* The second generation of one-time addresses, as docs/OTIP2.md defines it: what is computed, and nothing about
 * where keys come from. For who has many names to one key (a DNS server); all else uses otip.h. */
#include "libotip/otip.h"

#include <nettle/hmac.h>

/* A key, ready for use. Plain memory without pointers; to be wiped by otip2_key_wipe(). */
struct otip2_key {
    struct hmac_sha256_ctx mac;
};

void otip2_key_init(struct otip2_key *key, const uint8_t bytes[static OTIP_KEY_LEN]);
void otip2_key_wipe(struct otip2_key *key);

/* The addresses of one name in one prefix. As secret as the key. */
struct otip2_series {
    struct hmac_sha256_ctx mac; /* of all fields that do not change with the epoch */
    struct ipaddr prefix;       /* its other bits 0 */
    unsigned prefix_len;
};

/* name: wire form, in any letter case, not the root. prefix_len: OTIP_PREFIX_LEN_MIN..MAX. period_s: 1 or more. */
void otip2_series_init(struct otip2_series *s, const struct otip2_key *key, const uint8_t *name,
                       const struct ipaddr *base, unsigned prefix_len, uint32_t period_s);
void otip2_series_wipe(struct otip2_series *s);
void otip2_address(const struct otip2_series *s, uint64_t epoch, struct ipaddr *ret);

/* The address is none that a host may have: see docs/OTIP2.md, "Reserved identifiers". */
bool otip2_is_reserved(const struct ipaddr *addr, unsigned prefix_len);

#endif
