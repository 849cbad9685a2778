/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `auth zone NETS DOMAIN FILE`: a zone file, whose apex is the domain: zone_answer.c. */
#include "libiothnamed/zone_answer.h"
#include "libiothnamed/load_zones.h"

static enum verdict answer_zone(struct query *q, const struct placement *where)
{
    const struct zones *zones = q->env->snap->zones;
    const struct zone *zone = zones ? zones->list[where->rule->zone].zone : NULL;
    return zone ? zone_answer(q, zone, where) : query_fail(q, RCODE_SERVFAIL);
}

const struct source source_zone = {
    .keyword = "zone",
    .args = SOURCE_DOMAIN | SOURCE_TREE | SOURCE_FILE,
    .final = true,
    .local = true,
    .answer = answer_zone,
};
