/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options of a table, from a file and from the command line, and what is said when they are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/rc_rows.h"

/* A service's own rows: what all have in common, and more. */
struct own_row {
    struct rc_row row;
    int result;
};

static const struct own_row rows[] = {
    {{"rcfile", 'f', "FILE", "further options"}, 0},
    {{"period", 'P', "SECS", "how often"}, 0},
    {{"verbose", 'v', NULL, "say more"}, 0},
    {{"broken", 0, "ANY", "always wrong"}, -EINVAL},
    {{"silent", 0, "ANY", "wrong without a word"}, -ENOENT},
    {{0}, 0},
};

struct taken {
    unsigned n;
    char last[64], value[64], place[RC_PLACE_MAX];
    bool in_file;
};

static int take(void *arg, const struct rc_row *row, const char *value, const struct rc_place *place,
                char *why, size_t why_size)
{
    struct taken *t = arg;
    const struct own_row *own = (const struct own_row *)(const void *)row;

    t->n++;
    snprintf(t->last, sizeof(t->last), "%s", row->name);
    snprintf(t->value, sizeof(t->value), "%s", value);
    snprintf(t->place, sizeof(t->place), "%s", place->text);
    t->in_file = place->file != NULL;
    if (own->result == -EINVAL)
        snprintf(why, why_size, "'%s' is no good", value);
    return own->result;
}

static int read_text(struct taken *t, const char *text, char why[static 256])
{
    const struct rc_reader reader = {.rows = RC_ROWS(rows), .such_as = "'period'", .take = take, .arg = t};

    return rc_read_text(&reader, "t.rc", text, strlen(text), why, 256);
}

static int read_option(struct taken *t, const char *name, const char *value, char why[static 256])
{
    const struct rc_reader reader = {.rows = RC_ROWS(rows), .such_as = "'period'", .take = take, .arg = t};

    return rc_read_option(&reader, name, value, why, 256);
}

static void tables(void **state)
{
    (void)state;
    assert_string_equal(rc_row_at(RC_ROWS(rows), 1)->name, "period");
    assert_null(rc_row_at(RC_ROWS(rows), 5));
    assert_ptr_equal(rc_row_named(RC_ROWS(rows), "PERIODS", 6), &rows[1].row);
    assert_null(rc_row_named(RC_ROWS(rows), "perio", 5));
}

static void lines(void **state)
{
    struct taken t = {0};
    char why[256] = "?";

    (void)state;
    assert_int_equal(read_text(&t, "# none\n  Period   600 # s\n", why), 0);
    assert_int_equal(t.n, 1);
    assert_string_equal(t.last, "period");
    assert_string_equal(t.value, "600");
    assert_string_equal(t.place, "t.rc:2:12");
    assert_true(t.in_file);
    assert_int_equal(read_text(&t, "verbose", why), 0);
    assert_string_equal(t.value, "");
    assert_int_equal(read_text(&t, "", why), 0);
    assert_int_equal(t.n, 2);
}

static void options(void **state)
{
    struct taken t = {0};
    char why[256] = "?";

    (void)state;
    assert_int_equal(read_option(&t, "verbose", NULL, why), 0);
    assert_int_equal(read_option(&t, "period", "7", why), 0);
    assert_string_equal(t.place, "--period");
    assert_string_equal(t.value, "7");
    assert_false(t.in_file);
    assert_int_equal(read_option(&t, "peroid", "7", why), -EINVAL);
    assert_string_equal(why, "command line: there is no option 'peroid', did you mean 'period'?");
    assert_int_equal(read_option(&t, "period", NULL, why), -EINVAL);
    assert_string_equal(why, "--period: the value of 'period' is missing, expected SECS");
}

static const char *moved(const char *value, const char *sentence)
{
    static char place[RC_PLACE_MAX];

    snprintf(place, sizeof(place), "a:b.rc:2:5");
    rc_place_word(place, value, sentence);
    return place;
}

static void a_word_has_its_column(void **state)
{
    (void)state;
    assert_string_equal(moved("fc01::53,8.8.8.8", "'8.8.8.8' is none"), "a:b.rc:2:14");
    assert_string_equal(moved("1.2.3.4,2.3", "'2.3' is none"),
                        "a:b.rc:2:13"); /* and not within another word */
    assert_string_equal(moved("MOx", "'x' is no flag"), "a:b.rc:2:7");
    assert_string_equal(moved("a b", "'a b' is none"), "a:b.rc:2:5");
    assert_string_equal(moved("a b", "'c' is none"), "a:b.rc:2:5");
    assert_string_equal(moved("a b", "'' is none"), "a:b.rc:2:5");
    assert_string_equal(moved("a b", "too many of 'b'"), "a:b.rc:2:5");
}

/* The first thing wrong ends the reading. */
static void wrong_lines(void **state)
{
    static const struct {
        const char *text, *why;
        int error;
        unsigned taken;
    } cases[] = {
        {"period 1\npreiod 2\nperiod 3", "t.rc:2:1: there is no option 'preiod', did you mean 'period'?",
         -EINVAL, 1},
        {"\x01zzzzz 2", "t.rc:1:1: there is no option '?zzzzz', expected one such as 'period'", -EINVAL, 0},
        {"period", "t.rc:1:1: the value of 'period' is missing, expected SECS", -EINVAL, 0},
        {"  verbose yes", "t.rc:1:11: 'verbose' takes no value, expected the end of the line", -EINVAL, 0},
        {"rcfile x", "t.rc:1:1: 'rcfile' is for the command line, expected an option of the service", -EINVAL,
         0},
        {"broken  it", "t.rc:1:9: 'it' is no good", -EINVAL, 1},
        {"broken  on it", "t.rc:1:9: 'on it' is no good", -EINVAL, 1},
        {"silent x", "t.rc:1:8: No such file or directory", -ENOENT, 1},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct taken t = {0};
        char why[256] = "?";
        assert_int_equal(read_text(&t, cases[i].text, why), cases[i].error);
        assert_string_equal(why, cases[i].why);
        assert_int_equal(t.n, cases[i].taken);
    }
}

static void hostile_lines(void **state)
{
    const struct rc_reader reader = {.rows = RC_ROWS(rows), .such_as = "'period'", .take = take};
    char why[256] = "?", path[1024], small[8];

    (void)state;
    assert_int_equal(rc_read_text(&reader, "t.rc", "a\0b", 3, why, sizeof(why)), -EINVAL);
    assert_string_equal(why, "t.rc: there is a NUL in it, expected lines of text");
    memset(path, 'p', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(rc_read_text(&reader, path, "x", 1, why, sizeof(why)), -EINVAL);
    assert_int_equal(strcspn(why, ":"), 200); /* the path is cut, the place is not */
    assert_int_equal(rc_read_text(&reader, path, "x", 1, small, sizeof(small)), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables),
        cmocka_unit_test(lines),
        cmocka_unit_test(options),
        cmocka_unit_test(wrong_lines),
        cmocka_unit_test(a_word_has_its_column),
        cmocka_unit_test(hostile_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
