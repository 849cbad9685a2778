/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose code may run with whose, as far as a library can tell.
 *
 * Each licence is a row that says under which versions of the GPL the code may be distributed, and whether it
 * asks nothing of the program around it. A plug-in that asks nothing loads always. One under the GPL loads if
 * there is a version of the GPL under which both it and the program may be distributed. A licence without a
 * row is unknown: as a plug-in's it forbids, as a program's it is compatible with no GPL.
 *
 * Of SPDX expressions OR is understood, as the choice it is; "WITH exception" only adds permissions and is
 * skipped. AND makes no row match, so it is treated as unknown.
 */
#include "libioth/license.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

enum { GPL2 = 1, GPL3 = 2, FREE = 4 };

static const struct {
    const char *spdx;
    unsigned rights;
} licenses[] = {
    {"GPL-2.0", GPL2},
    {"GPL-2.0-only", GPL2},
    {"GPL-2.0+", GPL2 | GPL3},
    {"GPL-2.0-or-later", GPL2 | GPL3},
    {"GPL-3.0", GPL3},
    {"GPL-3.0-only", GPL3},
    {"GPL-3.0+", GPL3},
    {"GPL-3.0-or-later", GPL3},
    {"AGPL-3.0-only", GPL3},
    {"AGPL-3.0-or-later", GPL3},
    {"LGPL-2.0-only", GPL2 | GPL3 | FREE},
    {"LGPL-2.0-or-later", GPL2 | GPL3 | FREE},
    {"LGPL-2.1", GPL2 | GPL3 | FREE},
    {"LGPL-2.1-only", GPL2 | GPL3 | FREE},
    {"LGPL-2.1+", GPL2 | GPL3 | FREE},
    {"LGPL-2.1-or-later", GPL2 | GPL3 | FREE},
    {"LGPL-3.0", GPL3 | FREE},
    {"LGPL-3.0-only", GPL3 | FREE},
    {"LGPL-3.0+", GPL3 | FREE},
    {"LGPL-3.0-or-later", GPL3 | FREE},
    {"MPL-2.0", GPL2 | GPL3 | FREE},
    {"Apache-2.0", GPL3 | FREE},
    {"MIT", GPL2 | GPL3 | FREE},
    {"MIT-0", GPL2 | GPL3 | FREE},
    {"X11", GPL2 | GPL3 | FREE},
    {"ISC", GPL2 | GPL3 | FREE},
    {"0BSD", GPL2 | GPL3 | FREE},
    {"BSD-2-Clause", GPL2 | GPL3 | FREE},
    {"BSD-3-Clause", GPL2 | GPL3 | FREE},
    {"Zlib", GPL2 | GPL3 | FREE},
    {"BSL-1.0", GPL2 | GPL3 | FREE},
    {"CC0-1.0", GPL2 | GPL3 | FREE},
    {"Unlicense", GPL2 | GPL3 | FREE},
};

static unsigned rights_of_identifier(const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < sizeof(licenses) / sizeof(licenses[0]); i++)
        if (strlen(licenses[i].spdx) == len && strncasecmp(licenses[i].spdx, text, len) == 0)
            return licenses[i].rights;
    return 0;
}

static size_t length_before(const char *text, size_t len, const char *word)
{
    const char *at = memmem(text, len, word, strlen(word));

    return at == NULL ? len : (size_t)(at - text);
}

static unsigned rights_of(const char *expression)
{
    unsigned rights = 0;
    size_t rest = strlen(expression), len;

    for (;;) {
        len = length_before(expression, rest, " OR ");
        rights |= rights_of_identifier(expression, length_before(expression, len, " WITH "));
        if (len == rest)
            return rights;
        expression += len + strlen(" OR ");
        rest -= len + strlen(" OR ");
    }
}

bool license_allows(const char *program, const char *plugin)
{
    unsigned wanted, given;

    if (plugin == NULL || *plugin == '\0')
        return true;
    wanted = rights_of(plugin);
    given = program == NULL ? 0 : rights_of(program);
    return (wanted & FREE) != 0 || (wanted & given & (GPL2 | GPL3)) != 0;
}
