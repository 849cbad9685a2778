/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands that all services have, in the same words, whatever else one has of its own.
 *
 * A check and a reload read all that a start would read; large zones, keys made of passwords and names that are looked up take
 * seconds, so each has a thread of its own, which the command waits for, and others are answered meanwhile. What a reload warns of
 * is told to who asked for it too. A client who goes before its end leaves it behind: it is looked at each tick, since to wait for
 * it would keep the host from hearing that all is well.
 */
#include "base/clock.h"
#include "io/attendant_own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what runs --- */

uint64_t attendant_uptime_s(const struct attendant *a)
{
    return (uint64_t)((monotonic_now() - a->started_at) / NSEC_PER_SEC);
}

/* The one word that may follow is "json". */
static bool begin_pairs(struct control_call *call, struct pairs *p)
{
    *p = (struct pairs){.out = &call->out, .json = call->n_words > 1};
    return !p->json || strcmp(call->words[1], "json") == 0;
}

static enum log_level level_of(const struct attendant *a)
{
    return (enum log_level)atomic_load(&a->settings.log->control->level);
}

static enum control_result run_status(struct control_call *call)
{
    const struct attendant *a = call->arg;
    struct pairs p;

    if (!begin_pairs(call, &p))
        return control_fail(call, "usage: status [json]");
    pairs_text(&p, "version", a->settings.host->version);
    pairs_number(&p, "pid", (uint64_t)getpid());
    pairs_time(&p, "started", a->started_wall_s);
    pairs_number(&p, "uptime_seconds", attendant_uptime_s(a));
    pairs_yes(&p, "healthy", attendant_is_healthy(a));
    pairs_text(&p, "loglevel", log_level_name(level_of(a)));
    a->settings.status(a->settings.arg, &p);
    pairs_end(&p);
    return CONTROL_DONE;
}

static enum control_result run_counters(struct control_call *call)
{
    const struct attendant *a = call->arg;
    struct pairs p;

    if (!begin_pairs(call, &p))
        return control_fail(call, "usage: counters [json]");
    a->settings.counters(a->settings.arg, &p);
    pairs_end(&p);
    return CONTROL_DONE;
}

/* --- the configuration --- */

enum { JOBS_MAX = 4 /* at a time: each may take as much memory as the configuration that runs */ };

/* A check or a reload. */
struct job {
    struct attendant *attendant;
    struct job *next; /* of those that were left */
    bool reloads;
    pthread_t thread;
    bool runs; /* and is to be joined */
    atomic_bool ended;
    int result;
    struct text out;
    char why[CONTROL_WHY_MAX];
};

/* What a person should know who asked for it. Errors are the end of the answer. */
static void hear_reload(void *arg, enum log_level level, const char *line)
{
    struct job *j = arg;

    if (level == LOG_LEVEL_WARNING)
        text_printf(&j->out, "warning: %s\n", line);
}

static int run_reload_heard(struct job *j)
{
    const struct attendant_settings *s = &j->attendant->settings;
    struct log_ear ear = {.hear = hear_reload, .arg = j};

    log_listen(s->log->control, &ear);
    int e = s->reload(s->arg, j->why, sizeof(j->why));
    log_forget(s->log->control, &ear);
    return e;
}

static void *run_thread(void *arg)
{
    struct job *j = arg;
    const struct attendant_settings *s = &j->attendant->settings;

    j->result = j->reloads ? run_reload_heard(j) : s->check(s->arg, &j->out, j->why, sizeof(j->why));
    atomic_store(&j->ended, true);
    attendant_wake(j->attendant);
    return NULL;
}

static enum control_result begin_job(struct control_call *call, bool reloads)
{
    struct attendant *a = call->arg;

    if (a->n_jobs == JOBS_MAX)
        return control_fail(call, "too many of these are under way; try again later");
    struct job *j = calloc(1, sizeof(*j));
    if (!j)
        return control_fail(call, "out of memory");
    control_log(call, a->settings.log);
    a->n_jobs++;
    j->attendant = a;
    j->reloads = reloads;
    call->own = j;
    j->runs = pthread_create(&j->thread, NULL, run_thread, j) == 0;
    return j->runs ? CONTROL_WAIT : control_fail(call, "there is no thread for it");
}

static enum control_result run_job(struct control_call *call, bool reloads)
{
    const struct job *j = call->own;

    if (!j)
        return begin_job(call, reloads);
    if (!atomic_load(&j->ended))
        return CONTROL_WAIT;
    text_put(&call->out, j->out.bytes, j->out.len);
    return j->result < 0 ? control_fail(call, j->why) : CONTROL_DONE;
}

static void free_job(struct job *j)
{
    if (j->runs)
        pthread_join(j->thread, NULL);
    j->attendant->n_jobs--;
    text_fini(&j->out);
    free(j);
}

static void end_job(struct control_call *call)
{
    struct attendant *a = call->arg;
    struct job *j = call->own;

    if (!j)
        return;
    if (j->runs && !atomic_load(&j->ended) && !a->is_closing) {
        j->next = a->left;
        a->left = j;
    } else {
        free_job(j);
    }
}

void attendant_reap_jobs(struct attendant *a)
{
    for (struct job **at = &a->left; *at;) {
        struct job *j = *at;
        if (!atomic_load(&j->ended) && !a->is_closing) {
            at = &j->next;
            continue;
        }
        *at = j->next;
        free_job(j);
    }
}

static enum control_result run_check(struct control_call *call)
{
    return run_job(call, false);
}

static enum control_result run_reload(struct control_call *call)
{
    const struct attendant *a = call->arg;

    if (!a->settings.reload)
        return control_fail(call, "this service cannot be told to load its configuration");
    return run_job(call, true);
}

int attendant_check_config(const struct daemon_host *host,
                           int (*check)(const struct daemon_config *config, char *why, size_t why_size),
                           void (*free)(struct daemon_config *config), struct text *out, char *why,
                           size_t why_size)
{
    struct daemon_config *config = NULL;
    int e = host->load(host->arg, &config, why, why_size);

    if (e < 0)
        return e;
    e = check(config, why, why_size);
    for (unsigned i = 0; i < config->n_warnings; i++)
        text_printf(out, "warning: %s\n", config->warnings[i]);
    free(config);
    return e;
}

static enum control_result run_loglevel(struct control_call *call)
{
    const struct attendant *a = call->arg;

    if (call->n_words == 1) {
        text_printf(&call->out, "%s\n", log_level_name(level_of(a)));
        return CONTROL_DONE;
    }
    int level = log_level_by_name(call->words[1]);
    if (level < 0)
        return control_fail(call, "usage: loglevel [error|warning|info|debug]");
    control_log(call, a->settings.log);
    atomic_store(&a->settings.log->control->level, level);
    return CONTROL_DONE;
}

const struct control_command attendant_commands[] = {
    {"status", "[json]", "what runs, since when, and how it is", 0, 1, run_status, NULL},
    {"counters", "[json]", "what was counted since the start", 0, 1, run_counters, NULL},
    {"check", "", "read the configuration again, and say what is wrong with it", 0, 0, run_check, end_job},
    {"reload", "", "load the configuration again, and serve by it", 0, 0, run_reload, end_job},
    {"loglevel", "[LEVEL]", "show or change the level until the next reload", 0, 1, run_loglevel, NULL},
    {0},
};
