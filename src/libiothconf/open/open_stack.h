/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stacks as services open them: from the strings of a configuration, one for each different string, in the same words of what
 * went wrong. */
#ifndef LIBIOTHCONF_OPEN_STACK_H
#define LIBIOTHCONF_OPEN_STACK_H

#include "base/base.h"
#include "io/log.h"

#include <stdbool.h>

struct ioth;

#define OPEN_STACKS_MAX 64 /* of one service: a person writes them */

/* The stacks of a service; all zero: none. */
struct open_stacks {
    unsigned n;
    struct {
        const char *text; /* the caller's; NULL: the system's stack */
        struct ioth *stack;
    } at[OPEN_STACKS_MAX];
};

/* Is there the kind of stack that such a string names, and that of its virtual networks? They are looked for, and nothing is
 * loaded. 0, -ENOENT and one sentence in why,
 * or -ENOMEM. */
MUST_CHECK int open_stack_find(const char *text, char *why, size_t why_size);
/* Is that a string for a stack, and is there that kind? `which` stands before the sentence: "stack"; NULL is one. 0, -EINVAL or
 * -ENOENT and one sentence in why, or -ENOMEM. */
MUST_CHECK int open_stack_check(const char *which, const char *text, char *why, size_t why_size);
/* What is to be a virtual network is none if a stack has that name: "kernel" in place of stack=kernel; or if there is no such kind
 * of network. 0, or -EINVAL, -ENOENT and one sentence in why. */
MUST_CHECK int open_stack_check_vnl(const char *which, const char *vnl, char *why, size_t why_size);
/* Makes the stack of a string (NULL: the system's, as a stack of its own), and begins to renew what it gets by DHCP or from
 * routers. `which`: "stack", for the sentence. 0, or negative errno and one sentence in why. The log is told which is made,
 * since that may take its time, and of a stack that is on no network; NULL: nobody wants to know. */
MUST_CHECK int open_stack(const char *which, const char *text, const struct log *log, struct ioth **ret,
                          char *why, size_t why_size);
/* The same, once for each string: texts live as long as the set. -ENOSPC: there are OPEN_STACKS_MAX. */
MUST_CHECK int open_stacks_find(struct open_stacks *s, const char *which, const char *text,
                                const struct log *log, struct ioth **ret, char *why, size_t why_size);
void open_stacks_close(struct open_stacks *s);

/* The string names virtual networks: what is on them is there for us alone. */
bool open_stack_is_virtual(const char *text);
/* It names this kind of stack. */
bool open_stack_is(const char *text, const char *kind);
/* It is the system's stack: NULL, stack=kernel, or no stack is named. */
bool open_stack_is_system(const char *text);
/* Brings up an interface of a stack on a virtual network, which is there for nothing else (the option eth of the string does so
 * for one of them alone). Those of the system belong to the system. That there is no such interface is no error here. 0, or
 * negative errno and one sentence in why. */
MUST_CHECK int open_stack_bring_up(struct ioth *stack, const char *text, const char *iface, char *why,
                                   size_t why_size);

#endif
