/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See dhcp_probes.h. Nobody waits for a probe but the request that it is for: the core has its own deadline for that, and
 * a probe that nobody has answered just ends.
 *
 * Who uses the address says so as its sender. A probe of somebody else's by ARP is no sign of use: another server looks for the
 * same client, since it chooses as we do, or a client that was just given the address looks itself. An echo reply counts if it
 * comes from the address, with the identifier of this server and the number of this probe.
 */
#include "libnamedhcp/dhcp_probes.h"

#include <string.h>

void dhcp_probes_init(struct dhcp_probes *p, uint16_t id)
{
    p->n = 0;
    p->id = id;
    p->sequence = 0;
}

void dhcp_probes_begin(struct dhcp_probes *p, const struct server_event *event, nsec_t now)
{
    if (p->n == DHCP_PROBES_MAX)
        return;
    struct dhcp_probe *probe = &p->probes[p->n++];
    *probe = (struct dhcp_probe){.addr = ipaddr_to_v4(&event->addr),
                                 .question = event->question,
                                 .link = event->link,
                                 .echo = event->relayed,
                                 .id = p->id,
                                 .sequence = p->sequence++,
                                 .repeats = DHCP_PROBE_REPEATS,
                                 .at = now,
                                 .pause = event->probe_time / DHCP_PROBE_REPEATS,
                                 .until = now + event->probe_time};
    memcpy(probe->via_mac, event->via_mac, sizeof(probe->via_mac));
}

static void end(struct dhcp_probes *p, unsigned i)
{
    p->probes[i] = p->probes[--p->n];
}

const struct dhcp_probe *dhcp_probes_due(struct dhcp_probes *p, nsec_t now)
{
    for (unsigned i = 0; i < p->n;) {
        struct dhcp_probe *probe = &p->probes[i];
        if (probe->at > now) {
            i++;
        } else if (probe->repeats > 0) {
            probe->repeats--;
            probe->at = probe->repeats > 0 ? now + probe->pause : probe->until;
            return probe;
        } else {
            end(p, i); /* nobody has said anything */
        }
    }
    return NULL;
}

nsec_t dhcp_probes_deadline(const struct dhcp_probes *p)
{
    nsec_t first = NSEC_NEVER;

    for (unsigned i = 0; i < p->n; i++)
        if (p->probes[i].at < first)
            first = p->probes[i].at;
    return first;
}

bool dhcp_probes_hear_arp(struct dhcp_probes *p, unsigned link, const uint8_t mac[static 6],
                          const struct arp_packet *arp, uint32_t *ret)
{
    for (unsigned i = 0; i < p->n; i++) {
        const struct dhcp_probe *probe = &p->probes[i];
        if (probe->echo || probe->link != link || !arp_conflicts(arp, mac, probe->addr))
            continue;
        *ret = probe->question;
        end(p, i);
        return true;
    }
    return false;
}

bool dhcp_probes_hear_echo(struct dhcp_probes *p, uint32_t from, const struct icmp4_echo *echo, uint32_t *ret)
{
    for (unsigned i = 0; i < p->n; i++) {
        const struct dhcp_probe *probe = &p->probes[i];
        if (!probe->echo || probe->addr != from || echo->type != ICMP4_ECHO_REPLY || echo->id != probe->id ||
            echo->sequence != probe->sequence)
            continue;
        *ret = probe->question;
        end(p, i);
        return true;
    }
    return false;
}
