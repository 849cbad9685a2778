/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The attendant of a service: a thread that serves the control socket and the metrics page, and tells the host as long as the
 * service is well. Both sockets are on the system's own stack, whatever the service's stacks are: the people and machines that
 * run it sit on its host, and the network that it serves has no business there.
 *
 *   attendant_open    opens the sockets; before privileges are given up
 *   attendant_run     the thread begins
 *   attendant_close   the end
 *
 * The commands status, counters, check, reload and loglevel are the same of all services (attendant_commands.c).
 */
#ifndef IO_ATTENDANT_H
#define IO_ATTENDANT_H

#include "io/control.h"
#include "io/daemon_host.h"
#include "io/http.h"
#include "io/pairs.h"

#include <sys/types.h>

struct attendant;

struct attendant_settings {
    const struct daemon_host *host;     /* as long as the attendant */
    const struct daemon_config *config; /* for attendant_open alone */
    const struct log *log;              /* as long as the attendant; loglevel is about its control */
    const char *who;                    /* "server": who else may have the socket, for the message */
    /* Called each second and after attendant_wake: does all run that should? NULL: nothing to look at. The host is told by
     * `alive` at least each alive_interval while it does. */
    bool (*is_well)(void *arg, nsec_t now);
    const char *well, *ill; /* what is logged when that changes; `ill` is on the page too */
    /* Called as is_well is: are all networks there that are to be served? While they are not it is not healthy, and lives all the
     * same: nobody is to start it anew for that. It says by itself what has happened. NULL: nothing to look at. */
    bool (*is_served)(void *arg, nsec_t now);
    const char *unserved; /* for the page: "an interface is not served: status says which" */
    /* A piece of the page of metrics for turn 0, 1, ...; false: the last one. What runs, how long, whether all is well, and the
     * page /healthz come with it. */
    const char *prefix; /* of the families: "namedhcp" */
    bool (*page)(void *arg, unsigned turn, struct text *out);
    /* What status and counters tell; of status, what comes behind version, pid, started, uptime_seconds, healthy, loglevel. */
    void (*status)(void *arg, struct pairs *out);
    void (*counters)(void *arg, struct pairs *out);
    /* The configuration as it stands now, without serving by it: what is hardly meant as lines. From a thread of its own. 0, or
     * negative errno and one sentence in why. */
    int (*check)(void *arg, struct text *out, char *why, size_t why_size);
    /* Who asks is told the warnings that are logged from its thread meanwhile. NULL: `commands` has its own. */
    int (*reload)(void *arg, char *why, size_t why_size);
    const struct control_command *commands; /* of this service; as long as the attendant */
    void *arg;                              /* of all these */
};

/* 0, or negative errno and one sentence in why. */
MUST_CHECK int attendant_open(const struct attendant_settings *settings, struct attendant **ret, char *why,
                              size_t why_size);
/* 0, or negative errno. */
MUST_CHECK int attendant_run(struct attendant *a);
/* Something has happened that commands wait for (CONTROL_WAIT). From any thread; NULL: nothing. */
void attendant_wake(struct attendant *a);
void attendant_close(struct attendant *a); /* NULL: nothing */

/* Whether the system has the group of the control socket; -1 in *ret: none is said. 0, or -ENOENT and one sentence in why. */
MUST_CHECK int attendant_group(const struct daemon_config *config, gid_t *ret, char *why, size_t why_size);
/* Can the control socket that is said be made? Nothing is. 0, or an error of serve_check_unix and why. */
MUST_CHECK int attendant_check_control(const struct daemon_config *config, char *why, size_t why_size);

/* For settings.check: what host->load gives, looked at by `check`, with its warnings; `free` ends it. */
MUST_CHECK int attendant_check_config(const struct daemon_host *host,
                                      int (*check)(const struct daemon_config *config, char *why,
                                                   size_t why_size),
                                      void (*free)(struct daemon_config *config), struct text *out, char *why,
                                      size_t why_size);

#endif
