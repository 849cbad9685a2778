/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers from a store of records (zone.h): what source_static.c and source_zone.c have in common. */
#ifndef IOTHNAMED_ZONE_ANSWER_H
#define IOTHNAMED_ZONE_ANSWER_H

#include "libiothnamed/query.h"

/* Answers q->name, which lies at or below the domain of the rule at `where`, as RFC 1034 s4.3.2 says. */
enum verdict zone_answer(struct query *q, const struct zone *zone, const struct placement *where);

#endif
