/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one form of ARP that IPv4 needs: Ethernet addresses of six bytes, IPv4 addresses of four. The address
 * that a probe asks for stands in the target alone, and the target's MAC address is zero in requests, since
 * it is what they ask for (RFC 5227 s1.1, s2.1.1).
 *
 * Whether a packet tells of a conflict is decided by its sender: whoever names the address as his own from
 * another MAC address has it. While probing, somebody else's probe for it counts as well: both give way.
 * A packet with our own MAC address is our own, come back to us by a hub.
 */
#include "wire/arp.h"
#include "base/cursor.h"

#include <errno.h>

enum { HARDWARE_ETHERNET = 1, PROTOCOL_IPV4 = 0x0800, MAC_LEN = 6, IPV4_LEN = 4 };

int arp_read(const void *bytes, size_t len, struct arp_packet *ret)
{
    struct reader r = reader_of(bytes, len);

    if (reader_u16(&r) != HARDWARE_ETHERNET || reader_u16(&r) != PROTOCOL_IPV4 || reader_u8(&r) != MAC_LEN ||
        reader_u8(&r) != IPV4_LEN || reader_left(&r) < ARP_LEN - 6)
        return -EBADMSG;
    struct arp_packet arp = {.operation = reader_u16(&r)};
    memcpy(arp.sender_mac, reader_take(&r, MAC_LEN), MAC_LEN);
    arp.sender = reader_u32(&r);
    memcpy(arp.target_mac, reader_take(&r, MAC_LEN), MAC_LEN);
    arp.target = reader_u32(&r);
    if (arp.operation != ARP_REQUEST && arp.operation != ARP_REPLY)
        return -EBADMSG;
    *ret = arp;
    return 0;
}

void arp_write(const struct arp_packet *arp, uint8_t bytes[static ARP_LEN])
{
    struct writer w = writer_of(bytes, ARP_LEN);

    writer_u16(&w, HARDWARE_ETHERNET);
    writer_u16(&w, PROTOCOL_IPV4);
    writer_u8(&w, MAC_LEN);
    writer_u8(&w, IPV4_LEN);
    writer_u16(&w, arp->operation);
    writer_put(&w, arp->sender_mac, MAC_LEN);
    writer_u32(&w, arp->sender);
    writer_put(&w, arp->target_mac, MAC_LEN);
    writer_u32(&w, arp->target);
}

struct arp_packet arp_probe(const uint8_t mac[static 6], uint32_t addr)
{
    struct arp_packet arp = {.operation = ARP_REQUEST, .target = addr};

    memcpy(arp.sender_mac, mac, MAC_LEN);
    return arp;
}

struct arp_packet arp_announcement(const uint8_t mac[static 6], uint32_t addr)
{
    struct arp_packet arp = arp_probe(mac, addr);

    arp.sender = addr;
    return arp;
}

bool arp_conflicts(const struct arp_packet *arp, const uint8_t mac[static 6], uint32_t addr)
{
    return arp->sender == addr && memcmp(arp->sender_mac, mac, MAC_LEN) != 0;
}

bool arp_denies(const struct arp_packet *arp, const uint8_t mac[static 6], uint32_t addr)
{
    bool probes = arp->operation == ARP_REQUEST && arp->sender == 0 && arp->target == addr;

    return arp_conflicts(arp, mac, addr) || (probes && memcmp(arp->sender_mac, mac, MAC_LEN) != 0);
}
