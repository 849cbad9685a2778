/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The DHCPv4 server (RFC 2131): a pure core of the shape of server.h. An address comes, in this order,
 *
 *   - from a fixed binding of the client's identifier or MAC address,
 *   - from the client's name, where the subnet says so: the A record of the name that name_policy.h gives, with options in its
 *     TXT record, "mask=255.255.255.0,broadcast=10.0.0.255,router=10.0.0.1,dns=10.0.0.53"; each key may repeat,
 *   - from the pools of the subnet (lease_table.h), the same one as long as it can be.
 *
 * Leases are kept before a client hears of them (SERVER_LEASE); names go with them, so the DNS can know whom an address belongs
 * to. A client is known by its client identifier, or (RFC 2131 s2) by hardware type and address.
 *
 *   DISCOVER                      an offer, held for OFFER_TIME; an address from a pool that the client did not have is
 *                                 probed before (settings.probe)
 *   REQUEST after an offer        granted if it is what was offered
 *   REQUEST after a restart       granted if it is the client's; refused (NAK) if it is of another network, or of our pools
 *                                 and not the client's by what is known here, or if this server alone is in charge
 *                                 (settings.authoritative); else silence
 *   REQUEST to renew, to rebind   granted if it is the client's, or could be: another server on the link gave it
 *   DECLINE, RELEASE, INFORM      RFC 2131 s4.3.3, s4.3.4, s4.3.5
 *
 * A relay's address (giaddr) chooses the subnet; its information (option 82) goes back to it (RFC 3046).
 */
#ifndef LIBNAMEDHCP_DHCP4_SERVER_H
#define LIBNAMEDHCP_DHCP4_SERVER_H

#include "libnamedhcp/lease_table.h"
#include "libnamedhcp/name_policy.h"
#include "libnamedhcp/server.h"
#include "wire/dhcp4.h"

#define DHCP4_SUBNET_OPTIONS_MAX 64
#define DHCP4_OFFER_TIME_S       60  /* s3.1: long enough for the slowest client's choice */
#define DHCP4_DECLINED_TIME_S    600 /* somebody else uses the address; who may be gone by then */

/* An option as it is sent. Views: must outlive the core's use of them. */
struct dhcp4_server_option {
    uint8_t code;
    const uint8_t *bytes;
    size_t len;
};

/* A network on which clients are. What its pools are numbered by (lease_pool.subnet) is its place in the array. */
struct dhcp4_subnet {
    uint32_t network;
    unsigned bits;  /* 0..32 */
    uint32_t links; /* on which this server has an address of it, a bit each; 0: reached by relays alone */
    bool by_name;   /* addresses come from the DNS */
    uint32_t lease_s, lease_max_s; /* given unless the client wants another time; at the most */
    unsigned n_options;
    struct dhcp4_server_option options[DHCP4_SUBNET_OPTIONS_MAX]; /* the mask needs not be among them */
};

/* A client that always gets one address. */
struct dhcp4_fixed {
    uint8_t identity_len; /* 0: by MAC address */
    uint8_t identity[SERVER_IDENTITY_MAX];
    uint8_t mac[6];
    uint32_t addr;
};

struct dhcp4_server_settings {
    struct name_policy *names; /* borrowed */
    struct lease_table
        *leases; /* borrowed; its pools are numbered as the subnets, its reserved ones are the fixed */
    const struct dhcp4_subnet *subnets; /* borrowed */
    unsigned n_subnets;
    const struct dhcp4_fixed *fixed; /* borrowed */
    unsigned n_fixed;
    uint32_t server_id;                  /* an address of this server that clients reach */
    uint32_t link_ids[SERVER_LINKS_MAX]; /* the same for those of a link; 0: server_id */
    bool authoritative, probe, rapid_commit;
    nsec_t echo_time;     /* how long a probe beyond a relay is waited for; 0: there is none */
    unsigned waiting_max; /* requests that wait for the DNS or for a probe; at least 1 */
};

struct dhcp4_server;

/* 0; -EINVAL; -ENOMEM. */
MUST_CHECK int dhcp4_server_new(const struct server_env *env, const struct dhcp4_server_settings *settings,
                                struct dhcp4_server **ret);
void dhcp4_server_free(struct dhcp4_server *s);
/* Puts down a lease that was kept. 0; -EINVAL: it is none of IPv4; -ENOSPC, -ENOMEM. */
MUST_CHECK int dhcp4_server_restore(struct dhcp4_server *s, const struct server_lease *lease,
                                    struct server_time now);

void dhcp4_server_input(struct dhcp4_server *s, const struct server_packet *packet, struct server_time now);
void dhcp4_server_answer(struct dhcp4_server *s, const struct server_answer *answer, struct server_time now);
/* mac: whose it is that uses the address, as ARP says; NULL: nobody knows. */
void dhcp4_server_in_use(struct dhcp4_server *s, uint32_t question, const uint8_t *mac,
                         struct server_time now);
void dhcp4_server_timeout(struct dhcp4_server *s, struct server_time now);
nsec_t dhcp4_server_deadline(const struct dhcp4_server *s);
enum server_event_kind dhcp4_server_next(struct dhcp4_server *s, struct server_event *ret);

#define DHCP4_TYPES 16 /* enum dhcp4_type, those that a server understands; the first counts all others */

struct dhcp4_server_stats {
    uint64_t received, malformed, not_for_us, no_subnet, no_address, unanswered, overflowed;
    uint64_t offered, acked, refused, declined, released, probed, found_in_use;
    uint64_t types[DHCP4_TYPES]; /* of what was received, by type */
};
void dhcp4_server_stats(const struct dhcp4_server *s, struct dhcp4_server_stats *ret);

#endif
