/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `auth fwd NETS DOMAIN [ADDR[@PORT]...]`: what upstream says. The first run of a query says what must be
 * asked; when the answer is there the second run finds it in q->given. Names of local meaning do not leave
 * unless the rule's own domain lies among them. What nobody could answer a moment ago is not asked again (RFC
 * 9520).
 */
#include "libiothnamed/answer.h"
#include "libiothnamed/local_names.h"
#include "libiothnamed/query_forward.h"

static enum verdict ask_upstream(struct query *q, const struct exchange_servers *servers)
{
    const struct cache_key key = query_cache_key(q, servers);
    if (cache_failure(q->env->snap->cache, &key, q->env->now) >= 0) {
        query_explain(q, EDE_CACHED_ERROR);
        return query_fail(q, RCODE_SERVFAIL);
    }
    query_set_need(q, servers);
    return FORWARD;
}

static enum verdict answer_fwd(struct query *q, const struct placement *where)
{
    unsigned local = local_names_zone(q->name, where->apex_labels);
    if (local && query_names_apex(q))
        return PASS;
    if (!(q->msg.header.flags & DNS_RD)) {
        query_explain(q, EDE_WANTS_RECURSION);
        return query_fail(q, RCODE_REFUSED);
    }
    if (local) {
        query_explain(q, EDE_LOCAL_NAME);
        return query_negative(q, RCODE_NXDOMAIN, local, NEGATIVE_TTL);
    }
    if (q->type == RR_ANY)
        return query_any(q);

    const struct exchange_servers *servers = &q->env->snap->upstreams[where->rule->upstreams];
    if (!query_was_given(q, servers) || q->given->not_yet)
        return ask_upstream(q, servers);
    q->from_upstream = true;
    if (!q->given->answer) {
        query_explain(q, q->given->why ? q->given->why : EDE_NO_ANSWER);
        return query_fail(q, RCODE_SERVFAIL);
    }
    return answer_give(q, q->given->answer, 0);
}

const struct source source_fwd = {
    .keyword = "fwd",
    .args = SOURCE_DOMAIN | SOURCE_UPSTREAMS,
    .final = true,
    .answer = answer_fwd,
};
