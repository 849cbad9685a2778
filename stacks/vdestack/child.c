/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The child that lives in the network namespace and hands out its sockets.
 *
 * It is cloned from a process that may have many threads, of which any may hold any lock at that moment. So
 * nothing here takes a lock or allocates: only system calls, through syscall(2), so that nothing stands
 * between (no cancellation points, no interposed functions) and memory of its own stack.
 *
 * Procedure: keep two descriptors, service at 0 and the parent's pidfd at 1, and close all others, since a
 * copy in this process would keep alive what the parent closes; leave the working folder; make the
 * namespaces, a user namespace where it is allowed, so that no more privilege is held than needed, else, for
 * root, a network namespace alone; set the sysctls; report; serve requests one by one.
 *
 * The end: the parent's end of the service is closed, or the parent died. The former alone does not do, as a
 * fork of the parent may hold a copy of its end. PR_SET_PDEATHSIG would not do either: it strikes when the
 * thread that cloned ends, which in a process with threads may be long before the process does.
 *
 * All signals are blocked, as the parent left them when it cloned: a Ctrl-C is for the parent, and none of
 * its signal handlers is ever run here.
 */
#include "vdestack/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/if_tun.h>

enum { SERVICE = 0, PARENT = 1, FIRST_OTHER = 2 };

/* -errno, as the kernel gives it. */
static int result_of(long result)
{
    return result < 0 ? -errno : (int)result;
}

static int sys_close(int fd)
{
    return result_of(syscall(SYS_close, fd));
}

static noreturn void sys_exit(int status)
{
    for (;;)
        syscall(SYS_exit_group, status);
}

static int keep_descriptors(int service, int parent)
{
    int fds[2], i, error;

    /* First out of the way of one another. */
    fds[SERVICE] = result_of(syscall(SYS_fcntl, service, F_DUPFD, FIRST_OTHER));
    fds[PARENT] = result_of(syscall(SYS_fcntl, parent, F_DUPFD, FIRST_OTHER));
    for (i = SERVICE; i <= PARENT; i++) {
        if (fds[i] < 0)
            return fds[i];
        error = result_of(syscall(SYS_dup3, fds[i], i, O_CLOEXEC));
        if (error < 0)
            return error;
    }
    return result_of(syscall(SYS_close_range, FIRST_OTHER, ~0U, 0));
}

static int enter_namespaces(void)
{
    int error = result_of(syscall(SYS_unshare, CLONE_NEWUSER | CLONE_NEWNET));

    if (error < 0 && syscall(SYS_unshare, CLONE_NEWNET) == 0)
        return 0;
    return error;
}

/* Best effort: a kernel without IPv6 lacks some, and a /proc that is read-only leaves the kernel's defaults.
 */
static void write_sysctl(const char *path, char value)
{
    int fd = result_of(syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC));

    if (fd < 0)
        return;
    syscall(SYS_write, fd, &value, 1);
    sys_close(fd);
}

/* A host on its networks: it does not forward unless asked to, whatever the machine around it does, and its
 * network is its own, so every port may be bound. Addresses come from whoever configures the stack: router
 * advertisements only if asked for. */
static void write_sysctls(const struct child_config *config)
{
    write_sysctl("/proc/sys/net/ipv4/ip_forward", config->forward);
    write_sysctl("/proc/sys/net/ipv4/ip_unprivileged_port_start", '0');
    write_sysctl("/proc/sys/net/ipv6/conf/all/disable_ipv6", '0');
    write_sysctl("/proc/sys/net/ipv6/conf/default/disable_ipv6", '0');
    write_sysctl("/proc/sys/net/ipv6/conf/all/forwarding", config->forward);
    write_sysctl("/proc/sys/net/ipv6/conf/default/forwarding", config->forward);
    write_sysctl("/proc/sys/net/ipv6/conf/default/autoconf", '1');
    write_sysctl("/proc/sys/net/ipv6/conf/default/use_tempaddr", '0');
    write_sysctl("/proc/sys/net/ipv6/conf/default/accept_ra", config->accept_ra);
    write_sysctl("/proc/sys/net/ipv6/conf/default/accept_dad", config->accept_dad);
}

static int open_tap(const char *ifname)
{
    struct ifreq request;
    int fd, error;

    fd = result_of(syscall(SYS_openat, AT_FDCWD, "/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (fd < 0)
        return fd;
    memset(&request, 0, sizeof(request));
    memcpy(request.ifr_name, ifname, sizeof(request.ifr_name));
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    error = result_of(syscall(SYS_ioctl, fd, TUNSETIFF, &request));
    if (error == 0)
        return fd;
    sys_close(fd);
    return error;
}

static int serve(const struct child_request *request)
{
    if (request->kind == CHILD_TAP)
        return open_tap(request->ifname);
    return result_of(syscall(SYS_socket, request->domain, request->type, request->protocol));
}

/* Sends `fd`, or, if it is negative, the error that it is; with `bare`, no descriptor in either case. Closes
 * fd. */
static int reply(int fd, bool bare)
{
    struct child_reply answer = {.error = fd < 0 ? fd : 0};
    struct iovec iov = {.iov_base = &answer, .iov_len = sizeof(answer)};
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {
        .head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int sent;

    if (fd >= 0 && !bare) {
        memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
        msg.msg_control = &control;
        msg.msg_controllen = sizeof(control);
    }
    sent = result_of(syscall(SYS_sendmsg, SERVICE, &msg, MSG_NOSIGNAL));
    if (fd >= 0 && !bare)
        sys_close(fd);
    return sent;
}

/* Answers a request with a descriptor or an error; false if the other end is gone. A descriptor is followed by
 * a second answer once our copy of it is closed: until then a close by its new owner would not end it. */
static bool answer(int fd)
{
    return reply(fd, false) >= 0 && (fd < 0 || reply(0, true) >= 0);
}

/* Waits for the next request; false if there will be none. */
static bool next_request(struct child_request *ret_request)
{
    struct pollfd fds[] = {{.fd = SERVICE, .events = POLLIN}, {.fd = PARENT, .events = POLLIN}};
    struct iovec iov = {.iov_base = ret_request, .iov_len = sizeof(*ret_request)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int ready;

    do
        ready = result_of(syscall(SYS_ppoll, fds, sizeof(fds) / sizeof(fds[0]), NULL, NULL, 0));
    while (ready == -EINTR);
    if (ready < 0 || fds[PARENT].revents != 0)
        return false;
    return result_of(syscall(SYS_recvmsg, SERVICE, &msg, 0)) == (int)sizeof(*ret_request);
}

noreturn void child_main(int service, int parent, const struct child_config *config)
{
    struct child_request request;
    int error;

    syscall(SYS_prctl, PR_SET_NAME, "ioth-vdestack", 0, 0, 0);
    syscall(SYS_chdir, "/");
    error = keep_descriptors(service, parent);
    if (error < 0)
        sys_exit(1);
    error = enter_namespaces();
    if (error == 0)
        write_sysctls(config);
    if (reply(error, true) < 0 || error < 0)
        sys_exit(1);
    while (next_request(&request) && answer(serve(&request)))
        ;
    sys_exit(0);
}
