/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_PROXY_ADDRESSES_H
#define LIBOTIP_PROXY_ADDRESSES_H
/*
 * The addresses of the proxy on an interface of a stack: they come, are muted, come back, go.
 *
 * A muted address answers what belongs to flows of the proxy and neighbour solicitations, nothing else: no new connection, no
 * RST, no ICMP. How that is done depends on the stack, see proxy_addresses.c.
 */
#include "base/ipaddr.h"
#include "libotip/proxy_neighbour.h"

#include <ioth.h>
#include <net/if.h>

/* A port that is served: by which protocol. */
struct proxy_port {
    bool udp;
    uint16_t port;
};

struct proxy_addresses {
    struct ioth *stack;
    char iface[IF_NAMESIZE];
    unsigned ifindex;
    uint8_t bits;
    int netlink;
    int monitor;  /* readable when something changes on the stack's links or addresses; -1: nobody says */
    bool away;    /* the interface is gone, or down */
    bool cut_off; /* it is there, and its network is away */
    uint32_t seq;
    bool by_rules; /* muted by rules and routes, as the kernel has them; else by a flag of the address */
    bool cannot_mute;
    uint32_t table; /* of the local routes; the next one has the others */
    bool has_blackhole;
    struct ipaddr prefix; /* of the blackhole */
    uint32_t rules_seen;
    struct proxy_neighbour
        *neighbour; /* NULL: the interface has no neighbours, or the stack answers for muted addresses */
};

/* Where they are to stand. */
struct proxy_place {
    struct ioth *stack;
    const char *iface;
    const char *name;   /* whose addresses: proxies of one interface are told apart by it */
    const char *user;   /* and by it; NULL: nobody's */
    struct ipaddr base; /* any address of the prefix */
    uint8_t bits;       /* of the addresses on the interface; 128: the prefix is routed here */
};

/* Opens what it takes: 0, or negative errno and one sentence in why. */
MUST_CHECK int proxy_addresses_open(struct proxy_addresses *a, const struct proxy_place *place, char *why,
                                    size_t why_size);
/* Takes away the addresses that a proxy which died has left on the interface: those that `is_ours` knows. */
void proxy_addresses_sweep(struct proxy_addresses *a, bool (*is_ours)(void *arg, const struct ipaddr *addr),
                           void *arg);
/* Which ports muted addresses serve, from now on. 0 or negative errno. */
MUST_CHECK int proxy_addresses_serve(struct proxy_addresses *a, const struct proxy_port *ports, unsigned n);
/* 0; -ENOSPC: the stack has no room; negative errno. */
MUST_CHECK int proxy_addresses_add(struct proxy_addresses *a, const struct ipaddr *addr);
MUST_CHECK int proxy_addresses_mute(struct proxy_addresses *a, const struct ipaddr *addr);
MUST_CHECK int proxy_addresses_reopen(struct proxy_addresses *a, const struct ipaddr *addr);
/* muted: it was. */
MUST_CHECK int proxy_addresses_remove(struct proxy_addresses *a, const struct ipaddr *addr, bool muted);
/* Name, user or base are others: what stands for the old ones in tables of routes and rules stands for the new ones from now
 * on, muted addresses included. place: stack, interface and bits are those of the beginning. 0 or negative errno. */
MUST_CHECK int proxy_addresses_move(struct proxy_addresses *a, const struct proxy_place *place);
/* After the monitor was readable, or now and then. Whether the interface is there and up: then a->ifindex is its present number,
 * and open addresses are to be restored, and a->cut_off is told. */
bool proxy_addresses_look(struct proxy_addresses *a);
/* An address that should stand is put there again if it does not. */
MUST_CHECK int proxy_addresses_restore(struct proxy_addresses *a, const struct ipaddr *addr);
void proxy_addresses_close(struct proxy_addresses *a);

#endif
