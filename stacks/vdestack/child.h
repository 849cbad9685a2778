/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VDESTACK_CHILD_H
#define VDESTACK_CHILD_H

#include <net/if.h>
#include <stdnoreturn.h>

/* What the child is asked for, one SOCK_SEQPACKET message each. */
struct child_request {
    enum { CHILD_SOCKET, CHILD_TAP } kind;
    int domain, type, protocol; /* CHILD_SOCKET: as socket(2) */
    char ifname[IFNAMSIZ];      /* CHILD_TAP */
};

/* Its answer; with error 0 the descriptor comes along by SCM_RIGHTS, and a second answer, without one, says that
 * the child has closed its copy. The first answer comes unasked and
 * tells, without a descriptor, whether the namespaces could be made. */
struct child_reply {
    int error; /* 0 or -errno */
};

struct child_config {
    char accept_ra; /* what is written to the sysctls of these names */
    char accept_dad;
    char forward; /* to those that say whether packets for others are forwarded */
};

/* The life of the child, on its end of the socket pair, until the other end or the parent (a pidfd) is gone.
 */
noreturn void child_main(int service, int parent, const struct child_config *config);

#endif
