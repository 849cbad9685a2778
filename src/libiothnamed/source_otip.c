/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `auth otip NETS DOMAIN BASE PASSWORD`: one-time addresses, computed from the name, the password and the
 * number of the current epoch. An answer lives as long as its epoch.
 */
#include "libiothaddr/hashname.h"
#include "libiothnamed/query.h"

static enum verdict answer_otip(struct query *q, const struct placement *where)
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
    int64_t period = s->config->options.otipperiod_s;
    uint32_t ttl = (uint32_t)(period - q->env->wall_s % period);
    if (q->type != RR_AAAA && q->type != RR_ANY)
        return query_negative(q, RCODE_NOERROR, where->apex_labels, ttl);

    char text[DNAME_MAX];
    size_t len = query_dotted(q, text);
    uint32_t epoch = (uint32_t)(q->env->wall_s / period);
    for (unsigned i = 0; i < base->count; i++) {
        struct ipaddr addr = base->addrs[i];
        iothaddr_hash_bytes(addr.b, text, len, where->rule->password, epoch);
        query_answer(q, RR_AAAA, ttl, addr.b, sizeof(addr.b));
    }
    return ANSWERED;
}

const struct source source_otip = {
    .keyword = "otip",
    .args = SOURCE_DOMAIN | SOURCE_BASE | SOURCE_PASSWORD,
    .final = true,
    .local = true,
    .apex = true,
    .answer = answer_otip,
};
