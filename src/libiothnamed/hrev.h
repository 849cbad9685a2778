/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reverse table: which name a hashed address was computed from, learnt from the answers given. Anyone who
 * may ask can teach it, so it is bounded, and each network of clients (IPv4 /24, IPv6 /64) has a share: a
 * network that floods it pushes out its own names first.
 */
#ifndef IOTHNAMED_HREV_H
#define IOTHNAMED_HREV_H

#include "base/siphash.h"
#include "wire/dname.h"

struct hrev;

/* max: the most names kept, at least 1. 0 or -ENOMEM. Memory grows with the names kept, up to a bound. */
MUST_CHECK int hrev_new(uint32_t max, const struct siphash_key *key, struct hrev **ret);
/* Another owner of the same table; hrev_free ends one ownership, the last one the table. */
struct hrev *hrev_ref(struct hrev *h);
void hrev_free(struct hrev *h);
/* The name (lower case, wire form) of addr is known until `until`, or longer if it was known for longer.
 * asker: the client whose question taught it. Out of memory: not learnt. */
void hrev_learn(struct hrev *h, const struct ipaddr *addr, const uint8_t *name, size_t name_len,
                const struct ipaddr *asker, nsec_t now, nsec_t until);
/* The name's length, or -ENOENT. */
int hrev_find(struct hrev *h, const struct ipaddr *addr, nsec_t now, uint8_t name[static DNAME_MAX]);
uint32_t hrev_count(struct hrev *h);

#endif
