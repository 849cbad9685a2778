/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a service is told of a stack: the string of one, as ioth_newstackc takes it, or a virtual network. */
#ifndef IO_RC_STACK_H
#define IO_RC_STACK_H

#include <stdbool.h>

/* The value of the first element `key` ("stack=") in such a string, whose keywords are in any letter case; it ends at a comma, at
 * white space or with the string. NULL: there is none, or no string. */
const char *rc_stack_value(const char *text, const char *key);
/* The string names a stack: it has an element stack=. */
bool rc_names_stack(const char *text);

#endif
