/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See commands.h. A command is a function that writes lines and a row of the table at the end. One that takes long
 * works in turns: a flush and a dump walk the stores step by step, a reload waits until the thread that loads has
 * ended, and meanwhile others are answered.
 *
 * What changes something is logged, with the user who asked.
 */
#include "libiothnamed/commands.h"
#include "base/clock.h"
#include "libiothnamed/attendant.h"
#include "libiothnamed/dump.h"
#include "libiothnamed/metrics.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void log_command(const struct control_call *call)
{
    const struct iothnamed *s = call->arg;
    control_log(call, &s->log);
}

/* --- flush --- */

struct flush {
    struct snapshot *snap;
    struct cache_cursor at;
    uint8_t name[DNAME_MAX];
    size_t len;
    uint64_t forgotten;
};

static enum control_result begin_flush(struct control_call *call)
{
    uint8_t name[DNAME_MAX];
    int len = dname_from_text(call->words[1], strlen(call->words[1]), name);
    if (len < 0)
        return control_fail(call, "this is no domain name");
    struct flush *f = calloc(1, sizeof(*f));
    if (!f)
        return control_fail(call, "out of memory");
    log_command(call);
    f->snap = service_snapshot(call->arg);
    f->len = (size_t)len;
    dname_lower(f->name, name, f->len);
    call->own = f;
    return CONTROL_MORE;
}

/* Steps of one turn: a few milliseconds. */
#define FLUSH_STEPS 100

/* Answers, and what upstream gave none for. */
static enum control_result say_forgotten(struct control_call *call, uint64_t entries)
{
    text_printf(&call->out, "%" PRIu64 " %s forgotten\n", entries, entries == 1 ? "entry" : "entries");
    return CONTROL_DONE;
}

static enum control_result flush(struct control_call *call, bool tree)
{
    if (call->turn == 0)
        return begin_flush(call);
    struct flush *f = call->own;
    for (unsigned i = 0; i < FLUSH_STEPS; i++)
        if (!cache_flush_step(f->snap->cache, &f->at, f->name, f->len, tree, &f->forgotten))
            return say_forgotten(call, f->forgotten);
    return CONTROL_MORE;
}

static enum control_result run_flush(struct control_call *call)
{
    if (call->n_words > 1)
        return flush(call, false);
    log_command(call);
    struct snapshot *snap = service_snapshot(call->arg);
    uint64_t forgotten = cache_flush(snap->cache);
    snapshot_unref(snap);
    return say_forgotten(call, forgotten);
}

static enum control_result run_flush_tree(struct control_call *call)
{
    return flush(call, true);
}

static void end_flush(struct control_call *call)
{
    struct flush *f = call->own;
    if (f)
        snapshot_unref(f->snap);
    free(f);
}

/* --- reload --- */

/* One that began before somebody asked may have read the file before he changed it: it does not count for him. */
struct reload_wait {
    unsigned wanted; /* the number of the reload that does */
};

static enum control_result begin_reload(struct control_call *call)
{
    struct iothnamed *s = call->arg;
    struct reload_wait *wait = calloc(1, sizeof(*wait));
    if (!s->host.reload_wanted || !wait) {
        free(wait);
        return control_fail(call,
                            wait ? "this server cannot be told to load its configuration" : "out of memory");
    }
    log_command(call);
    pthread_mutex_lock(&s->reloads.lock);
    wait->wanted = s->reloads.begun + 1;
    pthread_mutex_unlock(&s->reloads.lock);
    call->own = wait;
    s->host.reload_wanted(s->host.arg);
    return CONTROL_WAIT;
}

static enum control_result run_reload(struct control_call *call)
{
    struct iothnamed *s = call->arg;
    const struct reload_wait *wait = call->own;
    struct reloads *r = &s->reloads;
    if (call->turn == 0)
        return begin_reload(call);
    pthread_mutex_lock(&r->lock);
    bool ended = (int)(r->ended - wait->wanted) >= 0, failed = r->failed;
    unsigned errors = r->errors;
    if (ended)
        text_put(&call->out, r->notes.bytes, r->notes.len);
    pthread_mutex_unlock(&r->lock);
    if (!ended)
        return CONTROL_WAIT;
    if (!failed)
        return CONTROL_DONE;
    snprintf(call->why, sizeof(call->why), "%u error%s; the old configuration stays in force", errors,
             errors == 1 ? "" : "s");
    return CONTROL_FAILED;
}

static void end_reload(struct control_call *call)
{
    free(call->own);
}

/* --- dump --- */

static enum control_result run_dump(struct control_call *call)
{
    const char *what = call->n_words > 1 ? call->words[1] : "all";
    bool cache = strcmp(what, "hrev") != 0, hrev = strcmp(what, "cache") != 0;
    if (cache && hrev && strcmp(what, "all") != 0)
        return control_fail(call, "usage: dump [cache|hrev]");
    if (call->turn == 0) {
        struct snapshot *snap = service_snapshot(call->arg);
        call->own = dump_new(snap, cache, hrev);
        snapshot_unref(snap);
    }
    if (!call->own)
        return control_fail(call, "out of memory");
    return dump_piece(call->own, monotonic_now(), &call->out) ? CONTROL_MORE : CONTROL_DONE;
}

static void end_dump(struct control_call *call)
{
    dump_free(call->own);
}

/* --- status --- */

static void put_reload(struct pairs *p, struct reloads *r)
{
    pthread_mutex_lock(&r->lock);
    pairs_number(p, "reloads", r->ended);
    if (r->ended) {
        pairs_time(p, "last_reload", r->ended_wall_s);
        pairs_text(p, "last_reload_result", r->failed ? "failed" : "ok");
        pairs_number(p, "last_reload_errors", r->errors);
        pairs_number(p, "last_reload_warnings", r->warnings);
        pairs_number(p, "last_reload_ms", (uint64_t)(r->took / NSEC_PER_MSEC));
    }
    pthread_mutex_unlock(&r->lock);
}

void command_status(void *arg, struct pairs *p)
{
    struct iothnamed *s = arg;
    struct snapshot *snap = service_snapshot(s);
    const struct config *started = s->started->config;
    pairs_text(p, "configuration", snap->config->path);
    pairs_number(p, "workers", s->n_workers);
    pairs_text(p, "request_stack", started->rstack ? started->rstack : "kernel");
    pairs_text(p, "forward_stack",
               started->one_stack ? started->rstack
               : started->fstack  ? started->fstack
                                  : "kernel");
    pairs_number(p, "rules", snap->config->n_rules);
    put_reload(p, &s->reloads);
    snapshot_unref(snap);
}

const struct control_command command_table[] = {
    {"reload", "", "", 0, 0, run_reload, end_reload}, /* the help is that of all services */
    {"flush", "[NAME]", "forget all cached answers, or those about a name", 0, 1, run_flush, end_flush},
    {"flush-tree", "NAME", "forget the cached answers about a name and all below it", 1, 1, run_flush_tree,
     end_flush},
    {"dump", "[cache|hrev]", "the cached answers and the known names of addresses", 0, 1, run_dump, end_dump},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};
