/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where programs send the lines of log.h: standard error, the journal behind it, or syslog. */
#ifndef IO_LOG_SINK_H
#define IO_LOG_SINK_H

#include "io/log.h"

/* For a program in the foreground: lines on standard error with the program's name before them; or, where
 * standard error leads to the journal (JOURNAL_STREAM, systemd.exec(5)), with their priority as "<N>", from
 * which the journal takes it. `program` lives as long as the log. */
struct log log_to_stderr(const char *program);
/* For a daemon: syslog(3), which the caller has opened or not. */
struct log log_to_syslog(void);

#endif
