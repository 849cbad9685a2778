/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options of the proxy. */
#include "libotip/proxy_config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STACK "extstack stack=lwip,vnl=vde:///tmp/hub\n"
#define NAMED "name renzo.otip\nbase fd00::\npasswd secret\n"

static char why[PROXY_WHY_MAX];

/* The configuration of a file, or NULL and why. */
static struct proxy_config *read_file(const char *text)
{
    struct proxy_draft *d;
    struct proxy_config *c = NULL;

    why[0] = '\0';
    assert_int_equal(proxy_draft_new(&d), 0);
    struct rc_reader reader = proxy_draft_reader(d);
    if (rc_read_text(&reader, "p.rc", text, strlen(text), why, sizeof(why)) == 0 &&
        proxy_draft_finish(d, &c, why, sizeof(why)) < 0)
        assert_true(why[0]);
    proxy_draft_free(d);
    return c;
}

static void what_is_not_said_has_a_default(void **state)
{
    struct proxy_config *c = read_file(STACK NAMED "tcp 22,10.0.0.1,2222\n");
    (void)state;

    assert_non_null(c);
    assert_string_equal(c->iface, "vde0");
    assert_int_equal(c->period_s, 32);
    assert_int_equal(c->before, 8 * NSEC_PER_SEC);
    assert_int_equal(c->after, 8 * NSEC_PER_SEC);
    assert_int_equal(c->tcp_timeout, 120 * NSEC_PER_SEC);
    assert_int_equal(c->udp_timeout, 8 * NSEC_PER_SEC);
    assert_int_equal(c->tcp_lifetime, NSEC_NEVER);
    assert_int_equal(c->backlog, 5);
    assert_int_equal(c->prefix_bits, 64);
    assert_true(c->process.sandbox);
    assert_false(c->otip2 || c->process.background || c->process.verbose || c->proxy_protocol);
    assert_int_equal(c->n_services, 1);
    assert_int_equal(c->services[0].port, 22);
    assert_int_equal(c->services[0].server.port, 2222);
    assert_true(ipaddr_is_v4(&c->services[0].server.addr));
    proxy_config_free(c);
}

static void options_are_read(void **state)
{
    struct proxy_config *c = read_file(
        "extstack stack=kernel,iface=eth7\nname a.b.c\nv2\nkey /k\nkeyuser anna\ntcp 1,::1,2\nudp "
        "1,fd00::2,3\n"
        "tcp 1,::9,9 # in the place of the first\notip_period 2\notip_preactive 0.5\notip_postactive "
        "1.000000001\n"
        "tcp_timeout 0\ntcp_lifetime 3600\nudp_timeout .25\nproxy_protocol\nflows_max 7\nsource_max 3\n"
        "prefixlen 128\nmetrics 127.0.0.1@9100\ncontrol none\nsandbox off\n");
    (void)state;

    assert_null(c); /* ".25" has no digit before the point */
    assert_non_null(strstr(why, "p.rc:14:13: '.25', expected seconds"));
    c = read_file(
        "extstack stack=kernel,iface=eth7\nname a.b.c\nv2\nkey /k\nkeyuser anna\ntcp 1,::1,2\nudp "
        "1,fd00::2,3\n"
        "tcp 1,::9,9 # in the place of the first\notip_period 2\notip_preactive 0.5\notip_postactive "
        "1.000000001\n"
        "tcp_timeout 0\ntcp_lifetime 3600\nudp_timeout 0.25\nproxy_protocol\nflows_max 7\nsource_max 3\n"
        "prefixlen 128\nmetrics 127.0.0.1@9100\ncontrol none\nsandbox off\ntcp_congestion cubic\n");
    assert_non_null(c);
    assert_string_equal(c->congestion, "cubic");
    assert_string_equal(c->iface, "eth7");
    assert_true(c->otip2 && c->proxy_protocol && !c->process.sandbox);
    assert_string_equal(c->keyuser, "anna");
    assert_int_equal(c->n_services, 2);
    assert_int_equal(c->services[0].server.port, 9);
    assert_true(c->services[1].udp);
    assert_int_equal(c->before, NSEC_PER_SEC / 2);
    assert_int_equal(c->after, NSEC_PER_SEC + 1);
    assert_int_equal(c->tcp_timeout, NSEC_NEVER);
    assert_int_equal(c->tcp_lifetime, 3600 * NSEC_PER_SEC);
    assert_int_equal(c->udp_timeout, NSEC_PER_SEC / 4);
    assert_int_equal(c->process.metrics.port, 9100);
    proxy_config_free(c);
}

static void mistakes_are_named(void **state)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {NAMED "tcp 22,10.0.0.1,22\n", "names no interface"},
        {"tcp_congestion sixteen-letters-\n", "expected the name of a congestion control"},
        {"extstack stack=kernel\n" NAMED "tcp 22,10.0.0.1,22\n", "names no interface"},
        {STACK "base fd00::\npasswd x\ntcp 22,10.0.0.1,22\n", "--name is missing"},
        {STACK "name a.b\npasswd x\n", "there is no service"},
        {STACK "name a.b\ntcp 22,10.0.0.1,22\n", "the secret is missing"},
        {STACK "name a.b\npasswd x\nv2\nkey /k\ntcp 22,10.0.0.1,22\n", "more than one secret"},
        {STACK "name a..b\npasswd x\ntcp 22,10.0.0.1,22\n", "'a..b' is no domain name"},
        {STACK "name = a.b\npasswd x\ntcp 22,10.0.0.1,22\n", "'= a.b' is no domain name"},
        {STACK "name a.b\npasswd x\nkeyuser y\ntcp 22,10.0.0.1,22\n", "goes with --key"},
        {STACK "name a\npasswd x\ntcp 22,10.0.0.1,22\n", "--base is missing"},
        {STACK NAMED "tcp 22,10.0.0.1\n", "EXTPORT,INTADDR,INTPORT"},
        {STACK NAMED "tcp 0,10.0.0.1,1\n", "EXTPORT,INTADDR,INTPORT"},
        {STACK NAMED "tcp 65536,10.0.0.1,1\n", "EXTPORT,INTADDR,INTPORT"},
        {STACK NAMED "tcp 22,name,1\n", "EXTPORT,INTADDR,INTPORT"},
        {STACK NAMED "udp 22,::1,1,4\n", "EXTPORT,INTADDR,INTPORT"},
        {STACK NAMED "tcp 1,::1,1\notip_period 0\n", "expected a number from 1"},
        {STACK NAMED "tcp 1,::1,1\notip_preactive 1.0000000001\n", "expected seconds"},
        {STACK NAMED "tcp 1,::1,1\notip_preactive -1\n", "expected seconds"},
        {STACK NAMED "tcp 1,::1,1\notip_period 1\notip_postactive 9999\n",
         "10008 addresses open at once, expected at most 256"},
        {STACK NAMED "tcp 1,::1,1\naddresses_max 1\n", "2 addresses open at once, expected at most 1"},
        {STACK NAMED "tpc 1,::1,1\n", "tcp"},
        {STACK NAMED "tcp 1,::1,1\ndns nowhere\n", "a name server"},
        {STACK NAMED "tcp 1,::1,1\nmetrics 127.0.0.1\n", "expected one such as 127.0.0.1@"},
        {STACK NAMED "tcp 1,::1,1\nsandbox yes\n", "'on' or 'off'"},
        {"extstack nonsense=1\n" NAMED "tcp 1,::1,1\n", "nonsense"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct proxy_config *c = read_file(rows[i].text);
        if (c || !strstr(why, rows[i].expected))
            fail_msg("row %zu: '%s' says '%s'", i, rows[i].text, why);
    }
}

/* Files of the file lie in its folder, those of the command line in the working directory. */
static void files_are_named_from_where_they_are_said(void **state)
{
    static const char text[] = STACK "name renzo.otip\nbase fd00::\ntcp 22,10.0.0.1,22\n";
    struct proxy_config *c = NULL;
    struct proxy_draft *d;
    char wrong[PROXY_WHY_MAX];
    (void)state;

    assert_int_equal(proxy_draft_new(&d), 0);
    const struct rc_reader reader = proxy_draft_reader(d);
    assert_int_equal(rc_read_text(&reader, "/etc/otip/p.rc", text, sizeof(text) - 1, wrong, sizeof(wrong)),
                     0);
    assert_int_equal(rc_read_text(&reader, "/etc/otip/p.rc", "key k\n", 6, wrong, sizeof(wrong)), 0);
    assert_int_equal(proxy_draft_finish(d, &c, wrong, sizeof(wrong)), 0);
    assert_string_equal(c->key, "/etc/otip/k");
    assert_string_equal(c->at.secret, "/etc/otip/p.rc:1:5");
    assert_string_equal(c->at.base, "/etc/otip/p.rc:3:6");
    proxy_config_free(c);
    proxy_draft_free(d);

    assert_int_equal(proxy_draft_new(&d), 0);
    const struct rc_reader other = proxy_draft_reader(d);
    assert_int_equal(rc_read_text(&other, "/etc/otip/p.rc", text, sizeof(text) - 1, wrong, sizeof(wrong)), 0);
    assert_int_equal(rc_read_option(&other, "passwdfile", "s", wrong, sizeof(wrong)), 0);
    assert_int_equal(proxy_draft_finish(d, &c, wrong, sizeof(wrong)), 0);
    assert_string_equal(c->passwdfile, "s");
    assert_string_equal(c->at.secret, "--passwdfile");
    proxy_config_free(c);
    proxy_draft_free(d);
}

static void there_is_an_end_to_services(void **state)
{
    char text[8192];
    size_t len = (size_t)snprintf(text, sizeof(text), "%s", STACK NAMED);
    (void)state;

    for (unsigned i = 1; i <= PROXY_SERVICES_MAX + 1; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "udp %u,::1,1\n", i);
    assert_null(read_file(text));
    assert_non_null(strstr(why, "too many services"));
}

static void elements_of_a_stack_are_found(void **state)
{
    const char *value;
    (void)state;

    assert_int_equal(proxy_conf_value("stack=lwip, IFACE=e0,eth", "iface", &value), 2);
    assert_memory_equal(value, "e0", 2);
    assert_int_equal(proxy_conf_value("stack={lwip,iface=no},vnl=vde://x[iface=7,8]", "iface", &value), 0);
    assert_int_equal(proxy_conf_value("iface", "iface", &value), 0);
    assert_int_equal(proxy_conf_value(NULL, "iface", &value), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_said_has_a_default),
        cmocka_unit_test(options_are_read),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(files_are_named_from_where_they_are_said),
        cmocka_unit_test(there_is_an_end_to_services),
        cmocka_unit_test(elements_of_a_stack_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
