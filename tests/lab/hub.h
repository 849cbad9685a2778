/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LAB_HUB_H
#define LAB_HUB_H
/* Hubs, each a vde_plug process that ends with the test program. */
#include <sys/types.h>

enum { HUB_DEADLINE_MS = 60000 };

struct hub {
    char path[96]; /* of its folder */
    char vnl[112]; /* how stacks connect to it */
    pid_t pid;
};

/* Starts a hub whose folder is `path` and waits until it takes connections. Returns 0 or a negative errno: ETIME if it
 * does not within the deadline. */
int hub_start(struct hub *hub, const char *path);
/* Kills it; its folder stays behind with its sockets, as after any SIGKILL. */
void hub_kill(struct hub *hub);

#endif
