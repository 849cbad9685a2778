/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `named NAME on LINK address A`: iothnamed. The lines below it, indented, are its configuration file (iothnamed.conf(5)). Policy,
 * sources, cache, reverse table and the exchange core are the product's; what is done here is the worker: it runs each question by
 * query_run, lets those wait that need an upstream server, gives the answer to the cache and runs them again.
 *
 * Of the worker's further habits this one has: what is stale is told after a while (RFC 8767), popular answers are renewed before
 * they end, failures are remembered.
 *
 * Properties: cache and reverse table stay within what the configuration gives them; nothing forged is in the cache; no client
 * waits longer than an exchange may take.
 */
#include "asking.h"
#include "words.h"

#include "libiothnamed/answer.h"
#include "libiothnamed/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 4
#define SLOW_AFTER (1800 * NSEC_PER_MSEC) /* RFC 8767 s5 */
/* An exchange for each round, and the first is never later than that. */
#define WAIT_MAX             (ROUNDS_MAX * EXCHANGE_TOTAL)
#define CACHE_CHECK_INTERVAL SECONDS(600) /* a walk through all of it takes its time */
enum { FAILURE_TTL = 5, WAITERS_MAX = 1000 };

struct waiter {
    struct exchange_waiter link; /* first member */
    struct waiter *next, **at;   /* among all */
    struct packet from;          /* its client's, without bytes */
    nsec_t since;
    unsigned rounds;
    bool stale;  /* something expired was there, and is to be told when it lasts too long */
    bool served; /* nobody waits any more, or ever did */
    size_t len;
    uint8_t bytes[];
};

struct named_node {
    struct node node; /* first member */
    struct asking asking;
    char *text; /* its configuration; owned */
    struct upstream_registry registry;
    struct shared_config *config;
    struct snapshot *snap;
    struct cache *cache;
    struct hrev *hrev;
    struct cookie_secrets cookies;
    struct forward_need need;
    struct waiter *waiting;
    unsigned n_waiting;
    nsec_t cache_checked;
};

static struct named_node *of(struct node *n)
{
    return (struct named_node *)n;
}

/* Scratch, too large for each node; a world runs in one thread and no call of these is within another. */
static uint8_t reply_bytes[DNS_MSG_MAX], answer_bytes[ANSWER_MAX];

/* --- its configuration --- */

static int parse(const char *text, struct config **ret, char why[static WORLD_WHY_MAX])
{
    struct diags diags = {0};
    int error = config_parse("configuration", text, strlen(text), ret, &diags);

    if (error < 0 && diags.first)
        snprintf(why, WORLD_WHY_MAX, "its configuration, line %u: %.400s", diags.first->at.line,
                 diags.first->text);
    diags_fini(&diags);
    return error;
}

static void learn_bases(struct named_node *s, const struct config *config)
{
    for (unsigned i = 0; i < config->n_bases; i++)
        if (!config->bases[i].name.wire) {
            struct ipaddr base = config->bases[i].addr;
            world_add_base(s->node.world, &base);
        }
}

static void build(struct named_node *s, struct config *config)
{
    struct siphash_key key;
    struct base_value *bases = calloc(config->n_bases + 1, sizeof(*bases));
    struct snapshot *snap;

    node_random(&s->node, &key, sizeof(key));
    if (!s->cache && (cache_new(config->options.cachesize, &key, &s->cache) < 0 ||
                      hrev_new(config->options.hrevmax, &key, &s->hrev) < 0))
        abort();
    struct shared_config *shared = shared_config_new(config);
    const struct snapshot_parts parts = {.bases = bases,
                                         .registry = &s->registry,
                                         .key = &key,
                                         .cache = s->cache,
                                         .hrev = s->hrev,
                                         .serial = 1};
    if (!bases || !shared || snapshot_build(shared, &parts, &snap) < 0)
        abort();
    free(bases);
    snapshot_unref(s->snap);
    shared_config_unref(s->config);
    s->snap = snap;
    s->config = shared;
    learn_bases(s, config);
}

static int named_configure(struct node *n, const char *text, char why[static WORLD_WHY_MAX])
{
    struct named_node *s = of(n);
    struct config *config;
    int error = parse(text, &config, why);

    if (error < 0)
        return error;
    char *copy = strdup(text);
    if (!copy)
        abort();
    free(s->text);
    s->text = copy;
    if (n->up)
        build(s, config);
    else
        config_free(config);
    return 0;
}

static int named_option(struct node *n, const char *word, const char *value, char why[static WORLD_WHY_MAX])
{
    (void)n, (void)value;
    return word_is_no(word, "word of a name server: it has its address and a configuration below", why);
}

/* --- questions --- */

static struct query_env env_of(const struct named_node *s)
{
    return (struct query_env){
        .snap = s->snap, .cookies = &s->cookies, .now = s->node.world->now, .wall_s = node_wall_s(&s->node)};
}

static void reply(struct named_node *s, const struct packet *client, size_t len)
{
    const struct packet p = {
        .way = client->way, .from = client->to, .to = client->from, .bytes = reply_bytes, .len = len};

    if (len > 0)
        world_send(&s->node, &p);
}

static enum outcome run(struct named_node *s, const struct packet *client, const uint8_t *bytes, size_t len,
                        const struct forward_given *given, size_t *ret_len)
{
    const struct query_env env = env_of(s);
    bool tcp = client->way == WAY_TCP;

    return query_run(&env, &client->from.addr, tcp, bytes, len, given, reply_bytes,
                     tcp ? DNS_MSG_MAX : DNS_UDP_EDNS, ret_len, &s->need);
}

/* Once more, knowing that nobody answers what it needs. */
static size_t run_without(struct named_node *s, const struct packet *client, const uint8_t *bytes, size_t len,
                          enum ede why, bool not_yet)
{
    uint8_t name[DNAME_MAX];
    struct forward_given given = {
        .question = s->need.question, .servers_id = s->need.servers->id, .why = why, .not_yet = not_yet};
    size_t reply_len = 0;

    memcpy(name, s->need.name, given.question.name_len);
    given.question.name = name;
    return run(s, client, bytes, len, &given, &reply_len) == QUERY_REPLY ? reply_len : 0;
}

static struct waiter *new_waiter(struct named_node *s, const struct packet *client, const uint8_t *bytes,
                                 size_t len)
{
    struct waiter *w = s->n_waiting < WAITERS_MAX ? malloc(sizeof(*w) + len) : NULL;

    if (!w)
        return NULL;
    *w = (struct waiter){.from = *client, .since = s->node.world->now, .len = len};
    memcpy(w->bytes, bytes, len);
    w->next = s->waiting;
    w->at = &s->waiting;
    if (w->next)
        w->next->at = &w->next;
    s->waiting = w;
    s->n_waiting++;
    return w;
}

static void free_waiter(struct named_node *s, struct waiter *w)
{
    *w->at = w->next;
    if (w->next)
        w->next->at = w->at;
    s->n_waiting--;
    free(w);
}

static int ask(struct named_node *s, struct waiter *w)
{
    if (w->rounds++ >= ROUNDS_MAX)
        return -ELOOP;
    w->stale = s->need.stale;
    return exchange_ask(s->asking.table, &s->need.question, s->need.servers, &w->link, s->node.world->now);
}

static void refresh(struct named_node *s, const struct packet *client)
{
    struct waiter *w = new_waiter(s, client, client->bytes, 0);

    s->need.refresh = false; /* said once */
    if (!w)
        return;
    w->served = true;
    if (ask(s, w) < 0)
        free_waiter(s, w);
}

static void question(struct named_node *s, const struct packet *p)
{
    size_t len = 0;
    enum outcome outcome = run(s, p, p->bytes, p->len, NULL, &len);

    if (outcome == QUERY_FORWARD) {
        struct waiter *w = new_waiter(s, p, p->bytes, p->len);
        if (w && ask(s, w) == 0)
            return;
        if (w)
            free_waiter(s, w);
        len = run_without(s, p, p->bytes, p->len, EDE_NETWORK, false);
        outcome = QUERY_REPLY;
    }
    if (outcome != QUERY_REPLY)
        return;
    reply(s, p, len);
    if (s->need.refresh)
        refresh(s, p);
}

/* --- answers --- */

static struct cache_key key_of(const struct exchange_event *done)
{
    return (struct cache_key){.upstreams = done->servers_id,
                              .type = done->question.type,
                              .class = done->question.class,
                              .dnssec_ok = done->question.dnssec_ok,
                              .checking_disabled = done->question.checking_disabled,
                              .name = done->question.name,
                              .name_len = done->question.name_len};
}

static void take_answer(struct named_node *s, const struct exchange_event *done, struct forward_given *given)
{
    const struct config_options *options = &s->snap->config->options;
    const struct answer_limits limits = {options->cachettlmin_s, options->cachettlmax_s};
    const struct cache_key key = key_of(done);
    nsec_t now = s->node.world->now;
    uint32_t ttl_s;
    int len =
        done->reply ? answer_make(done->reply, done->reply_len, &limits, answer_bytes, &ttl_s) : -ENODATA;

    if (len < 0) {
        given->why = EDE_NO_ANSWER;
        cache_put_failure(s->cache, &key, (uint8_t)given->why, now, FAILURE_TTL);
        return;
    }
    given->answer = answer_bytes;
    given->answer_len = (size_t)len;
    if (ttl_s > 0)
        cache_put(s->cache, &key, answer_bytes, (size_t)len, now, ttl_s);
}

static void resume(struct named_node *s, struct waiter *w, const struct forward_given *given)
{
    if (!w->served) {
        size_t len = 0;
        if (run(s, &w->from, w->bytes, w->len, given, &len) == QUERY_FORWARD) {
            if (ask(s, w) == 0)
                return;
            len = run_without(s, &w->from, w->bytes, w->len, EDE_NETWORK, false);
        }
        reply(s, &w->from, len);
    }
    free_waiter(s, w);
}

static void on_done(struct node *n, const struct exchange_event *done)
{
    struct named_node *s = of(n);
    struct forward_given given = {.question = done->question, .servers_id = done->servers_id};
    struct exchange_waiter *next;

    take_answer(s, done, &given);
    for (struct exchange_waiter *w = done->waiters; w; w = next) {
        next = w->next;
        resume(s, (struct waiter *)w, &given);
    }
}

static bool may_be_told_stale(const struct waiter *w)
{
    return w->stale && !w->served;
}

static void tell_stale(struct named_node *s)
{
    for (struct waiter *w = s->waiting; w; w = w->next) {
        size_t len = 0;
        if (!may_be_told_stale(w) || w->since + SLOW_AFTER > s->node.world->now)
            continue;
        w->stale = false;
        if (run(s, &w->from, w->bytes, w->len, NULL, &len) == QUERY_FORWARD)
            len = run_without(s, &w->from, w->bytes, w->len, EDE_NO_ANSWER, true);
        if (len > 0) {
            reply(s, &w->from, len);
            w->served = true;
        }
    }
}

/* --- its life --- */

static bool source_of(const struct node *n, const struct ipaddr *server, struct ipaddr *ret)
{
    for (unsigned i = 0; i < n->n_addrs; i++)
        if (ipaddr_is_v4(&n->addrs[i]) == ipaddr_is_v4(server)) {
            *ret = n->addrs[i];
            return true;
        }
    return false;
}

static void named_start(struct node *n)
{
    char why[WORLD_WHY_MAX];
    struct named_node *s = of(n);
    struct config *config;

    s->asking.node = n;
    s->asking.source = source_of;
    s->asking.done = on_done;
    s->cookies = (struct cookie_secrets){.count = 1};
    node_random(n, s->cookies.list, sizeof(s->cookies.list[0]));
    if (asking_open(&s->asking) < 0 || parse(s->text ? s->text : "", &config, why) < 0)
        abort();
    build(s, config);
}

static void named_kill(struct node *n)
{
    struct named_node *s = of(n);

    while (s->waiting)
        free_waiter(s, s->waiting);
    asking_close(&s->asking);
    snapshot_unref(s->snap);
    shared_config_unref(s->config);
    cache_free(s->cache);
    hrev_free(s->hrev);
    arena_fini(&s->registry.arena);
    s->registry = (struct upstream_registry){0};
    s->snap = NULL;
    s->config = NULL;
    s->cache = NULL;
    s->hrev = NULL;
}

static void named_fini(struct node *n)
{
    free(of(n)->text);
}

static void named_hear(struct node *n, const struct packet *p)
{
    struct named_node *s = of(n);

    if (p->way != WAY_UDP && p->way != WAY_TCP)
        return;
    if (p->to.port == 53)
        question(s, p);
    else
        (void)asking_hear(&s->asking, p);
    asking_pump(&s->asking);
}

static void named_timeout(struct node *n)
{
    struct named_node *s = of(n);

    exchange_timeout(s->asking.table, n->world->now);
    asking_pump(&s->asking);
    tell_stale(s);
}

static nsec_t named_deadline(struct node *n)
{
    nsec_t at = exchange_deadline(of(n)->asking.table);

    for (const struct waiter *w = of(n)->waiting; w; w = w->next)
        if (may_be_told_stale(w))
            at = sooner(at, w->since + SLOW_AFTER);
    return at;
}

/* --- properties --- */

/* Any record with an address of the forger's, by its bytes. */
static bool has_forged(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i + 6 <= len; i++)
        if (memcmp(bytes + i, world_forged.b, 6) == 0)
            return true;
    return false;
}

static void check_cache(struct named_node *s)
{
    struct cache_cursor at = {0};
    struct cache_copy copy;
    enum cache_step step;

    while ((step = cache_next(s->cache, &at, s->node.world->now, &copy, answer_bytes,
                              sizeof(answer_bytes))) != CACHE_END)
        if (step == CACHE_FOUND && has_forged(answer_bytes, copy.len))
            world_break(s->node.world, "%s believes a forged reply: it is in its cache", s->node.name);
}

static void named_check(struct node *n)
{
    struct named_node *s = of(n);
    const struct config_options *options = &s->snap->config->options;
    struct cache_stats stats;

    cache_stats(s->cache, &stats);
    if (stats.bytes > options->cachesize)
        world_break(n->world, "the cache of %s has taken more than its size", n->name);
    if (hrev_count(s->hrev) > options->hrevmax)
        world_break(n->world, "%s remembers more names than its hrevmax", n->name);
    for (const struct waiter *w = s->waiting; w; w = w->next)
        if (w->since + WAIT_MAX < n->world->now)
            world_break(n->world, "a client of %s waits without end", n->name);
    if (n->world->forged > 0 && n->world->now >= s->cache_checked + CACHE_CHECK_INTERVAL) {
        s->cache_checked = n->world->now;
        check_cache(s);
    }
}

const struct node_kind kind_named = {
    .word = "named",
    .size = sizeof(struct named_node),
    .option = named_option,
    .configure = named_configure,
    .start = named_start,
    .kill = named_kill,
    .hear = named_hear,
    .timeout = named_timeout,
    .deadline = named_deadline,
    .check = named_check,
    .fini = named_fini,
};

nsec_t named_stale_max(const struct node *n)
{
    const struct named_node *s = (const struct named_node *)n;

    return s->snap ? SECONDS((nsec_t)s->snap->config->options.servestale_s) : 0;
}
