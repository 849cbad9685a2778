/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBOTIP_OTIP_TIME_H
#define LIBOTIP_OTIP_TIME_H
/* Times as people write them. */
#include "base/base.h"

/* "@SECONDS" since 1970, or a date and time of ISO 8601 in its extended format: "2026-11-22T08:30:00Z", with an offset such
 * as +01:00 in place of the Z, or with none, which is local time; a blank may stand for the T, and the seconds and their
 * fraction may be missing. Fractions are rounded down. 0 and *ret_s, seconds since 1970 (UTC), or -EINVAL. */
MUST_CHECK int otip_time_parse(const char *text, int64_t *ret_s);

#endif
