/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * See bases.h. Each name is a task with the time of its next question. All state is under one lock, which is
 * held neither while asking nor while the owner is told of a change.
 */
#include "libiothnamed/bases.h"
#include "base/clock.h"
#include "libiothnamed/forward.h"
#include "libiothnamed/loop_room.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define TTL_MIN_S   5 /* an address that claims to change more often is asked for no more often */
#define TTL_MAX_S   86400
#define RETRY_MIN_S 1 /* after silence: 1, 2, 4, ... */
#define RETRY_MAX_S 30
#define NOTHING_S   30 /* after "there is no such address" */

struct task {
    struct exchange_waiter link; /* first: the chain is of these */
    struct task *next;
    uint8_t name[DNAME_MAX];
    uint8_t len;
    bool wanted, asking;
    unsigned retry_s;
    nsec_t due;
    struct base_value value;
};

struct base_keeper {
    struct base_keeper_settings set;
    pthread_t thread;
    uv_loop_t loop;
    uv_poll_t room; /* loop_make_room */
    uv_async_t wake;
    uv_timer_t timer;
    struct forwarder *forwarder;
    pthread_mutex_t lock;
    bool stop;
    struct task *tasks;
    struct exchange_servers servers; /* to ask; its list is a copy */
};

/* --- answers --- */

static int compare_addrs(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct ipaddr));
}

static void add_addr(struct base_value *v, const uint8_t *rdata)
{
    for (unsigned i = 0; i < v->count; i++)
        if (memcmp(v->addrs[i].b, rdata, sizeof(v->addrs[i].b)) == 0)
            return;
    if (v->count < BASE_ADDRS_MAX)
        memcpy(v->addrs[v->count++].b, rdata, sizeof(v->addrs[0].b));
}

/* The AAAA records of a reply, sorted, and the shortest TTL on the way to them. */
static void read_addresses(const uint8_t *reply, size_t len, struct base_value *ret, uint32_t *ret_ttl)
{
    struct reader r = reader_of(reply, len);
    struct dns_header header = dns_read_header(&r);
    struct dns_question question;
    dns_read_question(&r, &question);
    *ret = (struct base_value){0};
    *ret_ttl = TTL_MAX_S;
    for (unsigned i = 0; i < header.count[DNS_ANSWER]; i++) {
        struct dns_rr rr;
        dns_read_rr(&r, &rr);
        if (r.bad)
            break;
        if (rr.ttl < *ret_ttl)
            *ret_ttl = rr.ttl;
        if (rr.type == RR_AAAA && rr.class == CLASS_IN && rr.rdlen == 16)
            add_addr(ret, reply + rr.rdata);
    }
    ret->known = ret->count > 0;
    if (*ret_ttl < TTL_MIN_S)
        *ret_ttl = TTL_MIN_S;
    qsort(ret->addrs, ret->count, sizeof(ret->addrs[0]), compare_addrs);
}

static bool same_value(const struct base_value *a, const struct base_value *b)
{
    return a->known == b->known && a->count == b->count &&
           memcmp(a->addrs, b->addrs, a->count * sizeof(a->addrs[0])) == 0;
}

static void say(const struct base_keeper *k, enum log_level level, const struct task *t, const char *what)
{
    char text[DNAME_TEXT_MAX];
    log_event(k->set.log, level, what, LOG_TEXT("base", dname_to_text(t->name, text)));
}

/* True: the value has changed. */
static bool take_reply(struct base_keeper *k, struct task *t, const struct exchange_event *done, nsec_t now)
{
    t->asking = false;
    if (!done->reply) {
        if (t->retry_s == RETRY_MIN_S)
            say(k, LOG_LEVEL_WARNING, t,
                t->value.known ? "upstream is silent about a base name; its last address stays in use"
                               : "upstream is silent about a base name; names that need it get SERVFAIL");
        t->due = now + t->retry_s * NSEC_PER_SEC;
        t->retry_s = 2 * t->retry_s < RETRY_MAX_S ? 2 * t->retry_s : RETRY_MAX_S;
        return false;
    }
    struct base_value value;
    uint32_t ttl;
    read_addresses(done->reply, done->reply_len, &value, &ttl);
    t->retry_s = RETRY_MIN_S;
    t->due = now + (value.known ? ttl : NOTHING_S) * NSEC_PER_SEC;
    if (same_value(&value, &t->value))
        return false;
    say(k, value.known ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, t,
        value.known ? "address of a base name learnt from upstream"
                    : "a base name has no IPv6 address; names that need it get SERVFAIL");
    t->value = value;
    return true;
}

static void arm(struct base_keeper *k);

static void on_exchange_done(struct exchange_waiter *waiters, const struct exchange_event *done, void *arg)
{
    struct base_keeper *k = arg;
    bool changed = false;
    pthread_mutex_lock(&k->lock);
    bool stop = k->stop;
    while (waiters) {
        struct task *t = (struct task *)waiters;
        waiters = waiters->next;
        changed |= take_reply(k, t, done, monotonic_now());
    }
    pthread_mutex_unlock(&k->lock);
    if (stop)
        return;
    if (changed)
        k->set.changed(k->set.arg);
    arm(k);
}

/* --- questions --- */

static void ask(struct base_keeper *k, struct task *t, nsec_t now)
{
    struct exchange_question q = {.name = t->name, .name_len = t->len, .type = RR_AAAA, .class = CLASS_IN};
    t->asking = forwarder_ask(k->forwarder, &q, &k->servers, &t->link) == 0;
    if (!t->asking)
        t->due = now + RETRY_MAX_S * NSEC_PER_SEC; /* no upstream, or no memory */
}

static void on_timer(uv_timer_t *timer)
{
    struct base_keeper *k = timer->data;
    nsec_t now = monotonic_now();
    pthread_mutex_lock(&k->lock);
    for (struct task *t = k->tasks; t; t = t->next)
        if (t->wanted && !t->asking && t->due <= now)
            ask(k, t, now);
    pthread_mutex_unlock(&k->lock);
    arm(k);
}

static void arm(struct base_keeper *k)
{
    nsec_t now = monotonic_now(), first = NSEC_NEVER;
    pthread_mutex_lock(&k->lock);
    for (struct task *t = k->tasks; t; t = t->next)
        if (t->wanted && !t->asking && t->due < first)
            first = t->due;
    pthread_mutex_unlock(&k->lock);
    if (first == NSEC_NEVER)
        return;
    nsec_t wait = first > now ? first - now : 0;
    uv_timer_start(&k->timer, on_timer, (uint64_t)((wait + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC), 0);
}

static struct task *find_task(struct base_keeper *k, const struct config_name *name)
{
    for (struct task *t = k->tasks; t; t = t->next)
        if (t->len == name->len && memcmp(t->name, name->wire, name->len) == 0)
            return t;
    return NULL;
}

void base_keeper_values(struct base_keeper *k, const struct config *config, struct base_value *values)
{
    pthread_mutex_lock(&k->lock);
    for (unsigned i = 0; i < config->n_bases; i++) {
        const struct task *t = config->bases[i].name.wire ? find_task(k, &config->bases[i].name) : NULL;
        values[i] = t ? t->value : (struct base_value){0};
    }
    pthread_mutex_unlock(&k->lock);
}

static int want(struct base_keeper *k, const struct config_name *name)
{
    struct task *t = find_task(k, name);
    if (!t) {
        t = calloc(1, sizeof(*t));
        if (!t)
            return -ENOMEM;
        memcpy(t->name, name->wire, name->len);
        t->len = name->len;
        t->retry_s = RETRY_MIN_S;
        t->next = k->tasks;
        k->tasks = t;
    }
    t->wanted = true;
    if (!t->value.known)
        t->due = 0; /* the servers may be others now */
    return 0;
}

static int take_servers(struct base_keeper *k, const struct exchange_servers *from)
{
    struct ipendpoint *copy = malloc((from->count ? from->count : 1) * sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    if (from->count)
        memcpy(copy, from->servers, from->count * sizeof(*copy));
    free((void *)k->servers.servers);
    k->servers = (struct exchange_servers){.id = from->id, .count = from->count, .servers = copy};
    return 0;
}

int base_keeper_adopt(struct base_keeper *k, const struct snapshot *snap)
{
    const struct config *c = snap->config;
    pthread_mutex_lock(&k->lock);
    int e = take_servers(k, &snap->upstreams[0]);
    for (struct task *t = k->tasks; t; t = t->next)
        t->wanted = false;
    for (unsigned i = 0; e == 0 && i < c->n_bases; i++)
        if (!snapshot_base_is_fixed(snap, i))
            e = want(k, &c->bases[i].name);
    pthread_mutex_unlock(&k->lock);
    uv_async_send(&k->wake);
    return e;
}

/* --- its life --- */

static void on_wake(uv_async_t *wake)
{
    struct base_keeper *k = wake->data;
    pthread_mutex_lock(&k->lock);
    bool stop = k->stop;
    pthread_mutex_unlock(&k->lock);
    if (!stop) {
        arm(k);
        return;
    }
    uv_close((uv_handle_t *)&k->timer, NULL);
    uv_close((uv_handle_t *)&k->wake, NULL);
    if (k->forwarder)
        forwarder_close(k->forwarder, NULL, NULL);
}

static void *run(void *arg)
{
    struct base_keeper *k = arg;
    uv_run(&k->loop, UV_RUN_DEFAULT);
    return NULL;
}

static void tell_to_stop(struct base_keeper *k)
{
    pthread_mutex_lock(&k->lock);
    k->stop = true;
    pthread_mutex_unlock(&k->lock);
    uv_async_send(&k->wake);
}

static void free_keeper(struct base_keeper *k)
{
    uv_loop_close(&k->loop);
    forwarder_free(k->forwarder);
    while (k->tasks) {
        struct task *t = k->tasks;
        k->tasks = t->next;
        free(t);
    }
    free((void *)k->servers.servers);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

int base_keeper_start(const struct base_keeper_settings *settings, struct base_keeper **ret)
{
    struct base_keeper *k = calloc(1, sizeof(*k));
    if (!k)
        return -ENOMEM;
    k->set = *settings;
    int e = loop_init(&k->loop);
    if (e < 0) {
        free(k);
        return e;
    }
    pthread_mutex_init(&k->lock, NULL);
    k->wake.data = k->timer.data = k;
    uv_timer_init(&k->loop, &k->timer);
    e = uv_async_init(&k->loop, &k->wake, on_wake);
    const struct forwarder_settings upstream = {
        .stack = settings->fstack, .cookie_key = settings->forward_key, .done = on_exchange_done, .arg = k};
    if (e == 0)
        e = loop_make_room(&k->loop, &k->room);
    if (e == 0)
        e = forwarder_new(&k->loop, &upstream, &k->forwarder);
    if (e == 0)
        e = -pthread_create(&k->thread, NULL, run, k);
    if (e < 0) {
        tell_to_stop(k);
        run(k);
        free_keeper(k);
        return e;
    }
    *ret = k;
    return 0;
}

void base_keeper_stop(struct base_keeper *k)
{
    if (!k)
        return;
    tell_to_stop(k);
    pthread_join(k->thread, NULL);
    free_keeper(k);
}
