/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of iothnamed: check a configuration, or serve it until SIGTERM or SIGINT; SIGHUP loads it
 * anew. As a daemon the process that the user started stays until serving has begun, so its exit status tells
 * how that went.
 *
 * The order of a start, as privilege goes:
 *
 *   1. the configuration, its zones and lists are read, the stacks made, all sockets bound (iothnamed_start)
 *   2. the pid file is opened
 *   3. the user is changed and every capability dropped
 *   4. the seccomp filter is put around the process, threads of stacks included
 *   5. the server's threads begin
 *
 * From then on the configuration and its files are read as that user; what he cannot read is said at 3.
 */
#include "io/background.h"
#include "io/log_sink.h"
#include "io/notify.h"
#include "io/privilege.h"
#include "io/sandbox.h"
#include "libiothnamed/config.h"
#include "libiothnamed/iothnamed.h"
#include "libiothnamed/list.h"
#include "libiothnamed/load_zones.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
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
    printf("usage: iothnamed [-dv] [-p FILE] CONFFILE    serve\n"
           "       iothnamed -n [-v] CONFFILE            check the configuration only\n"
           "\n"
           "A DNS server, forwarder and cache for the Internet of Threads.\n"
           "\n"
           "  -d, --daemon         go to the background once serving has begun; log to syslog\n"
           "  -p, --pidfile FILE   write the process id there while serving\n"
           "  -n, --check          check CONFFILE, report all that is wrong with it, and exit\n"
           "  -v, --verbose        log everything; with -n: print the configuration as it was understood\n"
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
    cl.config = argv[optind];
    return cl;
}

/* --- messages --- */

/* For the check: compiler style, so that editors can jump to the places. */
static void print_diags(const char *path, const struct diags *diags)
{
    for (const struct diag *d = diags->first; d; d = d->next) {
        fputs(d->path ? d->path : path, stderr);
        if (d->at.line)
            fprintf(stderr, ":%u", d->at.line);
        if (d->at.column)
            fprintf(stderr, ":%u", d->at.column);
        fprintf(stderr, ": %s%s\n", d->warning ? "warning: " : "", d->text);
    }
    if (diags->errors)
        fprintf(stderr, "%s: %u error%s; nothing is served\n", path, diags->errors,
                diags->errors == 1 ? "" : "s");
}

/* --- the work --- */

/* Under which the configuration and what it names are found again, whatever links and folders change: absolute, links
 * followed; for what has no such name, as the pipe of /dev/fd/63, the one given. To be freed; NULL: out of memory. */
static char *lasting_path(const char *path)
{
    char *absolute = realpath(path, NULL);
    return absolute ? absolute : strdup(path);
}

static int load(const char *given, struct config **ret, struct diags *diags)
{
    char *path = lasting_path(given);
    int e = path ? config_load(path, ret, diags) : -ENOMEM;
    free(path);
    return e;
}

static int check(const struct command_line *cl)
{
    struct diags diags = {0};
    struct config *config = NULL;
    int e = load(cl->config, &config, &diags);
    if (e == 0 && ((e = lists_check(config, &diags)) < 0 || (e = zones_check(config, &diags)) < 0))
        config_free(config);
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

/* --- serving --- */

/* What a process is that serves. */
struct process {
    const struct command_line *cl;
    char *path; /* of the configuration, absolute, for reloads */
    struct log start_log, background_log;
    atomic_bool in_background; /* log to the second */
    struct log log;            /* to whichever it is now */
    struct notify notify;
    pthread_t main;
    int pidfile; /* open, or -1 */
    struct iothnamed *server;
};

/* Until a daemon is in the background, the person who starts it reads what it says. */
static void write_log(void *arg, enum log_level level, const char *line)
{
    const struct process *p = arg;
    const struct log *log = atomic_load(&p->in_background) ? &p->background_log : &p->start_log;
    log->write(log->arg, level, line);
}

/* The user to become: the configuration's; else, for root, the packaged one, or nobody where that was never
 * made. */
static int choose_identity(const struct config *config, struct identity *ret, char *why, size_t why_size)
{
    const char *user = config->options.user.len ? config->options.user.text : NULL;
    *ret = (struct identity){0};
    if (user && strcmp(user, "none") == 0)
        return 0;
    if (user)
        return identity_of(user, ret, why, why_size);
    if (geteuid() != 0)
        return 0;
    if (identity_of(IOTHNAMED_USER, ret, why, why_size) == 0)
        return 0;
    return identity_of("nobody", ret, why, why_size);
}

/* In a user namespace that has root alone there is nobody to become; then the capabilities go, all the same. */
static int drop_privilege(const struct process *p, const struct config *config, char *why, size_t why_size)
{
    struct identity who;
    int e = choose_identity(config, &who, why, why_size);
    if (e < 0)
        return e;
    e = privilege_drop(&who, why, why_size);
    if (e != -EINVAL || config->options.user.len)
        return e;
    log_event(&p->log, LOG_LEVEL_WARNING,
              "staying root, without capabilities: this user namespace has nobody else");
    return privilege_drop(&(struct identity){0}, why, why_size);
}

static void check_readable(const struct process *p, const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    else
        log_event(&p->log, LOG_LEVEL_WARNING,
                  "a reload will fail: this file cannot be read by the user who serves",
                  LOG_TEXT("file", path), LOG_NUMBER("uid", geteuid()), LOG_TEXT("reason", strerror(errno)));
}

/* What a reload will read. */
static void check_all_readable(const struct process *p, const struct config *config)
{
    check_readable(p, p->path);
    const char *secrets = config->options.cookiesecret, *folder_end = strrchr(p->path, '/');
    char path[PATH_MAX];
    if (secrets) {
        int folder_len = secrets[0] == '/' || !folder_end ? 0 : (int)(folder_end - p->path) + 1;
        snprintf(path, sizeof(path), "%.*s%s", folder_len, p->path, secrets);
        check_readable(p, path);
    }
    for (unsigned i = 0; i < config->n_zones; i++)
        check_readable(p, config->zones[i].path);
    for (unsigned i = 0; i < config->n_lists; i++)
        check_readable(p, config->lists[i].path);
}

static int on_bound(void *arg, const struct config *config, char *why, size_t why_size)
{
    struct process *p = arg;
    if (p->cl->pidfile) {
        p->pidfile = open(p->cl->pidfile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (p->pidfile < 0) {
            int e = -errno;
            snprintf(why, why_size, "cannot write %s: %s", p->cl->pidfile, strerror(-e));
            return e;
        }
    }
    int e = drop_privilege(p, config, why, why_size);
    if (e < 0)
        return e;
    check_all_readable(p, config);
    if (config->options.sandbox)
        e = sandbox_enter(why, why_size);
    return e;
}

static void on_reload_wanted(void *arg)
{
    const struct process *p = arg;
    pthread_kill(p->main, SIGHUP);
}

static void on_alive(void *arg)
{
    const struct process *p = arg;
    notify_alive(&p->notify);
}

/* The socket in the folder that a service manager made for us, if it did. */
static const char *default_control(char path[static PATH_MAX])
{
    const char *folders = getenv("RUNTIME_DIRECTORY");
    if (!folders || folders[0] != '/')
        return NULL;
    snprintf(path, PATH_MAX, "%.*s/control", (int)strcspn(folders, ":"), folders);
    return path;
}

static int begin(struct process *p, struct config *config)
{
    char why[512], control[PATH_MAX];
    struct iothnamed_host host = {
        .log = p->log,
        .version = IOTH_VERSION,
        .verbose = p->cl->verbose,
        .control = default_control(control),
        .bound = on_bound,
        .reload_wanted = on_reload_wanted,
        .alive = on_alive,
        .alive_interval = p->notify.watchdog / 2, /* as sd_watchdog_enabled(3) has it */
        .arg = p,
    };
    int e = iothnamed_start(config, &host, &p->server, why, sizeof(why));
    if (e < 0)
        log_answer(&p->log, LOG_LEVEL_ERROR, "%s", why);
    return e;
}

static void say_serving(const struct process *p, const char *what)
{
    char status[PATH_MAX + 32];
    snprintf(status, sizeof(status), "Serving %s", p->cl->config);
    notify_ready(&p->notify, status);
    log_event(iothnamed_log(p->server), LOG_LEVEL_INFO, what, LOG_TEXT("file", p->cl->config));
}

static void reload(const struct process *p)
{
    notify_reloading(&p->notify);
    int e = iothnamed_load(p->server, p->path);
    notify_ready(&p->notify, e == 0 ? "Serving the configuration as it was loaded last"
                                    : "Serving the old configuration: the new one has errors");
}

static void wait_for_end(const struct process *p, const sigset_t *signals)
{
    for (;;) {
        int signal = sigwaitinfo(signals, NULL);
        if (signal == SIGHUP)
            reload(p);
        else if (signal > 0)
            return;
    }
}

/* Where the folder is not ours any more to remove the file from, an empty one says the same. */
static void remove_pidfile(const struct process *p)
{
    if (p->pidfile < 0)
        return;
    if (unlink(p->cl->pidfile) < 0 && ftruncate(p->pidfile, 0) < 0)
        log_event(&p->log, LOG_LEVEL_WARNING, "the pid file stays", LOG_TEXT("file", p->cl->pidfile));
    close(p->pidfile);
}

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

/* Large tables come from the system one by one, so what is never touched of them is never in memory. Left
   alone, glibc raises this threshold with each large block that is freed and takes them from the heap. */
static void keep_memory_small(void)
{
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}

/* parent: of background_enter, or -1. */
static int serve(const struct command_line *cl, struct config *config, int parent)
{
    sigset_t signals = block_signals();
    struct process p = {
        .cl = cl,
        .start_log = log_to_stderr("iothnamed"),
        .background_log = log_to_syslog(),
        .main = pthread_self(),
        .pidfile = -1,
    };
    p.log = (struct log){.write = write_log, .arg = &p};
    keep_memory_small();
    raise_descriptor_limit();
    if (notify_init(&p.notify) < 0)
        log_event(&p.log, LOG_LEVEL_WARNING, "the service manager cannot be told anything");
    p.path = lasting_path(cl->config);
    int e = p.path ? begin(&p, config) : -ENOMEM;
    if (!p.path)
        config_free(config);
    if (e == 0 && p.pidfile >= 0 && dprintf(p.pidfile, "%ld\n", (long)getpid()) < 0)
        log_event(&p.log, LOG_LEVEL_ERROR, "the pid file cannot be written", LOG_TEXT("file", cl->pidfile));
    if (e == 0 && parent >= 0) {
        atomic_store(&p.in_background, true);
        if (background_begun(parent) < 0)
            log_event(&p.log, LOG_LEVEL_WARNING,
                      "the starting process cannot be told that serving has begun");
    }
    if (e == 0) {
        malloc_trim(0); /* what the start took for itself, as the filter of system calls did, goes back */
        say_serving(&p, "serving");
        wait_for_end(&p, &signals);
        notify_stopping(&p.notify);
    }
    iothnamed_stop(p.server);
    remove_pidfile(&p);
    notify_fini(&p.notify);
    free(p.path);
    return e == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct command_line cl = parse_command_line(argc, argv);
    if (cl.check)
        return check(&cl);

    struct diags diags = {0};
    struct config *config;
    int e = load(cl.config, &config, &diags);
    print_diags(cl.config, &diags);
    diags_fini(&diags);
    if (e < 0) {
        if (e != -EINVAL)
            fprintf(stderr, "iothnamed: %s\n", strerror(-e));
        return EXIT_FAILURE;
    }
    int parent = -1;
    if (cl.daemon && (parent = background_enter()) < 0) {
        fprintf(stderr, "iothnamed: cannot go to the background: %s\n", strerror(-parent));
        config_free(config);
        return EXIT_FAILURE;
    }
    if (cl.daemon)
        openlog("iothnamed", LOG_PID, LOG_DAEMON);
    return serve(&cl, config, parent);
}
