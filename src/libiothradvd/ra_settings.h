/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the router says on one interface, and how often: RFC 4861 s6.2.1 and the options that came later. */
#ifndef IOTHRADVD_RA_SETTINGS_H
#define IOTHRADVD_RA_SETTINGS_H

#include "wire/nd.h"

#include <stdbool.h>

struct iothradata;
struct iothraprefix;

/* RFC 4861 s6.2.1 as RFC 8319 s4 has it; below 4 s as RFC 6275 s7.5 lets routers of mobile hosts. */
#define RA_INTERVAL_MAX_S     65535
#define RA_INTERVAL_DEFAULT_S 600
#define RA_HOP_LIMIT_DEFAULT  64 /* the assigned number: RFC 4861 s6.2.1 */
#define RA_PREFIX_VALID_S     2592000
#define RA_PREFIX_PREFERRED_S 604800
#define RA_REACHABLE_MAX_MS   3600000 /* an hour, RFC 4861 s6.2.1 */

/* A person writes these, no peer; a table that is larger is a mistake. */
#define RA_OPTIONS_MAX 128
#define RA_SERVERS_MAX 32 /* in one option */

struct ra_option {
    struct nd_option nd; /* what it points to lives as long as the settings */
    bool counts_down;    /* a prefix: its lifetimes end at a fixed time */
    bool own; /* a prefix, ::/LEN: stands for the prefixes of that length of the interface's own addresses */
};

struct ra_settings {
    nsec_t interval_max, interval_min; /* between unsolicited advertisements; 0 < min <= max */
    struct nd_router router;
    uint32_t mtu;    /* 0: no MTU option */
    bool source_mac; /* send the source link-layer address option */
    bool multicast;  /* answer solicitations to all; else to who asked (RFC 7772 s4) */
    unsigned n_options;
    struct ra_option options[RA_OPTIONS_MAX]; /* in the order in which they are sent */
};

/* The defaults: period 600 s, a default router for three times that. */
void ra_settings_init(struct ra_settings *s);
/* The interval at least, from that at most (RFC 4861 s6.2.1, MinRtrAdvInterval). */
nsec_t ra_interval_min(nsec_t interval_max);
/* From the public structures. 0 or -EINVAL: a number that is out of its range. */
MUST_CHECK int ra_settings_of(int period_s, const struct iothradata *data,
                              const struct iothraprefix *prefixes, int n, struct ra_settings *ret);
/* Where an option keeps its lifetime (the valid one of a prefix); NULL: it has none. */
uint32_t *ra_lifetime_of(struct nd_option *option);
bool ra_wants_own_prefixes(const struct ra_settings *s);

#endif
