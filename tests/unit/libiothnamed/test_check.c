/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The warnings about configurations without errors: each where it belongs, and none where it does not. */
#include "config_world.h"

#include <time.h>

#define NS "option nsname ns.test\n" /* so that no apex is warned of */

static void test_nothing_to_say(void **state)
{
    (void)state;

    expect_reports("", "0:0: warning: no auth line: every question is refused\n");
    expect_reports("net n ::/0\nauth accept n\nauth error n x.y\nauth static n .a.b\nauth static n a.b\n"
                   "static NS a.b ns.c\nauth cache n .\nauth fwd n .\ndns 192.0.2.1",
                   "");
}

static void test_unused_nets(void **state)
{
    (void)state;

    expect_reports("net a ::/0\nnet b ::/0\nnet b fc00::/8\nauth accept a\n",
                   "2:5: warning: no rule uses the net b\n");
}

static void test_fwd_without_servers(void **state)
{
    (void)state;

    expect_reports("net n ::/0\nauth fwd n .a 1.1.1.1\nauth fwd n .\n",
                   "3:1: warning: fwd without servers to ask, expected dns lines or servers in the rule\n");
}

static void test_own_addresses(void **state)
{
    static const char own[] =
        " is this server itself: questions that lead there get SERVFAIL, expected another\n";
    static const struct {
        const char *text, *which; /* NULL: none of them */
    } rows[] = {
        {"dns ::1", "5:5: warning: ::1@53"},
        {"dns 127.0.0.53", "5:5: warning: 127.0.0.53@53"},
        {"dns 127.0.0.53@5353", NULL},
        {"dns 127.0.0.53@5353\noption port 5353", "5:5: warning: 127.0.0.53@5353"},
        {"dns 127.0.0.53\noption listen 127.0.0.1", NULL},
        {"dns 192.0.2.1", NULL},
        {"option listen 192.0.2.1\ndns 192.0.2.1", "6:5: warning: 192.0.2.1@53"},
        {"option listen 192.0.2.1\ndns 192.0.2.2\nauth fwd n .c 192.0.2.3 192.0.2.1",
         "7:25: warning: 192.0.2.1@53"},
        {"dns 127.0.0.1\nfstack stack=vdestack", NULL},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        char text[400], expected[200] = "";
        snprintf(text, sizeof(text), "net n ::/0\nauth accept n\n\nauth fwd n .a 192.0.2.9\n%s\n",
                 rows[i].text);
        if (rows[i].which)
            snprintf(expected, sizeof(expected), "%s%s", rows[i].which, own);
        expect_reports(text, expected);
    }
}

/* Rules for the nets a (10/8), in (10.1/16) and all, and whether the last of them is reached. */
static const struct {
    const char *rules;
    unsigned by; /* the line that answers before it; 0: it is reached */
} reached[] = {
    {"auth error a x.y\nauth cache a x.y", 5},
    {"auth cache a x.y\nauth error a x.y", 0}, /* cache passes */
    {"auth error a x.y\nauth cache in X.Y", 5},
    {"auth error in x.y\nauth cache a x.y", 0},
    {"auth error in,a x.y\nauth cache a,in x.y", 5},
    {"auth error in x.y\nauth error a .y\nauth cache in,a x.y", 6},
    {"auth error in x.y\nauth cache in,a x.y", 0},
    {"auth error all x.y\nauth cache a,in x.y", 5},
    {"auth error a .y\nauth cache a x.y", 5},
    {"auth error a .y\nauth cache a .x.y", 5},
    {"auth error a .y\nauth cache a .y", 5},
    {"auth error a .y\nauth cache a y", 0},
    {"auth error a .\nauth cache a y", 5},
    {"auth error a .\nauth cache a .", 5},
    {"auth error a .\nauth error a @names", 5},
    {"auth error a .y\nauth error a @names", 0},
    {"auth error a @names\nauth error a @names refused", 5},
    {"auth error a @names\nauth error a @others", 0},
    {"auth error a @names\nauth cache a x.y", 0},
    {"auth error a @names\nauth cache a .", 0},
    {"auth error a .\nauth cache a 10.0.0.0/8", 5},
    {"auth error a .in-addr.arpa\nauth cache a 10.0.0.0/8", 5},
    {"auth error a .10.in-addr.arpa\nauth cache a 10.0.0.0/8", 0}, /* not the prefix's own name */
    {"auth error a .10.in-addr.arpa\nauth cache a 10.0.0.0/12", 5},
    {"auth error a .10.in-addr.arpa\nauth cache a 10.1.0.0/16", 5},
    {"auth error a 10.0.0.0/8\nauth cache a 10.1.0.0/16", 5},
    {"auth error a 10.1.0.0/16\nauth cache a 10.0.0.0/8", 0},
    {"auth error a 10.0.0.0/8\nauth cache a 1.10.in-addr.arpa", 5},
    {"auth error a 10.0.0.0/12\nauth cache a 10.in-addr.arpa", 0},
    {"auth error a ::/0\nauth cache a 10.0.0.0/8", 0}, /* ip6.arpa alone */
    {"auth error a ::/0\nauth cache a fc00::/8", 5},
    {"auth error a .ip6.arpa\nauth hrev a base/64", 5},
    {"auth error a base/48\nauth hrev a base/64", 5},
    {"auth error a base/65\nauth hrev a base/64", 0},
    {"auth error a other/48\nauth hrev a base/64", 0},
    {"auth static a .y\nauth fwd a .x.y", 5},
};

static void expect_reached(const char *rules, unsigned by)
{
    char text[512], expected[100];

    snprintf(text, sizeof(text),
             NS "dns ::2\nnet a 10.0.0.0/8\nnet in 10.1.0.0/16\n%s\nnet all ::/0\nauth accept a,in,all\n",
             rules);
    struct outcome o = parse(text);
    snprintf(expected, sizeof(expected), "never reached: the rule of line %u answers before it\n", by);
    assert_int_equal(o.result, 0);
    if (by > 0 ? o.warnings != 1 || !strstr(o.reports, expected) : o.warnings != 0)
        fail_msg("%s\n%s", rules, o.reports);
    outcome_fini(&o);
}

static void test_reached(void **state)
{
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(reached); i++)
        expect_reached(reached[i].rules, reached[i].by);
}

#define APEX(name)                                                                                           \
    "NS questions about " name " will be answered with no data, expected a static NS there or option "       \
    "nsname\n"

static void test_apex(void **state)
{
    (void)state;

    expect_reports("net n ::/0\nauth static n .a.b", "2:15: warning: " APEX("a.b"));
    expect_reports(
        "net n ::/0\nauth hash n .a.b fc00::\nauth static n .a.b", /* once */
        "2:13: warning: " APEX("a.b") "3:1: warning: this rule is never reached: the rule of line 2 answers "
                                      "before it\n");
    expect_reports("net n ::/0\nauth otip n .a.b fc00:: pw\noption nsname x", "");
    expect_reports("net n ::/0\nauth static n .a.b\nstatic NS a.b ns.c", "");
    expect_reports("net n ::/0\nauth static n a.b\nauth hash n .a.b fc00::", "3:13: warning: " APEX("a.b"));
    expect_reports("net n ::/0\nauth hash n .a.b fc00::\nauth fwd n .\ndns ::2", ""); /* fwd decides */
    expect_reports("net n ::/0\nnet m ::1/128\nauth hash n .a.b fc00::\nauth fwd m .\ndns ::2",
                   "3:13: warning: " APEX("a.b")); /* but not for everybody */
    expect_reports("net n ::/0\nauth static n .", "");
    expect_reports("net n ::/0\nauth error n .a.b\nauth cache n .c", "");
}

static void test_bases(void **state)
{
    (void)state;

    expect_reports(
        NS "net n ::/0\nauth hash n .a base\nauth hrev n base/64",
        "3:16: warning: the address of base cannot be known, expected a static AAAA or a dns line\n");
    expect_reports(NS "net n ::/0\nauth hash n .a base\nstatic AAAA Base fc00::", "");
    expect_reports(NS "net n ::/0\nauth hash n .a base\ndns ::2", "");
}

static void test_shown_records(void **state)
{
    (void)state;

    expect_reports(
        NS
        "net n ::/0\nauth static n .a.b\nauth static n 10.0.0.0/8\nauth static n c\n"
        "static A x.a.b 1.1.1.1\nstatic A c 1.1.1.1\nstatic PTR 10.1.1.1 c\nstatic SOA a.b x y 1 2 3 4 5\n",
        "");
    expect_reports(
        NS "net n ::/0\nauth static n .a.b\nauth static n 10.0.0.0/8\nauth static n c\n"
           "static A a.b 1.1.1.1\nstatic A x.c 1.1.1.1\nstatic PTR 11.1.1.1 c\nstatic AAAA d fc00::\n",
        "6:1: warning: no static rule shows this record of a.b\n"
        "7:1: warning: no static rule shows this record of x.c\n"
        "8:1: warning: no static rule shows this record of 1.1.1.11.in-addr.arpa\n"
        "9:1: warning: no static rule shows this record of d\n");
    /* The base is known here: its reverse names alone. */
    expect_reports(
        NS "net n ::/0\nauth static n d/64\nstatic AAAA d fc00::\nstatic PTR fc00::1 x\nstatic PTR fc01::1 x",
        "6:1: warning: no static rule shows this record of "
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.c.f.ip6.arpa\n");
    expect_reports(NS "net n ::/0\nauth static n d/64\nstatic PTR fc01::1 x\ndns ::2",
                   ""); /* and here it may be any */
}

static void test_errors_silence_warnings(void **state)
{
    (void)state;

    expect_reports("net n ::/0\nauth fwd n .\nx",
                   "3:1: error: unknown directive 'x', expected one of stack, rstack, "
                   "fstack, dns, net, auth, static, option\n");
}

/* A list of names to refuse, and as many records: checked in no time that a person would notice. It is processor
 * time, since others may keep the machine busy, and long enough for memcheck. */
static void test_large(void **state)
{
    enum { COUNT = 100000, SECONDS_AT_MOST = 30 };
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    const clock_t before = clock();
    (void)state;

    fputs(NS "net n ::/0\nauth static n .x\n", f);
    for (int i = 0; i < COUNT; i++)
        fprintf(f, "auth error n host%d.example\nstatic A host%d.x 10.0.0.1\n", i, i);
    fclose(f);
    struct outcome o = parse(text);
    assert_string_equal(o.reports, "");
    assert_int_equal(o.config->n_rules, COUNT + 1);
    assert_int_equal(o.config->n_records, COUNT);
    assert_true((clock() - before) / CLOCKS_PER_SEC < SECONDS_AT_MOST);
    outcome_fini(&o);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_say),
        cmocka_unit_test(test_unused_nets),
        cmocka_unit_test(test_fwd_without_servers),
        cmocka_unit_test(test_own_addresses),
        cmocka_unit_test(test_reached),
        cmocka_unit_test(test_apex),
        cmocka_unit_test(test_bases),
        cmocka_unit_test(test_shown_records),
        cmocka_unit_test(test_errors_silence_warnings),
        cmocka_unit_test(test_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
