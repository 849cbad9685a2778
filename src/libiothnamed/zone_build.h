/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes a store of records (zone.h), one record after the other in any order, then all of it at once. */
#ifndef IOTHNAMED_ZONE_BUILD_H
#define IOTHNAMED_ZONE_BUILD_H

#include "libiothnamed/zone.h"

/* A record on its way into a store. */
struct zone_record {
    const uint8_t *owner; /* lower case, wire form */
    const uint8_t *rdata; /* uncompressed, checked against the shape of the type */
    uint32_t ttl;
    uint32_t line; /* where it stands, for messages, with the next */
    uint16_t file;
    uint16_t type;
    uint16_t rdlen;
};

struct zone_builder;

/* apex: of a zone, lower case; NULL: a pool of records of any name. Returns NULL: out of memory. */
struct zone_builder *zone_builder_new(const struct siphash_key *key, const uint8_t *apex);
void zone_builder_free(struct zone_builder *b);
/* Copies the record, whose owner must be the apex or below it. 0 or -ENOMEM. */
MUST_CHECK int zone_builder_add(struct zone_builder *b, const struct zone_record *record);
/* The store, with one reference. The builder is empty then and can only be freed. 0 or -ENOMEM. */
MUST_CHECK int zone_builder_finish(struct zone_builder *b, struct zone **ret);

/* What is said of a zone that has been read, before it is finished. file, line: where; 0: the zone as a whole. */
typedef void zone_report(void *arg, bool warning, uint16_t file, uint32_t line, const char *text);

/* What must be right in a zone, and what should be (zone_check.c). 0 or -ENOMEM. */
MUST_CHECK int zone_builder_check(struct zone_builder *b, zone_report *report, void *arg);

#endif
