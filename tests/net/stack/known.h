/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef STACK_KNOWN_H
#define STACK_KNOWN_H

/* What is known of a stack: it refuses a row's call with `error`, or does something else, which `differs`
 * says in a few words for the manual. */
struct known {
    const char *stack, *row;
    int error;           /* 0: it differs */
    const char *differs; /* NULL: it refuses */
};

/* What is known of that stack (options after a comma do not count) about that row; NULL: it works. */
const struct known *known_find(const char *stack, const char *row);

#endif
