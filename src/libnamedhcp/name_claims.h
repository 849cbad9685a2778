/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names that belong to the client that came first. Inside the name policy. */
#ifndef LIBNAMEDHCP_NAME_CLAIMS_H
#define LIBNAMEDHCP_NAME_CLAIMS_H

#include "base/heap.h"
#include "libnamedhcp/name_policy.h"

#include <sys/queue.h>

struct name_claim {
    LIST_ENTRY(name_claim) in_bucket;
    struct heap_node by_end; /* its deadline is the second at which the claim ends */
    int64_t kept_until_s;    /* what was said last to be kept */
    uint32_t losses;         /* the policy's, when that was said */
    uint8_t mac[6];          /* zero: not known */
    uint8_t identity_len, name_len;
    uint8_t bytes[]; /* identity, name */
};

LIST_HEAD(name_claim_bucket, name_claim);

struct name_claims {
    struct siphash_key key;
    uint32_t max, count, mask;
    struct name_claim_bucket *buckets; /* mask + 1 of them */
    struct heap ends;
};

MUST_CHECK int name_claims_init(struct name_claims *c, uint32_t max, const struct siphash_key *key);
void name_claims_fini(struct name_claims *c);
/* The claim on a name in lower case, or NULL; also one that has ended. */
struct name_claim *name_claims_find(const struct name_claims *c, const uint8_t *name);
/* Where in an identity the DUID of its owner begins: that of DHCPv4 may have one behind a type and an IAID (RFC 4361 s6.1). */
size_t name_duid_at(const uint8_t *identity, size_t len);
/* The claim is this client's, on whichever protocol it was made. */
bool name_claim_is_of(const struct name_claim *claim, const struct name_policy_client *client);
/* A new one, on a name on which there is none. 0, -ENOSPC, -ENOMEM. */
MUST_CHECK int name_claims_add(struct name_claims *c, const uint8_t *name,
                               const struct name_policy_client *client, int64_t ends_s,
                               struct name_claim **ret);
void name_claims_remove(struct name_claims *c, struct name_claim *claim);
/* The one that ends first; NULL: there is none. */
struct name_claim *name_claims_first(const struct name_claims *c);
static inline const uint8_t *name_claim_name(const struct name_claim *claim)
{
    return claim->bytes + claim->identity_len;
}

#endif
