/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is the address ours alone? (RFC 5227, whose times and numbers stand here under their names.)
 *
 * Before it is used it is probed: after a random wait, three probes at random distances, then a last wait.
 * Whoever names the address as his own meanwhile, or probes for it too, has it: DHCPDECLINE. Then it is
 * announced twice. Announcements are requests for the address, so one that was taken while the link was down
 * is noticed by the answer.
 *
 * In use it is defended (s2.4 (b)): a first conflict is met by an announcement; a second one within ten
 * seconds means that the other does not give way, and the address is given up.
 *
 * The times of probing scale with `probe_unit`; those of defence do not, since they bound what we send.
 */
#include "libiothconf/dhcp4_client_core.h"

enum { PROBE_NUM = 3, ANNOUNCE_NUM = 2 };

#define DEFEND_INTERVAL (10 * NSEC_PER_SEC)

/* In units of settings.probe_unit. */
enum { PROBE_WAIT = 1, PROBE_MIN = 1, PROBE_MAX = 2, ANNOUNCE_WAIT = 2, ANNOUNCE_INTERVAL = 2 };

static void send_arp(struct dhcp4_client *c, struct arp_packet arp)
{
    c->arp = arp;
    c->arp_waits = true;
}

/* ---- probing ---- */

void dhcp4_client_probe(struct dhcp4_client *c, nsec_t now)
{
    c->phase = DHCP4_PROBING;
    c->probes = 0;
    c->due = now + dhcp4_client_random(c, PROBE_WAIT * c->probe_unit);
}

void dhcp4_client_probe_timeout(struct dhcp4_client *c, nsec_t now)
{
    if (c->probes == PROBE_NUM) {
        dhcp4_client_bind(c, true, now);
        return;
    }
    send_arp(c, arp_probe(c->env.mac, c->lease.addr));
    c->probes++;
    if (c->probes < PROBE_NUM)
        c->due =
            now + PROBE_MIN * c->probe_unit + dhcp4_client_random(c, (PROBE_MAX - PROBE_MIN) * c->probe_unit);
    else
        c->due = now + ANNOUNCE_WAIT * c->probe_unit;
}

/* ---- in use ---- */

void dhcp4_client_announce(struct dhcp4_client *c, nsec_t now)
{
    if (c->announcements == 0) /* the first of them */
        c->announcements = ANNOUNCE_NUM;
    send_arp(c, arp_announcement(c->env.mac, c->lease.addr));
    c->announcements--;
    c->announce_at = now + ANNOUNCE_INTERVAL * c->probe_unit;
}

static void defend(struct dhcp4_client *c, nsec_t now)
{
    if (c->defended && now - c->defended_at < DEFEND_INTERVAL) {
        dhcp4_client_decline(c, now);
        return;
    }
    c->defended = true;
    c->defended_at = now;
    send_arp(c, arp_announcement(c->env.mac, c->lease.addr));
}

void dhcp4_client_hear_arp(struct dhcp4_client *c, const struct client_packet *packet, nsec_t now)
{
    struct arp_packet arp;

    if (!c->has_lease || arp_read(packet->bytes, packet->len, &arp) < 0)
        return;
    if (c->phase == DHCP4_PROBING) {
        if (arp_denies(&arp, c->env.mac, c->lease.addr))
            dhcp4_client_decline(c, now);
    } else if (arp_conflicts(&arp, c->env.mac, c->lease.addr)) {
        defend(c, now);
    }
}
