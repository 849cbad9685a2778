/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IOTH_PLUGIN_H
#define IOTH_PLUGIN_H
/*
 * How a network stack becomes a plug-in of libioth.
 *
 * The plug-in NAME is a shared object ioth_NAME.so that exports one constant, IOTH_PLUGIN(NAME) = { ... }:
 * the struct below. libioth checks abi_version, struct_size, name, licence and the REQUIRED members when it
 * loads it. Members that are NULL are served by something slower (the comment says what).
 *
 * Each operation does what its namesake in section 2 of the manual does, with the same results: -1 and errno
 * on failure. Its first argument is the context that stack_new gave. A socket is a real file descriptor:
 * poll(2) must work on it, and it must stay a valid descriptor until `close` is called. Operations are called
 * from any thread, several at once.
 *
 * A plug-in whose sockets are sockets of the kernel says so by IOTH_PLUGIN_NATIVE: an operation that it
 * leaves NULL is then the system call itself, and only stack_new, stack_free and socket are required.
 */
#include <stdint.h>
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Counts changes that older plug-ins cannot survive. Operations are only ever added at the end of struct
 * ioth_ops; struct_size tells how many a plug-in knows. */
#define IOTH_PLUGIN_ABI_VERSION 1

#define IOTH_PLUGIN_NATIVE 0x1 /* sockets are kernel sockets: a NULL operation is the system call */

/* In IFA_FLAGS of an RTM_NEWADDR on a stack that is not the kernel's: the address is muted. It stays for connections and UDP
 * sockets that are there, answers neighbour solicitations, and nothing else: no new connection, no RST, no ICMP. */
#define IOTH_IFA_F_MUTED 0x40000000

struct mmsghdr; /* <sys/socket.h> gives it with _GNU_SOURCE */
struct timespec;

struct ioth_ops {
    /* REQUIRED of all. `type` may hold SOCK_NONBLOCK and SOCK_CLOEXEC. */
    int (*socket)(void *ctx, int domain, int type, int protocol);
    /* REQUIRED unless IOTH_PLUGIN_NATIVE. */
    int (*close)(void *ctx, int fd);
    int (*bind)(void *ctx, int fd, const struct sockaddr *addr, socklen_t addrlen);
    int (*connect)(void *ctx, int fd, const struct sockaddr *addr, socklen_t addrlen);
    ssize_t (*recvmsg)(void *ctx, int fd, struct msghdr *msg, int flags);
    ssize_t (*sendmsg)(void *ctx, int fd, const struct msghdr *msg, int flags);
    /* Optional; EOPNOTSUPP where there is nothing to fall back on. */
    int (*listen)(void *ctx, int fd, int backlog);
    int (*accept)(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen); /* by accept4 */
    int (*accept4)(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen,
                   int flags); /* by accept and fcntl */
    int (*getsockname)(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen);
    int (*getpeername)(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen);
    int (*setsockopt)(void *ctx, int fd, int level, int optname, const void *optval, socklen_t optlen);
    int (*getsockopt)(void *ctx, int fd, int level, int optname, void *optval, socklen_t *optlen);
    int (*shutdown)(void *ctx, int fd, int how);
    int (*ioctl)(void *ctx, int fd, unsigned long cmd, void *argp); /* ENOTTY */
    int (*fcntl)(void *ctx, int fd, int cmd, long val);             /* by fcntl(2) on the descriptor */
    ssize_t (*read)(void *ctx, int fd, void *buf, size_t len);      /* this and the next three by recvmsg */
    ssize_t (*readv)(void *ctx, int fd, const struct iovec *iov, int iovcnt);
    ssize_t (*recv)(void *ctx, int fd, void *buf, size_t len, int flags);
    ssize_t (*recvfrom)(void *ctx, int fd, void *buf, size_t len, int flags, struct sockaddr *from,
                        socklen_t *fromlen);
    ssize_t (*write)(void *ctx, int fd, const void *buf, size_t len); /* this and the next three by sendmsg */
    ssize_t (*writev)(void *ctx, int fd, const struct iovec *iov, int iovcnt);
    ssize_t (*send)(void *ctx, int fd, const void *buf, size_t len, int flags);
    ssize_t (*sendto)(void *ctx, int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                      socklen_t tolen);
    int (*recvmmsg)(void *ctx, int fd, struct mmsghdr *msgs, unsigned n, int flags,
                    struct timespec *timeout); /* by recvmsg, one by one */
    int (*sendmmsg)(void *ctx, int fd, struct mmsghdr *msgs, unsigned n,
                    int flags); /* by sendmsg, one by one */
};

struct ioth_plugin {
    uint32_t abi_version; /* IOTH_PLUGIN_ABI_VERSION */
    uint32_t struct_size; /* sizeof(struct ioth_plugin) */
    const char *name;     /* NAME */
    const char *license;  /* SPDX identifier of the plug-in and of what it links; NULL: free for all */
    uint32_t flags;       /* IOTH_PLUGIN_NATIVE or 0 */
    /* REQUIRED. Makes a stack with an interface for each VNL of vnlv, which ends with NULL and may be empty.
     * `options` is what followed the comma after the name, or "". Both belong to the caller and end with the
     * call. Stores the context (NULL is fine). 0, or -1 and errno with *ret_ctx untouched. */
    int (*stack_new)(const char *const *vnlv, const char *options, void **ret_ctx);
    /* REQUIRED. Ends a stack; none of its sockets is open. 0, or -1 and errno with the stack as it was. */
    int (*stack_free)(void *ctx);
    struct ioth_ops ops;
};

/* Begins the definition of the exported constant: IOTH_PLUGIN(NAME) = { .abi_version = ..., }; */
#define IOTH_PLUGIN(NAME)                                                                                    \
    extern const struct ioth_plugin ioth_plugin_##NAME;                                                      \
    __attribute__((visibility("default"))) const struct ioth_plugin ioth_plugin_##NAME

#ifdef __cplusplus
}
#endif
#endif
