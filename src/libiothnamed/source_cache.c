/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `auth cache NETS DOMAIN`: what earlier forwarded answers left. A client sees only what its own fwd rule for
 * the name would have asked: the key holds that rule's upstreams.
 *
 * An answer that has expired, by no more than `option servestale`, is given when upstream does not answer now, or
 * did not a moment ago (RFC 8767); until that is known, need->stale says that there is one. A popular answer near
 * its end is given, and need->refresh says that it wants to be renewed.
 */
#include "libiothnamed/answer.h"
#include "libiothnamed/local_names.h"
#include "libiothnamed/query_forward.h"

struct hit {
    struct query *q;
    bool takes_stale; /* upstream is silent */
    bool expired, refresh;
    enum verdict verdict;
};

static void use(void *arg, const struct cache_found *found)
{
    struct hit *hit = arg;
    hit->expired = found->expired;
    hit->refresh = found->refresh;
    if (!found->expired)
        hit->verdict = answer_give(hit->q, found->value, found->age_s);
    else if (hit->takes_stale)
        hit->verdict = answer_give_stale(hit->q, found->value);
}

/* Upstream was asked for this and gave nothing, at least not yet. */
static bool upstream_is_silent(const struct query *q, const struct exchange_servers *servers)
{
    return query_was_given(q, servers) && !q->given->answer;
}

/* Upstream was asked for this and has answered: that answer is fwd's to give, though it is here by now too. */
static bool upstream_has_answered(const struct query *q, const struct exchange_servers *servers)
{
    return query_was_given(q, servers) && q->given->answer;
}

static enum verdict answer_cache(struct query *q, const struct placement *where)
{
    (void)where;
    const struct placement *fwd = query_fwd_rule(q);
    if (!fwd || local_names_zone(q->name, fwd->apex_labels))
        return PASS;
    const struct config_options *options = &q->env->snap->config->options;
    const struct exchange_servers *servers = &q->env->snap->upstreams[fwd->rule->upstreams];
    if (upstream_has_answered(q, servers))
        return PASS;
    struct cache *cache = q->env->snap->cache;
    struct cache_key key = query_cache_key(q, servers);
    struct cache_terms terms = {
        .now = q->env->now,
        .stale_s = options->servestale_s,
        .may_refresh = options->prefetch && (q->msg.header.flags & DNS_RD),
    };
    struct hit hit = {.q = q, .verdict = PASS, .takes_stale = upstream_is_silent(q, servers)};
    cache_get(cache, &key, &terms, use, &hit);
    if (hit.expired && hit.verdict == PASS && cache_failure(cache, &key, q->env->now) >= 0) {
        hit.takes_stale = true;
        cache_get(cache, &key, &terms, use, &hit);
    }
    q->need->stale |= hit.expired && hit.verdict == PASS;
    if (hit.refresh) {
        query_set_need(q, servers);
        q->need->refresh = true;
    }
    return hit.verdict;
}

const struct source source_cache = {
    .keyword = "cache",
    .args = SOURCE_DOMAIN,
    .answer = answer_cache,
};
