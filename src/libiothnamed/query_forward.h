/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a query has to do with upstream, for the sources that speak of it: fwd and cache. */
#ifndef IOTHNAMED_QUERY_FORWARD_H
#define IOTHNAMED_QUERY_FORWARD_H

#include "libiothnamed/query.h"

/* q->given is about the question that this query would ask of these servers now. */
bool query_was_given(const struct query *q, const struct exchange_servers *servers);
/* Puts that question into q->need. */
void query_set_need(const struct query *q, const struct exchange_servers *servers);
/* What its answer is kept under. Its name is that of the query. */
struct cache_key query_cache_key(const struct query *q, const struct exchange_servers *servers);

#endif
