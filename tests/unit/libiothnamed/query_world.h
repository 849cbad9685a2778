/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A configuration from text, questions asked of it without a socket, and replies taken apart for the tests.
 */
#ifndef QUERY_WORLD_H
#define QUERY_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libiothnamed/answer.h"
#include "libiothnamed/query.h"
#include <stdio.h>
#include <stdlib.h>

struct world {
    struct upstream_registry registry;
    struct shared_config *config;
    struct query_env env;
    struct cache *cache;
    struct hrev *hrev;
};

static const struct siphash_key world_key = {{1, 2}};
static const struct cookie_secrets world_cookies = {.count = 1, .list = {{{1, 2}}}};

static inline struct snapshot *world_snapshot(struct world *w, const struct base_value *bases)
{
    static const struct base_value none[8];
    struct snapshot *s;
    struct snapshot_parts parts = {
        .bases = bases ? bases : none,
        .registry = &w->registry,
        .key = &world_key,
        .cache = w->cache,
        .hrev = w->hrev,
        .serial = 2026,
    };
    assert_int_equal(snapshot_build(w->config, &parts, &s), 0);
    return s;
}

static inline void world_open(struct world *w, const char *text)
{
    struct diags diags = {0};
    struct config *config;
    *w = (struct world){0};
    int e = config_parse("test.rc", text, strlen(text), &config, &diags);
    for (struct diag *d = diags.first; d && e < 0; d = d->next)
        print_message("%u:%u: %s\n", d->at.line, d->at.column, d->text);
    assert_int_equal(e, 0);
    diags_fini(&diags);
    w->config = shared_config_new(config);
    assert_int_equal(cache_new(1 << 20, &world_key, &w->cache), 0);
    assert_int_equal(hrev_new(1000, &world_key, &w->hrev), 0);
    w->env = (struct query_env){.snap = world_snapshot(w, NULL),
                                .cookies = &world_cookies,
                                .now = 1000 * NSEC_PER_SEC,
                                .wall_s = 1700000000};
}

static inline void world_close(struct world *w)
{
    snapshot_unref((struct snapshot *)w->env.snap);
    shared_config_unref(w->config);
    cache_free(w->cache);
    hrev_free(w->hrev);
    arena_fini(&w->registry.arena);
}

/* A question, with what the tests vary. */
struct ask {
    const char *from;
    const char *name;
    uint16_t type;
    uint16_t flags; /* DNS_RD and friends */
    bool tcp, edns, dnssec_ok;
    uint16_t udp_size;
    const struct forward_given *given;
};

struct got {
    enum outcome outcome;
    uint8_t bytes[DNS_MSG_MAX];
    size_t len;
    struct dns_header header;
    unsigned rcode;
    struct dns_question question;
    struct dns_rr rr[64]; /* all records, in order */
    unsigned n;
    struct forward_need need;
};

static inline size_t make_query(const struct ask *a, uint8_t *out)
{
    uint8_t name[DNAME_MAX];
    assert_true(dname_from_text(a->name, strlen(a->name), name) > 0);
    struct dns_writer w;
    dns_writer_init(&w, out, 512, 0x1234, a->flags);
    dns_put_question(&w, name, a->type, CLASS_IN);
    if (a->edns)
        dns_put_opt(&w, 0, a->dnssec_ok, NULL, 0);
    size_t len = dns_finish(&w);
    if (a->edns && a->udp_size)
        put_be16(out + len - DNS_OPT_LEN + 3, a->udp_size);
    return len;
}

static inline void take_apart(struct got *g)
{
    struct reader r = reader_of(g->bytes, g->len);
    g->header = dns_read_header(&r);
    g->rcode = g->header.flags & DNS_RCODE;
    if (g->header.qdcount)
        dns_read_question(&r, &g->question);
    for (int s = 0; s < 3; s++)
        for (unsigned i = 0; i < g->header.count[s] && g->n < 64; i++)
            dns_read_rr(&r, &g->rr[g->n++]);
    assert_false(r.bad);
    assert_true(g->n == 64 || r.pos == g->len);
}

/* Runs raw bytes. The result is valid until the next call. */
static inline struct got *world_run(struct world *w, const char *from, bool tcp, const uint8_t *packet,
                                    size_t len, const struct forward_given *given)
{
    static struct got g;
    memset(&g, 0, sizeof(g));
    struct ipaddr client;
    assert_int_equal(ipaddr_parse(from, strlen(from), &client), 0);
    g.outcome = query_run(&w->env, &client, tcp, packet, len, given, g.bytes,
                          tcp ? DNS_MSG_MAX : DNS_UDP_EDNS, &g.len, &g.need);
    if (g.outcome == QUERY_REPLY)
        take_apart(&g);
    return &g;
}

static inline struct got *world_ask(struct world *w, struct ask a)
{
    uint8_t packet[512];
    size_t len = make_query(&a, packet);
    return world_run(w, a.from ? a.from : "192.168.1.1", a.tcp, packet, len, a.given);
}

static inline void assert_name(const uint8_t *name, const char *text)
{
    char got[DNAME_TEXT_MAX];
    assert_string_equal(dname_to_text(name, got), text);
}

/* Record i is an address record with this address. */
static inline void assert_addr(const struct got *g, unsigned i, const char *text)
{
    struct ipaddr want;
    assert_int_equal(ipaddr_parse(text, strlen(text), &want), 0);
    assert_true(i < g->n);
    size_t len = g->rr[i].rdlen;
    assert_int_equal(len, ipaddr_is_v4(&want) ? 4 : 16);
    assert_memory_equal(g->bytes + g->rr[i].rdata, want.b + 16 - len, len);
}

#endif
