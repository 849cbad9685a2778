/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See worker.h. Here is its life: what it opens, how it takes over another snapshot, how it ends. Frontends are
 * in udp.c and tcp.c, clients that wait for upstream in worker_wait.c.
 */
#include "libiothnamed/worker.h"
#include "base/clock.h"
#include "libiothnamed/loop_room.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct cookie_secrets *cookie_secrets(struct worker *w, int64_t wall_s)
{
    const struct cookie_secrets *given = &w->snap->config->options.cookies;
    if (given->count)
        return given;
    if (wall_s >= w->cookies.until_s)
        cookie_secrets_at(w->set.cookie_master, wall_s, &w->cookies);
    return &w->cookies;
}

struct query_env worker_env(struct worker *w)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME_COARSE, &wall);
    return (struct query_env){
        .snap = w->snap,
        .cookies = cookie_secrets(w, wall.tv_sec),
        .rrl = w->set.rrl,
        .now = monotonic_now(),
        .wall_s = wall.tv_sec,
        .counters = &w->counters,
    };
}

/* --- its life --- */

static void end_loop(struct worker *w)
{
    udp_close(w->udp);
    tcp_close(w->tcp);
    if (w->forwarder)
        forwarder_close(w->forwarder, NULL, NULL);
    worker_wait_close(w);
    uv_close((uv_handle_t *)&w->wake, NULL);
}

static void make_report(struct worker *w)
{
    nsec_t now = monotonic_now();
    pthread_mutex_lock(&w->report_lock);
    forwarder_stats(w->forwarder, &w->report.exchanges);
    w->report.n_servers = forwarder_servers(w->forwarder, w->report.servers, EXCHANGE_SERVERS_MAX);
    pthread_mutex_unlock(&w->report_lock);
    atomic_store(&w->reported, now);
}

void worker_ping(struct worker *w)
{
    atomic_store(&w->report_wanted, true);
    uv_async_send(&w->wake);
}

nsec_t worker_report(struct worker *w, struct worker_report *ret)
{
    pthread_mutex_lock(&w->report_lock);
    *ret = w->report;
    pthread_mutex_unlock(&w->report_lock);
    return atomic_load(&w->reported);
}

static void on_wake(uv_async_t *wake)
{
    struct worker *w = wake->data;
    if (atomic_exchange(&w->report_wanted, false))
        make_report(w);
    struct snapshot *next = atomic_exchange(&w->adopt, NULL);
    if (next) {
        snapshot_unref(w->snap);
        w->snap = next;
        tcp_adopt(w->tcp);
    }
    if (atomic_load(&w->stop))
        end_loop(w);
}

void worker_adopt(struct worker *w, struct snapshot *snap)
{
    snapshot_unref(atomic_exchange(&w->adopt, snapshot_ref(snap)));
    uv_async_send(&w->wake);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    pthread_setname_np(pthread_self(), "worker");
    uv_run(&w->loop, UV_RUN_DEFAULT);
    return NULL;
}

static void tell_to_stop(struct worker *w)
{
    atomic_store(&w->stop, true);
    uv_async_send(&w->wake);
}

/* After the loop has ended. */
static void free_worker(struct worker *w)
{
    uv_loop_close(&w->loop);
    forwarder_free(w->forwarder);
    udp_free(w->udp);
    tcp_free(w->tcp);
    snapshot_unref(atomic_load(&w->adopt));
    snapshot_unref(w->snap);
    pthread_mutex_destroy(&w->report_lock);
    free(w);
}

static int open_all(struct worker *w, char *why, size_t why_size)
{
    const struct forwarder_settings upstream = {
        .stack = w->set.fstack, .cookie_key = w->set.forward_key, .done = worker_exchange_done, .arg = w};
    int e = forwarder_new(&w->loop, &upstream, &w->forwarder);
    if (e < 0) {
        snprintf(why, why_size, "cannot prepare forwarding: %s", strerror(-e));
        return e;
    }
    e = udp_open(w, &w->udp, why, why_size);
    if (e == 0)
        e = tcp_open(w, &w->tcp, why, why_size);
    return e;
}

static void end_without_thread(struct worker *w)
{
    tell_to_stop(w);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    free_worker(w);
}

static int say_unmade(int e, char *why, size_t why_size)
{
    snprintf(why, why_size, "cannot make a worker: %s", strerror(-e));
    return e;
}

int worker_new(const struct worker_settings *settings, struct worker **ret, char *why, size_t why_size)
{
    struct worker *w = calloc(1, sizeof(*w));
    if (!w)
        return say_unmade(-ENOMEM, why, why_size);
    w->set = *settings;
    int e = loop_init(&w->loop);
    if (e < 0) {
        free(w);
        return say_unmade(e, why, why_size);
    }
    pthread_mutex_init(&w->report_lock, NULL);
    atomic_init(&w->reported, monotonic_now());
    w->snap = snapshot_ref(settings->snap);
    w->wake.data = w;
    worker_wait_open(w);
    e = uv_async_init(&w->loop, &w->wake, on_wake);
    if (e == 0)
        e = loop_make_room(&w->loop, &w->room);
    e = e == 0 ? open_all(w, why, why_size) : say_unmade(e, why, why_size);
    if (e < 0) {
        end_without_thread(w);
        return e;
    }
    *ret = w;
    return 0;
}

int worker_start(struct worker *w)
{
    int e = -pthread_create(&w->thread, NULL, run, w);
    w->has_thread = e == 0;
    return e;
}

void worker_stop(struct worker *w)
{
    if (!w)
        return;
    if (!w->has_thread) {
        end_without_thread(w);
        return;
    }
    tell_to_stop(w);
    pthread_join(w->thread, NULL);
    free_worker(w);
}
