/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a service is told of a stack: the string of one, as ioth_newstackc takes it, or a virtual network. */
#ifndef IO_RC_STACK_H
#define IO_RC_STACK_H

#include <stdbool.h>

/* The string names a stack: it has an element stack=, keywords being in any letter case. */
bool rc_names_stack(const char *text);

#endif
