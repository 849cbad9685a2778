/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See rc_stack.h. A string for a stack has elements with commas between them, and white space before them. */
#include "io/rc_stack.h"

#include <string.h>
#include <strings.h>

bool rc_names_stack(const char *text)
{
    static const char element[] = "stack=";

    for (const char *at = text; at; at = strchr(at, ',')) {
        at += strspn(at, ", \t");
        if (strncasecmp(at, element, strlen(element)) == 0)
            return true;
    }
    return false;
}
