/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* OpenMetrics text, against the words of its specification; tests/net reads a whole page with Prometheus' parser. */
#include "io/openmetrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void expect(struct text *t, const char *expected)
{
    text_put(t, "", 1);
    assert_false(t->failed);
    assert_string_equal(t->bytes, expected);
    text_fini(t);
}

static void counters_and_gauges(void **state)
{
    const struct openmetrics_family requests = {"x_requests", OPENMETRICS_COUNTER, NULL, "Requests"};
    const struct openmetrics_family size = {"x_size_bytes", OPENMETRICS_GAUGE, "bytes", "Size"};
    struct text t = {0};
    (void)state;

    openmetrics_begin(&t, &requests);
    openmetrics_number(&t, &requests, "_total", "a=\"b\"", UINT64_MAX);
    openmetrics_begin(&t, &size);
    openmetrics_number(&t, &size, "", "", 0);
    openmetrics_real(&t, &size, "", "", 0.00025);
    openmetrics_end(&t);
    expect(&t, "# TYPE x_requests counter\n# HELP x_requests Requests\n"
               "x_requests_total{a=\"b\"} 18446744073709551615\n"
               "# TYPE x_size_bytes gauge\n# UNIT x_size_bytes bytes\n# HELP x_size_bytes Size\n"
               "x_size_bytes 0\nx_size_bytes 0.00025\n# EOF\n");
}

static void label_values_are_escaped(void **state)
{
    struct text t = {0};
    (void)state;

    openmetrics_label(&t, true, "a", "plain");
    openmetrics_label(&t, false, "b", "q\"u\\o\nte\xff");
    expect(&t, "a=\"plain\",b=\"q\\\"u\\\\o\\nte?\"");
}

static void histograms_are_cumulative(void **state)
{
    const struct openmetrics_family f = {"x_seconds", OPENMETRICS_HISTOGRAM, "seconds", "Time"};
    const double bounds[] = {0.005, 1, 2.5};
    const uint64_t counts[] = {1, 2, 0, 4};
    struct text t = {0};
    (void)state;

    openmetrics_histogram(&t, &f, "w=\"0\"", 3, bounds, counts, 12.5);
    expect(&t, "x_seconds_bucket{w=\"0\",le=\"0.005\"} 1\nx_seconds_bucket{w=\"0\",le=\"1.0\"} 3\n"
               "x_seconds_bucket{w=\"0\",le=\"2.5\"} 3\nx_seconds_bucket{w=\"0\",le=\"+Inf\"} 7\n"
               "x_seconds_count{w=\"0\"} 7\nx_seconds_sum{w=\"0\"} 12.5\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_and_gauges),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(histograms_are_cumulative),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
