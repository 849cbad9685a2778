/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lwip: a TCP/IP stack in the process, without privilege, namespace or tap.
 *
 * The operations of the plug-in contract. Each takes the stack's lock, finds the socket, and asks its type
 * (sock.h); all under stack_run, so that a failed assertion of lwIP ends the stack and not the process.
 *
 * The types never wait. A call that must is repeated here whenever poll says that the descriptor has changed,
 * without the lock, until the socket's timeout has passed; the socket is looked up anew each time, so one
 * that was closed meanwhile is EBADF. Whether a call may wait is the descriptor's O_NONBLOCK, which is asked
 * only then.
 *
 * stack_free lets what was sent leave: it waits up to LINGER_MS until no connection has data on its way.
 */
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/sockios.h>
#include <fcntl.h>
#include <unistd.h>

#include <ioth_plugin.h>

#include "lwip/duplicate.h"
#include "lwip/loop.h"
#include "lwip/netlink.h"
#include "lwip/port.h"
#include "lwip/sock.h"
#include "lwip/wire.h"
#include "vdestack/vnl.h"

enum {
    LINGER_MS = 200,
    LINGER_STEP_MS = 2,
    BATCH_MAX = 1024 /* messages of one call, as Linux has it: they are received or sent under one lock */
};

/* ---- one operation ---- */

struct call {
    struct stack *stack;
    int fd;
    ssize_t (*operation)(struct sock *sock, struct call *call);
    /* arguments, as an operation has them */
    const struct sockaddr *addr;
    socklen_t len;
    const struct msghdr *out;
    struct msghdr *in;
    size_t skip;
    int number, flags, option;
    const void *value;
    void *result;
    socklen_t *result_len;
    struct sockaddr_storage name;
    struct mmsghdr *batch;
    unsigned batch_len;
    /* what a caller that has to wait wants to know */
    struct timeval rcvtimeo, sndtimeo;
    bool is_stream;
};

static ssize_t find_and_run(void *arg)
{
    struct call *call = arg;
    struct sock *sock = sock_find(call->stack, call->fd);

    if (sock == NULL)
        return -EBADF;
    call->rcvtimeo = sock->rcvtimeo;
    call->sndtimeo = sock->sndtimeo;
    call->is_stream = sock->kind == SOCK_STREAM;
    return call->operation(sock, call);
}

static ssize_t run(struct call *call)
{
    ssize_t result;

    stack_lock(call->stack);
    result = stack_run(call->stack, find_and_run, call);
    stack_unlock(call->stack);
    return result;
}

static ssize_t give(ssize_t result)
{
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

static bool may_wait(int fd, int flags)
{
    return (flags & MSG_DONTWAIT) == 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

/* Waits for events; 0, or -EAGAIN when the time is over, or -EINTR. */
static int wait_for(int fd, short events, const struct timeval *timeout, uint64_t since_ms)
{
    struct pollfd pollfd = {.fd = fd, .events = events};
    uint64_t limit_ms = (uint64_t)timeout->tv_sec * 1000 + (uint64_t)(timeout->tv_usec + 999) / 1000;
    uint64_t passed_ms = stack_now_ms() - since_ms;
    int wait_ms = -1, n;

    if (limit_ms != 0) {
        if (passed_ms >= limit_ms)
            return -EAGAIN;
        wait_ms = limit_ms - passed_ms < INT_MAX ? (int)(limit_ms - passed_ms) : INT_MAX;
    }
    n = poll(&pollfd, 1, wait_ms);
    return n > 0 ? 0 : n == 0 ? -EAGAIN : -errno;
}

/* Runs an operation, again and again if it may wait for what `events` tell. */
static ssize_t run_waiting(struct call *call, short events, int flags)
{
    ssize_t result = run(call);
    uint64_t since_ms;
    int error;

    if (result != -EAGAIN || !may_wait(call->fd, flags))
        return result;
    since_ms = stack_now_ms();
    while (result == -EAGAIN) {
        error = wait_for(call->fd, events, events == POLLIN ? &call->rcvtimeo : &call->sndtimeo, since_ms);
        if (error < 0)
            return error;
        result = run(call);
    }
    return result;
}

/* ---- sockets ---- */

static ssize_t open_socket(void *arg)
{
    struct call *call = arg;

    return sock_open(call->stack, call->number, call->option, call->flags);
}

static int lwip_op_socket(void *ctx, int domain, int type, int protocol)
{
    struct call call = {.stack = ctx, .number = domain, .option = type, .flags = protocol};
    ssize_t result;

    stack_lock(call.stack);
    result = stack_run(call.stack, open_socket, &call);
    stack_unlock(call.stack);
    return (int)give(result);
}

static ssize_t end_socket(void *arg)
{
    sock_end(arg);
    return 0;
}

/* Also the sockets of a dead stack are closed, and one that its stack dies of. */
static int lwip_op_close(void *ctx, int fd)
{
    struct stack *stack = ctx;
    struct sock *sock;

    stack_lock(stack);
    sock = sock_find(stack, fd);
    if (sock != NULL && !duplicate_close(sock, fd)) {
        stack_run(stack, end_socket, sock);
        sock_free(sock);
    }
    stack_unlock(stack);
    return (int)give(sock == NULL ? -EBADF : 0);
}

static ssize_t bind_found(struct sock *sock, struct call *call)
{
    if (sock->type->bind == NULL)
        return -EOPNOTSUPP;
    return call->addr == NULL ? -EFAULT : sock->type->bind(sock, call->addr, call->len);
}

static int lwip_op_bind(void *ctx, int fd, const struct sockaddr *addr, socklen_t len)
{
    struct call call = {.stack = ctx, .fd = fd, .operation = bind_found, .addr = addr, .len = len};

    return (int)give(run(&call));
}

static ssize_t connect_found(struct sock *sock, struct call *call)
{
    if (sock->type->connect == NULL)
        return -EOPNOTSUPP;
    return call->addr == NULL ? -EFAULT : sock->type->connect(sock, call->addr, call->len);
}

static ssize_t connection_found(struct sock *sock, struct call *call)
{
    (void)call;
    return tcp_attempt_result(sock);
}

static int lwip_op_connect(void *ctx, int fd, const struct sockaddr *addr, socklen_t len)
{
    struct call call = {.stack = ctx, .fd = fd, .operation = connect_found, .addr = addr, .len = len};
    ssize_t result = run(&call);

    if (result == -EINPROGRESS && may_wait(fd, 0)) {
        call.operation = connection_found;
        result = run_waiting(&call, POLLOUT, 0);
        if (result == -EAGAIN)
            result = -EINPROGRESS;
    }
    return (int)give(result);
}

static ssize_t listen_found(struct sock *sock, struct call *call)
{
    return sock->type->listen == NULL ? -EOPNOTSUPP : sock->type->listen(sock, call->number);
}

static int lwip_op_listen(void *ctx, int fd, int backlog)
{
    struct call call = {.stack = ctx, .fd = fd, .operation = listen_found, .number = backlog};

    return (int)give(run(&call));
}

static void copy_name(const struct sockaddr_storage *name, socklen_t len, void *addr, socklen_t *addrlen)
{
    if (addr == NULL || addrlen == NULL)
        return;
    memcpy(addr, name, len < *addrlen ? len : *addrlen);
    *addrlen = len;
}

static ssize_t accept_found(struct sock *sock, struct call *call)
{
    struct sock *accepted;
    socklen_t len;
    int error = sock->type->accept == NULL ? -EOPNOTSUPP : sock->type->accept(sock, &accepted), fd;

    if (error < 0)
        return error;
    fd = sock_give_descriptor(accepted, call->flags);
    if (fd < 0) {
        sock_close(accepted);
        return fd;
    }
    len = sock_write_address(accepted, &accepted->remote, accepted->remote_port, &call->name);
    copy_name(&call->name, len, call->result, call->result_len);
    return fd;
}

static int lwip_op_accept4(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen, int flags)
{
    struct call call = {.stack = ctx,
                        .fd = fd,
                        .operation = accept_found,
                        .flags = flags,
                        .result = addr,
                        .result_len = addrlen};

    if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0)
        return (int)give(-EINVAL);
    return (int)give(run_waiting(&call, POLLIN, 0));
}

static ssize_t name_found(struct sock *sock, struct call *call)
{
    socklen_t len;
    int error =
        sock->type->name == NULL ? -EOPNOTSUPP : sock->type->name(sock, call->flags != 0, &call->name, &len);

    if (error == 0)
        copy_name(&call->name, len, call->result, call->result_len);
    return error;
}

static int lwip_op_getsockname(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen)
{
    struct call call = {
        .stack = ctx, .fd = fd, .operation = name_found, .result = addr, .result_len = addrlen};

    return (int)give(run(&call));
}

static int lwip_op_getpeername(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen)
{
    struct call call = {
        .stack = ctx, .fd = fd, .operation = name_found, .flags = 1, .result = addr, .result_len = addrlen};

    return (int)give(run(&call));
}

static ssize_t set_found(struct sock *sock, struct call *call)
{
    return sock->type->set(sock, call->number, call->option, call->value, call->len);
}

static int lwip_op_setsockopt(void *ctx, int fd, int level, int option, const void *value, socklen_t len)
{
    struct call call = {.stack = ctx,
                        .fd = fd,
                        .operation = set_found,
                        .number = level,
                        .option = option,
                        .value = value,
                        .len = len};

    return (int)give(run(&call));
}

static ssize_t get_found(struct sock *sock, struct call *call)
{
    return sock->type->get(sock, call->number, call->option, call->result, call->result_len);
}

static int lwip_op_getsockopt(void *ctx, int fd, int level, int option, void *value, socklen_t *len)
{
    struct call call = {.stack = ctx,
                        .fd = fd,
                        .operation = get_found,
                        .number = level,
                        .option = option,
                        .result = value,
                        .result_len = len};

    return (int)give(run(&call));
}

static ssize_t shutdown_found(struct sock *sock, struct call *call)
{
    return sock->type->shutdown == NULL ? -EOPNOTSUPP : sock->type->shutdown(sock, call->number);
}

static int lwip_op_shutdown(void *ctx, int fd, int how)
{
    struct call call = {.stack = ctx, .fd = fd, .operation = shutdown_found, .number = how};

    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return (int)give(-EINVAL);
    return (int)give(run(&call));
}

static int pending_bytes(const struct sock *sock)
{
    size_t bytes = 0;
    unsigned i;

    for (i = 0; i < sock->ring_count; i++) {
        const struct arrival *arrival = &sock->ring[(sock->ring_first + i) % sock->ring_size];

        bytes += (size_t)arrival->p->tot_len - arrival->offset;
        if (sock->type != &tcp_sock)
            break; /* the next datagram alone */
    }
    return (int)bytes;
}

/* What was sent and not acknowledged yet, a FIN included (tcp(7), SIOCOUTQ). A connection whose directions have both ended is
 * lwIP's alone (tcp_let_go), and is looked for. */
static int unacknowledged_bytes(const struct sock *sock)
{
    const struct tcp_pcb *pcb = sock->type == &tcp_sock ? *sock->stack->lw.tcp_active_pcbs : NULL;

    for (; pcb != NULL; pcb = pcb->next)
        if (pcb->local_port == sock->local_port && pcb->remote_port == sock->remote_port &&
            ip_addr_cmp_zoneless(&pcb->remote_ip, &sock->remote) &&
            ip_addr_cmp_zoneless(&pcb->local_ip, &sock->local))
            return (int)(pcb->snd_lbb - pcb->lastack);
    return 0;
}

static ssize_t ioctl_found(struct sock *sock, struct call *call)
{
    if (call->skip == SIOCOUTQ) {
        *(int *)call->result = unacknowledged_bytes(sock);
        return 0;
    }
    if (call->skip != FIONREAD)
        return netlink_ioctl(sock->stack, sock->domain, call->skip, call->result);
    *(int *)call->result = pending_bytes(sock);
    return 0;
}

static int lwip_op_ioctl(void *ctx, int fd, unsigned long request, void *argp)
{
    struct call call = {.stack = ctx, .fd = fd, .operation = ioctl_found, .skip = request, .result = argp};

    if (request == FIONBIO || request == FIOCLEX || request == FIONCLEX)
        return ioctl(fd, request, argp); /* the descriptor is a real one */
    return (int)give(run(&call));
}

static ssize_t duplicate_found(struct sock *sock, struct call *call)
{
    return duplicate_make(sock, call->fd, call->option, call->number);
}

static int lwip_op_fcntl(void *ctx, int fd, int cmd, long val)
{
    struct call call = {
        .stack = ctx, .fd = fd, .operation = duplicate_found, .option = cmd, .number = (int)val};

    if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
        return (int)give(run(&call));
    return fcntl(fd, cmd, val);
}

/* ---- messages ---- */

static ssize_t send_found(struct sock *sock, struct call *call)
{
    return sock->type->send == NULL ? -EOPNOTSUPP
                                    : sock->type->send(sock, call->out, call->skip, call->flags);
}

/* A stream that may wait sends all of it. */
static ssize_t lwip_op_sendmsg(void *ctx, int fd, const struct msghdr *msg, int flags)
{
    struct call call = {.stack = ctx, .fd = fd, .operation = send_found, .out = msg, .flags = flags};
    size_t total = sock_message_len(msg);
    ssize_t result = run_waiting(&call, POLLOUT, flags);

    while (result >= 0 && call.is_stream && call.skip + (size_t)result < total && may_wait(fd, flags)) {
        call.skip += (size_t)result;
        result = run_waiting(&call, POLLOUT, flags);
    }
    if (result == -EPIPE && (flags & MSG_NOSIGNAL) == 0 && call.is_stream && call.skip == 0)
        raise(SIGPIPE);
    if (result < 0)
        return call.skip > 0 ? (ssize_t)call.skip : give(result);
    return (ssize_t)call.skip + result;
}

static ssize_t recv_found(struct sock *sock, struct call *call)
{
    return sock->type->recv == NULL ? -EOPNOTSUPP : sock->type->recv(sock, call->in, call->flags);
}

/* MSG_WAITALL: what is still missing of a stream, behind the `done` bytes that are there. */
static ssize_t receive_rest(struct call *call, struct msghdr *msg, size_t done, size_t total)
{
    struct iovec iov[16];
    struct msghdr rest = {.msg_iov = iov};
    ssize_t result = 1;
    size_t i, skip;

    while (done < total && result > 0) {
        for (i = 0, skip = done, rest.msg_iovlen = 0; i < msg->msg_iovlen && rest.msg_iovlen < 16; i++) {
            if (skip >= msg->msg_iov[i].iov_len) {
                skip -= msg->msg_iov[i].iov_len;
                continue;
            }
            iov[rest.msg_iovlen].iov_base = (char *)msg->msg_iov[i].iov_base + skip;
            iov[rest.msg_iovlen++].iov_len = msg->msg_iov[i].iov_len - skip;
            skip = 0;
        }
        call->in = &rest;
        result = run_waiting(call, POLLIN, call->flags);
        if (result > 0)
            done += (size_t)result;
    }
    return (ssize_t)done;
}

static ssize_t lwip_op_recvmsg(void *ctx, int fd, struct msghdr *msg, int flags)
{
    struct call call = {.stack = ctx, .fd = fd, .operation = recv_found, .in = msg, .flags = flags};
    size_t total = sock_message_len(msg);
    ssize_t result = run_waiting(&call, POLLIN, flags);

    if (result > 0 && call.is_stream && (flags & MSG_WAITALL) != 0 && (flags & MSG_PEEK) == 0 &&
        (size_t)result < total)
        return receive_rest(&call, msg, (size_t)result, total);
    return give(result);
}

static ssize_t send_batch_found(struct sock *sock, struct call *call)
{
    unsigned i;

    if (sock->type->send == NULL)
        return -EOPNOTSUPP;
    for (i = 0; i < call->batch_len; i++) {
        ssize_t sent = sock->type->send(sock, &call->batch[i].msg_hdr, 0, call->flags);

        if (sent < 0)
            return i > 0 ? (ssize_t)i : sent;
        call->batch[i].msg_len = (unsigned)sent;
    }
    return (ssize_t)i;
}

/* All under one lock; the part that had to wait goes on from there. */
static int lwip_op_sendmmsg(void *ctx, int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
    struct call call = {.stack = ctx, .fd = fd, .operation = send_batch_found, .flags = flags};
    unsigned done = 0;
    ssize_t result = 0;

    n = n < BATCH_MAX ? n : BATCH_MAX;
    do {
        call.batch = msgs + done;
        call.batch_len = n - done;
        result = run_waiting(&call, POLLOUT, flags);
        done += result > 0 ? (unsigned)result : 0;
    } while (result > 0 && done < n && may_wait(fd, flags));
    return done > 0 ? (int)done : (int)give(result);
}

static ssize_t recv_batch_found(struct sock *sock, struct call *call)
{
    unsigned i;

    if (sock->type->recv == NULL)
        return -EOPNOTSUPP;
    for (i = 0; i < call->batch_len; i++) {
        ssize_t received = sock->type->recv(sock, &call->batch[i].msg_hdr, call->flags);

        if (received < 0)
            return i > 0 ? (ssize_t)i : received;
        call->batch[i].msg_len = (unsigned)received;
        if (received == 0 && call->is_stream)
            return (ssize_t)i + 1;
    }
    return (ssize_t)i;
}

static bool is_over(const struct timespec *timeout, uint64_t since_ms)
{
    return timeout != NULL && stack_now_ms() - since_ms >=
                                  (uint64_t)timeout->tv_sec * 1000 + (uint64_t)timeout->tv_nsec / 1000000;
}

static int lwip_op_recvmmsg(void *ctx, int fd, struct mmsghdr *msgs, unsigned n, int flags,
                            struct timespec *timeout)
{
    struct call call = {
        .stack = ctx, .fd = fd, .operation = recv_batch_found, .flags = flags & ~MSG_WAITFORONE};
    uint64_t since_ms = timeout == NULL ? 0 : stack_now_ms();
    unsigned done = 0;
    ssize_t result;

    n = n < BATCH_MAX ? n : BATCH_MAX;
    do {
        call.batch = msgs + done;
        call.batch_len = n - done;
        result = run_waiting(&call, POLLIN, flags);
        done += result > 0 ? (unsigned)result : 0;
    } while (result > 0 && done < n && (flags & MSG_WAITFORONE) == 0 && !is_over(timeout, since_ms) &&
             may_wait(fd, flags));
    return done > 0 ? (int)done : (int)give(result);
}

/* ---- stacks ---- */

static int read_options(struct stack *stack, const char *options)
{
    while (*options != '\0') {
        size_t len = strcspn(options, ",");

        if ((len == 7 && memcmp(options, "forward", 7) == 0) ||
            (len == 9 && memcmp(options, "forward=1", 9) == 0))
            stack->options.forward = true;
        else if (len > 0 && !(len == 9 && memcmp(options, "forward=0", 9) == 0))
            return -EINVAL;
        options += len + (options[len] == ',');
    }
    return 0;
}

struct interface {
    struct stack *stack;
    char name[IFNAMSIZ];
    struct wire *wire;
};

static ssize_t add_interface(void *arg)
{
    struct interface *interface = arg;

    return port_add(interface->stack, interface->name, &interface->wire);
}

static int add_interfaces(struct stack *stack, const char *const *vnlv)
{
    struct interface interface = {.stack = stack};
    const char *locator;
    unsigned i;
    int error = 0;

    for (i = 0; vnlv[i] != NULL && error == 0; i++) {
        error = vnl_parse(vnlv[i], i, interface.name, &locator);
        if (error == 0)
            error = wire_open(locator, &interface.wire);
        if (error < 0)
            return error;
        stack_lock(stack);
        error = (int)stack_run(stack, add_interface, &interface);
        stack_unlock(stack);
        wire_close(interface.wire); /* if it was not taken */
    }
    return error;
}

static int lwip_stack_new(const char *const *vnlv, const char *options, void **ret_ctx)
{
    struct stack *stack = calloc(1, sizeof(*stack));
    int error = stack == NULL ? -ENOMEM : read_options(stack, options);

    if (error == 0)
        error = stack_init(stack);
    if (error < 0) {
        free(stack);
        return (int)give(error);
    }
    error = loop_enter(stack);
    if (error < 0) {
        stack_fini(stack);
    } else {
        error = add_interfaces(stack, vnlv);
        if (error < 0)
            loop_leave(stack, stack_fini);
    }
    if (error < 0) {
        free(stack);
        return (int)give(error);
    }
    *ret_ctx = stack;
    return 0;
}

static bool has_data_on_its_way(struct stack *stack)
{
    const struct tcp_pcb *pcb;

    for (pcb = stack->dead ? NULL : *stack->lw.tcp_active_pcbs; pcb != NULL; pcb = pcb->next)
        if (pcb->unsent != NULL || pcb->unacked != NULL)
            return true;
    return false;
}

static void linger(struct stack *stack)
{
    const struct timespec step = {.tv_nsec = LINGER_STEP_MS * 1000000};
    bool waits = true;
    int waited_ms;

    for (waited_ms = 0; waited_ms < LINGER_MS && waits; waited_ms += LINGER_STEP_MS) {
        stack_lock(stack);
        waits = has_data_on_its_way(stack);
        stack_unlock(stack);
        if (waits)
            nanosleep(&step, NULL);
    }
}

static int lwip_stack_free(void *ctx)
{
    linger(ctx);
    loop_leave(ctx, stack_fini);
    free(ctx);
    return 0;
}

IOTH_PLUGIN(lwip) = {
    .abi_version = IOTH_PLUGIN_ABI_VERSION,
    .struct_size = sizeof(struct ioth_plugin),
    .name = "lwip",
    .license = "LGPL-2.1-or-later",
    .stack_new = lwip_stack_new,
    .stack_free = lwip_stack_free,
    .ops =
        {
            .socket = lwip_op_socket,
            .close = lwip_op_close,
            .bind = lwip_op_bind,
            .connect = lwip_op_connect,
            .recvmsg = lwip_op_recvmsg,
            .sendmsg = lwip_op_sendmsg,
            .listen = lwip_op_listen,
            .accept4 = lwip_op_accept4,
            .getsockname = lwip_op_getsockname,
            .getpeername = lwip_op_getpeername,
            .setsockopt = lwip_op_setsockopt,
            .getsockopt = lwip_op_getsockopt,
            .shutdown = lwip_op_shutdown,
            .ioctl = lwip_op_ioctl,
            .fcntl = lwip_op_fcntl,
            .recvmmsg = lwip_op_recvmmsg,
            .sendmmsg = lwip_op_sendmmsg,
        },
};
