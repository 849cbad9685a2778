/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See log.h. What clients send may end up in a line: control characters do not get through. */
#include "io/log.h"
#include <stdarg.h>
#include <stdio.h>

void log_say(const struct log *log, enum log_level level, const char *format, ...)
{
    if (!log->write)
        return;
    char line[LOG_LINE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    log->write(log->arg, level, line);
}
