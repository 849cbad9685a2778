/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The few words that every room uses: time, must-check, array length. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stddef.h>
#include <stdint.h>

typedef int64_t nsec_t; /* nanoseconds, of the monotonic clock unless a name says otherwise */

#define NSEC_PER_SEC  INT64_C(1000000000)
#define NSEC_PER_MSEC INT64_C(1000000)
#define NSEC_NEVER    INT64_MAX /* a deadline that does not come */

#define MUST_CHECK              __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
