/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lines of a log: their form whatever is in them, their levels, and how many of a kind get through. */
#include "io/log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct heard {
    unsigned count;
    enum log_level level;
    char line[LOG_LINE_MAX];
};

static void hear(void *arg, enum log_level level, const char *line)
{
    struct heard *h = arg;

    h->count++;
    h->level = level;
    snprintf(h->line, sizeof(h->line), "%s", line);
}

static void a_line_is_a_sentence_and_fields(void **state)
{
    struct heard h = {0};
    const struct log log = {.write = hear, .arg = &h};
    (void)state;

    log_event(&log, LOG_LEVEL_INFO, "the end");
    assert_string_equal(h.line, "the end");
    log_event(&log, LOG_LEVEL_WARNING, "a file", LOG_TEXT("path", "/etc/x"), LOG_NUMBER("bytes", -7));
    assert_string_equal(h.line, "a file path=/etc/x bytes=-7");
    assert_int_equal(h.level, LOG_LEVEL_WARNING);
}

static void values_cannot_look_like_fields(void **state)
{
    struct heard h = {0};
    const struct log log = {.write = hear, .arg = &h};
    (void)state;

    log_event(&log, LOG_LEVEL_INFO, "name", LOG_TEXT("of", "x level=error"), LOG_TEXT("empty", ""));
    assert_string_equal(h.line, "name of=\"x level=error\" empty=\"\"");
    log_event(&log, LOG_LEVEL_INFO, "name", LOG_TEXT("of", "a\"b\\c\nd\x1b[2J\x7f"));
    assert_string_equal(h.line, "name of=\"a\\\"b\\\\c?d?[2J?\"");
    log_say(&log, LOG_LEVEL_INFO, "free text: %s", "x\ny");
    assert_string_equal(h.line, "free text: x?y");
}

static void long_lines_are_cut(void **state)
{
    struct heard h = {0};
    const struct log log = {.write = hear, .arg = &h};
    static char word[2 * LOG_LINE_MAX];
    (void)state;

    memset(word, '"', sizeof(word) - 1);
    log_event(&log, LOG_LEVEL_INFO, "long", LOG_TEXT("word", word));
    assert_int_equal(strlen(h.line), LOG_LINE_MAX - 1);
    log_say(&log, LOG_LEVEL_INFO, "%s", word);
    assert_int_equal(strlen(h.line), LOG_LINE_MAX - 1);
}

static void levels(void **state)
{
    struct log_control control;
    struct heard h = {0};
    const struct log log = {.write = hear, .arg = &h, .control = &control}, none = {0};
    (void)state;

    log_control_init(&control, LOG_LEVEL_WARNING);
    log_event(&log, LOG_LEVEL_INFO, "not said");
    log_say(&log, LOG_LEVEL_DEBUG, "not said");
    log_answer(&log, LOG_LEVEL_INFO, "not said");
    assert_int_equal(h.count, 0);
    log_event(&log, LOG_LEVEL_WARNING, "said");
    atomic_store(&control.level, LOG_LEVEL_DEBUG);
    log_say(&log, LOG_LEVEL_DEBUG, "said");
    assert_int_equal(h.count, 2);
    log_say(&none, LOG_LEVEL_ERROR, "to nobody");
    log_control_fini(&control);

    assert_int_equal(log_level_by_name("Warning"), LOG_LEVEL_WARNING);
    assert_int_equal(log_level_by_name("loud"), -EINVAL);
    assert_string_equal(log_level_name(LOG_LEVEL_DEBUG), "debug");
}

static void some_of_a_kind_get_through(void **state)
{
    static const char one[] = "one", other[] = "other";
    struct log_control control;
    uint64_t held = 99;
    (void)state;

    log_control_init(&control, LOG_LEVEL_INFO);
    for (unsigned i = 0; i < LOG_BURST; i++)
        assert_true(log_admit(&control, one, 5, &held));
    assert_int_equal(held, 0);
    for (unsigned i = 0; i < 1000; i++)
        assert_false(log_admit(&control, one, LOG_INTERVAL, &held));
    assert_true(log_admit(&control, other, LOG_INTERVAL, &held));
    assert_int_equal(held, 0);
    assert_true(log_admit(&control, one, 5 + LOG_INTERVAL, &held));
    assert_int_equal(held, 1000);
    assert_true(log_admit(&control, one, 6 + LOG_INTERVAL, &held));
    assert_int_equal(held, 0);
    log_control_fini(&control);
}

/* More kinds than there are places: the one that began longest ago gives way, and nothing else happens. */
static void many_kinds(void **state)
{
    static const char kinds[3 * LOG_KINDS_MAX];
    struct log_control control;
    uint64_t held;
    (void)state;

    log_control_init(&control, LOG_LEVEL_INFO);
    for (unsigned i = 0; i < sizeof(kinds); i++)
        assert_true(log_admit(&control, &kinds[i], i, &held));
    log_control_fini(&control);
}

static void what_was_held_back_is_said(void **state)
{
    struct log_control control;
    struct heard h = {0};
    const struct log log = {.write = hear, .arg = &h, .control = &control};
    (void)state;

    log_control_init(&control, LOG_LEVEL_INFO);
    for (unsigned i = 0; i < LOG_BURST + 3; i++)
        log_event(&log, LOG_LEVEL_INFO, "a storm", LOG_NUMBER("drop", i));
    assert_int_equal(h.count, LOG_BURST);
    log_flush(&log, false); /* it may go on */
    assert_int_equal(h.count, LOG_BURST);
    log_flush(&log, true);
    assert_int_equal(h.count, LOG_BURST + 1);
    assert_string_equal(h.line, "lines were held back of=\"a storm\" held-back=3");
    log_flush(&log, true);
    assert_int_equal(h.count, LOG_BURST + 1);
    for (unsigned i = 0; i < 5 * LOG_BURST; i++)
        log_answer(&log, LOG_LEVEL_INFO, "what somebody asked for %u", i);
    assert_int_equal(h.count, 6 * LOG_BURST + 1);
    log_control_fini(&control);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_sentence_and_fields),
        cmocka_unit_test(values_cannot_look_like_fields),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(levels),
        cmocka_unit_test(some_of_a_kind_get_through),
        cmocka_unit_test(many_kinds),
        cmocka_unit_test(what_was_held_back_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
