/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See attendant.h. It runs serve.h with two services on it: commands on a socket of the file system, pages on a TCP port. Each
 * TICK it looks whether all runs that should; as long as it does the host is told, who may have a watchdog. A thread that hangs
 * makes the sign of life stay away, and a service manager restarts the whole. A network that is away does not: to start anew would
 * not bring it back.
 */
#include "io/attendant_own.h"

#include "io/openmetrics.h"
#include "io/own_file.h"
#include "io/privilege.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICK NSEC_PER_SEC

/* --- looking after the service --- */

bool attendant_is_healthy(const struct attendant *a)
{
    return a->is_well && a->is_served;
}

static nsec_t tick(void *arg, nsec_t now)
{
    struct attendant *a = arg;
    const struct attendant_settings *s = &a->settings;
    const struct daemon_host *host = s->host;
    bool well = !s->is_well || s->is_well(s->arg, now);

    attendant_reap_jobs(a);
    if (well != a->is_well)
        log_event(s->log, well ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, well ? s->well : s->ill);
    a->is_well = well;
    a->is_served = !s->is_served || s->is_served(s->arg, now);
    if (a->started_at == 0)
        a->started_at = now;
    if (well && host->alive && host->alive_interval && now >= a->alive_at) {
        host->alive(host->arg);
        a->alive_at = now + host->alive_interval;
    }
    log_flush(s->log, false);
    nsec_t next = now + TICK;
    return host->alive_interval && a->alive_at < next ? a->alive_at : next;
}

/* --- its pages --- */

static unsigned always(void *arg)
{
    (void)arg;
    return 200;
}

static void put_family(const struct attendant *a, const struct openmetrics_family *family, const char *suffix,
                       const char *labels, uint64_t value, struct text *out)
{
    struct openmetrics_family own = *family;
    char name[64];

    snprintf(name, sizeof(name), "%s_%s", a->settings.prefix, family->name);
    own.name = name;
    openmetrics_begin(out, &own);
    openmetrics_number(out, &own, suffix, labels, value);
}

/* What is the same of all services. */
static void put_about(const struct attendant *a, struct text *out)
{
    static const struct openmetrics_family build = {"build", OPENMETRICS_INFO, NULL, "What runs"},
                                           uptime = {"uptime_seconds", OPENMETRICS_GAUGE, "seconds",
                                                     "Time since the start"},
                                           healthy = {"healthy", OPENMETRICS_GAUGE, NULL,
                                                      "1: all runs that should"};
    struct text version = {0};

    openmetrics_label(&version, true, "version", a->settings.host->version);
    text_put(&version, "", 1);
    put_family(a, &build, "_info", version.failed ? "" : version.bytes, 1, out);
    text_fini(&version);
    put_family(a, &uptime, "", "", attendant_uptime_s(a), out);
    put_family(a, &healthy, "", "", attendant_is_healthy(a), out);
}

static bool metrics_body(void *arg, unsigned turn, struct text *out)
{
    const struct attendant *a = arg;

    if (a->settings.page(a->settings.arg, turn, out))
        return true;
    put_about(a, out);
    openmetrics_end(out);
    return false;
}

static unsigned health_status(void *arg)
{
    const struct attendant *a = arg;

    return attendant_is_healthy(a) ? 200 : 503;
}

static bool health_body(void *arg, unsigned turn, struct text *out)
{
    const struct attendant *a = arg;

    (void)turn;
    text_printf(out, "%s\n",
                attendant_is_healthy(a) ? "ok"
                : a->is_well            ? a->settings.unserved
                                        : a->settings.ill);
    return false;
}

static const struct http_page pages[] = {
    {"/metrics", OPENMETRICS_TYPE, always, metrics_body},
    {"/healthz", "text/plain; charset=utf-8", health_status, health_body},
    {NULL, NULL, NULL, NULL},
};

/* --- its sockets --- */

int attendant_group(const struct daemon_config *config, gid_t *ret, char *why, size_t why_size)
{
    gid_t group = (gid_t)-1;

    if (config->controlgroup && group_of(config->controlgroup, &group) < 0) {
        snprintf(why, why_size, "there is no group '%s' for the control socket", config->controlgroup);
        return -ENOENT;
    }
    *ret = group;
    return 0;
}

static bool is_path(const char *control)
{
    return control && strcmp(control, "none") != 0;
}

static int cannot_control(const char *path, int e, const char *who, char *why, size_t why_size)
{
    const char *reason = e == -EEXIST         ? "what is there is no socket"
                         : e == -ENAMETOOLONG ? "its path is too long, expected at most 107 bytes"
                                              : own_file_reason(e);

    if (e == -EADDRINUSE)
        snprintf(why, why_size, "cannot make the control socket %s: another %s has it", path, who);
    else
        snprintf(why, why_size, "cannot make the control socket %s: %s", path, reason);
    return e;
}

int attendant_check_control(const struct daemon_config *config, char *why, size_t why_size)
{
    int e = is_path(config->control) ? serve_check_unix(config->control) : 0;

    return e < 0 ? cannot_control(config->control, e, "program", why, why_size) : 0;
}

static int open_control(struct attendant *a, char *why, size_t why_size)
{
    const struct attendant_settings *s = &a->settings;
    const char *path = s->config->control ? s->config->control : s->host->control;
    gid_t group;

    if (!is_path(path))
        return 0;
    int e = attendant_group(s->config, &group, why, why_size);
    if (e < 0)
        return e;
    int fd = serve_listen_unix(path, group);
    if (fd < 0)
        return cannot_control(path, fd, s->who, why, why_size);
    snprintf(a->control_path, sizeof(a->control_path), "%s", path);
    control_init(&a->control, attendant_commands, a);
    a->control.more = s->commands;
    a->control.more_arg = s->arg;
    return server_listen(a->streams, fd, &a->control.service);
}

static int open_metrics(struct attendant *a, char *why, size_t why_size)
{
    const struct ipendpoint *at = &a->settings.config->metrics;
    char text[IPENDPOINT_STRLEN];

    if (at->port == 0)
        return 0;
    int fd = serve_listen_tcp(at);
    if (fd < 0) {
        snprintf(why, why_size, "cannot serve metrics at %s: %s%s", ipendpoint_format(at, text),
                 strerror(-fd),
                 fd == -EADDRINUSE      ? ": another program has it"
                 : fd == -EADDRNOTAVAIL ? ": this system does not have this address"
                                        : "");
        return fd;
    }
    http_init(&a->http, pages, a);
    return server_listen(a->streams, fd, &a->http.service);
}

/* --- its life --- */

int attendant_open(const struct attendant_settings *settings, struct attendant **ret, char *why,
                   size_t why_size)
{
    struct attendant *a = calloc(1, sizeof(*a));
    const struct server_settings streams = {.tick = tick, .arg = a};

    snprintf(why, why_size, "cannot prepare the control socket");
    if (!a)
        return -ENOMEM;
    a->settings = *settings;
    a->is_well = a->is_served = true;
    a->started_wall_s = (int64_t)time(NULL);
    int e = server_new(&streams, &a->streams);
    if (e == 0)
        e = open_control(a, why, why_size);
    if (e == 0)
        e = open_metrics(a, why, why_size);
    if (e < 0) {
        attendant_close(a);
        return e;
    }
    *ret = a;
    return 0;
}

static void *run(void *arg)
{
    struct attendant *a = arg;

    pthread_setname_np(pthread_self(), "attendant");
    server_run(a->streams);
    return NULL;
}

int attendant_run(struct attendant *a)
{
    int e = -pthread_create(&a->thread, NULL, run, a);

    a->has_thread = e == 0;
    return e;
}

void attendant_wake(struct attendant *a)
{
    if (a)
        server_wake(a->streams);
}

void attendant_close(struct attendant *a)
{
    if (!a)
        return;
    if (a->has_thread) {
        server_stop(a->streams);
        pthread_join(a->thread, NULL);
    }
    a->is_closing = true;
    attendant_reap_jobs(a);
    server_free(a->streams);
    if (a->control_path[0])
        unlink(a->control_path); /* where privileges allow it; else the next one replaces it */
    free(a);
}
