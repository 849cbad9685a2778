/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a service's messages go. A service never prints: whoever starts it says what happens to a line. */
#ifndef IO_LOG_H
#define IO_LOG_H

#include "base/base.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log {
    /* One line without a newline; may be called from any thread of the service. NULL: nothing is said. */
    void (*write)(void *arg, enum log_level level, const char *line);
    void *arg;
};

/* Lines are cut at LOG_LINE_MAX - 1 bytes; control characters in them become '?'. */
#define LOG_LINE_MAX 1024
void log_say(const struct log *log, enum log_level level, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
