/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The simulated link: order, faults in the measure that was asked for, and runs that repeat. */
#include "lab/simlink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char head[] = "head", body[] = "body of the packet";
enum { HEAD = sizeof head, BODY = sizeof body, MANY = 4000 };

static struct simlink *open_link(uint64_t seed, struct simlink_faults faults)
{
    struct simlink *link = simlink_new(seed);

    assert_non_null(link);
    simlink_set_faults(link, &faults);
    return link;
}

static void say(struct simlink *link, nsec_t now, unsigned to)
{
    simlink_send(link, now, 7, to, head, HEAD, body, BODY);
}

static bool is_whole(const struct simlink_message *m)
{
    return m->len == HEAD + BODY && memcmp(m->bytes + HEAD, body, BODY) == 0;
}

static void a_perfect_link_is_a_queue(void **state)
{
    struct simlink *link = simlink_new(0);

    (void)state;
    assert_true(simlink_due(link) == NSEC_NEVER);
    assert_null(simlink_take(link, NSEC_NEVER));
    for (unsigned to = 0; to < 100; to++)
        say(link, 5 + (nsec_t)(to / 10), to);
    assert_null(simlink_take(link, 4));
    for (unsigned to = 0; to < 100; to++) {
        nsec_t at = 5 + (nsec_t)(to / 10);
        assert_true(simlink_due(link) == at);
        struct simlink_message *m = simlink_take(link, at);
        assert_non_null(m);
        assert_int_equal(m->to, to);
        assert_int_equal(m->from, 7);
        assert_true(m->at == at && is_whole(m) && memcmp(m->bytes, head, HEAD) == 0);
        free(m);
    }
    assert_null(simlink_take(link, NSEC_NEVER));
    simlink_free(link);
    simlink_free(NULL);
}

static void empty_parts_travel(void **state)
{
    struct simlink *link = open_link(1, (struct simlink_faults){.corruption = 1000});

    (void)state;
    simlink_send(link, 0, 1, 2, head, HEAD, NULL, 0);
    simlink_send(link, 0, 1, 2, NULL, 0, NULL, 0);
    struct simlink_message *one = simlink_take(link, 0), *other = simlink_take(link, 0);
    assert_int_equal(one->len, HEAD);
    assert_memory_equal(one->bytes, head, HEAD);
    assert_int_equal(other->len, 0);
    free(one);
    free(other);
    simlink_free(link);
}

/* What became of MANY messages. */
struct outcome {
    unsigned arrived, spoilt, overtaken;
    nsec_t first, last;
    uint64_t digest; /* of all that arrived, in order */
};

static void look_at(struct outcome *o, const struct simlink_message *m, unsigned *ret_last_to)
{
    o->arrived++;
    o->spoilt += !is_whole(m);
    o->overtaken += m->to < *ret_last_to;
    *ret_last_to = m->to;
    o->first = m->at < o->first ? m->at : o->first;
    o->last = m->at > o->last ? m->at : o->last;
    assert_true(m->len >= HEAD && m->len <= HEAD + BODY);
    assert_memory_equal(m->bytes, head, HEAD);
    o->digest = o->digest * 31 + (uint64_t)m->at;
    for (size_t i = 0; i < m->len; i++)
        o->digest = o->digest * 31 + m->bytes[i];
}

static struct outcome outcome_of(uint64_t seed, struct simlink_faults faults)
{
    struct simlink *link = open_link(seed, faults);
    struct outcome o = {.first = NSEC_NEVER};
    struct simlink_message *m;
    nsec_t before = 0;
    unsigned last_to = 0;

    for (unsigned to = 0; to < MANY; to++)
        say(link, 0, to);
    while (simlink_due(link) != NSEC_NEVER) {
        nsec_t due = simlink_due(link);
        assert_true(due >= before);
        assert_non_null(m = simlink_take(link, due));
        assert_true(m->at == due);
        before = due;
        look_at(&o, m, &last_to);
        free(m);
    }
    simlink_free(link);
    return o;
}

static void faults_come_in_the_measure_asked_for(void **state)
{
    struct outcome o = outcome_of(3, (struct simlink_faults){.loss = 500});

    (void)state;
    assert_in_range(o.arrived, MANY * 45 / 100, MANY * 55 / 100);
    assert_int_equal(o.spoilt + o.overtaken, 0);
    assert_int_equal(outcome_of(3, (struct simlink_faults){.loss = 1000}).arrived, 0);

    o = outcome_of(4, (struct simlink_faults){.loss = 300, .duplication = 250});
    assert_in_range(o.arrived, MANY * 82 / 100, MANY * 93 / 100); /* 0.7 * 1.25 */

    o = outcome_of(5, (struct simlink_faults){.corruption = 100});
    assert_int_equal(o.arrived, MANY);
    assert_in_range(o.spoilt, MANY * 8 / 100, MANY * 12 / 100);
}

static void delays_stay_between_their_bounds(void **state)
{
    struct outcome o = outcome_of(6, (struct simlink_faults){.delay_min = 1000, .delay_max = 9000});

    (void)state;
    assert_int_equal(o.arrived, MANY);
    assert_in_range(o.first, 1000, 1100);
    assert_in_range(o.last, 8900, 9000);
    assert_in_range(o.overtaken, MANY / 3, MANY * 2 / 3);
    o = outcome_of(6, (struct simlink_faults){.delay_min = 1000});
    assert_true(o.first == 1000 && o.last == 1000 && o.overtaken == 0);
}

static void a_seed_is_a_run(void **state)
{
    const struct simlink_faults all = {.loss = 200, .duplication = 100, .corruption = 50, .delay_max = 1000};
    uint64_t digests[8];

    (void)state;
    for (unsigned seed = 0; seed < 8; seed++) {
        digests[seed] = outcome_of(seed, all).digest;
        assert_true(digests[seed] == outcome_of(seed, all).digest);
        for (unsigned earlier = 0; earlier < seed; earlier++)
            assert_true(digests[earlier] != digests[seed]);
    }
}

static void a_flood_is_lost_in_part(void **state)
{
    struct simlink *link = simlink_new(8);
    struct simlink_message *m;
    unsigned arrived = 0;

    (void)state;
    for (unsigned i = 0; i < 100000; i++)
        say(link, 0, i);
    while ((m = simlink_take(link, 0))) {
        assert_int_equal(m->to, arrived++);
        free(m);
    }
    assert_in_range(arrived, 1000, 99999);
    simlink_free(link);
}

static void random_bytes_are_of_the_link(void **state)
{
    struct simlink *one = simlink_new(9), *other = simlink_new(9);
    uint8_t bytes[64] = {0}, again[64] = {0};

    (void)state;
    simlink_random_bytes(one, bytes, 63);
    simlink_random_bytes(other, again, 63);
    assert_memory_equal(bytes, again, 63);
    assert_int_equal(bytes[63], 0);
    assert_true(simlink_random(one) == simlink_random(other));
    simlink_random_bytes(one, again, 63);
    assert_memory_not_equal(bytes, again, 63);
    simlink_free(one);
    simlink_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_perfect_link_is_a_queue),
        cmocka_unit_test(empty_parts_travel),
        cmocka_unit_test(faults_come_in_the_measure_asked_for),
        cmocka_unit_test(delays_stay_between_their_bounds),
        cmocka_unit_test(a_seed_is_a_run),
        cmocka_unit_test(a_flood_is_lost_in_part),
        cmocka_unit_test(random_bytes_are_of_the_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
