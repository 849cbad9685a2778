/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which rules speak about a name: a trie over labels, from the root down, whose nodes hold the merged lists
 * of rules in file order, so a look-up costs as many steps as the name has labels, whatever the number of
 * rules.
 */
#ifndef IOTHNAMED_POLICY_H
#define IOTHNAMED_POLICY_H

#include "base/siphash.h"
#include "libiothnamed/nets.h"

/* The addresses of one config_base, at one moment. */
#define BASE_ADDRS_MAX 16 /* a name with more addresses than this is used with its first ones, sorted */
struct base_value {
    bool known;
    unsigned count;
    struct ipaddr addrs[BASE_ADDRS_MAX];
};

/* A rule where it stands in the tree of names. */
struct placement {
    const struct config_rule
        *rule;           /* or one that differs from it in the domain and the place alone; the domain is
                                       of the same kind */
    netset nets;         /* those of the rule */
    uint8_t apex_labels; /* the suffix of the asked name with that many labels is the rule's domain name */
    bool implicit_apex;  /* stands for the apex of a rule for the names below it: SOA and NS, if no rule that
                           matches the apex for this client has answered (always behind those) */
};

struct placements {
    const struct placement *list;
    unsigned count;
};

struct policy;

/* `bases`: one value for each config->bases. Rules whose domain rests on an unknown base stand nowhere.
 * `nets` must outlive the policy. 0 or -ENOMEM. */
MUST_CHECK int policy_build(const struct config *config, const struct base_value *bases,
                            const struct nets *nets, const struct siphash_key *key, struct policy **ret);
void policy_free(struct policy *p);
/* The rules that match the name, in file order, then implicit apexes. A rule for the names of a file (DOMAIN_LIST)
 * is always among them: see list_find. Left out are those that no client can
 * reach: rules whose nets are all among those of rules before them whose sources never pass. name: lower
 * case, wire form. */
struct placements policy_find(const struct policy *p, const uint8_t *name);
/* The nets that some rule about names serves (TCP is accepted from them when no accept rule says otherwise),
 * those of the accept rules, and those of the fwd rules (their clients see RA). */
netset policy_served(const struct policy *p);
netset policy_accepted(const struct policy *p);
netset policy_forwarded(const struct policy *p);

#endif
