/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options whose values are texts and files. */
#include "config_world.h"

#include <sys/stat.h>
#include <unistd.h>

static void texts(void **state)
{
    struct config *c =
        parse_good("option nsid 'box \"3\"'\noption chaosid box\noption chaosversion \"a \\\" b\"\n");
    (void)state;

    assert_int_equal(c->options.nsid.len, 7);
    assert_memory_equal(c->options.nsid.text, "box \"3\"", 7);
    assert_string_equal(c->options.chaosid.text, "box");
    assert_string_equal(c->options.chaosversion.text, "a \" b");
    char *print = print_of(c);
    assert_non_null(strstr(print, "option nsid \"box \\\"3\\\"\"\n"));
    struct config *again = parse_good(print);
    assert_string_equal(again->options.nsid.text, c->options.nsid.text);
    assert_string_equal(again->options.chaosversion.text, c->options.chaosversion.text);
    config_free(again);
    config_free(c);
    free(print);
}

static void texts_of_any_length(void **state)
{
    (void)state;
    for (int len = 1; len <= 256; len++) {
        char line[400];
        snprintf(line, sizeof(line), "option nsid %0*d", len, 0);
        struct outcome o = parse(line);
        assert_int_equal(o.errors, len > 255);
        outcome_fini(&o);
    }
    expect_reports("option nsid ''", "1:14: error: a text of 0 bytes, expected 1 to 255\n");
}

/* A file with this text, and the configuration that names it. */
static struct outcome parse_with_secrets(const char *text)
{
    char path[] = "/tmp/test-secrets-XXXXXX", line[100];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    snprintf(line, sizeof(line), "option cookiesecret %s\n", path);
    struct outcome o = parse(line);
    unlink(path);
    return o;
}

static void secrets(void **state)
{
    (void)state;
    struct outcome o =
        parse_with_secrets("# two\n000102030405060708090a0b0c0d0e0f\nffffffffffffffffffffffffffffffff\n");
    assert_int_equal(o.result, 0);
    assert_int_equal(o.config->options.cookies.count, 2);
    assert_int_equal(o.config->options.cookies.list[0].k[0], UINT64_C(0x0706050403020100));
    char *print = print_of(o.config);
    assert_non_null(strstr(print, "option cookiesecret \"/tmp/test-secrets-"));
    assert_null(strstr(print, "0102030405"));
    free(print);
    outcome_fini(&o);
}

static void files_that_are_no_secrets(void **state)
{
    static const struct {
        const char *text, *report;
    } rows[] = {
        {"", "there is no secret in"},
        {"secret\n", "line 1 of"},
        {"000102030405060708090a0b0c0d0e0f\n\n000102030405060708090a0b0c0d0e\n", "line 3 of"},
    };
    char *large = calloc(1, 5000);
    (void)state;

    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct outcome o = parse_with_secrets(rows[i].text);
        assert_int_equal(o.errors, 1);
        assert_non_null(strstr(o.reports, rows[i].report));
        outcome_fini(&o);
    }
    assert_non_null(large);
    memset(large, '\n', 4999);
    struct outcome o = parse_with_secrets(large);
    assert_non_null(strstr(o.reports, "it is too large"));
    outcome_fini(&o);
    free(large);
    expect_reports("option cookiesecret /none/such",
                   "1:21: error: cannot read /none/such: No such file or directory\n");
    expect_reports("option cookiesecret @none",
                   "1:21: error: cannot read @none: No such file or directory: a file "
                   "stands here without '@'\n");
    expect_reports("option cookiesecret /dev/zero",
                   "1:21: error: cannot read /dev/zero: it is no regular file\n");

    char folder[] = "/tmp/test-secrets-XXXXXX", path[64], text[100];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/pipe", folder);
    snprintf(text, sizeof(text), "option cookiesecret %s", path);
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes to it: it is not waited for */
    o = parse(text);
    assert_non_null(strstr(o.reports, "it is no regular file"));
    outcome_fini(&o);
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(texts_of_any_length),
        cmocka_unit_test(secrets),
        cmocka_unit_test(files_that_are_no_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
