/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of namedhcp and namedhcp4: check a configuration, or serve until SIGTERM or SIGINT; SIGHUP loads it anew. Its
 * options are the rows of namedhcp_rows.c, so there is no list of them here. Under the name namedhcp4 it serves DHCPv4, unless
 * the options say otherwise.
 *
 * The order of a start, as privilege goes:
 *
 *   1. the configuration is read, the stacks made, all sockets and files opened (namedhcp_start)
 *   2. the pid file is opened
 *   3. the user is changed and every capability dropped
 *   4. the seccomp filter is put around the process, threads of stacks included
 *   5. the thread that serves begins
 */
#include "io/background.h"
#include "io/log_sink.h"
#include "io/notify.h"
#include "io/privilege.h"
#include "io/rcfile.h"
#include "io/sandbox.h"
#include "libnamedhcp/namedhcp.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <ioth.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, ROWS_MAX = 64, OWN_OPTIONS = 3, WORDS_MAX = 1024, OPTION_BASE = 1000 };

/* An option of the command line as it was given. */
struct word {
    const char *name, *value;
};

struct command_line {
    const char *program; /* "namedhcp", "namedhcp4" */
    bool check;
    char *rcfile; /* absolute, for reloads; NULL: none */
    unsigned n_words;
    struct word words[WORDS_MAX];
};

/* What a process is that serves. */
struct process {
    const struct command_line *cl;
    struct log start_log, background_log;
    atomic_bool in_background; /* log to the second */
    struct log log;
    struct notify notify;
    char *pidfile_path;
    int pidfile; /* open, or -1 */
    struct namedhcp *service;
};

/* --- the command line --- */

static void print_row(const struct namedhcp_row *row)
{
    enum { COLUMN = 30 };
    char left[80];
    snprintf(left, sizeof(left), "%c%c%c --%s%s%s", row->letter ? '-' : ' ', row->letter ? row->letter : ' ',
             row->letter ? ',' : ' ', row->name, row->value ? " " : "", row->value ? row->value : "");
    if (strlen(left) <= COLUMN)
        printf("  %-*s %s\n", COLUMN, left, row->help);
    else
        printf("  %s\n  %-*s %s\n", left, COLUMN, "", row->help);
}

static void print_help(const char *program)
{
    printf("usage: %s [OPTION...]\n"
           "       %s --check [OPTION...]    check the options only\n"
           "\n"
           "Gives the hosts of a network the addresses that their names have in the DNS: DHCPv6 and DHCPv4.\n"
           "\n",
           program, program);
    for (const struct namedhcp_row *row = namedhcp_rows; row->name; row++)
        print_row(row);
    printf("      --check                    check all options, and exit\n"
           "  -h, --help                     this text\n"
           "      --version                  the version\n"
           "\n"
           "SIGHUP loads the file of -f again; SIGTERM and SIGINT end. See namedhcp(8).\n");
}

static _Noreturn void wrong_usage(const char *program, const char *what)
{
    fprintf(stderr, "%s: %s. Try '%s --help'.\n", program, what, program);
    exit(EXIT_USAGE);
}

static void add_word(struct command_line *cl, const char *name, const char *value)
{
    if (cl->n_words == WORDS_MAX)
        wrong_usage(cl->program, "too many options");
    cl->words[cl->n_words++] = (struct word){name, value};
}

/* Under which the file is found again, whatever folder we are in; for what has no such name the one given. */
static char *lasting_path(const char *path)
{
    char *absolute = realpath(path, NULL);
    return absolute ? absolute : strdup(path);
}

/* The tables of getopt_long from the rows; `letters` begins empty. */
static void make_options(struct option options[static ROWS_MAX + OWN_OPTIONS + 1],
                         char letters[static 2 * ROWS_MAX])
{
    unsigned n = 0;
    for (const struct namedhcp_row *row = namedhcp_rows; row->name && n < ROWS_MAX; row++) {
        options[n] = (struct option){row->name, row->value ? required_argument : no_argument, NULL,
                                     OPTION_BASE + (int)n};
        n++;
        if (row->letter) {
            size_t len = strlen(letters);
            letters[len] = row->letter;
            letters[len + 1] = row->value ? ':' : '\0';
        }
    }
    options[n++] = (struct option){"check", no_argument, NULL, 'c'};
    options[n++] = (struct option){"help", no_argument, NULL, 'h'};
    options[n] = (struct option){"version", no_argument, NULL, 'V'};
    strcat(letters, "h");
}

static const struct namedhcp_row *row_of(int option)
{
    if (option >= OPTION_BASE)
        return &namedhcp_rows[option - OPTION_BASE];
    for (const struct namedhcp_row *row = namedhcp_rows; row->name; row++)
        if (row->letter == option)
            return row;
    return NULL;
}

/* Exits on -h, --version and on a wrong command line. */
static void parse_command_line(int argc, char **argv, struct command_line *cl)
{
    struct option options[ROWS_MAX + OWN_OPTIONS + 1] = {0};
    char letters[2 * ROWS_MAX + 4] = "";
    int option;
    make_options(options, letters);
    while ((option = getopt_long(argc, argv, letters, options, NULL)) != -1) {
        const struct namedhcp_row *row = row_of(option);
        if (option == 'c') {
            cl->check = true;
        } else if (option == 'h') {
            print_help(cl->program);
            exit(EXIT_SUCCESS);
        } else if (option == 'V') {
            printf("%s %s\n", cl->program, IOTH_VERSION);
            exit(EXIT_SUCCESS);
        } else if (!row) {
            fprintf(stderr, "Try '%s --help'.\n", cl->program);
            exit(EXIT_USAGE);
        } else if (strcmp(row->name, "rcfile") == 0) {
            free(cl->rcfile);
            cl->rcfile = lasting_path(optarg);
        } else {
            add_word(cl, row->name, row->value ? optarg : NULL);
        }
    }
    if (optind < argc)
        wrong_usage(cl->program, "there are options alone, and nothing behind them");
}

/* --- the configuration --- */

static int gather(const struct command_line *cl, struct namedhcp_draft *draft, char *why, size_t why_size)
{
    if (cl->rcfile) {
        char *text = NULL;
        size_t len = 0;
        int e = rc_read_file(cl->rcfile, &text, &len);
        if (e < 0) {
            snprintf(why, why_size, "cannot read %s: %s", cl->rcfile,
                     e == -EBADMSG ? "there is a NUL in it, expected lines of text" : strerror(-e));
            return e;
        }
        e = namedhcp_draft_text(draft, cl->rcfile, text, len);
        free(text);
        if (e < 0)
            return e;
    }
    for (unsigned i = 0; i < cl->n_words; i++) {
        int e = namedhcp_draft_option(draft, cl->words[i].name, cl->words[i].value);
        if (e < 0)
            return e;
    }
    return 0;
}

static bool serves4_alone(const struct command_line *cl)
{
    return strcmp(cl->program, "namedhcp4") == 0;
}

/* From the command line and the file, as it is now. */
static int load(const struct command_line *cl, struct namedhcp_config **ret, char *why, size_t why_size)
{
    struct namedhcp_draft *draft = NULL;
    why[0] = '\0';
    int e = namedhcp_draft_new(serves4_alone(cl), &draft);
    if (e == 0)
        e = gather(cl, draft, why, why_size);
    if (e == 0)
        e = namedhcp_draft_finish(draft, ret);
    if (e < 0 && !why[0])
        snprintf(why, why_size, "%s",
                 draft && namedhcp_draft_error(draft)[0] ? namedhcp_draft_error(draft) : strerror(-e));
    namedhcp_draft_free(draft);
    return e;
}

static int on_load(void *arg, struct namedhcp_config **ret, char *why, size_t why_size)
{
    const struct process *p = arg;
    return load(p->cl, ret, why, why_size);
}

static int check(const struct command_line *cl)
{
    struct namedhcp_config *config = NULL;
    char why[NAMEDHCP_WHY_MAX];
    int e = load(cl, &config, why, sizeof(why));
    if (e == 0) {
        for (unsigned i = 0; i < config->n_warnings; i++)
            fprintf(stderr, "warning: %s\n", config->warnings[i]);
        e = namedhcp_check(config, why, sizeof(why));
    }
    namedhcp_config_free(config);
    if (e < 0)
        fprintf(stderr, "%s\n%s: nothing is served\n", why, cl->program);
    return e == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- running --- */

/* Until a daemon is in the background, the person who starts it reads what it says. */
static void write_log(void *arg, enum log_level level, const char *line)
{
    const struct process *p = arg;
    const struct log *log = atomic_load(&p->in_background) ? &p->background_log : &p->start_log;
    log->write(log->arg, level, line);
}

/* The user to become: the configuration's; else, for root, the packaged one, or nobody where that was never made. */
static int choose_identity(const struct namedhcp_config *config, struct identity *ret, char *why,
                           size_t why_size)
{
    *ret = (struct identity){0};
    if (config->user && strcmp(config->user, "none") == 0)
        return 0;
    if (config->user)
        return identity_of(config->user, ret, why, why_size);
    if (geteuid() != 0)
        return 0;
    if (identity_of(NAMEDHCP_USER, ret, why, why_size) == 0)
        return 0;
    return identity_of("nobody", ret, why, why_size);
}

/* In a user namespace that has root alone there is nobody to become; then the capabilities go, all the same. */
static int drop_privilege(const struct process *p, const struct namedhcp_config *config, char *why,
                          size_t why_size)
{
    struct identity who;
    int e = choose_identity(config, &who, why, why_size);
    if (e < 0)
        return e;
    e = privilege_drop(&who, why, why_size);
    if (e != -EINVAL || config->user)
        return e;
    log_event(&p->log, LOG_LEVEL_WARNING,
              "staying root, without capabilities: this user namespace has nobody else");
    return privilege_drop(&(struct identity){0}, why, why_size);
}

static int open_pidfile(struct process *p, const char *path, char *why, size_t why_size)
{
    p->pidfile = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    p->pidfile_path = p->pidfile < 0 ? NULL : lasting_path(path);
    if (p->pidfile_path)
        return 0;
    int e = -errno;
    snprintf(why, why_size, "cannot write %s: %s", path, strerror(-e));
    return e;
}

static int on_bound(void *arg, const struct namedhcp_config *config, char *why, size_t why_size)
{
    struct process *p = arg;
    int e = config->pidfile ? open_pidfile(p, config->pidfile, why, why_size) : 0;
    if (e == 0)
        e = drop_privilege(p, config, why, why_size);
    if (e == 0 && p->cl->rcfile && access(p->cl->rcfile, R_OK) < 0)
        log_event(&p->log, LOG_LEVEL_WARNING,
                  "a reload will fail: this file cannot be read by the user who serves",
                  LOG_TEXT("file", p->cl->rcfile), LOG_NUMBER("uid", geteuid()));
    return e == 0 && config->sandbox ? sandbox_enter(why, why_size) : e;
}

static void on_alive(void *arg)
{
    const struct process *p = arg;
    notify_alive(&p->notify);
}

static int begin(struct process *p, struct namedhcp_config *config)
{
    char why[NAMEDHCP_WHY_MAX];
    struct namedhcp_host host = {
        .log = p->log,
        .load = on_load,
        .bound = on_bound,
        .alive = on_alive,
        .alive_interval = p->notify.watchdog / 2, /* as sd_watchdog_enabled(3) has it */
        .arg = p,
    };
    for (unsigned i = 0; i < config->n_warnings; i++)
        log_answer(&p->log, LOG_LEVEL_WARNING, "%s", config->warnings[i]);
    int e = namedhcp_start(config, &host, &p->service, why, sizeof(why));
    if (e < 0)
        log_answer(&p->log, LOG_LEVEL_ERROR, "%s", why);
    return e;
}

static void reload(struct process *p)
{
    char why[NAMEDHCP_WHY_MAX];
    notify_reloading(&p->notify);
    int e = namedhcp_reload(p->service, why, sizeof(why));
    notify_ready(&p->notify, e == 0 ? "Serving the configuration as it was loaded last"
                                    : "Serving the old configuration: the new one has errors");
}

static void wait_for_end(struct process *p, const sigset_t *signals)
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
static void remove_pidfile(struct process *p)
{
    if (p->pidfile < 0)
        return;
    if ((!p->pidfile_path || unlink(p->pidfile_path) < 0) && ftruncate(p->pidfile, 0) < 0)
        log_event(&p->log, LOG_LEVEL_WARNING, "the pid file stays", LOG_TEXT("file", p->pidfile_path));
    close(p->pidfile);
    free(p->pidfile_path);
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

/* parent: of background_enter, or -1. */
static int serve(const struct command_line *cl, struct namedhcp_config *config, int parent)
{
    sigset_t signals = block_signals();
    struct process p = {
        .cl = cl,
        .start_log = log_to_stderr(cl->program),
        .background_log = log_to_syslog(),
        .pidfile = -1,
    };
    p.log = (struct log){.write = write_log, .arg = &p};
    if (notify_init(&p.notify) < 0)
        log_event(&p.log, LOG_LEVEL_WARNING, "the service manager cannot be told anything");
    int e = begin(&p, config);
    if (e == 0 && p.pidfile >= 0 && dprintf(p.pidfile, "%ld\n", (long)getpid()) < 0)
        log_event(&p.log, LOG_LEVEL_ERROR, "the pid file cannot be written",
                  LOG_TEXT("file", p.pidfile_path));
    if (e == 0 && parent >= 0) {
        atomic_store(&p.in_background, true);
        if (background_begun(parent) < 0)
            log_event(&p.log, LOG_LEVEL_WARNING, "cannot tell the starting process that all is well");
    }
    if (e == 0) {
        notify_ready(&p.notify, "Serving");
        wait_for_end(&p, &signals);
        notify_stopping(&p.notify);
    }
    namedhcp_stop(p.service);
    remove_pidfile(&p);
    notify_fini(&p.notify);
    return e == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int start(const struct command_line *cl)
{
    struct namedhcp_config *config = NULL;
    char why[NAMEDHCP_WHY_MAX];
    int parent = -1, e = load(cl, &config, why, sizeof(why));
    if (e < 0) {
        fprintf(stderr, "%s\n%s: nothing is served\n", why, cl->program);
        return EXIT_FAILURE;
    }
    if (config->daemon && (parent = background_enter()) < 0) {
        fprintf(stderr, "%s: cannot go to the background: %s\n", cl->program, strerror(-parent));
        namedhcp_config_free(config);
        return EXIT_FAILURE;
    }
    if (config->daemon)
        openlog(cl->program, LOG_PID, LOG_DAEMON);
    return serve(cl, config, parent);
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    struct command_line cl = {.program = slash ? slash + 1 : argv[0]};
    ioth_set_license("GPL-3.0-or-later");
    parse_command_line(argc, argv, &cl);
    int status = cl.check ? check(&cl) : start(&cl);
    free(cl.rcfile);
    return status;
}
