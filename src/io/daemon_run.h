/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program that is the command line of a service and nothing else: a table of what the service's library has, and daemon_run
 * does what all daemons do, from the options to the exit status (daemon.h says in which order).
 *
 *   int main(int argc, char **argv)
 *   {
 *       const struct daemon_program program = {.usage = {...}, .doing = "Serving", .load = x_load, .start = x_start, ...};
 *
 *       return daemon_run(&program, argc, argv);
 *   }
 */
#ifndef IO_DAEMON_RUN_H
#define IO_DAEMON_RUN_H

#include "io/daemon.h"
#include "io/daemon_host.h"
#include "io/daemon_options.h"
#include "io/sandbox.h"

/* What a service keeps that others give up. */
struct daemon_keeps {
    const char *user;      /* whom to become where the configuration does not say; NULL: the packaged user */
    uint64_t capabilities; /* CAPABILITY(CAP_NET_ADMIN) | ... */
    struct sandbox_extras sandbox;
};

struct daemon_program {
    struct daemon_usage usage;
    const char *doing;         /* as sentences begin that a service manager shows: "Serving" */
    const char *nothing;       /* what comes of errors: "nothing is served" */
    const char *packaged_user; /* whom to become, started by root */

    /* Each that can fail returns 0, or negative errno and one sentence in why ("": all has been said); a `config` is the first
     * member of the service's own configuration, a `service` what `start` has made. */

    /* What was said, as it stands now: the command line and its files. */
    int (*load)(const struct daemon_options *options, struct daemon_config **ret, char *why, size_t why_size);
    void (*free)(struct daemon_config *config);
    /* Beyond what `load` sees, without opening anything but files that it names: for --check. */
    int (*check)(const struct daemon_config *config, char *why, size_t why_size);
    /* Takes the configuration over, also on failure. */
    int (*start)(struct daemon_config *config, const struct daemon_host *host, void **ret, char *why,
                 size_t why_size);
    /* Logs all that is to be said. */
    int (*reload)(void *service, char *why, size_t why_size);
    void (*stop)(void *service); /* takes NULL */
    /* NULL: nothing. */
    void (*keeps)(const struct daemon_config *config, struct daemon_keeps *ret);
    /* Calls daemon_check_readable for each file that a reload reads, beside that of the options. NULL: there is none. */
    void (*check_files)(const struct daemon *d, const struct daemon_config *config);
};

/* What the system's tables of users and its folders lack of what a configuration says of the process: `say` is called for each,
 * with the name of the option, where a file says so (NULL: no file does) and one sentence. How many they are. */
int daemon_check_system(const struct daemon_config *config,
                        void (*say)(void *arg, const char *option, const char *place, const char *why),
                        void *arg);

/* Returns the exit status. */
int daemon_run(const struct daemon_program *program, int argc, char **argv);

#endif
