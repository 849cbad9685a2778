/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One copy of the text, its ends of lines and blanks overwritten by NULs, and an array of all names that point into it,
 * sorted by name and then by line. A name is found by halving, its lines come in the order of the file, and nothing depends
 * on a hash that somebody could guess. Files of some 100,000 lines occur (lists of names to be blocked).
 */
#include "libiothdns/hosts_table.h"

#include <errno.h>
#include <stdlib.h>

int table_init(struct hosts_table *t, const void *text, size_t len,
               int (*compare)(const char *a, const char *b), size_t *ret_lines)
{
    size_t lines, fields;

    lines_count(text, len, &lines, &fields);
    *t = (struct hosts_table){.len = len, .compare = compare};
    t->text = malloc(len + 1);
    t->names = calloc(fields + 1, sizeof(*t->names));
    if (!t->text || !t->names) {
        table_fini(t);
        return -ENOMEM;
    }
    if (len > 0)
        memcpy(t->text, text, len);
    *ret_lines = lines;
    return 0;
}

void table_fini(struct hosts_table *t)
{
    free(t->text);
    free(t->names);
    *t = (struct hosts_table){0};
}

void table_add(struct hosts_table *t, const char *name, char *rest, uint32_t line)
{
    for (; name; name = lines_field(&rest))
        t->names[t->n_names++] = (struct table_name){name, line};
}

static int compare_names(const void *a, const void *b, void *table)
{
    const struct hosts_table *t = table;
    const struct table_name *x = a, *y = b;
    int order = t->compare(x->name, y->name);

    return order ? order : (x->line > y->line) - (x->line < y->line);
}

void table_sort(struct hosts_table *t)
{
    qsort_r(t->names, t->n_names, sizeof(*t->names), compare_names, t);
}

size_t table_find(const struct hosts_table *t, const char *name)
{
    size_t low = 0, high = t->n_names;

    while (low < high) { /* all before low are less, none from high on is */
        size_t middle = low + (high - low) / 2;
        if (t->compare(t->names[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t table_next(const struct hosts_table *t, const char *name, size_t *at)
{
    if (*at >= t->n_names || t->compare(t->names[*at].name, name) != 0)
        return -1;
    uint32_t line = t->names[*at].line;
    do { /* a line may say a name twice */
        ++*at;
    } while (*at < t->n_names && t->names[*at].line == line && t->compare(t->names[*at].name, name) == 0);
    return line;
}
