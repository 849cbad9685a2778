/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `ask FILE`: a server without sockets, for test_rules.py. It loads a configuration and runs the queries that
 * come over its standard input, as a worker runs those from the network. Whoever started it plays the
 * clients, the clock and upstream. Messages are in hexadecimal, each line is answered by one:
 *
 *   in    SECONDS CLIENT MESSAGE        the time (since 1970), who asks, and the query
 *   out   forward NAME TYPE ADDR,...    upstream must be asked first:
 *   in      MESSAGE                       it replies
 *   in      silent                        nobody does
 *   out   reply MESSAGE                 the answer
 *   out   drop                          there is none
 *
 * The cache and the table of hashed addresses live from the first query to the last.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "libiothnamed/answer.h"

enum {
    QUERY_SIZE = 512,
    UPSTREAM_SIZE = 1024,
    LINE_SIZE = 128 + 2 * UPSTREAM_SIZE,
    CACHE_BYTES = 1 << 20,
    HREV_NAMES = 1000,
};

static const struct siphash_key key = {{1, 2}};

struct server {
    struct upstream_registry registry;
    struct shared_config *config;
    struct cache *cache;
    struct hrev *hrev;
    struct snapshot *snapshot;
};

/* What upstream brought for one query. */
struct upstream {
    struct forward_given given;
    uint8_t name[DNAME_MAX];
    uint8_t answer[ANSWER_MAX];
};

static void must(bool fine, const char *what)
{
    if (fine)
        return;
    fprintf(stderr, "ask: %s\n", what);
    exit(EXIT_FAILURE);
}

/* ---- the server */

static struct config *load(const char *path)
{
    struct diags diags = {0};
    struct config *config;
    int error = config_load(path, &config, &diags);

    for (const struct diag *d = diags.first; d && error; d = d->next)
        if (!d->warning)
            fprintf(stderr, "%s:%u:%u: %s\n", path, d->at.line, d->at.column, d->text);
    must(!error, "the configuration has errors");
    diags_fini(&diags);
    return config;
}

static void server_open(struct server *s, const char *path)
{
    struct config *config = load(path);
    struct base_value *unknown = calloc(config->n_bases + 1u, sizeof(*unknown));
    bool fine = unknown && (s->config = shared_config_new(config)) != NULL &&
                cache_new(CACHE_BYTES, &key, &s->cache) == 0 && hrev_new(HREV_NAMES, &key, &s->hrev) == 0;

    must(fine, "out of memory");
    struct diags diags = {0};
    must(lists_load(config, NULL, &key, &diags, &s->config->lists) == 0, "a list cannot be read");
    diags_fini(&diags);
    struct snapshot_parts parts = {
        .bases = unknown,
        .registry = &s->registry,
        .key = &key,
        .cache = s->cache,
        .hrev = s->hrev,
        .serial = 1,
    };
    must(snapshot_build(s->config, &parts, &s->snapshot) == 0, "out of memory");
    free(unknown);
}

static void server_close(struct server *s)
{
    snapshot_unref(s->snapshot);
    shared_config_unref(s->config);
    cache_free(s->cache);
    hrev_free(s->hrev);
    arena_fini(&s->registry.arena);
}

/* ---- the conversation */

static bool read_line(char line[static LINE_SIZE])
{
    if (!fgets(line, LINE_SIZE, stdin))
        return false;
    size_t len = strcspn(line, "\n");
    must(line[len] == '\n', "a line is too long");
    line[len] = '\0';
    return true;
}

static size_t read_message(const char *text, uint8_t *bytes, size_t size)
{
    size_t len = strlen(text) / 2;

    must(len <= size, "a message is too long");
    for (size_t i = 0; i < len; i++)
        must(sscanf(text + 2 * i, "%2hhx", &bytes[i]) == 1, "a message is not hexadecimal");
    return len;
}

static void say_reply(const uint8_t *bytes, size_t len)
{
    printf("reply ");
    for (size_t i = 0; i < len; i++)
        printf("%02x", bytes[i]);
    putchar('\n');
}

static void say_forward(const struct forward_need *need)
{
    char name[DNAME_TEXT_MAX], address[IPADDR_STRLEN];

    printf("forward %s %u ", dname_to_text(need->question.name, name), need->question.type);
    for (unsigned i = 0; i < need->servers->count; i++)
        printf("%s%s", i ? "," : "", ipaddr_format(&need->servers->servers[i].addr, address));
    putchar('\n');
}

/* ---- a query */

static void keep(const struct query_env *env, const struct upstream *up, uint32_t ttl_s)
{
    struct cache_key question = {
        .upstreams = up->given.servers_id,
        .type = up->given.question.type,
        .class = up->given.question.class,
        .dnssec_ok = up->given.question.dnssec_ok,
        .checking_disabled = up->given.question.checking_disabled,
        .name = up->given.question.name,
        .name_len = up->given.question.name_len,
    };

    if (ttl_s)
        cache_put(env->snap->cache, &question, up->given.answer, up->given.answer_len, env->now, ttl_s);
}

/* Has whoever started us play upstream, and keeps the answer as a worker does. */
static void ask_upstream(const struct query_env *env, const struct forward_need *need, struct upstream *up)
{
    char line[LINE_SIZE];
    uint8_t reply[UPSTREAM_SIZE];
    uint32_t ttl_s;

    say_forward(need);
    fflush(stdout);
    must(read_line(line), "upstream has left");
    memcpy(up->name, need->name, sizeof(up->name));
    up->given = (struct forward_given){.question = need->question, .servers_id = need->servers->id};
    up->given.question.name = up->name;
    if (strcmp(line, "silent") == 0)
        return;
    const struct config_options *options = &env->snap->config->options;
    const struct answer_limits limits = {options->cachettlmin_s, options->cachettlmax_s};
    int len = answer_make(reply, read_message(line, reply, sizeof(reply)), &limits, up->answer, &ttl_s);
    must(len > 0, "upstream's reply is malformed");
    up->given.answer = up->answer;
    up->given.answer_len = (size_t)len;
    keep(env, up, ttl_s);
}

static void answer(const struct query_env *env, const struct ipaddr *client, const uint8_t *query, size_t len)
{
    static uint8_t reply[DNS_MSG_MAX];
    static struct upstream up;
    struct forward_need need = {0};
    size_t reply_len;

    /* As over TCP, so that nothing is cut. */
    enum outcome outcome =
        query_run(env, client, true, query, len, NULL, reply, sizeof(reply), &reply_len, &need);
    if (outcome == QUERY_FORWARD) {
        ask_upstream(env, &need, &up);
        outcome =
            query_run(env, client, true, query, len, &up.given, reply, sizeof(reply), &reply_len, &need);
        must(outcome != QUERY_FORWARD, "upstream is asked a second time");
    }
    if (outcome == QUERY_REPLY)
        say_reply(reply, reply_len);
    else
        puts("drop");
    fflush(stdout);
}

static void take_query(const struct server *s, const char *line)
{
    char from[IPADDR_STRLEN], text[2 * QUERY_SIZE + 1];
    struct ipaddr client;
    uint8_t query[QUERY_SIZE];
    const struct cookie_secrets cookies = {.count = 1, .list = {key}};
    struct query_env env = {.snap = s->snapshot, .cookies = &cookies};

    must(sscanf(line, "%" SCNd64 " %45s %1024s", &env.wall_s, from, text) == 3 &&
             ipaddr_parse(from, strlen(from), &client) == 0,
         "a line is no query");
    env.now = env.wall_s * NSEC_PER_SEC;
    answer(&env, &client, query, read_message(text, query, sizeof(query)));
}

int main(int argc, char **argv)
{
    struct server server = {0};
    char line[LINE_SIZE];

    must(argc == 2, "usage: ask FILE");
    server_open(&server, argv[1]);
    while (read_line(line))
        take_query(&server, line);
    server_close(&server);
    return EXIT_SUCCESS;
}
