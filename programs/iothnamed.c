/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of iothnamed: check a configuration, or serve it until SIGTERM or SIGINT; SIGHUP loads it
 * anew. What a daemon is, and the order in which privilege goes, is io/daemon.h; before it come the
 * configuration, its zones and lists, and all sockets, after it the server's threads.
 *
 * Its configuration is a file with a syntax of its own, so the options here are those of the process alone, and all
 * that is wrong with the file is said at once.
 */
#include "io/daemon_run.h"
#include "libiothnamed/check_files.h"
#include "libiothnamed/config.h"
#include "libiothnamed/iothnamed.h"
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct iothnamed_row {
    struct rc_row row;
};

static const struct iothnamed_row rows[] = {
    {{"daemon", 'd', NULL, "go to the background once serving; log to syslog"}},
    {{"pidfile", 'p', "FILE", "write the process id there while running"}},
    {{"verbose", 'v', NULL, "log everything; with -n: print the configuration as it was understood"}},
    {{0}},
};

/* The file is kept as a word too, as it was given: for messages. */
static const char *take_file(struct daemon_options *o, int n, char **words)
{
    if (n != 1)
        return n == 0 ? "the name of a configuration file is missing" : "one configuration file, not several";
    o->rcfile = daemon_lasting_path(words[0]);
    return o->rcfile && daemon_add_word(o, "file", words[0]) ? NULL : "too many options";
}

static void print_diags(const char *path, const struct diags *diags)
{
    struct text text = {0};
    diags_put(diags, path, &text);
    if (text.len > 0)
        fwrite(text.bytes, 1, text.len, stderr);
    text_fini(&text);
    if (diags->errors)
        fprintf(stderr, "%s: %u error%s; nothing is served\n", path, diags->errors,
                diags->errors == 1 ? "" : "s");
}

struct faults {
    const struct config *config;
    struct diags *diags;
};

/* The pid file is of the command line. */
static void note_fault(void *arg, const char *option, const char *place, const char *why)
{
    const struct faults *f = arg;
    if (place)
        diag_error(f->diags, config_option_at(f->config, option), "%s", why);
    else
        diag_error_in(f->diags, "--pidfile", 0, "%s", why);
}

/* All that is wrong is found in one run, by a start too, but for what is in lists and zones: those it reads later. */
static int load_all(const struct daemon_options *o, struct config **ret, struct diags *diags)
{
    const struct config_files nothing_read = {0};
    struct config *config;
    int e = config_read(o->rcfile, &config, diags);
    if (e < 0)
        return e;
    config->process.background = daemon_says(o, "daemon");
    config->process.verbose = daemon_says(o, "verbose");
    config->process.pidfile = daemon_value(o, "pidfile");
    e = o->check ? config_check_files(config, &nothing_read, diags) : stacks_check(config, diags);
    struct faults faults = {config, diags};
    daemon_check_system(&config->process, note_fault, &faults);
    diags_sort(diags);
    if (e == 0 && diags->errors > 0)
        e = -EINVAL;
    if (e == 0)
        *ret = config;
    else
        config_free(config);
    return e;
}

static int load(const struct daemon_options *o, struct daemon_config **ret, char *why, size_t why_size)
{
    struct diags diags = {0};
    struct config *config = NULL;
    int e = load_all(o, &config, &diags);
    print_diags(daemon_value(o, "file"), &diags);
    diags_fini(&diags);
    snprintf(why, why_size, "%s", e == -EINVAL ? "" : strerror(-e));
    if (e == 0)
        *ret = &config->process;
    return e;
}

static void free_config(struct daemon_config *config)
{
    config_free((struct config *)config);
}

/* All has been looked at by `load`. */
static int check(const struct daemon_config *config, char *why, size_t why_size)
{
    (void)why, (void)why_size;
    if (config->verbose)
        config_print((const struct config *)config, stdout);
    return 0;
}

/* A file of secrets, as it stands in the configuration; NULL: none. */
static void check_secret(const struct daemon *d, const struct config *config, const char *name)
{
    char path[PATH_MAX];
    if (name && config_path(config, name, path, sizeof(path)) == 0)
        daemon_check_readable(d, path);
}

static void check_files(const struct daemon *d, const struct daemon_config *process)
{
    const struct config *config = (const struct config *)process;
    check_secret(d, config, config->options.cookiesecret);
    for (unsigned i = 0; i < config->n_rules; i++)
        check_secret(d, config, config->rules[i].secret_file);
    for (unsigned i = 0; i < config->n_zones; i++)
        daemon_check_readable(d, config->zones[i].path);
    for (unsigned i = 0; i < config->n_lists; i++)
        daemon_check_readable(d, config->lists[i].path);
}

int main(int argc, char **argv)
{
    const struct daemon_program program = {
        .usage = {.version = IOTH_VERSION,
                  .synopsis = "[-dv] [-p FILE] CONFFILE",
                  .summary = "A DNS server, forwarder and cache for the Internet of Threads.",
                  .notes = "SIGHUP loads CONFFILE again; SIGTERM and SIGINT end.\n"
                           "See iothnamed(8), and iothnamed.conf(5) for the configuration.\n",
                  .rows = RC_ROWS(rows),
                  .check_letter = 'n',
                  .operands = take_file},
        .doing = "Serving",
        .nothing = "nothing is served",
        .packaged_user = IOTHNAMED_USER,
        .load = load,
        .free = free_config,
        .check = check,
        .start = iothnamed_start,
        .reload = iothnamed_reload,
        .stop = iothnamed_stop,
        .check_files = check_files,
    };

    /* Large tables come from the system one by one, so what is never touched of them is never in memory. Left
       alone, glibc raises this threshold with each large block that is freed and takes them from the heap. */
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    return daemon_run(&program, argc, argv);
}
