/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `auth fwd NETS DOMAIN [ADDR[@PORT]...]`: what upstream says. The first run of a query says what must be
 * asked; when the answer is there the second run finds it in q->given. Names of local meaning do not leave
 * unless the rule's own domain lies among them.
 */
#include "libiothnamed/answer.h"
#include "libiothnamed/local_names.h"

static bool given_answers(const struct query *q, const struct exchange_servers *servers)
{
    const struct forward_given *g = q->given;
    return g && g->servers_id == servers->id && g->question.type == q->type &&
           g->question.dnssec_ok == q->msg.edns.dnssec_ok &&
           g->question.checking_disabled == !!(q->msg.header.flags & DNS_CD) &&
           g->question.name_len == q->name_len && memcmp(g->question.name, q->name, q->name_len) == 0;
}

static enum verdict ask_upstream(struct query *q, const struct exchange_servers *servers)
{
    struct forward_need *need = q->need;
    memcpy(need->name, q->name, q->name_len);
    need->servers = servers;
    need->question = (struct exchange_question){
        .name = need->name,
        .name_len = q->name_len,
        .type = q->type,
        .class = CLASS_IN,
        .dnssec_ok = q->msg.edns.dnssec_ok,
        .checking_disabled = q->msg.header.flags & DNS_CD,
    };
    return FORWARD;
}

static enum verdict answer_fwd(struct query *q, const struct placement *where)
{
    unsigned local = local_names_zone(q->name, where->apex_labels);
    if (local && query_names_apex(q))
        return PASS;
    if (!(q->msg.header.flags & DNS_RD))
        return query_fail(q, RCODE_REFUSED);
    if (local)
        return query_negative(q, RCODE_NXDOMAIN, local, NEGATIVE_TTL);

    const struct exchange_servers *servers = &q->env->snap->upstreams[where->rule->upstreams];
    if (!given_answers(q, servers))
        return ask_upstream(q, servers);
    q->from_upstream = true;
    if (!q->given->answer)
        return query_fail(q, RCODE_SERVFAIL);
    return answer_give(q, q->given->answer, q->given->answer_len, 0);
}

const struct source source_fwd = {
    .keyword = "fwd",
    .args = SOURCE_DOMAIN | SOURCE_UPSTREAMS,
    .final = true,
    .answer = answer_fwd,
};
