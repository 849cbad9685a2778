/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of iothnamed: check a configuration, or serve it until SIGTERM or SIGINT; SIGHUP loads it
 * anew. As a daemon the process that the user started stays until serving has begun, so its exit status tells
 * how that went. What a daemon is, and the order in which privilege goes, is io/daemon.h; before it come the
 * configuration, its zones and lists, and all sockets, after it the server's threads.
 */
#include "io/daemon.h"
#include "io/daemon_options.h"
#include "io/sandbox.h"
#include "libiothnamed/config.h"
#include "libiothnamed/iothnamed.h"
#include "libiothnamed/list.h"
#include "libiothnamed/load_zones.h"
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* What a process is that serves. */
struct process {
    struct daemon_options options;
    const char *config; /* as it was given */
    char *path;         /* the same, absolute, for reloads */
    struct daemon daemon;
    struct iothnamed *server;
};

struct iothnamed_row {
    struct rc_row row;
};

static const struct iothnamed_row rows[] = {
    {{"daemon", 'd', NULL, "go to the background once serving has begun; log to syslog"}},
    {{"pidfile", 'p', "FILE", "write the process id there while serving"}},
    {{"verbose", 'v', NULL, "log everything; with -n: print the configuration as it was understood"}},
    {{0}},
};

/* The file is kept as a word, like an option. */
static const char *take_file(struct daemon_options *o, int n, char **words)
{
    if (n != 1)
        return n == 0 ? "the name of a configuration file is missing" : "one configuration file, not several";
    return daemon_add_word(o, "file", words[0]) ? NULL : "too many options";
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

static int load(const char *given, struct config **ret, struct diags *diags)
{
    char *path = daemon_lasting_path(given);
    int e = path ? config_load(path, ret, diags) : -ENOMEM;
    free(path);
    return e;
}

static int check(const struct process *p)
{
    struct diags diags = {0};
    struct config *config = NULL;
    int e = load(p->config, &config, &diags);
    if (e == 0 && ((e = lists_check(config, &diags)) < 0 || (e = zones_check(config, &diags)) < 0))
        config_free(config);
    print_diags(p->config, &diags);
    if (e == 0 && daemon_says(&p->options, "verbose"))
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

/* What a reload will read. */
static void check_all_readable(const struct process *p, const struct config *config)
{
    daemon_check_readable(&p->daemon, p->path);
    const char *secrets = config->options.cookiesecret, *folder_end = strrchr(p->path, '/');
    char path[PATH_MAX];
    if (secrets) {
        int folder_len = secrets[0] == '/' || !folder_end ? 0 : (int)(folder_end - p->path) + 1;
        snprintf(path, sizeof(path), "%.*s%s", folder_len, p->path, secrets);
        daemon_check_readable(&p->daemon, path);
    }
    for (unsigned i = 0; i < config->n_zones; i++)
        daemon_check_readable(&p->daemon, config->zones[i].path);
    for (unsigned i = 0; i < config->n_lists; i++)
        daemon_check_readable(&p->daemon, config->lists[i].path);
}

static int on_bound(void *arg, const struct config *config, char *why, size_t why_size)
{
    struct process *p = arg;
    const struct daemon_wish wish = {
        .pidfile = daemon_value(&p->options, "pidfile"),
        .user = config->options.user.len ? config->options.user.text : NULL,
        .packaged_user = IOTHNAMED_USER,
    };
    int e = daemon_give_up(&p->daemon, &wish, why, why_size);
    if (e < 0)
        return e;
    check_all_readable(p, config);
    return config->options.sandbox ? sandbox_enter(why, why_size) : 0;
}

static void on_reload_wanted(void *arg)
{
    const struct process *p = arg;
    daemon_reload_soon(&p->daemon);
}

static void on_alive(void *arg)
{
    const struct process *p = arg;
    daemon_alive(&p->daemon);
}

static int on_reload(void *arg)
{
    const struct process *p = arg;
    return iothnamed_load(p->server, p->path);
}

static int begin(struct process *p, struct config *config)
{
    char why[512], control[PATH_MAX];
    const struct iothnamed_host host = {
        .log = p->daemon.log,
        .version = IOTH_VERSION,
        .verbose = daemon_says(&p->options, "verbose"),
        .control = daemon_control(control),
        .bound = on_bound,
        .reload_wanted = on_reload_wanted,
        .alive = on_alive,
        .alive_interval = p->daemon.alive_interval,
        .arg = p,
    };
    int e = iothnamed_start(config, &host, &p->server, why, sizeof(why));
    if (e < 0)
        log_answer(&p->daemon.log, LOG_LEVEL_ERROR, "%s", why);
    return e;
}

/* Large tables come from the system one by one, so what is never touched of them is never in memory. Left
   alone, glibc raises this threshold with each large block that is freed and takes them from the heap. */
static void keep_memory_small(void)
{
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}

static void run(struct process *p)
{
    char status[PATH_MAX + 32];
    snprintf(status, sizeof(status), "Serving %s", p->config);
    daemon_begun(&p->daemon, status);
    malloc_trim(0); /* what the start took for itself, as the filter of system calls did, goes back */
    log_event(iothnamed_log(p->server), LOG_LEVEL_INFO, "serving", LOG_TEXT("file", p->config));
    daemon_wait(&p->daemon, "Serving", on_reload, p);
}

static int serve(struct process *p, struct config *config)
{
    if (daemon_open(&p->daemon, p->options.program, daemon_says(&p->options, "daemon")) < 0) {
        config_free(config);
        return EXIT_FAILURE;
    }
    keep_memory_small();
    raise_descriptor_limit();
    int e = begin(p, config);
    if (e == 0)
        run(p);
    iothnamed_stop(p->server);
    daemon_close(&p->daemon);
    return e == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int start(struct process *p)
{
    struct diags diags = {0};
    struct config *config = NULL;
    int e = load(p->config, &config, &diags);
    print_diags(p->config, &diags);
    diags_fini(&diags);
    if (e == 0 && !(p->path = daemon_lasting_path(p->config))) {
        config_free(config);
        e = -ENOMEM;
    }
    if (e < 0 && e != -EINVAL)
        fprintf(stderr, "iothnamed: %s\n", strerror(-e));
    return e == 0 ? serve(p, config) : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    const struct daemon_usage usage = {
        .version = IOTH_VERSION,
        .synopsis = "[-dv] [-p FILE] CONFFILE",
        .summary = "A DNS server, forwarder and cache for the Internet of Threads.",
        .notes = "SIGHUP loads CONFFILE again; SIGTERM and SIGINT end the server.\n"
                 "See iothnamed(8), and iothnamed.conf(5) for the configuration.\n",
        .rows = RC_ROWS(rows),
        .check_letter = 'n',
        .operands = take_file,
    };
    struct process p = {0};
    daemon_options_read(&usage, argc, argv, &p.options);
    p.config = daemon_value(&p.options, "file");
    int status = p.options.check ? check(&p) : start(&p);
    free(p.path);
    daemon_options_fini(&p.options);
    return status;
}
