/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The attendant of the DHCP servers (io/attendant.h): commands of namedhcp_commands.c on the control socket, the page of
 * namedhcp_metrics.c, and the sign of life. The thread that serves leaves the time of each of its turns under the lock; one
 * takes TURN_MAX of namedhcp_loop.c at most while nothing happens, and a commit that waits for a slow disk takes seconds.
 */
#include "libnamedhcp/namedhcp_state.h"

#define PATIENCE (20 * NSEC_PER_SEC)

static bool is_well(void *arg, nsec_t now)
{
    struct namedhcp *n = arg;

    pthread_mutex_lock(&n->lock);
    nsec_t turned_at = n->turned_at;
    pthread_mutex_unlock(&n->lock);
    return now - turned_at <= PATIENCE;
}

static bool is_served(void *arg, nsec_t now)
{
    struct namedhcp *n = arg;
    bool all = true;

    (void)now;
    pthread_mutex_lock(&n->lock);
    for (unsigned i = 0; i < n->n_links; i++)
        all &= n->deaf[i] == 0;
    pthread_mutex_unlock(&n->lock);
    return all;
}

static int check_config(void *arg, struct text *out, char *why, size_t why_size)
{
    const struct namedhcp *n = arg;

    return attendant_check_config(&n->host, namedhcp_check, namedhcp_free, out, why, why_size);
}

int namedhcp_attend(struct namedhcp *n, char *why, size_t why_size)
{
    const struct attendant_settings settings = {
        .host = &n->host,
        .config = &n->started->process,
        .log = &n->log,
        .who = "server",
        .is_well = is_well,
        .well = "clients are served again",
        .ill = "clients are not served any more",
        .is_served = is_served,
        .unserved = "an interface is not served: status says which",
        .prefix = "namedhcp",
        .page = namedhcp_page,
        .status = namedhcp_status,
        .counters = namedhcp_put_counters,
        .check = check_config,
        .reload = namedhcp_reload,
        .commands = namedhcp_commands,
        .arg = n,
    };

    return attendant_open(&settings, &n->attendant, why, why_size);
}
