/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The DHCPv6 client of an interface (RFC 9915), a pure core of the shape that client.h describes. It gets
 * addresses by an IA_NA (stateful), or name servers alone (stateless), as the routers say; and it tells
 * servers of the addresses that the interface made itself (RFC 9686), if they want to hear of them.
 *
 * Packets are CLIENT_UDP, from port 546 to ff02::1:2 port 547; their source is up to the stack (the
 * link-local address) but for registrations, whose source is the address that they tell of. Events: SEND,
 * ADDR_ADD, ADDR_DEL, NAMES, BOUND, LOST, SAVE.
 */
#ifndef LIBIOTHCONF_DHCP6_CLIENT_H
#define LIBIOTHCONF_DHCP6_CLIENT_H

#include "libiothconf/client.h"
#include "libiothconf/duid.h"

struct dhcp6_client;

/* What the flags of router advertisements ask for (RFC 4861 s4.2): neither, O alone, M. */
enum dhcp6_mode {
    DHCP6_MODE_OFF,
    DHCP6_MODE_STATELESS, /* INFORMATION-REQUEST: name servers and search domains */
    DHCP6_MODE_STATEFUL,  /* SOLICIT: addresses, and the same */
};

struct dhcp6_client_settings {
    struct duid duid;
    uint32_t iaid; /* duid_iaid(mac) */
    enum dhcp6_mode mode;
    bool no_rapid_commit; /* two messages instead of four are asked for unless this says otherwise (s14) */
    /* What CLIENT_SAVE gave before a restart, copied; NULL: nothing. Bytes that make no sense are as none. */
    const void *saved;
    size_t saved_len;
    nsec_t saved_age; /* how long ago it was given, by the wall clock; its lifetimes are counted from then */
};

/* At rest. env and settings are copied, env.fqdn is not. *ret is to be freed by dhcp6_client_free. 0;
 * -EINVAL: the DUID is none; -ENOMEM. */
MUST_CHECK int dhcp6_client_new(const struct client_env *env, const struct dhcp6_client_settings *settings,
                                struct dhcp6_client **ret);
void dhcp6_client_free(struct dhcp6_client *x);

/* The link is up, for the first time or again. Addresses that stand, or were saved, are confirmed
 * (s18.2.3). */
void dhcp6_client_start(struct dhcp6_client *x, nsec_t now);
/* Another mode. What is no longer asked for is given back: leaving STATEFUL releases the addresses. At rest
 * it is what dhcp6_client_start begins with. */
void dhcp6_client_mode(struct dhcp6_client *x, enum dhcp6_mode mode, nsec_t now);
/* Releases and rests. The RELEASE is repeated until it is answered, four times at the most (s18.2.7): who
 * cannot wait so long sends the first one and frees the core. */
void dhcp6_client_stop(struct dhcp6_client *x, nsec_t now);

void dhcp6_client_input(struct dhcp6_client *x, const struct client_packet *packet, nsec_t now);
void dhcp6_client_verdict(struct dhcp6_client *x, const struct ipaddr *addr, bool duplicate, nsec_t now);
void dhcp6_client_timeout(struct dhcp6_client *x, nsec_t now);
nsec_t dhcp6_client_deadline(const struct dhcp6_client *x);
/* Returns ret->kind, CLIENT_NONE at the end. CLIENT_SAVE with len 0: forget what was saved. */
enum client_event_kind dhcp6_client_next(struct dhcp6_client *x, struct client_event *ret);
/* Valid as long as the core; its content until the next call of it. */
const struct client_names *dhcp6_client_names(const struct dhcp6_client *x);

/* How many addresses of its own an interface may register: two for each of DHCP6_REGISTRATIONS_MAX / 2
 * prefixes. */
#define DHCP6_REGISTRATIONS_MAX 32

/* RFC 9686. This address was made here (SLAAC, or by hand: lifetimes NSEC_NEVER) and has passed duplicate
 * address detection; or its lifetimes have changed. It is told to the servers once one has said that it wants
 * to know. 0; -EINVAL: not an address of global scope (s4.2), or one that DHCPv6 itself has given;
 * -ENOSPC. */
MUST_CHECK int dhcp6_client_register(struct dhcp6_client *x, const struct ipaddr *addr,
                                     nsec_t preferred_until, nsec_t valid_until, nsec_t now);
/* It goes away: said to the servers if they know of it, so to be called (and events taken) before it is
 * gone. */
void dhcp6_client_unregister(struct dhcp6_client *x, const struct ipaddr *addr, nsec_t now);

#endif
