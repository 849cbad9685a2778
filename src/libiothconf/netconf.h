/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHCONF_NETCONF_H
#define LIBIOTHCONF_NETCONF_H
/* What the clients of an interface do to its stack, as netlink requests (rtnetlink(7)). All functions return 0 or
   negative errno: -EPERM, what the stack answers, what opening a socket says. */

#include "base/ipaddr.h"

#include <ioth.h>
#include <net/if.h>

/* An error of this process, which lacks descriptors or memory: the same request may do later. */
bool netconf_is_for_now(int error);

/* The interface of a stack. NULL is the kernel's stack here, not the default one. */
struct netconf {
    struct ioth *stack;
    unsigned ifindex;
};

struct netconf_link {
    char name[IFNAMSIZ];
    uint8_t mac[6];
    uint32_t mtu;
    bool up; /* and its network is there */
};
MUST_CHECK int netconf_link(const struct netconf *net, struct netconf_link *ret);
MUST_CHECK int netconf_set_mtu(const struct netconf *net, uint32_t mtu);

/* How the stack looks after the neighbours of IPv6 on the link: BaseReachableTime and RetransTimer (RFC 4861 s6.3.2). */
struct netconf_timers {
    uint32_t reachable_ms, retrans_ms; /* set: 0 leaves it as it is */
};
/* -EOPNOTSUPP: of a stack that does not tell. */
MUST_CHECK int netconf_timers(const struct netconf *net, struct netconf_timers *ret);
MUST_CHECK int netconf_set_timers(const struct netconf *net, const struct netconf_timers *timers);

#define NETCONF_FOREVER UINT32_MAX

struct netconf_addr {
    struct ipaddr addr;
    unsigned bits;                 /* in the 128-bit form */
    uint32_t preferred_s, valid_s; /* NETCONF_FOREVER */
    bool no_subnet; /* what else has its prefix is not on the link for that (RFC 5942 s4); of IPv6 */
};

enum netconf_mode { NETCONF_NEW, NETCONF_RENEW };

/* Adds an address: -EEXIST, it is there already. NETCONF_RENEW: or gives it these lifetimes. */
MUST_CHECK int netconf_addr_add(const struct netconf *net, const struct netconf_addr *addr,
                                enum netconf_mode mode);
/* 0 also if it is gone already. */
int netconf_addr_del(const struct netconf *net, const struct netconf_addr *addr);

/* What the stack says of one of its addresses. */
struct netconf_addr_state {
    struct ipaddr addr;
    unsigned bits;
    bool tentative, duplicate; /* duplicate address detection is not over; has failed (RFC 4862 s5.4) */
    bool permanent;            /* without an end */
};
typedef void netconf_addr_f(const struct netconf_addr_state *addr, void *arg);
/* Calls visit for each address of the interface. */
MUST_CHECK int netconf_addrs(const struct netconf *net, netconf_addr_f *visit, void *arg);
/* Has it an address of IPv6 beside the link-local one, which it may have given itself? True also if it cannot be asked. */
bool netconf_uses_ipv6(const struct netconf *net);

struct netconf_route {
    struct ipaddr dst;
    unsigned bits;         /* in the 128-bit form */
    struct ipaddr gateway; /* all zero, or 0.0.0.0: on the link */
    uint32_t metric;       /* 0: the stack's own choice */
    uint32_t valid_s;      /* NETCONF_FOREVER; of IPv6, and only where the stack counts it down */
    uint8_t hop_limit;     /* of packets that take it; 0: the stack's own choice */
    uint8_t protocol;      /* RTPROT_DHCP, RTPROT_RA */
};
/* Adds a route: -EEXIST, there is one of that metric. NETCONF_RENEW: takes its place, with this lifetime. */
MUST_CHECK int netconf_route_add(const struct netconf *net, const struct netconf_route *route,
                                 enum netconf_mode mode);
/* 0 also if it is gone already. */
int netconf_route_del(const struct netconf *net, const struct netconf_route *route);

#endif
