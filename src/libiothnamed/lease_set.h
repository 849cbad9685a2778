/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The leases of one lease file at one moment, by name and by address: what the rule `lease` answers from. Made once, never
 * changed, counted. What has ended since is not found; the caller says what time it is.
 */
#ifndef IOTHNAMED_LEASE_SET_H
#define IOTHNAMED_LEASE_SET_H

#include "io/lease_record.h"

#define LEASE_ADDRS_MAX                                                                                      \
    8 /* of one name and family, in an answer: one client has one on each of its interfaces */

struct lease_set;

/* An empty one, for `max` leases at the most. NULL: no memory. */
struct lease_set *lease_set_new(uint32_t max);
/* Adds a lease that is bound and has a name; what else there may be in a file is passed over. 0; -E2BIG: there are `max`;
 * -ENOMEM. */
MUST_CHECK int lease_set_add(struct lease_set *s, const struct lease_record *record);
/* All are there. 0, -ENOMEM. */
MUST_CHECK int lease_set_finish(struct lease_set *s);
struct lease_set *lease_set_ref(struct lease_set *s); /* takes NULL, as does the next */
void lease_set_unref(struct lease_set *s);
uint32_t lease_set_count(const struct lease_set *s);

struct lease_found {
    struct ipaddr addr;
    int64_t ends_s; /* wall clock; INT64_MAX: never */
};

/* The addresses of a name, in lower case and wire form, of one family, the last to end first: how many. */
unsigned lease_set_addrs(const struct lease_set *s, const uint8_t *name, bool v4, int64_t now_s,
                         struct lease_found ret[static LEASE_ADDRS_MAX]);
/* The name, or one below it, has an address of either family. */
bool lease_set_has_name(const struct lease_set *s, const uint8_t *name, int64_t now_s);
/* The name of an address, and when it ends. Its length; 0: it has none. */
size_t lease_set_name(const struct lease_set *s, const struct ipaddr *addr, int64_t now_s,
                      uint8_t name[static DNAME_MAX], int64_t *ret_ends_s);

#endif
