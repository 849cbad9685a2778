/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `auth cache NETS DOMAIN`: what earlier forwarded answers left. A client sees only what its own fwd rule for
 * the name would have asked: the key holds that rule's upstreams.
 */
#include "libiothnamed/answer.h"
#include "libiothnamed/local_names.h"

struct hit {
    struct query *q;
    enum verdict verdict;
};

static void use(void *arg, const uint8_t *value, size_t len, uint32_t age_s)
{
    struct hit *hit = arg;
    hit->verdict = answer_give(hit->q, value, len, age_s);
}

static enum verdict answer_cache(struct query *q, const struct placement *where)
{
    (void)where;
    const struct placement *fwd = query_fwd_rule(q);
    if (!fwd || local_names_zone(q->name, fwd->apex_labels))
        return PASS;
    struct cache_key key = {
        .upstreams = q->env->snap->upstreams[fwd->rule->upstreams].id,
        .type = q->type,
        .class = CLASS_IN,
        .dnssec_ok = q->msg.edns.dnssec_ok,
        .checking_disabled = q->msg.header.flags & DNS_CD,
        .name = q->name,
        .name_len = q->name_len,
    };
    struct hit hit = {.q = q, .verdict = PASS};
    cache_get(q->env->snap->cache, &key, q->env->now, use, &hit);
    return hit.verdict;
}

const struct source source_cache = {
    .keyword = "cache",
    .args = SOURCE_DOMAIN,
    .answer = answer_cache,
};
