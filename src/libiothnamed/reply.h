/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RRsets of a store (zone.h) into the reply. */
#ifndef IOTHNAMED_REPLY_H
#define IOTHNAMED_REPLY_H

#include "libiothnamed/query.h"

/* Whose records they are. */
enum reply_owner {
    REPLY_ASKED, /* of the name asked for: the node has that name, or is the wildcard that stands for it */
    REPLY_NODE,  /* of the node, whose name is a suffix of the name asked for */
};

/* Hosts of one RRset whose addresses are added: more name servers help nobody. */
#define REPLY_HOSTS_MAX 64

/* All records of an RRset, beginning with another one each time. What does not fit cuts the reply. Returns the
 * offset of the first one in the message. */
size_t reply_rrset(struct query *q, enum dns_section section, const struct zone_node *node,
                   const struct zone_rrset *set, enum reply_owner owner);
/* Where the data of the record begin that stands at that offset of the message; 0: where no pointer leads. */
uint16_t reply_rdata_at(const struct query *q, size_t at);
/* The SOA of a "no", to be believed as long as it says itself (RFC 2308 s3) and at most for `believe` seconds. */
void reply_soa(struct query *q, const struct zone_node *node, const struct zone_rrset *soa, uint32_t believe);

/* Which hosts an answer may speak of: `name` is that of a host, in lower case. */
typedef bool reply_may_show(const struct query *q, const uint8_t *name, const void *arg);

/* Where records with hosts went, and what is known of these. */
struct reply_hosts {
    const struct zone *zone;
    const struct zone_node *node;
    const struct zone_rrset *set;
    size_t at; /* what reply_rrset returned */
    reply_may_show *may_show;
    const void *arg;
};

/* The addresses of the hosts, as far as they fit. cut: the records are those of a delegation; the addresses of its
 * hosts within the delegated domain must fit, or the reply is cut (RFC 9471 s3). */
void reply_addresses(struct query *q, const struct reply_hosts *hosts, bool cut);

#endif
