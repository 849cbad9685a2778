/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A hub is there when it takes connections: vde_plug makes its folder some time before that. Waiting is polling,
 * STEP_MS apart, up to HUB_DEADLINE_MS. The process is told to die with the thread that started it, so a test that
 * is killed leaves none behind.
 */
#include "lab/hub.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libvdeplug.h>

enum { STEP_MS = 5 };

static bool answers(char *vnl)
{
    static char descr[] = "is a hub there?";
    VDECONN *conn = vde_open(vnl, descr, NULL);

    if (conn == NULL)
        return false;
    vde_close(conn);
    return true;
}

int hub_start(struct hub *hub, const char *path)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000};
    char locator[112];
    int waited_ms;

    snprintf(hub->path, sizeof(hub->path), "%s", path);
    snprintf(hub->vnl, sizeof(hub->vnl), "vde://%s", path);
    snprintf(locator, sizeof(locator), "hub://%s", path);
    hub->pid = fork();
    if (hub->pid < 0)
        return -errno;
    if (hub->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp("vde_plug", "vde_plug", "null://", locator, (char *)NULL);
        _exit(127);
    }
    for (waited_ms = 0; waited_ms < HUB_DEADLINE_MS; waited_ms += STEP_MS) {
        if (answers(hub->vnl))
            return 0;
        nanosleep(&step, NULL);
    }
    hub_kill(hub);
    return -ETIME;
}

void hub_kill(struct hub *hub)
{
    kill(hub->pid, SIGKILL);
    waitpid(hub->pid, NULL, 0);
}
