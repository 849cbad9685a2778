/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* resolv.conf(5): every keyword and option, what is skipped, the environment, the short form, and no memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libiothdns/resolve.h"

#include <errno.h>
#include <stdlib.h>

static int allocations_left = -1; /* -1: as many as wanted */

static bool allocation_fails(void)
{
    return allocations_left == 0 || (allocations_left > 0 && allocations_left-- == 0);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size)
{
    return allocation_fails() ? NULL : __real_malloc(size);
}

char *__wrap_strdup(const char *text)
{
    return allocation_fails() ? NULL : __real_strdup(text);
}

static struct resolvconf parse_env(const char *text, const struct resolvconf_env *env)
{
    struct resolvconf conf;

    assert_int_equal(resolvconf_parse(text, strlen(text), env, &conf), 0);
    return conf;
}

static struct resolvconf parse(const char *text)
{
    return parse_env(text, NULL);
}

static void assert_server(const struct resolvconf *conf, unsigned i, const char *endpoint, const char *scope)
{
    char text[IPENDPOINT_STRLEN];

    assert_true(i < conf->n_servers);
    assert_string_equal(ipendpoint_format(&conf->servers[i].endpoint, text), endpoint);
    assert_string_equal(conf->servers[i].scope, scope);
}

static void test_servers(void **state)
{
    (void)state;
    struct resolvconf conf = parse("# a comment\n"
                                   "; another\n"
                                   "nameserver 192.0.2.1\n"
                                   "nameserver\t 2001:db8::1   and more\r\n"
                                   "nameserver 192.0.2.3@5353\n"
                                   "nameserver fe80::1%vde0\n"
                                   "nameserver fe80::2%7@54\n"
                                   "nameserver 192.0.2.6");

    assert_int_equal(conf.n_servers, 6);
    assert_server(&conf, 0, "192.0.2.1@53", "");
    assert_server(&conf, 1, "2001:db8::1@53", "");
    assert_server(&conf, 2, "192.0.2.3@5353", "");
    assert_server(&conf, 3, "fe80::1@53", "vde0");
    assert_server(&conf, 4, "fe80::2@54", "7");
    assert_server(&conf, 5, "192.0.2.6@53", "");
    resolvconf_fini(&conf);
}

static void test_what_is_skipped(void **state)
{
    (void)state;
    static const char *const lines[] = {
        " nameserver 192.0.2.1",
        "nameserver",
        "nameserver ",
        "nameserver192.0.2.1",
        "nameserver example",
        "nameserver 192.0.2.1@0",
        "nameserver 192.0.2.1@65536",
        "nameserver 1.2.3",
        "nameserver fe80::1%",
        "nameserver fe80::1%@53",
        "nameserver @53",
        "nameserver fe80::1@53%vde0",
        "NAMESERVER 192.0.2.1",
        "sortlist 10.0.0.0/8",
        "options",
        "options nothing ndot:5",
        "search",
        "domain ",
        "nameserver fe80::1%averyveryverylongname",
    };

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct resolvconf conf = parse(lines[i]);
        assert_int_equal(conf.n_servers, 0);
        assert_int_equal(conf.n_search, 0);
        assert_int_equal(conf.ndots, 1);
        resolvconf_fini(&conf);
    }
}

static void test_search_list(void **state)
{
    (void)state;
    struct resolvconf conf = parse("domain one.example\nsearch two.example  three.example. .\n");

    assert_int_equal(conf.n_search, 3);
    assert_string_equal(conf.search[0], "two.example");
    assert_string_equal(conf.search[1], "three.example");
    assert_string_equal(conf.search[2], "");
    resolvconf_fini(&conf);

    conf = parse("search two.example three.example\ndomain one.example four.example\n");
    assert_int_equal(conf.n_search, 1);
    assert_string_equal(conf.search[0], "one.example");
    resolvconf_fini(&conf);

    conf = parse("search ok.example bad..example ok2.example\nsearch \n");
    assert_int_equal(conf.n_search, 2);
    assert_string_equal(conf.search[1], "ok2.example");
    resolvconf_fini(&conf);
}

static void test_options(void **state)
{
    (void)state;
    struct resolvconf conf =
        parse("options ndots:3 timeout:7 attempts:4 rotate use-vc\n"
              "options edns0 trust-ad inet6 no-aaaa single-request no-reload no-tld-query\n");

    assert_int_equal(conf.ndots, 3);
    assert_int_equal(conf.timeout_s, 7);
    assert_int_equal(conf.attempts, 4);
    assert_true(conf.rotate && conf.use_vc && conf.trust_ad && conf.no_aaaa && conf.single_request);
    assert_true(conf.no_reload && conf.no_tld_query);
    resolvconf_fini(&conf);

    conf = parse("options ndots:99999999999999999999 timeout:31 attempts:6");
    assert_int_equal(conf.ndots, RESOLVCONF_NDOTS_MAX);
    assert_int_equal(conf.timeout_s, RESOLVCONF_TIMEOUT_MAX);
    assert_int_equal(conf.attempts, RESOLVCONF_ATTEMPTS_MAX);
    resolvconf_fini(&conf);

    conf = parse("options ndots:0 timeout:0 attempts:0 rotated");
    assert_int_equal(conf.ndots, 0);
    assert_int_equal(conf.timeout_s, 1);
    assert_int_equal(conf.attempts, 1);
    assert_false(conf.rotate);
    resolvconf_fini(&conf);
}

static void test_environment(void **state)
{
    (void)state;
    struct resolvconf_env env = {.hostname = "node.lab.example"};
    struct resolvconf conf = parse_env("", &env);

    assert_int_equal(conf.n_search, 1);
    assert_string_equal(conf.search[0], "lab.example");
    resolvconf_fini(&conf);

    conf = parse_env("search said.example\n", &env);
    assert_string_equal(conf.search[0], "said.example");
    resolvconf_fini(&conf);

    env.localdomain = "one.example two.example";
    env.res_options = "ndots:2 rotate";
    conf = parse_env("search said.example\noptions ndots:5\n", &env);
    assert_int_equal(conf.n_search, 2);
    assert_string_equal(conf.search[1], "two.example");
    assert_int_equal(conf.ndots, 2);
    assert_true(conf.rotate);
    resolvconf_fini(&conf);
}

static void test_limits(void **state)
{
    (void)state;
    char text[8192] = "search";

    for (unsigned i = 0; i < RESOLVCONF_SEARCH_MAX + 5; i++)
        strcat(text, " d.example");
    strcat(text, "\n");
    for (unsigned i = 0; i < RESOLVCONF_SERVERS_MAX + 5; i++)
        strcat(text, "nameserver 192.0.2.1\n");
    struct resolvconf conf = parse(text);
    assert_int_equal(conf.n_search, RESOLVCONF_SEARCH_MAX);
    assert_int_equal(conf.n_servers, RESOLVCONF_SERVERS_MAX);
    resolvconf_fini(&conf);
}

static void test_short_form(void **state)
{
    (void)state;
    struct resolvconf conf;
    static const char *const others[] = {"", ",", "nameserver 1.1.1.1", "8.8.8.8,example", "8.8.8.8;1.1.1.1"};
    const char *list = "8.8.8.8,1.1.1.1@5353, fe80::1%vde0\n2001:db8::1";

    assert_int_equal(resolvconf_parse_list(list, strlen(list), &conf), 0);
    assert_int_equal(conf.n_servers, 4);
    assert_server(&conf, 0, "8.8.8.8@53", "");
    assert_server(&conf, 1, "1.1.1.1@5353", "");
    assert_server(&conf, 2, "fe80::1@53", "vde0");
    assert_server(&conf, 3, "2001:db8::1@53", "");
    resolvconf_fini(&conf);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(resolvconf_parse_list(others[i], strlen(others[i]), &conf), -EINVAL);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    const char *text = "search a.example b.example c.example\n";
    struct resolvconf conf, copy;

    for (int i = 0; i < 3; i++) {
        allocations_left = i;
        assert_int_equal(resolvconf_parse(text, strlen(text), NULL, &conf), -ENOMEM);
    }
    allocations_left = -1;
    conf = parse(text);
    for (int i = 0; i < 3; i++) {
        allocations_left = i;
        assert_int_equal(resolvconf_copy(&conf, &copy), -ENOMEM);
    }
    allocations_left = -1;
    assert_int_equal(resolvconf_copy(&conf, &copy), 0);
    resolvconf_fini(&conf);
    assert_string_equal(copy.search[2], "c.example");
    resolvconf_fini(&copy);
}

/* The names that are tried, in their order, each followed by a blank. */
static const char *candidates(const char *text, const char *name)
{
    static char all[4096];
    struct resolvconf conf = parse(text);
    uint8_t wire[DNAME_MAX];
    char one[DNAME_TEXT_MAX];
    int more;

    all[0] = '\0';
    for (unsigned step = 0; (more = resolve_candidate(&conf, name, step, wire)) > 0; step++) {
        strcat(all, dname_to_text(wire, one));
        strcat(all, " ");
    }
    assert_int_equal(more, 0);
    resolvconf_fini(&conf);
    return all;
}

static void test_candidates(void **state)
{
    (void)state;
    const char *two = "search a.ex b.ex\n";

    assert_string_equal(candidates("", "host"), "host ");
    assert_string_equal(candidates(two, "host"), "host.a.ex host.b.ex host ");
    assert_string_equal(candidates(two, "host.sub"), "host.sub host.sub.a.ex host.sub.b.ex ");
    assert_string_equal(candidates(two, "host."), "host ");
    assert_string_equal(candidates(two, "."), ". ");
    assert_string_equal(candidates(two, "with\\.dot"), "with\\.dot.a.ex with\\.dot.b.ex with\\.dot ");
    assert_string_equal(candidates("search a.ex\noptions ndots:2\n", "x.y"), "x.y.a.ex x.y ");
    assert_string_equal(candidates("search a.ex\noptions ndots:0\n", "x"), "x x.a.ex ");
    assert_string_equal(candidates("search a.ex . b.ex\n", "x"), "x.a.ex x x.b.ex ");
    assert_string_equal(candidates("search a.ex .\n", "x.y"), "x.y x.y.a.ex ");
    assert_string_equal(candidates("search a.ex\noptions no-tld-query\n", "x"), "x.a.ex ");
    assert_string_equal(candidates("options no-tld-query\n", "x"), "x ");
}

static void test_candidates_that_are_none(void **state)
{
    (void)state;
    struct resolvconf conf = parse("search a-rather-long-domain.example\n");
    uint8_t wire[DNAME_MAX];
    char name[260];

    assert_int_equal(resolve_candidate(&conf, "", 0, wire), -EINVAL);
    assert_int_equal(resolve_candidate(&conf, "a..b", 0, wire), -EINVAL);
    assert_int_equal(resolve_candidate(&conf, ".a", 0, wire), -EINVAL);
    memset(name, 'a', sizeof(name));
    for (size_t i = 50; i < sizeof(name); i += 51)
        name[i] = '.';
    name[240] = '\0';
    assert_int_equal(resolve_candidate(&conf, name, 0, wire), 1);
    assert_int_equal(resolve_candidate(&conf, name, 1, wire), 0); /* with the domain it would be too long */
    name[240] = 'a';
    name[259] = '\0';
    assert_int_equal(resolve_candidate(&conf, name, 0, wire), -ENAMETOOLONG);
    resolvconf_fini(&conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_servers),     cmocka_unit_test(test_what_is_skipped),
        cmocka_unit_test(test_search_list), cmocka_unit_test(test_options),
        cmocka_unit_test(test_environment), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_short_form),  cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_candidates),  cmocka_unit_test(test_candidates_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
