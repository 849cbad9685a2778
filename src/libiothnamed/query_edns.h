/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EDNS options of a question, and the OPT record of its reply. */
#ifndef IOTHNAMED_QUERY_EDNS_H
#define IOTHNAMED_QUERY_EDNS_H

#include "libiothnamed/query.h"

/* Reads the options of the question in `packet` into q: its cookie, what else it wants to know. */
void query_read_options(struct query *q, const uint8_t *packet);
/* Bytes of options that the reply, which has its question, will have in any case: decides what is given. */
uint16_t query_options_room(struct query *q);
/* The OPT record, in the room that was reserved for it, with the reason (query_explain) if there is more room
 * than that. */
void query_put_opt(struct query *q);

#endif
