/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef WIRE_ARP_H
#define WIRE_ARP_H
/*
 * ARP for IPv4 over Ethernet (RFC 826), without the Ethernet header. An address is a number: 10.0.0.1 is
 * 0x0a000001.
 */
#include "base/base.h"
#include <stdbool.h>

#define ARP_LEN 28 /* bytes of a packet; what follows pads the frame */

enum arp_operation { ARP_REQUEST = 1, ARP_REPLY = 2 };

struct arp_packet {
    uint16_t operation; /* of what is read: one of the two */
    uint8_t sender_mac[6], target_mac[6];
    uint32_t sender, target;
};

/* 0; -EBADMSG: shorter than a packet, or not IPv4 over Ethernet, or neither request nor reply. */
MUST_CHECK int arp_read(const void *bytes, size_t len, struct arp_packet *ret);
void arp_write(const struct arp_packet *arp, uint8_t bytes[static ARP_LEN]);

/* A probe for `addr`: a request that names no sender, so that nobody's table changes (RFC 5227 s1.1). */
struct arp_packet arp_probe(const uint8_t mac[static 6], uint32_t addr);
/* An announcement of `addr`: a request whose sender and target it is (RFC 5227 s1.1, s2.3). */
struct arp_packet arp_announcement(const uint8_t mac[static 6], uint32_t addr);

/* Seen by the node `mac`, which is probing for `addr`: somebody else has the address, or is probing for it at the
 * same time (RFC 5227 s2.1.1). */
bool arp_denies(const struct arp_packet *arp, const uint8_t mac[static 6], uint32_t addr);
/* Seen by the node `mac`, which uses `addr`: somebody else does so too (RFC 5227 s2.4). */
bool arp_conflicts(const struct arp_packet *arp, const uint8_t mac[static 6], uint32_t addr);

#endif
