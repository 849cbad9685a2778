/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shortest way into lwip: no network, no thread between the frame and port_input. What the stack sends is heard by
 * a packet socket of its own.
 */
#include "target.h"

#include <stdio.h>
#include <stdlib.h>

#include <ioth_plugin.h>

#include "lwip/port.h"
#include "lwip/sock.h"

extern const struct ioth_plugin ioth_plugin_lwip;

struct target {
    struct stack *stack;
    struct port *port;
    int fds[16];
    unsigned n_fds; /* the last is the packet socket */
    unsigned connections;
};

static void need(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "target: %s\n", what);
    abort();
}

static ssize_t configure(void *arg)
{
    const uint8_t mac[6] = FRAMES_OWN_MAC;
    struct target *target = arg;
    struct address four = {.ip = IPADDR4_INIT_BYTES(10, 0, 0, 1), .prefix_bits = 24};
    struct address six = {.ip = IPADDR6_INIT_HOST(0xfc000000, 0, 0, 1), .prefix_bits = 64};

    target->port = stack_port(target->stack, 2);
    port_set_mac(target->port, mac);
    port_set_up(target->port, true);
    return port_add_address(target->port, &four) == 0 && port_add_address(target->port, &six) == 0 ? 0 : -1;
}

static void open_one(struct target *target, int domain, int kind, int protocol, uint16_t port)
{
    const struct ioth_ops *ops = &ioth_plugin_lwip.ops;
    struct sockaddr_in6 addr = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = ops->socket(target->stack, domain, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

    need(fd >= 0, "socket");
    target->fds[target->n_fds++] = fd;
    if (port != 0)
        need(ops->bind(target->stack, fd, (struct sockaddr *)&addr, sizeof(addr)) == 0, "bind");
    if (kind == SOCK_STREAM)
        need(ops->listen(target->stack, fd, 5) == 0, "listen");
}

struct target *target_new(void)
{
    static const char *const vnlv[] = {"null://", NULL};
    struct target *target = calloc(1, sizeof(*target));
    void *ctx;

    need(target != NULL, "memory");
    need(ioth_plugin_lwip.stack_new(vnlv, "", &ctx) == 0, "stack");
    target->stack = ctx;
    stack_lock(target->stack);
    need(stack_run(target->stack, configure, target) == 0, "configuration");
    stack_unlock(target->stack);
    open_one(target, AF_INET6, SOCK_DGRAM, 0, 53);
    open_one(target, AF_INET6, SOCK_STREAM, 0, 80);
    open_one(target, AF_INET, SOCK_RAW, IPPROTO_ICMP, 0);
    open_one(target, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, 0);
    open_one(target, AF_PACKET, SOCK_RAW, htons(3), 0); /* ETH_P_ALL */
    return target;
}

void target_free(struct target *target)
{
    unsigned i;

    for (i = 0; i < target->n_fds; i++)
        ioth_plugin_lwip.ops.close(target->stack, target->fds[i]);
    ioth_plugin_lwip.stack_free(target->stack);
    free(target);
}

void *target_stack(const struct target *target)
{
    return target->stack;
}

unsigned target_connections(const struct target *target)
{
    return target->connections;
}

struct frame {
    struct target *target;
    const uint8_t *bytes;
    size_t len;
};

static ssize_t put_frame(void *arg)
{
    const struct frame *frame = arg;

    port_input(frame->target->port, frame->bytes, frame->len);
    return 0;
}

int target_input(struct target *target, const uint8_t *frame, size_t len)
{
    struct frame put = {target, frame, len};
    ssize_t result;

    stack_lock(target->stack);
    result = stack_run(target->stack, put_frame, &put);
    stack_unlock(target->stack);
    return result < 0 || target->stack->dead ? -1 : 0;
}

static ssize_t run_timers(void *arg)
{
    struct stack *stack = arg;

    stack->lw.sys_check_timeouts();
    return 0;
}

/* Receives until nothing is there, or the connection ends. */
static void read_all(struct target *target, int fd, struct frame_peer *peer)
{
    uint8_t bytes[2048];
    struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t len;

    while ((len = ioth_plugin_lwip.ops.recvmsg(target->stack, fd, &msg, 0)) > 0)
        if (peer != NULL)
            frame_peer_hear(peer, bytes, (size_t)len);
}

void target_rest(struct target *target, struct frame_peer *peer)
{
    const struct ioth_ops *ops = &ioth_plugin_lwip.ops;
    unsigned i;
    int fd;

    read_all(target, target->fds[target->n_fds - 1], peer);
    for (i = 0; i + 1 < target->n_fds; i++) {
        read_all(target, target->fds[i], NULL);
        while ((fd = ops->accept4(target->stack, target->fds[i], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >=
               0) {
            target->connections++;
            read_all(target, fd, NULL);
            ops->close(target->stack, fd);
        }
    }
    stack_lock(target->stack);
    stack_run(target->stack, run_timers, target->stack);
    stack_unlock(target->stack);
}
