/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of namedhcp and namedhcp4: check a configuration, or serve until SIGTERM or SIGINT; SIGHUP loads it anew. Its
 * options are the rows of namedhcp_rows.c, so there is no list of them here. Under the name namedhcp4 it serves DHCPv4, unless
 * the options say otherwise. What a daemon is, and the order in which privilege goes, is io/daemon.h.
 */
#include "io/daemon.h"
#include "io/daemon_options.h"
#include "io/sandbox.h"
#include "libnamedhcp/namedhcp.h"

#include <errno.h>
#include <ioth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a process is that serves. */
struct process {
    struct daemon_options options;
    struct daemon daemon;
    struct namedhcp *service;
};

/* From the command line and the file, as it is now. */
static int load(void *arg, struct namedhcp_config **ret, char *why, size_t why_size)
{
    const struct process *p = arg;
    struct namedhcp_draft *draft = NULL;
    snprintf(why, why_size, "out of memory");
    if (namedhcp_draft_new(strcmp(p->options.program, "namedhcp4") == 0, &draft) < 0)
        return -ENOMEM;
    const struct rc_reader reader = namedhcp_draft_reader(draft);
    int e = daemon_options_load(&p->options, &reader, why, why_size);
    if (e == 0 && (e = namedhcp_draft_finish(draft, ret)) < 0 && namedhcp_draft_error(draft)[0])
        snprintf(why, why_size, "%s", namedhcp_draft_error(draft));
    namedhcp_draft_free(draft);
    return e;
}

static int nothing(const struct process *p, const char *why)
{
    fprintf(stderr, "%s\n%s: nothing is served\n", why, p->options.program);
    return EXIT_FAILURE;
}

static int check(const struct process *p, const struct namedhcp_config *config)
{
    char why[NAMEDHCP_WHY_MAX];
    for (unsigned i = 0; i < config->n_warnings; i++)
        fprintf(stderr, "warning: %s\n", config->warnings[i]);
    return namedhcp_check(config, why, sizeof(why)) == 0 ? EXIT_SUCCESS : nothing(p, why);
}

static int on_bound(void *arg, const struct namedhcp_config *config, char *why, size_t why_size)
{
    struct process *p = arg;
    const struct daemon_wish wish = {
        .pidfile = config->pidfile, .user = config->user, .packaged_user = NAMEDHCP_USER};
    int e = daemon_give_up(&p->daemon, &wish, why, why_size);
    if (e == 0 && p->options.rcfile)
        daemon_check_readable(&p->daemon, p->options.rcfile);
    return e == 0 && config->sandbox ? sandbox_enter(why, why_size) : e;
}

static void on_alive(void *arg)
{
    const struct process *p = arg;
    daemon_alive(&p->daemon);
}

static int on_reload(void *arg)
{
    const struct process *p = arg;
    char why[NAMEDHCP_WHY_MAX];
    return namedhcp_reload(p->service, why, sizeof(why)); /* which has logged it */
}

static int begin(struct process *p, struct namedhcp_config *config)
{
    char why[NAMEDHCP_WHY_MAX], control[PATH_MAX];
    const struct namedhcp_host host = {
        .log = p->daemon.log,
        .version = IOTH_VERSION,
        .control = daemon_control(control),
        .load = load,
        .bound = on_bound,
        .alive = on_alive,
        .alive_interval = p->daemon.alive_interval,
        .arg = p,
    };
    for (unsigned i = 0; i < config->n_warnings; i++)
        log_answer(&p->daemon.log, LOG_LEVEL_WARNING, "%s", config->warnings[i]);
    int e = namedhcp_start(config, &host, &p->service, why, sizeof(why));
    if (e < 0)
        log_answer(&p->daemon.log, LOG_LEVEL_ERROR, "%s", why);
    return e;
}

static int serve(struct process *p, struct namedhcp_config *config)
{
    if (daemon_open(&p->daemon, p->options.program, config->daemon) < 0) {
        namedhcp_config_free(config);
        return EXIT_FAILURE;
    }
    int e = begin(p, config);
    if (e == 0) {
        daemon_begun(&p->daemon, "Serving");
        daemon_wait(&p->daemon, "Serving", on_reload, p);
    }
    namedhcp_stop(p->service);
    daemon_close(&p->daemon);
    return e == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    const struct daemon_usage usage = {
        .version = IOTH_VERSION,
        .synopsis = "[OPTION...]",
        .summary =
            "Gives the hosts of a network the addresses that their names have in the DNS: DHCPv6 and DHCPv4.",
        .notes = "SIGHUP loads the file of -f again; SIGTERM and SIGINT end. See namedhcp(8).\n",
        .rows = RC_ROWS(namedhcp_rows),
    };
    struct process p = {0};
    struct namedhcp_config *config = NULL;
    char why[NAMEDHCP_WHY_MAX];
    int status;

    ioth_set_license("GPL-3.0-or-later");
    daemon_options_read(&usage, argc, argv, &p.options);
    if (load(&p, &config, why, sizeof(why)) < 0) {
        status = nothing(&p, why);
    } else if (p.options.check) {
        status = check(&p, config);
        namedhcp_config_free(config);
    } else {
        status = serve(&p, config);
    }
    daemon_options_fini(&p.options);
    return status;
}
