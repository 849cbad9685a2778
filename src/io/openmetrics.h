/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text of OpenMetrics 1.0 (openmetrics.io, the exposition format that Prometheus reads). */
#ifndef IO_OPENMETRICS_H
#define IO_OPENMETRICS_H

#include "io/text.h"

#define OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

enum openmetrics_kind { OPENMETRICS_COUNTER, OPENMETRICS_GAUGE, OPENMETRICS_HISTOGRAM, OPENMETRICS_INFO };

struct openmetrics_family {
    const char *name; /* without the suffix of its samples; ends with its unit, if it has one */
    enum openmetrics_kind kind;
    const char *unit; /* "bytes", "seconds", or NULL */
    const char *help;
};

/* The lines before its samples: TYPE, UNIT, HELP. */
void openmetrics_begin(struct text *t, const struct openmetrics_family *family);
/* A label as it stands between the braces: name="value", the value escaped. `first`: nothing stands there yet. */
void openmetrics_label(struct text *t, bool first, const char *name, const char *value);
/* A sample of the family: name + suffix, labels, value. labels: as openmetrics_label writes them, or "".
 * A counter's suffix is "_total"; a gauge's "". */
void openmetrics_number(struct text *t, const struct openmetrics_family *family, const char *suffix,
                        const char *labels, uint64_t value);
void openmetrics_real(struct text *t, const struct openmetrics_family *family, const char *suffix,
                      const char *labels, double value);
/* All buckets of a histogram. bounds: n_bounds upper ends, ascending; counts: n_bounds + 1, each of what is in no
 * bucket before it. */
void openmetrics_histogram(struct text *t, const struct openmetrics_family *family, const char *labels,
                           unsigned n_bounds, const double *bounds, const uint64_t *counts, double sum);
/* The end of it all. */
void openmetrics_end(struct text *t);

#endif
