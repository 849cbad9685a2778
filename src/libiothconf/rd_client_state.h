/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the sources rd_client*.c share. Times in which something is true are its end, 0 if it is not. */
#ifndef LIBIOTHCONF_RD_CLIENT_STATE_H
#define LIBIOTHCONF_RD_CLIENT_STATE_H

#include "base/siphash.h"
#include "libiothconf/rd_client.h"
#include "wire/nd.h"

/* How long a router may be silent before nothing but its lifetimes speaks for it: three of the longest intervals of RFC
 * 4861 s6.2.1. Then its flags and MTU are forgotten if nothing else of it stands, and if all places are
 * taken a newcomer gets its place. */
#define RD_SILENCE (3 * 1800 * NSEC_PER_SEC)

/* An address or a route. */
struct rd_entry {
    struct ipaddr addr, gateway;
    uint8_t bits;
    uint8_t hop_limit;
    bool deprecated;
    uint32_t metric;
    nsec_t preferred_until, valid_until;
};

/* An entry that the stack should have, and the one that it was told to have. rd_client_next() makes one of the other. */
struct rd_offer {
    bool wanted, told;
    struct rd_entry want, said;
};

struct rd_route {
    struct ipaddr prefix;
    uint8_t bits;
    enum nd_preference preference;
    nsec_t until;
    struct rd_offer offer;
};

struct rd_server {
    struct ipaddr addr;
    nsec_t until;
};

struct rd_domain {
    uint8_t name[DNAME_MAX];
    nsec_t until;
};

struct rd_router {
    bool used;
    struct ipaddr addr;
    uint8_t flags;     /* ND_RA_ */
    uint8_t hop_limit; /* 0: none said */
    uint16_t mtu;      /* 0: none said */
    nsec_t heard;
    enum nd_preference preference;
    nsec_t default_since, default_until; /* a default router */
    struct rd_offer offer;               /* the default route */
    struct rd_route routes[RD_ROUTES_MAX];
    struct rd_server servers[RD_SERVERS_MAX];
    struct rd_domain domains[RD_DOMAINS_MAX];
};

enum rd_trial {
    RD_TENTATIVE, /* announced; no verdict yet */
    RD_UNIQUE,
    RD_DUPLICATE, /* not used; another trial at retry_at */
};

struct rd_prefix {
    struct ipaddr prefix;
    uint8_t bits;
    uint8_t said_by;      /* a bit for each router; 0: this place is free */
    nsec_t on_link_until; /* RFC 4861 s6.3.4 */
    /* Its address (RFC 4862 s5.5.3). */
    nsec_t preferred_until, valid_until;
    struct ipaddr addr;
    uint8_t addr_bits;
    enum rd_trial trial;
    bool tell_duplicate;
    uint8_t duplicates; /* in a row: RFC 7217's DAD_Counter */
    nsec_t retry_at;
    struct rd_offer offer, link; /* the address; the route to the prefix, if that does not come with it */
};

/* ReachableTime before its random part, and RetransTimer (RFC 4861 s6.3.2); 0: none said. */
struct rd_timers {
    uint32_t reachable_ms, retrans_ms;
};

_Static_assert(RD_ROUTERS_MAX <= 8, "said_by has a bit for each");

struct rd_client {
    struct client_env env;
    enum rd_identifier identifier;
    struct siphash_key key;
    bool runs;
    nsec_t now; /* of the last call */

    struct rd_router routers[RD_ROUTERS_MAX];
    struct rd_prefix prefixes[RD_ADDRESSES_MAX];

    /* Solicitation, rd_client.c. */
    bool answered;   /* since the start, by a default router */
    bool soliciting; /* solicit_at is the next one; else it is when to begin */
    bool send;
    nsec_t solicit_at, interval, not_before;
    uint8_t packet[8];

    /* What else was told, and what is to be told. */
    uint16_t mtu, said_mtu;
    uint8_t hop_limit; /* CurHopLimit; 0: none said */
    struct rd_timers timers, said_timers;
    bool flags_known, flags_said;
    uint8_t flags, said_flags;
    bool names_changed;
    bool news; /* an entry that is new was told since the last CLIENT_BOUND */
    bool bound;
};

/* rd_client_learn.c */

/* A valid router advertisement. */
void rd_learn(struct rd_client *x, const struct ipaddr *from, const struct nd_message *msg);
/* Ends what has an end before or at x->now. */
void rd_expire(struct rd_client *x);
/* Ends everything. */
void rd_forget(struct rd_client *x);
/* When the next thing ends. */
nsec_t rd_next_end(const struct rd_client *x);

/* rd_client_address.c */

/* A prefix of 64 bits for addresses, with valid_s > 0 if it has none yet, and preferred_s <= valid_s. */
void rd_autoconfigure(struct rd_client *x, struct rd_prefix *prefix, const struct nd_prefix *said);
/* Another trial of an address that was a duplicate. */
void rd_try_again(struct rd_client *x, struct rd_prefix *prefix);

/* rd_client_say.c */

/* From what is known to what the stack should have; after each change. */
void rd_refresh(struct rd_client *x);
/* The stack may have forgotten it. */
void rd_untell(struct rd_client *x);

/* The moment after a lifetime in seconds. */
static inline nsec_t rd_until(const struct rd_client *x, uint32_t lifetime_s)
{
    return lifetime_s == ND_INFINITE ? NSEC_NEVER : x->now + (nsec_t)lifetime_s * NSEC_PER_SEC;
}

/* By chance from 1 to span, which is not 0: a deadline made of it is in the future. */
static inline nsec_t rd_random(const struct rd_client *x, nsec_t span)
{
    uint64_t chance;

    x->env.random(x->env.arg, &chance, sizeof(chance));
    return 1 + (nsec_t)(chance % (uint64_t)span);
}

#endif
