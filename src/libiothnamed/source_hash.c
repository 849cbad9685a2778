/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `auth hash NETS DOMAIN BASE`: the address of a name is computed from the name: every name exists and has
 * AAAA, one for each address of its base. The answer teaches the reverse table, if the rules have a use for
 * it and `option hrevmode` agrees with who asked.
 */
#include "libiothaddr/hashname.h"
#include "libiothnamed/query.h"

/* A dot inside a label makes the text, and so the address, that of another name, which keeps its PTR. */
static bool has_dotted_label(const struct query *q, const char *text, size_t len)
{
    unsigned dots = 0;
    for (size_t i = 0; i < len; i++)
        dots += text[i] == '.';
    return dots != q->labels - 1;
}

static bool may_teach(const struct query *q, const struct ipaddr *addr)
{
    const struct snapshot *s = q->env->snap;
    switch (s->config->options.hrevmode) {
    case HREV_ALWAYS:
        return true;
    case HREV_NET:
        return ipaddr_same_prefix(&q->client, addr, 64);
    case HREV_SAME:
        return ipaddr_equal(&q->client, addr);
    case HREV_NEVER:
        break;
    }
    return false;
}

static enum verdict answer_hash(struct query *q, const struct placement *where)
{
    const struct snapshot *s = q->env->snap;
    const struct base_value *base = &s->bases[where->rule->base];
    if (q->labels == 0)
        return query_apex(q, 0); /* of a rule for ".": the root has no text to hash */
    if (!base->known) {
        query_explain(q, EDE_BASE_UNKNOWN);
        return query_fail(q, RCODE_SERVFAIL);
    }
    q->authoritative |= q->hops == 0;
    if (q->type != RR_AAAA && q->type != RR_ANY)
        return query_negative(q, RCODE_NOERROR, where->apex_labels, NEGATIVE_TTL);

    char text[DNAME_MAX];
    size_t len = query_dotted(q, text);
    bool teaches = s->learns_names && !has_dotted_label(q, text, len);
    uint32_t ttl = s->config->options.hashttl_s;
    for (unsigned i = 0; i < base->count; i++) {
        struct ipaddr addr = base->addrs[i];
        iothaddr_hash_bytes(addr.b, text, len, NULL, 0);
        query_answer(q, RR_AAAA, ttl, addr.b, sizeof(addr.b));
        if (teaches && may_teach(q, &addr))
            hrev_learn(s->hrev, &addr, q->name, q->name_len, &q->client, q->env->now,
                       q->env->now + ttl * NSEC_PER_SEC);
    }
    return ANSWERED;
}

const struct source source_hash = {
    .keyword = "hash",
    .args = SOURCE_DOMAIN | SOURCE_BASE,
    .final = true,
    .local = true,
    .apex = true,
    .answer = answer_hash,
};
