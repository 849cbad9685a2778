/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the DHCP servers count: one table, of which the command `stats` and the page that is scraped are made. */
#ifndef LIBNAMEDHCP_NAMEDHCP_METRICS_H
#define LIBNAMEDHCP_NAMEDHCP_METRICS_H

#include "io/openmetrics.h"
#include "libnamedhcp/namedhcp_state.h"

struct namedhcp_counter_row {
    const char *key;                  /* "dhcpv4-received-discover" */
    struct openmetrics_family family; /* rows of one family stand together */
    const char *labels;
    size_t offset; /* in struct namedhcp_stats, of a uint64_t */
};

extern const struct namedhcp_counter_row namedhcp_counters[];
extern const unsigned namedhcp_n_counters;
uint64_t namedhcp_counter(const struct namedhcp_stats *stats, unsigned row);

/* As the pools were seen last, to be freed; NULL: not yet, or no memory. */
struct namedhcp_pools *namedhcp_copy_pools(struct namedhcp *n);

#endif
