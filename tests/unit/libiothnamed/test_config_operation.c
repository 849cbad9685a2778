/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The options about running a server: read, printed, wrong, and which of them need a restart. */
#include "config_world.h"

#include "base/ipaddr.h"
#include "io/log.h"

static void defaults(void **state)
{
    struct config *c = parse_good("");
    const struct config_options *o = &c->options;
    (void)state;

    assert_int_equal(o->control.len, 0);
    assert_int_equal(o->controlgroup.len, 0);
    assert_int_equal(o->user.len, 0);
    assert_int_equal(o->metrics.port, 0);
    assert_int_equal(o->loglevel, LOG_LEVEL_INFO);
    assert_int_equal(o->sandbox, 1);
    config_free(c);
}

#define ALL                                                                                                  \
    "option control /run/x/control\noption controlgroup dns\noption loglevel warning\n"                      \
    "option metrics ::1@9153\noption sandbox off\noption user named:dns\n"

static void what_is_given(void **state)
{
    struct config *c = parse_good(ALL);
    const struct config_options *o = &c->options;
    char text[IPENDPOINT_STRLEN];
    (void)state;

    assert_string_equal(o->control.text, "/run/x/control");
    assert_string_equal(o->controlgroup.text, "dns");
    assert_string_equal(o->user.text, "named:dns");
    assert_string_equal(ipendpoint_format(&o->metrics, text), "::1@9153");
    assert_int_equal(o->loglevel, LOG_LEVEL_WARNING);
    assert_int_equal(o->sandbox, 0);

    char *print = print_of(c);
    struct config *again = parse_good(print);
    char *print_again = print_of(again);
    assert_non_null(strstr(print, "option metrics ::1@9153\n"));
    assert_non_null(strstr(print, "option loglevel warning\n"));
    assert_string_equal(print, print_again);
    free(print);
    free(print_again);
    config_free(again);
    config_free(c);
}

static void the_names_of_levels_are_the_logs(void **state)
{
    (void)state;
    for (int level = 0; level < LOG_LEVELS; level++) {
        char text[64];
        snprintf(text, sizeof(text), "option loglevel %s\n", log_level_name((enum log_level)level));
        struct config *c = parse_good(text);
        assert_int_equal(c->options.loglevel, level);
        config_free(c);
    }
}

static void mistakes(void **state)
{
    (void)state;
    expect_reports("option loglevel wraning\n",
                   "1:17: error: unknown loglevel 'wraning', did you mean 'warning'?\n");
    expect_reports("option sandbox maybe\n",
                   "1:16: error: unknown sandbox 'maybe', expected one of off, on\n");
    expect_reports("option metrics 127.0.0.1\n",
                   "1:16: error: '127.0.0.1' has no port, expected ADDR@PORT\n");
}

static const char *needed(const char *before, const char *after, char text[static 256])
{
    struct config *a = parse_good(before), *b = parse_good(after);

    config_restart_needed(a, b, text, 256);
    config_free(a);
    config_free(b);
    return text;
}

static void what_needs_a_restart(void **state)
{
    char text[256];
    (void)state;

    assert_string_equal(needed(ALL, ALL, text), "");
    assert_string_equal(needed(ALL, "", text), "control,controlgroup,metrics,sandbox,user");
    assert_string_equal(needed("option user a\n", "option user b\n", text), "user");
    assert_string_equal(needed("option metrics ::1@1\n", "option metrics ::1@2\n", text), "metrics");
    assert_string_equal(needed("option metrics ::1@1\n", "option metrics ::2@1\n", text), "metrics");
    assert_string_equal(needed("option loglevel debug\n", "", text), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(what_is_given),
        cmocka_unit_test(the_names_of_levels_are_the_logs),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(what_needs_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
