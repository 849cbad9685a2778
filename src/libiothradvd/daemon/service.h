/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Routers as a service: the stacks and interfaces of a configuration, what happens there as log lines, reload, and the
 * control socket. Any number live side by side in a process.
 */
#ifndef IOTHRADVD_SERVICE_H
#define IOTHRADVD_SERVICE_H

#include "io/log.h"
#include "libiothradvd/ra_config.h"

struct radvd_service;

/* Who starts it. All functions get `arg`. */
struct radvd_host {
    struct log log;
    const char *version;
    /* The configuration as it stands now: 0, or negative errno with one sentence in why. For a reload; from the thread
     * that asks for it. */
    int (*load)(void *arg, struct ra_config **ret, char *why, size_t why_size);
    /* All sockets are open and no thread runs: the moment to give up privileges. 0, or negative errno and why. */
    int (*bound)(void *arg, const struct ra_config *config, char *why, size_t why_size);
    /* All routers run; called at least each alive_interval (0: nobody wants to know). */
    void (*alive)(void *arg);
    nsec_t alive_interval;
    const char
        *control; /* where the control socket is made if the configuration does not say; NULL: nowhere */
    void *arg;
};

/* Everything that can be checked without opening anything, beyond what the draft sees: the strings of stacks. 0 or -EINVAL and
 * one sentence in why. */
MUST_CHECK int radvd_check(const struct ra_config *config, char *why, size_t why_size);
/* Makes the stacks and advertises. The configuration is taken over, also on failure. 0, or negative errno and one sentence
 * in why. */
MUST_CHECK int radvd_service_start(struct ra_config *config, const struct radvd_host *host,
                                   struct radvd_service **ret, char *why, size_t why_size);
/* Loads the configuration again. What cannot change while it runs (interfaces, stacks, MAC addresses, and what is said for
 * the program as a whole) is logged and waits for a restart. 0, or negative errno, why, and the old one stands. From any
 * thread, one at a time. */
MUST_CHECK int radvd_service_reload(struct radvd_service *s, char *why, size_t why_size);
/* The last advertisements, and the end. NULL: nothing. */
void radvd_service_stop(struct radvd_service *s);

#endif
