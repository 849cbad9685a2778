/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end that is measured: `stack_serve KIND VNL HOST`, until it is killed. It serves, by one poll loop that
 * receives and sends one datagram or piece a call, as a plain program does:
 *
 *     UDP echo      datagrams come back
 *     TCP sink      reads until the end, then writes how many bytes there were, 8 bytes of the host's order
 *     TCP source    writes until the client has gone
 *
 * "ready" is printed when all three are open. One connection at a time is served.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "end.h"
#include "ports.h"

enum { UDP, SINK, SOURCE, CONNECTION, FDS };

struct server {
    struct pollfd fds[FDS];
    bool is_source; /* the connection is */
    uint64_t taken; /* bytes, by the sink */
    char bytes[PIECE];
};

static void echo_datagrams(struct server *server)
{
    const int fd = server->fds[UDP].fd;
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    ssize_t len;

    while ((len = ioth_recvfrom(fd, server->bytes, PIECE, 0, (struct sockaddr *)&from, &from_len)) >= 0) {
        ioth_sendto(fd, server->bytes, (size_t)len, 0, (struct sockaddr *)&from, from_len);
        from_len = sizeof(from);
    }
}

static void take_connection(struct server *server, bool is_source)
{
    const int fd = ioth_accept4(server->fds[is_source ? SOURCE : SINK].fd, NULL, NULL, SOCK_NONBLOCK);

    if (fd < 0)
        return;
    if (server->fds[CONNECTION].fd >= 0)
        ioth_close(server->fds[CONNECTION].fd);
    server->fds[CONNECTION] = (struct pollfd){.fd = fd, .events = is_source ? POLLOUT : POLLIN};
    server->is_source = is_source;
    server->taken = 0;
}

static void end_connection(struct server *server)
{
    ioth_close(server->fds[CONNECTION].fd);
    server->fds[CONNECTION].fd = -1;
}

static void use_connection(struct server *server)
{
    const int fd = server->fds[CONNECTION].fd;
    ssize_t len;

    if (server->is_source) {
        while ((len = ioth_write(fd, server->bytes, PIECE)) > 0)
            ;
    } else {
        while ((len = ioth_read(fd, server->bytes, PIECE)) > 0)
            server->taken += (uint64_t)len;
        if (len == 0)
            (void)!ioth_write(fd, &server->taken, sizeof(server->taken));
    }
    if (len == 0 || errno != EAGAIN)
        end_connection(server);
}

static int listener(struct ioth *stack, unsigned host, uint16_t port)
{
    const int fd = end_socket(stack, SOCK_STREAM, host, port);

    if (ioth_listen(fd, 5) < 0)
        end_die("listen");
    return fd;
}

int main(int argc, char *argv[])
{
    static struct server server;

    if (argc != 4) {
        fprintf(stderr, "usage: stack_serve KIND VNL HOST\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    const unsigned host = (unsigned)atoi(argv[3]);
    struct ioth *stack = end_open(argv[1], argv[2], host);
    const int fds[] = {[UDP] = end_socket(stack, SOCK_DGRAM, host, PORT_ECHO),
                       [SINK] = listener(stack, host, PORT_SINK),
                       [SOURCE] = listener(stack, host, PORT_SOURCE),
                       [CONNECTION] = -1};
    for (int i = 0; i < FDS; i++)
        server.fds[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    puts("ready");
    fflush(stdout);
    while (poll(server.fds, FDS, -1) > 0) {
        if (server.fds[UDP].revents)
            echo_datagrams(&server);
        if (server.fds[CONNECTION].fd >= 0 && server.fds[CONNECTION].revents)
            use_connection(&server);
        if (server.fds[SINK].revents)
            take_connection(&server, false);
        if (server.fds[SOURCE].revents)
            take_connection(&server, true);
    }
    return 1;
}
