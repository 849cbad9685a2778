/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See log_sink.h. A line goes out by one writev(2), so lines of several threads do not mix. Whether standard
 * error is the journal's is told by the device and inode in JOURNAL_STREAM: the variable alone is inherited by
 * programs whose output goes elsewhere.
 */
#include "io/log_sink.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

static const int priorities[LOG_LEVELS] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

static void write_pieces(const char *one, const char *two, const char *line)
{
    const char *const pieces[] = {one, two, line, "\n"};
    struct iovec iov[ARRAY_LEN(pieces)];
    for (unsigned i = 0; i < ARRAY_LEN(pieces); i++)
        iov[i] = (struct iovec){.iov_base = (void *)(uintptr_t)pieces[i], .iov_len = strlen(pieces[i])};
    ssize_t n = writev(STDERR_FILENO, iov, (int)ARRAY_LEN(pieces));
    (void)n; /* there is nobody else to tell */
}

static void write_stderr(void *program, enum log_level level, const char *line)
{
    static const char *const names[LOG_LEVELS] = {": error: ", ": warning: ", ": ", ": debug: "};
    write_pieces(program, names[level], line);
}

static void write_journal(void *program, enum log_level level, const char *line)
{
    char priority[] = {'<', (char)('0' + priorities[level]), '>', '\0'};
    (void)program;
    write_pieces(priority, "", line);
}

static void write_syslog(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    syslog(priorities[level], "%s", line);
}

static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
           st.st_dev == (dev_t)device && st.st_ino == (ino_t)inode;
}

struct log log_to_stderr(const char *program)
{
    return (struct log){
        .write = stderr_is_journal() ? write_journal : write_stderr,
        .arg = (void *)(uintptr_t)program,
    };
}

struct log log_to_syslog(void)
{
    return (struct log){.write = write_syslog};
}
