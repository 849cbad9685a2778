/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See daemon_host.h. What the process was told at its start stays as it is until the next one: whom it became, what it may,
 * where its sockets are. A reload that says otherwise is not refused for that; it says so, and the rest of it counts.
 */
#include "io/daemon_host.h"

#include <string.h>

bool daemon_texts_differ(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") != 0;
}

void daemon_say_restart(const struct log *log, const char *what, bool changed)
{
    if (changed)
        log_event(log, LOG_LEVEL_WARNING, "this change waits for a restart", LOG_TEXT("what", what));
}

void daemon_say_restarts(const struct log *log, const struct daemon_config *was,
                         const struct daemon_config *is)
{
    daemon_say_restart(log, "control", daemon_texts_differ(was->control, is->control));
    daemon_say_restart(log, "controlgroup", daemon_texts_differ(was->controlgroup, is->controlgroup));
    daemon_say_restart(log, "metrics",
                       was->metrics.port != is->metrics.port ||
                           !ipaddr_equal(&was->metrics.addr, &is->metrics.addr));
    daemon_say_restart(log, "user", daemon_texts_differ(was->user, is->user));
    daemon_say_restart(log, "sandbox", was->sandbox != is->sandbox);
    daemon_say_restart(log, "pidfile", daemon_texts_differ(was->pidfile, is->pidfile));
}

void daemon_say_reload(const struct log *log, int e, const char *why)
{
    if (e == 0) {
        log_event(log, LOG_LEVEL_INFO, "configuration loaded again");
        return;
    }
    if (why[0])
        log_answer(log, LOG_LEVEL_ERROR, "%s", why);
    log_event(log, LOG_LEVEL_ERROR, "configuration not loaded; the old one stays in force");
}

void daemon_log_warnings(const struct log *log, const struct daemon_config *config)
{
    for (unsigned i = 0; i < config->n_warnings; i++)
        log_answer(log, LOG_LEVEL_WARNING, "%s", config->warnings[i]);
}
