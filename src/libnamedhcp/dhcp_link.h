/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a DHCP server is on a link: by sockets on an interface of a stack (dhcp_link_stack.c), or as a port of its own on a
 * virtual Ethernet (dhcp_link_port.c). Used by one thread. */
#ifndef LIBNAMEDHCP_DHCP_LINK_H
#define LIBNAMEDHCP_DHCP_LINK_H

#include "io/log.h"
#include "libnamedhcp/dhcp_port.h"

#include <ioth.h>
#include <poll.h>

#define DHCP_LINK_ADDRS_MAX 16 /* IPv4 addresses of our own interface */
#define DHCP_LINK_FDS_MAX   5

struct dhcp_link_ops;

struct dhcp_link {
    const struct dhcp_link_ops *ops;
    char name[40]; /* of the interface */
    uint8_t mac[6];
    unsigned n_addrs;
    struct dhcp_link_addr {
        uint32_t addr;
        unsigned bits; /* 0..32 */
    } addrs[DHCP_LINK_ADDRS_MAX];
    bool changed; /* the addresses are others than when this was set to false by who reads it */
    int deaf; /* negative errno: it is not served, since its interface or its network is gone, or the one that was made anew cannot
               * be had, or somebody else has our address; 0: it is */
    int deaf_told; /* what a person has been told of that, by who reads it */
    /* What is to be watched: filled in by ops->watch, `revents` by whoever polls. */
    unsigned n_polled;
    struct pollfd polled[DHCP_LINK_FDS_MAX];
};

struct dhcp_link_ops {
    /* Fills in polled; what became readable since the last call is received afterwards. */
    void (*watch)(struct dhcp_link *l, nsec_t now);
    /* What was heard next: 1; 0: it was for nobody; -EAGAIN: there is no more; another negative errno: something is of no use
     * for a while, a person should know. It points into the link and is valid until the next call. */
    int (*receive)(struct dhcp_link *l, nsec_t now, struct dhcp_heard *ret);
    /* Sends what a core says; from: the IPv4 address of the server. 0 or negative errno: it is lost. */
    int (*send)(struct dhcp_link *l, const struct server_packet *packet, uint32_t from);
    /* Asks by ARP who has the address. */
    int (*probe)(struct dhcp_link *l, uint32_t addr);
    /* Asks by an echo request. -EOPNOTSUPP: the stack has no socket for that. */
    int (*echo)(struct dhcp_link *l, uint32_t from, uint32_t to, const uint8_t via_mac[static 6],
                const struct icmp4_echo *echo);
    /* Looks at the interface's addresses now, in place of later. */
    void (*look)(struct dhcp_link *l);
    void (*timeout)(struct dhcp_link *l, nsec_t now);
    nsec_t (*deadline)(const struct dhcp_link *l);
    /* Adds what it has counted; NULL: it counts nothing. */
    void (*count)(const struct dhcp_link *l, struct dhcp_port_stats *stats);
    void (*close)(struct dhcp_link *l);
};

struct dhcp_link_settings {
    const char *name;
    const uint8_t *mac; /* given to the interface; NULL: a stack's has one, a port's is made of where it is */
    bool serve6, serve4, echo;
    struct log log; /* of what befalls it */
};

/* An interface of a stack (NULL: the system's): looks at it and opens what is needed, non-blocking. On failure one sentence in
 * why. 0, -ENODEV, -EPERM, -EACCES, -EADDRINUSE (another server has the port), ... */
MUST_CHECK int dhcp_link_open_stack(struct ioth *stack, const struct dhcp_link_settings *settings, nsec_t now,
                                    struct dhcp_link **ret, char *why, size_t why_size);
/* A port with these addresses. 0 or negative errno and one sentence in why. */
MUST_CHECK int dhcp_link_open_port(const char *vnl, const struct dhcp_port_addr *addrs, unsigned n_addrs,
                                   const struct dhcp_link_settings *settings, const struct server_env *env,
                                   nsec_t now, struct dhcp_link **ret, char *why, size_t why_size);
void dhcp_link_close(struct dhcp_link *l); /* takes NULL */

#endif
