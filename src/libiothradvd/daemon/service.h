/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Routers as a service: the stacks and interfaces of a configuration, what happens there as log lines, reload, and the
 * control socket. Any number live side by side in a process. The functions are what io/daemon_run.h wants: `config` is that of a
 * struct ra_config, `service` a struct radvd_service.
 */
#ifndef IOTHRADVD_SERVICE_H
#define IOTHRADVD_SERVICE_H

#include "io/daemon_host.h"
#include "io/daemon_options.h"
#include "libiothradvd/ra_config.h"

MUST_CHECK int radvd_load(const struct daemon_options *options, struct daemon_config **ret, char *why,
                          size_t why_size);
void radvd_free(struct daemon_config *config); /* takes NULL */
/* Everything that can be checked without opening anything, beyond what the draft sees: the strings of stacks. 0 or -EINVAL and
 * one sentence in why. */
MUST_CHECK int radvd_check(const struct daemon_config *config, char *why, size_t why_size);
/* Makes the stacks and advertises. The configuration is taken over, also on failure. 0, or negative errno and one sentence
 * in why. */
MUST_CHECK int radvd_start(struct daemon_config *config, const struct daemon_host *host, void **ret,
                           char *why, size_t why_size);
/* Loads the configuration again. What cannot change while it runs (interfaces, stacks, MAC addresses, and what is said for
 * the program as a whole) is logged and waits for a restart. 0, or negative errno, why, and the old one stands. From any
 * thread, one at a time. */
MUST_CHECK int radvd_reload(void *service, char *why, size_t why_size);
/* The last advertisements, and the end. NULL: nothing. */
void radvd_stop(void *service);

#endif
