/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What time it is. Pure parts do not ask: they are told. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/base.h"

#include <time.h>

/* Of any clock of clock_gettime. */
static inline nsec_t clock_now(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (nsec_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

static inline nsec_t monotonic_now(void)
{
    return clock_now(CLOCK_MONOTONIC);
}

/* t: from 0 on. */
static inline struct timespec timespec_of(nsec_t t)
{
    return (struct timespec){.tv_sec = t / NSEC_PER_SEC, .tv_nsec = t % NSEC_PER_SEC};
}

#endif
