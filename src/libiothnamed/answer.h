/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An upstream's answer as the cache keeps it and as every client that waited gets it: checked, compressed
 * anew by our own writer, without OPT, with a list of where its TTLs are. Giving it to a client is a copy, an
 * id and a few TTLs; its owner names point to the question and so take the client's spelling.
 *
 *   flags and rcode (2 bytes), count of TTLs (2), length of the message (2), message, offsets of its TTLs (2 each)
 */
#ifndef IOTHNAMED_ANSWER_H
#define IOTHNAMED_ANSWER_H

#include "libiothnamed/query.h"

#define ANSWER_TTLS_MAX 4096 /* records of one answer: a message of 64 KiB cannot hold more than 5460 */
#define ANSWER_MAX      (6 + DNS_MSG_MAX + 2 * ANSWER_TTLS_MAX)

#define CACHE_TTL_NO_MAX 10800 /* of a "no" (RFC 2308 s5: one to three hours) */

/* Seconds between which the TTLs of answers are brought: option cachettlmin, cachettlmax. */
struct answer_limits {
    uint32_t ttl_min, ttl_max;
};

/* Makes one of an upstream's reply. Returns its length and how long it may be kept in *ret_ttl_s (0: not at
 * all), or -EBADMSG: the reply is not well-formed or has too many records. */
MUST_CHECK int answer_make(const uint8_t *reply, size_t len, const struct answer_limits *limits,
                           uint8_t answer[static ANSWER_MAX], uint32_t *ret_ttl_s);
/* The message in it, TTLs as they were when it was made; *ret_len: its length. */
const uint8_t *answer_message(const uint8_t *answer, size_t *ret_len);
/* Gives it to the client of q, its TTLs lower by age_s. */
enum verdict answer_give(struct query *q, const uint8_t *answer, uint32_t age_s);
/* The same when it has expired and nobody has a newer one (RFC 8767): each TTL is STALE_TTL, and the client is told. */
enum verdict answer_give_stale(struct query *q, const uint8_t *answer);
#define STALE_TTL 30 /* seconds, as RFC 8767 s4 has it */

#endif
