/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is called when a plug-in lacks an operation.
 *
 * Two tables of all operations: `ops_native`, the system calls, for plug-ins whose sockets are the kernel's,
 * and `ops_slow`, which reaches the same end through other operations, or fails with the errno that a system
 * call without this feature gives. ops_resolve takes each member from the first of the plug-in's table and
 * one of these that has it, once for each stack, so the data path never asks.
 *
 * The slow operations find the stack again by the descriptor: they are written with the public calls and
 * ignore their context. Whatever they call is REQUIRED of a plug-in or has a fallback that does not lead
 * back: accept and accept4 stand for one another, so a plug-in that has neither gets an error for both
 * (ops_resolve sees to that).
 */
#include "libioth/ops.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <ioth.h>

/* ---- the system calls ---- */

static int native_socket(void *ctx, int domain, int type, int protocol)
{
    (void)ctx;
    return socket(domain, type, protocol);
}

static int native_close(void *ctx, int fd)
{
    (void)ctx;
    return close(fd);
}

static int native_bind(void *ctx, int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    (void)ctx;
    return bind(fd, addr, addrlen);
}

static int native_connect(void *ctx, int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    (void)ctx;
    return connect(fd, addr, addrlen);
}

static ssize_t native_recvmsg(void *ctx, int fd, struct msghdr *msg, int flags)
{
    (void)ctx;
    return recvmsg(fd, msg, flags);
}

static ssize_t native_sendmsg(void *ctx, int fd, const struct msghdr *msg, int flags)
{
    (void)ctx;
    return sendmsg(fd, msg, flags);
}

static int native_listen(void *ctx, int fd, int backlog)
{
    (void)ctx;
    return listen(fd, backlog);
}

static int native_accept(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen)
{
    (void)ctx;
    return accept(fd, addr, addrlen);
}

static int native_accept4(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen, int flags)
{
    (void)ctx;
    return accept4(fd, addr, addrlen, flags);
}

static int native_getsockname(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen)
{
    (void)ctx;
    return getsockname(fd, addr, addrlen);
}

static int native_getpeername(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen)
{
    (void)ctx;
    return getpeername(fd, addr, addrlen);
}

static int native_setsockopt(void *ctx, int fd, int level, int optname, const void *optval, socklen_t optlen)
{
    (void)ctx;
    return setsockopt(fd, level, optname, optval, optlen);
}

static int native_getsockopt(void *ctx, int fd, int level, int optname, void *optval, socklen_t *optlen)
{
    (void)ctx;
    return getsockopt(fd, level, optname, optval, optlen);
}

static int native_shutdown(void *ctx, int fd, int how)
{
    (void)ctx;
    return shutdown(fd, how);
}

static int native_ioctl(void *ctx, int fd, unsigned long cmd, void *argp)
{
    (void)ctx;
    return ioctl(fd, cmd, argp);
}

static int native_fcntl(void *ctx, int fd, int cmd, long val)
{
    (void)ctx;
    return fcntl(fd, cmd, val);
}

static ssize_t native_read(void *ctx, int fd, void *buf, size_t len)
{
    (void)ctx;
    return read(fd, buf, len);
}

static ssize_t native_readv(void *ctx, int fd, const struct iovec *iov, int iovcnt)
{
    (void)ctx;
    return readv(fd, iov, iovcnt);
}

static ssize_t native_recv(void *ctx, int fd, void *buf, size_t len, int flags)
{
    (void)ctx;
    return recv(fd, buf, len, flags);
}

static ssize_t native_recvfrom(void *ctx, int fd, void *buf, size_t len, int flags, struct sockaddr *from,
                               socklen_t *fromlen)
{
    (void)ctx;
    return recvfrom(fd, buf, len, flags, from, fromlen);
}

static ssize_t native_write(void *ctx, int fd, const void *buf, size_t len)
{
    (void)ctx;
    return write(fd, buf, len);
}

static ssize_t native_writev(void *ctx, int fd, const struct iovec *iov, int iovcnt)
{
    (void)ctx;
    return writev(fd, iov, iovcnt);
}

static ssize_t native_send(void *ctx, int fd, const void *buf, size_t len, int flags)
{
    (void)ctx;
    return send(fd, buf, len, flags);
}

static ssize_t native_sendto(void *ctx, int fd, const void *buf, size_t len, int flags,
                             const struct sockaddr *to, socklen_t tolen)
{
    (void)ctx;
    return sendto(fd, buf, len, flags, to, tolen);
}

static int native_recvmmsg(void *ctx, int fd, struct mmsghdr *msgs, unsigned n, int flags,
                           struct timespec *timeout)
{
    (void)ctx;
    return recvmmsg(fd, msgs, n, flags, timeout);
}

static int native_sendmmsg(void *ctx, int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
    (void)ctx;
    return sendmmsg(fd, msgs, n, flags);
}

const struct ioth_ops ops_native = {
    .socket = native_socket,
    .close = native_close,
    .bind = native_bind,
    .connect = native_connect,
    .recvmsg = native_recvmsg,
    .sendmsg = native_sendmsg,
    .listen = native_listen,
    .accept = native_accept,
    .accept4 = native_accept4,
    .getsockname = native_getsockname,
    .getpeername = native_getpeername,
    .setsockopt = native_setsockopt,
    .getsockopt = native_getsockopt,
    .shutdown = native_shutdown,
    .ioctl = native_ioctl,
    .fcntl = native_fcntl,
    .read = native_read,
    .readv = native_readv,
    .recv = native_recv,
    .recvfrom = native_recvfrom,
    .write = native_write,
    .writev = native_writev,
    .send = native_send,
    .sendto = native_sendto,
    .recvmmsg = native_recvmmsg,
    .sendmmsg = native_sendmmsg,
};

/* ---- the slower ways ---- */

static int unsupported(int error)
{
    errno = error;
    return -1;
}

static int no_listen(void *ctx, int fd, int backlog)
{
    (void)ctx, (void)fd, (void)backlog;
    return unsupported(EOPNOTSUPP);
}

static int no_accept(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen)
{
    (void)ctx, (void)fd, (void)addr, (void)addrlen;
    return unsupported(EOPNOTSUPP);
}

static int no_sockaddr(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen)
{
    (void)ctx, (void)fd, (void)addr, (void)addrlen;
    return unsupported(EOPNOTSUPP);
}

static int no_setsockopt(void *ctx, int fd, int level, int optname, const void *optval, socklen_t optlen)
{
    (void)ctx, (void)fd, (void)level, (void)optname, (void)optval, (void)optlen;
    return unsupported(ENOPROTOOPT);
}

static int no_getsockopt(void *ctx, int fd, int level, int optname, void *optval, socklen_t *optlen)
{
    (void)ctx, (void)fd, (void)level, (void)optname, (void)optval, (void)optlen;
    return unsupported(ENOPROTOOPT);
}

static int no_shutdown(void *ctx, int fd, int how)
{
    (void)ctx, (void)fd, (void)how;
    return unsupported(EOPNOTSUPP);
}

static int no_ioctl(void *ctx, int fd, unsigned long cmd, void *argp)
{
    (void)ctx, (void)fd, (void)cmd, (void)argp;
    return unsupported(ENOTTY);
}

static int slow_accept(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen)
{
    (void)ctx;
    return ioth_accept4(fd, addr, addrlen, 0);
}

/* Gives a new socket the flags that accept4 would have given it. */
static int set_accept_flags(int fd, int flags)
{
    int status;

    if ((flags & SOCK_CLOEXEC) != 0 && ioth_fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -1;
    if ((flags & SOCK_NONBLOCK) == 0)
        return 0;
    status = ioth_fcntl(fd, F_GETFL, 0);
    return status < 0 ? -1 : ioth_fcntl(fd, F_SETFL, status | O_NONBLOCK);
}

static int slow_accept4(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen, int flags)
{
    int accepted, saved;

    (void)ctx;
    if ((flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != 0)
        return unsupported(EINVAL);
    accepted = ioth_accept(fd, addr, addrlen);
    if (accepted >= 0 && set_accept_flags(accepted, flags) < 0) {
        saved = errno;
        ioth_close(accepted);
        return unsupported(saved);
    }
    return accepted;
}

/* The descriptor's own flags; a duplicate would be unknown to the plug-in. */
static int slow_fcntl(void *ctx, int fd, int cmd, long val)
{
    (void)ctx;
    if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
        return unsupported(EOPNOTSUPP);
    return fcntl(fd, cmd, val);
}

static ssize_t slow_recvfrom(void *ctx, int fd, void *buf, size_t len, int flags, struct sockaddr *from,
                             socklen_t *fromlen)
{
    struct iovec iov = {.iov_base = buf, .iov_len = len};
    struct msghdr msg = {.msg_name = from, .msg_iov = &iov, .msg_iovlen = 1};
    ssize_t received;

    (void)ctx;
    if (from != NULL && fromlen != NULL)
        msg.msg_namelen = *fromlen;
    received = ioth_recvmsg(fd, &msg, flags);
    if (received >= 0 && from != NULL && fromlen != NULL)
        *fromlen = msg.msg_namelen;
    return received;
}

static ssize_t slow_recv(void *ctx, int fd, void *buf, size_t len, int flags)
{
    return slow_recvfrom(ctx, fd, buf, len, flags, NULL, NULL);
}

static ssize_t slow_read(void *ctx, int fd, void *buf, size_t len)
{
    return slow_recvfrom(ctx, fd, buf, len, 0, NULL, NULL);
}

static ssize_t slow_readv(void *ctx, int fd, const struct iovec *iov, int iovcnt)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)iovcnt};

    (void)ctx;
    return iovcnt < 0 ? unsupported(EINVAL) : ioth_recvmsg(fd, &msg, 0);
}

static ssize_t slow_sendto(void *ctx, int fd, const void *buf, size_t len, int flags,
                           const struct sockaddr *to, socklen_t tolen)
{
    struct iovec iov = {.iov_base = (void *)buf, .iov_len = len};
    struct msghdr msg = {.msg_name = (void *)to, .msg_namelen = tolen, .msg_iov = &iov, .msg_iovlen = 1};

    (void)ctx;
    return ioth_sendmsg(fd, &msg, flags);
}

static ssize_t slow_send(void *ctx, int fd, const void *buf, size_t len, int flags)
{
    return slow_sendto(ctx, fd, buf, len, flags, NULL, 0);
}

static ssize_t slow_write(void *ctx, int fd, const void *buf, size_t len)
{
    return slow_sendto(ctx, fd, buf, len, 0, NULL, 0);
}

static ssize_t slow_writev(void *ctx, int fd, const struct iovec *iov, int iovcnt)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)iovcnt};

    (void)ctx;
    return iovcnt < 0 ? unsupported(EINVAL) : ioth_sendmsg(fd, &msg, 0);
}

static int has_passed(nsec_t start, const struct timespec *timeout)
{
    struct timespec elapsed = timespec_of(monotonic_now() - start);

    return elapsed.tv_sec > timeout->tv_sec ||
           (elapsed.tv_sec == timeout->tv_sec && elapsed.tv_nsec >= timeout->tv_nsec);
}

/* As recvmmsg(2): the timeout is looked at after each message; an error after the first message is left for
 * the next call to find. */
static int slow_recvmmsg(void *ctx, int fd, struct mmsghdr *msgs, unsigned n, int flags,
                         struct timespec *timeout)
{
    nsec_t start = monotonic_now();
    unsigned i;

    (void)ctx;
    for (i = 0; i < n; i++) {
        ssize_t received = ioth_recvmsg(fd, &msgs[i].msg_hdr, flags & ~MSG_WAITFORONE);

        if (received < 0)
            break;
        msgs[i].msg_len = (unsigned)received;
        if ((flags & MSG_WAITFORONE) != 0)
            flags |= MSG_DONTWAIT;
        if (timeout != NULL && has_passed(start, timeout))
            return (int)i + 1;
    }
    return i == 0 && n > 0 ? -1 : (int)i;
}

static int slow_sendmmsg(void *ctx, int fd, struct mmsghdr *msgs, unsigned n, int flags)
{
    unsigned i;

    (void)ctx;
    for (i = 0; i < n; i++) {
        ssize_t sent = ioth_sendmsg(fd, &msgs[i].msg_hdr, flags);

        if (sent < 0)
            break;
        msgs[i].msg_len = (unsigned)sent;
    }
    return i == 0 && n > 0 ? -1 : (int)i;
}

static const struct ioth_ops ops_slow = {
    .listen = no_listen,
    .accept = slow_accept,
    .accept4 = slow_accept4,
    .getsockname = no_sockaddr,
    .getpeername = no_sockaddr,
    .setsockopt = no_setsockopt,
    .getsockopt = no_getsockopt,
    .shutdown = no_shutdown,
    .ioctl = no_ioctl,
    .fcntl = slow_fcntl,
    .read = slow_read,
    .readv = slow_readv,
    .recv = slow_recv,
    .recvfrom = slow_recvfrom,
    .write = slow_write,
    .writev = slow_writev,
    .send = slow_send,
    .sendto = slow_sendto,
    .recvmmsg = slow_recvmmsg,
    .sendmmsg = slow_sendmmsg,
};

/* ---- the choice ---- */

typedef void (*any_op_t)(void);

enum { OPS = sizeof(struct ioth_ops) / sizeof(any_op_t) };

_Static_assert(sizeof(struct ioth_ops) == OPS * sizeof(any_op_t), "struct ioth_ops holds operations alone");

/* How many operations the plug-in's struct has room for: an older one has fewer. */
static size_t known_ops(const struct ioth_plugin *plugin)
{
    size_t bytes = plugin->struct_size - offsetof(struct ioth_plugin, ops);

    return bytes / sizeof(any_op_t) < OPS ? bytes / sizeof(any_op_t) : OPS;
}

void ops_resolve(const struct ioth_plugin *plugin, struct ioth_ops *ret_ops)
{
    const struct ioth_ops *otherwise = (plugin->flags & IOTH_PLUGIN_NATIVE) != 0 ? &ops_native : &ops_slow;
    any_op_t own[OPS] = {0}, fallback[OPS];
    size_t i;

    memcpy(own, &plugin->ops, known_ops(plugin) * sizeof(any_op_t));
    memcpy(fallback, otherwise, sizeof(fallback));
    for (i = 0; i < OPS; i++)
        if (own[i] == NULL)
            own[i] = fallback[i];
    memcpy(ret_ops, own, sizeof(*ret_ops));
    if (ret_ops->accept == slow_accept && ret_ops->accept4 == slow_accept4)
        ret_ops->accept = no_accept; /* accept4 leads here, and ends here */
}
