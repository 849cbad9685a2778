/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The DHCPv6 server (RFC 9915) of nodes that need but a name: a pure core of the shape of server.h. The client's name
 * (name_policy.h) is looked up, and its AAAA records are the client's addresses. Nothing is leased out: each server computes
 * the same, so any number of them may stand on one link, and one that was restarted has forgotten nothing but claims on
 * names, which are kept (SERVER_LEASE_CLAIM).
 *
 *   SOLICIT, REQUEST, RENEW, REBIND   name and addresses are found; what a client lists beside them is not its own, and gets
 *                                     the lifetime 0. A name without addresses: NoAddrsAvail. The DNS silent: so are we, and
 *                                     the client asks again
 *   CONFIRM                           its addresses are those of its name, or it is NotOnLink
 *   DECLINE                           the address is given to nobody for a while, and a person should look
 *   RELEASE                           nothing is to be done
 *   INFORMATION-REQUEST               is answered at once
 *   ADDR-REG-INFORM (RFC 9686)        is accepted if the address is the name's
 *
 * Relayed messages (s9) are answered the way they came. IA_PD gets NoPrefixAvail.
 */
#ifndef LIBNAMEDHCP_DHCP6_SERVER_H
#define LIBNAMEDHCP_DHCP6_SERVER_H

#include "libnamedhcp/name_policy.h"
#include "libnamedhcp/server.h"
#include "wire/dhcp6.h"

#define DHCP6_SERVER_PREFIXES_MAX 64

struct dhcp6_server_settings {
    struct name_policy *names; /* borrowed */
    const uint8_t *duid;       /* of the server, the same over restarts; DHCP6_DUID_MIN.._MAX bytes; copied */
    size_t duid_len;
    uint8_t preference; /* 255: clients need not wait for other servers (s18.2.1) */
    bool rapid_commit;
    uint32_t lifetime_min_s,
        lifetime_max_s; /* bounds of the valid lifetime, which is the TTL of the answer else */
    struct {
        struct ipaddr prefix;
        unsigned bits;
    } prefixes[DHCP6_SERVER_PREFIXES_MAX]; /* addresses of names that are in none are not given out */
    unsigned n_prefixes;                   /* none: all are */
    /* What clients ask for by option: which of dns, domains, ntp, dnr, refresh_time_s, sol_max_rt_s, inf_max_rt_s,
     * ADDR_REG_ENABLE, others are there says `has`. Copied; what its views point to (dnr, others) must outlive the core. */
    struct dhcp6_message given;
    unsigned waiting_max; /* requests that wait for the DNS at once; at least 1; 2 KiB each at the most */
};

struct dhcp6_server;

/* 0; -EINVAL: waiting_max or the DUID; -ENOMEM. */
MUST_CHECK int dhcp6_server_new(const struct server_env *env, const struct dhcp6_server_settings *settings,
                                struct dhcp6_server **ret);
void dhcp6_server_free(struct dhcp6_server *s);

/* Settings of a new configuration, for requests that come from now on; waiting_max stays. Errors as dhcp6_server_new: then
 * nothing changes. */
MUST_CHECK int dhcp6_server_configure(struct dhcp6_server *s, const struct dhcp6_server_settings *settings);

/* packet->to says where it was sent to: what was not multicast and did not come by a relay is not answered (RFC 9915 took
 * that away). */
void dhcp6_server_input(struct dhcp6_server *s, const struct server_packet *packet, struct server_time now);
void dhcp6_server_answer(struct dhcp6_server *s, const struct server_answer *answer, struct server_time now);
void dhcp6_server_timeout(struct dhcp6_server *s, struct server_time now);
nsec_t dhcp6_server_deadline(const struct dhcp6_server *s);
enum server_event_kind dhcp6_server_next(struct dhcp6_server *s, struct server_event *ret);

#define DHCP6_TYPES 38 /* those of wire/dhcp6.h; the first counts all others */

struct dhcp6_server_stats {
    uint64_t received, malformed, not_for_us, forbidden, no_address, unanswered, overflowed;
    uint64_t advertised, replied, declined, registered;
    uint64_t types[DHCP6_TYPES]; /* of what was received, by type; of relayed messages that of the client */
};
void dhcp6_server_stats(const struct dhcp6_server *s, struct dhcp6_server_stats *ret);

#endif
