/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The distance of words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/edits.h"
#include <string.h>

static size_t edits(const char *a, const char *b)
{
    return edits_between(a, strlen(a), b, strlen(b));
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(edits("", ""), 0);
    assert_int_equal(edits("hash", "HASH"), 0);
    assert_int_equal(edits("", "hash"), 4);
    assert_int_equal(edits("hsah", "hash"), 1);
    assert_int_equal(edits("hashh", "hash"), 1);
    assert_int_equal(edits("has", "hash"), 1);
    assert_int_equal(edits("bash", "hash"), 1);
    assert_int_equal(edits("hrevmdoe", "hrevmode"), 1);
    assert_int_equal(edits("static", "cache"), 5);
}

static void long_words(void **state)
{
    char word[EDITS_WORD_MAX + 1];
    (void)state;
    memset(word, 'a', sizeof(word));
    assert_int_equal(edits_between(word, EDITS_WORD_MAX, word, EDITS_WORD_MAX), 0);
    assert_int_equal(edits_between(word, EDITS_WORD_MAX, "", 0), EDITS_WORD_MAX);
    assert_int_equal(edits_between(word, EDITS_WORD_MAX + 1, "", 0), SIZE_MAX);
    assert_int_equal(edits_between("", 0, word, EDITS_WORD_MAX + 1), SIZE_MAX);
}

static void near_words(void **state)
{
    (void)state;
    assert_int_equal(edits_near(1), 1);
    assert_int_equal(edits_near(3), 1);
    assert_int_equal(edits_near(9), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances),
        cmocka_unit_test(long_words),
        cmocka_unit_test(near_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
