/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Probes under way: does anybody use an address that is to be offered (RFC 2131 s3.1 step 2, s4.3.1)? By ARP on a link, by an
 * echo request beyond a relay. Pure: who drives it sends what is due and says what was heard.
 */
#ifndef LIBNAMEDHCP_DHCP_PROBES_H
#define LIBNAMEDHCP_DHCP_PROBES_H

#include "libnamedhcp/server.h"
#include "wire/arp.h"
#include "wire/icmp4.h"

#define DHCP_PROBES_MAX    1024 /* as many requests wait; an address beyond counts as free */
#define DHCP_PROBE_REPEATS 2    /* packets for one address: one may be lost */

struct dhcp_probe {
    uint32_t addr, question;
    unsigned link;
    bool echo; /* else ARP */
    uint8_t via_mac[6];
    uint16_t id, sequence; /* of the echo request */
    unsigned repeats;      /* still to be sent */
    nsec_t at, pause;      /* when, and how long after it */
    nsec_t until;
};

struct dhcp_probes {
    unsigned n;
    uint16_t id; /* unpredictable, so that nobody answers who was not asked */
    uint16_t sequence;
    struct dhcp_probe probes[DHCP_PROBES_MAX];
};

/* None under way. */
void dhcp_probes_init(struct dhcp_probes *p, uint16_t id);
/* An event of kind SERVER_PROBE. */
void dhcp_probes_begin(struct dhcp_probes *p, const struct server_event *event, nsec_t now);
/* The next one of which a packet is to be sent now, valid until the next call; NULL: none. Forgets those that have ended. */
const struct dhcp_probe *dhcp_probes_due(struct dhcp_probes *p, nsec_t now);
nsec_t dhcp_probes_deadline(const struct dhcp_probes *p); /* NSEC_NEVER */
/* Heard on a link by the node `mac`: true if somebody uses a probed address, whose question is in *ret; to be called again until
 * false. */
bool dhcp_probes_hear_arp(struct dhcp_probes *p, unsigned link, const uint8_t mac[static 6],
                          const struct arp_packet *arp, uint32_t *ret);
bool dhcp_probes_hear_echo(struct dhcp_probes *p, uint32_t from, const struct icmp4_echo *echo,
                           uint32_t *ret);

#endif
