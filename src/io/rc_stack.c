/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See rc_stack.h. A string for a stack has elements with commas between them, and white space before them. */
#include "io/rc_stack.h"

#include <string.h>
#include <strings.h>

const char *rc_stack_value(const char *text, const char *key)
{
    for (const char *at = text; at; at = strchr(at, ',')) {
        at += strspn(at, ", \t");
        if (strncasecmp(at, key, strlen(key)) == 0)
            return at + strlen(key);
    }
    return NULL;
}

bool rc_names_stack(const char *text)
{
    return rc_stack_value(text, "stack=");
}
