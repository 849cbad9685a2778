/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The older plug-in contract, spoken by this file alone.
 *
 * Such a plug-in exports its operations symbol by symbol, any subset of them, and its newstack may put more
 * into the struct ioth_functions that it is given. The operations have no context argument: they ask
 * getstackdata() which stack they are called for. So each is called through a function here that sets a
 * variable of the thread for the time of the call; calls within calls (a plug-in that uses another stack)
 * find the outer value again.
 *
 * Which of these functions become the stack's operations is known when newstack has returned; what the
 * plug-in lacks is left out, and ops_resolve finds slower ways for it: read, recv and recvfrom by recvmsg,
 * write, send and sendto by sendmsg. Only newstack and socket are indispensable.
 *
 * ioth_NAME-r.so is re-entrant and is loaded once. ioth_NAME.so may keep its state in globals, so each
 * stack gets its own: the file is copied to a memfd, which is loaded by its name in /proc/self/fd. The
 * dynamic linker knows libraries by name, so the descriptor stays open as long as the copy is loaded: its
 * number, and with it the name, must not come back before. Libraries that the plug-in is linked with are
 * shared by the copies: dlmopen would make them private, but with them a second libc, whose errno and heap
 * are not ours.
 */
#include "libioth/older.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ioth.h>

#include "libioth/license.h"

struct older {
    struct ioth_plugin plugin;
    struct ioth_functions functions; /* the plug-in may keep its address as long as the stack lives */
    void *stackdata;
    void *library;
    int fd; /* of the private copy; -1: there is none */
};

static _Thread_local void *current_stackdata;

static void *getstackdata(void)
{
    return current_stackdata;
}

/* Calls one of the plug-in's functions for a stack of its own. */
#define CALL(ctx, call)                                                                                      \
    ({                                                                                                       \
        const struct older *older_ = (ctx);                                                                  \
        void *outer_ = current_stackdata;                                                                    \
        current_stackdata = older_->stackdata;                                                               \
        __auto_type result_ = older_->functions.call;                                                        \
        current_stackdata = outer_;                                                                          \
        result_;                                                                                             \
    })

static int call_socket(void *ctx, int domain, int type, int protocol)
{
    return CALL(ctx, socket(domain, type, protocol));
}

static int call_close(void *ctx, int fd)
{
    return CALL(ctx, close(fd));
}

static int call_bind(void *ctx, int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    return CALL(ctx, bind(fd, addr, addrlen));
}

static int call_connect(void *ctx, int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    return CALL(ctx, connect(fd, addr, addrlen));
}

static int call_listen(void *ctx, int fd, int backlog)
{
    return CALL(ctx, listen(fd, backlog));
}

static int call_accept(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen)
{
    return CALL(ctx, accept(fd, addr, addrlen));
}

static int call_getsockname(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen)
{
    return CALL(ctx, getsockname(fd, addr, addrlen));
}

static int call_getpeername(void *ctx, int fd, struct sockaddr *addr, socklen_t *addrlen)
{
    return CALL(ctx, getpeername(fd, addr, addrlen));
}

static int call_setsockopt(void *ctx, int fd, int level, int optname, const void *optval, socklen_t optlen)
{
    return CALL(ctx, setsockopt(fd, level, optname, optval, optlen));
}

static int call_getsockopt(void *ctx, int fd, int level, int optname, void *optval, socklen_t *optlen)
{
    return CALL(ctx, getsockopt(fd, level, optname, optval, optlen));
}

static int call_shutdown(void *ctx, int fd, int how)
{
    return CALL(ctx, shutdown(fd, how));
}

static int call_ioctl(void *ctx, int fd, unsigned long cmd, void *argp)
{
    return CALL(ctx, ioctl(fd, cmd, argp));
}

static int call_fcntl(void *ctx, int fd, int cmd, long val)
{
    return CALL(ctx, fcntl(fd, cmd, val));
}

static ssize_t call_read(void *ctx, int fd, void *buf, size_t len)
{
    return CALL(ctx, read(fd, buf, len));
}

static ssize_t call_readv(void *ctx, int fd, const struct iovec *iov, int iovcnt)
{
    return CALL(ctx, readv(fd, iov, iovcnt));
}

static ssize_t call_recv(void *ctx, int fd, void *buf, size_t len, int flags)
{
    return CALL(ctx, recv(fd, buf, len, flags));
}

static ssize_t call_recvfrom(void *ctx, int fd, void *buf, size_t len, int flags, struct sockaddr *from,
                             socklen_t *fromlen)
{
    return CALL(ctx, recvfrom(fd, buf, len, flags, from, fromlen));
}

static ssize_t call_recvmsg(void *ctx, int fd, struct msghdr *msg, int flags)
{
    return CALL(ctx, recvmsg(fd, msg, flags));
}

static ssize_t call_write(void *ctx, int fd, const void *buf, size_t len)
{
    return CALL(ctx, write(fd, buf, len));
}

static ssize_t call_writev(void *ctx, int fd, const struct iovec *iov, int iovcnt)
{
    return CALL(ctx, writev(fd, iov, iovcnt));
}

static ssize_t call_send(void *ctx, int fd, const void *buf, size_t len, int flags)
{
    return CALL(ctx, send(fd, buf, len, flags));
}

static ssize_t call_sendto(void *ctx, int fd, const void *buf, size_t len, int flags,
                           const struct sockaddr *to, socklen_t tolen)
{
    return CALL(ctx, sendto(fd, buf, len, flags, to, tolen));
}

static ssize_t call_sendmsg(void *ctx, int fd, const struct msghdr *msg, int flags)
{
    return CALL(ctx, sendmsg(fd, msg, flags));
}

/* ---- what has no slower way: ours requires it, the older contract does not ---- */

static int plain_close(void *ctx, int fd)
{
    (void)ctx;
    return close(fd);
}

static int no_sockaddr(void *ctx, int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    (void)ctx, (void)fd, (void)addr, (void)addrlen;
    errno = EOPNOTSUPP;
    return -1;
}

static ssize_t no_recvmsg(void *ctx, int fd, struct msghdr *msg, int flags)
{
    (void)ctx, (void)fd, (void)msg, (void)flags;
    errno = EOPNOTSUPP;
    return -1;
}

static ssize_t no_sendmsg(void *ctx, int fd, const struct msghdr *msg, int flags)
{
    (void)ctx, (void)fd, (void)msg, (void)flags;
    errno = EOPNOTSUPP;
    return -1;
}

/* ---- symbols and members ---- */

typedef void (*any_function_t)(void);

enum { NO_OP = -1 };

/* Each function of the contract: its symbol behind ioth_NAME_, its place in struct ioth_functions, and what
 * our struct ioth_ops gets if it is there and if it is not (NULL: nothing). */
static const struct member {
    const char *symbol;
    size_t function;
    ptrdiff_t op;
    any_function_t call, otherwise;
} members[] = {
#define MEMBER(name, otherwise)                                                                              \
    {                                                                                                        \
#name, offsetof(struct ioth_functions, name), offsetof(struct ioth_ops, name),                       \
            (any_function_t)call_##name, (any_function_t)(otherwise)                                         \
    }
    {"newstack", offsetof(struct ioth_functions, newstack), NO_OP, NULL, NULL},
    {"delstack", offsetof(struct ioth_functions, delstack), NO_OP, NULL, NULL},
    MEMBER(socket, NULL),
    MEMBER(close, plain_close),
    MEMBER(bind, no_sockaddr),
    MEMBER(connect, no_sockaddr),
    MEMBER(listen, NULL),
    MEMBER(accept, NULL),
    MEMBER(getsockname, NULL),
    MEMBER(getpeername, NULL),
    MEMBER(setsockopt, NULL),
    MEMBER(getsockopt, NULL),
    MEMBER(shutdown, NULL),
    MEMBER(ioctl, NULL),
    MEMBER(fcntl, NULL),
    MEMBER(read, NULL),
    MEMBER(readv, NULL),
    MEMBER(recv, NULL),
    MEMBER(recvfrom, NULL),
    MEMBER(recvmsg, no_recvmsg),
    MEMBER(write, NULL),
    MEMBER(writev, NULL),
    MEMBER(send, NULL),
    MEMBER(sendto, NULL),
    MEMBER(sendmsg, no_sendmsg),
#undef MEMBER
};

enum { MEMBERS = sizeof(members) / sizeof(members[0]) };

static void *find_symbol(void *library, const char *name, const char *symbol)
{
    char text[128]; /* names are at most 63 bytes, symbols 11 */

    snprintf(text, sizeof(text), "ioth_%s_%s", name, symbol);
    return dlsym(library, text);
}

bool older_is(void *library, const char *name)
{
    return find_symbol(library, name, "newstack") != NULL;
}

static void read_symbols(struct older *older, const char *name)
{
    size_t i;

    older->functions.getstackdata = getstackdata;
    for (i = 0; i < MEMBERS; i++) {
        void *symbol = find_symbol(older->library, name, members[i].symbol);

        memcpy((char *)&older->functions + members[i].function, &symbol, sizeof(symbol));
    }
}

static void choose_ops(struct older *older)
{
    any_function_t function;
    size_t i;

    for (i = 0; i < MEMBERS; i++) {
        if (members[i].op == NO_OP)
            continue;
        memcpy(&function, (char *)&older->functions + members[i].function, sizeof(function));
        function = function != NULL ? members[i].call : members[i].otherwise;
        memcpy((char *)&older->plugin.ops + members[i].op, &function, sizeof(function));
    }
}

/* ---- stacks ---- */

static int older_stack_free(void *ctx)
{
    struct older *older = ctx;

    return older->functions.delstack == NULL ? 0 : CALL(older, delstack(older->stackdata));
}

/* `vnlv` and `options` are lent for the call, as in our contract. */
static int older_stack_new(const char *const *vnlv, const char *options, void **ret_ctx)
{
    struct older *older = *ret_ctx;

    errno = 0;
    older->stackdata = CALL(older, newstack((const char **)(uintptr_t)vnlv, options, &older->functions));
    if (older->stackdata == NULL) {
        if (errno == 0)
            errno = EIO; /* it did not say why */
        return -1;
    }
    if (older->functions.socket == NULL) {
        older_stack_free(older);
        errno = ELIBBAD;
        return -1;
    }
    choose_ops(older);
    return 0;
}

const struct ioth_plugin *older_plugin(const struct older *older)
{
    return &older->plugin;
}

/* ---- libraries ---- */

static int copy_file(const char *path, int to)
{
    int from = open(path, O_RDONLY | O_CLOEXEC), error = 0;
    struct stat status;
    off_t done = 0;

    if (from < 0 || fstat(from, &status) < 0)
        error = -errno;
    while (error == 0 && done < status.st_size) {
        ssize_t sent = sendfile(to, from, &done, (size_t)(status.st_size - done));

        if (sent <= 0)
            error = sent < 0 ? -errno : -EIO; /* 0: the file got shorter */
    }
    if (from >= 0)
        close(from);
    return error;
}

static void name_of_copy(const struct older *older, char path[static 32])
{
    snprintf(path, 32, "/proc/self/fd/%d", older->fd);
}

static int load_copy(struct older *older, const char *path)
{
    char copy[32];
    int error;

    older->fd = memfd_create("ioth-plugin", MFD_CLOEXEC);
    if (older->fd < 0)
        return -errno;
    error = copy_file(path, older->fd);
    if (error < 0)
        return error;
    name_of_copy(older, copy);
    older->library = dlopen(copy, RTLD_NOW | RTLD_LOCAL);
    return older->library == NULL ? -ELIBACC : 0;
}

static int load_shared(struct older *older, const char *path)
{
    older->library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    return older->library == NULL ? -ELIBACC : 0;
}

int older_open(void *library, const char *path, const char *name, bool is_private, const char *license,
               struct older **ret_older)
{
    const char *const *own = find_symbol(library, name, "license");
    struct older *older;
    int error;

    if (!license_allows(license, own == NULL ? NULL : *own))
        return -ENOKEY;
    older = calloc(1, sizeof(*older));
    if (older == NULL)
        return -ENOMEM;
    older->fd = -1;
    older->plugin = (struct ioth_plugin){.abi_version = IOTH_PLUGIN_ABI_VERSION,
                                         .struct_size = sizeof(older->plugin),
                                         .stack_new = older_stack_new,
                                         .stack_free = older_stack_free};
    error = is_private ? load_copy(older, path) : load_shared(older, path);
    if (error < 0) {
        older_close(older);
        return error;
    }
    read_symbols(older, name);
    *ret_older = older;
    return 0;
}

/* Is the copy still loaded after its end? Then something in it asked to stay. */
static bool has_stayed(const struct older *older)
{
    char copy[32];
    void *library;

    name_of_copy(older, copy);
    library = dlopen(copy, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
    if (library != NULL)
        dlclose(library);
    return library != NULL;
}

void older_close(struct older *older)
{
    if (older == NULL)
        return;
    if (older->library != NULL)
        dlclose(older->library);
    if (older->fd >= 0 && !has_stayed(older))
        close(older->fd);
    free(older);
}
