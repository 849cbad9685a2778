/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The clock that leases are counted by. A lease lasts for as long as its client was told, and clients count with clocks of their
 * own: so seconds are those of the monotonic clock, from the wall clock at the start on. When somebody sets the wall clock (a
 * person, or NTP on a machine that had forgotten the time), what is on record moves by as much, since after a restart the wall
 * clock is all there is; nothing else changes.
 *
 * That it was set is seen at the next turn, seconds later at most. What cannot be put on record is tried again.
 */
#include "base/clock.h"
#include "libnamedhcp/namedhcp_state.h"

#include <string.h>

#define STEP_S 10                  /* less is left: clocks that are steered drift by as much in days */
#define RETRY  (10 * NSEC_PER_SEC) /* the disk may be full for long */

/* How far the wall clock is ahead of the monotonic one. */
static int64_t ahead(void)
{
    return clock_now(CLOCK_REALTIME) - monotonic_now();
}

void namedhcp_clock_open(struct namedhcp *n)
{
    n->clock.ahead = ahead();
}

struct server_time namedhcp_now(const struct namedhcp *n)
{
    nsec_t mono = monotonic_now();

    return (struct server_time){.mono = mono, .wall_s = (mono + n->clock.ahead) / NSEC_PER_SEC};
}

void namedhcp_follow_clock(struct namedhcp *n)
{
    int64_t step_s = (ahead() - n->clock.ahead) / NSEC_PER_SEC - store_stepped(n->store);

    if ((step_s > -STEP_S && step_s < STEP_S) || n->now.mono < n->clock.retry_at)
        return;
    int e = store_step(n->store, step_s);
    if (e == 0)
        log_event(&n->log, LOG_LEVEL_INFO, "the clock was set; leases last as long as they were granted for",
                  LOG_NUMBER("seconds", step_s));
    else if (n->clock.retry_at == 0)
        log_event(&n->log, LOG_LEVEL_WARNING,
                  "the clock was set, and leases on record cannot be moved: it is tried again",
                  LOG_TEXT("reason", strerrordesc_np(-e)));
    n->clock.retry_at = e == 0 ? 0 : n->now.mono + RETRY;
}
