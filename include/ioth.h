/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IOTH_H
#define IOTH_H
/*
 * libioth: a process with TCP/IP stacks of its own.
 *
 * A stack is made by a plug-in ("kernel", "vdestack", ...) and connected to virtual networks. Sockets made on
 * it are real file descriptors: poll, select and epoll take them. Each call named ioth_X below has the
 * signature and the meaning of X in section 2 of the manual, on whatever stack the socket belongs to, and
 * reports errors the same way: -1 and errno. A descriptor that no stack owns is served by the system call
 * itself. See ioth_newstack(3).
 *
 * All functions may be called from any thread. What a caller must see to: a descriptor is not closed, nor a
 * stack deleted, while another thread still uses it.
 */
#include <stdio.h>
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <nlinline+.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct ioth;
struct mmsghdr; /* <sys/socket.h> gives it with _GNU_SOURCE */
struct timespec;

/* Tells the licence of the program, an SPDX identifier ("GPL-3.0-or-later"). The string is copied; NULL takes
 * it back. Plug-ins under the GPL load only into programs whose licence is compatible with theirs; plug-ins
 * under the LGPL or a permissive licence load always. To be called before the first ioth_newstack. */
void ioth_set_license(const char *spdx);

/* Makes a stack with one interface on the virtual network `vnl`, or with none if it is NULL.
 * `stack` names the plug-in; options for it may follow a comma ("vdestack,accept_ra"). `vnl` is a Virtual
 * Network Locator as vde_open(3) takes it; "eth0:vde:///tmp/hub" names the interface too, else interface
 * number N is vdeN. Returns the stack, for ioth_delstack, or NULL and errno:
 *   EINVAL   a name or an option that makes no sense
 *   ENOENT   there is no such plug-in
 *   ELIBACC  the plug-in is there but does not load
 *   ELIBBAD  it is not a complete plug-in of that name
 *   ENOEXEC  it was made for another version of libioth
 *   ENOKEY   its licence does not go with the program's
 *   others   what the plug-in says: EPERM and EACCES where it lacks privilege, what vde_open gave, ... */
struct ioth *ioth_newstack(const char *stack, const char *vnl);
/* The same with any number of interfaces: the VNLs, then (char *)NULL. */
struct ioth *ioth_newstackl(const char *stack, const char *vnl, ... /* (char *) NULL */);
/* The same with the VNLs in an array that ends with NULL; vnlv NULL: no interface. */
struct ioth *ioth_newstackv(const char *stack, const char *vnlv[]);

/* Is there such a stack? Its plug-in is looked for, and nothing is loaded, so it may still fail to be made; `stack` as for
 * ioth_newstack. 0, or -1 with errno: EINVAL, ENOENT as there, EACCES: it is not found, but there is a folder that this user may not
 * look into; ENOMEM. */
int ioth_checkstack(const char *stack);

/* Ends a stack and its interfaces. 0, or -1 with errno: EBUSY while sockets of the stack are open (the stack
 * lives on), EINVAL for NULL. If it was the default stack, the native stack is the default again. */
int ioth_delstack(struct ioth *iothstack);

/* The stack for ioth_socket and for ioth_msocket(NULL, ...), of the whole process. NULL: the native stack. */
void ioth_set_defstack(struct ioth *iothstack);
struct ioth *ioth_get_defstack(void);

/* Opens a socket on a stack (NULL: the default stack), as socket(2). SOCK_NONBLOCK and SOCK_CLOEXEC may be in
 * `type`. AF_NETLINK sockets with NETLINK_ROUTE configure the stack. */
int ioth_msocket(struct ioth *iothstack, int domain, int type, int protocol);
int ioth_socket(int domain, int type, int protocol);
int ioth_close(int fd);

int ioth_bind(int sockfd, const struct sockaddr *addr, socklen_t addrlen);
int ioth_connect(int sockfd, const struct sockaddr *addr, socklen_t addrlen);
int ioth_listen(int sockfd, int backlog);
int ioth_accept(int sockfd, struct sockaddr *addr, socklen_t *addrlen);
int ioth_getsockname(int sockfd, struct sockaddr *addr, socklen_t *addrlen);
int ioth_getpeername(int sockfd, struct sockaddr *addr, socklen_t *addrlen);
int ioth_setsockopt(int sockfd, int level, int optname, const void *optval, socklen_t optlen);
int ioth_getsockopt(int sockfd, int level, int optname, void *optval, socklen_t *optlen);
int ioth_shutdown(int sockfd, int how);
int ioth_ioctl(int fd, unsigned long cmd, void *argp);
int ioth_fcntl(int fd, int cmd, long val);

ssize_t ioth_read(int fd, void *buf, size_t len);
ssize_t ioth_readv(int fd, const struct iovec *iov, int iovcnt);
ssize_t ioth_recv(int fd, void *buf, size_t len, int flags);
ssize_t ioth_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from, socklen_t *fromlen);
ssize_t ioth_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t ioth_write(int fd, const void *buf, size_t len);
ssize_t ioth_writev(int fd, const struct iovec *iov, int iovcnt);
ssize_t ioth_send(int fd, const void *buf, size_t len, int flags);
ssize_t ioth_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                    socklen_t tolen);
ssize_t ioth_sendmsg(int fd, const struct msghdr *msg, int flags);

/* The addresses of a stack (NULL: the default stack), as getifaddrs(3): AF_PACKET, AF_INET and AF_INET6
 * entries, the first with a struct rtnl_link_stats as ifa_data. To be freed by ioth_freeifaddrs, which takes
 * NULL. */
int ioth_getifaddrs(struct ioth *iothstack, struct ifaddrs **ifap);
void ioth_freeifaddrs(struct ifaddrs *ifa);

/* MAC addresses as text, "80:00:aa:bb:cc:dd", with its final NUL. */
#define MAC_ADDRSTRLEN 18
/* Writes the 6 bytes at src as text to dst, of `size` bytes. Returns dst, or NULL and ENOSPC if it is too
 * small. */
const char *ioth_ntomac(const void *src, char *dst, size_t size);
/* Reads a MAC address, 6 numbers of one or two hexadecimal digits between colons or dashes, to the 6 bytes at
 * dst. Returns 1, or 0 if the text is none (dst stays untouched), as inet_pton does. */
int ioth_macton(const char *src, void *dst);

/* Extensions: batches and flags, with the signatures of accept4(2), recvmmsg(2) and sendmmsg(2). Stacks
 * without them are served by the single calls. */
int ioth_accept4(int sockfd, struct sockaddr *addr, socklen_t *addrlen, int flags);
int ioth_recvmmsg(int sockfd, struct mmsghdr *msgvec, unsigned int vlen, int flags, struct timespec *timeout);
int ioth_sendmmsg(int sockfd, struct mmsghdr *msgvec, unsigned int vlen, int flags);

/* The older contract for plug-ins, which libioth still loads; new ones are better written to
 * <ioth_plugin.h>. The plug-in NAME is a shared object ioth_NAME.so, of which each stack gets a copy of its
 * own, or ioth_NAME-r.so, which is re-entrant and loaded once. It exports any of the functions below as
 * ioth_NAME_newstack, ioth_NAME_socket, ..., and its licence as `const char *ioth_NAME_license` (an SPDX
 * identifier; none: free for all). newstack makes a stack and returns its data (NULL: failed, errno); it
 * may put more functions into *f, which stays where it is as long as the stack. The other functions learn
 * from f->getstackdata() which stack they are called for. read, recv and recvfrom may be missing if there
 * is recvmsg; write, send and sendto if there is sendmsg. */
struct ioth_functions {
    void *(*getstackdata)(void);
    void *(*newstack)(const char *vnlv[], const char *options, struct ioth_functions *f);
    int (*delstack)(void *stackdata);
    int (*socket)(int domain, int type, int protocol);
    int (*close)(int fd);
    int (*bind)(int sockfd, const struct sockaddr *addr, socklen_t addrlen);
    int (*connect)(int sockfd, const struct sockaddr *addr, socklen_t addrlen);
    int (*listen)(int sockfd, int backlog);
    int (*accept)(int sockfd, struct sockaddr *addr, socklen_t *addrlen);
    int (*getsockname)(int sockfd, struct sockaddr *addr, socklen_t *addrlen);
    int (*getpeername)(int sockfd, struct sockaddr *addr, socklen_t *addrlen);
    int (*setsockopt)(int sockfd, int level, int optname, const void *optval, socklen_t optlen);
    int (*getsockopt)(int sockfd, int level, int optname, void *optval, socklen_t *optlen);
    int (*shutdown)(int sockfd, int how);
    int (*ioctl)(int fd, unsigned long cmd, void *argp);
    int (*fcntl)(int fd, int cmd, long val);
    ssize_t (*read)(int fd, void *buf, size_t len);
    ssize_t (*readv)(int fd, const struct iovec *iov, int iovcnt);
    ssize_t (*recv)(int fd, void *buf, size_t len, int flags);
    ssize_t (*recvfrom)(int fd, void *buf, size_t len, int flags, struct sockaddr *from, socklen_t *fromlen);
    ssize_t (*recvmsg)(int fd, struct msghdr *msg, int flags);
    ssize_t (*write)(int fd, const void *buf, size_t len);
    ssize_t (*writev)(int fd, const struct iovec *iov, int iovcnt);
    ssize_t (*send)(int fd, const void *buf, size_t len, int flags);
    ssize_t (*sendto)(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                      socklen_t tolen);
    ssize_t (*sendmsg)(int fd, const struct msghdr *msg, int flags);
};

#pragma GCC visibility pop

/* Configuration: ioth_if_nametoindex(stack, ifname), ioth_linksetupdown(stack, ifindex, updown), ...: the
 * functions of nlinline.h with the stack as first argument. */
NLINLINE_LIBMULTI(ioth_, struct ioth *)

#ifdef __cplusplus
}
#endif
#endif
