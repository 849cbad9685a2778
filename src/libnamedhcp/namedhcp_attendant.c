/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The attendant of the DHCP servers (io/attendant.h): commands of namedhcp_commands.c on the control socket, the page of
 * namedhcp_metrics.c, and the sign of life. The thread that serves leaves the time of each of its turns under the lock; one
 * takes TURN_MAX of namedhcp_loop.c at most while nothing happens, and a commit that waits for a slow disk takes seconds.
 */
#include "libnamedhcp/namedhcp_state.h"

#include <stdio.h>

#define PATIENCE (20 * NSEC_PER_SEC)

static bool is_well(void *arg, nsec_t now)
{
    struct namedhcp *n = arg;

    pthread_mutex_lock(&n->lock);
    nsec_t turned_at = n->turned_at;
    pthread_mutex_unlock(&n->lock);
    return now - turned_at <= PATIENCE;
}

int namedhcp_attend(struct namedhcp *n, char *why, size_t why_size)
{
    const struct namedhcp_config *c = n->started;
    const struct attendant_settings settings = {
        .control = c->control ? c->control : n->host.control,
        .controlgroup = c->controlgroup,
        .metrics = c->metrics,
        .commands = namedhcp_commands,
        .page = namedhcp_page,
        .who = "server",
        .is_well = is_well,
        .well = "clients are served again",
        .ill = "clients are not served any more",
        .alive = n->host.alive,
        .alive_interval = n->host.alive_interval,
        .alive_arg = n->host.arg,
        .log = &n->log,
        .arg = n,
    };

    return attendant_open(&settings, &n->attendant, why, why_size);
}
