/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a daemon tells the service manager that started it (sd_notify(3), systemd.service(5)): datagrams of
 * VARIABLE=VALUE lines to the socket that NOTIFY_SOCKET names. Without one everything here does nothing.
 */
#ifndef IO_NOTIFY_H
#define IO_NOTIFY_H

#include "base/base.h"

struct notify {
    int fd;          /* connected; -1: there is nobody to tell */
    nsec_t watchdog; /* the manager wants a sign of life at least so often; 0: it does not */
};

/* From the environment, of which it takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID away, so that no child
 * speaks for us. 0; -errno: there is a manager and it cannot be reached (then *n tells nobody). */
MUST_CHECK int notify_init(struct notify *n);
void notify_fini(struct notify *n);

void notify_ready(const struct notify *n, const char *status);
/* A reload begins; notify_ready when it is over. */
void notify_reloading(const struct notify *n);
void notify_stopping(const struct notify *n);
void notify_status(const struct notify *n, const char *status);
/* A sign of life. From any thread, like all of these. */
void notify_alive(const struct notify *n);

#endif
