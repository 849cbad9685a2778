/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See ra_port.h. The node listens to ff02::2 beside its own groups, and of what it does not answer by itself the messages for
 * the core are those of router discovery. Solicitations and advertisements that come before the address was tried are left:
 * nothing could be answered.
 */
#include "libiothradvd/ra_port.h"

#include <string.h>

void ra_port_init(struct ra_port *p, const struct ra_env *env, const uint8_t mac[static 6])
{
    struct host6_settings settings = {
        .random = env->random, .arg = env->arg, .is_router = true, .joined = &nd_all_routers, .n_joined = 1};

    memcpy(settings.mac, mac, sizeof(settings.mac));
    host6_init(&p->host, &settings);
}

void ra_port_up(struct ra_port *p, nsec_t now)
{
    host6_up(&p->host, now);
}

void ra_port_down(struct ra_port *p)
{
    host6_down(&p->host);
}

void ra_port_timeout(struct ra_port *p, nsec_t now)
{
    host6_timeout(&p->host, now);
}

nsec_t ra_port_deadline(const struct ra_port *p)
{
    return host6_deadline(&p->host);
}

size_t ra_port_output(struct ra_port *p, uint8_t frame[static RA_FRAME_MAX])
{
    return host6_output(&p->host, frame);
}

size_t ra_port_wrap(const struct ra_port *p, const struct ra_event *event, uint8_t frame[static RA_FRAME_MAX])
{
    struct ip6 message = {
        .from = p->host.addrs[0].addr, .to = event->to, .bytes = event->bytes, .len = event->len};

    return host6_wrap(&p->host, &message, event->to_mac, frame);
}

bool ra_port_input(struct ra_port *p, const uint8_t *frame, size_t len, nsec_t now, struct ra_packet *ret)
{
    struct reader r = reader_of(frame, len);
    struct ether_header header;
    struct host6_packet packet;

    ether_read(&r, &header);
    if (r.bad || !host6_input(&p->host, &header, frame + r.pos, reader_left(&r), now, &packet) ||
        packet.ip.next_header != IP6_ICMP ||
        (packet.ip.bytes[0] != ND_ROUTER_SOLICIT && packet.ip.bytes[0] != ND_ROUTER_ADVERT))
        return false;
    *ret = (struct ra_packet){.from = packet.ip.from,
                              .to = packet.ip.to,
                              .hop_limit = packet.ip.hop_limit,
                              .bytes = packet.ip.bytes,
                              .len = packet.ip.len};
    memcpy(ret->from_mac, packet.from_mac, sizeof(ret->from_mac));
    return true;
}
