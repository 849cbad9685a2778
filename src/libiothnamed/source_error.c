/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `auth error NETS DOMAIN|@FILE [refused|nxdomain]`: an error for these names. The SOA of a name that does not
 * exist is that of the rule's domain or, for a list, of the name in it that holds the name asked for.
 */
#include "libiothnamed/query.h"

/* The domain that the answer is about, in labels of the name. */
static unsigned apex_of(const struct query *q, const struct placement *where)
{
    const struct config_domain *domain = &where->rule->domain;
    int labels = -1;

    if (domain->kind == DOMAIN_LIST)
        labels = list_find(q->env->snap->lists->files[domain->list].names, q->name);
    return labels < 0 ? where->apex_labels : (unsigned)labels;
}

static enum verdict answer_error(struct query *q, const struct placement *where)
{
    bool nxdomain = where->rule->rcode == RCODE_NXDOMAIN;
    query_explain(q, where->rule->domain.kind == DOMAIN_LIST ? EDE_LISTED
                     : nxdomain                              ? EDE_RULE_BLOCKS
                                                             : EDE_RULE_REFUSES);
    if (nxdomain)
        return query_negative(q, RCODE_NXDOMAIN, apex_of(q, where), NEGATIVE_TTL);
    return query_fail(q, RCODE_REFUSED);
}

const struct source source_error = {
    .keyword = "error",
    .args = SOURCE_DOMAIN | SOURCE_LIST | SOURCE_RCODE,
    .final = true,
    .local = true,
    .answer = answer_error,
};
