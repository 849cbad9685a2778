/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From addresses to sets of nets: nested, equal and repeated ranges, both families, sets of one and of many
 * words, and thousands of ranges and addresses by chance against an oracle that looks at every range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libiothnamed/chance.h"
#include "libiothnamed/nets.h"

enum { WORD_BITS = 64 };

static struct ipaddr addr_of(const char *text)
{
    struct ipaddr addr;

    assert_int_equal(ipaddr_parse(text, strlen(text), &addr), 0);
    return addr;
}

static void add_range(struct config *config, unsigned net, struct ipaddr addr, unsigned bits)
{
    struct config_range *range = arena_alloc(&config->arena, sizeof(*range));

    assert_non_null(range);
    *range = (struct config_range){
        .next = (struct config_range *)config->nets[net].ranges, .addr = addr, .bits = bits};
    config->nets[net].ranges = range;
}

static void add_text(struct config *config, unsigned net, const char *prefix)
{
    struct ipaddr addr;
    unsigned bits;

    assert_int_equal(ipaddr_parse_prefix(prefix, strlen(prefix), &addr, &bits), 0);
    add_range(config, net, addr, bits);
}

static void config_init(struct config *config, unsigned n_nets)
{
    *config = (struct config){.n_nets = n_nets};
    config->nets = arena_alloc(&config->arena, n_nets * sizeof(*config->nets));
    assert_non_null(config->nets);
}

static struct nets *build(const struct config *config)
{
    struct nets *nets = NULL;

    assert_int_equal(nets_build(config, &nets), 0);
    assert_int_equal(nets_words(nets), config->n_nets ? (config->n_nets + WORD_BITS - 1) / WORD_BITS : 1);
    return nets;
}

static bool has(netset set, unsigned net)
{
    return set[net / WORD_BITS] >> net % WORD_BITS & 1;
}

/* The nets of the address are those whose numbers `expected` lists, ending with -1. */
static void assert_nets(const struct config *config, const struct nets *nets, const char *text,
                        const int *expected)
{
    struct ipaddr addr = addr_of(text);
    netset set = nets_of(nets, &addr);

    assert_non_null(set);
    for (unsigned net = 0; net < config->n_nets; net++) {
        bool wanted = (int)net == *expected;
        if (has(set, net) != wanted)
            fail_msg("%s: net %u: %d expected", text, net, wanted);
        expected += wanted;
    }
}

#define NETS(...)                                                                                            \
    (const int[])                                                                                            \
    {                                                                                                        \
        __VA_ARGS__, -1                                                                                      \
    }
#define NO_NETS                                                                                              \
    (const int[])                                                                                            \
    {                                                                                                        \
        -1                                                                                                   \
    }

static void no_nets_hold_nobody(void **state)
{
    struct config config;
    struct ipaddr addr = addr_of("10.0.0.1");

    (void)state;
    config_init(&config, 0);
    struct nets *nets = build(&config);
    assert_int_equal(nets_of(nets, &addr)[0], 0);
    nets_free(nets);
    nets_free(NULL);
    arena_fini(&config.arena);
}

static void all_of_ipv6_holds_ipv4_but_not_the_other_way(void **state)
{
    struct config config;

    (void)state;
    config_init(&config, 3);
    add_text(&config, 0, "::/0");
    add_text(&config, 1, "0.0.0.0/0");
    add_text(&config, 2, "::ffff:0:0/96");
    struct nets *nets = build(&config);
    assert_nets(&config, nets, "192.168.1.1", NETS(0, 1, 2));
    assert_nets(&config, nets, "255.255.255.255", NETS(0, 1, 2));
    assert_nets(&config, nets, "fc00::1", NETS(0));
    assert_nets(&config, nets, "::", NETS(0));
    assert_nets(&config, nets, "::fffe:ffff:ffff", NETS(0));
    assert_nets(&config, nets, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NETS(0));
    nets_free(nets);
    arena_fini(&config.arena);
}

static void nested_equal_and_repeated_ranges(void **state)
{
    struct config config;

    (void)state;
    config_init(&config, 5);
    add_text(&config, 0, "10.1.2.0/24");
    add_text(&config, 1, "10.0.0.0/8");
    add_text(&config, 2, "10.1.2.3/32");
    add_text(&config, 3, "10.1.2.77/24"); /* its host bits do not count */
    add_text(&config, 0, "fc00::/64");    /* the same name again */
    add_text(&config, 0, "10.0.0.0/9");
    add_text(&config, 4, "fc00::1/128");
    add_text(&config, 4, "fc00::1/128");
    struct nets *nets = build(&config);
    assert_nets(&config, nets, "10.1.2.3", NETS(0, 1, 2, 3));
    assert_nets(&config, nets, "10.1.2.2", NETS(0, 1, 3));
    assert_nets(&config, nets, "10.1.3.3", NETS(0, 1));
    assert_nets(&config, nets, "10.128.0.1", NETS(1));
    assert_nets(&config, nets, "11.0.0.0", NO_NETS);
    assert_nets(&config, nets, "9.255.255.255", NO_NETS);
    assert_nets(&config, nets, "fc00::1", NETS(0, 4));
    assert_nets(&config, nets, "fc00::", NETS(0));
    assert_nets(&config, nets, "fc00:0:0:1::1", NO_NETS);
    nets_free(nets);
    arena_fini(&config.arena);
}

/* Nets that share nothing: each address is in one of them, whichever word of the set its bit stands in. */
static void each_of_many_nets(void **state)
{
    static const unsigned counts[] = {33, 64, 65, 70, 1000};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(counts); i++) {
        struct config config;
        config_init(&config, counts[i]);
        for (unsigned net = 0; net < counts[i]; net++) {
            char prefix[64];
            snprintf(prefix, sizeof(prefix), "10.%u.%u.0/24", net / 256, net % 256);
            add_text(&config, net, prefix);
        }
        struct nets *nets = build(&config);
        for (unsigned net = 0; net < counts[i]; net++) {
            char addr[64];
            snprintf(addr, sizeof(addr), "10.%u.%u.77", net / 256, net % 256);
            assert_nets(&config, nets, addr, NETS((int)net));
        }
        assert_nets(&config, nets, "10.200.0.1", NO_NETS);
        nets_free(nets);
        arena_fini(&config.arena);
    }
}

static void every_length(void **state)
{
    struct config config;
    struct ipaddr path = addr_of("a5a5:5a5a:ff00:00ff:1234:8765:dead:beef");

    (void)state;
    config_init(&config, 129);
    for (unsigned bits = 0; bits <= 128; bits++)
        add_range(&config, bits, path, bits);
    struct nets *nets = build(&config);
    for (unsigned common = 0; common <= 128; common++) {
        struct ipaddr addr = path;
        if (common < 128)
            addr.b[common / 8] ^= (uint8_t)(0x80 >> common % 8); /* the first bit that differs */
        netset set = nets_of(nets, &addr);
        for (unsigned bits = 0; bits <= 128; bits++)
            assert_int_equal(has(set, bits), bits <= common);
    }
    nets_free(nets);
    arena_fini(&config.arena);
}

/* Addresses with few different bytes, so that ranges nest and addresses hit them. */
static struct ipaddr random_addr(struct chance *c)
{
    struct ipaddr addr = {0};
    unsigned from = 0;

    if (chance_below(c, 2)) {
        addr.b[10] = addr.b[11] = 0xff;
        from = 12;
    }
    for (unsigned i = from; i < 16; i++)
        addr.b[i] = (uint8_t)(chance_below(c, 3) ? 0 : 1u << chance_below(c, 8));
    return addr;
}

static void against_the_oracle(struct chance *c, unsigned n_nets, unsigned n_ranges, unsigned n_addrs)
{
    struct config config;

    config_init(&config, n_nets);
    for (unsigned i = 0; i < n_ranges; i++) {
        struct ipaddr addr = random_addr(c);
        unsigned bits = ipaddr_is_v4(&addr) ? 96 + chance_below(c, 33) : chance_below(c, 129);
        add_range(&config, chance_below(c, n_nets), addr, bits);
    }
    struct nets *nets = build(&config);
    for (unsigned i = 0; i < n_addrs; i++) {
        struct ipaddr addr = random_addr(c);
        netset set = nets_of(nets, &addr);
        for (unsigned net = 0; net < n_nets; net++) {
            bool wanted = false;
            for (const struct config_range *r = config.nets[net].ranges; r && !wanted; r = r->next)
                wanted = ipaddr_same_prefix(&r->addr, &addr, r->bits);
            assert_int_equal(has(set, net), wanted);
        }
    }
    nets_free(nets);
    arena_fini(&config.arena);
}

static void random_ranges(void **state)
{
    struct chance c = {20260101};

    (void)state;
    for (unsigned round = 0; round < 200; round++)
        against_the_oracle(&c, 1 + chance_below(&c, 8), chance_below(&c, 30), 100);
    against_the_oracle(&c, 33, 300, 2000);
    against_the_oracle(&c, 70, 700, 2000);
    against_the_oracle(&c, 1000, 5000, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_nets_hold_nobody),
        cmocka_unit_test(all_of_ipv6_holds_ipv4_but_not_the_other_way),
        cmocka_unit_test(nested_equal_and_repeated_ranges),
        cmocka_unit_test(each_of_many_nets),
        cmocka_unit_test(every_length),
        cmocka_unit_test(random_ranges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
