/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What there is to measure of a server: the counters of its workers, row by row, and the totals of what they share;
 * as OpenMetrics for machines, and in the words of iothnamedctl(8) for people. */
#ifndef IOTHNAMED_METRICS_H
#define IOTHNAMED_METRICS_H

#include "io/pairs.h"
#include "libiothnamed/service.h"

/* A piece of the page, for io/attendant.h; arg is a struct iothnamed. */
bool metrics_page(void *arg, unsigned turn, struct text *out);

/* All numbers, sums over the workers; arg as above. */
void metrics_list(void *arg, struct pairs *p);

#endif
