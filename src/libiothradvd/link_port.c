/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See link.h. A port of a virtual Ethernet: frames of ra_port.c through libvdeplug.
 *
 * vde_recv ignores MSG_DONTWAIT, so O_NONBLOCK is set on the descriptor; where that is no socket poll tells before each
 * frame whether one is there. A network that goes away is tried again once a second; the new connection is made before the
 * old one is closed, so that the module of libvdeplug stays loaded: a daemon in its sandbox cannot load code any more. A
 * port that is back tries its address anew, since it may be on another network now.
 *
 * vde_open and vde_close run one at a time: libvdeplug's modules do not promise more.
 */
#include "libiothradvd/link.h"
#include "libiothradvd/ra_port.h"

#include <errno.h>
#include <fcntl.h>
#include <libvdeplug.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define RETRY NSEC_PER_SEC

enum { FRAME_ROOM = 9216 + 18 }; /* what a network may carry; longer ones than ours are none for us */

struct port_link {
    struct link link;
    struct ra_port port;
    char *vnl;
    VDECONN *conn;
    bool is_connected, data_is_socket;
    int data, control; /* control -1: none of its own */
    nsec_t retry_at;
    uint8_t frame[FRAME_ROOM];
};

static pthread_mutex_t libvdeplug_lock = PTHREAD_MUTEX_INITIALIZER;

static VDECONN *open_conn(char *vnl)
{
    static char descr[] = "iothradvd";
    pthread_mutex_lock(&libvdeplug_lock);
    errno = 0;
    VDECONN *conn = vde_open(vnl, descr, NULL);
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

static int connect_port(struct port_link *l, nsec_t now)
{
    struct stat status;
    VDECONN *conn = open_conn(l->vnl);
    if (!conn)
        return errno ? -errno : -ENODEV;
    close_conn(l->conn);
    l->conn = conn;
    l->data = vde_datafd(conn);
    l->control = vde_ctlfd(conn);
    if (l->control == l->data)
        l->control = -1;
    l->data_is_socket = fstat(l->data, &status) == 0 && S_ISSOCK(status.st_mode);
    set_flags(l->data, F_GETFL, F_SETFL, O_NONBLOCK);
    set_flags(l->data, F_GETFD, F_SETFD, FD_CLOEXEC);
    if (l->control >= 0)
        set_flags(l->control, F_GETFD, F_SETFD, FD_CLOEXEC);
    l->is_connected = true;
    l->retry_at = NSEC_NEVER;
    ra_port_up(&l->port, now);
    return 0;
}

static void lose(struct port_link *l, nsec_t now)
{
    l->is_connected = false;
    l->retry_at = now + RETRY;
    ra_port_down(&l->port);
}

static bool control_is_alive(const struct port_link *l)
{
    char word;
    if (l->control < 0)
        return true;
    ssize_t len = recv(l->control, &word, sizeof(word), MSG_DONTWAIT);
    return len > 0 || would_block(len) || (len < 0 && errno == ENOTSOCK);
}

/* --- out --- */

static int send_frame(struct port_link *l, const uint8_t *frame, size_t len)
{
    if (!l->is_connected)
        return -ENETDOWN;
    return vde_send(l->conn, frame, len, 0) < 0 ? -errno : 0;
}

/* What the port itself has to say. */
static void drain(struct port_link *l)
{
    uint8_t frame[RA_FRAME_MAX];
    size_t len;
    while ((len = ra_port_output(&l->port, frame)) > 0)
        (void)!send_frame(l, frame, len); /* as on any wire: who waits for it asks again */
}

static int send_event(struct link *link, const struct ra_event *event)
{
    struct port_link *l = (struct port_link *)link;
    uint8_t frame[RA_FRAME_MAX];
    size_t len = ra_port_wrap(&l->port, event, frame);
    return len > 0 ? send_frame(l, frame, len) : -EHOSTUNREACH;
}

/* --- in --- */

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

static int receive(struct link *link, nsec_t now, struct ra_packet *ret)
{
    struct port_link *l = (struct port_link *)link;
    if (!l->is_connected)
        return 0;
    if (!control_is_alive(l)) {
        lose(l, now);
        return 0;
    }
    if (!l->data_is_socket && !is_readable(l->data))
        return 0;
    ssize_t len = vde_recv(l->conn, l->frame, sizeof(l->frame), 0);
    if (would_block(len))
        return 0;
    if ((len < 0 && is_passing(errno)) || (len == 0 && is_datagram_socket(l->data)))
        return 2;
    if (len <= 0) {
        lose(l, now);
        return 0;
    }
    bool is_message = ra_port_input(&l->port, l->frame, (size_t)len, now, ret);
    drain(l);
    return is_message ? 1 : 2;
}

static unsigned fds(const struct link *link, int at[static LINK_FDS_MAX])
{
    const struct port_link *l = (const struct port_link *)link;
    unsigned n = 0;
    if (!l->is_connected)
        return 0;
    at[n++] = l->data;
    if (l->control >= 0)
        at[n++] = l->control;
    return n;
}

/* --- time --- */

static void timeout(struct link *link, nsec_t now)
{
    struct port_link *l = (struct port_link *)link;
    if (!l->is_connected) {
        if (l->retry_at <= now && connect_port(l, now) < 0)
            l->retry_at = now + RETRY;
        return;
    }
    ra_port_timeout(&l->port, now);
    drain(l);
}

static nsec_t deadline(const struct link *link)
{
    const struct port_link *l = (const struct port_link *)link;
    return l->is_connected ? ra_port_deadline(&l->port) : l->retry_at;
}

static enum link_state state(struct link *link, struct ra_place *ret)
{
    const struct port_link *l = (const struct port_link *)link;
    ret->addr = l->port.addr;
    memcpy(ret->mac, l->port.mac, sizeof(ret->mac));
    return !l->is_connected                     ? LINK_DOWN
           : l->port.state == RA_PORT_READY     ? LINK_READY
           : l->port.state == RA_PORT_DUPLICATE ? LINK_DUPLICATE
                                                : LINK_DOWN;
}

/* --- life --- */

static void close_link(struct link *link)
{
    struct port_link *l = (struct port_link *)link;
    close_conn(l->conn);
    free(l->vnl);
    free(l);
}

static const struct link_ops ops = {
    .state = state,
    .fds = fds,
    .receive = receive,
    .send = send_event,
    .timeout = timeout,
    .deadline = deadline,
    .close = close_link,
};

int link_port_open(const char *vnl, const uint8_t *mac, const struct ra_env *env, nsec_t now,
                   struct link **ret)
{
    struct port_link *l = calloc(1, sizeof(*l));
    uint8_t drawn[6];
    if (!l)
        return -ENOMEM;
    if (!mac) {
        env->random(env->arg, drawn, sizeof(drawn));
        drawn[0] = (uint8_t)((drawn[0] & 0xfc) | 2); /* of one interface, given by nobody */
        mac = drawn;
    }
    l->link.ops = &ops;
    ra_port_init(&l->port, env, mac);
    l->vnl = strdup(vnl);
    int e = l->vnl ? connect_port(l, now) : -ENOMEM;
    if (e < 0)
        close_link(&l->link);
    else
        *ret = &l->link;
    return e;
}
