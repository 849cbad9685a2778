/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of iothnamed: check a configuration, or serve it until SIGTERM or SIGINT; SIGHUP loads it
 * anew. As a daemon the process that the user started stays until serving has begun, so its exit status tells
 * how that went.
 */
#include "libiothnamed/config.h"
#include "libiothnamed/iothnamed.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <syslog.h>
#include <unistd.h>

enum { EXIT_USAGE = 2 };

struct command_line {
    bool daemon, check, verbose;
    const char *pidfile, *config;
};

static void print_help(void)
{
    printf("usage: iothnamed [-d] [-p FILE] CONFFILE     serve\n"
           "       iothnamed -n [-v] CONFFILE            check the configuration only\n"
           "\n"
           "A DNS server, forwarder and cache for the Internet of Threads.\n"
           "\n"
           "  -d, --daemon         go to the background once serving has begun; log to syslog\n"
           "  -p, --pidfile FILE   write the process id there while serving\n"
           "  -n, --check          check CONFFILE, report all that is wrong with it, and exit\n"
           "  -v, --verbose        with -n: print the configuration as it was understood\n"
           "  -h, --help           this text\n"
           "      --version        the version\n"
           "\n"
           "SIGHUP loads CONFFILE again; SIGTERM and SIGINT end the server.\n"
           "See iothnamed(8), and iothnamed.conf(5) for the configuration.\n");
}

/* Exits on -h, --version and on a wrong command line. */
static struct command_line parse_command_line(int argc, char **argv)
{
    static const struct option options[] = {
        {"daemon", no_argument, NULL, 'd'},
        {"pidfile", required_argument, NULL, 'p'},
        {"check", no_argument, NULL, 'n'},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    struct command_line cl = {0};
    int option;
    while ((option = getopt_long(argc, argv, "dp:nvh", options, NULL)) != -1) {
        switch (option) {
        case 'd':
            cl.daemon = true;
            break;
        case 'p':
            cl.pidfile = optarg;
            break;
        case 'n':
            cl.check = true;
            break;
        case 'v':
            cl.verbose = true;
            break;
        case 'h':
            print_help();
            exit(EXIT_SUCCESS);
        case 'V':
            printf("iothnamed %s\n", IOTH_VERSION);
            exit(EXIT_SUCCESS);
        default:
            fprintf(stderr, "Try 'iothnamed --help'.\n");
            exit(EXIT_USAGE);
        }
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "iothnamed: %s. Try 'iothnamed --help'.\n",
                optind == argc ? "the name of a configuration file is missing"
                               : "one configuration file, not several");
        exit(EXIT_USAGE);
    }
    if (cl.verbose && !cl.check) {
        fprintf(stderr, "iothnamed: -v goes with -n. Try 'iothnamed --help'.\n");
        exit(EXIT_USAGE);
    }
    cl.config = argv[optind];
    return cl;
}

/* --- messages --- */

static void write_stderr(void *arg, enum log_level level, const char *line)
{
    static const char *const names[] = {"error: ", "warning: ", "", ""};
    (void)arg;
    fprintf(stderr, "iothnamed: %s%s\n", names[level], line);
}

static void write_syslog(void *arg, enum log_level level, const char *line)
{
    static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
    (void)arg;
    syslog(priorities[level], "%s", line);
}

static void report(const struct log *log, const char *path, const struct diags *diags)
{
    for (const struct diag *d = diags->first; d; d = d->next) {
        enum log_level level = d->warning ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR;
        if (d->at.line)
            log_say(log, level, "%s:%u:%u: %s", path, d->at.line, d->at.column, d->text);
        else
            log_say(log, level, "%s: %s", path, d->text);
    }
}

/* For the check: compiler style, so that editors can jump to the places. */
static void print_diags(const char *path, const struct diags *diags)
{
    for (const struct diag *d = diags->first; d; d = d->next) {
        fputs(path, stderr);
        if (d->at.line)
            fprintf(stderr, ":%u:%u", d->at.line, d->at.column);
        fprintf(stderr, ": %s%s\n", d->warning ? "warning: " : "", d->text);
    }
    if (diags->errors)
        fprintf(stderr, "%s: %u error%s; nothing is served\n", path, diags->errors,
                diags->errors == 1 ? "" : "s");
}

/* --- the work --- */

static int check(const struct command_line *cl)
{
    struct diags diags = {0};
    struct config *config = NULL;
    int e = config_load(cl->config, &config, &diags);
    print_diags(cl->config, &diags);
    if (e == 0 && cl->verbose)
        config_print(config, stdout);
    if (e == 0)
        config_free(config);
    else if (e != -EINVAL)
        fprintf(stderr, "iothnamed: %s\n", strerror(-e));
    diags_fini(&diags);
    return e == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void reload(struct iothnamed *server, const char *path, const struct log *log)
{
    struct diags diags = {0};
    struct config *config;
    int e = config_load(path, &config, &diags);
    report(log, path, &diags);
    if (e == 0)
        e = iothnamed_reload(server, config);
    if (e == 0)
        log_say(log, LOG_LEVEL_INFO, "%s loaded again", path);
    else
        log_say(log, LOG_LEVEL_ERROR, "%s not loaded; the old configuration stays in force", path);
    diags_fini(&diags);
}

static int write_pidfile(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    int e = dprintf(fd, "%ld\n", (long)getpid()) < 0 ? -errno : 0;
    if (close(fd) < 0 && e == 0)
        e = -errno;
    return e;
}

/* Each exchange with upstream and each TCP client takes a descriptor; the soft limit of 1024 is for programs
 * that use select(2). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void wait_for_end(struct iothnamed *server, const char *path, const struct log *log,
                         const sigset_t *signals)
{
    for (;;) {
        int signal = sigwaitinfo(signals, NULL);
        if (signal == SIGHUP)
            reload(server, path, log);
        else if (signal > 0)
            return;
    }
}

/* Tells the process that waits in go_to_background that serving has begun, and lets go of its terminal. */
static void tell_parent(int pipe_end)
{
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; null >= 0 && fd <= 2; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    if (write(pipe_end, "", 1) != 1)
        syslog(LOG_WARNING, "cannot tell the starting process that serving has begun");
    close(pipe_end);
}

/* parent: the end of a pipe to who waits for the start, or -1. log: until serving has begun; log_later: from
 * then on. */
static int serve(const struct command_line *cl, struct config *config, int parent, const struct log *log,
                 const struct log *log_later)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();

    struct iothnamed *server;
    char why[512];
    char *path = realpath(cl->config, NULL);
    int e = iothnamed_start(config, log_later, &server, why, sizeof(why));
    if (e < 0) {
        log_say(log, LOG_LEVEL_ERROR, "%s", why);
        free(path);
        return EXIT_FAILURE;
    }
    if (cl->pidfile && (e = write_pidfile(cl->pidfile)) < 0) {
        log_say(log, LOG_LEVEL_ERROR, "cannot write %s: %s", cl->pidfile, strerror(-e));
        iothnamed_stop(server);
        free(path);
        return EXIT_FAILURE;
    }
    if (parent >= 0)
        tell_parent(parent);
    log_say(log_later, LOG_LEVEL_INFO, "serving %s", cl->config);
    wait_for_end(server, path ? path : cl->config, log_later, &signals);
    iothnamed_stop(server);
    if (cl->pidfile)
        unlink(cl->pidfile);
    free(path);
    return EXIT_SUCCESS;
}

/* In the parent: waits until the child serves or has failed, and exits. In the child: returns the pipe to
 * tell. */
static int go_to_background(void)
{
    int ends[2];
    pid_t child = -1;
    if (pipe2(ends, O_CLOEXEC) == 0)
        child = fork();
    if (child < 0) {
        perror("iothnamed: cannot go to the background");
        exit(EXIT_FAILURE);
    }
    if (child == 0) {
        close(ends[0]);
        setsid();
        return ends[1];
    }
    close(ends[1]);
    char started;
    ssize_t n;
    do
        n = read(ends[0], &started, 1);
    while (n < 0 && errno == EINTR);
    exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    struct command_line cl = parse_command_line(argc, argv);
    if (cl.check)
        return check(&cl);

    const struct log to_stderr = {.write = write_stderr}, to_syslog = {.write = write_syslog};
    struct diags diags = {0};
    struct config *config;
    int e = config_load(cl.config, &config, &diags);
    print_diags(cl.config, &diags);
    diags_fini(&diags);
    if (e < 0) {
        if (e != -EINVAL)
            fprintf(stderr, "iothnamed: %s\n", strerror(-e));
        return EXIT_FAILURE;
    }
    if (!cl.daemon)
        return serve(&cl, config, -1, &to_stderr, &to_stderr);
    openlog("iothnamed", LOG_PID, LOG_DAEMON);
    return serve(&cl, config, go_to_background(), &to_stderr, &to_syslog);
}
