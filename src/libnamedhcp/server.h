/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the DHCP servers of both protocols have in common: dhcp6_server.h (RFC 9915) and dhcp4_server.h (RFC 2131). Each is a
 * pure core: packets, answers of the DNS and time go in; packets, questions to the DNS, leases to be kept and a deadline
 * come out. It opens nothing, reads no clock, draws no random number but by server_env.random. The service (namedhcp.h)
 * drives them on the sockets of a stack; the simulator of the tests with a virtual clock.
 *
 *   x_server_new(env, settings, &x)     0 or negative errno
 *   x_server_restore(x, lease, now)     a lease that was kept, before the first packet; hostile bytes are refused
 *   x_server_input(x, packet, now)      something came in
 *   x_server_answer(x, answer, now)     the DNS has said what was asked, or nothing
 *   x_server_in_use(x, question, mac, now) somebody uses an address that was to be probed
 *   x_server_timeout(x, now)            a deadline has come
 *   x_server_deadline(x)                when; NSEC_NEVER: no need
 *   x_server_next(x, &event)            what is to be done, one after the other, until SERVER_NONE
 *   x_server_free(x)                    takes NULL
 *
 * A client is told of a lease only after it was kept: SERVER_LEASE comes before the SERVER_SEND that speaks of it, and the
 * driver sends nothing before what came earlier is on record. So one transaction of the store can serve a batch of packets:
 * inputs first, then all events, then one commit, then the packets.
 *
 * A question to the DNS blocks nobody: the request waits in the core (bounded, the oldest goes first), others go on.
 */
#ifndef LIBNAMEDHCP_SERVER_H
#define LIBNAMEDHCP_SERVER_H

#include "base/ipaddr.h"
#include "wire/dname.h"

#include <stdbool.h>

/* Links (interfaces) of one server, numbered from 0; a set of them is the bits of a word. A machine with more has one program
 * for each few of them. */
#define SERVER_LINKS_MAX 32

/* A moment: deadlines and waiting by the monotonic clock, leases by the wall clock, which outlives a restart and may jump. */
struct server_time {
    nsec_t mono;
    int64_t wall_s; /* seconds since 1970 */
};

struct server_env {
    void (*random)(void *arg, void *bytes, size_t len); /* unpredictable bytes */
    void *arg;
};

/* The payload of a datagram. */
struct server_packet {
    struct ipendpoint from, to; /* in: as it came; out: `from` is unused */
    unsigned link;              /* by which of the server's links, below SERVER_LINKS_MAX */
    uint8_t from_mac[6];        /* in: of its frame, zero if not known */
    uint8_t via_mac
        [6]; /* out: of the frame that the request came in, for a link that looks for nobody's MAC address */
    uint8_t to_mac
        [6]; /* out, IPv4: for a client that has no address yet, sent as a frame; ff: broadcast. All zero: the stack
                          finds it */
    const uint8_t *bytes;
    size_t len;
};

#define SERVER_IDENTITY_MAX 255 /* a client identifier (RFC 2132 s9.14), a DUID (RFC 9915 s11.1) */

enum server_lease_state {
    SERVER_LEASE_BOUND,
    SERVER_LEASE_DECLINED, /* in use by somebody else, not given out until `ends` */
    SERVER_LEASE_RELEASED, /* given back; kept, so that the client gets it again if it is still free */
    SERVER_LEASE_CLAIM,    /* no address: `name` belongs to this client (first come, first served) */
};

/* What is kept over restarts, the key being the address, or the name of a claim. */
struct server_lease {
    enum server_lease_state state;
    struct ipaddr addr; /* all zero for a claim */
    uint8_t identity_len;
    uint8_t identity[SERVER_IDENTITY_MAX];
    uint8_t mac[6];          /* zero if not known */
    uint8_t name[DNAME_MAX]; /* wire form, lower case; the root: none */
    int64_t began, ends;     /* wall clock, seconds; INT64_MAX: for ever */
};

#define SERVER_ANSWER_ADDRS 8 /* of one name, more are not used */
#define SERVER_ANSWER_TEXT  512

enum server_answer_status {
    SERVER_FOUND,
    SERVER_NOT_THERE, /* no such name, or no such record: the DNS is sure */
    SERVER_UNKNOWN,   /* no answer in time, or a failure: it may be there */
};

struct server_answer {
    uint32_t question; /* of the SERVER_ASK */
    enum server_answer_status status;
    uint32_t ttl_s; /* the least of what the answer rests on */
    unsigned n_addrs;
    struct ipaddr addrs[SERVER_ANSWER_ADDRS];
    uint16_t text_len;
    char text[SERVER_ANSWER_TEXT]; /* the strings of a TXT record, one behind the other */
};

enum server_event_kind {
    SERVER_NONE,
    SERVER_SEND, /* packet */
    SERVER_ASK, /* question, name, qtype (A, AAAA, TXT): one x_server_answer follows for each, at the latest in
                     SERVER_ASK_TIME */
    SERVER_LEASE,  /* lease: to be kept, in place of what had its key */
    SERVER_FORGET, /* lease: its key is to be kept no longer */
    SERVER_PROBE, /* IPv4: addr, question: does anybody use it? (RFC 2131 s3.1: an ARP probe on the link, an echo request
                     beyond.) x_server_in_use if so, within probe_time; else nothing */
    SERVER_NOTE, /* text: something a person should know, at most a few a second */
};

#define SERVER_ASK_TIME                                                                                      \
    (2 * NSEC_PER_SEC) /* clients ask again after a second or so; they give up on us after that */
#define SERVER_PROBE_TIME (500 * NSEC_PER_MSEC)

struct server_event {
    enum server_event_kind kind;
    struct server_packet packet; /* as all pointers: valid until the next call of the core */
    uint32_t question;
    const uint8_t *name; /* wire form */
    uint16_t qtype;
    const struct server_lease *lease;
    struct ipaddr addr;
    bool relayed;       /* SERVER_PROBE: behind a relay */
    unsigned link;      /* SERVER_PROBE: on which, or by which; */
    uint8_t via_mac[6]; /* and as in struct server_packet */
    nsec_t probe_time;  /* SERVER_PROBE: how long the core waits */
    const char *text;
};

#endif
