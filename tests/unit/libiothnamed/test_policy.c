/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which rules match a name: every kind of domain, the order of the file, apexes, prefixes that end inside an
 * octet or a nibble, a hundred thousand names, and configurations by chance against an oracle that looks at
 * every rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "libiothnamed/chance.h"
#include "libiothnamed/policy_trie.h"
#include "libiothnamed/policy_world.h"

/* What a look-up is to give, in short: "0 2 1@" are the rules 0 and 2 and the implicit apex of rule 1. */
static void assert_finds(const struct world *w, const char *name, const char *expected)
{
    struct placements found = world_find(w, name);
    char text[1024] = "";
    size_t len = 0;

    for (unsigned i = 0; i < found.count; i++) {
        const struct placement *p = &found.list[i];
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d%s", i ? " " : "",
                                (int)(p->rule - w->config.rules), p->implicit_apex ? "@" : "");
    }
    if (strcmp(text, expected) != 0)
        fail_msg("%s: \"%s\" expected, \"%s\" found", name, expected, text);
}

static void no_rules_match_nothing(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 1, 0);
    world_build(&w, NULL);
    assert_finds(&w, ".", "");
    assert_finds(&w, "a.b", "");
    assert_int_equal(
        policy_served(w.policy)[0] | policy_accepted(w.policy)[0] | policy_forwarded(w.policy)[0], 0);
    world_fini(&w);
    policy_free(NULL);
}

static void names_and_names_below(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 2, 5);
    world_rule(&w, &row_pass, 1, "a.b");
    world_rule(&w, &row_pass, 1, ".a.b");
    world_rule(&w, &row_pass, 1, ".");
    world_rule(&w, &row_pass, 1, "x.a.b");
    world_rule(&w, &row_pass, 1, ".b");
    world_build(&w, NULL);
    assert_finds(&w, ".", "2");
    assert_finds(&w, "b", "2");
    assert_finds(&w, "a.b", "0 2 4");
    assert_finds(&w, "A.B", "0 2 4");
    assert_finds(&w, "x.a.b", "1 2 3 4");
    assert_finds(&w, "y.a.b", "1 2 4");
    assert_finds(&w, "y.x.a.b", "1 2 4");
    assert_finds(&w, "xa.b", "2 4");
    assert_finds(&w, "a.c", "2");
    world_fini(&w);
}

static void root_alone(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 1, 1);
    struct config_rule *rule = world_rule(&w, &row_pass, 1, "x");
    rule->domain.name = world_name(&w, ".");
    world_build(&w, NULL);
    assert_finds(&w, ".", "0");
    assert_finds(&w, "a", "");
    world_fini(&w);
}

static void where_the_domain_stands(void **state)
{
    struct world w;
    static const unsigned labels[] = {0, 1, 2, 3};

    (void)state;
    world_init(&w, 1, 4);
    world_rule(&w, &row_pass, 1, ".");
    world_rule(&w, &row_pass, 1, ".b");
    world_rule(&w, &row_pass, 1, ".a.b");
    world_rule(&w, &row_pass, 1, "x.a.b");
    world_build(&w, NULL);
    struct placements found = world_find(&w, "x.a.b");
    assert_int_equal(found.count, 4);
    for (unsigned i = 0; i < found.count; i++)
        assert_int_equal(found.list[i].apex_labels, labels[i]);
    world_fini(&w);
}

static void apexes_come_last(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 4, 8);
    world_rule(&w, &row_static, 1, ".a.b");   /* 0 */
    world_rule(&w, &row_static, 2, ".a.b");   /* 1 */
    world_rule(&w, &row_pass, 1, ".a.b");     /* 2: has no apex */
    world_rule(&w, &row_pass, 15, ".");       /* 3 */
    world_rule(&w, &row_static, 4, "a.b");    /* 4 */
    world_rule(&w, &row_static, 8, ".");      /* 5: the root has no apex of its own */
    world_rule(&w, &row_static, 1, ".c.a.b"); /* 6: never reached, and its apex stays */
    world_rule(&w, &row_static, 2, ".d");     /* 7 */
    world_build(&w, NULL);
    assert_finds(&w, "a.b", "3 4 5 0@ 1@");
    assert_finds(&w, "x.a.b", "0 1 3 5");
    assert_finds(&w, "c.a.b", "0 1 3 5 6@");
    assert_finds(&w, "x.c.a.b", "0 1 3 5");
    assert_finds(&w, "d", "3 5 7@");
    assert_finds(&w, ".", "3 5");

    struct placements found = world_find(&w, "a.b");
    assert_int_equal(found.list[3].apex_labels, 2);
    assert_int_equal(found.list[3].nets[0], 1);
    assert_int_equal(found.list[4].nets[0], 2);
    world_fini(&w);
}

static void unreachable_rules_are_left_out(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 3, 6);
    world_rule(&w, &row_error, 1, "ads.example");
    world_rule(&w, &row_error, 2, "ads.example");
    world_rule(&w, &row_pass, 3, ".");
    world_rule(&w, &source_fwd, 7, ".");
    world_rule(&w, &row_pass, 7, ".");
    world_rule(&w, &row_error, 7, "late.example");
    world_build(&w, NULL);
    assert_finds(&w, "ads.example", "0 1 3");
    assert_finds(&w, "late.example", "2 3");
    assert_finds(&w, "x.ads.example", "2 3");
    world_fini(&w);
}

static void prefixes_on_a_border(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 1, 8);
    world_rule(&w, &row_pass, 1, "192.168.1.0/24");
    world_rule(&w, &row_pass, 1, "10.0.0.0/8");
    world_rule(&w, &row_pass, 1, "10.1.2.3/32");
    world_rule(&w, &row_pass, 1, "0.0.0.0/0");
    world_rule(&w, &row_pass, 1, "fc00::/64");
    world_rule(&w, &row_pass, 1, "fc00::1/128");
    world_rule(&w, &row_pass, 1, "::/0");
    world_rule(&w, &row_pass, 1, ".168.192.in-addr.arpa");
    world_build(&w, NULL);
    assert_finds(&w, "1.168.192.in-addr.arpa", "0 3 6 7");
    assert_finds(&w, "7.1.168.192.in-addr.arpa", "0 3 6 7");
    assert_finds(&w, "x.7.1.168.192.in-addr.arpa", "0 3 6 7");
    assert_finds(&w, "2.168.192.in-addr.arpa", "3 6 7");
    assert_finds(&w, "168.192.in-addr.arpa", "3 6");
    assert_finds(&w, "10.in-addr.arpa", "1 3 6");
    assert_finds(&w, "3.2.1.10.in-addr.arpa", "1 2 3 6");
    assert_finds(&w, "in-addr.arpa", "3 6");
    assert_finds(&w, "arpa", "");
    assert_finds(&w, "ip6.arpa", "6");
    assert_finds(&w, "0.0.0.0.0.0.0.0.0.0.0.0.0.c.f.ip6.arpa", "6");
    assert_finds(&w, "0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.f.ip6.arpa", "4 6");
    assert_finds(&w, "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.f.ip6.arpa", "4 6");
    assert_finds(&w, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.f.ip6.arpa", "4 5 6");
    assert_finds(&w, "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.f.ip6.arpa", "4 6");
    world_fini(&w);
}

static void prefixes_inside_an_octet_or_a_nibble(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 1, 4);
    world_rule(&w, &row_pass, 1, "10.16.0.0/12");
    world_rule(&w, &row_pass, 1, "128.0.0.0/1");
    world_rule(&w, &row_pass, 1, "192.168.1.252/30");
    world_rule(&w, &row_pass, 1, "2000::/3");
    world_build(&w, NULL);
    for (unsigned octet = 0; octet < 256; octet++) {
        char name[64];
        snprintf(name, sizeof(name), "%u.10.in-addr.arpa", octet);
        assert_finds(&w, name, octet / 16 == 1 ? "0" : "");
        snprintf(name, sizeof(name), "7.%u.10.in-addr.arpa", octet);
        assert_finds(&w, name, octet / 16 == 1 ? "0" : "");
        snprintf(name, sizeof(name), "%u.in-addr.arpa", octet);
        assert_finds(&w, name, octet >= 128 ? "1" : "");
        snprintf(name, sizeof(name), "%u.1.168.192.in-addr.arpa", octet);
        assert_finds(&w, name, octet >= 252 ? "1 2" : "1");
    }
    assert_finds(&w, "10.in-addr.arpa", "");
    for (unsigned nibble = 0; nibble < 16; nibble++) {
        char name[64];
        snprintf(name, sizeof(name), "%x.ip6.arpa", nibble);
        assert_finds(&w, name, nibble / 2 == 1 ? "3" : "");
        snprintf(name, sizeof(name), "5.%x.ip6.arpa", nibble);
        assert_finds(&w, name, nibble / 2 == 1 ? "3" : "");
    }
    struct placements found = world_find(&w, "20.10.in-addr.arpa");
    assert_int_equal(found.list[0].apex_labels, 4);
    world_fini(&w);
}

static void prefixes_of_bases(void **state)
{
    struct world w;
    struct base_value bases[3] = {
        {.known = true, .count = 3}, {.known = false, .count = 1}, {.known = true, .count = 0}};

    (void)state;
    assert_int_equal(ipaddr_parse("fc00::", 6, &bases[0].addrs[0]), 0);
    assert_int_equal(ipaddr_parse("fc00::1", 7, &bases[0].addrs[1]), 0); /* the same /64 */
    assert_int_equal(ipaddr_parse("fd00::1", 7, &bases[0].addrs[2]), 0);
    assert_int_equal(ipaddr_parse("fe00::", 6, &bases[1].addrs[0]), 0);
    world_init(&w, 1, 4);
    for (unsigned base = 0; base < ARRAY_LEN(bases); base++) {
        struct config_rule *rule = world_rule(&w, &row_pass, 1, NULL);
        rule->domain = (struct config_domain){.kind = DOMAIN_BASE_PREFIX, .bits = 64, .base = base};
    }
    world_rule(&w, &row_pass, 1, ".");
    w.config.n_bases = ARRAY_LEN(bases);
    world_build(&w, bases);
    assert_finds(&w, "0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.f.ip6.arpa", "0 3");
    assert_finds(&w, "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.f.ip6.arpa", "0 3");
    assert_finds(&w, "0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", "0 3");
    assert_finds(&w, "0.0.0.0.0.0.0.0.0.0.0.0.0.0.e.f.ip6.arpa", "3");
    world_fini(&w);
}

static void unions_of_nets(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 70, 5);
    world_rule(&w, &source_accept, 1, NULL);
    world_rule(&w, &row_error, 2, "a");
    struct config_rule *far = world_rule(&w, &source_fwd, 4, ".");
    world_rule(&w, &source_fwd, 8, "b");
    world_rule(&w, &source_accept, 16, NULL);
    unsigned *indices = must(arena_alloc(&w.config.arena, sizeof(*indices)));
    indices[0] = 69;
    far->nets = indices;
    world_build(&w, NULL);
    assert_int_equal(policy_accepted(w.policy)[0], 17);
    assert_int_equal(policy_accepted(w.policy)[1], 0);
    assert_int_equal(policy_served(w.policy)[0], 10);
    assert_int_equal(policy_served(w.policy)[1], 32);
    assert_int_equal(policy_forwarded(w.policy)[0], 8);
    assert_int_equal(policy_forwarded(w.policy)[1], 32);
    struct placements found = world_find(&w, "x");
    assert_int_equal(found.count, 1);
    assert_int_equal(found.list[0].nets[1], 32);
    world_fini(&w);
}

static void equal_lists_are_one(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, 2, 4);
    world_rule(&w, &row_pass, 1, "x.y.a.b");
    world_rule(&w, &row_pass, 1, "10.16.0.0/12");
    world_rule(&w, &row_pass, 1, ".");
    world_rule(&w, &row_pass, 2, ".");
    world_build(&w, NULL);
    assert_ptr_equal(world_find(&w, "b").list, world_find(&w, "q.x.y.a.b").list);
    assert_ptr_equal(world_find(&w, "y.a.b").list, world_find(&w, ".").list);
    assert_ptr_equal(world_find(&w, "16.10.in-addr.arpa").list, world_find(&w, "31.10.in-addr.arpa").list);
    assert_ptr_equal(world_find(&w, "16.10.in-addr.arpa").list, world_find(&w, "1.16.10.in-addr.arpa").list);
    world_fini(&w);
}

/* Rules that differ in their domains alone are one to queries, so names have their list in common. */
static void rules_that_are_alike(void **state)
{
    struct world w;
    char text[32];

    (void)state;
    world_init(&w, 2, 102);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "%sn%u.example", i % 2 ? "." : "", i);
        world_rule(&w, &row_error, i < 80 ? 1 : 2, text)->upstreams = 7;
    }
    world_rule(&w, &row_error, 1, "other.example")->upstreams = 8;
    world_rule(&w, &source_fwd, 3, ".");
    world_build(&w, NULL);

    struct placements first = world_find(&w, "n0.example");
    assert_int_equal(first.count, 2);
    assert_ptr_equal(first.list[0].rule, &w.config.rules[0]);
    for (unsigned i = 0; i < 80; i += 2) {
        snprintf(text, sizeof(text), "n%u.example", i);
        assert_ptr_equal(world_find(&w, text).list, first.list);
    }
    assert_int_equal(world_find(&w, "n1.example").count, 1);
    assert_ptr_equal(world_find(&w, "x.n3.example").list, world_find(&w, "x.n1.example").list);
    assert_ptr_equal(world_find(&w, "x.n1.example").list[0].rule,
                     &w.config.rules[1]); /* a domain of its kind */
    assert_ptr_equal(world_find(&w, "n80.example").list[0].rule, &w.config.rules[80]);
    assert_ptr_equal(world_find(&w, "other.example").list[0].rule, &w.config.rules[100]);
    world_fini(&w);
}

static void a_hundred_thousand_names(void **state)
{
    enum { N = 100000 };
    struct world w;

    (void)state;
    world_init(&w, 2, N + 2);
    for (unsigned i = 0; i < N; i++) {
        char name[64];
        snprintf(name, sizeof(name), "ad%u.net%u.example", i, i % 1000);
        world_rule(&w, &row_error, 3, name);
    }
    world_rule(&w, &row_pass, 3, ".");
    world_rule(&w, &source_fwd, 1, ".");
    world_build(&w, NULL);
    for (unsigned i = 0; i < N; i++) {
        char name[64], expected[64];
        snprintf(name, sizeof(name), "ad%u.net%u.example", i, i % 1000);
        snprintf(expected, sizeof(expected), "%u", i);
        assert_finds(&w, name, expected);
        snprintf(name, sizeof(name), "ad%u.net%u.example", i, (i + 1) % 1000);
        assert_finds(&w, name, "100000 100001");
    }
    assert_ptr_equal(world_find(&w, "net7.example").list, world_find(&w, "some.where.else").list);
    assert_ptr_equal(world_find(&w, "q.ad7.net7.example").list, world_find(&w, ".").list);
    world_fini(&w);
}

/* The longest name there is: 127 labels. */
static void the_deepest_name(void **state)
{
    struct world w;
    char text[2 * DNAME_LABELS_MAX + 1];

    (void)state;
    for (unsigned i = 0; i < DNAME_LABELS_MAX; i++)
        memcpy(text + 2 * i, "a.", 2);
    text[2 * DNAME_LABELS_MAX - 1] = '\0';
    world_init(&w, 1, 2);
    world_rule(&w, &row_pass, 1, text);
    world_rule(&w, &row_pass, 1, ".a.a.a");
    world_build(&w, NULL);
    assert_finds(&w, text, "0 1");
    assert_finds(&w, text + 2, "1");
    text[0] = 'b';
    assert_finds(&w, text, "1");
    world_fini(&w);
}

enum { TWIN_SIZE = 32 };

/* Two names below "example" that look alike in their slots: the same place, hash bits and length. */
static void find_twins(char a[static TWIN_SIZE], char b[static TWIN_SIZE])
{
    enum { N = 1 << 18, TABLE = 1 << 20, FIRST_SLOTS_MASK = 63 };
    uint64_t parent = name_hash_down(name_hash_root(&world_key), (const uint8_t *)"\7example");
    uint64_t *seen = must(calloc(TABLE, sizeof(*seen)));
    bool found = false;

    for (unsigned i = 0; i < N && !found; i++) {
        uint8_t name[DNAME_MAX];
        snprintf(b, TWIN_SIZE, "n%07u.example", i);
        int len = dname_from_text(b, strlen(b), name);
        assert_true(len > 0);
        uint64_t hash = name_hash_down(parent, name);
        uint64_t look = (hash >> 32 & FIRST_SLOTS_MASK) << 32 | policy_tag(hash, (size_t)len);
        uint64_t at = (look * UINT64_C(0x9e3779b97f4a7c15)) >> 44;
        for (; seen[at] && !found; at = (at + 1) % TABLE) {
            found = (seen[at] & ((UINT64_C(1) << 40) - 1)) == look;
            if (found)
                snprintf(a, TWIN_SIZE, "n%07u.example", (unsigned)(seen[at] >> 40) - 1);
        }
        seen[at] = (i + UINT64_C(1)) << 40 | look;
    }
    free(seen);
    assert_true(found);
}

static void names_that_look_alike_are_told_apart(void **state)
{
    char a[TWIN_SIZE], b[TWIN_SIZE], below_a[TWIN_SIZE + 2], below_b[TWIN_SIZE + 2];
    struct world w;

    (void)state;
    find_twins(a, b);
    snprintf(below_a, sizeof(below_a), "x.%s", a);
    snprintf(below_b, sizeof(below_b), "x.%s", b);

    world_init(&w, 1, 3); /* one of them is there */
    world_rule(&w, &row_pass, 1, a);
    world_rule(&w, &row_pass, 1, ".example");
    world_rule(&w, &row_pass, 1, ".");
    world_build(&w, NULL);
    assert_finds(&w, a, "0 1 2");
    assert_finds(&w, b, "1 2");
    assert_finds(&w, below_b, "1 2");
    world_fini(&w);

    for (unsigned order = 0; order < 2; order++) { /* both are, and one has names below it */
        world_init(&w, 1, 4);
        world_rule(&w, &row_pass, 1, order ? b : below_a);
        world_rule(&w, &row_pass, 1, order ? below_a : b);
        world_rule(&w, &row_pass, 1, ".example");
        world_build(&w, NULL);
        assert_finds(&w, b, order ? "0 2" : "1 2");
        assert_finds(&w, a, "2");
        assert_finds(&w, below_a, order ? "1 2" : "0 2");
        assert_finds(&w, below_b, "2");
        world_fini(&w);
    }
}

/* ---- against an oracle */

static void prefix_of_reverse_name(const uint8_t *name, struct ipaddr *addr, int *bits)
{
    *bits = -1;
    for (unsigned labels = dname_labels(name); labels >= 2 && *bits < 0; labels--)
        *bits = dname_reverse_addr(dname_suffix(name, labels), addr);
}

static bool oracle_matches(const struct config_domain *domain, const uint8_t *name)
{
    struct ipaddr addr;
    int bits;

    switch (domain->kind) {
    case DOMAIN_NAME:
        return dname_equal(name, dname_len(name), domain->name.wire, domain->name.len);
    case DOMAIN_BELOW:
        return domain->name.len == 1 ||
               (dname_within(name, domain->name.wire) && dname_len(name) != domain->name.len);
    case DOMAIN_PREFIX:
        prefix_of_reverse_name(name, &addr, &bits);
        return bits >= (int)domain->bits && ipaddr_same_prefix(&addr, &domain->addr, domain->bits);
    default:
        return false;
    }
}

static uint64_t nets_mask(const struct config_rule *rule)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < rule->n_nets; i++)
        mask |= UINT64_C(1) << rule->nets[i];
    return mask;
}

static void assert_like_oracle(const struct world *w, const uint8_t *name)
{
    struct placements found = policy_find(w->policy, name);
    uint64_t taken = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < w->config.n_rules; i++) {
        const struct config_rule *rule = &w->config.rules[i];
        if (!rule->source->answer || !oracle_matches(&rule->domain, name) || (nets_mask(rule) & ~taken) == 0)
            continue;
        assert_true(n < found.count);
        assert_ptr_equal(found.list[n].rule, rule);
        assert_int_equal(found.list[n].nets[0], nets_mask(rule));
        assert_false(found.list[n].implicit_apex);
        if (rule->domain.kind != DOMAIN_PREFIX)
            assert_int_equal(found.list[n].apex_labels, dname_labels(rule->domain.name.wire));
        if (rule->source->final)
            taken |= nets_mask(rule);
        n++;
    }
    for (unsigned i = 0; i < w->config.n_rules; i++) {
        const struct config_rule *rule = &w->config.rules[i];
        const struct config_domain *domain = &rule->domain;
        if (!rule->source->apex || domain->kind != DOMAIN_BELOW || domain->name.len == 1 ||
            !dname_equal(name, dname_len(name), domain->name.wire, domain->name.len))
            continue;
        assert_true(n < found.count);
        assert_ptr_equal(found.list[n].rule, rule);
        assert_true(found.list[n].implicit_apex);
        n++;
    }
    assert_int_equal(found.count, n);
}

/* Text of a name of few short labels, or of a reverse name of few different octets and nibbles. */
static void random_text(struct chance *c, char text[static 256])
{
    size_t len = 0;
    unsigned kind = chance_below(c, 4);

    text[0] = '\0';
    for (unsigned i = 1 + chance_below(c, 5); i > 0; i--) {
        if (kind == 0)
            len += (size_t)snprintf(text + len, 256 - len, "%u.", chance_below(c, 3) * 85u);
        else if (kind == 1)
            len += (size_t)snprintf(text + len, 256 - len, "%x.", chance_below(c, 4) * 4);
        else
            len += (size_t)snprintf(text + len, 256 - len, "%.*s.", 1 + (int)chance_below(c, 20),
                                    chance_below(c, 2) ? "abcdefghijklmnopqrstuvwxyz"
                                                       : "bananabananabananabanana");
    }
    if (kind == 0)
        snprintf(text + len, 256 - len, "in-addr.arpa");
    if (kind == 1)
        snprintf(text + len, 256 - len, "ip6.arpa");
}

static void random_rule(struct world *w, struct chance *c)
{
    static const struct source *const rows[] = {&row_error, &row_static, &row_pass, &source_fwd};
    const struct source *source = rows[chance_below(c, ARRAY_LEN(rows))];
    uint64_t nets = 1 + chance_below(c, 15);
    char text[257] = ".";

    switch (chance_below(c, 8)) {
    case 0:
        world_rule(w, source, nets, ".");
        break;
    case 1:
        snprintf(text, sizeof(text), "%u.%u.0.0/%u", chance_below(c, 3) * 85u, chance_below(c, 3) * 85u,
                 chance_below(c, 33));
        world_rule(w, source, nets, text);
        break;
    case 2:
        snprintf(text, sizeof(text), "%x%x%x0::/%u", chance_below(c, 4) * 4, chance_below(c, 4) * 4,
                 chance_below(c, 4) * 4, 1 + chance_below(c, 20));
        world_rule(w, source, nets, text);
        break;
    case 3:
        random_text(c, text);
        world_rule(w, source, nets, text);
        break;
    default:
        random_text(c, text + 1);
        world_rule(w, source, nets, text);
        break;
    }
}

static void random_rules_and_names(void **state)
{
    struct chance c = {20260202};

    (void)state;
    for (unsigned round = 0; round < 400; round++) {
        struct world w;
        unsigned n_rules = chance_below(&c, 60);
        world_init(&w, 4, n_rules);
        for (unsigned i = 0; i < n_rules; i++)
            random_rule(&w, &c);
        world_build(&w, NULL);
        for (unsigned i = 0; i < 200; i++) {
            char text[256];
            uint8_t name[DNAME_MAX];
            random_text(&c, text);
            assert_true(dname_from_text(text, strlen(text), name) > 0);
            assert_like_oracle(&w, dname_suffix(name, chance_below(&c, dname_labels(name) + 1)));
        }
        for (unsigned i = 0; i < n_rules; i++)
            if (w.config.rules[i].domain.name.wire)
                assert_like_oracle(&w, w.config.rules[i].domain.name.wire);
        world_fini(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_rules_match_nothing),
        cmocka_unit_test(names_and_names_below),
        cmocka_unit_test(root_alone),
        cmocka_unit_test(where_the_domain_stands),
        cmocka_unit_test(apexes_come_last),
        cmocka_unit_test(unreachable_rules_are_left_out),
        cmocka_unit_test(prefixes_on_a_border),
        cmocka_unit_test(prefixes_inside_an_octet_or_a_nibble),
        cmocka_unit_test(prefixes_of_bases),
        cmocka_unit_test(unions_of_nets),
        cmocka_unit_test(equal_lists_are_one),
        cmocka_unit_test(rules_that_are_alike),
        cmocka_unit_test(a_hundred_thousand_names),
        cmocka_unit_test(the_deepest_name),
        cmocka_unit_test(names_that_look_alike_are_told_apart),
        cmocka_unit_test(random_rules_and_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
