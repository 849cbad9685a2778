/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What threads have logged: the last line, and how many there were. */
#ifndef TESTS_LOG_WORLD_H
#define TESTS_LOG_WORLD_H

#include <pthread.h>
#include <stdio.h>

#include "io/log.h"

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char last_line[LOG_LINE_MAX];
static unsigned lines;

static void keep_line(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    (void)level;
    pthread_mutex_lock(&log_lock);
    snprintf(last_line, sizeof(last_line), "%s", line);
    lines++;
    pthread_mutex_unlock(&log_lock);
}

static const struct log log_lines = {.write = keep_line};

#endif
