/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The attendant of a service: a thread that serves the control socket and the metrics page, and tells the host as long as the
 * service is well. Both sockets are on the system's own stack, whatever the service's stacks are: the people and machines that
 * run it sit on its host, and the network that it serves has no business there.
 *
 *   attendant_open    opens the sockets; before privileges are given up
 *   attendant_run     the thread begins
 *   attendant_close   the end
 */
#ifndef IO_ATTENDANT_H
#define IO_ATTENDANT_H

#include "base/ipaddr.h"
#include "io/control.h"
#include "io/http.h"
#include "io/log.h"

struct attendant;

struct attendant_settings {
    const char *control;                    /* path of the control socket; NULL, "none": there is none */
    const char *controlgroup;               /* whose members may use it; NULL: none */
    struct ipendpoint metrics;              /* port 0: there is no page */
    const struct control_command *commands; /* as long as the attendant */
    /* A piece of the page of metrics, all but its end, for turn 0, 1, ...; false: the last one. /healthz comes with it. */
    bool (*page)(void *arg, unsigned turn, struct text *out);
    const char *who; /* "server": who else may have the socket, for the message */
    /* Called each second and after attendant_wake: does all run that should? NULL: nothing to look at. The host is told by
     * `alive` at least each alive_interval while it does (0: it does not want to know). */
    bool (*is_well)(void *arg, nsec_t now);
    const char *well, *ill; /* what is logged when that changes; `ill` is on the page too */
    void (*alive)(void *arg);
    nsec_t alive_interval;
    void *alive_arg;
    const struct log *log; /* as long as the attendant */
    void *arg;             /* of commands, page and is_well */
};

/* 0, or negative errno and one sentence in why. */
MUST_CHECK int attendant_open(const struct attendant_settings *settings, struct attendant **ret, char *why,
                              size_t why_size);
/* 0, or negative errno. */
MUST_CHECK int attendant_run(struct attendant *a);
/* Something has happened that commands wait for (CONTROL_WAIT). From any thread; NULL: nothing. */
void attendant_wake(struct attendant *a);
/* As it was seen last; from the attendant's thread: in commands and the page. */
bool attendant_is_healthy(const struct attendant *a);
void attendant_close(struct attendant *a); /* NULL: nothing */

#endif
