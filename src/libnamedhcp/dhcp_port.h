/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A DHCP server as a node on a port of a virtual Ethernet, without a stack: UDP of both families in frames, IPv6 as
 * wire/host6.h has it, and of IPv4 what a server needs: ARP for its own addresses (RFC 826, 5227), echo requests answered
 * (RFC 792) and asked. Pure: frames and time go in, frames, what was heard, and a deadline come out.
 */
#ifndef LIBNAMEDHCP_DHCP_PORT_H
#define LIBNAMEDHCP_DHCP_PORT_H

#include "libnamedhcp/server.h"
#include "wire/arp.h"
#include "wire/host6.h"
#include "wire/icmp4.h"

#define DHCP_PORT_FRAME_MAX HOST6_FRAME_MAX
#define DHCP_PORT_ADDRS_MAX HOST6_OTHERS_MAX /* addresses of both families that a person writes down */

struct dhcp_port_addr {
    struct ipaddr addr;
    unsigned bits; /* of its network, in the 128-bit form */
};

enum dhcp_heard_kind {
    DHCP_HEARD_NOTHING, /* what came was for nobody, or was answered */
    DHCP_HEARD_UDP6,    /* a datagram for port 547: packet */
    DHCP_HEARD_UDP4,    /* for port 67 */
    DHCP_HEARD_ARP,     /* arp, of somebody else */
    DHCP_HEARD_ECHO,    /* an echo reply for us: from, echo */
};

/* Views: as long as the frame. */
struct dhcp_heard {
    enum dhcp_heard_kind kind;
    struct server_packet packet;
    struct arp_packet arp;
    uint32_t from;
    struct icmp4_echo echo;
};

struct dhcp_port_settings {
    struct server_env env;
    uint8_t mac[6];
    const struct dhcp_port_addr *addrs; /* beside the link-local one; copied */
    unsigned n_addrs;                   /* at most DHCP_PORT_ADDRS_MAX */
};

struct dhcp_port_stats {
    uint64_t damaged;   /* for us, but its lengths or its checksum are wrong */
    uint64_t fragments; /* for us; they are not put together */
    uint64_t conflicts; /* somebody else uses one of our IPv4 addresses */
};

struct dhcp_port {
    struct host6 host;
    unsigned n_addrs;
    struct dhcp_port_addr addrs[DHCP_PORT_ADDRS_MAX];
    nsec_t announce_at, defend_at; /* of our IPv4 addresses; when they may be defended again */
    unsigned announcements_left, announce_part;
    bool announce_due;
    size_t answer_len;
    uint8_t answer[DHCP_PORT_FRAME_MAX];
    struct dhcp_port_stats stats;
};

/* At rest. 0; -EINVAL: an address that no node can have, or twice the same; -ENOSPC. */
MUST_CHECK int dhcp_port_init(struct dhcp_port *p, const struct dhcp_port_settings *settings);
void dhcp_port_up(struct dhcp_port *p, nsec_t now);
void dhcp_port_down(struct dhcp_port *p);
/* A frame as it came, of any length. */
void dhcp_port_input(struct dhcp_port *p, const uint8_t *frame, size_t len, nsec_t now,
                     struct dhcp_heard *ret);
void dhcp_port_timeout(struct dhcp_port *p, nsec_t now);
nsec_t dhcp_port_deadline(const struct dhcp_port *p);
/* The next frame that it wants to send by itself; 0: none. After each of the functions above. */
size_t dhcp_port_output(struct dhcp_port *p, uint8_t frame[static DHCP_PORT_FRAME_MAX]);
void dhcp_port_stats(const struct dhcp_port *p, struct dhcp_port_stats *ret);

/* Each of these gives the length of a frame; 0: it does not fit, there is no address to send it from yet, or nobody knows the
 * way. */

/* A datagram of a core. from4: the source if it is of IPv4; of IPv6 it is chosen. It goes to packet->to_mac, else to
 * packet->via_mac. */
size_t dhcp_port_wrap(const struct dhcp_port *p, const struct server_packet *packet, uint32_t from4,
                      uint8_t frame[static DHCP_PORT_FRAME_MAX]);
/* Who has the address? A probe, which changes nobody's table (RFC 5227 s1.1). */
size_t dhcp_port_probe(const struct dhcp_port *p, uint32_t addr, uint8_t frame[static DHCP_PORT_FRAME_MAX]);
/* An echo request by the router with that MAC address. */
size_t dhcp_port_echo(const struct dhcp_port *p, uint32_t from, uint32_t to, const uint8_t via_mac[static 6],
                      const struct icmp4_echo *echo, uint8_t frame[static DHCP_PORT_FRAME_MAX]);

#endif
