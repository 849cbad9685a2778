/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Giving up what a daemon was started with and does not need once its stacks are up and its sockets bound: the
 * superuser's identity and all capabilities. For the process as a whole; a program does it, never a library.
 */
#ifndef IO_PRIVILEGE_H
#define IO_PRIVILEGE_H

#include "base/base.h"
#include <stdbool.h>
#include <sys/types.h>

/* Whom to be from then on. */
struct identity {
    bool change; /* false: stay who we are, without capabilities */
    uid_t uid;
    gid_t gid;
    char name[64]; /* of the user, for messages */
};

/* "NAME", "NAME:GROUP", or numbers in their place; without GROUP the user's own. To be asked for while the system's
 * tables of users can still be read. 0; -ENOENT, with one sentence in why: there is no such user or group. */
MUST_CHECK int identity_of(const char *text, struct identity *ret, char *why, size_t why_size);
/* The number of a group by its name or number; -ENOENT. */
MUST_CHECK int group_of(const char *text, gid_t *ret);

/* Becomes that user with his groups, and drops every capability, in the bounding and ambient sets too. Checked
 * afterwards: there is no way back. 0, or -errno with one sentence in why; then nothing is certain, and the
 * program should end. */
MUST_CHECK int privilege_drop(const struct identity *who, char *why, size_t why_size);

#define CAPABILITY(number) (UINT64_C(1) << (number))

/* The same, but for the capabilities in `keep`, a bit each (CAPABILITY(CAP_NET_ADMIN), capabilities(7)): those stay, for
 * this thread and those that it makes from then on; what it was not given it does not have afterwards either. No other thread
 * has more than these afterwards. */
MUST_CHECK int privilege_keep(const struct identity *who, uint64_t keep, char *why, size_t why_size);

#endif
