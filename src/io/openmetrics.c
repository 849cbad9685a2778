/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See openmetrics.h. Names, units and help are the program's own and trusted; label values are not. */
#include "io/openmetrics.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void openmetrics_begin(struct text *t, const struct openmetrics_family *family)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram", "info"};
    text_printf(t, "# TYPE %s %s\n", family->name, kinds[family->kind]);
    if (family->unit)
        text_printf(t, "# UNIT %s %s\n", family->name, family->unit);
    text_printf(t, "# HELP %s %s\n", family->name, family->help);
}

void openmetrics_label(struct text *t, bool first, const char *name, const char *value)
{
    text_printf(t, "%s%s=\"", first ? "" : ",", name);
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        if (c == '\n')
            text_puts(t, "\\n");
        else if (c == '"' || c == '\\')
            text_printf(t, "\\%c", c);
        else
            text_put(t, c > 126 ? "?" : value, 1); /* the text is UTF-8, and so must be what is in it */
    }
    text_puts(t, "\"");
}

static void put_name(struct text *t, const struct openmetrics_family *family, const char *suffix,
                     const char *labels)
{
    text_printf(t, "%s%s", family->name, suffix);
    if (labels[0])
        text_printf(t, "{%s}", labels);
}

void openmetrics_number(struct text *t, const struct openmetrics_family *family, const char *suffix,
                        const char *labels, uint64_t value)
{
    put_name(t, family, suffix, labels);
    text_printf(t, " %" PRIu64 "\n", value);
}

void openmetrics_real(struct text *t, const struct openmetrics_family *family, const char *suffix,
                      const char *labels, double value)
{
    put_name(t, family, suffix, labels);
    text_printf(t, " %.9g\n", value);
}

static void put_bucket(struct text *t, const struct openmetrics_family *family, const char *labels,
                       const char *end, uint64_t count)
{
    text_printf(t, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", family->name, labels, labels[0] ? "," : "", end,
                count);
}

void openmetrics_histogram(struct text *t, const struct openmetrics_family *family, const char *labels,
                           unsigned n_bounds, const double *bounds, const uint64_t *counts, double sum)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < n_bounds; i++) {
        char end[32];
        bool whole = bounds[i] < 1e6 && bounds[i] == (double)(long)bounds[i];
        snprintf(end, sizeof(end), whole ? "%.1f" : "%.9g", bounds[i]); /* the canonical form is "1.0" */
        put_bucket(t, family, labels, end, total += counts[i]);
    }
    put_bucket(t, family, labels, "+Inf", total += counts[n_bounds]);
    openmetrics_number(t, family, "_count", labels, total);
    openmetrics_real(t, family, "_sum", labels, sum);
}

void openmetrics_end(struct text *t)
{
    text_puts(t, "# EOF\n");
}
