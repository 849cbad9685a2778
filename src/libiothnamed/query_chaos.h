/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server says of itself in class CHAOS. */
#ifndef IOTHNAMED_QUERY_CHAOS_H
#define IOTHNAMED_QUERY_CHAOS_H

#include "libiothnamed/query.h"

/* Answers a question of class CHAOS: true. False: it is not about a name that the configuration gives a text
 * to, or this client is served nothing. */
bool query_chaos(struct query *q);

#endif
