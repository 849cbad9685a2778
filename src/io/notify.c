/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See notify.h. The protocol is one datagram a message and promised to stay as it is (sd_notify(3), "Notes"), so
 * it is spoken here and not through libsystemd, which would bring its compression and cryptography libraries into
 * a process that listens to the Internet, for one sendmsg(2).
 */
#include "io/notify.h"
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static nsec_t watchdog_from_environment(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (!usec || (pid && strtol(pid, NULL, 10) != (long)getpid()))
        return 0;
    unsigned long long n = strtoull(usec, NULL, 10);
    return n > (unsigned long long)(INT64_MAX / 1000) ? 0 : (nsec_t)n * 1000;
}

/* A path, or "@NAME" in the abstract namespace. */
static int connect_to(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || len >= sizeof(at.sun_path))
        return -EINVAL;
    memcpy(at.sun_path, name, len);
    if (name[0] == '@')
        at.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    socklen_t at_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (connect(fd, (struct sockaddr *)&at, at_len) == 0)
        return fd;
    int e = -errno;
    close(fd);
    return e;
}

int notify_init(struct notify *n)
{
    *n = (struct notify){.fd = -1};
    const char *name = getenv("NOTIFY_SOCKET");
    int fd = name ? connect_to(name) : -1;
    int e = name && fd < 0 ? fd : 0;
    n->fd = fd < 0 ? -1 : fd;
    n->watchdog = fd < 0 ? 0 : watchdog_from_environment();
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return e;
}

void notify_fini(struct notify *n)
{
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}

static void tell(const struct notify *n, const char *message)
{
    if (n->fd < 0)
        return;
    ssize_t sent = send(n->fd, message, strlen(message), MSG_NOSIGNAL);
    (void)sent; /* a manager that does not listen cannot be told so */
}

static void tell_with_status(const struct notify *n, const char *state, const char *status)
{
    char message[512];
    snprintf(message, sizeof(message), "%sSTATUS=%.400s\n", state, status);
    tell(n, message);
}

void notify_ready(const struct notify *n, const char *status)
{
    tell_with_status(n, "READY=1\n", status);
}

void notify_reloading(const struct notify *n)
{
    char message[128];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(message, sizeof(message),
             "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=Loading the configuration\n",
             (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    tell(n, message);
}

void notify_stopping(const struct notify *n)
{
    tell(n, "STOPPING=1\nSTATUS=Ending\n");
}

void notify_status(const struct notify *n, const char *status)
{
    tell_with_status(n, "", status);
}

void notify_alive(const struct notify *n)
{
    tell(n, "WATCHDOG=1\n");
}
