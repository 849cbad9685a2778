/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Destination address selection: the examples of RFC 6724 s10, each rule by itself, gai.conf(5), and chance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libiothdns/addrorder.h"

#pragma GCC visibility push(default) /* shared libraries are linked with these as well */
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

static bool no_memory;

void *__wrap_calloc(size_t n, size_t size)
{
    return no_memory ? NULL : __real_calloc(n, size);
}

void *__wrap_malloc(size_t size)
{
    return no_memory ? NULL : __real_malloc(size);
}
#pragma GCC visibility pop

static struct addrorder_policy rfc_policy;

/* Destinations in the order in which they are expected, each with the source that the RFC says. */
struct destination {
    const char *dst, *src; /* src NULL: it cannot be reached; "ADDR/LEN" if the length matters */
    bool deprecated, home, tunnelled, mapped;
    unsigned ifindex;
};

enum { DESTINATIONS_MAX = 4 };

static struct ipaddr address(const char *text)
{
    struct ipaddr addr;

    assert_int_equal(ipaddr_parse(text, strlen(text), &addr), 0);
    return addr;
}

static struct addrorder_candidate candidate(const struct destination *d)
{
    struct addrorder_candidate c = {
        .dst = address(d->dst),
        .has_source = d->src != NULL,
        .deprecated = d->deprecated,
        .home = d->home,
        .tunnelled = d->tunnelled,
        .mapped = d->mapped,
        .src_ifindex = d->ifindex,
    };
    unsigned bits = 0;

    if (d->src && ipaddr_parse_prefix(d->src, strlen(d->src), &c.src, &bits) < 0)
        c.src = address(d->src);
    c.src_bits = (uint8_t)bits;
    return c;
}

/* Whatever the order in which they are told, they come out as written. `stable`: no rule tells them apart. */
static void expect(const struct addrorder_policy *policy, const struct destination *d, bool stable)
{
    struct addrorder_candidate in[DESTINATIONS_MAX];
    unsigned n = 0, order[DESTINATIONS_MAX];

    while (n < DESTINATIONS_MAX && d[n].dst)
        n++;
    for (unsigned shift = 0; shift < n; shift++) {
        for (unsigned i = 0; i < n; i++)
            in[(i + shift) % n] = candidate(&d[i]);
        assert_int_equal(addrorder_sort(policy, in, n, order), 0);
        for (unsigned i = 0; i < n; i++)
            assert_int_equal(order[i], stable ? i : (i + shift) % n);
        for (unsigned i = 0; i < n; i++) /* and told back to front */
            in[(2 * n - 1 - i - shift) % n] = candidate(&d[i]);
        assert_int_equal(addrorder_sort(policy, in, n, order), 0);
        for (unsigned i = 0; i < n; i++)
            assert_int_equal(order[i], stable ? i : (2 * n - 1 - i - shift) % n);
    }
}

static struct addrorder_policy policy_of(const char *text)
{
    struct addrorder_policy policy;

    assert_int_equal(addrorder_policy_parse(text, strlen(text), &policy), 0);
    return policy;
}

#define TO(to, from, ...)                                                                                    \
    {                                                                                                        \
        .dst = to, .src = from, __VA_ARGS__                                                                  \
    }
#define ORDER(...)                                                                                           \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }

static void rfc6724_s10_2(void **state)
{
    static const struct destination examples[][DESTINATIONS_MAX] = {
        /* prefer matching scope */
        ORDER(TO("2001:db8:1::1", "2001:db8:1::2"), TO("198.51.100.121", "169.254.13.78")),
        ORDER(TO("198.51.100.121", "198.51.100.117"), TO("2001:db8:1::1", "fe80::1")),
        /* prefer higher precedence */
        ORDER(TO("2001:db8:1::1", "2001:db8:1::2"), TO("10.1.2.3", "10.1.2.4")),
        /* prefer smaller scope */
        ORDER(TO("fe80::1", "fe80::2"), TO("2001:db8:1::1", "2001:db8:1::2")),
        /* prefer home address */
        ORDER(TO("2001:db8:1::1", "2001:db8:3::1", .home = true), TO("fe80::1", "fe80::2")),
        /* avoid deprecated addresses */
        ORDER(TO("2001:db8:1::1", "2001:db8:1::2"), TO("fe80::1", "fe80::2", .deprecated = true)),
        /* longest matching prefix */
        ORDER(TO("2001:db8:1::1", "2001:db8:1::2"), TO("2001:db8:3ffe::1", "2001:db8:3f44::2")),
        /* prefer matching label */
        ORDER(TO("2002:c633:6401::1", "2002:c633:6401::2"), TO("2001:db8:1::1", "2002:c633:6401::2")),
        /* prefer higher precedence */
        ORDER(TO("2001:db8:1::1", "2001:db8:1::2"), TO("2002:c633:6401::1", "2002:c633:6401::2")),
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(examples); i++)
        expect(&rfc_policy, examples[i], false);
}

static void rfc6724_s10_3_ipv4_is_preferred(void **state)
{
    static const struct destination examples[][DESTINATIONS_MAX] = {
        ORDER(TO("2001:db8:1::1", "2001:db8:1::2"), TO("198.51.100.121", "169.254.13.78")), /* scope */
        ORDER(TO("198.51.100.121", "198.51.100.117"), TO("2001:db8:1::1", "fe80::1")),      /* scope */
        ORDER(TO("10.1.2.3", "10.1.2.4"), TO("2001:db8:1::1", "2001:db8:1::2")),            /* precedence */
    };
    struct addrorder_policy policy = policy_of("precedence ::1/128 50\n"
                                               "precedence ::/0 40\n"
                                               "precedence ::ffff:0:0/96 100\n"
                                               "precedence 2002::/16 30\n"
                                               "precedence 2001::/32 5\n"
                                               "precedence fc00::/7 3\n"
                                               "precedence ::/96 1\n"
                                               "precedence fec0::/10 1\n"
                                               "precedence 3ffe::/16 1\n");

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(examples); i++)
        expect(&policy, examples[i], false);
}

static void rfc6724_s10_4_global_before_link_local(void **state)
{
    static const struct destination by_precedence[DESTINATIONS_MAX] =
        ORDER(TO("2001:db8:1::1", "2001:db8:1::2"), TO("fe80::1", "fe80::2"));
    static const struct destination deprecated[DESTINATIONS_MAX] =
        ORDER(TO("fe80::1", "fe80::2"), TO("2001:db8:1::1", "2001:db8:1::2", .deprecated = true));
    struct addrorder_policy policy = policy_of("precedence ::1/128 50\n"
                                               "precedence ::/0 40\n"
                                               "precedence ::ffff:0:0/96 35\n"
                                               "precedence fe80::/10 33\n");

    (void)state;
    expect(&policy, by_precedence, false);
    expect(&policy, deprecated, false);
}

/* Two sites with a fast and dear connection between them and a usual one to the world. */
static void rfc6724_s10_5_multi_homed_site(void **state)
{
    static const struct destination by_prefix[DESTINATIONS_MAX] =
        ORDER(TO("2001:db8:70bb::b", "2001:db8:70aa::a"), TO("2001:db8:1bbb::b", "2001:db8:1aaa::a"));
    static const struct destination by_precedence[DESTINATIONS_MAX] =
        ORDER(TO("2001:db8:1bbb::b", "2001:db8:1aaa::a"), TO("2001:db8:70bb::b", "2001:db8:70aa::a"));
    struct addrorder_policy policy =
        policy_of("precedence ::1/128 50\nlabel ::1/128 0\n"
                  "precedence 2001:db8:1aaa::/48 43\nlabel 2001:db8:1aaa::/48 6\n"
                  "precedence 2001:db8:1bbb::/48 43\nlabel 2001:db8:1bbb::/48 6\n"
                  "precedence ::/0 40\nlabel ::/0 1\n"
                  "precedence ::ffff:0:0/96 35\nlabel ::ffff:0:0/96 4\n");

    (void)state;
    expect(&rfc_policy, by_prefix, false);
    expect(&policy, by_precedence, false);
}

static void rfc6724_s10_6_unique_local_addresses(void **state)
{
    static const struct destination foreign[DESTINATIONS_MAX] =
        ORDER(TO("2001:db8:2::2", "2001:db8:1::1"), TO("fd22:2222:2222:2::2", "fd11:1111:1111:1::1"));
    static const struct destination own_default[DESTINATIONS_MAX] =
        ORDER(TO("2001:db8:1::2", "2001:db8:1::1"), TO("fd11:1111:1111:1::2", "fd11:1111:1111:1::1"));
    static const struct destination own[DESTINATIONS_MAX] =
        ORDER(TO("fd11:1111:1111:1::2", "fd11:1111:1111:1::1"), TO("2001:db8:1::2", "2001:db8:1::1"));
    struct addrorder_policy policy =
        policy_of("precedence ::1/128 50\nlabel ::1/128 0\n"
                  "precedence fd11:1111:1111::/48 45\nlabel fd11:1111:1111::/48 14\n"
                  "precedence ::/0 40\nlabel ::/0 1\n"
                  "precedence ::ffff:0:0/96 35\nlabel ::ffff:0:0/96 4\n"
                  "precedence fc00::/7 3\nlabel fc00::/7 13\n");

    (void)state;
    expect(&rfc_policy, foreign, false);
    expect(&rfc_policy, own_default, false);
    expect(&policy, foreign, false);
    expect(&policy, own, false);
}

static void rfc6724_s10_7_6to4(void **state)
{
    static const struct destination own_default[DESTINATIONS_MAX] =
        ORDER(TO("2001:db8:1::2", "2001:db8:1::1"), TO("2002:c633:6401:1::2", "2002:c633:6401:1::1"));
    static const struct destination own[DESTINATIONS_MAX] =
        ORDER(TO("2002:c633:6401:1::2", "2002:c633:6401:1::1"), TO("2001:db8:1::2", "2001:db8:1::1"));
    struct addrorder_policy policy =
        policy_of("precedence ::1/128 50\nlabel ::1/128 0\n"
                  "precedence 2002:c633:6401::/48 45\nlabel 2002:c633:6401::/48 14\n"
                  "precedence ::/0 40\nlabel ::/0 1\n"
                  "precedence 2002::/16 30\nlabel 2002::/16 2\n");

    (void)state;
    expect(&rfc_policy, own_default, false);
    expect(&policy, own, false);
}

static void each_rule(void **state)
{
    static const struct destination examples[][DESTINATIONS_MAX] = {
        /* 1, before all others */
        ORDER(TO("198.51.100.1", "127.0.0.1", .deprecated = true), TO("2001:db8::1", NULL)),
        /* 2: loopback and autoconfigured IPv4 addresses are of link scope, private ones of global scope */
        ORDER(TO("127.0.0.1", "127.0.0.1"), TO("fec0::1", "2001:db8::1")),
        ORDER(TO("198.51.100.1", "10.0.0.1"), TO("198.51.100.2", "169.254.0.1")),
        ORDER(TO("ff02::1", "fe80::1"), TO("ff05::1", "2001:db8::2")),
        /* 3 before 4 before 5 before 6 */
        ORDER(TO("2002::1", "2001:db8::1"),
              TO("2001:db8::1", "2001:db8::2", .deprecated = true, .home = true)),
        ORDER(TO("2002::1", "2001:db8::1", .home = true), TO("2001:db8::1", "2001:db8::2")),
        ORDER(TO("198.51.100.1", "198.51.100.2"), TO("2001:db8::1", "2002::1")),
        /* 6: the world before unique local addresses, also the IPv4 one */
        ORDER(TO("::1", "::1"), TO("2001:db8::1", "2001:db8::2"), TO("198.51.100.1", "198.51.100.2"),
              TO("fd00::1", "fd00::2")),
        /* 7, unless it is one interface */
        ORDER(TO("2001:db8:1::1", "2001:db8:1::2", .ifindex = 2),
              TO("fe80::1", "fe80::2", .tunnelled = true, .ifindex = 3)),
        ORDER(TO("fe80::1", "fe80::2", .tunnelled = true, .ifindex = 2),
              TO("2001:db8:1::1", "2001:db8:1::2", .ifindex = 2)),
        /* 8 */
        ORDER(TO("ff02::1", "fe80::1"), TO("2001:db8::1", "2001:db8::2")),
        /* 9: all bits of IPv6 addresses */
        ORDER(TO("2001:db8::2", "2001:db8::1/64"), TO("2001:db8::ff", "2001:db8::1/64")),
        /* of IPv4 addresses those of the own subnet */
        ORDER(TO("10.0.0.2", "10.0.0.1/24"), TO("10.0.0.200", "10.0.0.1/24"), TO("10.0.1.1", "10.0.0.1/24")),
        ORDER(TO("10.0.0.1", "10.0.0.1"), TO("10.0.0.3", "10.0.0.1")),
        /* of IPv4 addresses asked for as IPv6 ones all again; and these are of global scope */
        ORDER(TO("10.0.0.1", "10.0.0.2", .mapped = true), TO("127.0.0.1", "10.0.0.2", .mapped = true)),
        ORDER(TO("10.0.1.1", "10.0.0.1/24", .mapped = true), TO("11.0.1.1", "10.0.0.1/24", .mapped = true)),
    };
    static const struct destination equal[][DESTINATIONS_MAX] = {
        ORDER(TO("127.0.0.1", "127.0.0.1", .mapped = true), TO("127.0.0.1", "127.0.0.1", .mapped = true)),
        ORDER(TO("198.51.100.1", "10.0.0.1/8"), TO("198.51.100.1", "10.0.0.1/8"),
              TO("198.51.100.1", "10.0.0.1/8")),
        ORDER(TO("2001:db8::1", NULL), TO("2001:db8::1", NULL)),
        ORDER(TO("10.0.0.2", "10.0.0.1")),
        {{.dst = NULL}},
    };
    static const struct destination far[] = {TO("11.9.9.9", "10.0.0.1/24"), TO("10.9.9.9", "10.0.0.1/24")};
    struct addrorder_candidate in[] = {candidate(&far[0]), candidate(&far[1])};
    unsigned order[2];

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(examples); i++)
        expect(&rfc_policy, examples[i], false);
    for (unsigned i = 0; i < ARRAY_LEN(equal); i++)
        expect(&rfc_policy, equal[i], true);
    for (unsigned turn = 0; turn < 2; turn++) { /* 10: they take turns as the server gives them */
        struct addrorder_candidate first = in[0];
        assert_int_equal(addrorder_sort(&rfc_policy, in, 2, order), 0);
        assert_int_equal(order[0], 0);
        assert_int_equal(order[1], 1);
        in[0] = in[1];
        in[1] = first;
    }
}

static void assert_same_table(const struct addrorder_table *a, const struct addrorder_table *b)
{
    assert_int_equal(a->n, b->n);
    for (unsigned i = 0; i < a->n; i++) {
        assert_memory_equal(&a->rows[i].prefix, &b->rows[i].prefix, sizeof(a->rows[i].prefix));
        assert_int_equal(a->rows[i].bits, b->rows[i].bits);
        assert_int_equal(a->rows[i].value, b->rows[i].value);
    }
}

static void files(void **state)
{
    struct addrorder_policy policy;
    static const struct destination by_scope[DESTINATIONS_MAX] =
        ORDER(TO("198.51.100.9", "198.51.100.1"), TO("198.51.100.9", "10.0.0.1"));

    (void)state;
    policy = policy_of("");
    assert_same_table(&policy.precedence, &rfc_policy.precedence);
    policy = policy_of(
        "# label ::/0 1\nlabel\nlabel ::/0\nlabel ::/129 1\nlabel ::/0 -1\nlabel ::/0 x\nreload yes\n"
        "scopev4 ::/95 1\nlabel ::/0 99999999999\nprecedence ::x/1 1\nLABEL ::/0 1");
    assert_same_table(&policy.precedence, &rfc_policy.precedence);
    assert_same_table(&policy.label, &rfc_policy.label);
    assert_same_table(&policy.scope4, &rfc_policy.scope4);

    policy = policy_of("  precedence\t2001:db8::/32   7 # ours\nprecedence 10.0.0.0/8 9\r\nprecedence "
                       "2001:db8::1/128 3\nprecedence 2001:db8::2 3\n");
    assert_same_table(&policy.label, &rfc_policy.label);
    assert_int_equal(policy.precedence.n, 4);
    static const struct {
        unsigned bits;
        int value;
    } rows[] = {{128, 3}, {104, 9}, {32, 7}, {0, 40}};
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(policy.precedence.rows[i].bits, rows[i].bits);
        assert_int_equal(policy.precedence.rows[i].value, rows[i].value);
    }

    policy = policy_of("scopev4 10.0.0.0/8 5\nscopev4 ::ffff:169.254.0.0/112 2\n");
    assert_int_equal(policy.scope4.n, 3);
    expect(&policy, by_scope, false);
}

static void too_many_rows_and_bytes(void **state)
{
    static char text[ADDRORDER_FILE_MAX + 1];
    struct addrorder_policy policy;
    size_t len = 0;

    (void)state;
    while (len + 16 < sizeof(text) && len < 3000 * 16) {
        memcpy(text + len, "label ::1/128 7\n", 16);
        len += 16;
    }
    assert_int_equal(addrorder_policy_parse(text, len, &policy), 0);
    assert_int_equal(policy.label.n, ADDRORDER_ROWS_MAX);
    assert_int_equal(policy.label.rows[ADDRORDER_ROWS_MAX - 1].bits, 0);
    assert_int_equal(addrorder_policy_parse(text, sizeof(text), &policy), -EFBIG);
    no_memory = true;
    int error = addrorder_policy_parse(text, 10, &policy);
    no_memory = false;
    assert_int_equal(error, -ENOMEM);
}

/* Comparisons by these rules need not be transitive; what comes out is a permutation all the same. */
static void by_chance(void **state)
{
    enum { N = 500 };
    static struct addrorder_candidate in[N];
    static unsigned order[N];
    static bool seen[N];

    (void)state;
    srand(1);
    for (unsigned round = 0; round < 50; round++) {
        unsigned n = (unsigned)rand() % (N + 1);
        memset(seen, 0, sizeof(seen));
        for (unsigned i = 0; i < n; i++) {
            uint8_t *bytes = (uint8_t *)&in[i];
            for (unsigned k = 0; k < sizeof(in[i]); k++)
                bytes[k] = (uint8_t)(rand() & 1);
            in[i].mapped = rand() & 1;
            in[i].dst = rand() & 1 ? address("10.0.0.1") : in[i].dst;
            in[i].has_source = rand() & 1;
            in[i].deprecated = in[i].home = in[i].tunnelled = false;
        }
        assert_int_equal(addrorder_sort(&rfc_policy, in, n, order), 0);
        for (unsigned i = 0; i < n; i++) {
            assert_true(order[i] < n && !seen[order[i]]);
            seen[order[i]] = true;
        }
    }
    assert_int_equal(addrorder_sort(&rfc_policy, in, ADDRORDER_MAX + 1, order), -E2BIG);
    no_memory = true;
    int error = addrorder_sort(&rfc_policy, in, 2, order);
    no_memory = false;
    assert_int_equal(error, -ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc6724_s10_2),
        cmocka_unit_test(rfc6724_s10_3_ipv4_is_preferred),
        cmocka_unit_test(rfc6724_s10_4_global_before_link_local),
        cmocka_unit_test(rfc6724_s10_5_multi_homed_site),
        cmocka_unit_test(rfc6724_s10_6_unique_local_addresses),
        cmocka_unit_test(rfc6724_s10_7_6to4),
        cmocka_unit_test(each_rule),
        cmocka_unit_test(files),
        cmocka_unit_test(too_many_rows_and_bytes),
        cmocka_unit_test(by_chance),
    };

    addrorder_policy_default(&rfc_policy);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
