/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions asked and waited for, with what resolve.h does not say: how, and until when. Inside the library. */
#ifndef IOTHDNS_ASK_H
#define IOTHDNS_ASK_H

#include "libiothdns/resolve.h"

/* As resolve_all, with flags IOTHDNS_ASK_... and the time of the monotonic clock at which all questions without a reply end as
 * timed out (NSEC_NEVER: the configuration decides). */
MUST_CHECK int ask_all(struct iothdns *d, const struct resolvconf *conf, struct resolve_question *questions,
                       unsigned count, int flags, nsec_t deadline);
/* When a call that begins now is to end at the latest: timeout_ms milliseconds from now (-1: never), and not later than
 * iothdns_set_timeout lets it. */
nsec_t ask_deadline(struct iothdns *d, int timeout_ms);

/* What a reply, or the want of one, means to who searches: the name is there (0, also without data), -ENOENT: it is not, or
 * the question's error. */
int ask_verdict(const struct resolve_question *question);

#endif
