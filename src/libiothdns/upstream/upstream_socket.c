/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See upstream_socket.h. A UDP socket is bound to a port drawn from all of 1024..65535 (RFC 5452 s9.2) and connected to its
 * server, so that the stack keeps away what comes from elsewhere and tells when a port is refused. Where a port is taken, a few
 * others are tried; then the stack chooses.
 */
#include "libiothdns/upstream/upstream_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

enum {
    PORT_MIN = 1024, /* of those that sources are bound to */
    PORT_TRIES = 4,
};

static void bind_random_port(int fd, sa_family_t family, const struct upstream_draw *draw)
{
    struct ipendpoint any = {0};
    struct sockaddr_storage sa;

    if (family == AF_INET)
        any.addr = ipaddr_of_v4(INADDR_ANY);
    for (unsigned i = 0; i < PORT_TRIES; i++) {
        uint16_t random;
        draw->random(draw->arg, &random, sizeof(random));
        any.port = (uint16_t)(PORT_MIN + random % (UINT16_MAX + 1 - PORT_MIN));
        socklen_t len = ipendpoint_to_sockaddr(&any, false, &sa);
        if (ioth_bind(fd, (struct sockaddr *)&sa, len) == 0)
            return;
    }
}

int upstream_socket(struct ioth *stack, const struct ipendpoint *server, bool tcp, int fd_max,
                    const struct upstream_draw *draw)
{
    struct sockaddr_storage sa;
    socklen_t len = ipendpoint_to_sockaddr(server, false, &sa);
    int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, on = 1;

    int fd = ioth_msocket(stack, sa.ss_family, type, 0);
    if (fd < 0)
        return -errno;
    if (fd >= fd_max) {
        ioth_close(fd);
        return -EMFILE;
    }
    if (tcp)
        ioth_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    else
        bind_random_port(fd, sa.ss_family, draw);
    if (ioth_connect(fd, (struct sockaddr *)&sa, len) < 0 && !(tcp && errno == EINPROGRESS)) {
        int error = -errno;
        ioth_close(fd);
        return error;
    }
    return fd;
}
