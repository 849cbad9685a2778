/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting, asking and ending the child in the network namespace (child.c).
 *
 * The child is cloned by the bare system call. It sends no signal when it ends, so the program's SIGCHLD
 * handler never hears of it, its wait(2) never finds it, and SIGCHLD being ignored does not take it away: it
 * is waited for by its pidfd and with __WALL. No atfork handlers run, since the child never uses the C
 * library's state. All signals are blocked around the clone and stay so in the child.
 *
 * The child gets a copy-on-write image of the process: cheap when stacks are made early in a program's life.
 *
 * A question and its answer are under a mutex, held while the child works: it is a system call away, and
 * without the mutex the answer could go to another thread.
 */
#include "vdestack/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sched.h>

static void close_pair(const int pair[static 2])
{
    close(pair[0]);
    close(pair[1]);
}

static int clone_child(int service, int parent, const struct child_config *config, int *ret_pidfd)
{
    int pidfd = -1;
    struct clone_args args = {.flags = CLONE_PIDFD, .pidfd = (uintptr_t)&pidfd, .exit_signal = 0};
    sigset_t all, before;
    long pid;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = syscall(SYS_clone3, &args, sizeof(args));
    error = pid < 0 ? -errno : 0;
    if (pid == 0)
        child_main(service, parent, config);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        *ret_pidfd = pidfd;
    return error;
}

/* Takes the descriptor out of a message, if there is one. */
static int received_fd(struct msghdr *msg)
{
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
    int fd = -1;

    if (cmsg != NULL && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
    return fd;
}

/* The child's next answer: its error, or 0 and the descriptor that came with it, -1 if none did. */
static int read_reply(const struct helper *helper, int *ret_fd)
{
    struct child_reply answer;
    struct iovec iov = {.iov_base = &answer, .iov_len = sizeof(answer)};
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    ssize_t len;

    do
        len = recvmsg(helper->service, &msg, MSG_CMSG_CLOEXEC);
    while (len < 0 && errno == EINTR);
    if (len != (ssize_t)sizeof(answer))
        return -ENETDOWN;
    if (answer.error == 0)
        *ret_fd = received_fd(&msg);
    return answer.error;
}

static int send_request(const struct helper *helper, const struct child_request *request)
{
    ssize_t len;

    do
        len = send(helper->service, request, sizeof(*request), MSG_NOSIGNAL);
    while (len < 0 && errno == EINTR);
    return len < 0 ? -ENETDOWN : 0;
}

static int ask(struct helper *helper, const struct child_request *request)
{
    int fd = -1, none = -1, error;

    pthread_mutex_lock(&helper->lock);
    error = send_request(helper, request);
    if (error == 0)
        error = read_reply(helper, &fd);
    if (error == 0)
        error = read_reply(helper, &none); /* the child's copy is closed */
    pthread_mutex_unlock(&helper->lock);
    if (error < 0) {
        if (fd >= 0)
            close(fd);
        return error;
    }
    return fd < 0 ? -EMFILE : fd; /* the kernel drops a descriptor that we have no room for */
}

int helper_start(struct helper *helper, const struct child_config *config)
{
    int pair[2], own, none, error;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    own = (int)syscall(SYS_pidfd_open, getpid(), 0);
    error = own < 0 ? -errno : clone_child(pair[1], own, config, &helper->pidfd);
    if (own >= 0)
        close(own);
    if (error < 0) {
        close_pair(pair);
        return error;
    }
    close(pair[1]);
    helper->service = pair[0];
    pthread_mutex_init(&helper->lock, NULL);
    error = read_reply(helper, &none);
    if (error < 0)
        helper_stop(helper);
    return error;
}

void helper_stop(struct helper *helper)
{
    siginfo_t info;

    close(helper->service);
    syscall(SYS_pidfd_send_signal, helper->pidfd, SIGKILL, NULL,
            0); /* it holds nothing that it would have to save */
    while (waitid(P_PIDFD, (id_t)helper->pidfd, &info, WEXITED | __WALL) < 0 && errno == EINTR)
        ;
    close(helper->pidfd);
    pthread_mutex_destroy(&helper->lock);
}

int helper_socket(struct helper *helper, int domain, int type, int protocol)
{
    struct child_request request = {
        .kind = CHILD_SOCKET, .domain = domain, .type = type, .protocol = protocol};
    int fd = ask(helper, &request);

    if (fd >= 0 && (type & SOCK_CLOEXEC) == 0)
        fcntl(fd, F_SETFD, 0);
    return fd;
}

int helper_tap(struct helper *helper, const char ifname[static IFNAMSIZ])
{
    struct child_request request = {.kind = CHILD_TAP};

    memcpy(request.ifname, ifname, sizeof(request.ifname));
    return ask(helper, &request);
}
