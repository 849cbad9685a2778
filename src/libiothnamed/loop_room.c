/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libuv has a table of what a loop watches, by descriptor, which grows when a descriptor comes that is higher than all before; if there
 * is no memory for that it ends the process. Who opens many connections would choose that moment. So the table is made as
 * long as it may become while the loop is made, before anybody is served: the highest descriptor that the process may have is
 * watched once, and no more.
 *
 * In the same way it ends the process if a new loop finds too few descriptors; so they are counted before.
 *
 * A process that may have more than ROOM_MAX descriptors lets its tables grow, beyond that many, while it serves.
 */
#include "libiothnamed/loop_room.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define ROOM_MAX 65536 /* descriptors; the limit of the packaged service, half a megabyte for each loop */

#define OF_A_LOOP 8 /* descriptors of a loop itself, and of what libuv has once: 7 in its versions so far */

int loop_init(uv_loop_t *loop)
{
    int fds[OF_A_LOOP], n = 0, error = 0;

    while (n < OF_A_LOOP && (fds[n] = eventfd(0, EFD_CLOEXEC)) >= 0)
        n++;
    if (n < OF_A_LOOP)
        error = -errno;
    while (n > 0)
        close(fds[--n]);
    return error == 0 ? uv_loop_init(loop) : error;
}

static int highest_descriptor(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    return limit.rlim_cur < ROOM_MAX ? (int)limit.rlim_cur - 1 : ROOM_MAX - 1;
}

/* A descriptor that can be watched, and is the highest that there may be. */
static int open_highest(void)
{
    int highest = highest_descriptor(), low = highest < 0 ? highest : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (low < 0)
        return highest < 0 ? highest : -errno;
    int fd = fcntl(low, F_DUPFD_CLOEXEC, highest);
    int error = fd < 0 ? -errno : 0;
    close(low);
    return error == 0 ? fd : error;
}

static void ignore(uv_poll_t *poll, int status, int events)
{
    (void)poll;
    (void)status;
    (void)events;
}

int loop_make_room(uv_loop_t *loop, uv_poll_t *room)
{
    int fd = open_highest();

    if (fd < 0)
        return fd;
    /* libuv does not say that there is no memory, so it is asked for here first. */
    void *tried = malloc((size_t)(fd + 1) * 2 * sizeof(void *));
    int error = tried ? uv_poll_init(loop, room, fd) : -ENOMEM;
    free(tried);
    if (error == 0) {
        uv_poll_start(room, UV_READABLE, ignore);
        uv_close((uv_handle_t *)room, NULL);
    }
    close(fd);
    return error;
}
