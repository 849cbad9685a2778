/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A plug-in with no more than is required of one whose sockets are not the kernel's, and, by definitions at
 * compile time, with one defect. Its sockets are the kernel's all the same; its context is a counter of open
 * sockets, which shows that each operation gets the context of its own stack: with another one the count
 * would go wrong.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <ioth_plugin.h>

#ifndef PLUGIN_ABI
#define PLUGIN_ABI IOTH_PLUGIN_ABI_VERSION
#endif
#ifdef PLUGIN_EARLY /* made when sendmsg was the last operation */
#define PLUGIN_SIZE (offsetof(struct ioth_plugin, ops) + offsetof(struct ioth_ops, listen))
#endif
#ifndef PLUGIN_SIZE
#define PLUGIN_SIZE sizeof(struct ioth_plugin)
#endif
#ifndef PLUGIN_LICENSE
#define PLUGIN_LICENSE NULL
#endif
#ifndef PLUGIN_REFUSES
#define PLUGIN_REFUSES 0
#endif
#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)
#ifndef PLUGIN_CALLED
#define PLUGIN_CALLED TEXT(PLUGIN_NAME)
#endif

static int minimal_new(const char *const *vnlv, const char *options, void **ret_ctx)
{
    int *open_sockets = calloc(1, sizeof(*open_sockets));

    (void)vnlv, (void)options;
    if (PLUGIN_REFUSES != 0 || open_sockets == NULL) {
        free(open_sockets);
        errno = PLUGIN_REFUSES;
        return -1;
    }
    *ret_ctx = open_sockets;
    return 0;
}

static int minimal_free(void *ctx)
{
    int *open_sockets = ctx;

    if (*open_sockets != 0) {
        errno = ENOTEMPTY;
        return -1;
    }
    free(ctx);
    return 0;
}

static int minimal_socket(void *ctx, int domain, int type, int protocol)
{
    int fd = socket(domain, type, protocol);

    if (fd >= 0)
        ++*(int *)ctx;
    return fd;
}

static int minimal_close(void *ctx, int fd)
{
    --*(int *)ctx;
    return close(fd);
}

static int minimal_bind(void *ctx, int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    (void)ctx;
    return bind(fd, addr, addrlen);
}

static int minimal_connect(void *ctx, int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    (void)ctx;
    return connect(fd, addr, addrlen);
}

static ssize_t minimal_recvmsg(void *ctx, int fd, struct msghdr *msg, int flags)
{
    (void)ctx;
    return recvmsg(fd, msg, flags);
}

#ifndef PLUGIN_WITHOUT_SENDMSG
static ssize_t minimal_sendmsg(void *ctx, int fd, const struct msghdr *msg, int flags)
{
    (void)ctx;
    return sendmsg(fd, msg, flags);
}
#endif

#ifdef PLUGIN_EARLY
/* Behind the end of the early struct: nobody may call it. */
static int minimal_listen(void *ctx, int fd, int backlog)
{
    (void)ctx, (void)fd, (void)backlog;
    abort();
}
#endif

#define PLUGIN(name) IOTH_PLUGIN(name) /* expands PLUGIN_NAME first */

PLUGIN(PLUGIN_NAME) = {
    .abi_version = PLUGIN_ABI,
    .struct_size = PLUGIN_SIZE,
    .name = PLUGIN_CALLED,
    .license = PLUGIN_LICENSE,
    .stack_new = minimal_new,
    .stack_free = minimal_free,
    .ops =
        {
            .socket = minimal_socket,
            .close = minimal_close,
            .bind = minimal_bind,
            .connect = minimal_connect,
            .recvmsg = minimal_recvmsg,
#ifndef PLUGIN_WITHOUT_SENDMSG
            .sendmsg = minimal_sendmsg,
#endif
#ifdef PLUGIN_EARLY
            .listen = minimal_listen,
#endif
        },
};
