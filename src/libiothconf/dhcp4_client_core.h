/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the DHCPv4 client share. An address is a number: 10.0.0.1 is 0x0a000001. */
#ifndef LIBIOTHCONF_DHCP4_CLIENT_CORE_H
#define LIBIOTHCONF_DHCP4_CLIENT_CORE_H

#include "libiothconf/dhcp4_client.h"
#include "wire/arp.h"

/* Routes that are taken from a server at the most: a host knows its routers and a few networks; more would fill the
 * stack's table at the wish of whoever answers first. */
#define DHCP4_ROUTES_MAX 32

enum { DHCP4_SAVED_LEN = 27 }; /* bytes of CLIENT_SAVE */

/* States of RFC 2131 figure 5. Declined and refused clients wait in INIT. */
enum dhcp4_phase {
    DHCP4_RESTING, /* dhcp4_client_start has not been called, or _stop has */
    DHCP4_INIT,    /* waits, then asks: for what it had (REBOOTING) or anything (SELECTING) */
    DHCP4_SELECTING,
    DHCP4_REQUESTING,
    DHCP4_REBOOTING,
    DHCP4_PROBING, /* the address was granted; is it free? (RFC 5227 s2.1) */
    DHCP4_BOUND,
    DHCP4_RENEWING,
    DHCP4_REBINDING,
};

struct dhcp4_offer {
    uint32_t addr, server; /* 0: none */
};

struct dhcp4_lease {
    uint32_t addr, server;
    unsigned bits;                                 /* 1..32 */
    nsec_t duration, renew_at, rebind_at, expires; /* NSEC_NEVER, all four: for ever */
    struct dhcp4_message ack;
};

/* What stands on the stack, or should. */
struct dhcp4_standing {
    uint32_t addr; /* 0: none, and then nothing of the rest */
    unsigned bits;
    nsec_t until;
    unsigned n_routes;
    struct dhcp4_route
        routes[DHCP4_ROUTES_MAX]; /* no two to the same prefix; a router's own before those that need it */
    nsec_t route_until[DHCP4_ROUTES_MAX];
    uint16_t mtu; /* 0: the link's */
};

struct dhcp4_client {
    struct client_env env;
    uint8_t client_id[DHCP4_CLIENT_ID_MAX], client_id_len;
    uint8_t also[DHCP4_CLIENT_ALSO_MAX], n_also;
    bool wants_broadcast, rapid_commit;
    nsec_t probe_unit;

    enum dhcp4_phase phase;
    nsec_t due;     /* when something happens in this phase */
    unsigned tries; /* messages sent in this phase */
    nsec_t began;   /* the acquisition or renewal: `secs` */
    uint16_t secs;  /* of the last message */
    uint32_t xid;
    nsec_t asked_at;             /* first sending of the message that a DHCPACK may grant */
    struct dhcp4_offer offer;    /* chosen */
    struct dhcp4_offer fallback; /* of the server that failed last */
    struct dhcp4_offer hint;     /* what we had, or have: to be asked for */
    uint32_t shunned;            /* the server that failed last; 0: none */
    bool reboots;                /* INIT leads to REBOOTING */
    unsigned failures;           /* NAKs since an address stood */
    unsigned conflicts;          /* addresses that were taken since one stood */

    bool has_lease; /* being probed, or standing; in any phase: until it ends */
    struct dhcp4_lease lease;

    unsigned probes;        /* sent */
    unsigned announcements; /* to be sent */
    nsec_t announce_at, defended_at;
    bool defended; /* at defended_at; else never */

    struct dhcp4_standing want, told;
    struct client_names names;
    bool news; /* BOUND or LOST is to be said */
    bool names_changed, save_changed;
    bool arp_waits, packet_waits, releases; /* to be sent; `releases`: before anything is taken down */
    struct arp_packet arp;
    struct client_packet packet;
    uint8_t arp_bytes[ARP_LEN], saved[DHCP4_SAVED_LEN], bytes[DHCP4_MESSAGE_MAX];
};

/* ---- dhcp4_client.c ---- */

/* Evenly between 1 ns and `limit`, which is not 0: what is to happen later does not happen now. */
nsec_t dhcp4_client_random(const struct dhcp4_client *c, nsec_t limit);
/* The interval after message number `tries` (0..) of a round: 4, 8, 16, 32, 64, 64 ... s, each +-1 s (s4.1). */
nsec_t dhcp4_client_backoff(const struct dhcp4_client *c, unsigned tries);
/* The lease is no more: what stands by it is taken down. */
void dhcp4_client_drop(struct dhcp4_client *c);
/* Somebody else has the lease's address: DHCPDECLINE, and from the beginning after a while (s3.1 step 5). */
void dhcp4_client_decline(struct dhcp4_client *c, nsec_t now);
/* Uses the lease from now on. */
void dhcp4_client_bind(struct dhcp4_client *c, bool announces, nsec_t now);

/* ---- dhcp4_client_message.c ---- */

/* Makes the message to be sent next: DHCPREQUEST as the phase has it, DISCOVER, DECLINE, RELEASE. */
void dhcp4_client_say(struct dhcp4_client *c, enum dhcp4_type type, nsec_t now);
void dhcp4_client_new_xid(struct dhcp4_client *c);
/* A server's message that answers our last; 0, or -EBADMSG: it is none. */
MUST_CHECK int dhcp4_client_read(const struct dhcp4_client *c, const struct client_packet *packet,
                                 struct dhcp4_message *ret);

/* ---- dhcp4_client_lease.c ---- */

/* What an offer or a DHCPACK gives, counted from asked_at; 0, or -EINVAL: it cannot be used. */
MUST_CHECK int dhcp4_client_lease_of(const struct dhcp4_client *c, const struct dhcp4_message *m,
                                     struct dhcp4_lease *ret);
/* Makes `want` and the names of the lease. */
void dhcp4_client_configure(struct dhcp4_client *c);
/* An address that one host may have (RFC 1122 s3.2.1.3). */
bool dhcp4_client_is_host(uint32_t addr);
/* The hint as bytes for CLIENT_SAVE, and back: false: they do not belong to this interface and client id. */
void dhcp4_client_save(const struct dhcp4_client *c, uint8_t bytes[static DHCP4_SAVED_LEN]);
bool dhcp4_client_restore(const struct dhcp4_client *c, const uint8_t *bytes, size_t len,
                          struct dhcp4_offer *ret);

/* ---- dhcp4_client_arp.c ---- */

void dhcp4_client_probe(struct dhcp4_client *c, nsec_t now);
void dhcp4_client_probe_timeout(struct dhcp4_client *c, nsec_t now);
void dhcp4_client_announce(struct dhcp4_client *c, nsec_t now);
void dhcp4_client_hear_arp(struct dhcp4_client *c, const struct client_packet *packet, nsec_t now);

#endif
