/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See dhcp_port.h. As with IPv6 nothing is remembered of neighbours: a reply goes to the MAC address from which the request
 * came (server_packet.via_mac), be that the client, a relay on the link, or the router that brought what a relay beyond it had
 * sent. So there is no table for strangers to fill, no waiting for an answer of ARP, and no route to be configured.
 *
 * Whoever is on the network may send any frame: it costs one pass and at most one answer, which is no longer than itself or
 * than a packet of ARP. What is not for our addresses, a broadcast or a group is left at once; what is for us and damaged, and
 * fragments, are counted. A DHCP message fits into a frame (RFC 2131 s2, RFC 9915 s5.2 leaves it to the sender).
 *
 * Our IPv4 addresses are a person's word, so they are not tried first; they are announced twice when the port comes up, and
 * when somebody else speaks as one of them it is defended, once in ten seconds (RFC 5227 s2.4 b). In place of an IPv6
 * link-local address that is a duplicate wire/host6 tries others.
 */
#include "libnamedhcp/dhcp_port.h"

#include "wire/dhcp4.h"
#include "wire/dhcp6.h"

#include <errno.h>

enum {
    ANNOUNCEMENTS = 2, /* RFC 5227 s1.1: ANNOUNCE_NUM */
    HOPS = 64,
};

#define ANNOUNCE_INTERVAL (2 * NSEC_PER_SEC)  /* RFC 5227 s1.1 */
#define DEFEND_INTERVAL   (10 * NSEC_PER_SEC) /* RFC 5227 s1.1 */

static const uint8_t broadcast_mac[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, no_mac[6];

/* --- addresses --- */

static bool has_addr4(const struct dhcp_port *p, uint32_t addr)
{
    for (unsigned i = 0; i < p->n_addrs; i++)
        if (ipaddr_is_v4(&p->addrs[i].addr) && ipaddr_to_v4(&p->addrs[i].addr) == addr)
            return true;
    return false;
}

/* To us, to all, or to all of a network of ours. */
static bool is_for_us4(const struct dhcp_port *p, const struct ipaddr *to)
{
    uint32_t addr = ipaddr_to_v4(to);

    if (addr == UINT32_MAX || has_addr4(p, addr))
        return true;
    for (unsigned i = 0; i < p->n_addrs; i++) {
        const struct dhcp_port_addr *own = &p->addrs[i];
        if (ipaddr_is_v4(&own->addr) && own->bits < 127 && ipaddr_same_prefix(&own->addr, to, own->bits) &&
            (addr | dhcp4_mask_of(own->bits - 96)) == UINT32_MAX)
            return true;
    }
    return false;
}

/* Of the destination's network, else of any; else the link-local one. */
static struct ipaddr source6_for(const struct dhcp_port *p, const struct ipaddr *to)
{
    struct ipaddr found = p->host.addrs[0].addr;

    if (nd_is_link_local(to) || nd_is_multicast(to))
        return found;
    for (unsigned i = p->n_addrs; i-- > 0;) {
        const struct dhcp_port_addr *own = &p->addrs[i];
        if (ipaddr_is_v4(&own->addr) || !host6_has(&p->host, &own->addr))
            continue;
        found = own->addr;
        if (ipaddr_same_prefix(&own->addr, to, own->bits))
            break;
    }
    return found;
}

static int check_addr4(const struct ipaddr *addr)
{
    uint32_t number = ipaddr_to_v4(addr);

    return number == 0 || number >= UINT32_C(0xe0000000) || number >> 24 == 127 ? -EINVAL : 0;
}

static int add_addr(struct dhcp_port *p, const struct dhcp_port_addr *addr)
{
    bool is_v4 = ipaddr_is_v4(&addr->addr);
    int e = is_v4 ? check_addr4(&addr->addr) : host6_add(&p->host, &addr->addr);

    if (e == -EEXIST || (is_v4 && has_addr4(p, ipaddr_to_v4(&addr->addr))))
        e = -EINVAL;
    if (e == 0 && p->n_addrs == DHCP_PORT_ADDRS_MAX)
        e = -ENOSPC;
    if (e == 0)
        p->addrs[p->n_addrs++] = *addr;
    return e;
}

/* --- life --- */

int dhcp_port_init(struct dhcp_port *p, const struct dhcp_port_settings *settings)
{
    const struct ipaddr joined[] = {DHCP6_ALL_AGENTS, {{0xff, 5, [13] = 1, [15] = 3}}}; /* RFC 9915 s7.1 */
    struct host6_settings host = {.random = settings->env.random,
                                  .arg = settings->env.arg,
                                  .joined = joined,
                                  .n_joined = ARRAY_LEN(joined)};
    int e = 0;

    memset(p, 0, sizeof(*p));
    memcpy(host.mac, settings->mac, sizeof(host.mac));
    host6_init(&p->host, &host);
    for (unsigned i = 0; i < settings->n_addrs && e == 0; i++)
        e = add_addr(p, &settings->addrs[i]);
    dhcp_port_down(p);
    return e;
}

void dhcp_port_down(struct dhcp_port *p)
{
    host6_down(&p->host);
    p->announce_at = NSEC_NEVER;
    p->announce_due = false;
    p->answer_len = 0;
}

void dhcp_port_up(struct dhcp_port *p, nsec_t now)
{
    dhcp_port_down(p);
    host6_up(&p->host, now);
    p->announce_at = now;
    p->announcements_left = ANNOUNCEMENTS;
    p->defend_at = now;
}

static void announce(struct dhcp_port *p)
{
    p->announce_due = p->n_addrs > 0;
    p->announce_part = 0;
}

void dhcp_port_timeout(struct dhcp_port *p, nsec_t now)
{
    host6_timeout(&p->host, now);
    if (p->announce_at <= now) {
        announce(p);
        p->announce_at = --p->announcements_left > 0 ? now + ANNOUNCE_INTERVAL : NSEC_NEVER;
    }
}

nsec_t dhcp_port_deadline(const struct dhcp_port *p)
{
    nsec_t at = host6_deadline(&p->host);

    return p->announce_at < at ? p->announce_at : at;
}

void dhcp_port_stats(const struct dhcp_port *p, struct dhcp_port_stats *ret)
{
    *ret = p->stats;
    ret->fragments += p->host.fragments;
}

/* --- frames out --- */

static void write_header(const struct dhcp_port *p, struct writer *w, const uint8_t to[static 6],
                         uint16_t type)
{
    struct ether_header header = {.type = type};

    memcpy(header.to, to, sizeof(header.to));
    memcpy(header.from, p->host.mac, sizeof(header.from));
    ether_write(w, &header);
}

static size_t wrap_arp(const struct dhcp_port *p, const struct arp_packet *arp, const uint8_t to[static 6],
                       uint8_t frame[static DHCP_PORT_FRAME_MAX])
{
    struct writer w = writer_of(frame, DHCP_PORT_FRAME_MAX);
    uint8_t packet[ARP_LEN];

    arp_write(arp, packet);
    write_header(p, &w, to, ETHER_ARP);
    writer_put(&w, packet, sizeof(packet));
    return w.pos;
}

static size_t wrap_echo(const struct dhcp_port *p, struct ip4 ip, const struct icmp4_echo *echo,
                        const uint8_t to[static 6], uint8_t frame[static DHCP_PORT_FRAME_MAX])
{
    uint8_t message[DHCP_PORT_FRAME_MAX];
    struct writer w = writer_of(frame, DHCP_PORT_FRAME_MAX), inner = writer_of(message, sizeof(message));

    icmp4_echo_write(&inner, echo);
    ip.protocol = IP4_ICMP;
    ip.bytes = message;
    ip.len = inner.pos;
    write_header(p, &w, to, ETHER_IP4);
    ip4_write(&w, &ip);
    return w.bad || inner.bad ? 0 : w.pos;
}

size_t dhcp_port_probe(const struct dhcp_port *p, uint32_t addr, uint8_t frame[static DHCP_PORT_FRAME_MAX])
{
    struct arp_packet probe = arp_probe(p->host.mac, addr);

    return wrap_arp(p, &probe, broadcast_mac, frame);
}

size_t dhcp_port_echo(const struct dhcp_port *p, uint32_t from, uint32_t to, const uint8_t via_mac[static 6],
                      const struct icmp4_echo *echo, uint8_t frame[static DHCP_PORT_FRAME_MAX])
{
    struct ip4 ip = {.from = ipaddr_of_v4(from), .to = ipaddr_of_v4(to)};

    if (memcmp(via_mac, no_mac, sizeof(no_mac)) == 0)
        return 0;
    return wrap_echo(p, ip, echo, via_mac, frame);
}

static size_t wrap_udp6(const struct dhcp_port *p, const struct server_packet *packet,
                        uint8_t frame[static DHCP_PORT_FRAME_MAX])
{
    struct writer w = writer_of(frame, DHCP_PORT_FRAME_MAX);
    struct udp datagram = {.to = packet->to, .bytes = packet->bytes, .len = packet->len};
    uint8_t mac[6];

    if (p->host.state != HOST6_READY || !host6_find_mac(&packet->to.addr, packet->via_mac, mac))
        return 0;
    datagram.from = (struct ipendpoint){.addr = source6_for(p, &packet->to.addr), .port = DHCP6_SERVER_PORT};
    write_header(p, &w, mac, ETHER_IP6);
    udp6_write(&w, &datagram, HOPS);
    return w.bad ? 0 : w.pos;
}

size_t dhcp_port_wrap(const struct dhcp_port *p, const struct server_packet *packet, uint32_t from4,
                      uint8_t frame[static DHCP_PORT_FRAME_MAX])
{
    struct writer w = writer_of(frame, DHCP_PORT_FRAME_MAX);
    struct udp datagram = {.from = {.addr = ipaddr_of_v4(from4), .port = DHCP4_SERVER_PORT},
                           .to = packet->to,
                           .bytes = packet->bytes,
                           .len = packet->len};
    bool has_mac = memcmp(packet->to_mac, no_mac, sizeof(no_mac)) != 0;
    const uint8_t *mac = has_mac ? packet->to_mac : packet->via_mac;

    if (!ipaddr_is_v4(&packet->to.addr))
        return wrap_udp6(p, packet, frame);
    if (memcmp(mac, no_mac, sizeof(no_mac)) == 0)
        return 0;
    write_header(p, &w, mac, ETHER_IP4);
    udp4_write(&w, &datagram);
    return w.bad ? 0 : w.pos;
}

/* The next of our IPv4 addresses; 0: that were all. */
static size_t write_announcement(struct dhcp_port *p, uint8_t frame[static DHCP_PORT_FRAME_MAX])
{
    while (p->announce_part < p->n_addrs) {
        const struct ipaddr *addr = &p->addrs[p->announce_part++].addr;
        if (!ipaddr_is_v4(addr))
            continue;
        struct arp_packet arp = arp_announcement(p->host.mac, ipaddr_to_v4(addr));
        return wrap_arp(p, &arp, broadcast_mac, frame);
    }
    p->announce_due = false;
    return 0;
}

size_t dhcp_port_output(struct dhcp_port *p, uint8_t frame[static DHCP_PORT_FRAME_MAX])
{
    size_t len = p->answer_len;

    if (len > 0) {
        memcpy(frame, p->answer, len);
        p->answer_len = 0;
        return len;
    }
    len = p->announce_due ? write_announcement(p, frame) : 0;
    return len > 0 ? len : host6_output(&p->host, frame);
}

/* --- frames in --- */

static void arp_input(struct dhcp_port *p, struct reader r, nsec_t now, struct dhcp_heard *ret)
{
    struct arp_packet arp;

    if (arp_read(r.base + r.pos, reader_left(&r), &arp) < 0 ||
        memcmp(arp.sender_mac, p->host.mac, sizeof(arp.sender_mac)) == 0)
        return;
    ret->kind = DHCP_HEARD_ARP;
    ret->arp = arp;
    if (has_addr4(p, arp.sender)) {
        p->stats.conflicts++;
        if (p->defend_at <= now) {
            p->defend_at = now + DEFEND_INTERVAL;
            announce(p);
        }
    } else if (arp.operation == ARP_REQUEST && has_addr4(p, arp.target)) {
        struct arp_packet reply = {.operation = ARP_REPLY, .sender = arp.target, .target = arp.sender};
        memcpy(reply.sender_mac, p->host.mac, sizeof(reply.sender_mac));
        memcpy(reply.target_mac, arp.sender_mac, sizeof(reply.target_mac));
        p->answer_len = wrap_arp(p, &reply, arp.sender_mac, p->answer);
    }
}

static void icmp_input(struct dhcp_port *p, const struct ether_header *header, const struct ip4 *ip,
                       struct dhcp_heard *ret)
{
    struct icmp4_echo echo;
    int e = icmp4_echo_read(ip->bytes, ip->len, &echo);

    p->stats.damaged += e == -EBADMSG;
    if (e < 0 || !has_addr4(p, ipaddr_to_v4(&ip->to)))
        return;
    if (echo.type == ICMP4_ECHO_REPLY) {
        ret->kind = DHCP_HEARD_ECHO;
        ret->from = ipaddr_to_v4(&ip->from);
        ret->echo = echo;
    } else if (check_addr4(&ip->from) == 0) {
        echo.type = ICMP4_ECHO_REPLY;
        p->answer_len =
            wrap_echo(p, (struct ip4){.from = ip->to, .to = ip->from}, &echo, header->from, p->answer);
    }
}

static void take_datagram(const struct ether_header *header, const struct udp *udp, enum dhcp_heard_kind kind,
                          struct dhcp_heard *ret)
{
    ret->kind = kind;
    ret->packet =
        (struct server_packet){.from = udp->from, .to = udp->to, .bytes = udp->bytes, .len = udp->len};
    memcpy(ret->packet.from_mac, header->from, sizeof(ret->packet.from_mac));
}

static void ip4_input(struct dhcp_port *p, const struct ether_header *header, struct reader r,
                      struct dhcp_heard *ret)
{
    const uint8_t *packet = r.base + r.pos;
    size_t len = reader_left(&r);
    struct ip4 ip;
    struct udp udp;
    int e = ip4_read(packet, len, &ip);

    if (e < 0) {
        p->stats.fragments += e == -EOPNOTSUPP;
        p->stats.damaged += e == -EBADMSG;
        return;
    }
    if (!is_for_us4(p, &ip.to))
        return;
    if (ip.protocol == IP4_ICMP) {
        icmp_input(p, header, &ip, ret);
        return;
    }
    e = udp4_read(packet, len, false, &udp);
    p->stats.damaged += e == -EBADMSG;
    if (e == 0 && udp.to.port == DHCP4_SERVER_PORT)
        take_datagram(header, &udp, DHCP_HEARD_UDP4, ret);
}

static void ip6_input(struct dhcp_port *p, const struct ether_header *header, struct reader r, nsec_t now,
                      struct dhcp_heard *ret)
{
    struct host6_packet packet;
    struct udp udp;

    if (!host6_input(&p->host, header, r.base + r.pos, reader_left(&r), now, &packet))
        return;
    int e = udp6_read(&packet.ip, &udp);
    p->stats.damaged += e == -EBADMSG;
    if (e == 0 && udp.to.port == DHCP6_SERVER_PORT)
        take_datagram(header, &udp, DHCP_HEARD_UDP6, ret);
}

void dhcp_port_input(struct dhcp_port *p, const uint8_t *frame, size_t len, nsec_t now,
                     struct dhcp_heard *ret)
{
    struct reader r = reader_of(frame, len);
    struct ether_header header;

    *ret = (struct dhcp_heard){.kind = DHCP_HEARD_NOTHING};
    ether_read(&r, &header);
    if (r.bad || header.from[0] & 1 || p->host.state == HOST6_DOWN)
        return;
    bool to_us = memcmp(header.to, p->host.mac, sizeof(header.to)) == 0 ||
                 memcmp(header.to, broadcast_mac, sizeof(header.to)) == 0;
    if (header.type == ETHER_IP6)
        ip6_input(p, &header, r, now, ret);
    else if (header.type == ETHER_ARP && to_us)
        arp_input(p, r, now, ret);
    else if (header.type == ETHER_IP4 && to_us && memcmp(header.from, p->host.mac, sizeof(header.from)) != 0)
        ip4_input(p, &header, r, ret);
}
