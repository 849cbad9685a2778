/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See background.h. Parent and child share a pipe: a byte means that the work has begun, the end of the pipe that it will
 * not. The child has its error output until then, so the person who starts it reads what went wrong.
 */
#include "io/background.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static _Noreturn void wait_for_child(int pipe_end)
{
    char byte;
    ssize_t n;
    do
        n = read(pipe_end, &byte, 1);
    while (n < 0 && errno == EINTR);
    _exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int background_enter(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t child = fork();
    if (child < 0) {
        int e = -errno;
        close(ends[0]);
        close(ends[1]);
        return e;
    }
    if (child > 0) {
        close(ends[1]);
        wait_for_child(ends[0]);
    }
    close(ends[0]);
    setsid();
    return ends[1];
}

int background_begun(int parent)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd <= 2; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    int e = write(parent, "", 1) == 1 ? 0 : -errno;
    close(parent);
    return e;
}
