/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words of scenarios that mean numbers, times and addresses. Each gives 0 (or a count) or -EINVAL; with `why`: one sentence of what
 * was expected instead. */
#ifndef WORLD_WORDS_H
#define WORLD_WORDS_H

#include "world.h"

/* "90s", "1h30m", "250ms", "10d". */
MUST_CHECK int word_time(const char *text, nsec_t *ret);
/* "5%" or "0.5%", in thousandths. */
MUST_CHECK int word_share(const char *text, unsigned *ret);
/* Decimal digits, at most max. */
MUST_CHECK int word_number(const char *text, uint32_t max, uint32_t *ret);
/* Addresses with commas between them: how many, 1..max. */
MUST_CHECK int word_addrs(const char *text, struct ipaddr *ret, unsigned max);
/* "fd00::/64". */
MUST_CHECK int word_prefix(const char *text, struct ipaddr *ret, unsigned *ret_bits);
/* Says in why that `text` is not what was expected. Returns -EINVAL. */
int word_is_no(const char *text, const char *expected, char why[static WORLD_WHY_MAX]);

#endif
