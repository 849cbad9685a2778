/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TEST_LIBNLQ_NAMESPACE_H
#define TEST_LIBNLQ_NAMESPACE_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Moves the process to a network namespace of its own, where programs it starts have power too. 0, or -1 with
 * the reason printed. */
static int own_network(void)
{
    char map[32];
    int len = snprintf(map, sizeof(map), "0 %u 1", (unsigned)geteuid()), fd;

    if (unshare(CLONE_NEWNET) == 0)
        return 0;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) {
        fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
        if (fd >= 0 && write(fd, map, (size_t)len) == len)
            return close(fd);
    }
    printf("skipped: no network namespace can be made here: %s\n", strerror(errno));
    return -1;
}

#endif
