/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of iothradvd: check a configuration, or advertise until SIGTERM or SIGINT; SIGHUP loads it anew. Its
 * options are the rows of ra_rows.c, so there is no list of them here. What a daemon is, and the order in which privilege
 * goes, is io/daemon.h.
 */
#include "io/daemon.h"
#include "io/daemon_options.h"
#include "io/sandbox.h"
#include "libiothradvd/daemon/service.h"
#include "libiothradvd/ra_config.h"

#include <errno.h>
#include <ioth.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a process is that advertises. */
struct process {
    struct daemon_options options;
    struct daemon daemon;
    struct radvd_service *service;
};

/* Behind the options: the word prefix, and prefixes. */
static const char *take_prefixes(struct daemon_options *o, int n, char **words)
{
    if (n == 0)
        return NULL;
    if (strcmp(words[0], "prefix") != 0)
        return "behind the options the word 'prefix' is expected, and prefixes";
    if (n == 1)
        return "behind 'prefix' a prefix is expected, such as fc01::/64/LA/86400/14400";
    for (int i = 1; i < n; i++)
        if (strcmp(words[i], "prefix") != 0 && !daemon_add_word(o, "prefix", words[i]))
            return "too many prefixes";
    return NULL;
}

/* From the command line and the file, as it is now. */
static int load(void *arg, struct ra_config **ret, char *why, size_t why_size)
{
    const struct process *p = arg;
    struct ra_draft *draft = NULL;
    snprintf(why, why_size, "out of memory");
    if (ra_draft_new(&draft) < 0)
        return -ENOMEM;
    const struct rc_reader reader = ra_draft_reader(draft);
    int e = daemon_options_load(&p->options, &reader, why, why_size);
    if (e == 0 && (e = ra_draft_finish(draft, ret)) < 0 && ra_draft_error(draft)[0])
        snprintf(why, why_size, "%s", ra_draft_error(draft));
    ra_draft_free(draft);
    return e;
}

static int nothing(const char *why)
{
    fprintf(stderr, "%s\niothradvd: nothing is advertised\n", why);
    return EXIT_FAILURE;
}

static int check(const struct ra_config *config)
{
    char why[RA_CONFIG_WHY_MAX];
    for (unsigned i = 0; i < config->n_warnings; i++)
        fprintf(stderr, "warning: %s\n", config->warnings[i]);
    return radvd_check(config, why, sizeof(why)) == 0 ? EXIT_SUCCESS : nothing(why);
}

static int on_bound(void *arg, const struct ra_config *config, char *why, size_t why_size)
{
    struct process *p = arg;
    const struct daemon_wish wish = {
        .pidfile = config->pidfile, .user = config->user, .packaged_user = IOTHRADVD_USER};
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
    char why[RA_CONFIG_WHY_MAX];
    return radvd_service_reload(p->service, why, sizeof(why)); /* which has logged it */
}

static int begin(struct process *p, struct ra_config *config)
{
    char why[RA_CONFIG_WHY_MAX], control[PATH_MAX];
    const struct radvd_host host = {
        .log = p->daemon.log,
        .version = IOTH_VERSION,
        .load = load,
        .bound = on_bound,
        .alive = on_alive,
        .alive_interval = p->daemon.alive_interval,
        .control = daemon_control(control),
        .arg = p,
    };
    for (unsigned i = 0; i < config->n_warnings; i++)
        log_answer(&p->daemon.log, LOG_LEVEL_WARNING, "%s", config->warnings[i]);
    int e = radvd_service_start(config, &host, &p->service, why, sizeof(why));
    if (e < 0)
        log_answer(&p->daemon.log, LOG_LEVEL_ERROR, "%s", why);
    return e;
}

static int serve(struct process *p, struct ra_config *config)
{
    if (daemon_open(&p->daemon, p->options.program, config->daemon) < 0) {
        ra_config_free(config);
        return EXIT_FAILURE;
    }
    int e = begin(p, config);
    if (e == 0) {
        daemon_begun(&p->daemon, "Advertising");
        daemon_wait(&p->daemon, "Advertising", on_reload, p);
    }
    radvd_service_stop(p->service);
    daemon_close(&p->daemon);
    return e == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    const struct daemon_usage usage = {
        .version = IOTH_VERSION,
        .synopsis = "[OPTION...] [prefix PREFIX...]",
        .summary =
            "Tells the hosts of a network how to configure themselves: router advertisements for IPv6.",
        .notes = "PREFIX is ADDR/LEN/FLAGS/VALID/PREFERRED, such as fc01::/64/LA/86400/14400.\n"
                 "SIGHUP loads the file of -f again; SIGTERM and SIGINT end. See iothradvd(8).\n",
        .rows = RC_ROWS(ra_rows),
        .check_letter = 'n',
        .operands = take_prefixes,
    };
    struct process p = {0};
    struct ra_config *config = NULL;
    char why[RA_CONFIG_WHY_MAX];
    int status;

    ioth_set_license("GPL-3.0-or-later");
    daemon_options_read(&usage, argc, argv, &p.options);
    if (load(&p, &config, why, sizeof(why)) < 0) {
        status = nothing(why);
    } else if (p.options.check) {
        status = check(config);
        ra_config_free(config);
    } else {
        status = serve(&p, config);
    }
    daemon_options_fini(&p.options);
    return status;
}
