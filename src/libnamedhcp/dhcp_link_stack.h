/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of a link by sockets. dhcp_link_stack.c opens them and looks at the interface, dhcp_link_packets.c receives and
 * sends. */
#ifndef LIBNAMEDHCP_DHCP_LINK_STACK_H
#define LIBNAMEDHCP_DHCP_LINK_STACK_H

#include "libnamedhcp/dhcp_link.h"

#define STACK_LINK_BYTES_MAX 9216 /* the largest frames */

enum stack_link_kind {
    STACK_LINK_UDP6,   /* port 547, ff02::1:2 and ff05::1:3 */
    STACK_LINK_UDP4,   /* port 67 */
    STACK_LINK_FRAMES, /* ARP comes in; ARP, and DHCPv4 for clients without an address, goes out */
    STACK_LINK_ECHO,   /* ICMP: echo requests out, replies in */
    STACK_LINK_WATCH,  /* netlink: the stack tells of its addresses */
    STACK_LINK_KINDS
};
_Static_assert(STACK_LINK_KINDS <= DHCP_LINK_FDS_MAX, "all can be polled");

struct stack_link {
    struct dhcp_link link;
    struct ioth *stack; /* NULL: the system's */
    unsigned ifindex;
    bool is_detached;         /* the sockets are not bound to the interface that is there now */
    int fd[STACK_LINK_KINDS]; /* -1: not open */
    nsec_t rests_until[STACK_LINK_KINDS];
    enum stack_link_kind kind_of[DHCP_LINK_FDS_MAX]; /* of link.polled */
    unsigned turn;                                   /* whose it is to be received from */
    int netlink;                                     /* to be asked */
    uint32_t seq;
    nsec_t look_at;
    uint8_t bytes[STACK_LINK_BYTES_MAX];
};

/* --- dhcp_link_packets.c: operations of struct dhcp_link_ops --- */

int stack_link_receive(struct dhcp_link *link, nsec_t now, struct dhcp_heard *ret);
int stack_link_send(struct dhcp_link *link, const struct server_packet *packet, uint32_t from);
int stack_link_probe(struct dhcp_link *link, uint32_t addr);
int stack_link_echo(struct dhcp_link *link, uint32_t from, uint32_t to, const uint8_t via_mac[static 6],
                    const struct icmp4_echo *echo);

#endif
