/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `auth error NETS DOMAIN [refused|nxdomain]`: an error for these names. */
#include "libiothnamed/query.h"

static enum verdict answer_error(struct query *q, const struct placement *where)
{
    if (where->rule->rcode == RCODE_NXDOMAIN)
        return query_negative(q, RCODE_NXDOMAIN, where->apex_labels, NEGATIVE_TTL);
    return query_fail(q, RCODE_REFUSED);
}

const struct source source_error = {
    .keyword = "error",
    .args = SOURCE_DOMAIN | SOURCE_RCODE,
    .final = true,
    .local = true,
    .answer = answer_error,
};
