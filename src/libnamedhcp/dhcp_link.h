/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sockets of a DHCP server on one interface of a stack. Used by one thread. */
#ifndef LIBNAMEDHCP_DHCP_LINK_H
#define LIBNAMEDHCP_DHCP_LINK_H

#include "libnamedhcp/server.h"
#include "wire/arp.h"

#include <ioth.h>

enum dhcp_link_kind {
    DHCP_LINK_UDP6,   /* port 547, ff02::1:2 and ff05::1:3 */
    DHCP_LINK_UDP4,   /* port 67 */
    DHCP_LINK_FRAMES, /* ARP comes in; ARP, and DHCPv4 for clients without an address, goes out */
    DHCP_LINK_KINDS
};

#define DHCP_LINK_ADDRS_MAX 16   /* IPv4 addresses of our own interface */
#define DHCP_LINK_BYTES_MAX 9216 /* the largest frames */

struct dhcp_link {
    struct ioth *stack; /* NULL: the system's */
    unsigned ifindex;
    uint8_t mac[6];
    int fd[DHCP_LINK_KINDS]; /* -1: not open */
    unsigned n_addrs;
    struct {
        uint32_t addr;
        unsigned bits; /* 0..32 */
    } addrs[DHCP_LINK_ADDRS_MAX];
    uint8_t bytes[DHCP_LINK_BYTES_MAX];
};

/* Looks at the interface and opens what is needed, non-blocking. mac: given to the interface first; NULL: it has one. On failure one
 * sentence in why. 0, -ENODEV, -EPERM, -EACCES, -EADDRINUSE (another server has the port), ... */
MUST_CHECK int dhcp_link_open(struct dhcp_link *link, struct ioth *stack, const char *iface,
                              const uint8_t *mac, bool serve6, bool serve4, char *why, size_t why_size);
void dhcp_link_close(struct dhcp_link *link);

/* The next datagram of DHCP_LINK_UDP6 or DHCP_LINK_UDP4, in link->bytes: 1; 0: it is of no use; -EAGAIN: there is none;
 * another negative errno: the socket is of no use. */
MUST_CHECK int dhcp_link_receive(struct dhcp_link *link, enum dhcp_link_kind kind, struct server_packet *ret);
/* The next packet of ARP that others sent, in the same way. */
MUST_CHECK int dhcp_link_receive_arp(struct dhcp_link *link, struct arp_packet *ret);

/* Sends what a core says; from: the IPv4 address of the server. 0 or negative errno: it is lost. */
MUST_CHECK int dhcp_link_send(const struct dhcp_link *link, const struct server_packet *packet,
                              uint32_t from);
/* Asks by ARP who has the address. */
MUST_CHECK int dhcp_link_probe(const struct dhcp_link *link, uint32_t addr);

#endif
