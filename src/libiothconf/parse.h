/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHCONF_PARSE_H
#define LIBIOTHCONF_PARSE_H

#include "base/base.h"
#include "libiothconf/keyword.h"
#include "libiothconf/value.h"

enum { CONF_ERROR_SIZE = 256 };

/* One option of a configuration string. */
struct conf_item {
    const struct conf_keyword *keyword;
    bool undo;
    bool has_value;          /* false for VALUE_NONE and for "-ip" without a value */
    struct conf_value value; /* if has_value; text points into the configuration string */
};

/* Reading position in a configuration string; after an error, what is wrong and where. */
struct conf_parser {
    const char *config;
    size_t pos;
    size_t error_offset;
    char error[CONF_ERROR_SIZE];
};

/* config: NULL counts as empty; it must outlive the parser and the items read from it. */
void conf_parser_init(struct conf_parser *p, const char *config);

/* Reads the next option. Returns 1 and *ret, 0 at the end, -EINVAL with p->error and p->error_offset. */
MUST_CHECK int conf_parser_next(struct conf_parser *p, struct conf_item *ret);

#endif
