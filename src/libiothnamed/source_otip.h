/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the sources of one-time addresses share: all but the address. */
#ifndef IOTHNAMED_SOURCE_OTIP_H
#define IOTHNAMED_SOURCE_OTIP_H

#include "libiothnamed/query.h"

/* The address of the name of `q` in one epoch, from one address of the rule's base. */
typedef void one_time_address(const struct query *q, const struct config_rule *rule,
                              const struct ipaddr *base, uint64_t epoch, struct ipaddr *ret);

/* AAAA of the current epoch, one for each address of the base, to be kept as long as the epoch lasts. */
enum verdict answer_one_time(struct query *q, const struct placement *where, one_time_address *address);

#endif
