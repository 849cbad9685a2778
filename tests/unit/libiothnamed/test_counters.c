/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of counters: its rows are well-formed, distinct, and lead to what they say; and what questions count. */
#include "query_world.h"

#include "libiothnamed/counters.h"

static void rows_are_distinct(void **state)
{
    (void)state;
    for (unsigned i = 0; i < n_counter_rows; i++) {
        const struct counter_row *row = &counter_rows[i];
        assert_true(row->length > 0);
        assert_true(!row->labels != !row->label);
        assert_true(row->offset + row->length * sizeof(atomic_ullong) <= sizeof(struct worker_counters));
        bool first = i == 0 || strcmp(row->family, row[-1].family) != 0;
        assert_int_equal(first, row->help[0] != '\0');
        for (unsigned k = 0; k < i; k++) {
            const struct counter_row *other = &counter_rows[k];
            assert_true(other->offset + other->length * sizeof(atomic_ullong) <= row->offset);
            if (first) /* families stand together */
                assert_string_not_equal(other->family, row->family);
        }
    }
}

static const struct counter_row *row_of(const char *family)
{
    for (unsigned i = 0; i < n_counter_rows; i++)
        if (strcmp(counter_rows[i].family, family) == 0)
            return &counter_rows[i];
    return NULL;
}

/* The value of an array at the place of that name. */
static uint64_t named(const struct worker_counters *c, const char *family, const char *name)
{
    const struct counter_row *row = row_of(family);
    assert_non_null(row);
    for (unsigned i = 0; i < row->length; i++)
        if (row->value(i) && strcmp(row->value(i), name) == 0)
            return counter_read(c, row, i);
    fail_msg("%s has no '%s'", family, name);
    return 0;
}

static void what_questions_count(void **state)
{
    static struct worker_counters c;
    struct world w;
    (void)state;
    world_open(&w, "net local 192.168.1.0/24\nauth static local .test\nauth hash local .hash.x fc00::\n"
                   "auth error local bad.x\nstatic A one.test 192.0.2.1\n");
    w.env.counters = &c;

    world_ask(&w, (struct ask){.from = "192.168.1.7", .name = "one.test", .type = RR_A});
    world_ask(&w, (struct ask){.from = "192.168.1.7", .name = "two.test", .type = RR_A});
    world_ask(&w, (struct ask){.from = "192.168.1.7", .name = "a.hash.x", .type = RR_AAAA});
    world_ask(&w, (struct ask){.from = "192.168.1.7", .name = "hash.x", .type = RR_SOA});
    world_ask(&w, (struct ask){.from = "192.168.1.7", .name = "bad.x", .type = RR_A});
    world_ask(&w, (struct ask){.from = "192.168.1.7", .name = "other.x", .type = RR_A});
    world_ask(&w, (struct ask){.from = "192.168.1.7", .name = "one.test", .type = RR_AXFR});

    assert_int_equal(named(&c, "responses", "NOERROR"), 3);
    assert_int_equal(named(&c, "responses", "NXDOMAIN"), 1);
    assert_int_equal(named(&c, "responses", "REFUSED"), 3);
    assert_int_equal(named(&c, "answers", "static"), 2);
    assert_int_equal(named(&c, "answers", "hash"), 1);
    assert_int_equal(named(&c, "answers", "apex"), 1);
    assert_int_equal(named(&c, "answers", "error"), 1);
    assert_int_equal(named(&c, "answers", "none"), 1);
    assert_int_equal(named(&c, "answers", "form"), 1);
    world_close(&w);
}

static void codes_above_those_in_use(void **state)
{
    static struct worker_counters c;
    (void)state;
    count_rcode(&c, 23);
    count_rcode(&c, 24);
    count_rcode(&c, 4095);
    assert_int_equal(named(&c, "responses", "BADCOOKIE"), 1);
    assert_int_equal(named(&c, "responses", "other"), 2);
}

static void latencies(void **state)
{
    static const double bounds[] = LATENCY_BOUNDS;
    struct latency_histogram h = {0};
    (void)state;
    count_latency(&h, 0);
    count_latency(&h, 250000); /* the first bound belongs to the first bucket */
    count_latency(&h, 250001);
    count_latency(&h, 5 * NSEC_PER_SEC);
    count_latency(&h, 3600 * NSEC_PER_SEC);
    assert_int_equal(h.bucket[0], 2);
    assert_int_equal(h.bucket[1], 1);
    assert_int_equal(h.bucket[LATENCY_BUCKETS - 2], 1);
    assert_int_equal(h.bucket[LATENCY_BUCKETS - 1], 1);
    assert_true(h.sum_ns == 500001 + 3605 * (uint64_t)NSEC_PER_SEC);
    for (unsigned i = 1; i < ARRAY_LEN(bounds); i++)
        assert_true(bounds[i] > bounds[i - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_distinct),
        cmocka_unit_test(what_questions_count),
        cmocka_unit_test(codes_above_those_in_use),
        cmocka_unit_test(latencies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
