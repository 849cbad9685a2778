/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of local meaning: every zone of the registries, what lies beside them, and rules that name them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "libiothnamed/local_names.h"

static unsigned zone_of(const char *text, unsigned named_labels)
{
    uint8_t name[DNAME_MAX];

    assert_true(dname_from_text(text, strlen(text), name) > 0);
    return local_names_zone(name, named_labels);
}

/* A name, and the labels of its zone; 0: it is forwarded. */
static const struct {
    const char *name;
    unsigned labels;
} rows[] = {
    /* RFC 6303 s4, RFC 7793 */
    {"10.in-addr.arpa", 3},
    {"1.2.3.10.in-addr.arpa", 3},
    {"15.172.in-addr.arpa", 0},
    {"16.172.in-addr.arpa", 4},
    {"1.31.172.in-addr.arpa", 4},
    {"32.172.in-addr.arpa", 0},
    {"172.in-addr.arpa", 0},
    {"1.1.168.192.in-addr.arpa", 4},
    {"167.192.in-addr.arpa", 0},
    {"1.0.in-addr.arpa", 3},
    {"1.0.0.127.in-addr.arpa", 3},
    {"1.254.169.in-addr.arpa", 4},
    {"2.0.192.in-addr.arpa", 5},
    {"3.0.192.in-addr.arpa", 0},
    {"9.100.51.198.in-addr.arpa", 5},
    {"9.113.0.203.in-addr.arpa", 5},
    {"255.255.255.255.in-addr.arpa", 6},
    {"254.255.255.255.in-addr.arpa", 0},
    {"63.100.in-addr.arpa", 0},
    {"64.100.in-addr.arpa", 4},
    {"127.100.in-addr.arpa", 4},
    {"128.100.in-addr.arpa", 0},
    {"8.8.8.8.in-addr.arpa", 0},
    {"in-addr.arpa", 0},
    {"0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", 34},
    {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", 34},
    {"2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", 0},
    {"0.d.f.ip6.arpa", 4},
    {"0.c.f.ip6.arpa", 0},
    {"8.e.f.ip6.arpa", 5},
    {"0.b.e.f.ip6.arpa", 5},
    {"c.e.f.ip6.arpa", 0},
    {"1.8.b.d.0.1.0.0.2.ip6.arpa", 10},
    {"9.b.d.0.1.0.0.2.ip6.arpa", 0},
    {"b._dns-sd._udp.0.1.168.192.in-addr.arpa", 4},
    /* RFC 6761 and its registry */
    {"localhost", 1},
    {"a.localhost", 1},
    {"x.invalid", 1},
    {"x.test", 1},
    {"printer.local", 1},
    {"x.onion", 1},
    {"x.alt", 1},
    {"home.arpa", 2},
    {"tv.home.arpa", 2},
    {"_dns.resolver.arpa", 2},
    {"_matter._tcp.default.service.arpa", 2},
    {"example", 0}, /* s6.5: not for caching servers */
    {"www.example.com", 0},
    {"localhost.example.com", 0},
    {"xlocalhost", 0},
    {"home.example", 0},
    {"ipv4only.arpa", 0},
    {"arpa", 0},
    {".", 0},
};

static void each_zone(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        if (zone_of(rows[i].name, 0) != rows[i].labels)
            fail_msg("%s: zone of %u labels, expected %u", rows[i].name, zone_of(rows[i].name, 0),
                     rows[i].labels);
    }
}

/* A rule whose own domain lies in the zone speaks of it. */
static void rules_that_name_them(void **state)
{
    (void)state;
    assert_int_equal(zone_of("www.lan.test", 1), 0);
    assert_int_equal(zone_of("1.0.0.10.in-addr.arpa", 3), 0);
    assert_int_equal(zone_of("1.0.0.10.in-addr.arpa", 2), 3); /* in-addr.arpa alone does not */
    assert_int_equal(zone_of("tv.home.arpa", 1), 2);
    assert_int_equal(zone_of("tv.home.arpa", 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_zone),
        cmocka_unit_test(rules_that_name_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
