/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configurations from text for the tests: what was reported is compared as one text, a line for each report.
 */
#ifndef TESTS_CONFIG_WORLD_H
#define TESTS_CONFIG_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "libiothnamed/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct outcome {
    int result;
    struct config *config; /* NULL: errors */
    char *reports;         /* "LINE:COLUMN: error: TEXT\n" each */
    unsigned errors, warnings;
};

static inline char *reports_of(const struct diags *d)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    assert_non_null(f);
    for (const struct diag *i = d->first; i; i = i->next)
        fprintf(f, "%u:%u: %s: %s\n", i->at.line, i->at.column, i->warning ? "warning" : "error", i->text);
    fclose(f);
    return text;
}

static inline struct outcome parse_bytes(const char *text, size_t len)
{
    char *exact = malloc(len > 0 ? len : 1); /* not a byte more, so that a sanitizer sees who reads on */
    struct outcome o = {0};
    struct diags d = {0};

    assert_non_null(exact);
    memcpy(exact, text, len);
    o.result = config_parse("test.rc", exact, len, &o.config, &d);
    free(exact);
    o.reports = reports_of(&d);
    o.errors = d.errors;
    o.warnings = d.warnings;
    diags_fini(&d);
    assert_int_equal(o.result, o.errors > 0 ? -EINVAL : 0);
    return o;
}

static inline struct outcome parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}

static inline void outcome_fini(struct outcome *o)
{
    config_free(o->config);
    free(o->reports);
    *o = (struct outcome){0};
}

/* Parses and expects exactly these reports. */
static inline void expect_reports(const char *text, const char *reports)
{
    struct outcome o = parse(text);

    assert_string_equal(o.reports, reports);
    outcome_fini(&o);
}

/* Parses what must have no errors; to be freed. Warnings may be there. */
static inline struct config *parse_good(const char *text)
{
    struct outcome o = parse(text);

    if (o.result != 0)
        print_error("%s", o.reports);
    assert_int_equal(o.result, 0);
    free(o.reports);
    return o.config;
}

/* The print; to be freed. */
static inline char *print_of(const struct config *c)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    assert_non_null(f);
    config_print(c, f);
    fclose(f);
    return text;
}

#endif
