/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Router discovery for a host: from router advertisements to addresses, routes, MTU and name servers (RFC 4861 s6.3,
 * RFC 4862 s5.5, RFC 4191, RFC 8106). A pure core of the shape that client.h tells.
 *
 * The link-local address is the stack's own affair, as are neighbours and whether a router still answers them.
 */
#ifndef LIBIOTHCONF_RD_CLIENT_H
#define LIBIOTHCONF_RD_CLIENT_H

#include "libiothconf/client.h"

/* How the identifier of an address is made, its last 64 bits. */
enum rd_identifier {
    RD_HASHED, /* from client_env.fqdn: iothaddr_hash(). The address is the name's */
    RD_EUI64,  /* from client_env.mac (RFC 4291 appendix A) */
    RD_OPAQUE, /* from a secret, another one in each prefix, always the same in one (RFC 7217) */
};

struct rd_settings {
    enum rd_identifier identifier;
    /* RD_OPAQUE: 16 bytes or more that stay the same for this node; addresses tell nothing about them. Copied. */
    const uint8_t *secret;
    size_t secret_len;
};

/* Bounds of what routers say. A quota for each router: whoever floods fills his own, and everything is
 * bounded since routers are. */
#define RD_ROUTERS_MAX                                                                                       \
    8 /* two at least (RFC 4861 s6.3.4); homes with border routers of other networks have five */
#define RD_PREFIXES_MAX                                                                                      \
    8 /* of a router: a global and a local one, each renumbered before the old one has ended */
#define RD_ROUTES_MAX  8 /* of a router: networks behind it; RFC 4191 s3.2 leaves it to the host */
#define RD_SERVERS_MAX 4 /* of a router: RFC 8106 s5.3.1 asks for three */
#define RD_DOMAINS_MAX 4 /* of a router */

/* Values that are obeyed; others are as if the router had said nothing. Anybody on the link may say them. A packet that dies
 * on its way is as good as silence, and paths of more than 30 hops are rare. Neighbours that are asked for too often are a load
 * for the whole link, too seldom, and one that has moved is lost; an hour is the router's own bound (RFC 4861 s6.2.1), a
 * second of silence is what it takes to find out that an address is free (RFC 4862 s5.4), ten are for the slowest of links
 * (RFC 6775 s9). */
#define RD_HOP_LIMIT_MIN    32
#define RD_REACHABLE_MIN_MS 1000
#define RD_REACHABLE_MAX_MS 3600000
#define RD_RETRANS_MIN_MS   100
#define RD_RETRANS_MAX_MS   10000

/* All prefixes, and so all addresses. */
#define RD_ADDRESSES_MAX (RD_ROUTERS_MAX * RD_PREFIXES_MAX)

/* Metrics of default routes and of others: that of the preference and the number of the router, 0..7 in the order in
 * which they came; so no two are equal. RD_METRIC_MEDIUM is the kernel's own for routes of routers. */
#define RD_METRIC_HIGH   512
#define RD_METRIC_MEDIUM 1024
#define RD_METRIC_LOW    2048
#define RD_METRIC_LINK   256 /* prefixes on the link, as the kernel has it */

/* An address of our own making that is known to be ours alone. */
struct rd_address {
    struct ipaddr addr;
    nsec_t preferred_until, valid_until;
};

struct rd_client;

/* env is copied, its fqdn is not. 0; -EINVAL: no name for RD_HASHED, a short secret for RD_OPAQUE; -ENOMEM. */
MUST_CHECK int rd_client_new(const struct client_env *env, const struct rd_settings *settings,
                             struct rd_client **ret);
void rd_client_free(struct rd_client *x);

/* Solicits. After the link was down: also says once more what stands, since a stack may have forgotten it, and
 * awaits new verdicts. */
void rd_client_start(struct rd_client *x, nsec_t now);
/* A CLIENT_ICMP6 packet; anything but a valid router advertisement is ignored. */
void rd_client_input(struct rd_client *x, const struct client_packet *packet, nsec_t now);
/* Each address is announced by CLIENT_ADDR_ADD and is ours from its verdict on: CLIENT_BOUND waits for one. A duplicate
 * is taken back. RD_OPAQUE: another one follows (up to three, RFC 7217 s6). RD_HASHED, RD_EUI64, or the last of the
 * three: CLIENT_DUPLICATE says so, and it is tried once more some minutes later. */
void rd_client_verdict(struct rd_client *x, const struct ipaddr *addr, bool duplicate, nsec_t now);
void rd_client_timeout(struct rd_client *x, nsec_t now);
nsec_t rd_client_deadline(const struct rd_client *x);
void rd_client_stop(struct rd_client *x, nsec_t now);
/* Returns ret->kind. Beside what client.h says: CLIENT_ADDR_ADD comes once more when an address becomes deprecated,
 * its preferred_until is not in the future then. An address has 64 bits if its prefix is on the link, else 128.
 * Gateways are link-local addresses of env.ifindex. */
enum client_event_kind rd_client_next(struct rd_client *x, struct client_event *ret);

/* Of each router in turn, so that none keeps out the others. Servers may be link-local, of env.ifindex. */
void rd_client_names(const struct rd_client *x, struct client_names *ret);

/* The addresses that are ours now, for their registration (RFC 9686); changed after CLIENT_BOUND, CLIENT_LOST or
 * an address event. Returns how many. */
unsigned rd_client_addresses(const struct rd_client *x, struct rd_address ret[static RD_ADDRESSES_MAX]);

#endif
