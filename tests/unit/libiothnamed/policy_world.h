/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small configurations, made rule by rule, for the tests and the benchmark of the policy. The rows of the
 * sources are the test's own, so that nothing of a real source comes along. */
#ifndef TESTS_POLICY_WORLD_H
#define TESTS_POLICY_WORLD_H

#include "libiothnamed/policy.h"
#include "libiothnamed/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline enum verdict never_called(struct query *query, const struct placement *where)
{
    (void)query;
    (void)where;
    abort();
}

/* The two that the policy knows by name, and two more kinds: with an apex, and one that passes. */
const struct source source_accept = {.keyword = "accept"};
const struct source source_fwd = {.keyword = "fwd", .final = true, .answer = never_called};
static const struct source row_error = {.keyword = "error", .final = true, .answer = never_called};
static const struct source row_static = {
    .keyword = "static", .final = true, .apex = true, .answer = never_called};
static const struct source row_pass = {.keyword = "cache", .answer = never_called};

struct world {
    struct config config;
    unsigned rules_size;
    struct nets *nets;
    struct policy *policy;
};

static inline void *must(void *allocated)
{
    if (!allocated)
        abort();
    return allocated;
}

static inline void world_init(struct world *w, unsigned n_nets, unsigned n_rules)
{
    *w = (struct world){.rules_size = n_rules, .config.n_nets = n_nets};
    w->config.nets = must(arena_alloc(&w->config.arena, n_nets * sizeof(*w->config.nets)));
    w->config.rules = must(calloc(n_rules + 1u, sizeof(*w->config.rules)));
}

static inline void world_fini(struct world *w)
{
    policy_free(w->policy);
    nets_free(w->nets);
    free(w->config.rules);
    arena_fini(&w->config.arena);
}

static inline struct config_name world_name(struct world *w, const char *text)
{
    uint8_t name[DNAME_MAX];
    int len = dname_from_text(text, strlen(text), name);

    if (len < 0)
        abort();
    dname_lower(name, name, (size_t)len);
    return (struct config_name){.wire = must(arena_copy(&w->config.arena, name, (size_t)len)),
                                .len = (uint8_t)len};
}

/* Adds a rule for the nets whose bits are set in `nets`. domain as in a file: "a.b", ".a.b", ".", "ADDR/LEN";
 * NULL: none. No two are alike: each has servers of its own. */
static inline struct config_rule *world_rule(struct world *w, const struct source *source, uint64_t nets,
                                             const char *domain)
{
    struct config_rule *rule = &w->config.rules[w->config.n_rules++];
    unsigned n_nets = (unsigned)__builtin_popcountll(nets);
    unsigned *indices = must(arena_alloc(&w->config.arena, n_nets * sizeof(*indices)));

    if (w->config.n_rules > w->rules_size)
        abort();
    *rule = (struct config_rule){.source = source, .nets = indices, .upstreams = w->config.n_rules};
    for (unsigned net = 0; net < 64; net++)
        if (nets >> net & 1)
            indices[rule->n_nets++] = net;
    if (!domain)
        return rule;
    if (strchr(domain, '/')) {
        rule->domain.kind = DOMAIN_PREFIX;
        if (ipaddr_parse_prefix(domain, strlen(domain), &rule->domain.addr, &rule->domain.bits) < 0)
            abort();
    } else if (domain[0] == '.') {
        rule->domain.kind = DOMAIN_BELOW;
        rule->domain.name = world_name(w, domain[1] ? domain + 1 : domain);
    } else {
        rule->domain.kind = DOMAIN_NAME;
        rule->domain.name = world_name(w, domain);
    }
    return rule;
}

static const struct siphash_key world_key = {{UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543211)}};

static inline void world_build(struct world *w, const struct base_value *bases)
{
    if (nets_build(&w->config, &w->nets) < 0 ||
        policy_build(&w->config, bases, w->nets, &world_key, &w->policy) < 0)
        abort();
}

static inline struct placements world_find(const struct world *w, const char *text)
{
    uint8_t name[DNAME_MAX];
    int len = dname_from_text(text, strlen(text), name);

    if (len < 0)
        abort();
    dname_lower(name, name, (size_t)len);
    return policy_find(w->policy, name);
}

#endif
