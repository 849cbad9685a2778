/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which licences go together: a table of pairs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libioth/license.h"

static void test_pairs(void **state)
{
    static const struct {
        const char *program, *plugin;
        bool allowed;
    } pairs[] = {
        {NULL, NULL, true},
        {NULL, "", true},
        {NULL, "LGPL-2.1-or-later", true},
        {NULL, "lgpl-2.1-OR-later", true},
        {NULL, "MIT", true},
        {NULL, "BSD-3-Clause", true},
        {NULL, "GPL-2.0-or-later", false},
        {"", "GPL-2.0-or-later", false},
        {"Proprietary", "GPL-3.0-only", false},
        {"Proprietary", "LGPL-3.0-only", true},
        {"GPL-2.0-only", "GPL-2.0-only", true},
        {"GPL-2.0-only", "GPL-3.0-only", false},
        {"GPL-2.0-or-later", "GPL-3.0-only", true},
        {"GPL-3.0-or-later", "GPL-2.0-only", false},
        {"GPL-3.0-or-later", "GPL-2.0-or-later", true},
        {"MIT", "GPL-2.0-only", true},
        {"Apache-2.0", "GPL-2.0-only", false},
        {"Apache-2.0", "GPL-3.0-or-later", true},
        {"Apache-2.0 OR MIT", "GPL-2.0-only", true},
        {"GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only", true},
        {NULL, "GPL-2.0-only OR MIT", true},
        {NULL, "GPL-2.0-only AND MIT", false},
        {"GPL-2.0-only", "SSPL-1.0", false},
        {"GPL-2.0-onlyX", "GPL-2.0-only", false},
        {"GPL", "GPL-2.0-only", false},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (license_allows(pairs[i].program, pairs[i].plugin) != pairs[i].allowed)
            fail_msg("program %s, plug-in %s", pairs[i].program, pairs[i].plugin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
