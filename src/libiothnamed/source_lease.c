/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `auth lease NETS DOMAIN FILE`: the names and addresses of the leases in a file of namedhcp, forward and reverse. A query looks
 * into a copy in memory (lease_keeper.h), which is part of the snapshot.
 *
 * What has no lease is left to the rules behind this one, so that a domain may have leases and other names: hashed addresses
 * beside leased ones, static records of what has no lease. If no rule behind it serves the client there is a zone of leases
 * alone, and the answer is "no". Of a name that has a lease only this server can tell: the question for another type of it goes
 * to its other rules, and never upstream; and whatever these know of the name, it exists.
 */
#include "libiothnamed/query.h"

#include <errno.h>

/* A name that is not known now may be leased with the next packet. */
#define UNKNOWN_TTL 5

/* The next rule for this client, if it answers from what this server knows and says more than "no". */
static const struct placement *next_rule(const struct query *q, const struct placement *where)
{
    for (const struct placement *p = where + 1; p < q->rules.list + q->rules.count; p++)
        if (query_may_use(q, p))
            return p;
    return NULL;
}

/* Nothing is leased under that name. */
static enum verdict answer_unknown(struct query *q, const struct placement *where, uint16_t rcode)
{
    if (next_rule(q, where))
        return PASS;
    q->authoritative |= q->hops == 0;
    if (query_at_apex(q, where))
        return query_apex(q, where->apex_labels);
    return query_negative(q, rcode, where->apex_labels, UNKNOWN_TTL);
}

/* The name has a lease, but nothing of that type. */
static enum verdict answer_other_type(struct query *q, const struct placement *where)
{
    const struct placement *next = next_rule(q, where);

    q->exists = true;
    if (next && next->rule->source->local && next->rule->source != &source_error)
        return PASS;
    q->authoritative |= q->hops == 0;
    return query_negative(q, RCODE_NOERROR, where->apex_labels, UNKNOWN_TTL);
}

static uint32_t ttl_of(const struct query *q, int64_t ends_s)
{
    int64_t left = ends_s - q->env->wall_s, most = q->env->snap->config->options.leasettl_s;

    return (uint32_t)(left < most ? left : most);
}

static enum verdict answer_name(struct query *q, const struct placement *where, const struct lease_set *set)
{
    struct lease_found found[LEASE_ADDRS_MAX];
    bool v4 = q->type == RR_A || q->type == RR_ANY, wanted = v4 || q->type == RR_AAAA;
    int64_t now = q->env->wall_s;
    unsigned n = wanted ? lease_set_addrs(set, q->name, v4, now, found) : 0;

    if (n == 0 && q->type == RR_ANY)
        n = lease_set_addrs(set, q->name, v4 = false, now, found);
    if (n == 0)
        return lease_set_has_name(set, q->name, now) ? answer_other_type(q, where)
                                                     : answer_unknown(q, where, RCODE_NXDOMAIN);
    q->authoritative |= q->hops == 0;
    uint32_t ttl = ttl_of(q, found[n - 1].ends_s); /* one for all (RFC 2181 s5.2): of the first to end */
    for (unsigned i = 0; i < n; i++)
        query_answer(q, v4 ? RR_A : RR_AAAA, ttl, found[i].addr.b + (v4 ? 12 : 0), v4 ? 4 : 16);
    return ANSWERED;
}

/* Names of the reverse tree that are no whole address exist (RFC 8020). */
static enum verdict answer_addr(struct query *q, const struct placement *where, const struct lease_set *set,
                                const struct ipaddr *addr, int bits)
{
    uint8_t name[DNAME_MAX];
    int64_t ends_s;
    size_t len = bits == 128 ? lease_set_name(set, addr, q->env->wall_s, name, &ends_s) : 0;

    if (len == 0)
        return answer_unknown(q, where, bits == 128 ? RCODE_NXDOMAIN : RCODE_NOERROR);
    if (q->type != RR_PTR && q->type != RR_ANY)
        return answer_other_type(q, where);
    q->authoritative |= q->hops == 0;
    query_answer(q, RR_PTR, ttl_of(q, ends_s), name, len);
    return ANSWERED;
}

static enum verdict answer_lease(struct query *q, const struct placement *where)
{
    const struct lease_sets *sets = q->env->snap->leases;
    const struct lease_set *set = sets ? sets->list[where->rule->leases] : NULL;
    struct ipaddr addr;

    if (!set) {
        query_explain(q, EDE_LEASES_UNKNOWN);
        return query_fail(q, RCODE_SERVFAIL);
    }
    int bits = dname_reverse_addr(q->name, &addr);
    return bits >= 0 ? answer_addr(q, where, set, &addr, bits) : answer_name(q, where, set);
}

const struct source source_lease = {
    .keyword = "lease",
    .args = SOURCE_DOMAIN | SOURCE_LEASES,
    .local = true,
    .apex = true,
    .answer = answer_lease,
};
