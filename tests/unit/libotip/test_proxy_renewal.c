/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When the name of a base is looked up again, and which of its addresses counts. */
#include "libotip/proxy_renewal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void an_answer_lasts_for_its_ttl_within_bounds(void **state)
{
    struct renewal r = {0};
    (void)state;

    assert_int_equal(renewal_answered(&r, 60), 60 * NSEC_PER_SEC);
    assert_int_equal(renewal_answered(&r, 0), RENEWAL_MIN);
    assert_int_equal(renewal_answered(&r, 86400), RENEWAL_MAX);
    assert_int_equal(renewal_answered(&r, UINT32_MAX), RENEWAL_MAX);
}

static void failures_are_retried_less_and_less_often(void **state)
{
    struct renewal r = {0};
    nsec_t wait = 0;
    (void)state;

    assert_int_equal(renewal_failed(&r), RENEWAL_MIN);
    assert_int_equal(renewal_failed(&r), 2 * RENEWAL_MIN);
    for (unsigned i = 0; i < 100; i++) {
        nsec_t next = renewal_failed(&r);
        assert_true(next >= wait);
        wait = next;
    }
    assert_int_equal(wait, RENEWAL_RETRY_MAX);
    assert_int_equal(renewal_answered(&r, 7), 7 * NSEC_PER_SEC);
    assert_int_equal(renewal_failed(&r), RENEWAL_MIN); /* it begins anew */
}

static void the_present_base_stays_as_long_as_it_is_there(void **state)
{
    const struct ipaddr a = {{0xfd, 1}}, b = {{0xfd, 2}}, c = {{0xfd, 3}};
    struct renewal_choice turned = {.present = b}, moved = {.present = b};
    (void)state;

    renewal_see(&turned, &a);
    renewal_see(&turned, &b);
    renewal_see(&turned, &c);
    assert_true(turned.n == 3 && ipaddr_equal(&turned.chosen, &b));
    renewal_see(&moved, &c);
    renewal_see(&moved, &a);
    assert_true(moved.n == 2 && ipaddr_equal(&moved.chosen, &c));
}

static void no_base_is_made_of_garbage(void **state)
{
    const struct ipaddr base = {{0xfd, 1}}, good = {{0x20, 1, 0xd, 0xb8, 0, 0, 0, 1}};
    const struct ipaddr bad[] = {
        {{0}}, {{[15] = 1}}, {{[10] = 0xff, 0xff, 192, 0, 2, 1}}, {{0xff, 2, [15] = 1}}, {{0xff, 0x0e, 1}},
    };
    struct renewal_choice choice = {.present = base};
    (void)state;

    for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
        renewal_see(&choice, &bad[i]);
    assert_int_equal(choice.n, 0);
    renewal_see(&choice, &good);
    renewal_see(&choice, &bad[3]);
    assert_true(choice.n == 1 && ipaddr_equal(&choice.chosen, &good));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_lasts_for_its_ttl_within_bounds),
        cmocka_unit_test(failures_are_retried_less_and_less_often),
        cmocka_unit_test(the_present_base_stays_as_long_as_it_is_there),
        cmocka_unit_test(no_base_is_made_of_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
