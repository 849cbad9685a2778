/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See commands.h. A command is a function that writes lines and a row of the table at the end. One that takes long
 * works in turns: a flush and a dump walk the stores step by step, a reload waits until the thread that loads has
 * ended, and meanwhile others are answered.
 *
 * What changes something is logged, with the user who asked.
 */
#include "libiothnamed/commands.h"
#include "libiothnamed/attendant.h"
#include "libiothnamed/dump.h"
#include "libiothnamed/metrics.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static nsec_t now_ns(void)
{
    return (nsec_t)uv_hrtime();
}

static enum control_result fail(struct control_call *call, const char *why)
{
    snprintf(call->why, sizeof(call->why), "%s", why);
    return CONTROL_FAILED;
}

static void log_command(const struct control_call *call)
{
    const struct iothnamed *s = call->arg;
    log_event(&s->log, LOG_LEVEL_INFO, "command", LOG_TEXT("name", call->words[0]),
              LOG_TEXT("argument", call->n_words > 1 ? call->words[1] : "-"), LOG_NUMBER("uid", call->uid));
}

/* The one word that may follow. *ret: it was given. False: it is another word. */
static bool json_wanted(const struct control_call *call, bool *ret)
{
    *ret = call->n_words > 1;
    return !*ret || strcmp(call->words[1], "json") == 0;
}

/* --- status --- */

struct pairs {
    struct text *out;
    bool json, begun;
};

static void put_key(struct pairs *p, const char *key)
{
    if (p->json)
        text_printf(p->out, "%s\"%s\":", p->begun ? "," : "{", key);
    else
        text_printf(p->out, "%s ", key);
    p->begun = true;
}

static void put_text(struct pairs *p, const char *key, const char *value)
{
    put_key(p, key);
    if (p->json)
        text_json(p->out, value);
    else
        text_printf(p->out, "%s\n", value);
}

static void put_number(struct pairs *p, const char *key, int64_t value)
{
    put_key(p, key);
    text_printf(p->out, "%" PRId64 "%s", value, p->json ? "" : "\n");
}

static const char *utc(int64_t wall_s, char text[static 32])
{
    time_t t = (time_t)wall_s;
    struct tm tm;
    if (!gmtime_r(&t, &tm) || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(text, 32, "?");
    return text;
}

static void put_reload(struct pairs *p, struct reloads *r)
{
    char when[32];
    pthread_mutex_lock(&r->lock);
    put_number(p, "reloads", r->ended);
    if (r->ended) {
        put_text(p, "last-reload", utc(r->ended_wall_s, when));
        put_text(p, "last-reload-result", r->failed ? "failed" : "ok");
        put_number(p, "last-reload-warnings", r->warnings);
        put_number(p, "last-reload-ms", r->took / NSEC_PER_MSEC);
    }
    pthread_mutex_unlock(&r->lock);
}

static enum control_result run_status(struct control_call *call)
{
    struct iothnamed *s = call->arg;
    struct pairs p = {.out = &call->out};
    char when[32];
    if (!json_wanted(call, &p.json))
        return fail(call, "usage: status [json]");
    struct snapshot *snap = service_snapshot(s);
    const struct config *started = s->started->config;
    put_text(&p, "version", s->host.version);
    put_number(&p, "pid", getpid());
    put_text(&p, "started", utc(s->started_wall_s, when));
    put_number(&p, "uptime-seconds", (now_ns() - s->started_at) / NSEC_PER_SEC);
    put_text(&p, "configuration", snap->config->path);
    put_number(&p, "workers", s->n_workers);
    put_text(&p, "healthy", attendant_is_healthy(s->attendant) ? "yes" : "no");
    put_text(&p, "request-stack", started->rstack ? started->rstack : "kernel");
    put_text(&p, "forward-stack",
             started->one_stack ? started->rstack
             : started->fstack  ? started->fstack
                                : "kernel");
    put_number(&p, "rules", snap->config->n_rules);
    put_text(&p, "loglevel", log_level_name((enum log_level)atomic_load(&s->log_control.level)));
    put_reload(&p, &s->reloads);
    snapshot_unref(snap);
    text_puts(&call->out, p.json ? "}\n" : "");
    return CONTROL_DONE;
}

static enum control_result run_counters(struct control_call *call)
{
    bool json;
    if (!json_wanted(call, &json))
        return fail(call, "usage: counters [json]");
    metrics_list(call->arg, json, &call->out);
    return CONTROL_DONE;
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
        return fail(call, "this is no domain name");
    struct flush *f = calloc(1, sizeof(*f));
    if (!f)
        return fail(call, "out of memory");
    log_command(call);
    f->snap = service_snapshot(call->arg);
    f->len = (size_t)len;
    dname_lower(f->name, name, f->len);
    call->own = f;
    return CONTROL_MORE;
}

/* Steps of one turn: a few milliseconds. */
#define FLUSH_STEPS 100

static enum control_result flush(struct control_call *call, bool tree)
{
    if (call->turn == 0)
        return begin_flush(call);
    struct flush *f = call->own;
    for (unsigned i = 0; i < FLUSH_STEPS; i++)
        if (!cache_flush_step(f->snap->cache, &f->at, f->name, f->len, tree, &f->forgotten)) {
            text_printf(&call->out, "%" PRIu64 " answers forgotten\n", f->forgotten);
            return CONTROL_DONE;
        }
    return CONTROL_MORE;
}

static enum control_result run_flush(struct control_call *call)
{
    if (call->n_words > 1)
        return flush(call, false);
    log_command(call);
    struct snapshot *snap = service_snapshot(call->arg);
    cache_flush(snap->cache);
    snapshot_unref(snap);
    return CONTROL_DONE;
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
        return fail(call, wait ? "this server cannot be told to load its configuration" : "out of memory");
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
    if (ended)
        text_put(&call->out, r->notes.bytes, r->notes.len);
    pthread_mutex_unlock(&r->lock);
    if (!ended)
        return CONTROL_WAIT;
    return failed ? fail(call, "not loaded; the old configuration stays in force") : CONTROL_DONE;
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
        return fail(call, "usage: dump [cache|hrev]");
    if (call->turn == 0) {
        struct snapshot *snap = service_snapshot(call->arg);
        call->own = dump_new(snap, cache, hrev);
        snapshot_unref(snap);
    }
    if (!call->own)
        return fail(call, "out of memory");
    return dump_piece(call->own, now_ns(), &call->out) ? CONTROL_MORE : CONTROL_DONE;
}

static void end_dump(struct control_call *call)
{
    dump_free(call->own);
}

/* --- loglevel --- */

static enum control_result run_loglevel(struct control_call *call)
{
    struct iothnamed *s = call->arg;
    if (call->n_words == 1) {
        text_printf(&call->out, "%s\n", log_level_name((enum log_level)atomic_load(&s->log_control.level)));
        return CONTROL_DONE;
    }
    int level = log_level_by_name(call->words[1]);
    if (level < 0)
        return fail(call, "usage: loglevel [error|warning|info|debug]");
    log_command(call);
    service_set_loglevel(s, (enum log_level)level);
    return CONTROL_DONE;
}

const struct control_command command_table[] = {
    {"status", "[json]", "what runs, since when, and how the last reload went", 0, 1, run_status, NULL},
    {"counters", "[json]", "all counters, sums over the workers", 0, 1, run_counters, NULL},
    {"reload", "", "load the configuration again", 0, 0, run_reload, end_reload},
    {"flush", "[NAME]", "forget all cached answers, or those about a name", 0, 1, run_flush, end_flush},
    {"flush-tree", "NAME", "forget the cached answers about a name and all below it", 1, 1, run_flush_tree,
     end_flush},
    {"dump", "[cache|hrev]", "the cached answers and the known names of addresses", 0, 1, run_dump, end_dump},
    {"loglevel", "[LEVEL]", "show or change the level until the next reload", 0, 1, run_loglevel, NULL},
    {NULL, NULL, NULL, 0, 0, NULL, NULL},
};
