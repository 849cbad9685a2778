/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a program does with sockets of lwip: each three bytes are a call, a socket and an argument. After each call the descriptor of the
 * socket shows what its calls would find:
 *
 *   POLLIN and no peek would wait, or a peek finds something and no POLLIN comes: both are wrong.
 *
 * Peers are sockets of the same stack. The loop's thread runs meanwhile, so what was not there may come; what is there stays,
 * since nobody else takes it.
 */
#include "fuzz.h"
#include "target.h"

#include <errno.h>
#include <ioth_plugin.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

extern const struct ioth_plugin ioth_plugin_lwip;

enum { SOCKETS = 8, PORTS = 4, PORT_FIRST = 1000, INPUTS_A_STACK = 200, SETTLE_MS = 1000 };

static const struct ioth_ops *const ops = &ioth_plugin_lwip.ops;

struct sockets {
    void *stack;
    int fds[SOCKETS]; /* -1: none */
};

static struct sockaddr_in address(unsigned argument)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)(PORT_FIRST + argument % PORTS))};

    in.sin_addr.s_addr = htonl(argument & 0x40 ? INADDR_ANY : argument & 0x80 ? 0x0a000001 : INADDR_LOOPBACK);
    return in;
}

static ssize_t receive(const struct sockets *s, int fd, int flags)
{
    char bytes[300];
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    return ops->recvmsg(s->stack, fd, &msg, flags | MSG_DONTWAIT);
}

static void send_some(const struct sockets *s, int fd, unsigned argument, struct sockaddr_in *to)
{
    static char bytes[4096];
    struct iovec iov = {.iov_base = bytes, .iov_len = argument * 16};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (to != NULL)
        msg.msg_name = to, msg.msg_namelen = sizeof(*to);
    ops->sendmsg(s->stack, fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void open_socket(struct sockets *s, int *fd, unsigned argument)
{
    if (*fd < 0)
        *fd = ops->socket(s->stack, AF_INET,
                          (argument & 1 ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static void close_socket(const struct sockets *s, int *fd)
{
    if (*fd >= 0)
        ops->close(s->stack, *fd);
    *fd = -1;
}

static void accept_into(const struct sockets *s, int from, int *into)
{
    close_socket(s, into);
    *into = ops->accept4(s->stack, from, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static void call(struct sockets *s, unsigned what, int *fd, unsigned argument)
{
    struct sockaddr_in in = address(argument);

    switch (what % 11) {
    case 0:
        open_socket(s, fd, argument);
        break;
    case 1:
        ops->bind(s->stack, *fd, (struct sockaddr *)&in, sizeof(in));
        break;
    case 2:
        ops->listen(s->stack, *fd, (int)argument % 4);
        break;
    case 3:
        ops->connect(s->stack, *fd, (struct sockaddr *)&in, sizeof(in));
        break;
    case 4:
        accept_into(s, *fd, &s->fds[argument % SOCKETS]);
        break;
    case 5:
        send_some(s, *fd, argument, NULL);
        break;
    case 6:
        send_some(s, *fd, argument, &in);
        break;
    case 7:
        receive(s, *fd, argument & 1 ? MSG_PEEK : 0);
        break;
    case 8:
        ops->shutdown(s->stack, *fd, (int)argument % 3);
        break;
    case 9:
        close_socket(s, fd);
        break;
    default:
        in.sin_family = AF_UNSPEC;
        ops->connect(s->stack, *fd, (struct sockaddr *)&in, sizeof(in));
    }
}

static bool shows_input(int fd, int wait_ms)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};

    return poll(&pollfd, 1, wait_ms) > 0 && (pollfd.revents & POLLIN) != 0;
}

static bool is_listening(const struct sockets *s, int fd)
{
    int on = 0;
    socklen_t len = sizeof(on);

    return ops->getsockopt(s->stack, fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 && on;
}

static void check_input(const struct sockets *s, int fd)
{
    if (fd < 0 || is_listening(s, fd))
        return;
    bool shown = shows_input(fd, 0);
    errno = 0;
    ssize_t peeked = receive(s, fd, MSG_PEEK);
    if (shown)
        FUZZ_ASSERT(peeked >= 0 || errno != EAGAIN);
    else if (peeked > 0)
        FUZZ_ASSERT(shows_input(fd, SETTLE_MS));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct target *target;
    static unsigned inputs;
    struct sockets s;

    if (inputs++ % INPUTS_A_STACK == 0) {
        if (target != NULL)
            target_free(target);
        target = target_new();
    }
    s.stack = target_stack(target);
    for (unsigned i = 0; i < SOCKETS; i++)
        s.fds[i] = -1;
    for (; size >= 3; data += 3, size -= 3) {
        int *fd = &s.fds[data[1] % SOCKETS];
        call(&s, data[0], fd, data[2]);
        check_input(&s, *fd);
    }
    for (unsigned i = 0; i < SOCKETS; i++)
        close_socket(&s, &s.fds[i]);
    return 0;
}
