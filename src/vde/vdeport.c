/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See vdeport.h. Frames through libvdeplug, without a copy or a thread in between.
 *
 * vde_recv ignores MSG_DONTWAIT, so O_NONBLOCK is set on the descriptor; where that is no socket (some networks give one of
 * epoll) poll tells before each frame whether one is there, and nothing tells when it can be written.
 *
 * A network that goes away is tried again at once, and from then on once a second, counted from attempt to attempt: one that
 * takes connections and drops them costs no more. An attempt that is not over (opening.h) is looked at after a millisecond, and
 * then after as long as it has lasted by then, so nobody waits for a network that does not answer; there is never a second one
 * beside it. The new connection is made before the old one is closed, so that the module of libvdeplug stays loaded: a daemon in
 * its sandbox cannot load code any more.
 */
#include "vde/vdeport.h"

#include "base/clock.h"
#include "vde/opening.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define RETRY NSEC_PER_SEC
#define SOON  NSEC_PER_MSEC

/* --- the connection --- */

static void set_flags(int fd, int get, int set, int flag)
{
    int flags = fcntl(fd, get);

    if (flags >= 0)
        fcntl(fd, set, flags | flag);
}

static void adopt(struct vdeport *p, VDECONN *conn)
{
    struct stat status;

    opening_close(p->conn);
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
}

int vdeport_open(struct vdeport *p, const char *vnl, const char *descr)
{
    struct opening *opening;
    VDECONN *conn;
    int e = opening_begin(vnl, descr, &opening);

    if (e < 0)
        return e;
    e = opening_take(opening, monotonic_now() + VDEPORT_PATIENCE, &conn);
    if (e == -EINPROGRESS) {
        opening_abandon(opening);
        return -ETIMEDOUT;
    }
    if (e < 0)
        return e;
    *p = (struct vdeport){.vnl = strdup(vnl)};
    strncpy(p->descr, descr, sizeof(p->descr) - 1);
    adopt(p, conn);
    if (p->vnl)
        return 0;
    vdeport_close(p);
    return -ENOMEM;
}

const char *vdeport_strerror(int error)
{
    switch (error) {
    case -ETIMEDOUT:
        return VDEPORT_UNANSWERED;
    case -ENOENT:
        return "it is not there: does its hub or switch run, and is this its path?";
    case -ECONNREFUSED:
        return "nobody serves it: does its hub or switch run?";
    case -EACCES:
        return "it " VDEPORT_CLOSED;
    case -ENOTDIR:
        return "this is no folder, expected the one that its hub or switch makes";
    case -EPROTONOSUPPORT:
        return VDEPORT_UNKNOWN;
    default:
        return strerror(-error);
    }
}

void vdeport_close(struct vdeport *p)
{
    opening_abandon(p->opening);
    opening_close(p->conn);
    free(p->vnl);
    *p = (struct vdeport){.data = -1, .control = -1};
}

void vdeport_lose(struct vdeport *p)
{
    p->is_connected = false;
}

bool vdeport_reconnect(struct vdeport *p, nsec_t now)
{
    VDECONN *conn;

    if (now < vdeport_deadline(p))
        return false;
    if (!p->opening) {
        p->tried_at = now;
        if (opening_begin(p->vnl, p->descr, &p->opening) < 0) {
            p->retry_at = now + RETRY;
            return false;
        }
    }
    int e = opening_take(p->opening, 0, &conn);
    if (e == -EINPROGRESS) {
        nsec_t lasted = now - p->tried_at;
        p->retry_at = now + (lasted < SOON ? SOON : lasted > RETRY ? RETRY : lasted);
        return false;
    }
    p->opening = NULL;
    p->retry_at = p->tried_at + RETRY;
    if (e == 0)
        adopt(p, conn);
    return e == 0;
}

nsec_t vdeport_deadline(const struct vdeport *p)
{
    return p->is_connected ? NSEC_NEVER : p->retry_at;
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

/* --- frames --- */

static bool would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

int vdeport_send(struct vdeport *p, const uint8_t *frame, size_t len)
{
    if (!p->is_connected)
        return -ENETDOWN;
    if (vde_send(p->conn, frame, len, 0) >= 0)
        return 0;
    if (!would_block(errno))
        return -errno;
    return p->data_is_socket ? -EAGAIN : -ENOBUFS;
}

static int lost(struct vdeport *p)
{
    vdeport_lose(p);
    return -ENETDOWN;
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

int vdeport_receive(struct vdeport *p, uint8_t frame[static VDEPORT_FRAME_ROOM])
{
    if (!p->data_is_socket && !is_readable(p->data))
        return -EAGAIN;
    ssize_t len = vde_recv(p->conn, frame, VDEPORT_FRAME_ROOM, 0);
    if (len > 0)
        return (int)len;
    if (len == 0)
        return is_datagram_socket(p->data) ? 0 : lost(p);
    if (would_block(errno))
        return -EAGAIN;
    return is_passing(errno) ? 0 : lost(p);
}

int vdeport_look(struct vdeport *p)
{
    char word;

    if (p->control < 0)
        return -EAGAIN;
    ssize_t len = recv(p->control, &word, sizeof(word), MSG_DONTWAIT);
    return len > 0 || (len < 0 && (would_block(errno) || errno == ENOTSOCK)) ? -EAGAIN : lost(p);
}

int vdeport_next(struct vdeport *p, uint8_t frame[static VDEPORT_FRAME_ROOM])
{
    if (!p->is_connected)
        return -EAGAIN;
    int len = vdeport_receive(p, frame);
    return len == -EAGAIN ? vdeport_look(p) : len;
}
