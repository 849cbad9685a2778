/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VDESTACK_HELPER_H
#define VDESTACK_HELPER_H

#include <net/if.h>
#include <pthread.h>

#include "vdestack/child.h"

/* The child in the network namespace, seen from its parent. */
struct helper {
    int service; /* where to ask */
    int pidfd;
    pthread_mutex_t lock; /* of one question and its answer */
};

/* Starts a child and waits until its namespaces are there. 0 or -errno: EPERM or ENOSPC where the system
 * allows no namespaces, ENOSYS on a kernel before 5.9. */
__attribute__((warn_unused_result)) int helper_start(struct helper *helper,
                                                     const struct child_config *config);
/* Ends the child and waits for it. The namespace lives on as long as one of its sockets or taps is open. */
void helper_stop(struct helper *helper);

/* A socket in the namespace, as socket(2), or -errno; -ENETDOWN if the child is gone. Any thread. */
__attribute__((warn_unused_result)) int helper_socket(struct helper *helper, int domain, int type,
                                                      int protocol);
/* A new tap interface in the namespace: its device, non-blocking and close-on-exec; or -errno: EBUSY if the
 * name is taken, ENOENT or EACCES where /dev/net/tun cannot be used. */
__attribute__((warn_unused_result)) int helper_tap(struct helper *helper, const char ifname[static IFNAMSIZ]);

#endif
