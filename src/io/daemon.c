/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See daemon.h. The order of a start, as privilege goes:
 *
 *   1. the configuration is read, the stacks made, all sockets and files opened, by whoever started us
 *   2. the pid file is opened
 *   3. the user is changed and capabilities are dropped
 *   4. the seccomp filter is put around the process, threads of stacks included
 *   5. the threads that serve begin
 *
 * From then on files are read again as that user; what he cannot read is said at 3. Signals are blocked in all threads, and
 * the main thread waits for them, so no handler ever runs. Where the folder of the pid file is no longer ours to remove it
 * from, it is emptied, which says the same.
 */
#include "io/daemon.h"

#include "io/background.h"
#include "io/log_sink.h"
#include "io/own_file.h"
#include "io/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

/* --- log --- */

/* Until a daemon is in the background, the person who starts it reads what it says. */
static void write_log(void *arg, enum log_level level, const char *line)
{
    const struct daemon *d = arg;
    const struct log *log = atomic_load(&d->in_background) ? &d->background_log : &d->start_log;

    log->write(log->arg, level, line);
}

/* --- begin --- */

static sigset_t block_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signals;
}

/* Flows and exchanges take descriptors; the soft limit of 1024 is for programs that use select(2). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int daemon_open(struct daemon *d, const char *program, bool background)
{
    int parent = background ? background_enter() : -1;

    if (background && parent < 0) {
        fprintf(stderr, "%s: cannot go to the background: %s\n", program, strerror(-parent));
        return parent;
    }
    if (background)
        openlog(program, LOG_PID, LOG_DAEMON);
    *d = (struct daemon){
        .log = {.write = write_log, .arg = d},
        .start_log = log_to_stderr(program),
        .background_log = log_to_syslog(),
        .signals = block_signals(),
        .main = pthread_self(),
        .parent = parent,
        .pidfile = -1,
    };
    if (notify_init(&d->notify) < 0)
        log_event(&d->log, LOG_LEVEL_WARNING, "the service manager cannot be told anything");
    raise_descriptor_limit();
    d->alive_interval = d->notify.watchdog / 2; /* as sd_watchdog_enabled(3) has it */
    return 0;
}

/* --- what is given up --- */

static int cannot_pidfile(const char *path, int e, char *why, size_t why_size)
{
    snprintf(why, why_size, "cannot write the pidfile %s: %s", path, own_file_reason(e));
    return e;
}

int daemon_check_pidfile(const char *path, char *why, size_t why_size)
{
    int e = path ? own_file_check_folder(path, F_OK) : 0;

    return e < 0 ? cannot_pidfile(path, e, why, why_size) : 0;
}

static int open_pidfile(struct daemon *d, const char *path, char *why, size_t why_size)
{
    own_file_as_owner(path);
    d->pidfile = own_file_open(path, 0644, NULL);
    own_file_as_before();
    int e = d->pidfile < 0 ? d->pidfile : ftruncate(d->pidfile, 0) < 0 ? -errno : 0;
    if (e == 0 && !(d->pidfile_at = daemon_lasting_path(path)))
        e = -ENOMEM;
    return e < 0 ? cannot_pidfile(path, e, why, why_size) : 0;
}

/* Of a user that was said. */
static int said_identity(const char *user, struct identity *ret, char *why, size_t why_size)
{
    return strcmp(user, "none") == 0 ? 0 : identity_of(user, ret, why, why_size);
}

/* The user to become: the one that was said; else, for root, the packaged one, or nobody where that was never made. */
static int choose_identity(const struct daemon_wish *wish, struct identity *ret, char *why, size_t why_size)
{
    *ret = (struct identity){0};
    if (wish->user)
        return said_identity(wish->user, ret, why, why_size);
    if (geteuid() != 0)
        return 0;
    if (identity_of(wish->packaged_user, ret, why, why_size) == 0)
        return 0;
    return identity_of("nobody", ret, why, why_size);
}

/* In a user namespace that has root alone there is nobody to become; then the capabilities go, all the same. */
static int drop_privilege(const struct daemon *d, const struct daemon_wish *wish, char *why, size_t why_size)
{
    struct identity who;
    int e = choose_identity(wish, &who, why, why_size);

    if (e < 0)
        return e;
    e = privilege_keep(&who, wish->keep, why, why_size);
    if (e != -EINVAL || wish->user)
        return e;
    log_event(&d->log, LOG_LEVEL_WARNING,
              "staying root, without capabilities: this user namespace has nobody else");
    return privilege_keep(&(struct identity){0}, wish->keep, why, why_size);
}

int daemon_give_up(struct daemon *d, const struct daemon_wish *wish, char *why, size_t why_size)
{
    int e = wish->pidfile ? open_pidfile(d, wish->pidfile, why, why_size) : 0;

    return e == 0 ? drop_privilege(d, wish, why, why_size) : e;
}

int daemon_check_user(const char *user, char *why, size_t why_size)
{
    struct identity who;

    return user ? said_identity(user, &who, why, why_size) : 0;
}

void daemon_check_readable(const struct daemon *d, const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
    else
        log_event(&d->log, LOG_LEVEL_WARNING,
                  "a reload will fail: this file cannot be read by the user who serves; let his group read "
                  "it (chgrp, chmod 640), or serve as its owner (option user)",
                  LOG_TEXT("file", path), LOG_NUMBER("uid", geteuid()), LOG_TEXT("reason", strerror(errno)));
}

/* --- running --- */

void daemon_begun(struct daemon *d, const char *status)
{
    if (d->pidfile >= 0 && dprintf(d->pidfile, "%ld\n", (long)getpid()) < 0)
        log_event(&d->log, LOG_LEVEL_ERROR, "the pid file cannot be written",
                  LOG_TEXT("file", d->pidfile_at));
    if (d->parent >= 0) {
        atomic_store(&d->in_background, true);
        if (background_begun(d->parent) < 0)
            log_event(&d->log, LOG_LEVEL_WARNING, "the starting process cannot be told that all is well");
        d->parent = -1;
    }
    malloc_trim(0); /* what the start took for itself, as the filter of system calls did, goes back */
    notify_ready(&d->notify, status);
}

static void reload_now(const struct daemon *d, const char *doing, int (*reload)(void *arg), void *arg)
{
    char status[128];

    notify_reloading(&d->notify);
    int e = reload(arg);
    snprintf(status, sizeof(status),
             e == 0 ? "%s the configuration as it was loaded last"
                    : "%s the old configuration: the new one has errors",
             doing);
    notify_ready(&d->notify, status);
}

void daemon_wait(struct daemon *d, const char *doing, int (*reload)(void *arg), void *arg)
{
    for (;;) {
        int signal = sigwaitinfo(&d->signals, NULL);
        if (signal == SIGHUP)
            reload_now(d, doing, reload, arg);
        else if (signal > 0)
            break;
    }
    notify_stopping(&d->notify);
}

void daemon_reload_soon(const struct daemon *d)
{
    pthread_kill(d->main, SIGHUP);
}

void daemon_alive(const struct daemon *d)
{
    notify_alive(&d->notify);
}

void daemon_close(struct daemon *d)
{
    if (d->pidfile >= 0) {
        if ((!d->pidfile_at || unlink(d->pidfile_at) < 0) && ftruncate(d->pidfile, 0) < 0)
            log_event(&d->log, LOG_LEVEL_WARNING, "the pid file stays", LOG_TEXT("file", d->pidfile_at));
        close(d->pidfile);
    }
    free(d->pidfile_at);
    notify_fini(&d->notify);
}

/* --- paths --- */

const char *daemon_control(char path[static PATH_MAX])
{
    const char *folders = getenv("RUNTIME_DIRECTORY");

    if (!folders || folders[0] != '/')
        return NULL;
    snprintf(path, PATH_MAX, "%.*s/control", (int)strcspn(folders, ":"), folders);
    return path;
}

char *daemon_lasting_path(const char *path)
{
    char *absolute = realpath(path, NULL);

    return absolute ? absolute : strdup(path);
}
