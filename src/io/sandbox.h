/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A seccomp filter around a daemon that serves on stacks that are up: it may go on serving, read and write its
 * files, and not much else. For the process as a whole; a program does it, never a library.
 */
#ifndef IO_SANDBOX_H
#define IO_SANDBOX_H

#include "base/base.h"
#include <stdbool.h>

/* From now on, in all threads of the process, also those that run already: no privilege is gained by anything
 * (no_new_privs), and only the system calls of the list in sandbox.c work. 0, or -errno with one sentence in why:
 * then nothing has changed but, maybe, no_new_privs. */
MUST_CHECK int sandbox_enter(char *why, size_t why_size);

/* What a service needs beside the list. */
struct sandbox_extras {
    const char *calls; /* system calls by name, one blank between: "splice tee"; "": none */
    bool netlink;      /* sockets of AF_NETLINK: addresses of the system's stack come and go */
};

/* The same with more allowed. */
MUST_CHECK int sandbox_enter_with(const struct sandbox_extras *extras, char *why, size_t why_size);

#endif
