/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the look-ups of each query cost, in nanoseconds, one thread: `hot` asks for a few things again and
 * again, `cold` for very many by chance, so that most are not in the processor's caches. */
#include <inttypes.h>
#include <malloc.h>

#include "base/clock.h"
#include "libiothnamed/cache.h"
#include "libiothnamed/chance.h"
#include "libiothnamed/hrev.h"
#include "libiothnamed/list.h"
#include "libiothnamed/policy_world.h"

enum { ASKED = 1 << 16 }; /* different questions, a power of two */

static const struct siphash_key secret = {{UINT64_C(0x1122334455667788), UINT64_C(0x99aabbccddeeff00)}};
static volatile uint64_t sink;

/* Calls ask(arg, i) for i = 0..asked-1, round and round, and prints the time of one call. */
static void measure(const char *what, void (*ask)(void *arg, unsigned i), void *arg, unsigned asked)
{
    enum { CALLS = 4000000 };
    nsec_t start;

    for (unsigned i = 0; i < asked; i++)
        ask(arg, i);
    start = monotonic_now();
    for (unsigned i = 0; i < CALLS; i++)
        ask(arg, i & (asked - 1));
    printf("%-44s %6.1f ns\n", what, (double)(monotonic_now() - start) / CALLS);
}

static size_t text_name(uint8_t name[static DNAME_MAX], const char *text)
{
    int len = dname_from_text(text, strlen(text), name);

    if (len < 0)
        abort();
    return (size_t)len;
}

/* ---- nets */

struct nets_bench {
    struct nets *nets;
    struct ipaddr clients[ASKED];
};

static void ask_nets(void *arg, unsigned i)
{
    struct nets_bench *b = arg;

    sink += nets_of(b->nets, &b->clients[i])[0];
}

static void bench_nets(const char *what, unsigned n_nets)
{
    static struct nets_bench b;
    struct chance c = {1};
    struct world w;

    world_init(&w, n_nets, 0);
    struct config_range *ranges = must(calloc(n_nets, sizeof(*ranges)));
    for (unsigned i = 0; i < n_nets; i++) {
        ranges[i] = (struct config_range){.addr = {{[10] = 0xff, [11] = 0xff}}, .bits = 96 + 24};
        put_be32(ranges[i].addr.b + 12, (uint32_t)chance_next(&c));
        if (i % 2) {
            put_be32(ranges[i].addr.b, UINT32_C(0x20010db8));
            put_be32(ranges[i].addr.b + 4, (uint32_t)chance_next(&c));
            ranges[i].bits = 64;
        }
        w.config.nets[i].ranges = &ranges[i];
    }
    for (unsigned i = 0; i < ASKED; i++) {
        b.clients[i] = ranges[chance_below(&c, n_nets)].addr;
        b.clients[i].b[15] = (uint8_t)i;
    }
    if (nets_build(&w.config, &b.nets) < 0)
        abort();
    measure(what, ask_nets, &b, ASKED);
    nets_free(b.nets);
    free(ranges);
    world_fini(&w);
}

/* ---- policy */

struct policy_bench {
    struct policy *policy;
    uint8_t names[ASKED][32];
};

static void ask_policy(void *arg, unsigned i)
{
    struct policy_bench *b = arg;

    sink += policy_find(b->policy, b->names[i]).count;
}

static void policy_names(struct policy_bench *b, const char *format, unsigned below)
{
    struct chance c = {2};

    for (unsigned i = 0; i < ASKED; i++) {
        uint8_t name[DNAME_MAX];
        char text[64];
        unsigned number = chance_below(&c, below);
        snprintf(text, sizeof(text), format, number, number % 1000);
        memcpy(b->names[i], name, text_name(name, text));
    }
}

/* n names to be refused, as a list of advertisers is, and the rules of a caching proxy behind them. */
static void bench_policy(unsigned n)
{
    static struct policy_bench b;
    struct world w;
    char text[64];

    world_init(&w, 2, n);
    for (unsigned i = 0; i < n - 3; i++) {
        snprintf(text, sizeof(text), "ad%u.net%u.example", i, i % 1000);
        world_rule(&w, &row_error, 3, text)->upstreams = 0; /* all alike */
    }
    world_rule(&w, &row_static, 1, ".test.local");
    world_rule(&w, &row_pass, 3, ".");
    world_rule(&w, &source_fwd, 3, ".");
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    nsec_t start = monotonic_now();
    world_build(&w, NULL);
    printf("policy of %u rules: built in %.1f ms, %zu KiB\n", n, (double)(monotonic_now() - start) / 1e6,
           (mallinfo2().uordblks + mallinfo2().hblkhd - before) / 1024);
    b.policy = w.policy;
    policy_names(&b, "www.foo%u.ba%u.it", 1000000);
    measure("  policy_find, 4 labels, no own rule, hot", ask_policy, &b, 64);
    measure("  policy_find, 4 labels, no own rule, cold", ask_policy, &b, ASKED);
    policy_names(&b, "w.ad%u.net%u.example", n);
    measure("  policy_find, 4 labels, below a rule, hot", ask_policy, &b, 64);
    measure("  policy_find, 4 labels, below a rule, cold", ask_policy, &b, ASKED);
    policy_names(&b, "ad%u.net%u.example", n);
    measure("  policy_find, 3 labels, own rule, hot", ask_policy, &b, 64);
    measure("  policy_find, 3 labels, own rule, cold", ask_policy, &b, ASKED);
    world_fini(&w);
}

/* ---- lists */

struct list_bench {
    struct list *list;
    uint8_t names[ASKED][32];
};

static void ask_list(void *arg, unsigned i)
{
    struct list_bench *b = arg;

    sink += (uint64_t)list_find(b->list, b->names[i]);
}

static void list_names(struct list_bench *b, const char *format, unsigned below)
{
    struct chance c = {4};

    for (unsigned i = 0; i < ASKED; i++) {
        uint8_t name[DNAME_MAX];
        char text[64];
        unsigned number = chance_below(&c, below);
        snprintf(text, sizeof(text), format, number, number % 1000);
        memcpy(b->names[i], name, text_name(name, text));
    }
}

/* A list of n names; trees: each with all below it. */
static void bench_list(unsigned n, bool trees)
{
    static struct list_bench b;
    struct list_draft draft = {0};
    size_t text_bytes = 0;

    for (unsigned i = 0; i < n; i++) {
        uint8_t name[DNAME_MAX];
        char text[64];
        text_bytes += (size_t)snprintf(text, sizeof(text), "ad%u.net%u.example", i, i % 1000);
        size_t len = text_name(name, text);
        if (list_draft_add(&draft, name, len, trees) < 0)
            abort();
    }
    nsec_t start = monotonic_now();
    if (list_build(&draft, &secret, &b.list) < 0)
        abort();
    printf("list of %u %s: built in %.1f ms, %.1f bytes a name beside its text\n", n,
           trees ? "trees" : "names", (double)(monotonic_now() - start) / 1e6,
           ((double)list_bytes(b.list) - (double)text_bytes) / n);
    list_names(&b, "www.foo%u.ba%u.it", 1000000);
    measure("  list_find, 4 labels, not in it, hot", ask_list, &b, 64);
    measure("  list_find, 4 labels, not in it, cold", ask_list, &b, ASKED);
    list_names(&b, "ad%u.net%u.example", n);
    measure("  list_find, in it, hot", ask_list, &b, 64);
    measure("  list_find, in it, cold", ask_list, &b, ASKED);
    list_free(b.list);
}

/* ---- cache */

struct cache_bench {
    struct cache *cache;
    uint8_t names[ASKED][32];
    struct cache_key keys[ASKED];
    uint8_t reply[512];
};

static void copy(void *arg, const struct cache_found *found)
{
    struct cache_bench *b = arg;

    memcpy(b->reply, found->value, found->len);
    sink += found->age_s;
}

static void ask_cache(void *arg, unsigned i)
{
    struct cache_bench *b = arg;

    const struct cache_terms terms = {.now = NSEC_PER_SEC};

    sink += cache_get(b->cache, &b->keys[i], &terms, copy, b);
}

static void put_cache(void *arg, unsigned i)
{
    static const uint8_t value[100];
    struct cache_bench *b = arg;

    cache_put(b->cache, &b->keys[i], value, sizeof(value), NSEC_PER_SEC, 1000);
}

static void bench_cache(void)
{
    static struct cache_bench b;

    if (cache_new(64 << 20, &secret, &b.cache) < 0)
        abort();
    for (unsigned i = 0; i < ASKED; i++) {
        uint8_t name[DNAME_MAX];
        char text[64];
        snprintf(text, sizeof(text), "www.site%u.example.com", i);
        size_t len = text_name(name, text);
        memcpy(b.names[i], name, len);
        b.keys[i] = (struct cache_key){
            .upstreams = 1, .type = 1, .class = 1, .name = b.names[i], .name_len = (uint8_t)len};
    }
    measure("cache miss, cold", ask_cache, &b, ASKED);
    measure("cache put, 100 bytes, cold", put_cache, &b, ASKED);
    measure("cache hit, 100 bytes copied, hot", ask_cache, &b, 64);
    measure("cache hit, 100 bytes copied, cold", ask_cache, &b, ASKED);
    cache_free(b.cache);
}

/* ---- hrev */

struct hrev_bench {
    struct hrev *hrev;
    nsec_t time;
    uint8_t names[ASKED][32];
    size_t lens[ASKED];
    struct ipaddr addrs[ASKED];
};

static void ask_hrev(void *arg, unsigned i)
{
    static const struct ipaddr client = {{0xfc, [15] = 1}};
    struct hrev_bench *b = arg;

    b->time += 1000; /* a million questions a second */
    hrev_learn(b->hrev, &b->addrs[i], b->names[i], b->lens[i], &client, b->time,
               b->time + 600 * NSEC_PER_SEC);
}

static void find_hrev(void *arg, unsigned i)
{
    struct hrev_bench *b = arg;
    uint8_t name[DNAME_MAX];

    sink += (uint64_t)hrev_find(b->hrev, &b->addrs[i], b->time, name);
}

static void bench_hrev(void)
{
    static struct hrev_bench b;
    struct chance c = {3};

    for (unsigned i = 0; i < ASKED; i++) {
        uint8_t name[DNAME_MAX];
        char text[64];
        snprintf(text, sizeof(text), "host%u.hash.local", i);
        b.lens[i] = text_name(name, text);
        memcpy(b.names[i], name, b.lens[i]);
        b.addrs[i] = (struct ipaddr){{0xfc}};
        put_be32(b.addrs[i].b + 8, (uint32_t)chance_next(&c));
        put_be32(b.addrs[i].b + 12, (uint32_t)chance_next(&c));
    }
    if (hrev_new(ASKED + ASKED / 4, &secret, &b.hrev) < 0)
        abort();
    measure("hrev refresh, hot", ask_hrev, &b, 64);
    measure("hrev refresh, cold", ask_hrev, &b, ASKED);
    measure("hrev find, cold", find_hrev, &b, ASKED);
    hrev_free(b.hrev);
    if (hrev_new(ASKED / 4, &secret, &b.hrev) < 0)
        abort();
    measure("hrev learn, full: one out, one in", ask_hrev, &b, ASKED);
    hrev_free(b.hrev);
}

int main(void)
{
    bench_nets("nets_of, 4 nets", 4);
    bench_nets("nets_of, 33 nets", 33);
    bench_nets("nets_of, 1000 nets", 1000);
    bench_policy(10);
    bench_policy(100000);
    bench_policy(1000000);
    bench_list(10, false);
    bench_list(1000000, false);
    bench_list(10, true);
    bench_list(1000000, true);
    bench_cache();
    bench_hrev();
    return 0;
}
