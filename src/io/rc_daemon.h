/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a configuration says of the process that serves, the same of all daemons: the options daemon, pidfile, verbose, control,
 * controlgroup, metrics, user and sandbox. It is the first member of a service's own configuration, so a pointer to the one is
 * a pointer to the other: what runs services (daemon_run.h) knows no more of a configuration than this.
 */
#ifndef IO_RC_DAEMON_H
#define IO_RC_DAEMON_H

#include "base/arena.h"
#include "base/ipaddr.h"

#include <stdbool.h>

#define DAEMON_WARNINGS_MAX 16 /* a person reads them */

struct daemon_config {
    bool background, verbose, sandbox;
    const char *pidfile, *user, *control, *controlgroup;             /* NULL: not given */
    const char *user_at, *pidfile_at, *control_at, *controlgroup_at; /* where that was said; NULL: nowhere */
    struct ipendpoint metrics; /* where the page is served; port 0: nowhere */
    unsigned n_warnings;
    const char *warnings[DAEMON_WARNINGS_MAX]; /* what is allowed and hardly meant; one sentence each */
};

/* Reads one of these options by its long name into c; texts are copied into the arena, and so is
 * the place. 0; -ENOENT: it is none of them; -ENOMEM; -EINVAL and in why,
 * without a place, what is wrong. */
MUST_CHECK int daemon_config_read(struct daemon_config *c, struct arena *arena, const char *name,
                                  const char *value, const char *place, char *why, size_t why_size);
/* One warning more, copied, unless it is there or there are too many. 0 or -ENOMEM. */
int daemon_config_warn(struct daemon_config *c, struct arena *arena, const char *text);

#endif
