/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What DHCPv4 servers of tests say: replies by hand, right ones and wrong ones. */
#ifndef TEST_DHCP4_REPLY_H
#define TEST_DHCP4_REPLY_H

#include "wire/dhcp4.h"

#define SEC  NSEC_PER_SEC
#define MSEC NSEC_PER_MSEC

enum {
    ADDR = 0x0a000007, /* 10.0.0.7 */
    ADDR_2 = 0x0a000008,
    SERVER = 0x0a000001,
    SERVER_2 = 0x0a000002,
};

struct reply {
    enum dhcp4_type type;
    uint32_t addr, server, mask,
        lease_s; /* 0: not said; but of DHCPOFFER and DHCPACK 0 means ADDR, /24, 3600 s; server: SERVER */
    uint32_t t1_s, t2_s;
    bool no_mask, no_lease, no_server;
    uint32_t xid_change;             /* is xored */
    uint8_t chaddr_change, op, hlen; /* op, hlen: 0: right */
    uint16_t port;                   /* 0: 68 */
    const char *client_id;           /* NULL: not said */
    size_t client_id_len;
    void (*more)(struct dhcp4_writer *dw); /* further options */
};

static inline int write_reply(const struct dhcp4_message *to, const struct reply *r, uint8_t *bytes,
                              size_t size)
{
    struct dhcp4_header h = {
        .op = r->op ? r->op : DHCP4_BOOTREPLY, .htype = 1, .hlen = r->hlen ? r->hlen : 6};
    struct dhcp4_writer dw;
    bool gives = r->type != DHCP4_NAK;

    h.xid = to->header.xid ^ r->xid_change;
    h.yiaddr = gives ? r->addr ? r->addr : ADDR : 0;
    memcpy(h.chaddr, to->header.chaddr, 16);
    h.chaddr[5] ^= r->chaddr_change;
    dhcp4_begin(&dw, bytes, size, &h, NULL);
    dhcp4_put_u8(&dw, DHCP4_MESSAGE_TYPE, (uint8_t)r->type);
    if (!r->no_server)
        dhcp4_put_u32(&dw, DHCP4_SERVER_ID, r->server ? r->server : SERVER);
    if (r->client_id)
        dhcp4_put(&dw, DHCP4_CLIENT_ID, r->client_id, r->client_id_len);
    if (gives && !r->no_mask)
        dhcp4_put_u32(&dw, DHCP4_SUBNET_MASK, r->mask ? r->mask : 0xffffff00);
    if (gives && !r->no_lease)
        dhcp4_put_u32(&dw, DHCP4_LEASE_TIME, r->lease_s ? r->lease_s : 3600);
    if (r->t1_s)
        dhcp4_put_u32(&dw, DHCP4_RENEWAL_TIME, r->t1_s);
    if (r->t2_s)
        dhcp4_put_u32(&dw, DHCP4_REBINDING_TIME, r->t2_s);
    if (r->more)
        r->more(&dw);
    return dhcp4_end(&dw);
}

#endif
