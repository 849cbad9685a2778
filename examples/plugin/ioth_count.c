/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A network stack as a plug-in of libioth: the kernel's, with a counter for the bytes that go in and out.
 *
 *     cc -shared -fPIC -o ioth_count.so ioth_count.c $(pkg-config --cflags libioth)
 *
 * A program that makes its stack by a name or a string needs no change for it; IOTH_PLUGIN_PATH says where it is. hashaddr(1)
 * looks a base up on it here, while `iothnamed ../quickstart.rc` serves in another terminal:
 *
 *     IOTH_PLUGIN_PATH=. hashaddr -s 'stack={count,to=traffic}' -D 127.0.0.1@5300 -b router.test.local renzo.test.local
 *     cat traffic
 *
 * When the stack is deleted, the file of the option `to` gets one line, "in BYTES out BYTES". To ioth_newstack such a stack is
 * "count,to=traffic"; in the string of ioth_newstackc commas divide, so there a stack with options stands in braces.
 *
 * A plug-in is one constant, at the end: how to make and to end a stack, and its operations, each of which
 * gets as first argument the pointer that stack_new has stored. The sockets of this stack are the kernel's,
 * which IOTH_PLUGIN_NATIVE tells; so bind, connect, poll and all that is not named here are the system
 * calls themselves.
 */
#define _GNU_SOURCE /* recvmmsg */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ioth_plugin.h>

struct stack {
    atomic_ullong in, out; /* bytes; operations are called from any thread */
    char to[];             /* a file name, or "" */
};

static int count_new(const char *const *vnlv, const char *options, void **ret_ctx)
{
    const char *to = strncmp(options, "to=", 3) == 0 ? options + 3 : "";
    struct stack *stack;

    if (vnlv[0] != NULL ||
        (*to == '\0' && *options != '\0')) { /* no virtual networks here, no other options */
        errno = EINVAL;
        return -1;
    }
    stack = calloc(1, sizeof(*stack) + strlen(to) + 1);
    if (stack == NULL)
        return -1;
    strcpy(stack->to, to);
    *ret_ctx = stack;
    return 0;
}

static int count_free(void *ctx)
{
    struct stack *stack = ctx;
    FILE *file = *stack->to == '\0' ? NULL : fopen(stack->to, "we");

    if (file != NULL) {
        fprintf(file, "in %llu out %llu\n", stack->in, stack->out);
        fclose(file);
    }
    free(stack);
    return 0;
}

static int count_socket(void *ctx, int domain, int type, int protocol)
{
    (void)ctx;
    return socket(domain, type, protocol);
}

/* Adds the result of a call to a counter, unless the call failed. */
static ssize_t add(atomic_ullong *counter, ssize_t bytes)
{
    if (bytes > 0)
        atomic_fetch_add_explicit(counter, (unsigned long long)bytes, memory_order_relaxed);
    return bytes;
}

#define IN(call)  add(&((struct stack *)ctx)->in, call)
#define OUT(call) add(&((struct stack *)ctx)->out, call)

static ssize_t count_read(void *ctx, int fd, void *buf, size_t len)
{
    return IN(read(fd, buf, len));
}

static ssize_t count_readv(void *ctx, int fd, const struct iovec *iov, int iovcnt)
{
    return IN(readv(fd, iov, iovcnt));
}

static ssize_t count_recv(void *ctx, int fd, void *buf, size_t len, int flags)
{
    return IN(recv(fd, buf, len, flags));
}

static ssize_t count_recvfrom(void *ctx, int fd, void *buf, size_t len, int flags, struct sockaddr *from,
                              socklen_t *fromlen)
{
    return IN(recvfrom(fd, buf, len, flags, from, fromlen));
}

static ssize_t count_recvmsg(void *ctx, int fd, struct msghdr *msg, int flags)
{
    return IN(recvmsg(fd, msg, flags));
}

static ssize_t count_write(void *ctx, int fd, const void *buf, size_t len)
{
    return OUT(write(fd, buf, len));
}

static ssize_t count_writev(void *ctx, int fd, const struct iovec *iov, int iovcnt)
{
    return OUT(writev(fd, iov, iovcnt));
}

static ssize_t count_send(void *ctx, int fd, const void *buf, size_t len, int flags)
{
    return OUT(send(fd, buf, len, flags));
}

static ssize_t count_sendto(void *ctx, int fd, const void *buf, size_t len, int flags,
                            const struct sockaddr *to, socklen_t tolen)
{
    return OUT(sendto(fd, buf, len, flags, to, tolen));
}

static ssize_t count_sendmsg(void *ctx, int fd, const struct msghdr *msg, int flags)
{
    return OUT(sendmsg(fd, msg, flags));
}

static int count_recvmmsg(void *ctx, int fd, struct mmsghdr *msgs, unsigned n, int flags,
                          struct timespec *timeout)
{
    int received = recvmmsg(fd, msgs, n, flags, timeout), i;

    for (i = 0; i < received; i++)
        IN((ssize_t)msgs[i].msg_len);
    return received;
}

static int count_sendmmsg(void *ctx, int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
    int sent = sendmmsg(fd, msgs, n, flags), i;

    for (i = 0; i < sent; i++)
        OUT((ssize_t)msgs[i].msg_len);
    return sent;
}

IOTH_PLUGIN(count) = {
    .abi_version = IOTH_PLUGIN_ABI_VERSION,
    .struct_size = sizeof(struct ioth_plugin),
    .name = "count",
    .license = "LGPL-2.1-or-later",
    .flags = IOTH_PLUGIN_NATIVE,
    .stack_new = count_new,
    .stack_free = count_free,
    .ops = {.socket = count_socket,
            .read = count_read,
            .readv = count_readv,
            .recv = count_recv,
            .recvfrom = count_recvfrom,
            .recvmsg = count_recvmsg,
            .write = count_write,
            .writev = count_writev,
            .send = count_send,
            .sendto = count_sendto,
            .sendmsg = count_sendmsg,
            .recvmmsg = count_recvmmsg,
            .sendmmsg = count_sendmmsg},
};
