/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reverse table: which name a hashed address was computed from, learnt from the answers given. Anyone who
 * may ask can teach it, so it is bounded, and each network of clients (IPv4 /24, IPv6 /64) has a share, within
 * that of its site (/16, /48): a network, or all of a site, that floods it pushes out its own names first.
 *
 * It can tell a store what changed (hrevdb.h), part by part: the store asks for it, and nobody who teaches or
 * asks the table ever waits for the store.
 */
#ifndef IOTHNAMED_HREV_H
#define IOTHNAMED_HREV_H

#include "base/siphash.h"
#include "wire/dname.h"

#include <stdbool.h>

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
/* Another bound, at least 1, from now on; names that are too many go as they do when room is made. 0 or -ENOMEM
 * (some parts of the table may have the new bound then). */
MUST_CHECK int hrev_resize(struct hrev *h, uint32_t max);

/* --- for a store; one thread at a time --- */

/* A name as a store knows it. */
struct hrev_entry {
    struct ipaddr addr;
    struct ipaddr network; /* whose share the name is counted in */
    nsec_t
        until; /* later by up to an eighth of the lifetime than in the table, so that most refreshes need not be
                     stored */
    uint8_t name_len; /* 0: the address has no name any more */
    uint8_t name[DNAME_MAX];
};

/* From now on changes are kept for hrev_take_changes: names that are new or must be stored for longer, and
 * stored ones that are gone. They take no more room than the table itself. */
void hrev_track(struct hrev *h);
/* Parts of the table, each with a lock of its own. */
unsigned hrev_parts(const struct hrev *h);
/* Takes up to max changes of one part, in an order in which they can be stored. Their number; less than max:
 * there were no more. The lock of the part is held while they are copied. */
unsigned hrev_take_changes(struct hrev *h, unsigned part, nsec_t now, struct hrev_entry *entries,
                           unsigned max);
/* Every name is a change: for a store that is new or has lost track. */
void hrev_change_all(struct hrev *h);
/* A name from the store. True: the table has it now. False: it has expired, there is no room, or the table
 * knows another name of that address or the same for longer. */
bool hrev_restore(struct hrev *h, const struct hrev_entry *entry, nsec_t now);

/* A walk through all names, in steps of bounded time. What is learnt or forgotten meanwhile may be met or not.
 * Zeroed: at the beginning. */
struct hrev_cursor {
    uint32_t shard, bucket, passed; /* names of the bucket that were met */
};

enum hrev_step {
    HREV_END,
    HREV_STEP,  /* nothing met yet: go on */
    HREV_FOUND, /* *ret_addr and name; *ret_left: for how long it stays known */
};

enum hrev_step hrev_next(struct hrev *h, struct hrev_cursor *at, nsec_t now, struct ipaddr *ret_addr,
                         uint8_t name[static DNAME_MAX], nsec_t *ret_left);

#endif
