/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See attendant.h. What an attendant is and does is io/attendant.h; here is what this server's serves, the commands of
 * commands.c and the page of metrics.c, and how it looks after the workers: each second it asks every worker's loop for a sign
 * of life; the reports that come with it are what the next reader gets. All workers have answered within PATIENCE: the server
 * is healthy.
 */
#include "libiothnamed/attendant.h"
#include "libiothnamed/check_files.h"
#include "libiothnamed/commands.h"
#include "libiothnamed/metrics.h"
#include "libiothnamed/service.h"
#include <stdio.h>
#include <string.h>

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

/* What a reload would say, which has the lists and zones of now to fall back on. */
static int load_again(struct iothnamed *s, struct config **ret, struct diags *diags)
{
    pthread_mutex_lock(&s->lock);
    struct shared_config *now = shared_config_ref(s->config);
    pthread_mutex_unlock(&s->lock);
    const struct config_files old = {.config = now->config, .lists = now->lists, .zones = now->zones};
    int e = config_load_all(s->started->config->path, &old, ret, diags);
    shared_config_unref(now);
    return e;
}

static int check_file(void *arg, struct text *out, char *why, size_t why_size)
{
    struct iothnamed *s = arg;
    const char *path = s->started->config->path;
    struct diags diags = {0};
    struct config *config = NULL;
    int e = load_again(s, &config, &diags);
    diags_put(&diags, path, out);
    snprintf(why, why_size, "%s", strerror(-e));
    if (diags.errors)
        snprintf(why, why_size, "%u error%s", diags.errors, diags.errors == 1 ? "" : "s");
    diags_fini(&diags);
    config_free(config);
    return e;
}

int attend(struct iothnamed *s, char *why, size_t why_size)
{
    const struct attendant_settings settings = {
        .host = &s->host,
        .config = &s->started->config->process,
        .log = &s->log,
        .who = "server",
        .is_well = workers_are_well,
        .well = "all workers answer again",
        .ill = "a worker does not answer",
        .prefix = "iothnamed",
        .page = metrics_page,
        .status = command_status,
        .counters = metrics_list,
        .check = check_file,
        .commands = command_table,
        .arg = s,
    };
    return attendant_open(&settings, &s->attendant, why, why_size);
}
