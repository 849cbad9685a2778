/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The Berkeley calls: each asks the fd table whose socket it is and calls that stack's operation.
 *
 * Only those that make or end descriptors do more. accept and accept4 enter the new socket as one of the
 * listener's stack, fcntl does so with a duplicate. close takes the number out of the table before the
 * descriptor ends, since the number may have a new owner the moment after.
 *
 * A number that comes from the kernel's own calls and still has an entry of a socket that was closed behind
 * our back is displaced here too: msocket on the native stack, accept and F_DUPFD on descriptors without an
 * owner.
 */
#include <ioth.h>

#include "libioth/fdtable.h"
#include "libioth/ops.h"
#include "libioth/stack.h"

int ioth_close(int fd)
{
    struct ioth *stack = stack_disown(fd);
    int result;

    if (stack == NULL)
        return ops_native.close(NULL, fd);
    result = stack->ops->close(stack->ctx, fd);
    stack_drop(stack);
    return result;
}

int ioth_accept(int sockfd, struct sockaddr *addr, socklen_t *addrlen)
{
    struct ioth *owner = fdtable_get(sockfd);
    const struct ioth *stack = stack_or_native(owner);

    return stack_adopt(owner, stack->ops->accept(stack->ctx, sockfd, addr, addrlen));
}

int ioth_accept4(int sockfd, struct sockaddr *addr, socklen_t *addrlen, int flags)
{
    struct ioth *owner = fdtable_get(sockfd);
    const struct ioth *stack = stack_or_native(owner);

    return stack_adopt(owner, stack->ops->accept4(stack->ctx, sockfd, addr, addrlen, flags));
}

int ioth_fcntl(int fd, int cmd, long val)
{
    struct ioth *owner = fdtable_get(fd);
    const struct ioth *stack = stack_or_native(owner);
    int result = stack->ops->fcntl(stack->ctx, fd, cmd, val);

    return cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC ? stack_adopt(owner, result) : result;
}

int ioth_bind(int sockfd, const struct sockaddr *addr, socklen_t addrlen)
{
    const struct ioth *stack = stack_of(sockfd);

    return stack->ops->bind(stack->ctx, sockfd, addr, addrlen);
}

int ioth_connect(int sockfd, const struct sockaddr *addr, socklen_t addrlen)
{
    const struct ioth *stack = stack_of(sockfd);

    return stack->ops->connect(stack->ctx, sockfd, addr, addrlen);
}

int ioth_listen(int sockfd, int backlog)
{
    const struct ioth *stack = stack_of(sockfd);

    return stack->ops->listen(stack->ctx, sockfd, backlog);
}

int ioth_getsockname(int sockfd, struct sockaddr *addr, socklen_t *addrlen)
{
    const struct ioth *stack = stack_of(sockfd);

    return stack->ops->getsockname(stack->ctx, sockfd, addr, addrlen);
}

int ioth_getpeername(int sockfd, struct sockaddr *addr, socklen_t *addrlen)
{
    const struct ioth *stack = stack_of(sockfd);

    return stack->ops->getpeername(stack->ctx, sockfd, addr, addrlen);
}

int ioth_setsockopt(int sockfd, int level, int optname, const void *optval, socklen_t optlen)
{
    const struct ioth *stack = stack_of(sockfd);

    return stack->ops->setsockopt(stack->ctx, sockfd, level, optname, optval, optlen);
}

int ioth_getsockopt(int sockfd, int level, int optname, void *optval, socklen_t *optlen)
{
    const struct ioth *stack = stack_of(sockfd);

    return stack->ops->getsockopt(stack->ctx, sockfd, level, optname, optval, optlen);
}

int ioth_shutdown(int sockfd, int how)
{
    const struct ioth *stack = stack_of(sockfd);

    return stack->ops->shutdown(stack->ctx, sockfd, how);
}

int ioth_ioctl(int fd, unsigned long cmd, void *argp)
{
    const struct ioth *stack = stack_of(fd);

    return stack->ops->ioctl(stack->ctx, fd, cmd, argp);
}

ssize_t ioth_read(int fd, void *buf, size_t len)
{
    const struct ioth *stack = stack_of(fd);

    return stack->ops->read(stack->ctx, fd, buf, len);
}

ssize_t ioth_readv(int fd, const struct iovec *iov, int iovcnt)
{
    const struct ioth *stack = stack_of(fd);

    return stack->ops->readv(stack->ctx, fd, iov, iovcnt);
}

ssize_t ioth_recv(int fd, void *buf, size_t len, int flags)
{
    const struct ioth *stack = stack_of(fd);

    return stack->ops->recv(stack->ctx, fd, buf, len, flags);
}

ssize_t ioth_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from, socklen_t *fromlen)
{
    const struct ioth *stack = stack_of(fd);

    return stack->ops->recvfrom(stack->ctx, fd, buf, len, flags, from, fromlen);
}

ssize_t ioth_recvmsg(int fd, struct msghdr *msg, int flags)
{
    const struct ioth *stack = stack_of(fd);

    return stack->ops->recvmsg(stack->ctx, fd, msg, flags);
}

ssize_t ioth_write(int fd, const void *buf, size_t len)
{
    const struct ioth *stack = stack_of(fd);

    return stack->ops->write(stack->ctx, fd, buf, len);
}

ssize_t ioth_writev(int fd, const struct iovec *iov, int iovcnt)
{
    const struct ioth *stack = stack_of(fd);

    return stack->ops->writev(stack->ctx, fd, iov, iovcnt);
}

ssize_t ioth_send(int fd, const void *buf, size_t len, int flags)
{
    const struct ioth *stack = stack_of(fd);

    return stack->ops->send(stack->ctx, fd, buf, len, flags);
}

ssize_t ioth_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                    socklen_t tolen)
{
    const struct ioth *stack = stack_of(fd);

    return stack->ops->sendto(stack->ctx, fd, buf, len, flags, to, tolen);
}

ssize_t ioth_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    const struct ioth *stack = stack_of(fd);

    return stack->ops->sendmsg(stack->ctx, fd, msg, flags);
}

int ioth_recvmmsg(int sockfd, struct mmsghdr *msgvec, unsigned int vlen, int flags, struct timespec *timeout)
{
    const struct ioth *stack = stack_of(sockfd);

    return stack->ops->recvmmsg(stack->ctx, sockfd, msgvec, vlen, flags, timeout);
}

int ioth_sendmmsg(int sockfd, struct mmsghdr *msgvec, unsigned int vlen, int flags)
{
    const struct ioth *stack = stack_of(sockfd);

    return stack->ops->sendmmsg(stack->ctx, sockfd, msgvec, vlen, flags);
}
