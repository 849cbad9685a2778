/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the clients of an interface have in common: DHCPv4 (dhcp4_client.h), DHCPv6 (dhcp6_client.h), router
 * discovery (rd_client.h). Each is a pure core: bytes and time go in, bytes, changes of the stack and a deadline come out. It
 * opens nothing, reads no clock, draws no random number but by client_env.random. The keeper (keeper.h) drives them on
 * the sockets of a stack; the simulator of the tests with a virtual clock.
 *
 *   x_new(env, settings, &x)      makes one, at rest; 0 or negative errno
 *   x_start(x, now)               the link is up: begins, or begins anew after the link was down (INIT-REBOOT,
 *                                 CONFIRM, router solicitation)
 *   x_input(x, packet, now)       something came in
 *   x_verdict(x, addr, duplicate, now)  IPv6 cores: the stack has tried an address that was added (RFC 4862 s5.4):
 *                                 it is ours alone, or a duplicate, and then of no use
 *   x_timeout(x, now)             a deadline has come
 *   x_deadline(x)                 when, NSEC_NEVER: no need
 *   x_stop(x, now)                gives back what it holds (RELEASE, DEL events for all that stands) and rests
 *   x_next(x, &event)             what is to be done, one after the other, until CLIENT_NONE; after each of the
 *                                 functions above
 *   x_free(x)                     takes NULL; says nothing to anybody
 *
 * What a core has said by ADD stands until it says DEL: the keeper counts nothing down. Adding what stands renews
 * its lifetimes.
 */
#ifndef LIBIOTHCONF_CLIENT_H
#define LIBIOTHCONF_CLIENT_H

#include "base/ipaddr.h"
#include "wire/dname.h"

#include <stdbool.h>

/* The interface and the node. */
struct client_env {
    uint8_t mac[6];
    uint16_t mtu;
    unsigned ifindex;
    const uint8_t *fqdn; /* wire form, lower case; NULL: no name was given. Must outlive the core */
    void (*random)(void *arg, void *bytes, size_t len); /* unpredictable bytes */
    void *arg;
};

/* How bytes travel. */
enum client_way {
    CLIENT_UDP,   /* the payload of a datagram; `from` and `to` with ports */
    CLIENT_ICMP6, /* an ICMPv6 message from its type on; ports 0. In: the checksum was right, hop_limit is the
                     packet's. Out: checksum 0, hop limit 255, both filled in by the keeper */
    CLIENT_ARP,   /* an ARP packet without its Ethernet header; addresses unused */
};

struct client_packet {
    enum client_way way;
    struct ipendpoint from, to; /* CLIENT_UDP, CLIENT_ICMP6. Out: `from` all zero (::): the stack chooses; or
                                   0.0.0.0: there is no address yet (RFC 2131 s4.1) */
    uint8_t to_mac[6];   /* out: IPv4 without an address of our own, and ARP: sent as a frame; ff: broadcast.
                                   All zero: the stack finds it */
    uint8_t from_mac[6]; /* in: CLIENT_ARP */
    uint8_t hop_limit;   /* in: CLIENT_ICMP6 */
    const uint8_t *bytes;
    size_t len;
};

/* What a router or server may give beside addresses, all optional. */
enum client_event_kind {
    CLIENT_NONE,
    CLIENT_SEND,     /* packet */
    CLIENT_ADDR_ADD, /* addr, bits, preferred_until, valid_until */
    CLIENT_ADDR_DEL, /* addr, bits */
    CLIENT_ROUTE_ADD, /* addr/bits by gateway (all zero: on the link), metric, hop_limit, valid_until. ::/0 and 0.0.0.0/0 are
                         default routes */
    CLIENT_ROUTE_DEL, /* the same */
    CLIENT_MTU,       /* mtu; 0: that of the link again */
    CLIENT_NAMES,     /* x_names has changed */
    CLIENT_BOUND,     /* the first, or a new, configuration stands: after its ADD events */
    CLIENT_LOST,      /* nothing stands any more; it goes on trying */
    CLIENT_DUPLICATE, /* addr is somebody else's: it was taken back, and is tried again later */
    CLIENT_MANAGED,   /* router discovery: the flags M and O are now as said (RFC 4861 s4.2) */
    CLIENT_TIMERS, /* router discovery: reachable_ms, retrans_ms (RFC 4861 s6.3.2); 0: that of the link again */
    CLIENT_SAVE, /* `bytes` are to be kept, and given to x_new after a restart (a lease, RFC 2131 s3.2); len 0: what was
                    kept is not good any more */
};

struct client_event {
    enum client_event_kind kind;
    struct client_packet packet; /* valid until the next call of the core, as are bytes */
    struct ipaddr addr, gateway;
    unsigned bits;                       /* in the 128-bit form: 10.0.0.0/8 has 104 */
    uint32_t metric;                     /* lower is better; from the router's preference (RFC 4191) */
    nsec_t preferred_until, valid_until; /* NSEC_NEVER: for ever */
    uint8_t hop_limit;                   /* of packets that take the route; 0: the stack's own */
    uint16_t mtu;
    uint32_t reachable_ms, retrans_ms; /* CLIENT_TIMERS */
    bool managed, other;               /* CLIENT_MANAGED */
    const uint8_t *bytes;
    size_t len;
};

/* Name servers and search domains that stand now, in the order of preference. */
#define CLIENT_SERVERS_MAX 16 /* a resolver uses three; RFC 8106 s5.3.1 asks for three at least */
#define CLIENT_DOMAINS_MAX 16
struct client_names {
    unsigned n_servers, n_domains;
    struct ipaddr servers[CLIENT_SERVERS_MAX];
    uint8_t domains[CLIENT_DOMAINS_MAX][DNAME_MAX]; /* wire form */
};

/* The same ones in the same order, letter case included. */
static inline bool client_names_equal(const struct client_names *a, const struct client_names *b)
{
    if (a->n_servers != b->n_servers || a->n_domains != b->n_domains ||
        memcmp(a->servers, b->servers, a->n_servers * sizeof(a->servers[0])) != 0)
        return false;
    for (unsigned i = 0; i < a->n_domains; i++) {
        size_t len = dname_len(a->domains[i]);
        if (len != dname_len(b->domains[i]) || memcmp(a->domains[i], b->domains[i], len) != 0)
            return false;
    }
    return true;
}

#endif
