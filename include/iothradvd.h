/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IOTHRADVD_H
#define IOTHRADVD_H
/*
 * libiothradvd: a router that tells the hosts of a link how to configure themselves (router advertisements, RFC 4861 s6.2),
 * as a thread of the process. See iothradvd(3).
 *
 * A handle serves one interface of a stack, or one port of a virtual Ethernet; any number of handles live side by side.
 * Its functions may be called from any thread, one at a time for each handle.
 */
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <ioth.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct iothradvd;

/* Flags of an advertisement (RFC 4861 s4.2, RFC 4191 s2.2, RFC 6275 s7.1, RFC 4389 s4.1.3.3). */
#define IOTHRADVD_MANAGED 0x80 /* M: addresses by DHCPv6 */
#define IOTHRADVD_OTHER   0x40 /* O: other things by DHCPv6 */
#define IOTHRADVD_HOME    0x20 /* H: a home agent */
#define IOTHRADVD_HIGH    0x08 /* h: preferred to other routers */
#define IOTHRADVD_LOW     0x18 /* l: others are preferred to this one */
#define IOTHRADVD_PROXY   0x04 /* P: said again by a proxy */

/* What an advertisement says; an element that is 0 says nothing, but for router_lifetime. */
struct iothradata {
    uint8_t curhoplimit;
    uint8_t flags;            /* IOTHRADVD_ */
    uint16_t router_lifetime; /* seconds; 0: this is no default router */
    uint32_t reachable;       /* milliseconds */
    uint32_t retransmit;      /* milliseconds */
    uint32_t mtu;             /* bytes, 1280 or more; 0: no MTU option */
};

/* Flags of a prefix (RFC 4861 s4.6.2, RFC 6275 s7.2, RFC 9762). */
#define IOTHRADVD_PREFIX_ON_LINK    0x80 /* L */
#define IOTHRADVD_PREFIX_AUTONOMOUS 0x40 /* A */
#define IOTHRADVD_PREFIX_ROUTER     0x20 /* R: the prefix is the router's whole address */
#define IOTHRADVD_PREFIX_DELEGATED  0x10 /* P: rather ask DHCPv6 for a prefix of your own */
#define IOTHRADVD_PREFIX_COUNTDOWN  0x01 /* D: never sent; the lifetimes count down from the start on */

#define IOTHRADVD_INFINITE UINT32_MAX /* a lifetime that does not end */

struct iothraprefix {
    struct in6_addr prefix;
    uint8_t prefixlen, flags;            /* 0..128; IOTHRADVD_PREFIX_ */
    uint32_t valid_time, preferred_time; /* seconds; valid_time is not the shorter one */
};

/* Advertises on interface number `ifindex` of the stack (NULL: the default stack), which has or will get a link-local
 * address. period: at most so many seconds pass between two advertisements to all, 1..65535; 0: 600. *data and the n
 * prefixes are copied. A source link-layer address option is always sent.
 * Returns the handle, or NULL and errno: EINVAL (a number out of its range), ENODEV (no such interface), EPERM (no raw
 * sockets for this user), ENOMEM, EMFILE, EAGAIN. */
struct iothradvd *iothradvd_start(struct ioth *stack, unsigned ifindex, int period, struct iothradata *data,
                                  struct iothraprefix *prefixes, int n);

/* The same on a port of the virtual Ethernet `vnl` (as vde_open(3) takes it), without a stack: the library's own IPv6
 * answers for its link-local address. mac: 6 bytes, from which that address is made; NULL: random ones.
 * NULL and errno as above, and what vde_open(3) says. */
struct iothradvd *iothradvd_vdestart(char *vnl, void *mac, int period, struct iothradata *data,
                                     struct iothraprefix *prefixes, int n);

/* Tells the hosts that this router is one no longer (router lifetime 0), and ends. NULL: nothing. The stack stays. */
void iothradvd_stop(struct iothradvd *radvd);

/* --- more than the structures above can say --- */

/* Starts from text: the options of iothradvd(8) for one interface, one a line, as in its file. `iface` says which
 * interface of the stack (NULL: the default one). With stack NULL and `stack VNL` in the text it serves a port, as
 * iothradvd_vdestart does.
 * NULL and errno: EINVAL (errbuf, if it is not NULL, gets one sentence with the place, cut to errbuf_size), or as above. */
struct iothradvd *iothradvd_startc(struct ioth *stack, const char *text, char *errbuf, size_t errbuf_size);

/* From now on this text. What is no longer in it is withdrawn: prefixes are deprecated (preferred lifetime 0, a valid
 * lifetime of at most two hours that counts down), name servers and routes get lifetime 0, as long as hosts would believe
 * in them. What cannot change while it runs (interface, stack, MAC address) is not looked at. 0, or -1 and errno: EINVAL,
 * ENOMEM; then nothing has changed. */
int iothradvd_update(struct iothradvd *radvd, const char *text, char *errbuf, size_t errbuf_size);

/* What happened so far. */
struct iothradvd_stats {
    uint64_t sent_multicast;      /* advertisements to all nodes, a split one counted once */
    uint64_t sent_unicast;        /* to one that asked */
    uint64_t send_errors;         /* packets that the stack or network did not take */
    uint64_t solicitations;       /* valid ones */
    uint64_t solicitations_alike; /* of these, answered by an advertisement that was due anyway */
    uint64_t advertisements;      /* of other routers, valid ones */
    uint64_t inconsistent;        /* of these, at odds with ours (RFC 4861 s6.2.7) */
    uint64_t invalid;             /* messages that were not as RFC 4861 s6.1 demands */
};
void iothradvd_getstats(struct iothradvd *radvd, struct iothradvd_stats *ret);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
