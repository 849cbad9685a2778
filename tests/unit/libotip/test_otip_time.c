/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Times as people write them: good ones, each with its seconds, and every way to be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libotip/otip_time.h"

static void good_times(void **state)
{
    static const struct {
        const char *text;
        int64_t expected_s;
    } rows[] = {
        {"@0", 0},
        {"@1795303094", 1795303094},
        {"@-1", -1},
        {"@9223372036854775807", INT64_MAX},
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00z", 0},
        {"1969-12-31 23:59:59Z", -1},
        {"2000-02-29T12:00:00Z", 951825600},
        {"2026-11-22T08:30:00Z", 1795336200},
        {"2026-11-22T08:30:00.999Z", 1795336200},
        {"2026-11-22T08:30:00,999999999999999999999Z", 1795336200},
        {"2026-11-22T09:30+01:00", 1795336200},
        {"2026-11-22T09:30+0100", 1795336200},
        {"2026-11-22T09:30+01", 1795336200},
        {"2026-11-22T00:00:00-08:30", 1795336200},
        {"2016-12-31T23:59:60Z", 1483228800}, /* a leap second */
        {"9999-12-31T23:59:59Z", 253402300799},
        {"0001-01-01T00:00:00Z", -62135596800},
        {"2026-11-22T10:30", 1795336200}, /* local time: two hours east, as main() says */
        {"2026-11-22 10:30:00", 1795336200},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t got_s;

        if (otip_time_parse(rows[i].text, &got_s) != 0 || got_s != rows[i].expected_s)
            fail_msg("%s", rows[i].text);
    }
}

static void wrong_times(void **state)
{
    static const char *const texts[] = {
        "",
        "@",
        "@x",
        "@1x",
        "@ 1",
        "@+1",
        "@9223372036854775808",
        "@1.5",
        "0",
        "now",
        "2026",
        "2026-11-22",
        "2026-11-22T",
        "2026-11-22T08",
        "2026-11-22T08:",
        "2026-11-22T08:3",
        "2026-11-22T24:00",
        "2026-11-22T08:60",
        "2026-11-22T08:30:61Z",
        "2026-11-22T08:30:",
        "2026-11-22T08:30:00.Z",
        "2026-11-22T08:30ZZ",
        "2026-11-22T08:30+",
        "2026-11-22T08:30+1",
        "2026-11-22T08:30+24:00",
        "2026-11-22T08:30+01:60",
        "2026-11-22T08:30+01:",
        "2026-11-22T08:30 Z",
        "2026-13-01T00:00Z",
        "2026-00-01T00:00Z",
        "2026-01-00T00:00Z",
        "2026-01-32T00:00Z",
        "2026-02-29T00:00Z",
        "1900-02-29T00:00Z",
        "2026-04-31T00:00Z",
        "0000-01-01T00:00Z",
        "26-11-22T08:30Z",
        "20261122T083000Z",
        "-2026-11-22T08:30Z",
        "2026/11/22T08:30Z",
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int64_t got_s = 42;

        if (otip_time_parse(texts[i], &got_s) != -EINVAL || got_s != 42)
            fail_msg("%s", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good_times), cmocka_unit_test(wrong_times)};

    setenv("TZ", "UTC-2", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
