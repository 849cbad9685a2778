/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The exchange core of the DNS: questions asked of upstream servers until one answers. It decides whom to
 * ask, when to ask again, over UDP or TCP, which reply to believe, and who waits for it; it owns no socket
 * and reads no clock. One core serves a resolver's look-ups and a forwarder alike.
 *
 * A question (struct exchange) is asked by attempts. Each attempt is one message to one server on a fresh
 * source port (UDP) or connection (TCP), with its own random id and random letter case (RFC 5452;
 * draft-vixie-dnsext-dns0x20). Earlier attempts stay open until the exchange ends: a late answer is an
 * answer. A reply is believed if it came on the attempt's own socket, which the driver has connected to the
 * server's address and port, with the attempt's id, with the question asked, letter case included. Over TCP,
 * where nobody can forge, the letter case may differ.
 *
 *   truncated reply, or one whose letter case alone is wrong   the same server again over TCP
 *   FORMERR or NOTIMP to a question with EDNS                  the same server again without EDNS (RFC 6891 s7)
 *   SERVFAIL, REFUSED, other refusals, silence, an error       the next server
 *   no server answers in time                                  failure, also when some server said SERVFAIL
 *
 * The driver's loop: exchange_ask / exchange_input / exchange_failed / exchange_timeout, each followed by
 * exchange_next until it says EXCHANGE_NONE, and a timer for exchange_deadline.
 */
#ifndef IOTHDNS_EXCHANGE_H
#define IOTHDNS_EXCHANGE_H

#include "base/ipaddr.h"
#include "wire/dnsmsg.h"

/* The whole of an exchange: stub resolvers give up at 5 s, so the client hears from us before that. */
#define EXCHANGE_TOTAL (3700 * NSEC_PER_MSEC)
/* Attempts of one exchange, open at once at the most: bounds sockets and what is sent upstream for one
 * question. */
#define EXCHANGE_ATTEMPTS_MAX 10

/* Exchanges of one table at once at the most: an attempt_id holds that many. */
#define EXCHANGE_MAX (UINT32_C(1) << 24)

struct exchange_table;

/* Servers that are asked as one; lives as long as the exchanges that use it (they count references by `id`
 * only: the core copies what it needs of the list, at most EXCHANGE_ATTEMPTS_MAX servers: the first that are
 * not held down). */
struct exchange_servers {
    uint32_t id; /* identity: exchanges and cached answers of different sets never mix */
    unsigned count;
    const struct ipendpoint *servers;
};

struct exchange_question {
    const uint8_t *name; /* lower case, wire form */
    uint8_t name_len;
    uint16_t type, class;
    bool dnssec_ok, checking_disabled;
};

/* Embedded in whatever waits for an answer. */
struct exchange_waiter {
    struct exchange_waiter *next;
};

typedef uint64_t attempt_id; /* never 0, never reused */

enum exchange_event_kind {
    EXCHANGE_NONE,
    EXCHANGE_SEND,  /* open a socket of `transport` to `server`, connect it, send `bytes` (TCP: without the
                       length  prefix), and hand everything that comes back to exchange_input under `attempt`
                     */
    EXCHANGE_CLOSE, /* close the socket of `attempt`; nothing is wanted of it any more. Exactly once for each
                       SEND, also after exchange_failed, and before the DONE of its exchange */
    EXCHANGE_DONE, /* the exchange is over: `waiters` is the chain of who waited, `reply` (NULL: failure) what
                      they get: the upstream's message as it came, checked as above: the very bytes that were
                      given to exchange_input, which the driver must keep until exchange_next has said
                      EXCHANGE_NONE */
};

struct exchange_event {
    enum exchange_event_kind kind;
    attempt_id attempt;
    bool tcp;
    void *handle; /* CLOSE: what exchange_attach gave, or NULL */
    struct ipendpoint server;
    const uint8_t *bytes;
    size_t len;
    struct exchange_waiter *waiters;
    struct exchange_question question; /* DONE: what was asked, its name in lower case */
    uint32_t servers_id;               /* DONE */
    const uint8_t *reply;
    size_t reply_len;
};

struct exchange_settings {
    uint32_t max;         /* exchanges at once, 1..EXCHANGE_MAX; memory is taken as they are needed */
    uint32_t max_waiters; /* that wait for one exchange; at least 1 */
    void (*random)(void *arg, void *bytes, size_t len); /* unpredictable bytes */
    void *arg;
};

/* 0; -EINVAL: max out of range; -ENOMEM. */
MUST_CHECK int exchange_table_new(const struct exchange_settings *settings, struct exchange_table **ret);
/* Waiters of exchanges that are still open are forgotten, not freed: end them before (exchange_abandon). */
void exchange_table_free(struct exchange_table *t);

/* Asks; or, if the same is being asked of the same servers, waits for that. 0; -EAGAIN: too many exchanges or
 * waiters; -EDESTADDRREQ: no servers; -ENOMEM. On failure the waiter was not taken. */
MUST_CHECK int exchange_ask(struct exchange_table *t, const struct exchange_question *question,
                            const struct exchange_servers *servers, struct exchange_waiter *waiter,
                            nsec_t now);
/* Keeps the driver's socket with an attempt that was sent, and gives it back as long as the attempt is open
 * (else NULL): what comes late from a socket already closed finds nothing. */
void exchange_attach(struct exchange_table *t, attempt_id attempt, void *handle);
void *exchange_attached(struct exchange_table *t, attempt_id attempt);
/* A message came on the socket of an attempt (unknown or closed attempts are ignored). */
void exchange_input(struct exchange_table *t, attempt_id attempt, const uint8_t *bytes, size_t len,
                    nsec_t now);
/* Its socket failed: could not be opened or connected, was refused (ICMP), closed before a whole message
 * came. */
void exchange_failed(struct exchange_table *t, attempt_id attempt, nsec_t now);
void exchange_timeout(struct exchange_table *t, nsec_t now);
nsec_t exchange_deadline(const struct exchange_table *t);
/* The next thing to do. What *ret points to is valid until the next exchange_next; other functions of the
 * table may be called before, so those who waited may ask anew while they look at their answer. */
enum exchange_event_kind exchange_next(struct exchange_table *t, struct exchange_event *ret);
/* Ends all exchanges as failed; their events follow as usual. */
void exchange_abandon(struct exchange_table *t);

struct exchange_stats {
    uint64_t asked, coalesced, sent_udp, sent_tcp, answered, failed;
    uint64_t disbelieved; /* replies that were not to what was asked */
};
void exchange_stats(const struct exchange_table *t, struct exchange_stats *ret);

#endif
