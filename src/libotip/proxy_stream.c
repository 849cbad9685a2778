/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See proxy_stream.h. Bytes are read into a buffer that all connections use in turn and written at once; what the other side does
 * not take is held, and nothing more is read until it is gone. So a connection holds at most COPY_MAX bytes each way, and none
 * while it is idle or its reader keeps up.
 *
 * A direction that fills the buffer carries bulk: if the kernel knows both descriptors, it goes on by splice(2) through a pipe,
 * and no byte is copied to this process. No more is taken out of one socket than the other has room for, so a pipe is empty again
 * at once and few suffice for all connections; bytes for a slow reader wait where they came in. The room is the kernel's estimate,
 * and what does not fit after all stays in the pipe, which is lent until it is gone. There are only so many, and who finds none
 * copies: the system allows a user 64 MiB of pipes (pipe(7), pipe-user-pages-soft) and makes those beyond that of two pages, by
 * which a call moves 8 KiB at five times the cost of copying. A few small reads in a row lead back to copying, which is less calls
 * for them: a read that gives less than was asked for has emptied the socket (epoll(7)), a splice that does may have filled the
 * pipe's slots.
 */
#include "libotip/proxy_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <ioth.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    COPY_MAX = 64 << 10,
    PIPE_BYTES = STREAM_UNSENT_MAX, /* wanted; the system may grant less */
    PIPE_BYTES_MIN = 64 << 10,      /* with less, copying costs less */
    PIPES_MAX = 112,                /* 56 MiB of the 64 that the system allows to a user without privilege */
    BARREN_WISHES = 1024, /* for a pipe, after the system had none to give: then it is asked again */
    SHARE = 1 << 20,      /* bytes of a turn */
    BULK = 12 << 10,      /* bytes of one read: splicing as many costs less than copying them */
    SMALL = 4 << 10,      /* bytes: splicing less costs more */
    SMALL_READS_MAX = 4,  /* in a row */
};

struct stream_pipe {
    struct stream_pipe *next;
    int in, out;
};

struct stream_pool {
    struct stream_pipe *idle;
    unsigned n_pipes; /* idle and lent */
    unsigned barren;  /* wishes for a new pipe that will not be heard */
    uint8_t bytes[COPY_MAX];
};

int stream_pool_new(struct stream_pool **ret)
{
    struct stream_pool *pool = calloc(1, sizeof(*pool));

    if (pool == NULL)
        return -ENOMEM;
    *ret = pool;
    return 0;
}

bool stream_is_native(int fd)
{
    int domain = AF_UNSPEC;
    socklen_t len = sizeof(domain);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
           (domain == AF_INET6 || domain == AF_INET);
}

/* ---- pipes ---- */

static void close_pipe(struct stream_pool *pool, struct stream_pipe *pipe)
{
    close(pipe->in);
    close(pipe->out);
    free(pipe);
    pool->n_pipes--;
}

void stream_pool_free(struct stream_pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->idle != NULL) {
        struct stream_pipe *pipe = pool->idle;
        pool->idle = pipe->next;
        close_pipe(pool, pipe);
    }
    free(pool);
}

static struct stream_pipe *make_pipe(struct stream_pool *pool)
{
    struct stream_pipe *pipe = calloc(1, sizeof(*pipe));
    int fds[2];

    if (pipe == NULL || pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0) {
        free(pipe);
        return NULL;
    }
    pipe->out = fds[0];
    pipe->in = fds[1];
    pool->n_pipes++;
    if (fcntl(pipe->in, F_SETPIPE_SZ, (int)PIPE_BYTES) >= 0 ||
        fcntl(pipe->in, F_GETPIPE_SZ) >= (int)PIPE_BYTES_MIN)
        return pipe;
    close_pipe(pool, pipe);
    return NULL;
}

/* NULL: there is none now. */
static struct stream_pipe *borrow_pipe(struct stream_pool *pool)
{
    struct stream_pipe *pipe = pool->idle;

    if (pipe != NULL) {
        pool->idle = pipe->next;
        return pipe;
    }
    if (pool->n_pipes == PIPES_MAX || (pool->barren > 0 && --pool->barren > 0))
        return NULL;
    pipe = make_pipe(pool);
    if (pipe == NULL)
        pool->barren = BARREN_WISHES;
    return pipe;
}

/* One with bytes in it is of no use to others. */
static void return_pipe(struct stream_pool *pool, struct stream_half *half)
{
    struct stream_pipe *pipe = half->pipe;

    half->pipe = NULL;
    if (pipe == NULL)
        return;
    if (half->piped > 0) {
        close_pipe(pool, pipe);
        return;
    }
    pipe->next = pool->idle;
    pool->idle = pipe;
}

void stream_half_fini(struct stream_pool *pool, struct stream_half *half)
{
    return_pipe(pool, half);
    free(half->held);
    half->held = NULL;
    half->piped = half->held_len = 0;
}

/* ---- one call ---- */

static ssize_t read_some(const struct stream_side *side, void *bytes, size_t len)
{
    return side->native ? read(side->fd, bytes, len) : ioth_read(side->fd, bytes, len);
}

static ssize_t write_some(const struct stream_side *side, const void *bytes, size_t len)
{
    return side->native ? send(side->fd, bytes, len, MSG_NOSIGNAL)
                        : ioth_send(side->fd, bytes, len, MSG_NOSIGNAL);
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK;
}

/* ---- writing what is there ---- */

/* Writes until all is gone, or the side takes no more. How many; -errno. */
static ssize_t write_all(struct stream_side *to, const uint8_t *bytes, size_t len)
{
    size_t done = 0;

    while (done < len && to->writable) {
        ssize_t n = write_some(to, bytes + done, len - done);
        if (n >= 0)
            done += (size_t)n;
        else if (would_block())
            to->writable = false;
        else if (errno != EINTR)
            return -errno;
    }
    return (ssize_t)done;
}

static int flush_held(struct stream_half *half, uint64_t *moved)
{
    ssize_t n = write_all(half->to, half->held + half->held_at, half->held_len);

    if (n < 0)
        return (int)n;
    half->held_at += (size_t)n;
    half->held_len -= (size_t)n;
    *moved += (uint64_t)n;
    if (half->held_len == 0) {
        free(half->held);
        half->held = NULL;
    }
    return 0;
}

static int flush_pipe(struct stream_pool *pool, struct stream_half *half, uint64_t *moved)
{
    while (half->piped > 0 && half->to->writable) {
        ssize_t n =
            splice(half->pipe->out, NULL, half->to->fd, NULL, half->piped, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n > 0) {
            half->piped -= (size_t)n;
            *moved += (uint64_t)n;
        } else if (n < 0 && would_block()) {
            half->to->writable = false;
        } else if (n == 0 || errno != EINTR) {
            return n == 0 ? -EPIPE : -errno;
        }
    }
    if (half->piped == 0)
        return_pipe(pool, half);
    return 0;
}

static int flush(struct stream_pool *pool, struct stream_half *half, uint64_t *moved)
{
    int e = half->held_len > 0 ? flush_held(half, moved) : 0;

    return e == 0 && half->piped > 0 ? flush_pipe(pool, half, moved) : e;
}

/* ---- reading ---- */

/* What a read or splice has given. False: it is an error. */
static bool note_read(struct stream_half *half, ssize_t n, size_t wanted)
{
    if (n == 0)
        half->ended = true;
    else if (n < 0 && would_block())
        half->from->readable = false;
    else if (n < 0)
        return errno == EINTR;
    else if ((size_t)n < wanted && !half->from->hung)
        half->from->readable = false;
    return true;
}

static int keep(struct stream_half *half, const uint8_t *bytes, size_t len)
{
    if (len == 0)
        return 0;
    half->held = malloc(len);
    if (half->held == NULL)
        return -ENOMEM;
    memcpy(half->held, bytes, len);
    half->held_at = 0;
    half->held_len = len;
    return 0;
}

static int copy(struct stream_pool *pool, struct stream_half *half, uint64_t *moved)
{
    ssize_t n = read_some(half->from, pool->bytes, COPY_MAX);

    if (!note_read(half, n, COPY_MAX))
        return -errno;
    if (n <= 0)
        return 0;
    half->by_splice = n >= BULK && half->from->native && half->to->native;
    half->small_reads = 0;
    ssize_t done = write_all(half->to, pool->bytes, (size_t)n);
    if (done < 0)
        return (int)done;
    *moved += (uint64_t)done;
    return keep(half, pool->bytes + done, (size_t)(n - done));
}

/* For how many bytes the socket has room, as the kernel counts; SIZE_MAX if it does not tell. */
static size_t room_of(int fd)
{
    uint32_t memory[SK_MEMINFO_VARS];
    socklen_t len = sizeof(memory);

    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len) < 0 || len < sizeof(memory))
        return SIZE_MAX;
    uint32_t size = memory[SK_MEMINFO_SNDBUF], queued = memory[SK_MEMINFO_WMEM_QUEUED];
    return size > queued ? size - queued : 0;
}

/* Asked so, and answered with no, the kernel will tell by an edge when that changes. */
static bool is_writable(int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLOUT};

    return poll(&pollfd, 1, 0) != 0;
}

static int by_splice(struct stream_pool *pool, struct stream_half *half, uint64_t *moved)
{
    half->to->writable = half->to->writable && is_writable(half->to->fd);
    if (!half->to->writable)
        return 0;
    size_t room = room_of(half->to->fd);
    if (room < BULK)
        return copy(pool, half, moved);
    half->pipe = borrow_pipe(pool);
    if (half->pipe == NULL) {
        half->by_splice = false;
        return 0;
    }
    ssize_t n = splice(half->from->fd, NULL, half->pipe->in, NULL, room < PIPE_BYTES ? room : PIPE_BYTES,
                       SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n > 0) { /* less than wanted says nothing here */
        half->piped = (size_t)n;
        half->small_reads = n < SMALL ? half->small_reads + 1 : 0;
        half->by_splice = half->small_reads < SMALL_READS_MAX;
        return flush_pipe(pool, half, moved);
    }
    bool look_closer = n == 0 || (would_block() && half->from->hung); /* so it ends at urgent bytes, too */
    int e = look_closer || note_read(half, n, 0) ? 0 : -errno;
    return_pipe(pool, half);
    return look_closer ? copy(pool, half, moved) : e;
}

/* ---- both ---- */

static enum stream_result pass_end(struct stream_half *half)
{
    if (!half->told && ioth_shutdown(half->to->fd, SHUT_WR) < 0 && errno != ENOTCONN)
        return STREAM_BROKEN;
    half->told = true;
    return STREAM_OVER;
}

enum stream_result stream_pump(struct stream_pool *pool, struct stream_half *half, uint64_t *ret_moved)
{
    *ret_moved = 0;
    for (;;) {
        if (flush(pool, half, ret_moved) < 0)
            return STREAM_BROKEN;
        if (half->held_len > 0 || half->piped > 0)
            return STREAM_WAITS;
        if (half->ended)
            return pass_end(half);
        if (!half->from->readable || (half->by_splice && !half->to->writable))
            return STREAM_WAITS;
        if (*ret_moved >= SHARE)
            return STREAM_MORE;
        if ((half->by_splice ? by_splice : copy)(pool, half, ret_moved) < 0)
            return STREAM_BROKEN;
    }
}
