/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The question to upstream that a query stands for: its name, where aliases led so far, its type, and the bits DO
 * and CD, to one set of servers. It is asked, kept and found again under just these.
 */
#include "libiothnamed/query_forward.h"

static bool checking_disabled(const struct query *q)
{
    return q->msg.header.flags & DNS_CD;
}

bool query_was_given(const struct query *q, const struct exchange_servers *servers)
{
    const struct forward_given *g = q->given;
    return g && g->servers_id == servers->id && g->question.type == q->type &&
           g->question.dnssec_ok == q->msg.edns.dnssec_ok &&
           g->question.checking_disabled == checking_disabled(q) && g->question.name_len == q->name_len &&
           memcmp(g->question.name, q->name, q->name_len) == 0;
}

void query_set_need(const struct query *q, const struct exchange_servers *servers)
{
    struct forward_need *need = q->need;
    memcpy(need->name, q->name, q->name_len);
    need->servers = servers;
    need->refresh = false;
    need->question = (struct exchange_question){
        .name = need->name,
        .name_len = q->name_len,
        .type = q->type,
        .class = CLASS_IN,
        .dnssec_ok = q->msg.edns.dnssec_ok,
        .checking_disabled = checking_disabled(q),
    };
}

struct cache_key query_cache_key(const struct query *q, const struct exchange_servers *servers)
{
    return (struct cache_key){
        .upstreams = servers->id,
        .type = q->type,
        .class = CLASS_IN,
        .dnssec_ok = q->msg.edns.dnssec_ok,
        .checking_disabled = checking_disabled(q),
        .name = q->name,
        .name_len = q->name_len,
    };
}
