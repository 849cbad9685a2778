/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * "eth0:vde:///tmp/hub": an interface name before a Virtual Network Locator.
 *
 * A locator has a colon of its own, behind its scheme, or none, if it is the bare path of a switch. So what
 * stands before the first colon is a name only if a whole locator with scheme follows, letters and "://": in
 * "vde:///tmp/hub" what follows the first colon is "///tmp/hub" (no scheme), in "/tmp/a:b" it is "b" (no
 * "://"). Bare paths are given no name.
 */
#include "vdestack/vnl.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static bool begins_with_scheme(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._");

    return len > 0 && strncmp(text + len, "://", 3) == 0;
}

/* What the kernel takes as a name; '%' would ask it to number the interface itself. */
static bool is_interface_name(const char *text, size_t len)
{
    if (len == 0 || len >= IFNAMSIZ || memchr(text, '%', len) != NULL || memchr(text, '/', len) != NULL)
        return false;
    if (text[0] == '.' && (len == 1 || (len == 2 && text[1] == '.')))
        return false;
    return strcspn(text, " \t\n\v\f\r") >= len;
}

int vnl_parse(const char *text, unsigned number, char ret_name[static IFNAMSIZ], const char **ret_locator)
{
    const char *colon = strchr(text, ':');
    size_t len;

    if (colon == NULL || !begins_with_scheme(colon + 1)) {
        snprintf(ret_name, IFNAMSIZ, "vde%u", number);
        *ret_locator = text;
        return 0;
    }
    len = (size_t)(colon - text);
    if (!is_interface_name(text, len))
        return -EINVAL;
    memcpy(ret_name, text, len);
    ret_name[len] = '\0';
    *ret_locator = colon + 1;
    return 0;
}
