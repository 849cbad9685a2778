/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which addresses stand at a moment: windows, clock steps, room that runs out. The clock is a number. */
#include "libotip/proxy_window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START (INT64_C(1700000000) * NSEC_PER_SEC)

/* What an obedient stack has. */
struct stack {
    struct window w;
    bool open[WINDOW_ADDRESSES_MAX], muted[WINDOW_ADDRESSES_MAX]; /* by place */
    unsigned n, most;
};

static void address_of(void *arg, uint64_t epoch, struct ipaddr *ret)
{
    uint8_t salt = *(const uint8_t *)arg;

    *ret = (struct ipaddr){{0xfd, salt}};
    for (unsigned i = 0; i < 8; i++)
        ret->b[15 - i] = (uint8_t)(epoch >> 8 * i);
}

static uint8_t salt = 1;

static struct window_settings settings_of(uint32_t period_s, double before, double after, unsigned capacity)
{
    return (struct window_settings){.period_s = period_s,
                                    .before = (nsec_t)(before * 1e9),
                                    .after = (nsec_t)(after * 1e9),
                                    .capacity = capacity,
                                    .address_of = address_of,
                                    .arg = &salt};
}

static void set_up(struct stack *s, uint32_t period_s, double before, double after, unsigned capacity)
{
    struct window_settings settings = settings_of(period_s, before, after, capacity);

    memset(s, 0, sizeof(*s));
    window_init(&s->w, &settings);
}

static void obey(struct stack *s, const struct window_event *e)
{
    size_t i = e->place ? (size_t)(e->place - s->w.places) : 0;

    switch (e->step) {
    case WINDOW_ADD:
        assert_false(s->open[i] || s->muted[i]);
        s->open[i] = true;
        s->n++;
        break;
    case WINDOW_REOPEN:
        assert_true(s->muted[i]);
        s->open[i] = true;
        s->muted[i] = false;
        break;
    case WINDOW_MUTE:
        assert_true(s->open[i]);
        s->open[i] = false;
        s->muted[i] = true;
        break;
    case WINDOW_GIVE_WAY:
    case WINDOW_REMOVE:
        assert_true(s->open[i] || s->muted[i]);
        s->open[i] = s->muted[i] = false;
        s->n--;
        break;
    case WINDOW_STANDS:
        break;
    }
    if (s->n > s->most)
        s->most = s->n;
}

static unsigned run(struct stack *s, nsec_t now)
{
    unsigned steps = 0;

    for (;;) {
        struct window_event e = window_next(&s->w, now);
        if (e.step == WINDOW_STANDS)
            break;
        obey(s, &e);
        steps++;
        assert_true(steps < 5000);
    }
    assert_int_equal(s->n, s->w.n);
    assert_true(window_deadline(&s->w, now) > now);
    return steps;
}

static struct window_address *address_at(struct stack *s, uint64_t epoch)
{
    struct ipaddr addr;

    address_of(&salt, epoch, &addr);
    return window_find(&s->w, &addr);
}

static bool is_open(struct stack *s, uint64_t epoch)
{
    struct window_address *a = address_at(s, epoch);

    return a && a->state == WINDOW_OPEN;
}

static void check_against_rule(struct stack *s, nsec_t now)
{
    const struct window_settings *set = &s->w.settings;
    nsec_t period = (nsec_t)set->period_s * NSEC_PER_SEC;
    uint64_t present = (uint64_t)(now / period);

    for (uint64_t e = present < 10 ? 0 : present - 10; e < present + 10; e++) {
        bool should = (nsec_t)e * period - set->before <= now && now < (nsec_t)(e + 1) * period + set->after;
        assert_int_equal(is_open(s, e), should);
    }
}

/* Woken at each deadline, and at odd moments: what is open is what the rule says, and something always is. */
static void over_two_hundred_epochs_the_rule_holds(void **state)
{
    struct stack *s = malloc(sizeof(*s));
    nsec_t now = START;
    (void)state;

    set_up(s, 2, 0.5, 0.5, 16);
    run(s, now);
    for (unsigned i = 0; i < 1000; i++) {
        nsec_t deadline = window_deadline(&s->w, now);
        assert_true(deadline - now <= 2 * NSEC_PER_SEC);
        check_against_rule(s, deadline - 1);
        now = i % 3 == 0 ? deadline + (nsec_t)(i * 1000003u % 100000000u) : deadline;
        run(s, now);
        check_against_rule(s, now);
        assert_true(s->n >= 1 && s->n <= 2);
    }
    assert_true(s->w.opened > 400);
    assert_int_equal(s->most, 2);
    assert_int_equal(window_breadth(&s->w.settings), 2);
    free(s);
}

static void an_address_opens_before_its_epoch_and_stays_behind_it(void **state)
{
    struct stack *s = malloc(sizeof(*s));
    nsec_t epoch = START / (32 * NSEC_PER_SEC), start = (epoch + 1) * 32 * NSEC_PER_SEC;
    (void)state;

    set_up(s, 32, 8, 8, 16);
    run(s, start - 8 * NSEC_PER_SEC - 1);
    assert_false(is_open(s, (uint64_t)epoch + 1));
    assert_int_equal(window_deadline(&s->w, start - 8 * NSEC_PER_SEC - 1), start - 8 * NSEC_PER_SEC);
    run(s, start - 8 * NSEC_PER_SEC);
    assert_true(is_open(s, (uint64_t)epoch + 1));
    assert_true(is_open(s, (uint64_t)epoch));
    run(s, start + 8 * NSEC_PER_SEC - 1);
    assert_true(is_open(s, (uint64_t)epoch));
    run(s, start + 8 * NSEC_PER_SEC);
    assert_null(address_at(s, (uint64_t)epoch));
    assert_int_equal(s->n, 1);
    free(s);
}

/* A client whose clock is 7 s off asks for an address that is open; one that is 60 s off does not. */
static void clocks_seven_seconds_off_are_served(void **state)
{
    struct stack *s = malloc(sizeof(*s));
    (void)state;

    set_up(s, 32, 8, 8, 16);
    for (nsec_t now = START; now < START + 64 * NSEC_PER_SEC; now += NSEC_PER_SEC / 3) {
        run(s, now);
        for (int off = -7; off <= 7; off += 14)
            assert_true(is_open(s, window_epoch(&s->w.settings, now + off * NSEC_PER_SEC)));
        for (int off = -60; off <= 60; off += 120)
            assert_false(is_open(s, window_epoch(&s->w.settings, now + off * NSEC_PER_SEC)));
    }
    free(s);
}

static void addresses_with_flows_are_muted_until_the_last_one_ends(void **state)
{
    struct stack *s = malloc(sizeof(*s));
    (void)state;

    set_up(s, 2, 0.5, 0.5, 16);
    run(s, START);
    uint64_t epoch = window_epoch(&s->w.settings, START);
    struct window_address *a = address_at(s, epoch);
    window_flow_begins(a);
    window_flow_begins(a);
    for (unsigned i = 1; i < 50; i++) {
        run(s, START + i * NSEC_PER_SEC);
        assert_ptr_equal(address_at(s, epoch), a); /* it does not move */
    }
    assert_int_equal(a->state, WINDOW_MUTED);
    window_flow_ends(a);
    assert_int_equal(run(s, START + 50 * NSEC_PER_SEC + 1), 1); /* the epochs go on, and nothing else */
    window_flow_ends(a);
    run(s, START + 50 * NSEC_PER_SEC + 2);
    assert_null(address_at(s, epoch));
    free(s);
}

static void a_clock_that_goes_back_opens_again(void **state)
{
    struct stack *s = malloc(sizeof(*s));
    (void)state;

    set_up(s, 2, 0.5, 0.5, 16);
    run(s, START);
    uint64_t epoch = window_epoch(&s->w.settings, START);
    struct window_address *a = address_at(s, epoch);
    window_flow_begins(a);
    run(s, START + 3600 * NSEC_PER_SEC);
    assert_int_equal(a->state, WINDOW_MUTED);
    run(s, START);
    assert_int_equal(a->state, WINDOW_OPEN);
    check_against_rule(s, START);
    free(s);
}

/* Steps of hours, days and fractions, both ways, with flows that come and go. */
static void thousands_of_epochs_with_clock_steps(void **state)
{
    struct stack *s = malloc(sizeof(*s));
    struct window_address *flows[8] = {NULL};
    nsec_t now = START;
    uint64_t dice = 12345;
    (void)state;

    set_up(s, 2, 1.25, 2.5, 32);
    for (unsigned i = 0; i < 20000; i++) {
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        unsigned kind = (unsigned)(dice >> 60);
        if (kind == 0)
            now += (nsec_t)((dice >> 20) % 86400) * NSEC_PER_SEC;
        else if (kind == 1)
            now -= (nsec_t)((dice >> 20) % 86400) * NSEC_PER_SEC;
        else
            now = window_deadline(&s->w, now);
        struct window_address **f = &flows[(dice >> 40) % 8];
        if (*f && (*f)->flows > 0) {
            window_flow_ends(*f);
            *f = NULL;
        }
        run(s, now);
        check_against_rule(s, now);
        *f = address_at(s, window_epoch(&s->w.settings, now));
        window_flow_begins(*f);
        assert_true(s->n <= 4 + 8);
    }
    assert_int_equal(s->w.given_way, 0);
    free(s);
}

static void the_one_with_the_fewest_flows_gives_way(void **state)
{
    struct stack *s = malloc(sizeof(*s));
    uint64_t epochs[3];
    (void)state;

    set_up(s, 2, 0, 0, 3);
    for (unsigned i = 0; i < 3; i++) {
        nsec_t now = START + 2 * i * NSEC_PER_SEC;
        run(s, now);
        epochs[i] = window_epoch(&s->w.settings, now);
        for (unsigned k = 0; k < 3 - i % 2; k++) /* 3, 2, 3 flows */
            window_flow_begins(address_at(s, epochs[i]));
    }
    run(s, START + 6 * NSEC_PER_SEC);
    assert_int_equal(s->w.given_way, 1);
    assert_null(address_at(s, epochs[1]));
    assert_non_null(address_at(s, epochs[0]));
    assert_true(is_open(s, window_epoch(&s->w.settings, START + 6 * NSEC_PER_SEC)));
    window_flow_begins(address_at(s, window_epoch(&s->w.settings, START + 6 * NSEC_PER_SEC)));
    run(s, START + 8 * NSEC_PER_SEC); /* now the newest muted one has the fewest */
    assert_non_null(address_at(s, epochs[0]));
    assert_int_equal(s->w.given_way, 2);
    free(s);
}

/* The stack says that it is full, though there are fewer than capacity. */
static void a_full_stack_makes_one_give_way(void **state)
{
    struct stack *s = malloc(sizeof(*s));
    (void)state;

    set_up(s, 2, 0, 0, 100);
    run(s, START);
    uint64_t epoch = window_epoch(&s->w.settings, START);
    window_flow_begins(address_at(s, epoch));
    nsec_t now = START + 2 * NSEC_PER_SEC;
    struct window_event e = window_next(&s->w, now);
    assert_int_equal(e.step, WINDOW_MUTE);
    e = window_next(&s->w, now);
    assert_int_equal(e.step, WINDOW_ADD);
    assert_true(window_crowded(&s->w, e.place, now));
    e = window_next(&s->w, now);
    assert_int_equal(e.step, WINDOW_GIVE_WAY);
    assert_int_equal(e.at.epoch, epoch);
    assert_int_equal(e.at.flows, 1);
    e = window_next(&s->w, now);
    assert_int_equal(e.step, WINDOW_ADD);
    assert_false(window_crowded(&s->w, e.place, now)); /* nobody is left to give way */
    assert_int_equal(window_next(&s->w, now).step, WINDOW_STANDS);
    assert_int_equal(window_deadline(&s->w, now), now + WINDOW_RETRY);
    assert_int_equal(window_next(&s->w, now + WINDOW_RETRY).step, WINDOW_ADD);
    free(s);
}

static void a_failure_is_tried_again_in_a_second(void **state)
{
    struct stack *s = malloc(sizeof(*s));
    (void)state;

    set_up(s, 32, 0, 0, 4);
    nsec_t now = START / (32 * NSEC_PER_SEC) * 32 * NSEC_PER_SEC;
    struct window_event e = window_next(&s->w, now);
    window_failed(&s->w, e.place, now);
    assert_int_equal(window_next(&s->w, now).step, WINDOW_STANDS);
    assert_int_equal(window_deadline(&s->w, now), now + WINDOW_RETRY);
    assert_int_equal(window_next(&s->w, now - 3600 * NSEC_PER_SEC).step,
                     WINDOW_ADD); /* the clock went back */
    free(s);
}

static void other_settings_close_what_the_old_ones_made(void **state)
{
    struct stack *s = malloc(sizeof(*s));
    (void)state;

    set_up(s, 2, 0.5, 0.5, 16);
    run(s, START);
    struct window_address *old = address_at(s, window_epoch(&s->w.settings, START));
    window_flow_begins(old);
    struct window_settings wider = settings_of(2, 4, 4, 16);
    window_set(&s->w, &wider, true);
    run(s, START);
    assert_int_equal(old->state, WINDOW_OPEN);
    assert_int_equal(s->n, 5);
    check_against_rule(s, START);

    struct ipaddr was = old->addr;
    salt = 2;
    window_set(&s->w, &wider, false);
    for (struct window_event e = window_next(&s->w, START); e.step != WINDOW_STANDS;
         e = window_next(&s->w, START))
        ;
    assert_int_equal(window_find(&s->w, &was)->state, WINDOW_MUTED);
    check_against_rule(s, START);
    assert_int_equal(s->w.n, 6);
    salt = 1;
    free(s);
}

static void at_the_end_all_go(void **state)
{
    struct stack *s = malloc(sizeof(*s));
    unsigned n = 0, gave = 0;
    (void)state;

    set_up(s, 2, 2, 2, 16);
    run(s, START);
    window_flow_begins(address_at(s, window_epoch(&s->w.settings, START)));
    for (struct window_event e = window_close(&s->w); e.step != WINDOW_STANDS; e = window_close(&s->w)) {
        gave += e.step == WINDOW_GIVE_WAY;
        n++;
    }
    assert_int_equal(n, 3);
    assert_int_equal(gave, 1);
    assert_int_equal(s->w.n, 0);
    assert_int_equal(s->w.top, 0);
    free(s);
}

static void before_1970_is_the_first_epoch(void **state)
{
    struct stack *s = malloc(sizeof(*s));
    (void)state;

    set_up(s, 32, 8, 8, 16);
    run(s, -5 * NSEC_PER_SEC);
    assert_true(is_open(s, 0));
    run(s, 0);
    assert_true(is_open(s, 0));
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_two_hundred_epochs_the_rule_holds),
        cmocka_unit_test(an_address_opens_before_its_epoch_and_stays_behind_it),
        cmocka_unit_test(clocks_seven_seconds_off_are_served),
        cmocka_unit_test(addresses_with_flows_are_muted_until_the_last_one_ends),
        cmocka_unit_test(a_clock_that_goes_back_opens_again),
        cmocka_unit_test(thousands_of_epochs_with_clock_steps),
        cmocka_unit_test(the_one_with_the_fewest_flows_gives_way),
        cmocka_unit_test(a_full_stack_makes_one_give_way),
        cmocka_unit_test(a_failure_is_tried_again_in_a_second),
        cmocka_unit_test(other_settings_close_what_the_old_ones_made),
        cmocka_unit_test(at_the_end_all_go),
        cmocka_unit_test(before_1970_is_the_first_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
