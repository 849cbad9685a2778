/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See daemon_run.h. The service is a handle that nobody here looks into; the process is `struct process`, which the service gets
 * back as the `arg` of its host.
 */
#include "io/daemon_run.h"

#include "io/attendant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WHY_MAX 512

struct process {
    const struct daemon_program *program;
    struct daemon_options options;
    struct daemon daemon;
    void *service;
};

/* --- what the service asks of its host --- */

static int load(void *arg, struct daemon_config **ret, char *why, size_t why_size)
{
    const struct process *p = arg;

    return p->program->load(&p->options, ret, why, why_size);
}

static int on_bound(void *arg, const struct daemon_config *config, char *why, size_t why_size)
{
    struct process *p = arg;
    struct daemon_keeps keeps = {.sandbox = {.calls = ""}};

    if (p->program->keeps)
        p->program->keeps(config, &keeps);
    const struct daemon_wish wish = {.pidfile = config->pidfile,
                                     .user = config->user ? config->user : keeps.user,
                                     .packaged_user = p->program->packaged_user,
                                     .keep = keeps.capabilities};
    int e = daemon_give_up(&p->daemon, &wish, why, why_size);
    if (e < 0)
        return e;
    if (p->options.rcfile)
        daemon_check_readable(&p->daemon, p->options.rcfile);
    if (p->program->check_files)
        p->program->check_files(&p->daemon, config);
    return config->sandbox ? sandbox_enter_with(&keeps.sandbox, why, why_size) : 0;
}

static void on_reload_wanted(void *arg)
{
    const struct process *p = arg;

    daemon_reload_soon(&p->daemon);
}

static void on_alive(void *arg)
{
    const struct process *p = arg;

    daemon_alive(&p->daemon);
}

/* --- its life --- */

static int on_reload(void *arg)
{
    const struct process *p = arg;
    char why[WHY_MAX];

    return p->program->reload(p->service, why, sizeof(why));
}

int daemon_check_system(const struct daemon_config *config,
                        void (*say)(void *arg, const char *option, const char *place, const char *why),
                        void *arg)
{
    char why[WHY_MAX];
    gid_t group;
    int faults = 0;

    if (daemon_check_user(config->user, why, sizeof(why)) < 0)
        faults++, say(arg, "user", config->user_at, why);
    if (attendant_group(config, &group, why, sizeof(why)) < 0)
        faults++, say(arg, "controlgroup", config->controlgroup_at, why);
    if (attendant_check_control(config, why, sizeof(why)) < 0)
        faults++, say(arg, "control", config->control_at, why);
    if (daemon_check_pidfile(config->pidfile, why, sizeof(why)) < 0)
        faults++, say(arg, "pidfile", config->pidfile_at, why);
    return faults;
}

static void log_fault(void *arg, const char *option, const char *place, const char *why)
{
    const struct log *log = arg;

    (void)option;
    log_answer(log, LOG_LEVEL_ERROR, "%s%s%s", place ? place : "", place ? ": " : "", why);
}

static void print_fault(void *arg, const char *option, const char *place, const char *why)
{
    (void)arg, (void)option;
    fprintf(stderr, "%s%s%s\n", place ? place : "", place ? ": " : "", why);
}

static int begin(struct process *p, struct daemon_config *config)
{
    char why[WHY_MAX], control[PATH_MAX];
    const struct daemon_host host = {
        .log = p->daemon.log,
        .version = p->program->usage.version,
        .control = daemon_control(control),
        .load = load,
        .bound = on_bound,
        .reload_wanted = on_reload_wanted,
        .alive = on_alive,
        .alive_interval = p->daemon.alive_interval,
        .arg = p,
    };

    daemon_log_warnings(&p->daemon.log, config);
    if (daemon_check_system(config, log_fault, &p->daemon.log) > 0) {
        p->program->free(config);
        return -EINVAL;
    }
    int e = p->program->start(config, &host, &p->service, why, sizeof(why));
    if (e < 0)
        log_answer(&p->daemon.log, LOG_LEVEL_ERROR, "%s", why);
    return e;
}

static int serve(struct process *p, struct daemon_config *config)
{
    const char *doing = p->program->doing;

    if (daemon_open(&p->daemon, p->options.program, config->background) < 0) {
        p->program->free(config);
        return EXIT_FAILURE;
    }
    int e = begin(p, config);
    if (e == 0) {
        daemon_begun(&p->daemon, doing);
        daemon_wait(&p->daemon, doing, on_reload, p);
    }
    p->program->stop(p->service);
    daemon_close(&p->daemon);
    return e == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int nothing(const struct process *p, const char *why)
{
    if (why[0])
        fprintf(stderr, "%s\n%s: %s\n", why, p->options.program, p->program->nothing);
    return EXIT_FAILURE;
}

/* All that is wrong is said in one run. */
static int check(const struct process *p, struct daemon_config *config)
{
    char why[WHY_MAX] = "";

    for (unsigned i = 0; i < config->n_warnings; i++)
        fprintf(stderr, "warning: %s\n", config->warnings[i]);
    int faults = daemon_check_system(config, print_fault, NULL);
    int e = p->program->check(config, why, sizeof(why));
    p->program->free(config);
    if (e < 0)
        return nothing(p, why);
    if (faults > 0)
        fprintf(stderr, "%s: %s\n", p->options.program, p->program->nothing);
    return faults > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int daemon_run(const struct daemon_program *program, int argc, char **argv)
{
    struct process p = {.program = program};
    struct daemon_config *config = NULL;
    char why[WHY_MAX] = "out of memory";
    int status;

    daemon_options_read(&program->usage, argc, argv, &p.options);
    if (load(&p, &config, why, sizeof(why)) < 0)
        status = nothing(&p, why);
    else
        status = p.options.check ? check(&p, config) : serve(&p, config);
    daemon_options_fini(&p.options);
    return status;
}
