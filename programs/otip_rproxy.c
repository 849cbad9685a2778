/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line of otip_rproxy: check a configuration, or serve until SIGTERM or SIGINT; SIGHUP loads it anew. Its options
 * are the rows of libotip/proxy_config.c, so there is no list of them here. What a daemon is, and the order in which privilege
 * goes, is io/daemon.h.
 *
 * On the system's own stack addresses come and go as long as it serves, so CAP_NET_ADMIN is kept there, and with it nothing
 * else but what opens low ports on a reload. A password on the command line is overwritten where other users can see it.
 */
#include "io/daemon.h"
#include "io/daemon_options.h"
#include "io/privilege.h"
#include "io/sandbox.h"
#include "libotip/proxy.h"

#include <errno.h>
#include <ioth.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct process {
    struct daemon_options options;
    struct daemon daemon;
    struct otip_proxy *proxy;
};

/* From the command line and the file, as it is now. */
static int load(void *arg, struct proxy_config **ret, char *why, size_t why_size)
{
    const struct process *p = arg;
    struct proxy_draft *draft = NULL;

    snprintf(why, why_size, "out of memory");
    if (proxy_draft_new(&draft) < 0)
        return -ENOMEM;
    const struct rc_reader reader = proxy_draft_reader(draft);
    int e = daemon_options_load(&p->options, &reader, why, why_size);
    if (e == 0)
        e = proxy_draft_finish(draft, ret, why, why_size);
    proxy_draft_free(draft);
    return e;
}

/* Moves passwords out of the arguments, which everybody can read. */
static int hide_passwords(struct daemon_options *options)
{
    for (unsigned i = 0; i < options->n_words; i++) {
        if (strcmp(options->words[i].name, "passwd") != 0)
            continue;
        char *seen = (char *)options->words[i].value, *copy = strdup(seen);
        if (copy == NULL)
            return -ENOMEM;
        explicit_bzero(seen, strlen(seen));
        options->words[i].value = copy;
    }
    return 0;
}

static void free_passwords(struct daemon_options *options)
{
    for (unsigned i = 0; i < options->n_words; i++)
        if (strcmp(options->words[i].name, "passwd") == 0) {
            explicit_bzero((char *)options->words[i].value, strlen(options->words[i].value));
            free((char *)options->words[i].value);
        }
}

/* A flow takes two descriptors: as many as the system allows this user. */
static void want_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int nothing(const char *why)
{
    fprintf(stderr, "%s\notip_rproxy: nothing is served\n", why);
    return EXIT_FAILURE;
}

static bool is_on_system_stack(const struct proxy_config *config)
{
    const char *kind;
    size_t len = proxy_conf_value(config->extstack, "stack", &kind);

    return len == 0 || (len == 6 && strncasecmp(kind, "kernel", 6) == 0);
}

/* A stack in a namespace of its own is configured by the rights of whoever made the namespace, so that one stays who he is. */
static int on_bound(void *arg, const struct proxy_config *config, char *why, size_t why_size)
{
    struct process *p = arg;
    bool system = is_on_system_stack(config);
    const struct daemon_wish wish = {
        .pidfile = config->pidfile,
        .user = config->user || system ? config->user : "none",
        .packaged_user = OTIP_RPROXY_USER,
        .keep = system ? CAPABILITY(CAP_NET_ADMIN) | CAPABILITY(CAP_NET_BIND_SERVICE) : 0,
    };
    const struct sandbox_extras extras = {.calls = "splice", .netlink = true};
    int e = daemon_give_up(&p->daemon, &wish, why, why_size);

    const char *const files[] = {p->options.rcfile, config->passwdfile, config->key};
    for (size_t i = 0; i < ARRAY_LEN(files) && e == 0; i++)
        if (files[i])
            daemon_check_readable(&p->daemon, files[i]);
    return e == 0 && config->sandbox ? sandbox_enter_with(&extras, why, why_size) : e;
}

static void on_alive(void *arg)
{
    const struct process *p = arg;
    daemon_alive(&p->daemon);
}

static int on_reload(void *arg)
{
    const struct process *p = arg;
    char why[PROXY_WHY_MAX];

    return otip_proxy_reload(p->proxy, why, sizeof(why)); /* which has logged it */
}

static int begin(struct process *p, struct proxy_config *config)
{
    char why[PROXY_WHY_MAX], control[PATH_MAX];
    const struct otip_proxy_host host = {
        .log = p->daemon.log,
        .version = IOTH_VERSION,
        .control = daemon_control(control),
        .load = load,
        .bound = on_bound,
        .alive = on_alive,
        .alive_interval = p->daemon.alive_interval,
        .arg = p,
    };
    int e = otip_proxy_start(config, &host, &p->proxy, why, sizeof(why));

    if (e < 0)
        log_answer(&p->daemon.log, LOG_LEVEL_ERROR, "%s", why);
    return e;
}

static int serve(struct process *p, struct proxy_config *config)
{
    if (daemon_open(&p->daemon, p->options.program, config->daemon) < 0) {
        proxy_config_free(config);
        return EXIT_FAILURE;
    }
    want_descriptors();
    int e = begin(p, config);
    if (e == 0) {
        daemon_begun(&p->daemon, "Serving");
        daemon_wait(&p->daemon, "Serving", on_reload, p);
    }
    otip_proxy_stop(p->proxy);
    daemon_close(&p->daemon);
    return e == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int check(struct proxy_config *config)
{
    char why[PROXY_WHY_MAX];
    int e = otip_proxy_check(config, why, sizeof(why));

    proxy_config_free(config);
    return e == 0 ? EXIT_SUCCESS : nothing(why);
}

int main(int argc, char **argv)
{
    const struct daemon_usage usage = {
        .version = IOTH_VERSION,
        .synopsis = "[OPTION...]",
        .summary = "A reverse proxy at the one-time addresses of a name: TCP and UDP to hidden servers.",
        .notes = "SIGHUP loads the file of -f again; SIGTERM and SIGINT end. See otip_rproxy(1).\n",
        .rows = proxy_rows(),
    };
    struct process p = {0};
    struct proxy_config *config = NULL;
    char why[PROXY_WHY_MAX] = "out of memory";
    int status;

    ioth_set_license("GPL-3.0-or-later");
    daemon_options_read(&usage, argc, argv, &p.options);
    if (hide_passwords(&p.options) < 0 || load(&p, &config, why, sizeof(why)) < 0)
        status = nothing(why);
    else
        status = p.options.check ? check(config) : serve(&p, config);
    free_passwords(&p.options);
    daemon_options_fini(&p.options);
    return status;
}
