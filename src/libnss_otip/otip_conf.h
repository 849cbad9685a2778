/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text of otip.conf(5): which names have computed addresses, and of what they are computed. Pure: text goes in, lines
 * come out, one at a time; nothing is allocated and nothing is kept.
 */
#ifndef NSS_OTIP_CONF_H
#define NSS_OTIP_CONF_H

#include "libotip/otip.h"

#include <stdbool.h>

#define OTIP_CONF_WORDS_MAX  8     /* of a line: the longest that means something has seven */
#define OTIP_CONF_PERIOD_MAX 86400 /* seconds, as of otip_rproxy and iothnamed */

enum otip_conf_kind {
    OTIP_CONF_HASH,  /* hash NAME BASE */
    OTIP_CONF_OTIP,  /* otip NAME BASE secret FILE [period SECS] */
    OTIP_CONF_OTIP2, /* otip2 NAME BASE key FILE [period SECS] */
};

/* A line that says something. Texts are views, not NUL-terminated. */
struct otip_conf_line {
    unsigned number; /* of the line, from 1 */
    enum otip_conf_kind kind;
    const char *keyword; /* "hash", "otip", "otip2" */
    bool below; /* all names below `name`, which was written with a dot before it; not the name itself */
    const char *name; /* without the dot before it and the one behind it, as it was written */
    size_t name_len;
    struct ipaddr base;
    unsigned prefix_len; /* bits; 64 but for otip2 */
    const char *file;    /* of the secret or the key; NULL for hash */
    size_t file_len;
    uint32_t period_s; /* 0 for hash */
};

struct otip_conf_error {
    unsigned line, column; /* from 1 */
    char text[160];
};

/* What of the text is not read yet. Begins as {text, text + len, 0}. */
struct otip_conf {
    const char *at, *end;
    unsigned number;
};

/* The next line that says something: 1 and *ret; 0: there is none; -EINVAL: the line is wrong, *ret_error says where and
 * why, and the next call goes on behind it. */
MUST_CHECK int otip_conf_next(struct otip_conf *c, struct otip_conf_line *ret,
                              struct otip_conf_error *ret_error);

/* Whether the line is about this name: `name_len` bytes without a dot behind them, in any letter case. */
bool otip_conf_match(const struct otip_conf_line *line, const char *name, size_t name_len);

/* Length of a domain name in text form without its final dot; 0 if it is none: labels of 1 to 63 bytes, 253 in all
 * (RFC 1035 s2.3.4). Bytes may be any but blanks, control characters, '/' and '\': a name with those is no host's. */
size_t otip_conf_name_len(const char *name, size_t len);

#endif
