/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a reload cannot change, because stacks and sockets are made of it once: the stacks, and the options
 * whose rows say so. The texts of stacks are compared as they were written; another spelling of the same
 * stack counts as a change, which costs no more than a message.
 */
#include "libiothnamed/config_build.h"

#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static void append(char *text, size_t size, const char *name)
{
    size_t len = strlen(text);

    snprintf(text + len, size - len, "%s%s", len > 0 ? "," : "", name);
}

static void append_stacks(const struct config *a, const struct config *b, char *text, size_t size)
{
    if (a->one_stack || b->one_stack) {
        if (a->one_stack != b->one_stack || !same_text(a->rstack, b->rstack))
            append(text, size, "stack");
        return;
    }
    if (!same_text(a->rstack, b->rstack))
        append(text, size, "rstack");
    if (!same_text(a->fstack, b->fstack))
        append(text, size, "fstack");
}

const char *config_restart_needed(const struct config *a, const struct config *b, char *text, size_t size)
{
    const char *option;
    unsigned row = 0;

    if (size == 0)
        return "";
    text[0] = '\0';
    append_stacks(a, b, text, size);
    while ((option = options_restart_needed(&a->options, &b->options, &row)))
        append(text, size, option);
    return text;
}
