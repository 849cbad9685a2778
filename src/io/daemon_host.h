/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a service gets from the process that starts it: what concerns the process as a whole, and a library does not decide.
 * daemon_run.h makes one for a program; a test, or a program with several services, makes its own.
 */
#ifndef IO_DAEMON_HOST_H
#define IO_DAEMON_HOST_H

#include "io/log.h"
#include "io/rc_daemon.h"

/* Copied; what it points to stays. All functions get `arg`. */
struct daemon_host {
    struct log log;      /* its control is not used: a service has its own */
    const char *version; /* of the program */
    /* Where the control socket is made if the configuration does not say; NULL: nowhere. */
    const char *control;
    /* The configuration as it stands now, for a reload; from the thread that asks for it. 0, or negative errno with one
     * sentence in why. */
    int (*load)(void *arg, struct daemon_config **ret, char *why, size_t why_size);
    /* All sockets and files are open and no thread of the service runs (threads of stacks do): the moment to give up
     * privileges. 0, or negative errno and why: the start fails. NULL: nothing is to be done. */
    int (*bound)(void *arg, const struct daemon_config *config, char *why, size_t why_size);
    /* Have the service's function of a reload called soon, from the thread that waits for signals. NULL: nobody can ask. */
    void (*reload_wanted)(void *arg);
    /* It serves; called about each alive_interval (0: nobody wants to know), from the attendant's thread. */
    void (*alive)(void *arg);
    nsec_t alive_interval;
    void *arg;
};

/* The level at which a service begins, and goes on after a reload. */
static inline enum log_level daemon_loglevel(const struct daemon_config *config)
{
    return config->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

/* A change of `what` is not for a service that runs: says so, if it is one. Each reload says so again. */
void daemon_say_restart(const struct log *log, const char *what, bool changed);
/* The same of what stands in struct daemon_config. */
void daemon_say_restarts(const struct log *log, const struct daemon_config *was,
                         const struct daemon_config *is);
/* Says how a reload ended: e is 0, or negative errno and why ("": that has been said). */
void daemon_say_reload(const struct log *log, int e, const char *why);
/* Whether two texts differ; NULL is as "". */
bool daemon_texts_differ(const char *a, const char *b);
/* What is hardly meant, at the start and on a reload. */
void daemon_log_warnings(const struct log *log, const struct daemon_config *config);

#endif
