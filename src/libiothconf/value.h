/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBIOTHCONF_VALUE_H
#define LIBIOTHCONF_VALUE_H

#include "base/base.h"
#include "libiothconf/keyword.h"

struct conf_value {
    const char *text; /* as written, without quotes; not terminated */
    size_t len;
    unsigned number;  /* VALUE_NUMBER, above 0; VALUE_SECONDS */
    uint8_t mac[6];   /* VALUE_MAC */
    int family;       /* VALUE_ADDR, VALUE_PREFIX: AF_INET or AF_INET6 */
    uint8_t addr[16]; /* the first 4 bytes for AF_INET */
    int prefixlen;    /* VALUE_PREFIX */
};

/* Interprets len bytes as a value of one kind. Returns NULL and *ret, or what is wrong: half a sentence that
   goes on after the quoted value, e.g. "is not a MAC address". */
MUST_CHECK const char *conf_value_parse(enum conf_value_kind kind, const char *text, size_t len,
                                        struct conf_value *ret);

#endif
