/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See attendant.h. What an attendant is and does is io/attendant.h; here is what this server's serves, the commands of
 * commands.c and the page of metrics.c, and how it looks after the workers: each second it asks every worker's loop for a sign
 * of life; the reports that come with it are what the next reader gets. All workers have answered within PATIENCE: the server
 * is healthy.
 */
#include "libiothnamed/attendant.h"
#include "libiothnamed/commands.h"
#include "libiothnamed/metrics.h"
#include "libiothnamed/service.h"
#include <stdio.h>

#define PATIENCE (5 * NSEC_PER_SEC) /* a loop takes milliseconds for what it does at most */

static bool workers_are_well(void *arg, nsec_t now)
{
    struct iothnamed *s = arg;
    bool all = true;
    for (unsigned i = 0; i < s->n_workers; i++) {
        all &= now - atomic_load(&s->workers[i]->reported) <= PATIENCE;
        worker_ping(s->workers[i]);
    }
    return all;
}

int attendant_new(struct iothnamed *s, struct attendant **ret, char *why, size_t why_size)
{
    const struct config_options *o = &s->config->config->options;
    const struct attendant_settings settings = {
        .control = o->control.len ? o->control.text : s->host.control,
        .controlgroup = o->controlgroup.len ? o->controlgroup.text : NULL,
        .metrics = o->metrics,
        .commands = command_table,
        .page = metrics_page,
        .who = "server",
        .is_well = workers_are_well,
        .well = "all workers answer again",
        .ill = "a worker does not answer",
        .alive = s->host.alive,
        .alive_interval = s->host.alive_interval,
        .alive_arg = s->host.arg,
        .log = &s->log,
        .arg = s,
    };
    if (!settings.control && o->metrics.port == 0 && s->host.alive_interval == 0)
        return 0;
    return attendant_open(&settings, ret, why, why_size);
}

int attendant_start(struct attendant *a, char *why, size_t why_size)
{
    int e = a ? attendant_run(a) : 0;
    if (e < 0)
        snprintf(why, why_size, "cannot start the thread of the control socket");
    return e;
}
