/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The listening sockets of serve.h. A socket in the file system gets its mode and group before listen(2): until
 * then nobody can connect, so there is no moment at which others could. A socket that a server left behind, since
 * it was killed or could not remove it any more, is told from one in use by connecting to it.
 */
#include "base/ipaddr.h"
#include "io/own_file.h"
#include "io/serve.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

static int stream_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

/* True: a file is there that is no socket. */
static bool is_something_else(const struct sockaddr_un *at)
{
    struct stat st;
    return lstat(at->sun_path, &st) == 0 && !S_ISSOCK(st.st_mode);
}

/* True: a socket is there to which nobody listens. */
static bool is_left_behind(const struct sockaddr_un *at)
{
    struct stat st;
    if (lstat(at->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = stream_socket(AF_UNIX);
    if (fd < 0)
        return false;
    bool refused = connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static int bind_unix(int fd, const struct sockaddr_un *at)
{
    if (bind(fd, (const struct sockaddr *)at, sizeof(*at)) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -errno;
    if (is_something_else(at))
        return -EEXIST;
    if (!is_left_behind(at))
        return -EADDRINUSE;
    if (unlink(at->sun_path) < 0 || bind(fd, (const struct sockaddr *)at, sizeof(*at)) < 0)
        return -errno;
    return 0;
}

/* By what is there now: who may write in the folder could put a link there, and lead us to another file. */
static int open_to(const char *path, unsigned group)
{
    bool shared = group != (unsigned)-1;
    char self[32];
    struct stat st;
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), e = 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        e = -errno;
    else if (!S_ISSOCK(st.st_mode))
        e = -EEXIST;
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    if (e == 0 && shared && fchownat(fd, "", (uid_t)-1, group, AT_EMPTY_PATH) < 0)
        e = -errno;
    if (e == 0 && chmod(self, shared ? 0660 : 0600) < 0)
        e = -errno;
    if (fd >= 0)
        close(fd);
    return e;
}

int serve_check_unix(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(at.sun_path))
        return -ENAMETOOLONG;
    memcpy(at.sun_path, path, strlen(path));
    return is_something_else(&at) ? -EEXIST : own_file_check_folder(path, F_OK);
}

int serve_listen_unix(const char *path, unsigned group)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(at.sun_path))
        return -ENAMETOOLONG;
    memcpy(at.sun_path, path, strlen(path));
    int fd = stream_socket(AF_UNIX);
    if (fd < 0)
        return fd;
    int e = bind_unix(fd, &at);
    if (e < 0) {
        close(fd);
        return e;
    }
    e = open_to(path, group);
    if (e == 0 && listen(fd, BACKLOG) < 0)
        e = -errno;
    if (e < 0) {
        unlink(path);
        close(fd);
        return e;
    }
    return fd;
}

int serve_listen_tcp(const struct ipendpoint *at)
{
    struct sockaddr_storage sa;
    socklen_t len = ipendpoint_to_sockaddr(at, false, &sa);
    int one = 1, fd = stream_socket(sa.ss_family);
    if (fd < 0)
        return fd;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&sa, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int e = -errno;
    close(fd);
    return e;
}
