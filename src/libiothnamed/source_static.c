/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `auth static NETS DOMAIN`: the static records, as far as they lie in the domain: zone_answer.c. */
#include "libiothnamed/zone_answer.h"

static enum verdict answer_static(struct query *q, const struct placement *where)
{
    return zone_answer(q, q->env->snap->pool, where);
}

const struct source source_static = {
    .keyword = "static",
    .args = SOURCE_DOMAIN,
    .final = true,
    .local = true,
    .apex = true,
    .answer = answer_static,
};
