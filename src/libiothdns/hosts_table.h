/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What hosts(5) and services(5) have in common: a file of lines, each found by any of its names. */
#ifndef IOTHDNS_HOSTS_TABLE_H
#define IOTHDNS_HOSTS_TABLE_H

#include "base/base.h"
#include "libiothdns/hosts_lines.h"

struct table_name {
    const char *name;
    uint32_t line; /* an index of the user's own */
};

struct hosts_table {
    char *text; /* the table's own copy, cut up in place */
    size_t len, n_names;
    struct table_name *names; /* room for all fields of the text */
    int (*compare)(const char *a, const char *b);
};

/* Copies the text. *ret_lines: how many lines it has at the most. 0 or -ENOMEM. */
MUST_CHECK int table_init(struct hosts_table *t, const void *text, size_t len,
                          int (*compare)(const char *a, const char *b), size_t *ret_lines);
void table_fini(struct hosts_table *t);

/* The names of a line, the first of which is given and the others the rest of its text. */
void table_add(struct hosts_table *t, const char *name, char *rest, uint32_t line);
/* When all are there. */
void table_sort(struct hosts_table *t);

/* Where the names begin that are equal to `name`, by the order of their lines; n_names if there is none. */
size_t table_find(const struct hosts_table *t, const char *name);
/* The line of the name at *at, if it is equal to `name`, and steps to one of another line; -1: it is not. */
int64_t table_next(const struct hosts_table *t, const char *name, size_t *at);

#endif
