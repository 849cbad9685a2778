/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `auth hrev NETS PREFIX`: the names of hashed addresses, as far as somebody asked for them forward. A whole
 * address whose name is not known does not exist for the moment; shorter names of the tree exist without data
 * (RFC 8020).
 */
#include "libiothnamed/query.h"
#include <errno.h>

/* A name that is not known now may be taught by the next question. */
#define UNKNOWN_TTL 5

static enum verdict answer_ptr(struct query *q, const struct placement *where, const struct ipaddr *addr)
{
    uint8_t name[DNAME_MAX];
    int len = hrev_find(q->env->snap->hrev, addr, q->env->now, name);
    if (len < 0)
        return query_negative(q, RCODE_NXDOMAIN, where->apex_labels, UNKNOWN_TTL);
    query_answer(q, RR_PTR, q->env->snap->config->options.hashttl_s, name, (size_t)len);
    return ANSWERED;
}

static enum verdict answer_hrev(struct query *q, const struct placement *where)
{
    q->authoritative |= q->hops == 0;
    if (query_at_apex(q, where))
        return query_apex(q, where->apex_labels);
    struct ipaddr addr;
    int bits = dname_reverse_addr(q->name, &addr);
    if (bits < 0)
        return query_negative(q, RCODE_NXDOMAIN, where->apex_labels, NEGATIVE_TTL);
    if (bits == 128 && (q->type == RR_PTR || q->type == RR_ANY))
        return answer_ptr(q, where, &addr);
    return query_negative(q, RCODE_NOERROR, where->apex_labels, NEGATIVE_TTL);
}

const struct source source_hrev = {
    .keyword = "hrev",
    .args = SOURCE_DOMAIN | SOURCE_PREFIX,
    .final = true,
    .local = true,
    .arpa = true,
    .answer = answer_hrev,
};
