/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See attendant.h. It runs io/serve.h with two services on it: the commands of commands.c on a socket of the file
 * system, and the pages of metrics.c on a TCP port. Both are on the system's own stack, whatever the server's
 * stacks are: the people and machines that run a server sit on its host, and the network that asks it questions
 * has no business there.
 *
 * Each TICK it asks every worker's loop for a sign of life; the reports that come with it are what the next reader
 * gets. All workers have answered within PATIENCE: the server is healthy, and the host is told so, who may have a
 * watchdog. A worker that hangs makes the sign of life stay away, and a service manager restarts the whole.
 */
#include "libiothnamed/attendant.h"
#include "io/control.h"
#include "io/http.h"
#include "io/privilege.h"
#include "libiothnamed/commands.h"
#include "libiothnamed/metrics.h"
#include "libiothnamed/service.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK     NSEC_PER_SEC
#define PATIENCE (5 * NSEC_PER_SEC) /* a loop takes milliseconds for what it does at most */

struct attendant {
    struct iothnamed *server;
    struct server *streams;
    struct control control;
    struct http http;
    char control_path[128]; /* "": none */
    pthread_t thread;
    bool has_thread, healthy;
    nsec_t alive_at; /* when the host is to be told next */
};

/* --- looking after the workers --- */

static bool all_answered(const struct iothnamed *s, nsec_t now)
{
    for (unsigned i = 0; i < s->n_workers; i++)
        if (now - atomic_load(&s->workers[i]->reported) > PATIENCE)
            return false;
    return true;
}

static void say_health(const struct attendant *a, bool healthy)
{
    if (healthy && !a->healthy)
        log_event(&a->server->log, LOG_LEVEL_INFO, "all workers answer again");
    if (!healthy && a->healthy)
        log_event(&a->server->log, LOG_LEVEL_ERROR, "a worker does not answer",
                  LOG_NUMBER("seconds", PATIENCE / NSEC_PER_SEC));
}

static nsec_t tick(void *arg, nsec_t now)
{
    struct attendant *a = arg;
    struct iothnamed *s = a->server;
    bool healthy = all_answered(s, now);
    say_health(a, healthy);
    a->healthy = healthy;
    for (unsigned i = 0; i < s->n_workers; i++)
        worker_ping(s->workers[i]);
    if (healthy && s->host.alive && s->host.alive_interval && now >= a->alive_at) {
        s->host.alive(s->host.arg);
        a->alive_at = now + s->host.alive_interval;
    }
    log_flush(&s->log, false);
    nsec_t next = now + TICK;
    return s->host.alive_interval && a->alive_at < next ? a->alive_at : next;
}

bool attendant_is_healthy(const struct attendant *a)
{
    return a->healthy;
}

/* --- its sockets --- */

static int open_control(struct attendant *a, const struct config_options *o, char *why, size_t why_size)
{
    const char *path = o->control.len ? o->control.text : a->server->host.control;
    gid_t group = (gid_t)-1;
    if (!path || strcmp(path, "none") == 0)
        return 0;
    if (o->controlgroup.len && group_of(o->controlgroup.text, &group) < 0) {
        snprintf(why, why_size, "there is no group '%s' for the control socket", o->controlgroup.text);
        return -ENOENT;
    }
    int fd = serve_listen_unix(path, group);
    if (fd < 0) {
        snprintf(why, why_size, "cannot make the control socket %s: %s%s", path, strerror(-fd),
                 fd == -EADDRINUSE ? ": another server has it"
                 : fd == -ENOENT   ? ": its folder is not there"
                                   : "");
        return fd;
    }
    snprintf(a->control_path, sizeof(a->control_path), "%s", path);
    control_init(&a->control, command_table, a->server);
    return server_listen(a->streams, fd, &a->control.service);
}

static int open_metrics(struct attendant *a, const struct config_options *o, char *why, size_t why_size)
{
    char text[IPENDPOINT_STRLEN];
    if (o->metrics.port == 0)
        return 0;
    int fd = serve_listen_tcp(&o->metrics);
    if (fd < 0) {
        snprintf(why, why_size, "cannot serve metrics at %s: %s", ipendpoint_format(&o->metrics, text),
                 strerror(-fd));
        return fd;
    }
    http_init(&a->http, metrics_pages, a->server);
    return server_listen(a->streams, fd, &a->http.service);
}

/* --- its life --- */

int attendant_new(struct iothnamed *s, struct attendant **ret, char *why, size_t why_size)
{
    const struct config_options *o = &s->config->config->options;
    if (!o->control.len && !s->host.control && o->metrics.port == 0 && s->host.alive_interval == 0)
        return 0;
    snprintf(why, why_size, "cannot prepare the control socket");
    struct attendant *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->server = s;
    a->healthy = true;
    struct server_settings settings = {.tick = tick, .arg = a};
    int e = server_new(&settings, &a->streams);
    if (e == 0)
        e = open_control(a, o, why, why_size);
    if (e == 0)
        e = open_metrics(a, o, why, why_size);
    if (e < 0) {
        attendant_stop(a);
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

int attendant_start(struct attendant *a, char *why, size_t why_size)
{
    if (!a)
        return 0;
    int e = -pthread_create(&a->thread, NULL, run, a);
    a->has_thread = e == 0;
    if (e < 0)
        snprintf(why, why_size, "cannot start the thread of the control socket");
    return e;
}

void attendant_wake(struct attendant *a)
{
    if (a)
        server_wake(a->streams);
}

void attendant_stop(struct attendant *a)
{
    if (!a)
        return;
    if (a->has_thread) {
        server_stop(a->streams);
        pthread_join(a->thread, NULL);
    }
    server_free(a->streams);
    if (a->control_path[0])
        unlink(a->control_path); /* where privileges allow it; else the next server replaces it */
    free(a);
}
