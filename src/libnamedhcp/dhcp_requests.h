/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Requests under way in a server of either protocol: packets that came, kept while something is asked about them. Inside the
 * servers' cores. A request of a protocol begins with a struct dhcp_request; here it is known by that.
 *
 * There are as many places as the settings say. When all are taken the request that has waited for longest gives way: its
 * client asks again. A question's number says the place and, by a generation, whose place it was, so an answer that comes
 * late finds nobody.
 */
#ifndef LIBNAMEDHCP_DHCP_REQUESTS_H
#define LIBNAMEDHCP_DHCP_REQUESTS_H

#include "base/heap.h"
#include "libnamedhcp/server.h"

#include <sys/queue.h>

#define DHCP_REQUEST_MAX                                                                                     \
    1500 /* bytes of a message, a relay's options included; longer ones are not looked at */

struct dhcp_request;
TAILQ_HEAD(dhcp_request_queue, dhcp_request);
LIST_HEAD(dhcp_request_bucket, dhcp_request);

struct dhcp_request {
    TAILQ_ENTRY(dhcp_request) in_queue;
    struct dhcp_request_queue *queue; /* todo, waiting or free; NULL: none */
    LIST_ENTRY(dhcp_request) in_bucket;
    uint32_t question;      /* its number in the DNS, or with a probe */
    uint64_t hash;          /* of what tells it from others: client, transaction, type */
    struct heap_node until; /* when it waits */
    struct ipendpoint from;
    uint8_t from_mac[6];
    uint8_t link; /* by which it came, and the reply goes */
    uint16_t len;
    uint8_t bytes[DHCP_REQUEST_MAX];
};

struct dhcp_requests {
    struct dhcp_request_queue todo;    /* there is something to be done about them, in this order */
    struct dhcp_request_queue waiting; /* the first for longest */
    struct heap deadlines;             /* of those who wait */
    struct dhcp_request_queue free;
    struct dhcp_request *said;   /* what the last event was about, if it is over with it */
    struct dhcp_request **slots; /* [question % max] */
    struct dhcp_request_bucket *buckets;
    size_t size; /* of a protocol's request */
    unsigned max, n_slots, bucket_mask;
    uint32_t generation;
    uint64_t overflowed; /* that gave way */
};

/* max: at least 1. 0 or -ENOMEM. */
MUST_CHECK int dhcp_requests_init(struct dhcp_requests *q, size_t size, unsigned max);
void dhcp_requests_fini(struct dhcp_requests *q);

/* A request for a packet of at most DHCP_REQUEST_MAX bytes, in no queue yet; what its protocol has behind the head is zero. NULL:
 * one with that hash is under way, or there is no memory. */
struct dhcp_request *dhcp_requests_new(struct dhcp_requests *q, uint64_t hash,
                                       const struct server_packet *packet);
/* It is over. */
void dhcp_requests_end(struct dhcp_requests *q, struct dhcp_request *r);
/* Who waits for that question's answer; NULL: nobody any more. */
struct dhcp_request *dhcp_requests_find(const struct dhcp_requests *q, uint32_t question);
/* Something is to be done about it; it waits, until then. */
void dhcp_requests_do(struct dhcp_requests *q, struct dhcp_request *r);
void dhcp_requests_wait(struct dhcp_requests *q, struct dhcp_request *r, nsec_t until);
/* The first about which something is to be done, when the one that `said` names has ended; NULL: none. */
struct dhcp_request *dhcp_requests_todo(struct dhcp_requests *q);
/* One that has waited to its deadline, and goes on waiting; NULL: none has. */
struct dhcp_request *dhcp_requests_due(const struct dhcp_requests *q, nsec_t now);
nsec_t dhcp_requests_deadline(const struct dhcp_requests *q);

#endif
