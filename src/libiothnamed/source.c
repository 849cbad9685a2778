/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of sources, made of the rows in source_table.h. */
#include "libiothnamed/source.h"
#include <string.h>
#include <strings.h>

const struct source *const source_table[] = {
#define SOURCE(keyword) &source_##keyword,
#include "libiothnamed/source_table.h"
#undef SOURCE
    NULL,
};

const struct source *source_by_keyword(const char *keyword, size_t len)
{
    for (const struct source *const *s = source_table; *s; s++)
        if (strlen((*s)->keyword) == len && strncasecmp((*s)->keyword, keyword, len) == 0)
            return *s;
    return NULL;
}

unsigned source_number(const struct source *source)
{
    unsigned n = 0;
    while (source_table[n] != source)
        n++;
    return n;
}
