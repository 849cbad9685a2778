/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reverse tables, and names and addresses by number. */
#ifndef TESTS_HREV_WORLD_H
#define TESTS_HREV_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/cursor.h"
#include "libiothnamed/hrev.h"

static const struct siphash_key secret = {{5, 6}};

static inline struct hrev *new_hrev(uint32_t max)
{
    struct hrev *h = NULL;

    assert_int_equal(hrev_new(max, &secret, &h), 0);
    return h;
}

static inline struct ipaddr numbered_addr(unsigned number)
{
    struct ipaddr addr = {{0xfc}};

    put_be32(addr.b + 8, number * 2654435761u);
    put_be32(addr.b + 12, number);
    return addr;
}

static inline size_t numbered_name(unsigned number, uint8_t name[static DNAME_MAX])
{
    char text[64];
    int len = snprintf(text, sizeof(text), "n%u.hash.local", number);

    len = dname_from_text(text, (size_t)len, name);
    assert_true(len > 0);
    return (size_t)len;
}

#endif
