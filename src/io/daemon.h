/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The process of a daemon: what it gives up, its pid file, background, log, service manager and signals. For programs,
 * in this order:
 *
 *   daemon_options_read(&usage, argc, argv, &options)       daemon_options.h
 *   daemon_open(&d, options.program, background)            before any thread
 *   X_start(config, &host{.log = d.log, .bound = on_bound}) and in on_bound, when all is open and no thread runs:
 *       daemon_give_up(&d, &wish, why, why_size)                the pid file; user and capabilities
 *       daemon_check_readable(&d, options.rcfile)
 *       sandbox_enter(why, why_size)                            if the configuration wants it
 *   daemon_begun(&d, "Serving")                             the pid is written, the parent exits, the manager knows
 *   daemon_wait(&d, "Serving", on_reload, arg)              until SIGTERM or SIGINT; SIGHUP reloads
 *   X_stop(...)
 *   daemon_close(&d)
 */
#ifndef IO_DAEMON_H
#define IO_DAEMON_H

#include "io/log.h"
#include "io/notify.h"

#include <limits.h>
#include <signal.h>

/* Stands where it is from open to close: its log points at it. */
struct daemon {
    struct log log; /* to standard error until the daemon is in the background, then to syslog */
    struct notify notify;
    nsec_t alive_interval; /* daemon_alive is to be called so often; 0: nobody wants to know */

    /* its own */
    struct log start_log, background_log;
    atomic_bool in_background;
    sigset_t signals;
    pthread_t main;
    int parent;       /* of background_enter; -1: it stays in the foreground */
    int pidfile;      /* open, or -1 */
    char *pidfile_at; /* absolute */
};

/* Raises the limit of descriptors as far as may be. Goes to the background if that is wanted, in a child: the process that the
 * user started waits in here until daemon_begun, and its exit status tells how that went. Blocks SIGHUP, SIGTERM and SIGINT,
 * ignores SIGPIPE, finds the service manager. program: the name in log lines, lives as long as d. 0, or -errno: there is no
 * child; standard error has been told. */
MUST_CHECK int daemon_open(struct daemon *d, const char *program, bool background);

/* What a daemon gives up and keeps. */
struct daemon_wish {
    const char *pidfile;       /* NULL: none */
    const char *user;          /* whom to become: "USER[:GROUP]", "none"; NULL: not said */
    const char *packaged_user; /* then, for root: this one, or nobody where it was never made */
    uint64_t keep; /* capabilities that stay: CAPABILITY(CAP_NET_ADMIN) | ...; io/privilege.h. 0: none */
};

/* Opens the pid file, becomes the user, drops capabilities; in a user namespace that has root alone it stays root without
 * them, and says so. 0, or negative errno and one sentence in why; then the program should end. */
MUST_CHECK int daemon_give_up(struct daemon *d, const struct daemon_wish *wish, char *why, size_t why_size);
/* Whether the system has the user of a wish, as daemon_give_up will want; NULL: not said. 0, or -ENOENT and one sentence in
 * why. */
MUST_CHECK int daemon_check_user(const char *user, char *why, size_t why_size);
/* Has the pid file a place? Nothing is made. NULL: there is to be none. 0, or -errno and why. */
MUST_CHECK int daemon_check_pidfile(const char *path, char *why, size_t why_size);
/* Warns if a reload will not be able to read this file. */
void daemon_check_readable(const struct daemon *d, const char *path);

/* The service runs: writes the pid file, lets the parent exit, tells the manager; status: one line for it. */
void daemon_begun(struct daemon *d, const char *status);
/* Waits for signals. SIGHUP calls reload: 0, or negative errno if the old configuration stands; the manager is told, in
 * sentences that begin with `doing`: "Serving". SIGTERM and SIGINT: the manager is told, and it returns. */
void daemon_wait(struct daemon *d, const char *doing, int (*reload)(void *arg), void *arg);
/* As if SIGHUP had come: for a command that reloads. From any thread. */
void daemon_reload_soon(const struct daemon *d);
/* A sign of life for the manager. From any thread. */
void daemon_alive(const struct daemon *d);

/* Removes the pid file. After daemon_open has succeeded, whatever failed then. */
void daemon_close(struct daemon *d);

/* The control socket in the folder that a service manager made for us (RUNTIME_DIRECTORY, systemd.exec(5)); NULL: it did
 * not. */
const char *daemon_control(char path[static PATH_MAX]);
/* Under which the file is found again, whatever links and folders change: absolute, links followed; for what has no such
 * name, as the pipe of /dev/fd/63, the one given. To be freed; NULL: out of memory. */
char *daemon_lasting_path(const char *path);

#endif
