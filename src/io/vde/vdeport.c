/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See vdeport.h. Frames through libvdeplug.
 *
 * vde_recv ignores MSG_DONTWAIT, so O_NONBLOCK is set on the descriptor; where that is no socket poll tells before each
 * frame whether one is there. A network that goes away is tried again once a second; the new connection is made before the
 * old one is closed, so that the module of libvdeplug stays loaded: a daemon in its sandbox cannot load code any more.
 *
 * vde_open and vde_close run one at a time: libvdeplug's modules do not promise more.
 */
#include "io/vde/vdeport.h"

#include <errno.h>
#include <fcntl.h>
#include <libvdeplug.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define RETRY NSEC_PER_SEC

static pthread_mutex_t libvdeplug_lock = PTHREAD_MUTEX_INITIALIZER;

static VDECONN *open_conn(struct vdeport *p)
{
    pthread_mutex_lock(&libvdeplug_lock);
    errno = 0;
    VDECONN *conn = vde_open(p->vnl, p->descr, NULL);
    int e = errno;
    pthread_mutex_unlock(&libvdeplug_lock);
    errno = e;
    return conn;
}

static void close_conn(VDECONN *conn)
{
    if (!conn)
        return;
    pthread_mutex_lock(&libvdeplug_lock);
    vde_close(conn);
    pthread_mutex_unlock(&libvdeplug_lock);
}

static bool would_block(ssize_t result)
{
    return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

/* --- the connection --- */

static void set_flags(int fd, int get, int set, int flag)
{
    int flags = fcntl(fd, get);

    if (flags >= 0)
        fcntl(fd, set, flags | flag);
}

static int connect_port(struct vdeport *p)
{
    struct stat status;
    VDECONN *conn = open_conn(p);

    if (!conn)
        return errno ? -errno : -ENODEV;
    close_conn(p->conn);
    p->conn = conn;
    p->data = vde_datafd(conn);
    p->control = vde_ctlfd(conn);
    if (p->control == p->data)
        p->control = -1;
    p->data_is_socket = fstat(p->data, &status) == 0 && S_ISSOCK(status.st_mode);
    set_flags(p->data, F_GETFL, F_SETFL, O_NONBLOCK);
    set_flags(p->data, F_GETFD, F_SETFD, FD_CLOEXEC);
    if (p->control >= 0)
        set_flags(p->control, F_GETFD, F_SETFD, FD_CLOEXEC);
    p->is_connected = true;
    p->retry_at = NSEC_NEVER;
    return 0;
}

int vdeport_open(struct vdeport *p, const char *vnl, const char *descr)
{
    *p = (struct vdeport){.vnl = strdup(vnl), .data = -1, .control = -1};
    snprintf(p->descr, sizeof(p->descr), "%s", descr);
    int e = p->vnl ? connect_port(p) : -ENOMEM;
    if (e < 0)
        vdeport_close(p);
    return e;
}

void vdeport_close(struct vdeport *p)
{
    close_conn(p->conn);
    free(p->vnl);
    *p = (struct vdeport){.data = -1, .control = -1, .retry_at = NSEC_NEVER};
}

int vdeport_reconnect(struct vdeport *p, nsec_t now)
{
    int e = connect_port(p);

    if (e < 0)
        p->retry_at = now + RETRY;
    return e;
}

static int lose(struct vdeport *p, nsec_t now)
{
    p->is_connected = false;
    p->retry_at = now + RETRY;
    return -ENETDOWN;
}

unsigned vdeport_fds(const struct vdeport *p, int fds[static VDEPORT_FDS_MAX])
{
    unsigned n = 0;

    if (!p->is_connected)
        return 0;
    fds[n++] = p->data;
    if (p->control >= 0)
        fds[n++] = p->control;
    return n;
}

static bool control_is_alive(const struct vdeport *p)
{
    char word;

    if (p->control < 0)
        return true;
    ssize_t len = recv(p->control, &word, sizeof(word), MSG_DONTWAIT);
    return len > 0 || would_block(len) || (len < 0 && errno == ENOTSOCK);
}

/* --- frames --- */

int vdeport_send(struct vdeport *p, const uint8_t *frame, size_t len)
{
    if (!p->is_connected)
        return -ENETDOWN;
    return vde_send(p->conn, frame, len, 0) < 0 ? -errno : 0;
}

static bool is_readable(int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};

    return poll(&pollfd, 1, 0) > 0 && (pollfd.revents & POLLIN) != 0;
}

/* Errors of one frame, such as what an ICMP message reports to a UDP socket: the network is still there. */
static bool is_passing(int error)
{
    return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH || error == ENETDOWN ||
           error == EHOSTDOWN || error == ENOBUFS || error == ENOMEM || error == EMSGSIZE;
}

/* An empty datagram, which anybody may send to a UDP port, is not the end that it would be of a stream. */
static bool is_datagram_socket(int fd)
{
    int type = 0;
    socklen_t len = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_DGRAM;
}

int vdeport_receive(struct vdeport *p, uint8_t frame[static VDEPORT_FRAME_ROOM], nsec_t now)
{
    if (!p->is_connected)
        return -EAGAIN;
    if (!control_is_alive(p))
        return lose(p, now);
    if (!p->data_is_socket && !is_readable(p->data))
        return -EAGAIN;
    ssize_t len = vde_recv(p->conn, frame, VDEPORT_FRAME_ROOM, 0);
    if (would_block(len))
        return -EAGAIN;
    if ((len < 0 && is_passing(errno)) || (len == 0 && is_datagram_socket(p->data)))
        return 0;
    return len <= 0 ? lose(p, now) : (int)len;
}
