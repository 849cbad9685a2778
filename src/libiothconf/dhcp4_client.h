/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The DHCPv4 client (RFC 2131 s4.4) as a pure core; its functions are those that client.h describes.
 *
 * What it asks for: an address, mask, routers, classless and static routes, MTU, name servers, domain and
 * search list, and what else the settings name. The address is probed before it is used and defended
 * afterwards (RFC 5227). What the RFCs leave open is decided so:
 *
 *   the first acceptable offer is taken at once; that of the server that failed last waits up to four seconds
 *   for another one. Waiting for a better one would cost each start some seconds, and nothing in an offer
 *   says which is better.
 *
 *   the delay before the first message is at most 0.25 s instead of 1..10 s (s4.4.1): somebody waits for the
 *   address, and the intervals that follow have their jitter.
 *
 *   a lease from before a restart is asked for (INIT-REBOOT), but not used unless a server confirms it: no
 *   clock goes on over a restart, and the network may be another. One that stands when the link comes back is
 *   asked for likewise, and goes on standing while nobody answers, until its end.
 *
 *   a lease counts from the first sending of the request that was granted, so it ends here before it ends at
 *   the server.
 *
 *   replies may come as unicast: the driver reads frames (AF_PACKET), so it gets what is sent to an address
 *   that does not stand yet. From the third message of a round on, the flag asks for broadcasts, for servers
 *   and links that cannot do that.
 *
 *   the least interval between renewals, 60 s (s4.4.5), is a sixteenth of a lease of less than 16 minutes,
 *   but 4 s: it would leave a short lease a single try.
 */
#ifndef LIBIOTHCONF_DHCP4_CLIENT_H
#define LIBIOTHCONF_DHCP4_CLIENT_H

#include "libiothconf/client.h"
#include "wire/dhcp4.h"

#define DHCP4_CLIENT_ID_MAX 255 /* what an option holds */
/* Options asked for beyond those of every client: a request stays a small one. */
#define DHCP4_CLIENT_ALSO_MAX 32
/* A lease of fewer seconds is not taken: it would end while its address is still being probed. */
#define DHCP4_CLIENT_LEASE_MIN_S 10

/* All of it is copied. */
struct dhcp4_client_settings {
    /* Option 61 whole, 2..255 bytes, as duid_client_id makes it (RFC 4361); NULL: hardware type and address. */
    const uint8_t *client_id;
    size_t client_id_len;
    /* What CLIENT_SAVE said last; NULL: nothing. What is not for this interface and client id, or damaged, is
     * not looked at. */
    const uint8_t *saved;
    size_t saved_len;
    /* Codes of further options to ask for, at most DHCP4_CLIENT_ALSO_MAX; their values are found in
     * dhcp4_client_granted. */
    const uint8_t *also;
    size_t n_also;
    bool broadcast;    /* ask for broadcast replies from the first message on */
    bool rapid_commit; /* offer RFC 4039: an address after two messages */
    /* What RFC 5227 calls a second, for probing and announcing; 0: a second. The keeper has a fifth of it: on a
     * virtual Ethernet answers take milliseconds, and a program waits for its address. */
    nsec_t probe_unit;
};

struct dhcp4_client;

/* 0; -EINVAL: a length out of range; -ENOMEM. */
MUST_CHECK int dhcp4_client_new(const struct client_env *env, const struct dhcp4_client_settings *settings,
                                struct dhcp4_client **ret);
void dhcp4_client_free(struct dhcp4_client *c);
void dhcp4_client_start(struct dhcp4_client *c, nsec_t now);
/* CLIENT_UDP to port 68 and CLIENT_ARP; others are ignored. */
void dhcp4_client_input(struct dhcp4_client *c, const struct client_packet *packet, nsec_t now);
void dhcp4_client_timeout(struct dhcp4_client *c, nsec_t now);
nsec_t dhcp4_client_deadline(const struct dhcp4_client *c);
void dhcp4_client_stop(struct dhcp4_client *c, nsec_t now);
enum client_event_kind dhcp4_client_next(struct dhcp4_client *c, struct client_event *ret);

/* The names that stand now, after CLIENT_NAMES. Valid until the next call of the core. */
const struct client_names *dhcp4_client_names(const struct dhcp4_client *c);
/* The server's last DHCPACK, for what else it says: dhcp4_fqdn, dhcp4_option; NULL: no address stands. Valid until the
 * next call of the core. */
const struct dhcp4_message *dhcp4_client_granted(const struct dhcp4_client *c);

#endif
