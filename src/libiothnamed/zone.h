/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The static records, by name: a hash table of names, each with its RRsets; names that only have names below
 * them (empty non-terminals, RFC 8020) are there too. Immutable once built. */
#ifndef IOTHNAMED_ZONE_H
#define IOTHNAMED_ZONE_H

#include "base/siphash.h"
#include "libiothnamed/config.h"

struct rrset {
    uint16_t type;
    uint16_t count;
    uint32_t ttl; /* seconds: the lowest of its records (RFC 2181 s5.2) */
    const struct rdata {
        const uint8_t *bytes; /* uncompressed */
        uint16_t len;
    } * rdata; /* in file order, without duplicates */
};

struct zone_node {
    const struct rrset *rrsets; /* ordered by type; none: an empty non-terminal */
    unsigned count;
};

struct zone;

MUST_CHECK int zone_build(const struct config *config, const struct siphash_key *key, struct zone **ret);
void zone_free(struct zone *z);
/* name: lower case, wire form, `len` bytes. NULL: no such name, and none below it. */
const struct zone_node *zone_find(const struct zone *z, const uint8_t *name, size_t len);
/* NULL: none of that type, or node is NULL. */
const struct rrset *zone_rrset(const struct zone_node *node, uint16_t type);

#endif
