/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A plug-in of the older contract, with some of its functions. Its sockets are the kernel's; each stack
 * keeps a set of its own, and a call for a socket of another stack fails with EXDEV: so it shows that
 * getstackdata tells the right stack. A global counts the stacks made, which shows whether stacks share one
 * copy of this library.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <ioth.h>

#define JOIN_(name, symbol)    ioth_##name##_##symbol
#define JOIN(name, symbol)     JOIN_(name, symbol)
#define EXPORT                 __attribute__((visibility("default")))
#define FUNCTION(type, symbol) EXPORT type JOIN(PLUGIN_NAME, symbol)

enum { FDS = 1024 };

struct data {
    char options[32];
    unsigned nvnl;
    atomic_char own[FDS];
};

static atomic_int stacks_made;
typedef void *(*get_data_t)(void);
static _Atomic(get_data_t) getter; /* the same for all stacks */

static struct data *get_data(void)
{
    get_data_t get = atomic_load(&getter);

    return get();
}

#ifdef PLUGIN_LICENSE
FUNCTION(const char *, license) = PLUGIN_LICENSE;
#endif

void *JOIN(PLUGIN_NAME, newstack)(const char *vnlv[], const char *options, struct ioth_functions *f);
int JOIN(PLUGIN_NAME, delstack)(void *stackdata);
int JOIN(PLUGIN_NAME, close)(int fd);
int JOIN(PLUGIN_NAME, bind)(int fd, const struct sockaddr *addr, socklen_t addrlen);
int JOIN(PLUGIN_NAME, connect)(int fd, const struct sockaddr *addr, socklen_t addrlen);
int JOIN(PLUGIN_NAME, getsockname)(int fd, struct sockaddr *addr, socklen_t *addrlen);
int JOIN(PLUGIN_NAME, ioctl)(int fd, unsigned long cmd, void *argp);
ssize_t JOIN(PLUGIN_NAME, recvmsg)(int fd, struct msghdr *msg, int flags);
ssize_t JOIN(PLUGIN_NAME, sendmsg)(int fd, const struct msghdr *msg, int flags);

/* The stack that owns fd is the one we are called for, or -1 and errno. */
static int check(int fd)
{
    const struct data *data = get_data();

    if (data != NULL && fd >= 0 && fd < FDS && data->own[fd])
        return 0;
    errno = EXDEV;
    return -1;
}

static int own(int fd)
{
    struct data *data = get_data();

    if (fd >= 0 && fd < FDS)
        data->own[fd] = 1;
    return fd;
}

static int own_listen(int fd, int backlog)
{
    return check(fd) < 0 ? -1 : listen(fd, backlog);
}

static int own_accept(int fd, struct sockaddr *addr, socklen_t *addrlen)
{
    return check(fd) < 0 ? -1 : own(accept(fd, addr, addrlen));
}

#ifndef PLUGIN_WITHOUT_SOCKET
static int own_socket(int domain, int type, int protocol)
{
    return own(socket(domain, type, protocol));
}
#endif

FUNCTION(void *, newstack)(const char *vnlv[], const char *options, struct ioth_functions *f)
{
    struct data *data = calloc(1, sizeof(*data));

    if (options[0] == '!' || data == NULL) { /* options that it refuses; "!!" without a reason */
        free(data);
        errno = options[1] == '!' ? 0 : ENOTUNIQ;
        return NULL;
    }
    while (vnlv[data->nvnl] != NULL)
        data->nvnl++;
    snprintf(data->options, sizeof(data->options), "%s", options);
    stacks_made++;
    atomic_store(&getter, f->getstackdata);
    if (get_data() != NULL)
        abort(); /* not called for any stack yet */
#ifndef PLUGIN_WITHOUT_SOCKET
    f->socket = own_socket; /* these three are not exported */
#endif
    f->listen = own_listen;
    f->accept = own_accept;
    return data;
}

FUNCTION(int, delstack)(void *stackdata)
{
    if (get_data() != stackdata)
        abort();
    free(stackdata);
    return 0;
}

FUNCTION(int, close)(int fd)
{
    if (check(fd) < 0)
        return -1;
    get_data()->own[fd] = 0;
    return close(fd);
}

FUNCTION(int, bind)(int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    return check(fd) < 0 ? -1 : bind(fd, addr, addrlen);
}

FUNCTION(int, connect)(int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    return check(fd) < 0 ? -1 : connect(fd, addr, addrlen);
}

FUNCTION(int, getsockname)(int fd, struct sockaddr *addr, socklen_t *addrlen)
{
    return check(fd) < 0 ? -1 : getsockname(fd, addr, addrlen);
}

/* 1: how many stacks this copy has made; 2: how many VNLs the stack was given; else its options. */
FUNCTION(int, ioctl)(int fd, unsigned long cmd, void *argp)
{
    const struct data *data = get_data();

    if (check(fd) < 0)
        return -1;
    if (cmd > 2)
        snprintf(argp, sizeof(data->options), "%s", data->options);
    else
        *(int *)argp = cmd == 1 ? stacks_made : (int)data->nvnl;
    return 0;
}

FUNCTION(ssize_t, recvmsg)(int fd, struct msghdr *msg, int flags)
{
    return check(fd) < 0 ? -1 : recvmsg(fd, msg, flags);
}

FUNCTION(ssize_t, sendmsg)(int fd, const struct msghdr *msg, int flags)
{
    return check(fd) < 0 ? -1 : sendmsg(fd, msg, flags);
}
