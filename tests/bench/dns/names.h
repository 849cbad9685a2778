/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The questions that dns_load asks: numbered ones of a pattern, or those of a file. */
#ifndef BENCH_DNS_NAMES_H
#define BENCH_DNS_NAMES_H

#include <stddef.h>
#include <stdint.h>

enum {
    QUESTION_MAX = 12 + 255 + 4, /* header, name, type and class */
};

struct names;

/* Questions 0..count-1 of a pattern such as "h#######.static.bench": the run of # is the number, in decimal, with leading
 * zeros. `type` is a mnemonic of the few that matter here, or a number. NULL, after a message: not a name. */
struct names *names_from_pattern(const char *pattern, const char *type, uint64_t count);

/* The lines "NAME TYPE" of a file, as dnsperf has them. NULL, after a message: not readable. */
struct names *names_from_file(const char *path);

uint64_t names_count(const struct names *names);

/* Writes question `number` (below the count) with this id; returns its length, at most QUESTION_MAX. */
size_t names_write(const struct names *names, uint64_t number, uint16_t id,
                   uint8_t question[static QUESTION_MAX]);

#endif
