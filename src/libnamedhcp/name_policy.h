/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which name a DHCP client has. A name gives its address (hash addresses), so a client that may claim any name can take any
 * address: what it may claim is said here. Pure; serves both protocols, one object for both: a name that a node has claimed by
 * DHCPv6 is its own by DHCPv4 too, and nobody else's (whose a claim is: name_claims.c). In this order:
 *
 *   1. The name that is bound to the client's identity (DUID, client identifier) or to its MAC address.
 *   2. The name that the client wants, completed by the first domain if it is partial: if it is within the domains, if a
 *      pattern allows it, and if it is nobody else's, neither by a binding nor by an earlier claim (first come, first
 *      served).
 *   3. A name made of the client: "%duid%.hash.local".
 */
#ifndef LIBNAMEDHCP_NAME_POLICY_H
#define LIBNAMEDHCP_NAME_POLICY_H

#include "base/siphash.h"
#include "wire/dname.h"

#include <stdbool.h>

#define NAME_IDENTITY_MAX 255 /* bytes: a client identifier (RFC 2132 s9.14); a DUID has 130 at the most */

struct name_policy;

struct name_binding {
    uint8_t identity_len; /* 0: by MAC address */
    uint8_t identity[NAME_IDENTITY_MAX];
    uint8_t mac[6];
    uint8_t name[DNAME_MAX]; /* wire form */
};

/* Orders bindings by their clients, as memcmp; 0: they are of the same one. */
int name_binding_order(const struct name_binding *a, const struct name_binding *b);

struct name_policy_settings {
    const struct name_binding *bindings; /* of several for one client the first counts */
    unsigned n_bindings;
    const uint8_t *const *domains; /* wire form; none: all names are within */
    unsigned n_domains;
    const char *const *
        patterns; /* of names as text, without a final dot: "sensor-??.lan", "*.lan"; `*` stands for any bytes,
                                    dots too, `?` for one byte, letter case is nothing; none: all names are allowed */
    unsigned n_patterns;
    const char *made; /* a name with %duid% or %mac% in it, hexadecimal digits; NULL: none is made */
    bool claims;      /* first come, first served; else whoever comes */
    uint32_t
        claims_max; /* claims at once; beyond that no new name is given: an old claim gave way to a flood else */
    int64_t claims_keep_s;  /* a claim ends that long after its last use */
    struct siphash_key key; /* secret: where claims lie in the table */
};

struct name_policy_client {
    const uint8_t *identity; /* DUID or DHCPv4 client identifier, 1..NAME_IDENTITY_MAX bytes */
    size_t identity_len;
    const uint8_t *mac;    /* 6 bytes; NULL: not known */
    const uint8_t *wanted; /* wire form; NULL: it named none */
    bool partial;          /* `wanted` is without its last labels */
};

enum name_verdict {
    NAME_GIVEN,
    NAME_NONE,      /* it wants none, and nothing gives it one */
    NAME_FORBIDDEN, /* what it wants is outside the domains, or no pattern allows it */
    NAME_TAKEN,     /* what it wants is somebody else's */
};

/* The settings are copied. 0; -EINVAL: `made` is no name, or has none of the words in it; -ENOMEM. */
MUST_CHECK int name_policy_new(const struct name_policy_settings *settings, struct name_policy **ret);
void name_policy_free(struct name_policy *policy); /* takes NULL */

/* The client's name, in lower case, in *ret if the verdict is NAME_GIVEN. Nothing changes by it. now_s: wall clock. */
MUST_CHECK enum name_verdict name_policy_find(const struct name_policy *policy,
                                              const struct name_policy_client *client, int64_t now_s,
                                              uint8_t ret[static DNAME_MAX]);

/* The client uses a name that it was given: if it was its own wish, it is claimed, or its claim goes on. Returns 1: the
 * claim is to be kept, in place of what was kept before, *ret_ends_s is when it ends; 0: there is nothing to keep; -EEXIST:
 * somebody else has claimed it; -ENOSPC: there are claims_max; -ENOMEM. */
MUST_CHECK int name_policy_use(struct name_policy *policy, const struct name_policy_client *client,
                               const uint8_t *name, int64_t now_s, int64_t *ret_ends_s);

/* What was to be kept could not be, who knows of which claims: each of them is kept anew when it is used next. */
void name_policy_lost(struct name_policy *policy);

/* A claim that was kept over a restart, of a client with that identity and MAC address; one that is there already stays. 0;
 * -ENOSPC; -ENOMEM. */
MUST_CHECK int name_policy_restore(struct name_policy *policy, const uint8_t *name,
                                   const struct name_policy_client *client, int64_t ends_s);

/* Forgets one claim that has ended, whose name is then in *ret; false: there is none. */
bool name_policy_expire(struct name_policy *policy, int64_t now_s, uint8_t ret[static DNAME_MAX]);
/* Forgets the claim on a name, which is then anybody's again; false: there is none. */
bool name_policy_forget(struct name_policy *policy, const uint8_t *name);
uint32_t name_policy_claims(const struct name_policy *policy); /* how many there are */
/* When the first claim ends; INT64_MAX: there is none. */
int64_t name_policy_first_end(const struct name_policy *policy);

#endif
