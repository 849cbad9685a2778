/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A monotonic clock that can stand still: the test is linked with this in place of the system's (--wrap). While it does, nobody
 * asks again because the machine was slow, so questions can be counted, and silence does not end. For one file of a program. */
#ifndef TEST_STANDING_CLOCK_H
#define TEST_STANDING_CLOCK_H

#include <stdbool.h>
#include <time.h>

static struct timespec clock_stands_at;
static bool clock_stands; /* set it with set_clock, while no other thread asks for the time */

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
    if (clock != CLOCK_MONOTONIC || !clock_stands)
        return __real_clock_gettime(clock, ret);
    *ret = clock_stands_at;
    return 0;
}

static void set_clock(bool stands)
{
    __real_clock_gettime(CLOCK_MONOTONIC, &clock_stands_at);
    clock_stands = stands;
}

#endif
