/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LWIP_NEIGH_H
#define LWIP_NEIGH_H
/* Neighbours: which MAC address has an IP address (ARP, RFC 826; neighbour discovery, RFC 4861). */

#include "lwip/stack.h"

enum neigh_state { NEIGH_INCOMPLETE, NEIGH_KNOWN, NEIGH_PERMANENT };

enum { NEIGH_QUEUE = 64 /* packets that wait for one answer */ };

struct neighbour {
    struct neighbour *next; /* of the same bucket */
    struct port *port;
    ip_addr_t ip;
    enum neigh_state state;
    uint8_t mac[6];
    unsigned probes; /* questions asked without an answer; 0: none outstanding */
    uint64_t probe_due_ms, confirmed_ms, used_ms;
    struct pbuf *queue[NEIGH_QUEUE];
    uint16_t types[NEIGH_QUEUE];
    unsigned n_queued;
};

/* Sends p, which begins with the IP header, to the neighbour `hop`; keeps a copy until its MAC is known. */
err_t neigh_output(struct port *port, const ip_addr_t *hop, struct pbuf *p, uint16_t type);
/* An ARP packet came in. */
void neigh_input_arp(struct port *port, const uint8_t *packet, size_t len);
/* A message of neighbour discovery came in: len bytes of ICMPv6, checksum and hop limit checked. */
void neigh_input_nd(struct port *port, const ip_addr_t *src, const uint8_t *message, size_t len);
/* Tells everybody that we have this address now. */
void neigh_announce(struct port *port, const ip_addr_t *ip);

/* Asks again, gives up. Returns when it wants to be called again, UINT64_MAX: not before something is sent. */
uint64_t neigh_tick(struct stack *stack, uint64_t now_ms);

/* By netlink: sets a permanent entry; finds one; removes one. */
int neigh_set(struct port *port, const ip_addr_t *ip, const uint8_t mac[static 6]);
struct neighbour *neigh_find(const struct stack *stack, const struct port *port, const ip_addr_t *ip);
void neigh_remove(struct stack *stack, struct neighbour *neighbour);
/* Forgets the neighbours of an interface, NULL: of all. */
void neigh_flush(struct stack *stack, const struct port *port);

#endif
