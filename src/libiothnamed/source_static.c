/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `auth static NETS DOMAIN`: the static records. An alias is added to the reply and followed by the pipeline;
 * a name with other types, or with names below it only, has no data (RFC 8020); any other name does not
 * exist.
 */
#include "libiothnamed/query.h"

static enum verdict follow_alias(struct query *q, const struct rrset *alias)
{
    const struct rdata *target = &alias->rdata[0];
    query_answer_rrset(q, alias);
    q->name_len = (uint8_t)target->len;
    memcpy(q->spelled, target->bytes, target->len);
    dname_lower(q->name, target->bytes, target->len);
    return FOLLOW;
}

static enum verdict answer_static(struct query *q, const struct placement *where)
{
    const struct zone_node *node = zone_find(q->env->snap->zone, q->name, q->name_len);
    bool apex = query_at_apex(q, where);
    q->authoritative |= q->hops == 0;
    if (!node && !apex)
        return query_negative(q, RCODE_NXDOMAIN, where->apex_labels, NEGATIVE_TTL);

    const struct rrset *set = zone_rrset(node, q->type);
    if (!set && q->type == RR_ANY && node && node->count)
        set = &node->rrsets[0]; /* one RRset is enough (RFC 8482 s4.1) */
    if (set) {
        query_answer_rrset(q, set);
        return ANSWERED;
    }
    const struct rrset *alias = zone_rrset(node, RR_CNAME);
    if (alias)
        return follow_alias(q, alias);
    if (apex)
        return query_apex(q, where->apex_labels);
    return query_negative(q, RCODE_NOERROR, where->apex_labels, NEGATIVE_TTL);
}

const struct source source_static = {
    .keyword = "static",
    .args = SOURCE_DOMAIN,
    .final = true,
    .local = true,
    .apex = true,
    .answer = answer_static,
};
