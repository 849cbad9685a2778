/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configurations of the DHCP servers, read from text and from options of a command line. */
#ifndef TESTS_NAMEDHCP_CONFIG_WORLD_H
#define TESTS_NAMEDHCP_CONFIG_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libnamedhcp/namedhcp_config.h"

struct given {
    const char *name, *value;
};
#define GIVEN(name, value) ((const struct given[]){{name, value}, {0}})

/* file, given NULL: none. The error, or NULL with *ret. */
static inline const char *read_both(bool alone4, const char *file, const struct given *given,
                                    struct namedhcp_config **ret)
{
    static char why[NAMEDHCP_WHY_MAX];
    struct namedhcp_draft *draft = NULL;

    assert_int_equal(namedhcp_draft_new(alone4, &draft), 0);
    int e = file ? namedhcp_draft_text(draft, "t.rc", file, strlen(file)) : 0;
    for (; e == 0 && given && given->name; given++)
        e = namedhcp_draft_option(draft, given->name, given->value);
    if (e == 0)
        e = namedhcp_draft_finish(draft, ret);
    snprintf(why, sizeof(why), "%s", namedhcp_draft_error(draft));
    namedhcp_draft_free(draft);
    assert_true(e == 0 || (e == -EINVAL && why[0]));
    return e == 0 ? NULL : why;
}

static inline struct namedhcp_config *read_ok(bool alone4, const char *file, const struct given *given)
{
    struct namedhcp_config *c = NULL;
    const char *why = read_both(alone4, file, given, &c);

    if (why)
        fail_msg("%s", why);
    return c;
}

#endif
