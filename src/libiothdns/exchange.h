/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The exchange core of the DNS: questions asked of upstream servers until one answers. It decides whom to
 * ask, when to ask again, over UDP or TCP, which reply to believe, and who waits for it; it owns no socket
 * and reads no clock. One core serves a resolver's look-ups and a forwarder alike.
 *
 * A question (struct exchange) is asked by attempts. Each attempt is one message to one server, from a source
 * port that the driver chooses by chance (UDP) or over a connection, with its own random id and random letter
 * case (RFC 5452; draft-vixie-dnsext-dns0x20) and the server's cookies (RFC 7873). Earlier attempts stay open
 * until the exchange ends: a late answer is an answer. A reply is believed if it came on the attempt's own
 * socket, which the driver has connected to the server's address and port, with the attempt's id, with the
 * question asked, letter case included, and with our cookie from a server that knows cookies. Over TCP, where
 * nobody can forge, letter case and cookie may be missing.
 *
 *   truncated, or letter case or cookie alone is wrong    the same server again over TCP
 *   many wrong replies                                    the same server again over TCP (exchange_guessed)
 *   FORMERR or NOTIMP to a question with EDNS             the same server again without EDNS (RFC 6891 s7)
 *   BADCOOKIE                                             the same server again with the new cookie, then TCP
 *   SERVFAIL, REFUSED, other refusals, silence, an error  the next server
 *   no server answers in time                             failure, also when some server said SERVFAIL
 *
 * What a server does not understand, and how fast it is, is remembered (exchange_servers.h).
 *
 * The driver's loop: exchange_ask / exchange_input / exchange_failed / exchange_timeout, each followed by
 * exchange_next until it says EXCHANGE_NONE, and a timer for exchange_deadline.
 */
#ifndef IOTHDNS_EXCHANGE_H
#define IOTHDNS_EXCHANGE_H

#include "base/ipaddr.h"
#include "base/siphash.h"
#include "wire/dnsmsg.h"

/* The whole of an exchange: stub resolvers give up at 5 s, so the client hears from us before that. */
#define EXCHANGE_TOTAL (3700 * NSEC_PER_MSEC)
/* Attempts of one exchange, open at once at the most: bounds what is sent upstream for one question. */
#define EXCHANGE_ATTEMPTS_MAX 10

/* Exchanges of one table at once at the most: an attempt_id holds that many. */
#define EXCHANGE_MAX (UINT32_C(1) << 24)

struct exchange_table;

/* How servers are asked. All zero: the fastest first, over UDP, within EXCHANGE_TOTAL. With `listed` it is over as soon as
 * nobody is at the port of any of them. */
struct exchange_plan {
    bool listed;  /* in the order of the list, those that are silent last, in place of the fastest first */
    bool tcp;     /* over TCP at once */
    nsec_t total; /* of the exchange; 0: EXCHANGE_TOTAL. More than half a second */
    nsec_t
        interval; /* from each attempt to the next; 0: what round trips let expect, then longer and longer */
    unsigned
        attempts; /* that the passing of time leads to, 1..EXCHANGE_ATTEMPTS_MAX; 0: as many as there may be. What
                          a reply leads to (TCP, no EDNS, ...) comes on top of that */
};

/* Servers that are asked as one; lives as long as the exchanges that use it (they count references by `id`
 * only: the core copies what it needs of the list, at most EXCHANGE_ATTEMPTS_MAX servers, the best). */
struct exchange_servers {
    uint32_t id; /* identity: exchanges and cached answers of different sets never mix */
    unsigned count;
    const struct ipendpoint *servers;
    struct exchange_plan plan;
};

struct exchange_question {
    const uint8_t *name; /* lower case, wire form */
    uint8_t name_len;
    uint16_t type, class;
    bool dnssec_ok, checking_disabled;
    bool authentic_data; /* asks whether the server has validated the answer (RFC 6840 s5.7) */
};

/* Embedded in whatever waits for an answer. */
struct exchange_waiter {
    struct exchange_waiter *next;
};

typedef uint64_t attempt_id; /* never 0, never reused */

enum exchange_event_kind {
    EXCHANGE_NONE,
    EXCHANGE_SEND, /* send `bytes` to `server` (TCP: without the length prefix) from a connected socket whose port
                       nobody can foresee, on which no open attempt has the same id, and hand what comes back with
                       that id to exchange_input under `attempt` */
    EXCHANGE_CLOSE, /* nothing is wanted any more for `attempt`. Exactly once for each SEND, also after
                       exchange_failed, and before the DONE of its exchange */
    EXCHANGE_DONE, /* the exchange is over: `waiters` is the chain of who waited, `reply` (NULL: failure) what
                       they get: the upstream's message as it came, checked as above: the very bytes that were
                       given to exchange_input, which the driver must keep until exchange_next has said
                       EXCHANGE_NONE */
};

/* Why there is no reply. */
enum exchange_failure {
    EXCHANGE_SILENT,      /* a server was asked and did not answer in time */
    EXCHANGE_REFUSED,     /* the servers that did answer refused or failed */
    EXCHANGE_UNREACHABLE, /* none could be asked: no route, no socket, nobody at the port */
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
    enum exchange_failure failure; /* DONE without a reply */
};

struct exchange_settings {
    uint32_t max;         /* exchanges at once, 1..EXCHANGE_MAX; memory is taken as they are needed */
    uint32_t max_waiters; /* that wait for one exchange; at least 1 */
    void (*random)(void *arg, void *bytes, size_t len); /* unpredictable bytes */
    void *arg;
    struct siphash_key cookie_key; /* secret; whoever has it knows our cookies: exchange_made_cookie */
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
/* The same is being asked of the same servers now. */
bool exchange_is_asking(const struct exchange_table *t, const struct exchange_question *question,
                        uint32_t servers_id);
/* Ends the exchange that asks this as failed, if there is one; its events follow as usual. */
void exchange_cancel(struct exchange_table *t, const struct exchange_question *question, uint32_t servers_id);
/* Keeps the driver's socket with an attempt that was sent, and gives it back as long as the attempt is open
 * (else NULL): what comes late from a socket already closed finds nothing. */
void exchange_attach(struct exchange_table *t, attempt_id attempt, void *handle);
void *exchange_attached(struct exchange_table *t, attempt_id attempt);
/* A message came on the socket of an attempt (unknown or closed attempts are ignored). False: it is not to what was
 * asked, somebody guesses. */
bool exchange_input(struct exchange_table *t, attempt_id attempt, const uint8_t *bytes, size_t len,
                    nsec_t now);
/* Its socket failed for a reason of the server's or of the network's: refused (ICMP), not connected, closed before a
 * whole message came. */
void exchange_failed(struct exchange_table *t, attempt_id attempt, nsec_t now);
/* It could not be sent for a reason of our own: no descriptor, no memory, no route. That says nothing about the
 * server: others are asked at once, this one again in its turn. */
void exchange_unsent(struct exchange_table *t, attempt_id attempt, nsec_t now);
/* The connection on which it waited had served others and ended: it is to be sent once more (RFC 7766 s6.2.4). */
void exchange_again(struct exchange_table *t, attempt_id attempt, nsec_t now);
/* Its socket gets more wrong replies than chance brings: over TCP, where nobody can guess. */
void exchange_guessed(struct exchange_table *t, attempt_id attempt, nsec_t now);
void exchange_timeout(struct exchange_table *t, nsec_t now);
nsec_t exchange_deadline(const struct exchange_table *t);
/* The next thing to do. What *ret points to is valid until the next exchange_next; other functions of the
 * table may be called before, so those who waited may ask anew while they look at their answer. */
enum exchange_event_kind exchange_next(struct exchange_table *t, struct exchange_event *ret);
/* Ends all exchanges as failed; their events follow as usual. */
void exchange_abandon(struct exchange_table *t);

/* The client cookie (RFC 7873 s4.1) of a question was made by a table with this key: the question is one of
 * our own, come back to us. By chance it is so once in 2^32. */
bool exchange_made_cookie(const struct siphash_key *key, const uint8_t cookie[static 8]);

struct exchange_stats {
    uint64_t asked, coalesced, sent_udp, sent_tcp, answered, failed;
    uint64_t disbelieved; /* replies that were not to what was asked */
    uint64_t unsent;      /* attempts that failed for reasons of our own */
    uint64_t guessed;     /* attempts that went on over TCP since somebody guessed */
};
void exchange_stats(const struct exchange_table *t, struct exchange_stats *ret);

/* What is known of a server, for people to look at. */
struct exchange_server {
    struct ipendpoint endpoint;
    nsec_t rtt;     /* smoothed round trip; 0: not known */
    bool held_down; /* it was silent, and others are asked first */
};
#define EXCHANGE_SERVERS_MAX 64 /* that are remembered: SERVERS_MAX of exchange_servers.h */
/* Those that are remembered, at most max. Their number. */
unsigned exchange_servers_known(const struct exchange_table *t, nsec_t now, struct exchange_server *ret,
                                unsigned max);

#endif
